package testing_test

import (
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// A program is a function for Explore.
type program = func(t testing.TB, r *memory.Reactor)

// ignore takes the result of d.
func ignore[T any](d *deferred.Deferred[T]) {
	d.AddBoth(func(value T, err error) (T, error) { return value, nil })
}

// checks has for each check a wrong program that it finds, and one that is right.
var checks = []struct {
	name         string
	check        treqtesting.Checks // that is switched off; 0: none does that
	wrong, right program
	want         string // the failure begins with it
}{
	{"the test's own", 0,
		func(t testing.TB, r *memory.Reactor) { t.Errorf("it is %d", 7) },
		func(t testing.TB, r *memory.Reactor) { t.Logf("it is %d", 7) },
		"explore_checks_test.go:N: it is 7",
	},
	{"Fatal in a callback", 0,
		func(t testing.TB, r *memory.Reactor) {
			r.CallLater(time.Second, func() { t.Fatal("too", "late") })
			r.RunFor(time.Minute)
			t.Error("not reached")
		},
		func(t testing.TB, r *memory.Reactor) {
			r.CallLater(time.Second, func() { t.Log("in time") })
			r.RunFor(time.Minute)
		},
		"explore_checks_test.go:N: too late",
	},
	{"Fatal in a coroutine", 0,
		func(t testing.TB, r *memory.Reactor) {
			ignore(deferred.Go(func(co *deferred.Co) (int, error) {
				t.Fatalf("in a coroutine")
				return 0, nil
			}))
		},
		func(t testing.TB, r *memory.Reactor) {
			ignore(deferred.Go(func(co *deferred.Co) (int, error) { return 0, nil }))
		},
		"explore_checks_test.go:N: in a coroutine",
	},
	{"a failure in Cleanup", 0,
		func(t testing.TB, r *memory.Reactor) {
			t.Cleanup(func() { t.Error("not clean") })
			t.Cleanup(func() { t.FailNow() })
		},
		func(t testing.TB, r *memory.Reactor) { t.Cleanup(func() {}) },
		"explore_checks_test.go:N: Fail was called",
	},
	{"a panic of the function", 0,
		func(t testing.TB, r *memory.Reactor) {
			var none []int
			none[len(t.Name())]++
		},
		func(t testing.TB, r *memory.Reactor) { recover() },
		"panic: runtime error: index out of range",
	},
	{"Goexit", 0,
		func(t testing.TB, r *memory.Reactor) { (&testing.T{}).SkipNow() },
		func(t testing.TB, r *memory.Reactor) {},
		"the function called runtime.Goexit",
	},
	{"a loop without time", 0,
		func(t testing.TB, r *memory.Reactor) {
			var again func()
			again = func() { r.CallLater(0, again) }
			again()
			r.Pump()
		},
		func(t testing.TB, r *memory.Reactor) {
			n := 0
			var again func()
			again = func() {
				if n++; n < 100 {
					r.CallLater(0, again)
				}
			}
			again()
			r.Pump()
		},
		"memory: Pump does not end: 1000 turns",
	},
	{"a Run without time", 0,
		func(t testing.TB, r *memory.Reactor) {
			var again func()
			again = func() { r.CallLater(0, again) }
			again()
			r.Run()
		},
		func(t testing.TB, r *memory.Reactor) {
			r.CallLater(time.Hour, func() { r.Stop() })
			if err := r.Run(); err != nil {
				t.Error(err)
			}
		},
		"memory: Run does not end: 1000 turns",
	},
	{"a Run without end", 0,
		func(t testing.TB, r *memory.Reactor) {
			var again func()
			again = func() { r.CallLater(time.Hour, again) }
			again()
			r.Run()
		},
		func(t testing.TB, r *memory.Reactor) {
			r.CallLater(20*time.Hour, func() { r.Stop() })
			if err := r.Run(); err != nil {
				t.Error(err)
			}
		},
		"memory: Run",
	},
	{"RunFor more than MaxTime", 0,
		func(t testing.TB, r *memory.Reactor) { r.RunFor(25 * time.Hour) },
		func(t testing.TB, r *memory.Reactor) { r.RunFor(24 * time.Hour) },
		"memory: RunFor",
	},
	{"a poll that goes on while it settles", treqtesting.PendingCalls,
		func(t testing.TB, r *memory.Reactor) { task.NewLoopingCall(r, func() {}).Start(time.Second, true) },
		func(t testing.TB, r *memory.Reactor) {
			poll := task.NewLoopingCall(r, func() {})
			poll.Start(time.Second, true)
			poll.Stop()
		},
		"left behind: a delayed call",
	},
	{"a panic of a callback", treqtesting.Panics,
		func(t testing.TB, r *memory.Reactor) {
			r.CallLater(0, func() { panic("in a callback") })
			r.Pump()
		},
		func(t testing.TB, r *memory.Reactor) {
			r.CallLater(0, func() { defer func() { recover() }(); panic("in a callback") })
			r.Pump()
		},
		"a callback panicked: panic: in a callback at explore_checks_test.go:N\ntesting_test.init",
	},
	{"a second result", treqtesting.Panics,
		func(t testing.TB, r *memory.Reactor) {
			d := deferred.New[int]()
			for i := range 2 {
				r.CallLater(0, func() { d.Callback(i) })
			}
			r.Pump()
		},
		func(t testing.TB, r *memory.Reactor) {
			d := deferred.New[int]()
			r.CallLater(0, func() { d.Callback(1) })
			r.Pump()
		},
		"a callback panicked: ",
	},
	{"an unhandled error", treqtesting.UnhandledErrors,
		func(t testing.TB, r *memory.Reactor) { deferred.Fail[int](errors.New("lost")) },
		func(t testing.TB, r *memory.Reactor) { ignore(deferred.Fail[int](errors.New("lost"))) },
		"nothing handles the error of a Deferred: lost",
	},
	{"a Deferred that waits", treqtesting.WaitingDeferreds,
		func(t testing.TB, r *memory.Reactor) { ignore(deferred.New[string]()) },
		func(t testing.TB, r *memory.Reactor) {
			d := deferred.New[string]()
			ignore(d)
			r.CallLater(time.Minute, func() { d.Callback("") }) // while it settles
		},
		"a Deferred has not fired: ",
	},
	{"a coroutine that waits", treqtesting.WaitingDeferreds,
		func(t testing.TB, r *memory.Reactor) {
			lock := new(deferred.DeferredLock)
			ignore(lock.Acquire())
			ignore(deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, lock.Acquire())
				return 0, nil
			}))
		},
		func(t testing.TB, r *memory.Reactor) {
			lock := new(deferred.DeferredLock)
			ignore(lock.Acquire())
			ignore(deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, lock.Acquire())
				return 0, nil
			}))
			lock.Release()
		},
		"a Deferred has not fired: ",
	},
	{"a connection", treqtesting.OpenConnections,
		func(t testing.TB, r *memory.Reactor) { connect(t, r, func(reactor.Transport) {}) },
		func(t testing.TB, r *memory.Reactor) {
			connect(t, r, func(transport reactor.Transport) { transport.LoseConnection() })
		},
		"left behind: a connection",
	},
	{"an attempt to connect", treqtesting.OpenConnections,
		func(t testing.TB, r *memory.Reactor) {
			r.HoldConnects()
			r.ConnectTCP("10.0.0.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &memory.Recorder{} }), reactor.ConnectConfig{Timeout: -1})
		},
		func(t testing.TB, r *memory.Reactor) {
			r.HoldConnects()
			d := r.ConnectTCP("10.0.0.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &memory.Recorder{} }), reactor.ConnectConfig{Timeout: -1})
			ignore(d)
			d.Cancel()
		},
		"left behind: an attempt to connect",
	},
	{"a delayed call", treqtesting.PendingCalls,
		func(t testing.TB, r *memory.Reactor) { r.CallLater(time.Hour, func() {}) },
		func(t testing.TB, r *memory.Reactor) { r.CallLater(time.Minute, func() {}) },
		"left behind: a delayed call",
	},
}

// connect connects two protocols, and passes the client's transport to connected.
func connect(t testing.TB, r *memory.Reactor, connected func(reactor.Transport)) {
	factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &memory.Recorder{} })
	if _, err := r.ListenTCP("10.0.0.1:80", factory); err != nil {
		t.Fatal(err)
	}
	ignore(r.ConnectTCP("10.0.0.1:80", factory, reactor.ConnectConfig{}).AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
		connected(p.(*memory.Recorder).Transport)
		return p, nil
	}))
	r.Pump()
}

