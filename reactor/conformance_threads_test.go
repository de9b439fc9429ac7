package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// Other goroutines. The reactor in memory has none and waits for none, so some
// cases are for real loops only.
var threadCases = []conformanceCase{
	{"CallFromThread keeps each goroutine's order", none, callFromThreadOrder},
	{"CallFromThread wakes the loop", none, callFromThreadWakes},
	{"CallFromThread on the loop", none, callFromThreadOnLoop},
	{"nil functions", none, nilFunctions},
	{"OnLoop", none, onLoop},
	{"DeferToThread", none, deferToThread},
	{"DeferToThread, cancelled", none, deferToThreadCancelled},
	{"the pool is bounded", none, poolIsBounded},
	{"Close waits for the pool", none, closeWaitsForPool},
	{"BlockingCallFromThread", none, blockingCall},
	{"BlockingCallFromThread, context", none, blockingCallContext},
	{"BlockingCallFromThread, loop ends", none, blockingCallLoopEnds},
	{"BlockingCallFromThread on the loop", none, blockingCallOnLoop},
	{"BlockingCallFromThread before Run", none, blockingCallBeforeRun},
	{"BlockingCallFromThread after Close", none, blockingCallAfterClose},
}

func (f *fixture) realLoopsOnly() {
	if f.memory != nil {
		f.Skip("the reactor in memory does not wait for other goroutines")
	}
}

func callFromThreadOrder(f *fixture) {
	const goroutines, each = 8, 500
	var others sync.WaitGroup
	var last [goroutines]int
	made := 0
	for g := range goroutines {
		others.Go(func() {
			for i := range each {
				f.CallFromThread(func() {
					if last[g] != i {
						f.Errorf("call %d of goroutine %d was made as its %dth", i, g, last[g])
					}
					last[g]++
					if made++; made == goroutines*each {
						f.Stop()
					}
				})
			}
		})
	}
	if f.memory != nil {
		others.Wait()
	}
	f.run()
	others.Wait()
}

// callFromThreadWakes makes goroutines wait for each of their calls. No call may be
// left in the queue while the loop sleeps.
func callFromThreadWakes(f *fixture) {
	f.realLoopsOnly()
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for range 500 {
				called := make(chan struct{})
				f.CallFromThread(func() { close(called) })
				<-called
			}
		})
	}
	go func() {
		others.Wait()
		f.CallFromThread(func() { f.Stop() })
	}()
	f.run()
}

func callFromThreadOnLoop(f *fixture) {
	var got []string
	f.CallWhenRunning(func() {
		f.CallFromThread(func() {
			got = append(got, "second")
			f.CallFromThread(func() {
				got = append(got, "third")
				f.Stop()
			})
		})
		got = append(got, "first")
	})
	f.run()
	if want := []string{"first", "second", "third"}; !slices.Equal(got, want) {
		f.Errorf("called %v, want %v", got, want)
	}
}

func nilFunctions(f *fixture) {
	mustPanic(f, "CallFromThread", func() { f.CallFromThread(nil) })
	mustPanic(f, "CallInThread", func() { f.CallInThread(nil) })
	mustPanic(f, "CallWhenRunning", func() { f.CallWhenRunning(nil) })
	mustPanic(f, "CallLater", func() { f.CallLater(0, nil) })
	mustPanic(f, "DeferToThread", func() { reactor.DeferToThread[int](f, nil) })
	mustPanic(f, "BlockingCallFromThread", func() {
		reactor.BlockingCallFromThread[int](context.Background(), f, nil)
	})
	mustPanic(f, "AddSystemEventTrigger", func() { f.AddSystemEventTrigger(reactor.Before, reactor.Startup, nil) })
	mustPanic(f, "AddSystemEventTrigger", func() { f.AddSystemEventTrigger(7, reactor.Startup, trigger(oops)) })
	mustPanic(f, "SuggestThreadPoolSize", func() { f.SuggestThreadPoolSize(0) })
}

