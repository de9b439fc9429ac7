package agent_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"golang.org/x/time/rate"
)

// A turnstile is a LimitAgent whose test answers the requests.
type turnstile struct {
	*agent.LimitAgent
	t      *testing.T
	clock  *task.Clock
	limits *agent.Limiter
	start  time.Time
	sent   []*turn // those that have left
	told   int     // how many of them wantSent has seen
}

// A turn is a request that has left.
type turn struct {
	req    *request.Request
	at     time.Duration
	result *deferred.Deferred[*response.Response]
	body   *bodytest.Source // nil before answer
}

func newTurnstile(t *testing.T, config agent.LimitConfig) *turnstile {
	s := &turnstile{t: t, clock: task.NewClock()}
	s.start = s.clock.Now()
	s.limits = agent.NewLimiter(s.clock, config)
	s.LimitAgent = agent.NewLimitAgent(requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
		turn := &turn{req: req, at: s.clock.Now().Sub(s.start), result: deferred.New[*response.Response]()}
		s.sent = append(s.sent, turn)
		return turn.result
	}), s.limits)
	return s
}

// get requests a path of a host, as in "a.example/1".
func (s *turnstile) get(target string) *deferred.Deferred[*response.Response] {
	return s.Request(newRequest("GET", "http://"+target))
}

// wantSent checks which requests left since the last wantSent, as in "a.example/1".
func (s *turnstile) wantSent(targets ...string) {
	s.t.Helper()
	var got []string
	for _, turn := range s.sent[s.told:] {
		got = append(got, turn.req.URL.Host+turn.req.URL.Path)
	}
	if s.told = len(s.sent); !slices.Equal(got, targets) {
		s.t.Errorf("%v left, want %v", got, targets)
	}
}

// answer answers request i with a head.
func (s *turnstile) answer(i int) {
	resp, body := bodytest.New(200)
	resp.Request = s.sent[i].req
	body.OnStop = func() { body.End(errAborted) }
	s.sent[i].body = body
	s.sent[i].result.Callback(resp)
}

// wantNothing checks that nothing waits and no delayed call is left.
func (s *turnstile) wantNothing() {
	s.t.Helper()
	if n, m := s.limits.Waiting(), len(s.clock.DelayedCalls()); n != 0 || m != 0 {
		s.t.Errorf("%d requests wait, %d delayed calls are left", n, m)
	}
}

// TestRate checks when each of a number of requests leaves, which all come at once, and each of
// those that come after a pause.
func TestRate(t *testing.T) {
	ms := func(times ...int) (all []time.Duration) {
		for _, n := range times {
			all = append(all, time.Duration(n)*time.Millisecond)
		}
		return all
	}
	for _, test := range []struct {
		name   string
		limit  agent.Limit
		pause  time.Duration // from the start
		first  []time.Duration
		second []time.Duration
	}{
		{"2 a second", agent.Limit{Rate: 2}, 10 * time.Second, ms(0, 500, 1000, 1500), ms(10000, 10500, 11000, 11500)},
		{"a burst", agent.Limit{Rate: 2, Burst: 3}, 10 * time.Second, ms(0, 0, 0, 500), ms(10000, 10000, 10000, 10500)},
		{"a burst that has not come back", agent.Limit{Rate: 2, Burst: 3}, 1500 * time.Millisecond, ms(0, 0, 0, 500), ms(1500, 1500, 2000, 2500)},
		{"one in 20 s", agent.Limit{Rate: 0.05}, 70 * time.Second, ms(0, 20000, 40000, 60000), ms(80000, 100000, 120000, 140000)},
		{"no bound", agent.Limit{}, time.Second, ms(0, 0, 0, 0), ms(1000, 1000, 1000, 1000)},
		{"no bound either", agent.Limit{Rate: -1, Burst: -1, Concurrent: -1}, time.Second, ms(0, 0, 0, 0), ms(1000, 1000, 1000, 1000)},
	} {
		for name, config := range map[string]agent.LimitConfig{"PerHost": {PerHost: test.limit}, "Total": {Total: test.limit}} {
			s := newTurnstile(t, config)
			for range test.first {
				s.get("a.example/")
			}
			for s.clock.Now().Sub(s.start) < test.pause {
				s.clock.Advance(10 * time.Millisecond)
			}
			for range test.second {
				s.get("a.example/")
			}
			for s.limits.Waiting() != 0 {
				s.clock.Advance(10 * time.Millisecond)
			}
			for i, at := range slices.Concat(test.first, test.second) {
				if got := s.sent[i].at; got != at {
					t.Errorf("%s, %s: request %d left at %v, want %v", test.name, name, i, got, at)
				}
			}
			s.wantNothing()
		}
	}
}

