package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A resource, a handler or a caller that holds the loop for long is warned of by its request, without its
// secrets.
func TestSlowRequests(t *testing.T) {
	const url = "http://192.0.2.1/slow?token=0123456789abcdef0123"
	for kind, site := range map[string]func(sleep func()) *web.Site{
		"a resource": func(sleep func()) *web.Site {
			return &web.Site{Root: web.RenderFunc(func(req *web.Request) { sleep(); io.WriteString(req, "a") })}
		},
		"a handler": func(sleep func()) *web.Site {
			return &web.Site{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sleep() })}
		},
		"a response": func(func()) *web.Site {
			return &web.Site{Root: web.RenderFunc(func(req *web.Request) {})}
		},
	} {
		t.Run(kind, func(t *testing.T) {
			log := logtest.Capture(t)
			r := memory.New()
			r.WarnSlow(100 * time.Millisecond)
			sleep := func() { r.Advance(150 * time.Millisecond) }
			if _, err := r.ListenTCP("192.0.2.1:80", site(sleep)); err != nil {
				t.Fatal(err)
			}
			d := client.New(r, client.Config{}).Get(url).AddCallback(func(resp *response.Response) (*response.Response, error) {
				if kind == "a response" {
					sleep()
				}
				return resp, nil
			})
			r.Pump()
			deferredtest.SuccessResultOf(t, d)
			got := log.Take()
			if strings.Count(got, "held the loop") != 1 || !strings.Contains(got, "192.0.2.1/slow?token=xxxxx\" of=\""+kind+"\"") {
				t.Errorf("got %s", got)
			}
		})
	}
}
