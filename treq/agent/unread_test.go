package agent_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func TestUnreadResponse(t *testing.T) {
	const part = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"
	for _, c := range []struct {
		name string
		keep func(t *testing.T, r *response.Response) any
		open bool
	}{
		{"dropped", func(*testing.T, *response.Response) any { return nil }, false},
		{"kept", func(_ *testing.T, r *response.Response) any { return r }, true},
		{"being read", func(t *testing.T, r *response.Response) any {
			if err := r.DeliverBody(new(bodytest.Reader)); err != nil {
				t.Error(err)
			}
			return nil
		}, true},
		{"only its content kept", func(_ *testing.T, r *response.Response) any { return r.Content() }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			d := w.get("http://a.example/")
			w.Conn(0).Send(part)
			kept := c.keep(t, deferredtest.SuccessResultOf(t, d))
			d = nil
			garbage.Collect()
			w.r.Pump()
			if open := w.Conn(0).Lost == nil; open != c.open {
				t.Errorf("open %v, want %v", open, c.open)
			}
			w.Conn(0).Send("56789")
			runtime.KeepAlive(kept)
		})
	}
}

// TestLogsOfLongURLs checks that a log line has a bound, however long the URL is.
func TestLogsOfLongURLs(t *testing.T) {
	long := "http://user:secret@a.example/" + strings.Repeat("x", 120_000) + "/end"
	check := func(t *testing.T, text string) {
		t.Helper()
		if len(text) < 500 || len(text) > 10_000 || !strings.Contains(text, "user:xxxxx@a.example/xxx") ||
			!strings.Contains(text, " bytes]") || !strings.Contains(text, "xxx/end") {
			t.Errorf("the log has %d bytes: %.1000s", len(text), text)
		}
	}
	t.Run("unread", func(t *testing.T) {
		log := logtest.Capture(t)
		w := newWorld(t, agent.PoolConfig{})
		d := w.get(long)
		w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
		deferredtest.SuccessResultOf(t, d)
		d = nil
		garbage.Collect()
		w.r.Pump()
		check(t, log.String())
	})
	t.Run("panic", func(t *testing.T) {
		log := logtest.Capture(t)
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("POST", long)
		req.Body = panicsInStop{}
		d := w.send(req)
		w.Conn(0).Close()
		deferredtest.FailureResultOf(t, d)
		check(t, log.String())
	})
}

// panicsInStop is a body that panics when it is stopped.
type panicsInStop struct{}

func (panicsInStop) Length() int64 { return request.UnknownLength }
func (panicsInStop) StartProducing(request.Consumer) *deferred.Deferred[deferred.None] {
	return deferred.New[deferred.None]()
}
func (panicsInStop) PauseProducing()  {}
func (panicsInStop) ResumeProducing() {}
func (panicsInStop) StopProducing()   { panic("oh") }

// TestWholeResponseUnread checks that a dropped response whose body has ended leaves its
// connection open.
func TestWholeResponseUnread(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.get("http://a.example/")
	w.Conn(0).Send(okHello)
	garbage.Collect()
	w.exchange(newRequest("GET", "http://a.example/"), 0)
}

// TestUnreadThroughAgents drops responses that passed through agents around the agent.
func TestUnreadThroughAgents(t *testing.T) {
	for name, head := range map[string]string{
		"coded":              "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n01234",
		"after a redirect":   "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
		"a redirect refused": "HTTP/1.1 302 Found\r\nContent-Length: 10000000\r\n\r\n01234",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			a := agent.NewContentDecoderAgent(agent.NewRedirectAgent(w.agent, agent.RedirectConfig{}), agent.DecoderConfig{})
			d := a.Request(newRequest("GET", "http://a.example/"))
			w.r.Pump()
			w.Conn(0).Send(head)
			if name == "after a redirect" {
				w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
			}
			if name == "a redirect refused" {
				deferredtest.FailureResultOf(t, d)
			} else {
				deferredtest.SuccessResultOf(t, d)
			}
			d = nil
			garbage.Collect()
			w.r.Pump()
			if w.Conn(0).Lost == nil {
				t.Error("the connection is still open")
			}
		})
	}
}

// A holder is a reader that refers to the response whose body it reads.
type holder struct {
	bodytest.Reader
	resp *response.Response
}

// TestReadResponseIsFreed checks that a response becomes unreachable while its body is
// read, though the reader refers to it, and that the connection stays open.
func TestReadResponseIsFreed(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	var freed garbage.Count
	w.exchange(newRequest("GET", "http://a.example/"), 0) // the reactor's list of connects keeps the first request reachable
	func() {
		d := w.get("http://a.example/")
		w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
		resp := deferredtest.SuccessResultOf(t, d)
		garbage.Watch(&freed, resp)
		if err := resp.DeliverBody(&holder{resp: resp}); err != nil {
			t.Fatal(err)
		}
		w.Conn(0).Send("56789")
	}()
	if freed.Collect() != 1 {
		t.Error("the response is still reachable")
	}
	if w.Conn(0).Lost != nil {
		t.Error("the connection is closed")
	}
}