// TestRateOfThirds has a rate whose period no number of nanoseconds is: each request leaves
// with the first timer.
func TestRateOfThirds(t *testing.T) {
	s := newTurnstile(t, agent.LimitConfig{PerHost: agent.Limit{Rate: 3}})
	for range 1000 {
		s.get("a.example/")
	}
	for n := 1; s.limits.Waiting() != 0; n++ {
		if calls := s.clock.DelayedCalls(); len(calls) != 1 || len(s.sent) != n {
			t.Fatalf("%d delayed calls, %d of %d requests have left", len(calls), len(s.sent), n)
		}
		s.clock.Advance(s.clock.DelayedCalls()[0].Time().Sub(s.clock.Now()))
	}
	if took := s.sent[999].at; took < 333*time.Second-time.Microsecond || took > 333*time.Second+time.Microsecond {
		t.Errorf("it took %v", took)
	}
}

// TestConcurrent checks that a place is free when the request has ended, in every way.
func TestConcurrent(t *testing.T) {
	boom := errors.New("boom")
	for name, end := range map[string]func(s *turnstile, d *deferred.Deferred[*response.Response]){
		"the body has arrived": func(s *turnstile, _ *deferred.Deferred[*response.Response]) {
			s.answer(0)
			s.wantSent()
			s.sent[0].body.SendAll("text")
		},
		"the body is cut short": func(s *turnstile, _ *deferred.Deferred[*response.Response]) {
			s.answer(0)
			s.wantSent()
			s.sent[0].body.End(boom)
		},
		"the reader gives up": func(s *turnstile, d *deferred.Deferred[*response.Response]) {
			s.answer(0)
			text := deferred.Then(d, (*response.Response).Text)
			s.wantSent()
			text.Cancel()
			text.AddErrback(func(error) (string, error) { return "", nil })
		},
		"it fails":        func(s *turnstile, d *deferred.Deferred[*response.Response]) { s.sent[0].result.Errback(boom) },
		"it is cancelled": func(s *turnstile, d *deferred.Deferred[*response.Response]) { d.Cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			for i, config := range []agent.LimitConfig{{PerHost: agent.Limit{Concurrent: 1}}, {Total: agent.Limit{Concurrent: 1}}} {
				s := newTurnstile(t, config)
				d := s.get("a.example/1")
				s.get("a.example/2")
				s.get("a.example/3")
				s.get("b.example/1")
				if i == 0 {
					s.wantSent("a.example/1", "b.example/1")
				} else {
					s.wantSent("a.example/1")
				}
				end(s, d)
				s.wantSent("a.example/2")
				d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
			}
		})
	}
}

// TestConcurrentBelowThatPanics has an agent below that panics, or returns nil.
func TestConcurrentBelowThatPanics(t *testing.T) {
	for _, below := range []requesterFunc{
		func(*request.Request) *deferred.Deferred[*response.Response] { panic("boom") },
		func(*request.Request) *deferred.Deferred[*response.Response] { return nil },
	} {
		a := agent.NewLimitAgent(below, agent.NewLimiter(task.NewClock(), agent.LimitConfig{Total: agent.Limit{Concurrent: 1}}))
		for range 3 {
			var panicked *deferred.PanicError
			if err := deferredtest.FailureResultOf(t, a.Request(newRequest("GET", "http://a.example/"))); !errors.As(err, &panicked) {
				t.Errorf("got %v", err)
			}
		}
	}
}

// TestHostsTakeTurns checks that a host with many requests, and a host whose own limits hold its
// requests up, do not hold up the others.
func TestHostsTakeTurns(t *testing.T) {
	s := newTurnstile(t, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 2}, Total: agent.Limit{Rate: 1}})
	for i := range 4 {
		s.get(fmt.Sprint("a.example/", i))
	}
	for i := range 2 {
		s.get(fmt.Sprint("b.example/", i))
		s.get(fmt.Sprint("c.example/", i))
	}
	s.clock.Pump(slices.Repeat([]time.Duration{time.Second}, 20)...)
	s.wantSent("a.example/0", "a.example/1", "b.example/0", "c.example/0", "b.example/1", "c.example/1")
	if n := s.limits.Waiting(); n != 2 {
		t.Errorf("%d requests wait", n)
	}
	s.answer(0)
	s.sent[0].body.SendAll()
	s.wantSent("a.example/2")
}

