package task_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// TestPanicsHaveAPlace: the error of a panic in each function that this package calls names
// the place in that function, and has its stack once.
func TestPanicsHaveAPlace(t *testing.T) {
	type none = deferred.None
	for name, begin := range map[string]func(r *memory.Reactor, f func()) *deferred.Deferred[none]{
		"a step": func(r *memory.Reactor, f func()) *deferred.Deferred[none] {
			return task.NewCooperator(r, task.CooperatorConfig{}).Coiterate(func() (task.Wait, error) { f(); return nil, nil })
		},
		"an iterator": func(r *memory.Reactor, f func()) *deferred.Deferred[none] {
			c := task.NewCooperator(r, task.CooperatorConfig{})
			return c.CooperateSeq(func(yield func(task.Wait) bool) { f() }).WhenDone()
		},
		"an iterator, later": func(r *memory.Reactor, f func()) *deferred.Deferred[none] {
			c := task.NewCooperator(r, task.CooperatorConfig{})
			return c.CooperateSeq(func(yield func(task.Wait) bool) {
				yield(task.DeferLater(r, second, func() (none, error) { return none{}, nil }))
				f()
			}).WhenDone()
		},
		"a LoopingCall": func(r *memory.Reactor, f func()) *deferred.Deferred[none] {
			return task.NewLoopingCall(r, f).Start(second, false)
		},
		"a LoopingCall with a count": func(r *memory.Reactor, f func()) *deferred.Deferred[none] {
			return task.WithCount(r, func(int) { f() }).Start(second, true)
		},
		"DeferLater": func(r *memory.Reactor, f func()) *deferred.Deferred[none] {
			return task.DeferLater(r, second, func() (none, error) { f(); return none{}, nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := memory.New()
			o := outcome.Of(begin(r, func() { panicHere() }))
			r.RunFor(10 * second)
			var p *deferred.PanicError
			if !errors.As(o.Err, &p) {
				t.Fatalf("got %v", o.Err)
			}
			if !strings.HasPrefix(p.Place(), "place_test.go:") || !strings.Contains(p.Trace(), "task_test.panicHere") ||
				strings.Count(p.Trace(), "goroutine ") > 2 {
				t.Errorf("at %s\n%s", p.Place(), p.Trace())
			}
		})
	}
}

//go:noinline
func panicHere() { panic("here") }
