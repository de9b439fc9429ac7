package web_test

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestShutdownAcceptsFirst checks that a shutdown answers the requests on connections that only the system has accepted.
func TestShutdownAcceptsFirst(t *testing.T) {
	l := reactor.New()
	defer l.Close()
	site := &web.Site{Root: web.RenderFunc(hello)}
	port, err := l.ListenTCP("127.0.0.1:0", site)
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	for range 100 { // more than the loop accepts in a turn
		c, err := net.Dial("tcp", port.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, get)
		clients.Go(func() {
			defer c.Close() // the site waits for it
			resp, err := http.ReadResponse(newReader(c), nil)
			if err != nil || !resp.Close {
				t.Errorf("%+v, %v", resp, err)
			}
		})
	}
	over := false
	site.Shutdown().AddCallback(func(n deferred.None) (deferred.None, error) {
		over = true
		return n, nil
	})
	for !over {
		if err := l.Iterate(-1); err != nil {
			t.Fatal(err)
		}
	}
	clients.Wait()
}