// TestWhatAHostIs says which URLs share the limits PerHost.
func TestWhatAHostIs(t *testing.T) {
	for other, same := range map[string]bool{
		"http://a.example/b": true, "http://A.EXAMPLE:80/": true, "https://a.example/": true, "https://a.example:443/": true,
		"http://a.example./": true, "http://u:p@a.example/": true,
		"http://a.example:8080/": false, "http://b.example/": false, "http://www.a.example/": false, "https://a.example:80/": false,
	} {
		s := newTurnstile(t, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1}})
		s.get("a.example/")
		s.Request(newRequest("GET", other))
		if waits := s.limits.Waiting() == 1; waits != same {
			t.Errorf("%s: waits %v", other, waits)
		}
	}
	// The agent below says what is wrong with a URL.
	s := newTurnstile(t, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1}})
	for range 2 {
		s.Request(newRequest("GET", "ftp://a.example/"))
		s.Request(&request.Request{Method: "GET", URL: &url.URL{Scheme: "http"}})
		s.Request(&request.Request{Method: "GET"})
	}
	if len(s.sent) != 6 || s.limits.Hosts() != 0 {
		t.Errorf("%d requests were sent", len(s.sent))
	}
}

// TestCancelInTheQueue checks that a request that is cancelled leaves neither a hole nor a
// timer, and that its body is stopped.
func TestCancelInTheQueue(t *testing.T) {
	for name, config := range map[string]agent.LimitConfig{
		"Rate of the host":       {PerHost: agent.Limit{Rate: 1}},
		"Rate in all":            {Total: agent.Limit{Rate: 1}},
		"Concurrent of the host": {PerHost: agent.Limit{Concurrent: 1}},
		"Concurrent in all":      {Total: agent.Limit{Concurrent: 1}},
		"all":                    {PerHost: agent.Limit{Rate: 1, Concurrent: 1}, Total: agent.Limit{Rate: 1, Concurrent: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTurnstile(t, config)
			s.get("a.example/0")
			body := &producer{length: 4}
			req := newRequest("POST", "http://user:secret@a.example/1")
			req.Body = body
			one := s.Request(req)
			two := s.get("a.example/2")
			three := s.get("a.example/3")
			one.Cancel()
			err := deferredtest.FailureResultOf(t, one)
			if !errors.Is(err, deferred.ErrCancelled) || err.Error() != "POST http://user:xxxxx@a.example/1: cancelled" {
				t.Errorf("got %v", err)
			}
			body.wantTold(t, "stop")
			three.Cancel()
			deferredtest.FailureResultOf(t, three)
			if s.limits.Waiting() != 1 {
				t.Errorf("%d wait", s.limits.Waiting())
			}
			s.answer(0)
			s.sent[0].body.SendAll()
			s.clock.Advance(time.Second)
			s.wantSent("a.example/0", "a.example/2")
			if last := s.sent[1].at; strings.HasPrefix(name, "Rate") && last != time.Second {
				t.Errorf("the next one left at %v", last)
			}
			s.answer(1)
			s.sent[1].body.SendAll()
			s.wantNothing()

			four := s.get("a.example/4")
			if s.limits.Waiting() == 1 {
				four.Cancel()
				deferredtest.FailureResultOf(t, four)
			}
			s.wantNothing()
			deferredtest.SuccessResultOf(t, two).Discard()
		})
	}
}

func TestMaxWaiting(t *testing.T) {
	s := newTurnstile(t, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1}, MaxWaiting: 2})
	s.get("a.example/0")
	one := s.get("a.example/1")
	s.get("a.example/2")
	body := &producer{length: 4}
	req := newRequest("POST", "http://a.example/3")
	req.Body = body
	err := deferredtest.FailureResultOf(t, s.Request(req))
	if !errors.Is(err, agent.ErrTooManyWaiting) || err.Error() != "POST http://a.example/3: too many requests wait for their turn (MaxWaiting)" {
		t.Errorf("got %v", err)
	}
	body.wantTold(t, "stop")
	s.get("b.example/") // need not wait
	one.Cancel()
	deferredtest.FailureResultOf(t, one)
	s.get("a.example/4")
	s.wantSent("a.example/0", "b.example/")
	if s.limits.Waiting() != 2 {
		t.Errorf("%d wait", s.limits.Waiting())
	}
}