func onLoop(f *fixture) {
	if f.OnLoop() {
		f.Error("on the loop before Run")
	}
	f.CallWhenRunning(func() {
		if !f.OnLoop() {
			f.Error("not on the loop")
		}
		pull(func() {
			if !f.OnLoop() {
				f.Error("a coroutine is not on the loop")
			}
		})
		elsewhere := make(chan bool)
		go func() { elsewhere <- f.OnLoop() }()
		if <-elsewhere {
			f.Error("another goroutine is on the loop")
		}
		f.Stop()
	})
	f.run()
	if f.OnLoop() {
		f.Error("on the loop after Run")
	}
}

func deferToThread(f *fixture) {
	failed := errors.New("failed")
	value := outcome.Of(reactor.DeferToThread(f, func() (string, error) { return "value", nil }))
	err := outcome.Of(reactor.DeferToThread(f, func() (string, error) { return "", failed }))
	panicked := outcome.Of(reactor.DeferToThread(f, func() (string, error) { panic("oops") }))
	f.SuggestThreadPoolSize(1)
	reactor.DeferToThread(f, func() (string, error) { return "", nil }).AddCallback(func(s string) (string, error) {
		if !f.OnLoop() {
			f.Error("fired on another goroutine")
		}
		f.CallLater(5*time.Millisecond, func() { f.Stop() })
		return s, nil
	})
	f.run()
	if value.Value != "value" || value.Err != nil {
		f.Errorf("got %+v", value)
	}
	if err.Err != failed {
		f.Errorf("got %+v", err)
	}
	var p *deferred.PanicError
	if !errors.As(panicked.Err, &p) || p.Value != "oops" {
		f.Errorf("got %+v", panicked)
	}
}

func deferToThreadCancelled(f *fixture) {
	release := make(chan struct{})
	if f.memory != nil {
		close(release)
	}
	d := reactor.DeferToThread(f, func() (int, error) {
		<-release
		f.CallFromThread(func() { f.CallLater(0, func() { f.Stop() }) })
		return 1, nil
	})
	d.Cancel()
	o := outcome.Of(d)
	if o.Fired != 1 || !errors.Is(o.Err, deferred.ErrCancelled) {
		f.Errorf("got %+v", o)
	}
	if f.memory == nil {
		close(release)
	}
	f.run()
}

func poolIsBounded(f *fixture) {
	f.realLoopsOnly()
	f.SuggestThreadPoolSize(2)
	var now, most atomic.Int32
	gate := make(chan struct{})
	run := func() {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-gate
		now.Add(-1)
	}
	var others sync.WaitGroup
	others.Add(20)
	for range 20 {
		f.CallInThread(func() {
			defer others.Done()
			run()
		})
	}
	gate <- struct{}{}
	gate <- struct{}{}
	if n := most.Load(); n > 2 {
		f.Errorf("%d functions ran at a time, of at most 2", n)
	}
	f.SuggestThreadPoolSize(5)
	for end := time.Now().Add(10 * time.Second); now.Load() != 5; runtime.Gosched() {
		if time.Now().After(end) {
			f.Fatalf("%d functions run at a time, of 5 that may", now.Load())
		}
	}
	f.SuggestThreadPoolSize(1)
	close(gate)
	others.Wait()
	if n := most.Load(); n > 5 {
		f.Errorf("%d functions ran at a time, of at most 5", n)
	}
}

func closeWaitsForPool(f *fixture) {
	f.realLoopsOnly()
	f.SuggestThreadPoolSize(1)
	done := 0 // Close orders the accesses
	for range 3 {
		f.CallInThread(func() { done++ })
	}
	f.Close()
	if done != 3 {
		f.Errorf("%d functions were called before Close returned, want 3", done)
	}
}

// elsewhere calls g on another goroutine while the loop runs, and returns when both
// have ended.
func (f *fixture) elsewhere(g func()) {
	var other sync.WaitGroup
	f.CallWhenRunning(func() {
		other.Go(func() {
			defer f.CallFromThread(func() { f.Stop() })
			g()
		})
	})
	f.run()
	other.Wait()
}

