package gallery

import (
	"strconv"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// A customer of a broker presses "cancel" while the order waits for the price, and owns the share all the
// same. To the program, the cancelled request for the price is one that failed, and for those it has the
// last price.

// A broker buys shares.
type broker struct {
	client *client.HTTPClient
	last   int // the last price
	bought int // the number of shares
}

// buyFaulty buys a share, at the last price if the present one cannot be had. It fires with the price.
func (b *broker) buyFaulty() *deferred.Deferred[int] {
	return deferred.Go(func(co *deferred.Co) (int, error) {
		price, err := deferred.Await(co, b.price())
		if err != nil {
			price = b.last
		}
		b.last = price
		b.bought++
		return price, nil
	})
}

// buyMended does not buy for a customer who has cancelled.
func (b *broker) buyMended() *deferred.Deferred[int] {
	return deferred.Go(func(co *deferred.Co) (int, error) {
		price, err := deferred.Await(co, b.price())
		if co.Cancelled() {
			return 0, err
		}
		if err != nil {
			price = b.last
		}
		b.last = price
		b.bought++
		return price, nil
	})
}

// price fires with the present price.
func (b *broker) price() *deferred.Deferred[int] {
	return deferred.Map(text(b.client.Get("http://exchange/price")), strconv.Atoi)
}
