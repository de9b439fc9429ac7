package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// TestEnded: the channel of Ended tells of the current Run, of the last one, or of the
// first.
func TestEnded(t *testing.T) {
	for _, r := range reactors {
		t.Run(r.name, func(t *testing.T) {
			l := r.new()
			first := l.Ended()
			var inFirst, second <-chan struct{}
			l.CallWhenRunning(func() {
				inFirst = l.Ended()
				l.CallLater(0, func() { l.Stop() })
			})
			if isClosed(first) {
				t.Error("closed before Run")
			}
			if err := l.Run(); err != nil {
				t.Fatal(err)
			}
			if !isClosed(first) || !isClosed(inFirst) || !isClosed(l.Ended()) {
				t.Errorf("after Run: %v, %v, %v", isClosed(first), isClosed(inFirst), isClosed(l.Ended()))
			}
			done := make(chan error)
			go func() { // does not wait for the next Run
				_, err := reactor.BlockingCallFromThread(context.Background(), l, func() *deferred.Deferred[int] { return deferred.Succeed(1) })
				done <- err
			}()
			if err := <-done; err != reactor.ErrStopped {
				t.Errorf("BlockingCallFromThread between two Runs: %v", err)
			}
			l.CallWhenRunning(func() {
				if second = l.Ended(); isClosed(second) {
					t.Error("closed in the second Run")
				}
				l.CallLater(0, func() { l.Crash() })
			})
			if err := l.Run(); err != nil {
				t.Fatal(err)
			}
			if !isClosed(second) {
				t.Error("not closed after the second Run")
			}
			if err := l.Iterate(0); err != nil && !errors.Is(err, memory.ErrIdle) {
				t.Error(err)
			}
			iterated := l.Ended()
			if isClosed(iterated) {
				t.Error("closed while Iterate drives the loop")
			}
			l.Close()
			if !isClosed(iterated) || !isClosed(l.Ended()) {
				t.Error("not closed after Close")
			}
		})
	}
}

// TestWaitsEndWithTheLoop: what only a running loop fires fails when the loop stops.
func TestWaitsEndWithTheLoop(t *testing.T) {
	waits := map[string]func(r reactor.Reactor, release chan bool) *deferred.Deferred[int]{
		"DeferToThread": func(r reactor.Reactor, release chan bool) *deferred.Deferred[int] {
			return reactor.DeferToThread(r, func() (int, error) { <-release; return 1, nil })
		},
		"LookupHost": func(r reactor.Reactor, release chan bool) *deferred.Deferred[int] {
			return deferred.Map(r.NameResolver().LookupHost("slow.invalid"), func([]netip.Addr) (int, error) { return 0, nil })
		},
		"UntilStopped": func(r reactor.Reactor, release chan bool) *deferred.Deferred[int] {
			return reactor.UntilStopped(r, deferred.FromChannel(r, r.CallInThread, make(chan int)))
		},
		"UntilStopped, never": func(r reactor.Reactor, release chan bool) *deferred.Deferred[int] {
			return reactor.UntilStopped(r, deferred.New[int]())
		},
		"UntilStopped, later handlers": func(r reactor.Reactor, release chan bool) *deferred.Deferred[int] {
			return deferred.Then(reactor.UntilStopped(r, deferred.New[int]()), deferred.Succeed)
		},
	}
	for _, r := range reactors {
		for name, wait := range waits {
			if r.name == "memory" && (name == "DeferToThread" || name == "UntilStopped") {
				continue // f would block the loop
			}
			for _, when := range []string{"Stop", "Close", "in the Shutdown event"} {
				t.Run(r.name+"/"+name+"/"+when, func(t *testing.T) {
					deferred.FailOnUnhandled(t)
					l, release := r.new(), make(chan bool)
					var o *outcome.Result[int]
					begin := func() {
						o = outcome.Of(wait(l, release))
						if o.Fired != 0 && when != "in the Shutdown event" {
							t.Fatalf("fired at once with %v", o.Err)
						}
					}
					switch when {
					case "Stop":
						l.CallLater(0, func() {
							begin()
							l.Stop()
						})
					case "Close":
						begin()
					case "in the Shutdown event":
						l.AddSystemEventTrigger(reactor.After, reactor.Shutdown, func() *deferred.Deferred[deferred.None] {
							begin()
							return nil
						})
						l.CallWhenRunning(func() { l.Stop() })
					}
					if when != "Close" {
						if err := l.Run(); err != nil {
							t.Fatal(err)
						}
						o.WantErrIs(t, reactor.ErrStopped)
					}
					close(release) // Close waits for the functions of CallInThread
					l.Close()
					o.WantErrIs(t, reactor.ErrStopped)
				})
			}
		}
	}
}

