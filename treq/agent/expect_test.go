package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

const expectationFailed = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno"

// TestExpectationFailed checks that a request with a refused Expect is sent again without
// it, once.
func TestExpectationFailed(t *testing.T) {
	const wanted = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\ntext"
	for _, test := range []struct {
		name   string
		pool   agent.PoolConfig
		body   request.BodyProducer
		header string // the caller's own Expect
	}{
		{"bytes", agent.PoolConfig{}, request.Bytes("text"), ""},
		{"a producer", agent.PoolConfig{}, &producer{length: 4, writes: []string{"text"}}, ""},
		{"one connection", agent.PoolConfig{MaxConnectionsPerHost: 1}, request.Bytes("text"), ""},
		{"the caller's header", agent.PoolConfig{}, request.Bytes("text"), "100-continue"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.pool)
			req := newRequest("POST", "http://a.example/")
			if test.header != "" {
				req.Header.Set("Expect", test.header)
			}
			req.Body, req.ExpectContinue = test.body, time.Second
			d := w.send(req)
			if got := w.Conn(0).Got(); !strings.Contains(got, "Expect: 100-continue") {
				t.Errorf("first sent %q", got)
			}
			w.Conn(0).Send(expectationFailed)
			deferredtest.NoResult(t, d)
			w.wantClosed(0)
			if got := w.Conn(1).Got(); got != wanted {
				t.Errorf("then sent %q", got)
			}
			w.Conn(1).Send(okHello)
			w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
			w.exchange(newRequest("GET", "http://a.example/"), 1)
		})
	}
	t.Run("twice", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("POST", "http://a.example/")
		req.Body, req.ExpectContinue = request.Bytes("text"), time.Second
		d := w.send(req)
		w.Conn(0).Send(expectationFailed)
		w.Conn(1).Send(expectationFailed)
		if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 417 {
			t.Errorf("got %v", resp)
		}
	})
	t.Run("after the body", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("POST", "http://a.example/")
		req.Body, req.ExpectContinue = request.Bytes("text"), time.Second
		d := w.send(req)
		w.Conn(0).Send("HTTP/1.1 100 Continue\r\n\r\n" + expectationFailed)
		if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 417 {
			t.Errorf("got %v", resp)
		}
	})
	t.Run("without an Expect", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example/")
		w.Conn(0).Send(expectationFailed)
		if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 417 {
			t.Errorf("got %v", resp)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("POST", "http://a.example/")
		body := &producer{length: 4, open: true}
		req.Body, req.ExpectContinue = body, time.Second
		d := w.send(req)
		w.r.HoldConnects()
		w.Conn(0).Send(expectationFailed)
		d.Cancel()
		deferredtest.FailureResultOf(t, d)
		w.r.Pump()
		body.wantTold(t, "stop")
	})
}
