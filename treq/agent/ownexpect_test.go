package agent_test

import (
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestAnExpectOfTheCallers: without ExpectContinue, an Expect header of the caller's is sent
// as it is, and a 417 is an answer like any other.
func TestAnExpectOfTheCallers(t *testing.T) {
	for _, value := range []string{"100-continue", "something-else"} {
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("POST", "http://a.example/", "Expect", value)
		req.Body = request.Bytes("text")
		d := w.send(req)
		if got := w.Conn(0).Got(); strings.Count(got, "Expect: "+value+"\r\n") != 1 || !strings.HasSuffix(got, "\r\n\r\ntext") {
			t.Errorf("sent %q", got)
		}
		w.Conn(0).Send("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
		if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 417 || len(w.Conns) != 1 {
			t.Errorf("got %d over %d connections", resp.Code, len(w.Conns))
		}
		w.end()
	}
}
