package reactor_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
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
// from stopping, neither a coroutine nor a chain. What waits at the stop fails, and so does
// an attempt that follows.
func TestRetriesEndWithTheLoop(t *testing.T) {
	defer deferred.SetUnwinder(deferred.SetUnwinder(nil)) // of the default reactor, on its goroutine
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
					t.Run(r.name+"/"+beginName+"/"+retryName+"/"+when, func(t *testing.T) {
						l, stopped := r.new(), 0
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
						if stopped < 2 || stopped > 2000 {
							t.Errorf("%d attempts failed with ErrStopped", stopped)
						}
						l.Close()
						runtime.GC()
						deferred.UnwindAbandoned() // finds a closed loop
						stopped = 0
						start()
						if stopped > 2000 {
							t.Errorf("%d attempts failed after Close", stopped)
						}
					})
				}
			}
		}
	}
}
