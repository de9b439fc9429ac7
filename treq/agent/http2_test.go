package agent_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
)

func TestHTTP2Get(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.answer = greet
	for i := range 3 {
		d := w.get("/a")
		resp := deferredtest.SuccessResultOf(t, d)
		if resp.Version != "HTTP/2.0" || resp.Code != 200 || resp.Phrase != "OK" || resp.Length != 5 || resp.Header.Get("X-Path") != "/a" {
			t.Errorf("got %+v", resp)
		}
		if want := uint32(1 + 2*i); resp.Stream != want {
			t.Errorf("stream %d, want %d", resp.Stream, want)
		}
		body := resp.Content()
		w.r.Pump()
		if got := string(deferredtest.SuccessResultOf(t, body)); got != "hello" {
			t.Errorf("body %q", got)
		}
	}
	if len(w.conns) != 1 {
		t.Errorf("%d connections", len(w.conns))
	}
}
