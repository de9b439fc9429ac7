package reactor_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// Contexts that the loop watches. A reactor in memory waits for no other goroutine, so it
// sees an end that came before the turn.
var contextCases = []conformanceCase{
	{"another goroutine ends the context", none, contextEnds},
	{"a call of the loop ends the context", none, contextEndsOnLoop},
	{"the context has ended before", none, contextEnded},
	{"stopped", none, contextStopped},
	{"contexts of other types", none, contextsOfOtherTypes},
	{"the functions keep their order", none, contextOrder},
	{"a function panics", none, contextPanic},
	{"nothing is left", none, contextNothingLeft},
	{"nil", none, contextNil},
	{"a Deferred with a context", none, contextOfDeferred},
}

func contextEnds(f *fixture) {
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	f.WatchContext(ctx, func() {
		if calls++; !f.OnLoop() {
			f.Error("not on the loop")
		}
		f.Stop()
	})
	f.Iterate(0)
	if calls != 0 {
		f.Error("called before the end")
	}
	done := make(chan bool)
	go func() {
		cancel()
		close(done)
	}()
	if f.memory != nil {
		<-done
	}
	f.run()
	<-done
	if f.Iterate(0); calls != 1 {
		f.Errorf("%d calls", calls)
	}
}

func contextEndsOnLoop(f *fixture) {
	ctx, cancel := context.WithCancel(context.Background())
	inside := false
	f.WatchContext(ctx, func() {
		if inside {
			f.Error("called by cancel")
		}
		f.Stop()
	})
	f.CallLater(time.Millisecond, func() {
		inside = true
		cancel()
		inside = false
	})
	f.run()
}

func contextEnded(f *fixture) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	inside := true
	f.WatchContext(ctx, func() {
		if inside {
			f.Error("called by WatchContext")
		}
		f.Stop()
	})
	inside = false
	f.run()
}

// contextStopped: a function that is stopped is not called, even if the context has ended in
// between.
func contextStopped(f *fixture) {
	for _, late := range []bool{false, true} {
		ctx, cancel := context.WithCancel(context.Background())
		stop := f.WatchContext(ctx, func() { f.Errorf("called, late %v", late) })
		if late {
			cancel()
		}
		stop()
		stop()
		cancel()
	}
	called := false
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.WatchContext(ctx, func() { called = true })
	cancel()
	f.iterateUntil(func() bool { return called })
	f.Iterate(0)
}

// An ownContext is a context of another type than those of package context, with its AfterFunc
// or without.
type ownContext struct {
	context.Context
	done chan struct{}
	mu   sync.Mutex
	err  error
}

func (c *ownContext) Done() <-chan struct{} { return c.done }

func (c *ownContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *ownContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = context.Canceled
	close(c.done)
}

type afterFuncContext struct {
	*ownContext
	after func()
}

func (c *afterFuncContext) AfterFunc(f func()) func() bool {
	c.after = f
	return func() bool {
		stopped := c.after != nil
		c.after = nil
		return stopped
	}
}

func contextsOfOtherTypes(f *fixture) {
	newContext := func() *ownContext {
		return &ownContext{Context: context.Background(), done: make(chan struct{})}
	}
	plain, stopped := newContext(), newContext()
	after := &afterFuncContext{ownContext: newContext()}
	var called []string
	f.WatchContext(plain, func() { called = append(called, "plain") })
	f.WatchContext(after, func() { called = append(called, "after") })
	f.WatchContext(stopped, func() { called = append(called, "stopped") })() // its goroutine ends
	f.WatchContext(context.Background(), func() { called = append(called, "background") })
	plain.end()
	f.iterateUntil(func() bool { return slices.Equal(called, []string{"plain"}) })
	after.end()
	if after.after != nil {
		after.after()
	}
	f.iterateUntil(func() bool { return slices.Equal(called, []string{"plain", "after"}) })
}

// contextOrder: when a context ends, the loop in memory calls the functions in the order of the
// calls of WatchContext. A function may stop the next, and watch again.
func contextOrder(f *fixture) {
	if f.memory == nil {
		f.Skip("the goroutines of package context run in any order")
	}
	ctx, cancel := context.WithCancel(context.Background())
	var called []int
	var stops [5]func()
	for i := range stops {
		stops[i] = f.WatchContext(ctx, func() {
			called = append(called, i)
			switch i {
			case 1:
				stops[2]()
			case 3:
				f.WatchContext(ctx, func() { called = append(called, 9) })
			}
		})
	}
	cancel()
	f.memory.Pump()
	if want := []int{0, 1, 3, 4, 9}; !slices.Equal(called, want) {
		f.Errorf("called %v, want %v", called, want)
	}
}

func contextPanic(f *fixture) {
	ctx, cancel := context.WithCancel(context.Background())
	called := false
	f.WatchContext(ctx, func() { panic("on purpose") })
	cancel()
	f.iterateUntil(func() bool { return f.log.String() != "" })
	if text := f.log.Take(); !strings.Contains(text, "panic in a function of WatchContext") {
		f.Errorf("logged %s", text)
	}
	f.WatchContext(ctx, func() { called = true })
	f.iterateUntil(func() bool { return called })
}

// contextNothingLeft: after stop, neither the loop nor the context refers to the function.
func contextNothingLeft(f *fixture) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	goroutines := runtime.NumGoroutine()
	var kept []weak.Pointer[[1 << 10]byte]
	for range 100 {
		object := new([1 << 10]byte)
		kept = append(kept, weak.Make(object))
		f.WatchContext(ctx, func() { object[0]++ })()
	}
	if n := runtime.NumGoroutine(); n != goroutines {
		f.Errorf("%d goroutines, %d before", n, goroutines)
	}
	f.Iterate(0)
	runtime.GC()
	for i, object := range kept {
		if object.Value() != nil {
			f.Fatalf("the function of call %d is reachable", i)
		}
	}
	runtime.KeepAlive(ctx)
}

func contextNil(f *fixture) {
	for name, call := range map[string]func(){
		"context":  func() { f.WatchContext(context.Context(nil), func() {}) },
		"function": func() { f.WatchContext(context.Background(), nil) },
	} {
		if got := panicOf(call); !strings.Contains(got, "WatchContext with a nil context or function") {
			f.Errorf("a nil %s: panic %q", name, got)
		}
	}
}

// A Deferred with a context is cancelled in the turn after the end.
func contextOfDeferred(f *fixture) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	d := deferred.New[int]().AddContext(ctx, f)
	var got error
	d.AddErrback(func(err error) (int, error) {
		if got = err; !f.OnLoop() {
			f.Error("not on the loop")
		}
		f.Stop()
		return 0, nil
	})
	cancel(cause)
	if got != nil {
		f.Error("cancelled by the goroutine that ends the context")
	}
	if f.memory != nil {
		f.memory.Pump()
	} else {
		f.run()
	}
	if !errors.Is(got, cause) || !errors.Is(got, deferred.ErrCancelled) {
		f.Errorf("got %v", got)
	}
}