// A result before the end of the loop is not affected, and neither is a cancel, nor the
// next Run.
func TestUntilStopped(t *testing.T) {
	r := memory.New()
	defer r.Close()
	fired, failed := deferred.New[int](), deferred.New[int]()
	boom := errors.New("boom")
	value, err := outcome.Of(reactor.UntilStopped(r, fired)), outcome.Of(reactor.UntilStopped(r, failed))
	d := deferred.New[int]()
	cancelled := outcome.Of(reactor.UntilStopped(r, d))
	d.Cancel()
	fired.Callback(5)
	failed.Errback(boom)
	late := deferred.New[int]()
	lateResult := outcome.Of(reactor.UntilStopped(r, late))
	r.CallWhenRunning(func() { r.Stop() })
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	late.Callback(7) // dropped
	value.Want(t, 5, nil)
	err.WantErr(t, boom)
	cancelled.WantErrIs(t, deferred.ErrCancelled)
	lateResult.WantErr(t, reactor.ErrStopped)

	next := outcome.Of(reactor.DeferToThread(r, func() (int, error) { return 9, nil }))
	r.CallLater(time.Second, func() { r.Stop() })
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	next.Want(t, 9, nil)
}

// TestRetriesEndWithTheLoop: code that tries again after each error does not keep the loop
// from stopping, neither a coroutine nor a chain. What waits at the stop fails, and so do
// thousands of attempts that follow. That the last one is abandoned is logged.
func TestRetriesEndWithTheLoop(t *testing.T) {
	unwinder := deferred.SetUnwinder(nil) // of the default reactor, on its goroutine
	defer func() { deferred.SetUnwinder(unwinder) }()
	begins := map[string]func(r reactor.Reactor) *deferred.Deferred[int]{
		"DeferToThread": func(r reactor.Reactor) *deferred.Deferred[int] {
			return reactor.DeferToThread(r, func() (int, error) { return 0, errors.New("again") })
		},
		"LookupHost": func(r reactor.Reactor) *deferred.Deferred[int] {
			return deferred.Map(r.NameResolver().LookupHost("slow.invalid"), func([]netip.Addr) (int, error) { return 0, nil })
		},
		"UntilStopped": func(r reactor.Reactor) *deferred.Deferred[int] {
			return reactor.UntilStopped(r, deferred.New[int]())
		},
		"ConnectTCP": func(r reactor.Reactor) *deferred.Deferred[int] {
			d := r.ConnectTCP("127.0.0.1:1", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return nil }), reactor.ConnectConfig{})
			return deferred.Map(d, func(reactor.Protocol) (int, error) { return 0, nil })
		},
		"ConnectUNIX": func(r reactor.Reactor) *deferred.Deferred[int] {
			d := r.ConnectUNIX("/nobody/listens", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return nil }), reactor.ConnectConfig{})
			return deferred.Map(d, func(reactor.Protocol) (int, error) { return 0, nil })
		},
	}
	// Each retries for ever, and calls failed with each error.
	retries := map[string]func(begin func() *deferred.Deferred[int], failed func(error)){
		"coroutine": func(begin func() *deferred.Deferred[int], failed func(error)) {
			deferred.Go(func(co *deferred.Co) (int, error) {
				for {
					_, err := deferred.Await(co, begin())
					if err == deferred.ErrAbandoned { // the garbage collector has its own time
						return 0, err
					}
					failed(err)
				}
			})
		},
		"chain": func(begin func() *deferred.Deferred[int], failed func(error)) {
			var try func() *deferred.Deferred[int]
			try = func() *deferred.Deferred[int] {
				return begin().ThenErrback(func(err error) *deferred.Deferred[int] {
					failed(err)
					return try()
				})
			}
			try()
		},
	}
	for _, r := range reactors {
		for beginName, begin := range begins {
			for retryName, retry := range retries {
				for _, when := range []string{"running", "stopping", "stopped"} {
					if r.name != systemPoller && when != "running" || r.name == "portable" && !strings.HasPrefix(beginName, "Connect") {
						continue // the others end in the same way, and differ in how something begins
					}
					t.Run(r.name+"/"+beginName+"/"+retryName+"/"+when, func(t *testing.T) {
						l, stopped, log := r.new(), 0, logtest.Capture(t)
						start := func() {
							retry(func() *deferred.Deferred[int] { return begin(l) }, func(err error) {
								if errors.Is(err, reactor.ErrStopped) {
									stopped++
								}
								if stopped > 100_000 {
									t.Fatal("it does not end")
								}
							})
						}
						l.CallWhenRunning(func() {
							switch when {
							case "running":
								start()
							case "stopping":
								reactor.UntilStopped(l, deferred.New[int]()).AddErrback(func(error) (int, error) { start(); return 0, nil })
							case "stopped":
								l.AddSystemEventTrigger(reactor.After, reactor.Shutdown, func() *deferred.Deferred[deferred.None] {
									start()
									return nil
								})
							}
							l.CallLater(0, func() { l.Stop() })
						})
						if err := l.Run(); err != nil {
							t.Fatal(err)
						}
						if stopped < 10_000 || stopped > 40_000 {
							t.Errorf("%d attempts failed with ErrStopped", stopped)
						}
						if text := log.Take(); strings.Count(text, "waits again") != 1 || !strings.Contains(text, "ended_test.go") {
							t.Errorf("logged %q", text)
						}
						l.Close()
						runtime.GC()
						deferred.UnwindAbandoned() // finds a closed loop
					})
				}
			}
		}
	}
}

