package reactor_test

import (
	"context"
	"iter"
	"maps"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// pull calls f in a coroutine of package iter.
func pull(f func()) {
	next, stop := iter.Pull(func(func(int) bool) { f() })
	defer stop()
	next()
}

func pull2(f func()) {
	next, stop := iter.Pull2(func(func(int, int) bool) { f() })
	defer stop()
	next()
}

func goCoroutine(f func()) {
	deferred.Go(func(*deferred.Co) (int, error) { f(); return 0, nil })
}

func elsewhere(f func()) {
	done := make(chan bool)
	go func() { defer close(done); f() }()
	<-done
}

func deep(depth int, f func()) {
	if depth == 0 {
		f()
		return
	}
	deep(depth-1, f)
}

// orphan calls f in a coroutine whose creator, a coroutine too, has ended.
func orphan(f func()) {
	var next func() (int, bool)
	pull(func() { next, _ = iter.Pull(func(func(int) bool) { f() }) })
	next()
}

// TestOnLoopInACoroutine: a coroutine that runs on the loop's goroutine is on the loop,
// and no other one is. Each row calls its function in a callback of the loop.
func TestOnLoopInACoroutine(t *testing.T) {
	for _, test := range []struct {
		name string
		call func(f func())
		want bool
	}{
		{"the callback", func(f func()) { f() }, true},
		{"iter.Pull", pull, true},
		{"iter.Pull2", pull2, true},
		{"deferred.Go", goCoroutine, true},
		{"a task", func(f func()) { coro.New(nil, func(*coro.Task) { f() }).Resume() }, true},
		{"a resumed task", func(f func()) {
			task := coro.New(nil, func(task *coro.Task) { task.Wait(); f() })
			task.Resume()
			task.Resume()
		}, true},
		{"three in each other", func(f func()) { pull(func() { goCoroutine(func() { pull2(f) }) }) }, true},
		{"the creator has ended", orphan, true},
		{"the creators have ended", func(f func()) { orphan(func() { orphan(f) }) }, true},
		{"a deep stack", func(f func()) { pull(func() { deep(1000, f) }) }, true},
		{"a deep stack of the loop", func(f func()) { deep(1000, f) }, true},
		{"created elsewhere", func(f func()) {
			var task *coro.Task
			elsewhere(func() { task = coro.New(nil, func(*coro.Task) { f() }) })
			task.Resume()
		}, true},
		{"a goroutine", elsewhere, false},
		{"a goroutine with a deep stack", func(f func()) { elsewhere(func() { deep(1000, f) }) }, false},
		{"a goroutine of a coroutine", func(f func()) { pull(func() { elsewhere(f) }) }, false},
		{"a coroutine of a goroutine", func(f func()) { elsewhere(func() { pull(f) }) }, false},
		{"coroutines of a goroutine", func(f func()) { elsewhere(func() { pull(func() { pull(f) }) }) }, false},
		{"a coroutine of a goroutine, its creator has ended", func(f func()) { elsewhere(func() { orphan(f) }) }, false},
		{"a coroutine of a goroutine of a coroutine", func(f func()) { pull(func() { elsewhere(func() { pull(f) }) }) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			called := false
			r.CallWhenRunning(func() {
				test.call(func() {
					called = true
					if got := r.OnLoop(); got != test.want {
						t.Errorf("OnLoop: %v, want %v", got, test.want)
					}
					if !test.want {
						return // the call would wait for the loop, which waits for this row
					}
					_, err := reactor.BlockingCallFromThread(context.Background(), r, func() *deferred.Deferred[int] { return nil })
					if err != reactor.ErrOnLoop {
						t.Errorf("BlockingCallFromThread: %v", err)
					}
				})
				r.Stop()
			})
			if err := r.Run(); err != nil {
				t.Error(err)
			}
			if !called {
				t.Error("the function was not called")
			}
		})
	}
}

// Two loops run at the same time, each in a coroutine. Neither coroutine is on the
// other's loop.
func TestOnLoopOfTwoLoops(t *testing.T) {
	for _, nested := range []bool{false, true} {
		a, b := memory.New(), memory.New()
		inA, inB := make(chan bool), make(chan bool)
		run := func(own, other *memory.Reactor, arrived, otherArrived chan bool) {
			own.CallWhenRunning(func() {
				call := pull
				if nested {
					call = func(f func()) { pull(func() { pull(f) }) }
				}
				call(func() {
					close(arrived)
					<-otherArrived
					if !own.OnLoop() || other.OnLoop() {
						t.Errorf("nested %v: own %v, other %v", nested, own.OnLoop(), other.OnLoop())
					}
				})
				own.Stop()
			})
			if err := own.Run(); err != nil {
				t.Error(err)
			}
		}
		done := make(chan bool)
		go func() { defer close(done); run(b, a, inB, inA) }()
		run(a, b, inA, inB)
		<-done
	}
}

// TestOnLoopOfTurnsElsewhere: the goroutine that runs a turn is the loop's in that turn,
// whichever goroutine ran the turns before.
func TestOnLoopOfTurnsElsewhere(t *testing.T) {
	drivers := map[string]func(l loop){"Iterate": func(l loop) { l.Iterate(time.Second) }}
	inMemory := map[string]func(r *memory.Reactor){
		"Pump":    func(r *memory.Reactor) { r.Pump() },
		"Advance": func(r *memory.Reactor) { r.Advance(time.Second) },
		"RunFor":  func(r *memory.Reactor) { r.RunFor(time.Second) },
	}
	for _, r := range reactors {
		all := maps.Clone(drivers)
		for name, drive := range inMemory {
			if r.name == "memory" {
				all[name] = func(l loop) { drive(l.(*memory.Reactor)) }
			}
		}
		for name, drive := range all {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				l := r.new()
				defer l.Close()
				called := 0
				turn := func() {
					for _, call := range []func(f func()){func(f func()) { f() }, goCoroutine} {
						l.CallLater(0, func() {
							call(func() {
								called++
								_, err := reactor.BlockingCallFromThread(context.Background(), l, func() *deferred.Deferred[int] { return nil })
								if !l.OnLoop() || err != reactor.ErrOnLoop {
									t.Errorf("OnLoop %v, BlockingCallFromThread: %v", l.OnLoop(), err)
								}
							})
						})
					}
					drive(l)
				}
				turn()
				elsewhere(turn)
				elsewhere(turn)
				turn()
				if called != 8 {
					t.Errorf("%d calls", called)
				}
			})
		}
	}
}