var lines = regexp.MustCompile(`go:[0-9]+`)

// TestExploreChecks: each check finds its wrong program, says so, is silent on the right one, and can be
// switched off.
func TestExploreChecks(t *testing.T) {
	for _, test := range checks {
		t.Run(test.name, func(t *testing.T) {
			e := treqtesting.Exploration{Runs: 3, MaxTurns: 1000}
			found := treqtesting.Search(t, e, test.wrong).Finding
			if found == nil {
				t.Fatal("the wrong program is right")
			}
			if first := lines.ReplaceAllString(found.Failures[0], "go:N"); !strings.HasPrefix(first, test.want) {
				t.Errorf("the failures are %q, want %q", found.Failures, test.want)
			}
			if found.Run != 1 || len(found.Choices) != 0 || strings.Contains(found.Report, "not deterministic") {
				t.Errorf("run %d, choices %q:\n%s", found.Run, found.Choices, found.Report)
			}
			if found := treqtesting.Search(t, e, test.right).Finding; found != nil {
				t.Errorf("the right program is wrong:\n%s", found.Report)
			}
			if test.check == 0 {
				return
			}
			e.Unchecked = test.check
			if found := treqtesting.Search(t, e, test.wrong).Finding; found != nil {
				t.Errorf("without the check:\n%s", found.Report)
			}
			e.Unchecked = ^test.check
			if treqtesting.Search(t, e, test.wrong).Finding == nil {
				t.Error("another check is needed, too")
			}
		})
	}
}