// TestCleanUpOfManySteps: a clean-up may begin to wait many times in a row, and many
// clean-ups at once. Each step fails with ErrStopped, and its function is called.
func TestCleanUpOfManySteps(t *testing.T) {
	for _, r := range reactors {
		for _, size := range []struct{ cleanUps, steps int }{{1, 20}, {1, 2000}, {100, 20}} {
			t.Run(fmt.Sprintf("%s/%d of %d", r.name, size.cleanUps, size.steps), func(t *testing.T) {
				l, log := r.new(), logtest.Capture(t)
				var called atomic.Int64
				stopped, ended := 0, 0
				cleanUp := func(co *deferred.Co) (int, error) {
					deferred.Await(co, reactor.UntilStopped(l, deferred.New[int]()))
					for range size.steps {
						_, err := deferred.Await(co, reactor.DeferToThread(l, func() (int, error) { called.Add(1); return 0, nil }))
						if errors.Is(err, reactor.ErrStopped) {
							stopped++
						}
					}
					ended++
					return 0, nil
				}
				l.CallWhenRunning(func() {
					for range size.cleanUps {
						deferred.Go(cleanUp)
					}
					l.CallLater(0, func() { l.Stop() })
				})
				if err := l.Run(); err != nil {
					t.Fatal(err)
				}
				if r.name == "memory" {
					l.Iterate(0) // calls what CallInThread got
				}
				l.Close() // waits for it
				want := size.cleanUps * size.steps
				if ended != size.cleanUps || stopped != want || int(called.Load()) != want {
					t.Errorf("%d clean-ups ended, %d steps failed, %d functions were called", ended, stopped, called.Load())
				}
				if text := log.Take(); text != "" {
					t.Errorf("logged %q", text)
				}
			})
		}
	}
}