// A reactor that has never run has no goroutine.
func TestOnLoopBeforeRun(t *testing.T) {
	r := memory.New()
	pull(func() {
		if r.OnLoop() {
			t.Error("on the loop of a reactor that does not run")
		}
	})
}

func BenchmarkOnLoop(b *testing.B) {
	for _, bench := range []struct {
		name string
		call func(f func())
	}{
		{"loop", func(f func()) { f() }},
		{"loop, deep", func(f func()) { deep(1000, f) }},
		{"coroutine", pull},
		{"coroutine of a coroutine", func(f func()) { pull(func() { pull(f) }) }},
		{"goroutine", elsewhere},
		{"goroutine, deep", func(f func()) { elsewhere(func() { deep(1000, f) }) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			r := memory.New()
			r.CallWhenRunning(func() {
				bench.call(func() {
					for b.Loop() {
						r.OnLoop()
					}
				})
				r.Stop()
			})
			if err := r.Run(); err != nil {
				b.Error(err)
			}
		})
	}
}

// While debugging, a check in a coroutine that a coroutine created takes about as long as
// another one, however many coroutines there are.
func TestChecksInNestedCoroutinesDoNotReadAllStacks(t *testing.T) {
	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	r := memory.New()
	ended, all := 0, 1000
	inner := func(co *deferred.Co) (int, error) {
		for range 3 {
			wait := deferred.New[int]()
			r.CallLater(time.Second, func() { wait.Callback(1) })
			deferred.Await(co, wait)
		}
		ended++
		return 1, nil
	}
	for range all {
		r.CallLater(0, func() {
			deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, deferred.Go(inner)) })
			coro.New(nil, func(*coro.Task) { deferred.Go(inner) }).Resume()
		})
	}
	began := time.Now()
	r.RunFor(10 * time.Second)
	if took := time.Since(began); ended != 2*all || took > 10*time.Second { // reading all stacks takes minutes
		t.Errorf("%d coroutines ended, after %v", ended, took)
	}
}
