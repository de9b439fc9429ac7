package testing_test

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestUsedIsNotIdle: a connection that is used now and then stays, however long it is used for, and ends when it
// was unused for the IdleTimeout of the Site, over both versions.
func TestUsedIsNotIdle(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		stub := treqtesting.NewStubTreq(web.RenderFunc(func(r *web.Request) { r.Write([]byte("text")) }), treqtesting.Config{HTTP2: http2})
		used := func() (reused bool) {
			stub.Get("http://an.example/", treq.Timed(true)).AddCallback(func(r *response.Response) (*response.Response, error) {
				reused = r.Times.Reused
				return r, nil
			})
			return reused
		}
		used()
		for range 5 {
			stub.Reactor().RunFor(50 * time.Second)
			if !used() {
				t.Errorf("HTTP/2 %t: the connection was closed, though it was used", http2)
			}
		}
		stub.Reactor().RunFor(61 * time.Second)
		if used() {
			t.Errorf("HTTP/2 %t: the connection was kept for longer than the IdleTimeout", http2)
		}
	}
}
