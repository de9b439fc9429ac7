package testing_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests that a StubTreq tells the timers of the program from its own.

// in returns how long each of calls is still to wait.
func in(r *memory.Reactor, calls []reactor.DelayedCall) string {
	var times []string
	for _, c := range calls {
		times = append(times, c.Time().Sub(r.Now()).String())
	}
	return strings.Join(times, " ")
}

const hour = time.Hour

// TestOwners: what the program schedules is the program's, wherever it does so, and what the library schedules for
// it is not.
func TestOwners(t *testing.T) { overBoth(t, testOwners) }

func testOwners(t *testing.T, config treqtesting.Config) {
	nothing := func() {}
	ignore := func(d *deferred.Deferred[deferred.None]) {
		d.AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil })
	}
	got := func(r *response.Response) (*response.Response, error) { return r, nil }
	for _, test := range []struct {
		name string
		// handle serves the request; nil for an empty response.
		handle func(stub *treqtesting.StubTreq, w http.ResponseWriter, r *http.Request)
		run    func(stub *treqtesting.StubTreq)
		want   string // the times of the program's calls
		client string // the beginning of the time of one of the client's
	}{
		{"CallLater", nil, func(s *treqtesting.StubTreq) { s.Reactor().CallLater(hour, nothing) }, "1h0m0s", ""},
		{"Sleep", nil, func(s *treqtesting.StubTreq) { ignore(task.Sleep(s.Reactor(), hour)) }, "1h0m0s", ""},
		{"DeferLater", nil, func(s *treqtesting.StubTreq) {
			task.DeferLater(s.Reactor(), hour, func() (int, error) { return 1, nil })
		}, "1h0m0s", ""},
		{"AddTimeout", nil, func(s *treqtesting.StubTreq) { deferred.New[int]().AddTimeout(hour, s.Reactor(), nil) }, "1h0m0s", ""},
		{"LoopingCall after many calls", nil, func(s *treqtesting.StubTreq) {
			task.NewLoopingCall(s.Reactor(), nothing).Start(hour, true)
			s.Reactor().RunFor(100*hour + time.Minute)
		}, "59m0s", ""},
		{"a call that schedules the next one", nil, func(s *treqtesting.StubTreq) {
			var again func()
			again = func() { s.Reactor().CallLater(hour, again) }
			again()
			s.Reactor().RunFor(3*hour + time.Minute)
		}, "59m0s", ""},
		{"a Deferred that a call fires", nil, func(s *treqtesting.StubTreq) {
			task.Sleep(s.Reactor(), hour).AddCallback(func(v deferred.None) (deferred.None, error) {
				s.Reactor().CallLater(2*hour, nothing)
				return v, nil
			})
			s.Advance(hour)
		}, "2h0m0s", ""},
		{"a Cooperator", nil, func(s *treqtesting.StubTreq) {
			c := task.NewCooperator(s.Reactor(), task.CooperatorConfig{Scheduler: func(f func()) reactor.DelayedCall { return s.Reactor().CallLater(hour, f) }})
			c.Cooperate(func() (task.Wait, error) { return nil, nil })
			s.Advance(hour)
		}, "1h0m0s", ""},
		{"a coroutine", nil, func(s *treqtesting.StubTreq) {
			deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, task.Sleep(s.Reactor(), hour))
				return deferred.Await(co, deferred.Map(task.Sleep(s.Reactor(), 2*hour), func(deferred.None) (int, error) { return 1, nil }))
			})
			s.Advance(hour)
		}, "2h0m0s", ""},
		{"a callback of a response", nil, func(s *treqtesting.StubTreq) {
			s.Get("http://an.example").AddCallback(func(r *response.Response) (*response.Response, error) {
				s.Reactor().CallLater(hour, nothing)
				deferred.New[int]().AddTimeout(2*hour, s.Reactor(), nil)
				return r, nil
			})
		}, "1h0m0s 2h0m0s", ""},
		{"a reader of a body", func(_ *treqtesting.StubTreq, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "text") }, func(s *treqtesting.StubTreq) {
			s.Get("http://an.example", treq.Unbuffered(true)).AddCallback(func(r *response.Response) (*response.Response, error) {
				r.CollectThen(func([]byte) *deferred.Deferred[deferred.None] { return task.Sleep(s.Reactor(), hour) })
				return r, nil
			})
		}, "1h0m0s", ""},
		{"a handler", func(s *treqtesting.StubTreq, _ http.ResponseWriter, r *http.Request) {
			web.Await(r.Context(), task.Sleep(s.Reactor(), hour))
			web.Await(r.Context(), task.Sleep(s.Reactor(), 2*hour))
		}, func(s *treqtesting.StubTreq) {
			s.Get("http://an.example")
			s.Advance(hour)
		}, "2h0m0s", ""},
		{"a program's retry", func(_ *treqtesting.StubTreq, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, func(s *treqtesting.StubTreq) {
			s.Get("http://an.example", treq.RaiseForStatus(true)).ThenErrback(func(error) *treq.Deferred {
				return deferred.Then(task.Sleep(s.Reactor(), hour), func(deferred.None) *treq.Deferred { return s.Get("http://an.example") })
			})
		}, "1h0m0s", ""},
		{"a retry of the client", func(_ *treqtesting.StubTreq, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(503)
		}, func(s *treqtesting.StubTreq) { s.Get("http://an.example", treq.Retries(3)) }, "", "7."},
		{"timeouts", func(_ *treqtesting.StubTreq, _ http.ResponseWriter, r *http.Request) {
			web.Await(r.Context(), deferred.New[int]())
		}, func(s *treqtesting.StubTreq) {
			s.Get("http://an.example", treq.Timeout(7*time.Second), treq.TotalTimeout(9*time.Second)).
				AddErrback(func(error) (*response.Response, error) { return nil, nil })
		}, "", "7s"},
		{"a request of the program's timer", nil, func(s *treqtesting.StubTreq) {
			s.Reactor().CallLater(hour, func() { s.Get("http://an.example").AddCallback(got) })
			s.Advance(hour)
		}, "", ""},
		{"a request that is not connected", nil, func(s *treqtesting.StubTreq) {
			s.Reactor().HoldConnects()
			s.Get("http://an.example")
		}, "", "30s"},
	} {
		var stub *treqtesting.StubTreq
		stub = treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if test.handle != nil {
				test.handle(stub, w, r)
			}
		}), config)
		test.run(stub)
		if got := in(stub.Reactor(), stub.DelayedCalls()); got != test.want {
			t.Errorf("%s: the program's calls are in %q, want %q: %v", test.name, got, test.want, stub.DelayedCalls())
		}
		if got := in(stub.Reactor(), stub.ClientCalls()); !strings.Contains(" "+got, " "+test.client) {
			t.Errorf("%s: the client's calls are in %q, want %q: %v", test.name, got, test.client, stub.ClientCalls())
		}
		all := slices.Concat(stub.DelayedCalls(), stub.ClientCalls(), stub.ServerCalls())
		if len(all) != len(stub.Reactor().DelayedCalls()) {
			t.Errorf("%s: %d calls of the three owners, but %d in all", test.name, len(all), len(stub.Reactor().DelayedCalls()))
		}
	}
}

