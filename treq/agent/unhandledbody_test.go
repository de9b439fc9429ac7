package agent_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestUnhandledErrorOfABody: the error of a body that is cut short refers to its response. It is
// reported all the same if nobody handles it.
func TestUnhandledErrorOfABody(t *testing.T) {
	for name, read := range map[string]func(r *response.Response){
		"Content": func(r *response.Response) { r.Content() },
		"Collect": func(r *response.Response) { r.Collect(func([]byte) error { return nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			var reported atomic.Int32
			previous := deferred.SetUnhandledReporter(func(u deferred.Unhandled) {
				if strings.Contains(u.Err.Error(), "5 of 10 bytes") {
					reported.Add(1)
				}
			})
			t.Cleanup(func() { deferred.SetUnhandledReporter(previous) })
			func() {
				w := newWorld(t, agent.PoolConfig{})
				d := w.get("http://a.example/")
				w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
				read(deferredtest.SuccessResultOf(t, d))
				w.Conn(0).Close()
			}()
			garbage.Collect()
			if n := reported.Load(); n != 1 {
				t.Errorf("reported %d times", n)
			}
		})
	}
}