func blockingCall(f *fixture) {
	f.realLoopsOnly()
	failed := errors.New("failed")
	f.elsewhere(func() {
		for _, c := range []struct {
			name  string
			call  func() *deferred.Deferred[string]
			value string
			check func(error) bool
		}{
			{"a value", func() *deferred.Deferred[string] { return deferred.Succeed("value") }, "value",
				func(err error) bool { return err == nil }},
			{"a value later", func() *deferred.Deferred[string] {
				d := deferred.New[string]()
				f.CallLater(2*time.Millisecond, func() { d.Callback("later") })
				return d
			}, "later", func(err error) bool { return err == nil }},
			{"an error", func() *deferred.Deferred[string] { return deferred.Fail[string](failed) }, "",
				func(err error) bool { return err == failed }},
			{"a panic", func() *deferred.Deferred[string] { panic("oops") }, "",
				func(err error) bool { return errors.As(err, new(*deferred.PanicError)) }},
		} {
			value, err := reactor.BlockingCallFromThread(context.Background(), f, c.call)
			if value != c.value || !c.check(err) {
				f.Errorf("%s: got %q, %v", c.name, value, err)
			}
		}
	})
}

func blockingCallContext(f *fixture) {
	f.realLoopsOnly()
	f.elsewhere(func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("why")
		gone := make(chan struct{})
		_, err := reactor.BlockingCallFromThread(ctx, f, func() *deferred.Deferred[int] {
			cancel(why)
			return deferred.NewCancellable(func(*deferred.Deferred[int]) { close(gone) })
		})
		if err != why {
			f.Errorf("got %v, want %v", err, why)
		}
		<-gone // the Deferred was cancelled
		_, err = reactor.BlockingCallFromThread(ctx, f, func() *deferred.Deferred[int] {
			f.Error("called for a context that has ended")
			return nil
		})
		if err != why {
			f.Errorf("got %v, want %v", err, why)
		}
	})
}

func blockingCallLoopEnds(f *fixture) {
	f.realLoopsOnly()
	gone := false
	f.elsewhere(func() {
		_, err := reactor.BlockingCallFromThread(context.Background(), f, func() *deferred.Deferred[int] {
			f.Stop()
			return deferred.NewCancellable(func(*deferred.Deferred[int]) { gone = true })
		})
		if err != reactor.ErrStopped {
			f.Errorf("got %v, want %v", err, reactor.ErrStopped)
		}
	})
	f.CallFromThread(func() { f.CallLater(0, func() { f.Stop() }) })
	f.run()
	if !gone {
		f.Error("the Deferred was not cancelled when the loop ran again")
	}
}

func blockingCallOnLoop(f *fixture) {
	f.CallWhenRunning(func() {
		_, err := reactor.BlockingCallFromThread(context.Background(), f, func() *deferred.Deferred[int] {
			f.Error("called")
			return nil
		})
		if err != reactor.ErrOnLoop {
			f.Errorf("got %v, want %v", err, reactor.ErrOnLoop)
		}
		f.Stop()
	})
	f.run()
}

func blockingCallBeforeRun(f *fixture) {
	f.realLoopsOnly()
	begun, got := make(chan struct{}), make(chan string)
	go func() {
		close(begun)
		value, err := reactor.BlockingCallFromThread(context.Background(), f, func() *deferred.Deferred[string] {
			f.CallLater(0, func() { f.Stop() })
			return deferred.Succeed("value")
		})
		got <- fmt.Sprint(value, err)
	}()
	<-begun
	f.run()
	if v := <-got; v != "value<nil>" {
		f.Errorf("got %s", v)
	}
}

func blockingCallAfterClose(f *fixture) {
	f.Close()
	if err := f.Run(); !errors.Is(err, reactor.ErrStopped) {
		f.Errorf("Run: %v", err)
	}
	_, err := reactor.BlockingCallFromThread(context.Background(), f, func() *deferred.Deferred[int] { return nil })
	if err != reactor.ErrStopped {
		f.Errorf("BlockingCallFromThread: %v", err)
	}
}