// TestOwnersOfIdleConnections: a connection that is kept has timers of the client and the server only, over real TLS
// too.
func TestOwnersOfIdleConnections(t *testing.T) { overBoth(t, testOwnersOfIdleConnections) }

func testOwnersOfIdleConnections(t *testing.T, config treqtesting.Config) {
	config.RealTLS = true
	stub := replying(treqtesting.Reply{Body: "text"}, config)
	content(t, stub.Get("https://an.example"))
	if len(stub.DelayedCalls()) != 0 || len(stub.ClientCalls()) == 0 || len(stub.ServerCalls()) == 0 {
		t.Errorf("the program's calls are %v, the client's %v, the server's %v", stub.DelayedCalls(), stub.ClientCalls(), stub.ServerCalls())
	}
	stub.Reactor().Hold("127.0.0.1", "127.0.0.1")
	stub.Get("https://other.example")
	if len(stub.DelayedCalls()) != 0 {
		t.Errorf("during a handshake, the program's calls are %v", stub.DelayedCalls())
	}
}

// TestOwnerOfAReply: a reply that comes later is the server's.
func TestOwnerOfAReply(t *testing.T) { overBoth(t, testOwnerOfAReply) }

func testOwnerOfAReply(t *testing.T, config treqtesting.Config) {
	stub := replying(treqtesting.Reply{Delay: time.Second, Pieces: []treqtesting.Piece{{After: 2 * time.Second, Data: "a"}}}, config)
	stub.Get("http://an.example")
	for _, want := range []string{"1s", "2s"} {
		if got := in(stub.Reactor(), stub.ServerCalls()); !slices.Contains(strings.Fields(got), want) || len(stub.DelayedCalls()) != 0 {
			t.Errorf("the server's calls are in %s, without %s; the program's are %v", got, want, stub.DelayedCalls())
		}
		stub.Advance(time.Second)
	}
}

