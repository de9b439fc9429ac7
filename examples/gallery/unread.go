package gallery

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A monitor looks at the pages of a site, over one connection. After some failures of the site it looks at
// nothing any more. It keeps the responses with an error, for its report, but does not read their bodies,
// which are long: they have the stacks of a program. As long as a body has not ended, its connection is not
// free for another request.

// A monitor looks at pages.
type monitor struct {
	client *client.HTTPClient
	failed []*response.Response
}

// lookFaulty fires with the page at url.
func (m *monitor) lookFaulty(url string) *deferred.Deferred[string] {
	return deferred.Go(func(co *deferred.Co) (string, error) {
		resp, err := deferred.Await(co, m.client.Get(url))
		if err != nil {
			return "", err
		}
		if resp.Code != 200 {
			m.failed = append(m.failed, resp)
			return "", fmt.Errorf("%s: %d", url, resp.Code)
		}
		return deferred.Await(co, resp.Text())
	})
}

// lookMended reads the bodies of responses with an error too.
func (m *monitor) lookMended(url string) *deferred.Deferred[string] {
	return deferred.Go(func(co *deferred.Co) (string, error) {
		resp, err := deferred.Await(co, m.client.Get(url))
		if err != nil {
			return "", err
		}
		if resp.Code != 200 {
			m.failed = append(m.failed, resp)
			deferred.Await(co, resp.Discard())
			return "", fmt.Errorf("%s: %d", url, resp.Code)
		}
		return deferred.Await(co, resp.Text())
	})
}