// TestThreadsOfConnectionLost: at the stop, ConnectionLost may save in a thread what the
// connection has received, for any number of connections.
func TestThreadsOfConnectionLost(t *testing.T) {
	for _, r := range reactors {
		t.Run(r.name, func(t *testing.T) {
			f := newFixture(t, r.new, tcp4)
			var saved atomic.Int64
			var results []*outcome.Result[int]
			client, server := f.probe("client"), f.probe("server")
			client.lost = func(error) {
				results = append(results, outcome.Of(reactor.DeferToThread(f, func() (int, error) { saved.Add(1); return 0, nil })))
			}
			server.lost = client.lost
			client.made = func() { client.Write([]byte("hello")) }
			server.data = func([]byte) { f.Stop() }
			f.join(client, server)
			f.run()
			if f.memory != nil {
				f.Iterate(0)
			}
			f.finish()
			if saved.Load() != 2 || len(results) != 2 {
				t.Errorf("saved %d times, called %d times", saved.Load(), len(results))
			}
			for _, o := range results {
				o.WantErr(t, reactor.ErrStopped)
			}
		})
	}
}

// TestGoexitWhileWaitsEnd: the bound on what begins to wait during a stop is not left to the
// next Run.
func TestGoexitWhileWaitsEnd(t *testing.T) {
	l := memory.New()
	defer l.Close()
	reactor.UntilStopped(l, deferred.New[int]()).AddErrback(func(error) (int, error) {
		runtime.Goexit()
		return 0, nil
	})
	l.CallWhenRunning(func() { l.Stop() })
	exited := make(chan bool)
	go func() {
		defer close(exited)
		l.Run()
	}()
	<-exited
	waiting := 20_000
	l.CallWhenRunning(func() {
		for range waiting {
			reactor.UntilStopped(l, deferred.New[int]()).AddErrback(func(error) (int, error) { waiting--; return 0, nil })
		}
		l.Stop()
	})
	if err := l.Run(); err != nil || waiting != 0 {
		t.Errorf("Run: %v; %d waits did not end", err, waiting)
	}
}

// TestCallsOnAClosedLoop: each call on a closed loop fails at once, however many there are,
// and calls nothing.
func TestCallsOnAClosedLoop(t *testing.T) {
	for _, r := range reactors {
		l := r.new()
		l.Close()
		for name, call := range map[string]func() *deferred.Deferred[int]{
			"DeferToThread": func() *deferred.Deferred[int] {
				return reactor.DeferToThread(l, func() (int, error) { t.Error("called"); return 0, nil })
			},
			"LookupHost": func() *deferred.Deferred[int] {
				return deferred.Map(l.NameResolver().LookupHost("name.invalid"), func([]netip.Addr) (int, error) { return 0, nil })
			},
			"UntilStopped": func() *deferred.Deferred[int] {
				return reactor.UntilStopped(l, deferred.New[int]())
			},
			"ConnectTCP": func() *deferred.Deferred[int] {
				d := l.ConnectTCP("127.0.0.1:1", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return nil }), reactor.ConnectConfig{})
				return deferred.Map(d, func(reactor.Protocol) (int, error) { return 0, nil })
			},
		} {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				const calls = 12_000
				failed := 0
				for range calls {
					call().AddErrback(func(err error) (int, error) {
						if errors.Is(err, reactor.ErrStopped) {
							failed++
						}
						return 0, nil
					})
				}
				if failed != calls {
					t.Errorf("%d of %d calls failed", failed, calls)
				}
			})
		}
		if r.name == "memory" {
			l.Iterate(0)
		}
	}
}
