package agent_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// failing returns a Requester that counts the tries for each host and answers them all with
// 503.
func failing(r *memory.Reactor, tries map[string]int) agent.Requester {
	return requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
		tries[req.URL.Host]++
		return succeed(req, whole(http.StatusServiceUnavailable, ""))
	})
}

// TestRetryBudget has budgets, and what becomes of a hundred requests that all fail. Each is
// over before the next one begins.
func TestRetryBudget(t *testing.T) {
	for _, test := range []struct {
		name   string
		budget *agent.RetryBudget
		tries  int
	}{
		{"the default", nil, 100 + 20 + 20},
		{"the zero value", &agent.RetryBudget{}, 100 + 20 + 20},
		{"a small share", &agent.RetryBudget{Share: 0.125}, 100 + 12 + 20},
		{"a small reserve", &agent.RetryBudget{Share: 0.25, Reserve: 1}, 100 + 25 + 1},
		{"no reserve", &agent.RetryBudget{Share: 0.25, Reserve: -1}, 100 + 25 + 1},
		{"a whole share", &agent.RetryBudget{Share: 1}, 100 + 100 + 20},
		{"no bound", &agent.RetryBudget{Share: -1}, 100 * 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			tries := map[string]int{}
			gaveUp := map[error]int{}
			a := agent.NewRetryAgent(w.r, failing(w.r, tries), agent.RetryConfig{Budget: test.budget, OnRetry: func(try agent.Try) { gaveUp[try.GaveUp]++ }})
			sum := 0
			for range 100 {
				a.Request(newRequest("GET", "http://a.example/")).AddCallback(func(resp *response.Response) (*response.Response, error) {
					sum += resp.Tries
					return nil, nil
				})
				w.r.RunFor(10 * time.Second)
			}
			// The shares of the last requests may be less than a whole retry.
			if got := tries["a.example"]; got < test.tries-1 || got > test.tries || got != sum {
				t.Errorf("%d tries, %d by the responses; want %d", got, sum, test.tries)
			}
			if gaveUp[agent.ErrNoRetryBudget]+gaveUp[agent.ErrNoRetriesLeft] != 100 {
				t.Errorf("gave up by %v", gaveUp)
			}
		})
	}
}

// TestRetryBudgetOfEachServer: a server that fails does not use up the retries of others, and
// the spelling of its URL does not matter. Agents may share a budget.
func TestRetryBudgetOfEachServer(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	tries := map[string]int{}
	config := agent.RetryConfig{Budget: &agent.RetryBudget{Reserve: 6}}
	one, other := agent.NewRetryAgent(w.r, failing(w.r, tries), config), agent.NewRetryAgent(w.r, failing(w.r, tries), config)
	get := func(a agent.Requester, url string) {
		a.Request(newRequest("GET", url))
		w.r.RunFor(10 * time.Second)
	}
	for _, url := range []string{"http://a.example/", "http://A.example:80/", "http://a.example./"} {
		get(one, url)
		get(other, url)
	}
	get(one, "http://b.example/")
	get(one, "http://a.example:81/")
	want := map[string]int{"a.example": 8, "A.example:80": 3, "a.example.": 2, "b.example": 4, "a.example:81": 4}
	// a.example has 6 retries at first, and earns 1.2 by six requests.
	if got := tries["a.example"] + tries["A.example:80"] + tries["a.example."]; got != 6+6+1 || tries["b.example"] != 4 || tries["a.example:81"] != 4 {
		t.Errorf("got %v, want about %v", tries, want)
	}
}