// sleeper is a function of a program, whose name is in what a call prints.
func sleeper(r *memory.Reactor) { task.Sleep(r, time.Minute) }

type ticker struct{ r *memory.Reactor }

func (ticker) tick() {}

// TestDelayedCallsPrint: a call prints when it is due, what it calls, and which place of the program scheduled it.
func TestDelayedCallsPrint(t *testing.T) {
	for _, traced := range []bool{false, true} {
		for _, test := range []struct {
			name     string
			schedule func(r *memory.Reactor)
			want     string
		}{
			{"a closure", func(r *memory.Reactor) { r.CallLater(time.Second, func() {}) },
				"[in 1s, at 00:00:01: testing_test.TestDelayedCallsPrint.func1.1 (calls_test.go:N)]"},
			{"a method", func(r *memory.Reactor) { r.CallLater(time.Second, ticker{r}.tick) },
				"[in 1s, at 00:00:01: testing_test.ticker.tick, by testing_test.TestDelayedCallsPrint.func2 (calls_test.go:N)]"},
			{"a function of the library", sleeper,
				"[in 1m0s, at 00:01:00: task.Sleep.func2 (deferlater.go:N), by testing_test.sleeper (calls_test.go:N)]"},
			{"a timeout", func(r *memory.Reactor) { deferred.New[int]().AddTimeout(90*time.Minute, r, nil) },
				"[in 1h30m0s, at 01:30:00: deferred.(*Deferred[...]).AddTimeout.funcN (timeout.go:N), by testing_test.TestDelayedCallsPrint.func3 (calls_test.go:N)]"},
			{"a LoopingCall", func(r *memory.Reactor) { task.NewLoopingCall(r, ticker{r}.tick).Start(time.Second, false) },
				"[in 1s, at 00:00:01: LoopingCall<1s>(testing_test.ticker.tick), by testing_test.TestDelayedCallsPrint.func4 (calls_test.go:N)]"},
			{"a LoopingCall that was called", func(r *memory.Reactor) {
				task.NewLoopingCall(r, ticker{r}.tick).Start(time.Second, false)
				r.RunFor(2500 * time.Millisecond)
			}, "[in 500ms, at 00:00:03: LoopingCall<1s>(testing_test.ticker.tick), by testing_test.TestDelayedCallsPrint.func5 (calls_test.go:N)]"},
			{"two", func(r *memory.Reactor) {
				r.CallLater(2*time.Second, ticker{}.tick)
				r.CallLater(time.Second, ticker{}.tick)
			}, "[in 1s, at 00:00:01: testing_test.ticker.tick, by testing_test.TestDelayedCallsPrint.func6 (calls_test.go:N) " +
				"in 2s, at 00:00:02: testing_test.ticker.tick, by testing_test.TestDelayedCallsPrint.func6 (calls_test.go:N)]"},
		} {
			r := memory.New()
			if traced {
				r.StartTrace()
			}
			test.schedule(r)
			if got := numbers.ReplaceAllString(fmt.Sprint(r.DelayedCalls()), "${1}N"); got != test.want {
				t.Errorf("%s, traced %t: got\n%s, want\n%s", test.name, traced, got, test.want)
			}
		}
	}
}

var numbers = regexp.MustCompile(`(go:|AddTimeout\.func)\d+`) // the compiler and an edit may change them