// TestLimitsForgetHosts is a crawl of 20,000 hosts. What is kept of them does not grow, and
// is no more than the Rate needs.
func TestLimitsForgetHosts(t *testing.T) {
	for name, config := range map[string]agent.LimitConfig{
		"Concurrent": {PerHost: agent.Limit{Concurrent: 1}},
		"Rate":       {PerHost: agent.Limit{Rate: 1, Burst: 2}},
	} {
		s := newTurnstile(t, config)
		most := 0
		for i := range 20_000 {
			s.get(fmt.Sprintf("host%d.example/", i))
			s.answer(0)
			s.sent[0].body.SendAll()
			s.sent, s.told = nil, 0
			s.clock.Advance(10 * time.Millisecond)
			most = max(most, s.limits.Hosts())
		}
		want := 1
		if name == "Rate" {
			want = 200 // those of the last two seconds
		}
		if most > want {
			t.Errorf("%s: %d hosts were remembered, want %d", name, most, want)
		}
		s.wantNothing()
	}
	// A host that is forgotten too early would get a burst again.
	s := newTurnstile(t, agent.LimitConfig{PerHost: agent.Limit{Rate: 1, Burst: 2}})
	for range 3 {
		for range 2 {
			d := s.get("a.example/")
			d.Cancel()
			deferredtest.FailureResultOf(t, d)
		}
	}
	if len(s.sent) != 2 {
		t.Errorf("%d requests left", len(s.sent))
	}
}

// TestManyWait has 20,000 requests that wait, half of which are cancelled. All others leave in
// their order, in constant stack although each is answered before the next one leaves.
func TestManyWait(t *testing.T) {
	deferred.SetDebugging(false) // it takes most of the time
	defer deferred.SetDebugging(true)
	defer debug.SetMaxStack(debug.SetMaxStack(1 << 20))
	for name, config := range map[string]agent.LimitConfig{
		"PerHost": {PerHost: agent.Limit{Concurrent: 1}},
		"Total":   {Total: agent.Limit{Concurrent: 1}},
		"Rate":    {Total: agent.Limit{Rate: 1}},
	} {
		const n = 20_000
		var order []int
		var first *deferred.Deferred[*response.Response]
		limits := agent.NewLimiter(task.NewClock(), config)
		a := agent.NewLimitAgent(requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
			if first == nil {
				first = deferred.New[*response.Response]()
				return first
			}
			order = append(order, int(req.ExpectContinue))
			return deferred.Succeed(whole(204, ""))
		}), limits)
		u := newRequest("GET", "http://a.example/").URL
		var waiting []*deferred.Deferred[*response.Response]
		for i := range n + 1 {
			waiting = append(waiting, a.Request(&request.Request{Method: "GET", URL: u, ExpectContinue: time.Duration(i)}))
		}
		for i, d := range waiting {
			if i%2 == 1 || name == "Rate" && i > 0 {
				d.Cancel()
				d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
			}
		}
		first.Callback(whole(204, ""))
		want := n / 2
		if name == "Rate" {
			want = 0
		}
		if len(order) != want || !slices.IsSorted(order) || limits.Waiting() != 0 {
			t.Errorf("%s: %d requests left, in order: %v; %d wait", name, len(order), slices.IsSorted(order), limits.Waiting())
		}
	}
}

// TestRequestsOfCallbacksDoNotOvertake has an agent that answers at once: the callback of a
// request that waited makes another request, while others still wait.
func TestRequestsOfCallbacksDoNotOvertake(t *testing.T) {
	for name, config := range map[string]agent.LimitConfig{
		"PerHost": {PerHost: agent.Limit{Concurrent: 1}},
		"Total":   {Total: agent.Limit{Concurrent: 1}},
	} {
		var left []string
		first := deferred.New[*response.Response]()
		a := agent.NewLimitAgent(requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
			left = append(left, req.URL.Path)
			if len(left) == 1 {
				return first
			}
			return deferred.Succeed(whole(204, ""))
		}), agent.NewLimiter(task.NewClock(), config))
		get := func(path string) *deferred.Deferred[*response.Response] {
			return a.Request(newRequest("GET", "http://a.example"+path))
		}
		get("/0")
		get("/1").AddCallback(func(resp *response.Response) (*response.Response, error) {
			get("/4")
			return resp, nil
		})
		get("/2")
		get("/3")
		first.Callback(whole(204, ""))
		if got := strings.Join(left, " "); got != "/0 /1 /2 /3 /4" {
			t.Errorf("%s: the order is %s", name, got)
		}
	}
}