// TestRetryBudgetForgets: success fills an account up, and not further.
func TestRetryBudgetRecovers(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	code := http.StatusServiceUnavailable
	tries := 0
	a := agent.NewRetryAgent(w.r, requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
		tries++
		return succeed(req, whole(code, ""))
	}), agent.RetryConfig{})
	requests := func(n int) int {
		tries = 0
		for range n {
			a.Request(newRequest("GET", "http://a.example/"))
			w.r.RunFor(10 * time.Second)
		}
		return tries - n
	}
	empty := requests(50)
	code = http.StatusOK
	requests(1000)
	code = http.StatusServiceUnavailable
	if again := requests(50); again != empty || empty != 20+9 { // the first request adds nothing to a full account
		t.Errorf("%d retries, and after a success of 1000 requests %d", empty, again)
	}
}

// TestManyRetryBudgets: the memory for the accounts of servers has a bound.
func TestManyRetryBudgets(t *testing.T) {
	deferred.SetDebugging(false) // it takes most of the time
	defer deferred.SetDebugging(true)
	w := newWorld(t, agent.PoolConfig{})
	budget := &agent.RetryBudget{}
	tries := map[string]int{}
	a := agent.NewRetryAgent(w.r, failing(w.r, tries), agent.RetryConfig{Retries: 1, Budget: budget, FirstWait: -1})
	const servers = 20_000
	for i := range servers {
		a.Request(newRequest("GET", fmt.Sprintf("http://%d.example/", i)))
		w.r.Pump()
	}
	if n := budget.Accounts(); n != 10_000 {
		t.Errorf("%d accounts", n)
	}
	if len(tries) != servers || slices.ContainsFunc([]int{0, 9_999, 19_999}, func(i int) bool { return tries[fmt.Sprintf("%d.example", i)] != 2 }) {
		t.Errorf("%d servers were tried", len(tries))
	}
}

// An outage is 200 seconds of failure, with half a minute before and one after it. Each client
// makes a steady number of requests a second.
type outage struct {
	clients, perSecond int
	budget             func() *agent.RetryBudget
	requests, tries    int   // during the outage
	failures           int   // requests that failed after it
	peak               int   // the most tries in a second of it
	seen               []int // the tries in each second
	trace              strings.Builder
}

// run runs o in memory. For the first half of the outage the server's port is closed, and for
// the second half the server answers 503.
func (o *outage) run(t *testing.T) {
	t.Helper()
	w := newWorld(t, agent.PoolConfig{})
	second := func() int { return int(w.r.Now().Unix()) }
	const begin, end, total = 30, 230, 260
	o.seen = make([]int, total+120)
	w.Accept = func(c *rawConn) {
		c.Data = func([]byte) {
			code := 200
			if now := second(); now >= begin && now < end {
				code = 503
			}
			c.Write(fmt.Appendf(nil, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", code))
		}
	}
	for range o.clients {
		counted := requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
			now := second()
			o.seen[now]++
			if now >= begin && now < begin+(end-begin)/2 {
				closed := *req
				u := *req.URL
				u.Host = "a.example:81" // nothing listens there
				closed.URL, req = &u, &closed
			}
			return w.agent.Request(req)
		})
		a := agent.NewRetryAgent(w.r, counted, agent.RetryConfig{Budget: o.budget()})
		for s := range total {
			for i := range o.perSecond {
				w.r.CallLater(time.Duration(s)*time.Second+time.Duration(i)*time.Second/time.Duration(o.perSecond), func() {
					begun := second()
					if begun >= begin && begun < end {
						o.requests++
					}
					a.Request(newRequest("GET", "http://a.example/")).AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
						failed := err != nil || resp.Code != 200
						if failed && begun >= end {
							o.failures++
						}
						if err == nil {
							resp.Discard()
						}
						fmt.Fprint(&o.trace, failed, w.r.Now().UnixNano())
						return nil, nil
					})
				})
			}
		}
	}
	w.r.RunFor((total + 100) * time.Second)
	for _, n := range o.seen[begin:end] {
		o.tries += n
		o.peak = max(o.peak, n)
	}
}

