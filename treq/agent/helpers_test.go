package agent_test

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestMain looks for unhandled errors after the last test: collecting the garbage after
// each test would take longer than the tests.
func TestMain(m *testing.M) {
	var all allTests
	slog.SetDefault(slog.New(slog.DiscardHandler)) // some tests cause panics, which are logged
	deferred.SetDebugging(true)                    // so that an unhandled error names its origin
	deferred.FailOnUnhandled(&all)
	code := m.Run()
	if all.cleanUp(); all.failed {
		code = 1
	}
	os.Exit(code)
}

type allTests struct {
	cleanUp func()
	failed  bool
}

func (a *allTests) Helper()          {}
func (a *allTests) Cleanup(f func()) { a.cleanUp = f }

func (a *allTests) Errorf(format string, args ...any) {
	a.failed = true
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// A world is an agent and a server, in memory. The test decides what the server does. At
// the end of the test no connection and no delayed call may be left.
type world struct {
	*rawserver.Server
	t     *testing.T
	r     *memory.Reactor
	pool  *agent.Pool
	agent *agent.Agent
}

// A rawConn is the server's end of a connection.
type rawConn = rawserver.Conn

// newWorld returns a world whose agent has a Pool with config.
func newWorld(t *testing.T, config agent.PoolConfig) *world {
	t.Helper()
	r := memory.New()
	w := &world{Server: rawserver.Listen(t, r, "80", "8080"), t: t, r: r, pool: agent.NewPool(r, config)}
	w.agent = agent.New(r, agent.Config{Pool: w.pool})
	t.Cleanup(w.end)
	return w
}

func (w *world) end() {
	w.t.Helper()
	w.pool.CloseCachedConnections()
	w.r.Pump()
	w.WantNothingLeft()
	if n := w.pool.Hosts(); n != 0 {
		w.t.Errorf("the pool still has %d groups without a connection", n)
	}
}

// newRequest returns a request. headers are names and values in turn.
func newRequest(method, rawURL string, headers ...string) *request.Request {
	req := &request.Request{Method: method, URL: urls.MustParse(rawURL), Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

// send sends req and runs the reactor until it is idle.
func (w *world) send(req *request.Request) *deferred.Deferred[*response.Response] {
	d := w.agent.Request(req)
	w.r.Pump()
	return d
}

func (w *world) get(rawURL string) *deferred.Deferred[*response.Response] {
	return w.send(newRequest("GET", rawURL))
}

const okHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// exchange sends req, which must arrive on connection number on, answers okHello and
// reads the body.
func (w *world) exchange(req *request.Request, on int) {
	w.t.Helper()
	d := w.send(req)
	c := w.Conn(on)
	if c.Got() == "" {
		w.t.Fatalf("the request did not arrive on connection %d of %d", on, len(w.Conns))
	}
	c.Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(w.t, d), "hello")
}

// wantBody checks that the body of resp is want.
func (w *world) wantBody(resp *response.Response, want string) {
	w.t.Helper()
	d := resp.Content()
	w.r.Pump()
	if got := string(deferredtest.SuccessResultOf(w.t, d)); got != want {
		w.t.Errorf("body %.60q of %d bytes, want %.60q of %d", got, len(got), want, len(want))
	}
}

// wantOpen checks that exactly the connections with these numbers are open.
func (w *world) wantOpen(numbers ...int) {
	w.t.Helper()
	var open []int
	for _, c := range w.Conns {
		if c.Lost == nil {
			open = append(open, c.Number)
		}
	}
	if !slices.Equal(open, numbers) {
		w.t.Errorf("the open connections are %v, want %v", open, numbers)
	}
}

// wantClosed checks that the agent closed connection i.
func (w *world) wantClosed(i int) {
	w.t.Helper()
	if w.Conn(i).Lost == nil {
		w.t.Errorf("connection %d is open", i)
	}
}

// allocations returns the least number of allocations of one call of f, in so many calls. A mean would count
// what other goroutines allocate meanwhile, and what pools lose: under the race detector, at random.
func allocations(calls int, f func()) float64 {
	least := math.Inf(1)
	for range calls {
		least = min(least, testing.AllocsPerRun(1, f))
	}
	return least
}
