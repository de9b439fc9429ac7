package treq_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// BenchmarkGet makes requests over loopback to a Site on the same loop. The time includes
// both the client and the server.
func BenchmarkGet(b *testing.B) {
	for _, connections := range []int{1, 64} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			l := reactor.New()
			port, err := l.ListenTCP("127.0.0.1:0", &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Type"] = []string{"text/plain"}
				io.WriteString(w, "Hello, world!")
			})})
			if err != nil {
				b.Fatal(err)
			}
			url := "http://" + port.Addr().String() + "/foo"
			c := client.New(l, client.Config{})
			b.ReportAllocs()
			left, busy := b.N, connections
			var next func()
			next = func() {
				if left == 0 {
					if busy--; busy == 0 {
						l.Stop()
					}
					return
				}
				left--
				deferred.Then(c.Get(url), (*response.Response).Content).AddBoth(func(body []byte, err error) ([]byte, error) {
					if string(body) != "Hello, world!" {
						b.Errorf("%q, %v", body, err)
					}
					next()
					return nil, nil
				})
			}
			l.CallWhenRunning(func() {
				for range connections {
					next()
				}
			})
			if err := l.Run(); err != nil {
				b.Fatal(err)
			}
			l.Close()
		})
	}
}