// TestOutage measures the load that retries put on a server which fails for 200 s: with
// a budget, the tries are bounded by its share of the requests; without one, they are four
// times as many. When the server is back, every request succeeds.
func TestOutage(t *testing.T) {
	deferred.SetDebugging(false) // it takes most of the time
	defer deferred.SetDebugging(true)
	for _, c := range []struct{ clients, perSecond int }{{1, 10}, {10, 1}} {
		bounded := func() *agent.RetryBudget { return &agent.RetryBudget{} }
		o := outage{clients: c.clients, perSecond: c.perSecond, budget: bounded}
		again := outage{clients: c.clients, perSecond: c.perSecond, budget: bounded}
		unbounded := outage{clients: c.clients, perSecond: c.perSecond, budget: func() *agent.RetryBudget { return &agent.RetryBudget{Share: -1} }}
		o.run(t)
		unbounded.run(t)
		for name, o := range map[string]*outage{"budget": &o, "no budget": &unbounded} {
			t.Logf("%-9s: %d clients, %d requests a second each, 200 s: %d requests, %d tries (%.2f), at most %d a second",
				name, o.clients, o.perSecond, o.requests, o.tries, float64(o.tries)/float64(o.requests), o.peak)
			if o.failures != 0 {
				t.Errorf("%s: %d requests failed after the outage", name, o.failures)
			}
		}
		if bound := o.requests + o.requests/5 + o.clients*agent.DefaultRetryReserve; o.tries > bound || o.tries < o.requests*115/100 {
			t.Errorf("%d tries for %d requests, the bound is %d", o.tries, o.requests, bound)
		}
		if unbounded.tries < 39*unbounded.requests/10 {
			t.Errorf("without a budget there are only %d tries", unbounded.tries)
		}
		if again.run(t); again.trace.String() != o.trace.String() {
			t.Error("the second run was another one")
		}
	}
}

// TestHerd: a thousand clients learn at the same time that their server fails. Their next
// tries are spread over the time of the wait, also if the server names one time for all.
func TestHerd(t *testing.T) {
	for name, header := range map[string]string{"no Retry-After": "", "a date for all": "Thu, 01 Jan 1970 00:00:30 GMT"} {
		w := newWorld(t, agent.PoolConfig{})
		var at []time.Duration
		start := w.r.Now()
		for range 1000 {
			below := requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
				if now := w.r.Now().Sub(start); now > 0 {
					at = append(at, now)
					return succeed(req, whole(http.StatusOK, ""))
				}
				return succeed(req, whole(http.StatusServiceUnavailable, "", "Retry-After", header))
			})
			agent.NewRetryAgent(w.r, below, agent.RetryConfig{}).Request(newRequest("GET", "http://a.example/"))
		}
		w.r.RunFor(time.Minute)
		first := 0 * time.Second
		if header != "" {
			first = 30 * time.Second
		}
		tenths := make([]int, 10)
		for _, when := range at {
			if when -= first; when < 0 || when >= 500*time.Millisecond {
				t.Fatalf("%s: a try at %v", name, when)
			}
			tenths[when/(50*time.Millisecond)]++
		}
		t.Logf("%s: in each 50 ms from %v: %v", name, first, tenths)
		if len(at) != 1000 || slices.Max(tenths) > 150 {
			t.Errorf("%s: %d tries, %v", name, len(at), tenths)
		}
	}
}

// TestBudgetInTheError: a request that fails without a retry says why.
func TestBudgetInTheError(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	a := agent.NewRetryAgent(w.r, w.agent, agent.RetryConfig{Budget: &agent.RetryBudget{Reserve: 1}})
	d := a.Request(newRequest("GET", "http://a.example:81/"))
	w.r.RunFor(time.Minute)
	var err error
	d.AddErrback(func(e error) (*response.Response, error) { err = e; return nil, nil })
	const want = "GET http://a.example:81/: after 2 tries (the retry budget for the server is used up): connecting to a.example:81: connection was refused at 192.0.2.1:81"
	if err == nil || err.Error() != want || !errors.Is(err, agent.ErrNoRetryBudget) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
