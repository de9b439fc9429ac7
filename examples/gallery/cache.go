package gallery

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// A price has been changed, and for some it remains the old one, for as long as the program runs. The change
// removes the old price from the cache. But a request for it was under way, and its answer, which is older
// than the change, comes after that and fills the cache again.

// A cache keeps what it has got from a shop.
type cache struct {
	client  *client.HTTPClient
	values  map[string]string
	changes int // the number of calls of put that have ended
}

// getFaulty fires with the price of a thing, from the cache if that has it.
func (c *cache) getFaulty(thing string) *deferred.Deferred[string] {
	if price, ok := c.values[thing]; ok {
		return deferred.Succeed(price)
	}
	return text(c.client.Get("http://shop/" + thing)).AddCallback(func(price string) (string, error) {
		c.values[thing] = price
		return price, nil
	})
}

// getMended does not keep an answer if a change has ended since the question.
func (c *cache) getMended(thing string) *deferred.Deferred[string] {
	if price, ok := c.values[thing]; ok {
		return deferred.Succeed(price)
	}
	changes := c.changes
	return text(c.client.Get("http://shop/" + thing)).AddCallback(func(price string) (string, error) {
		if c.changes == changes {
			c.values[thing] = price
		}
		return price, nil
	})
}

// put changes the price of a thing.
func (c *cache) put(thing, price string) *deferred.Deferred[string] {
	return text(c.client.Put("http://shop/"+thing, client.Body(price))).AddCallback(func(answer string) (string, error) {
		c.changes++
		delete(c.values, thing)
		return answer, nil
	})
}
