package gallery

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var cacheExhibit = exhibit{
	file: "cache.go", fault: "a cache filled by a late answer",
	network: memory.Conditions{MaxLatency: time.Second, Whole: true},
	faulty:  onePrice((*cache).getFaulty), mended: onePrice((*cache).getMended),
}

// onePrice asks for a price and changes it. In the end, the price is the new one.
func onePrice(get func(c *cache, thing string) *deferred.Deferred[string]) program {
	return func(t testing.TB, r *memory.Reactor) {
		price := "10"
		serve(t, r.Machine("shop", "192.0.2.1"), &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == "PUT" {
				if changed, ok := content(w, req); ok {
					price = changed
				}
			}
			io.WriteString(w, price)
		})})
		c := &cache{client: client.New(r.Machine("desk", "192.0.2.2"), client.Config{Defaults: careful}), values: map[string]string{}}
		asked := get(c, "book")
		changed := deferred.Then(task.Sleep(r, time.Second), func(deferred.None) *deferred.Deferred[string] { return c.put("book", "9") })
		if _, err := result(t, r, deferred.Gather2(asked, changed), time.Minute); err != nil {
			t.Error(err)
		}
		if got, err := result(t, r, get(c, "book"), time.Minute); got != "9" || err != nil {
			t.Errorf("the price is %q, %v", got, err)
		}
	}
}
