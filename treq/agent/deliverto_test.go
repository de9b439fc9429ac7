package agent_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	lines "github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestDeliverTo: a protocol that reads a body sees the connection that brings it, over both versions of HTTP, whether the body came
// with its head or not.
func TestDeliverTo(t *testing.T) {
	for _, proto := range []string{"http/1.1", "h2"} {
		r := memory.New()
		r.AddHost("a.example", "192.0.2.1")
		cert, roots := testcert.New("a.example")
		site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			io.WriteString(w, "a\r\nb\r\n")
			if req.URL.Path == "/slow" {
				w.(http.Flusher).Flush()
				io.WriteString(w, strings.Repeat("c\r\n", 100_000))
			}
		})}
		config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{proto}}
		if _, err := r.ListenTCP("192.0.2.1:443", reactor.TLSServer(r, reactor.TLSConfig{Config: config}, site)); err != nil {
			t.Fatal(err)
		}
		a := agent.New(r, agent.Config{TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots})})
		for path, count := range map[string]int{"/fast": 2, "/slow": 100_002} {
			d := a.Request(newRequest("GET", "https://a.example"+path))
			r.Pump()
			resp := deferredtest.SuccessResultOf(t, d)
			n := 0
			reader := &lines.LineReceiver{}
			reader.LineReceived = func(line []byte) {
				if n++; n%1000 == 0 {
					reader.PauseProducing()
					r.CallLater(time.Microsecond, reader.ResumeProducing)
				}
			}
			if err := resp.DeliverTo(reader); err != nil {
				t.Fatal(err)
			}
			tr := reader.Transport
			if state := tr.TLS(); tr.Peer().String() != "192.0.2.1:443" || tr.Host().Network() != "tcp" || tr.Reactor() == nil || state == nil || state.NegotiatedProtocol != proto {
				t.Errorf("%s %s: peer %v, host %v, TLS %v", proto, path, tr.Peer(), tr.Host(), state)
			}
			r.RunFor(time.Second)
			if n != count || !tr.Disconnecting() {
				t.Errorf("%s %s: %d lines, want %d", proto, path, n, count)
			}
			if !slices.Contains([]string{"HTTP/1.1", "HTTP/2.0"}, resp.Version) || (proto == "h2") != (resp.Version == "HTTP/2.0") {
				t.Errorf("%s: version %s", proto, resp.Version)
			}
		}
		r.Stop()
	}
}