// TestLimitsOfAStack checks that a hop that waits for its place gets it, although the hop before
// it was just answered.
func TestLimitsOfAStack(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	limits := agent.NewLimiter(w.r, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1}, Total: agent.Limit{Concurrent: 1}})
	stack := agent.Stack{Agent: agent.NewLimitAgent(w.agent, limits), Redirects: &agent.RedirectConfig{}, Credentials: auth.NewDigest("u", "p")}
	d := stack.Send(newRequest("GET", "http://a.example/"))
	other := stack.Send(newRequest("GET", "http://a.example/other"))
	w.r.Pump()
	c := w.Conn(0)
	c.Send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 2\r\n\r\nno")
	w.r.Pump()
	c.Got()
	c.Send(okHello) // the other one's
	w.r.Pump()
	w.wantBody(deferredtest.SuccessResultOf(t, other), "hello")
	c.Got()
	c.Send("HTTP/1.1 302 Found\r\nLocation: http://b.example/\r\nContent-Length: 2\r\n\r\n")
	w.r.Pump()
	if len(w.Conns) != 1 || limits.Waiting() != 1 {
		t.Errorf("%d connections, %d wait", len(w.Conns), limits.Waiting())
	}
	c.Send("no")
	w.r.Pump()
	w.Conn(1).Send(okHello)
	w.r.Pump()
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	if limits.Waiting() != 0 || limits.Hosts() != 0 {
		t.Errorf("%d wait, %d hosts are remembered", limits.Waiting(), limits.Hosts())
	}
}

// TestLimitsAndUnreadResponses checks that a response that the program drops gives its place
// back.
func TestLimitsAndUnreadResponses(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	limits := agent.NewLimiter(w.r, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1}})
	a := agent.NewLimitAgent(w.agent, limits)
	for i := range 2 { // the first one leaves at once, the second one waits
		d := a.Request(newRequest("GET", "http://a.example/"))
		next := a.Request(newRequest("GET", "http://a.example/next"))
		w.r.Pump()
		w.Conn(2 * i).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
		w.r.Pump()
		deferredtest.SuccessResultOf(t, d)
		if limits.Waiting() != 1 {
			t.Fatalf("%d wait", limits.Waiting())
		}
		d = nil
		garbage.Collect()
		w.r.Pump()
		w.wantClosed(2 * i)
		w.Conn(2*i + 1).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
		w.r.Pump()
		deferredtest.SuccessResultOf(t, next)
		next = nil
		garbage.Collect()
		w.r.Pump()
		w.wantClosed(2*i + 1)
	}
}

// TestLimitsByAModel does thousands of things at random. After each it checks that no limit is
// broken, that no request waits that may leave, and that requests leave in order.
func TestLimitsByAModel(t *testing.T) {
	for seed := range uint64(60) {
		m := newModel(t, seed)
		for range 200 {
			m.step()
			if m.check(); t.Failed() {
				t.Fatalf("seed %d: %+v", seed, m.config)
			}
		}
		for n := range 1000 { // all leave in the end; one round answers a request, and the next ends its body
			if n > 2 && m.limits.Waiting() == 0 && len(m.clock.DelayedCalls()) == 0 {
				break
			}
			for _, turn := range m.sent {
				m.end(turn)
			}
			m.clock.Advance(time.Second)
			m.check()
		}
		if m.wantNothing(); t.Failed() {
			t.Fatalf("seed %d: %+v", seed, m.config)
		}
	}
}

// A model knows what a LimitAgent has to do.
type model struct {
	*turnstile
	config agent.LimitConfig
	rnd    *rand.Rand
	all    []*deferred.Deferred[*response.Response] // by the number in the path
	names  []string                                 // the hosts of all
	over   map[*turn]bool
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{rnd: rand.New(rand.NewPCG(seed, 1)), over: map[*turn]bool{}}
	limit := func() (l agent.Limit) {
		if m.rnd.IntN(2) == 0 {
			l.Rate = []rate.Limit{0.5, 1, 3, 10}[m.rnd.IntN(4)]
			l.Burst = m.rnd.IntN(4)
		}
		if m.rnd.IntN(2) == 0 {
			l.Concurrent = 1 + m.rnd.IntN(3)
		}
		return l
	}
	m.config = agent.LimitConfig{PerHost: limit(), Total: limit()}
	m.turnstile = newTurnstile(t, m.config)
	return m
}

