package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A trickle is a body that writes a byte in each turn, for a while, and counts its starts and stops.
type trickle struct {
	r                         *memory.Reactor
	started, stopped, written int
	done                      *deferred.Deferred[deferred.None]
}

func (b *trickle) Length() int64 { return request.UnknownLength }

func (b *trickle) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	b.started++
	b.done = deferred.New[deferred.None]()
	b.write(to)
	return b.done
}

func (b *trickle) write(to request.Consumer) {
	switch {
	case b.stopped != 0 || b.done.Called():
	case b.written == 4:
		b.done.Callback(deferred.None{})
	default:
		b.written++
		to.Write([]byte("x"))
		b.r.CallLater(0, func() { b.write(to) })
	}
}

func (b *trickle) PauseProducing()  {}
func (b *trickle) ResumeProducing() {}
func (b *trickle) StopProducing()   { b.stopped++ }

// wantClosedConnections: both sides of each connection in the trace of r have closed it.
func wantClosedConnections(t *testing.T, name string, r *memory.Reactor) {
	t.Helper()
	type end struct {
		conn int
		side memory.Side
	}
	open := map[end]bool{}
	for _, e := range r.Trace() {
		switch e.Kind {
		case "accept":
			open[end{e.Conn, memory.ServerSide}] = true
		case "connected":
			open[end{e.Conn, memory.ClientSide}] = true
		case "close", "reset":
			delete(open, end{e.Conn, e.Side})
		}
	}
	if len(open) != 0 {
		t.Errorf("%s: open: %v\n%v", name, open, r.Trace())
	}
}

// TestContextAtEveryTurn ends the context of a request in each turn of the loop, on each way to
// the server. The error is the same each time, and nothing is left.
func TestContextAtEveryTurn(t *testing.T) {
	boom := errors.New("boom")
	ways := []string{"", "http://u:secret@p.example:3128", "https://u:secret@p.example:3129", "socks5://p.example:1081", "socks5h://u:secret@p.example"}
	for name, options := range map[string]func(b *trickle) client.Option{
		"GET":    func(*trickle) client.Option { return client.All{} },
		"POST":   func(b *trickle) client.Option { return client.Data(b) },
		"Expect": func(b *trickle) client.Option { return client.All{client.Data(b), client.ExpectContinue(time.Minute)} },
		"timeouts": func(b *trickle) client.Option {
			return client.All{client.Data(b), client.Timeout(time.Minute), client.ReadTimeout(time.Minute), client.TotalTimeout(time.Hour), client.Retries(3)}
		},
	} {
		for _, way := range ways {
			for _, target := range []string{"http://a.example/", "https://a.example/", "https://a.example/moved"} {
				test := fmt.Sprintf("%s %s by %q", name, target, way)
				step := 1
				if way != "" && name != "timeouts" {
					step = 2 // the others see the turns in between
				}
				for turns := 0; ; turns += step {
					p := newProxies(t)
					p.handler = func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path == "/moved" {
							http.Redirect(w, r, "http://p.example/", http.StatusSeeOther)
							return
						}
						io.Copy(w, r.Body)
						fmt.Fprint(w, "hello")
					}
					p.r.StartTrace()
					config := agent.Config{TLS: p.policy, Pool: agent.NewPool(p.r, agent.PoolConfig{})}
					if way != "" {
						config.Proxy = agent.ProxyURL(way)
					}
					ctx, cancel := context.WithCancelCause(context.Background())
					c := client.New(p.r, client.Config{AgentConfig: config})
					body := &trickle{r: p.r}
					method := "POST"
					if name == "GET" {
						method, body.stopped = "GET", 1
					}
					d := deferred.Then(c.Request(method, target, options(body), client.Context(ctx)), (*response.Response).Content)
					for range turns {
						p.r.Iterate(0)
					}
					whole := d.Called()
					cancel(boom)
					p.r.Pump()
					if whole {
						deferredtest.SuccessResultOf(t, d)
						break
					}
					err := deferredtest.FailureResultOf(t, d)
					var named *agent.RequestError
					if want := method + " " + target + ": cancelled: boom"; len(err.Error()) < len(want) || err.Error()[:len(want)] != want || !errors.Is(err, boom) || !errors.Is(err, context.Canceled) || !errors.As(err, &named) {
						t.Errorf("%s, %d turns: %v", test, turns, err)
					}
					config.Pool.CloseCachedConnections()
					p.r.RunFor(time.Second) // the servers notice
					if n := len(p.r.DelayedCalls()); n != 0 {
						t.Errorf("%s, %d turns: %d delayed calls are left", test, turns, n)
					}
					wantClosedConnections(t, fmt.Sprintf("%s, %d turns", test, turns), p.r)
					if body.started == 0 && body.stopped != 1 || body.started > 1 || body.stopped > 1 {
						t.Errorf("%s, %d turns: the body was started %d times, stopped %d times", test, turns, body.started, body.stopped)
					}
					if turns > 200 {
						t.Fatalf("%s does not end", test)
					}
				}
			}
		}
	}
}
