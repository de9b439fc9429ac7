package agent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// TestWhatOpensATunnel: any 2xx to CONNECT opens the tunnel (RFC 9110, section 9.3.6), and
// the TLS handshake begins. Any other code does not.
func TestWhatOpensATunnel(t *testing.T) {
	for code, opens := range map[int]bool{200: true, 201: true, 204: true, 206: true, 299: true, 300: false, 307: false, 400: false, 502: false} {
		w := newWorld(t, agent.PoolConfig{})
		var err error
		if w.agent, err = agent.NewProxyAgent(w.r, "http://proxy.example:8080", agent.Config{Pool: w.pool}); err != nil {
			t.Fatal(err)
		}
		d := w.get("https://a.example/")
		if got := w.Conn(0).Got(); !strings.HasPrefix(got, "CONNECT a.example:443 HTTP/1.1\r\n") {
			t.Fatalf("the proxy got %q", got)
		}
		w.Conn(0).Send(fmt.Sprintf("HTTP/1.1 %d Text\r\nContent-Length: 0\r\n\r\n", code))
		const handshake = "\x16\x03\x01"
		if got := w.Conn(0).Got(); opens != strings.HasPrefix(got, handshake) || opens == d.Called() {
			t.Errorf("after a %d the proxy got %.20q; the request has ended: %v", code, got, d.Called())
		}
		d.Cancel()
		refused, want := new(agent.ProxyError), error(deferred.ErrCancelled)
		if err := deferredtest.FailureResultOf(t, d); opens != errors.Is(err, want) || opens == errors.As(err, &refused) {
			t.Errorf("after a %d: %v", code, err)
		}
		w.end()
	}
}