func (m *model) host() string { return string(rune('a' + m.rnd.IntN(4))) }

func (m *model) step() {
	switch m.rnd.IntN(6) {
	case 0, 1:
		host := m.host() + ".example"
		m.names = append(m.names, host)
		d := m.get(fmt.Sprintf("%s/%d", host, len(m.all)))
		m.all = append(m.all, d.AddErrback(func(error) (*response.Response, error) { return nil, nil }))
	case 2:
		if len(m.all) != 0 {
			m.all[m.rnd.IntN(len(m.all))].Cancel()
		}
	case 3, 4:
		for _, i := range m.rnd.Perm(len(m.sent)) {
			if !m.over[m.sent[i]] {
				m.end(m.sent[i])
				break
			}
		}
	case 5:
		m.clock.Advance(time.Duration(m.rnd.IntN(1000)) * time.Millisecond)
	}
}

// end answers turn, or ends the body of the answer.
func (m *model) end(turn *turn) {
	switch {
	case turn.body == nil && !turn.result.Called():
		m.answer(slices.Index(m.sent, turn))
	case turn.body != nil:
		m.over[turn] = true
		turn.body.End(response.ErrDone)
	}
}

// A budget is what a Limit still allows.
type budget struct {
	limit    agent.Limit
	tokens   float64
	at       time.Duration
	underWay int
}

func (b *budget) pass(at time.Duration) {
	if b.limit.Rate > 0 {
		b.tokens = min(float64(max(1, b.limit.Burst)), b.tokens+(at-b.at).Seconds()*float64(b.limit.Rate))
		b.at = at
	}
}

// allows reports whether a request may leave, or surely may.
func (b *budget) allows(surely bool) bool {
	slack := 1e-6
	if surely {
		slack = -slack
	}
	return (b.limit.Concurrent == 0 || b.underWay < b.limit.Concurrent) && (b.limit.Rate == 0 || b.tokens >= 1-slack)
}

// check checks what has left since the last check.
func (m *model) check() {
	m.t.Helper()
	// Requests end at unknown times before now, so underWay is checked only now.
	budgets := map[string]*budget{}
	of := func(host string) *budget {
		b := budgets[host]
		if b == nil {
			l := m.config.PerHost
			if host == "" {
				l = m.config.Total
			}
			b = &budget{limit: l, tokens: float64(max(1, l.Burst))}
			budgets[host] = b
		}
		return b
	}
	left := map[int]bool{}
	last := map[string]int{}
	for _, turn := range m.sent {
		host := turn.req.URL.Host
		number, _ := strconv.Atoi(turn.req.URL.Path[1:])
		left[number] = true
		if before, ok := last[host]; ok && before > number {
			m.t.Errorf("%s: request %d left after %d", host, number, before)
		}
		last[host] = number
		over := m.over[turn] || turn.body == nil && turn.result.Called()
		for _, b := range []*budget{of(host), of("")} {
			b.pass(turn.at)
			if b.limit.Rate > 0 && b.tokens < 1-1e-6 {
				m.t.Errorf("%s/%d left at %v, which the rate does not allow", host, number, turn.at)
			}
			b.tokens--
			if !over {
				b.underWay++
			}
		}
	}
	now := m.clock.Now().Sub(m.start)
	for host, b := range budgets {
		if b.pass(now); b.limit.Concurrent > 0 && b.underWay > b.limit.Concurrent {
			m.t.Errorf("%d requests to %q are under way", b.underWay, host)
		}
	}
	waiting := 0
	for number, d := range m.all {
		if left[number] || d.Called() {
			continue
		}
		waiting++
		host := m.names[number]
		if of(host).allows(true) && of("").allows(true) {
			m.t.Errorf("request %d to %s waits at %v, and might leave", number, host, now)
		}
	}
	if n := m.limits.Waiting(); n != waiting {
		m.t.Errorf("%d requests wait, want %d", n, waiting)
	}
}
