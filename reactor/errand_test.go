package reactor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// errands are two loops that the test turns one after the other.
type errands struct{ mine, theirs *memory.Reactor }

func newErrands() errands { return errands{memory.New(), memory.New()} }

func (e errands) pump() {
	for range 3 {
		e.theirs.Pump()
		e.mine.Pump()
	}
}

func TestDeferToLoop(t *testing.T) {
	why := errors.New("why")
	for name, test := range map[string]struct {
		f    func() *deferred.Deferred[string]
		want string
		err  string
	}{
		"a value":  {func() *deferred.Deferred[string] { return deferred.Succeed("text") }, "text", "<nil>"},
		"an error": {func() *deferred.Deferred[string] { return deferred.Fail[string](why) }, "", "why"},
		"a panic":  {func() *deferred.Deferred[string] { panic("oh") }, "", "panic: oh"},
		"nothing":  {func() *deferred.Deferred[string] { return nil }, "", "returned a nil Deferred"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newErrands()
			calls := 0
			d := reactor.DeferToLoop(e.mine, e.theirs.Loop, func() *deferred.Deferred[string] {
				calls++
				return test.f()
			})
			e.mine.Pump()
			if calls != 0 || d.Called() {
				t.Fatal("the other loop has not turned")
			}
			e.theirs.Pump()
			if calls != 1 || d.Called() {
				t.Fatalf("%d calls; fired before the first loop turned: %v", calls, d.Called())
			}
			e.mine.Pump()
			value, err, fired := result(d)
			if text := errorText(err); !fired || value != test.want || !strings.Contains(text, test.err) {
				t.Errorf("%v: %q, %s", fired, value, text)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return "<nil>"
	}
	return err.Error()
}

// TestDeferToOwnLoop: the call is made at once.
func TestDeferToOwnLoop(t *testing.T) {
	r := memory.New()
	for _, from := range []reactor.Reactor{r, r.Loop} {
		value, err, fired := result(reactor.DeferToLoop(from, r.Loop, func() *deferred.Deferred[int] { return deferred.Succeed(1) }))
		if !fired || value != 1 || err != nil {
			t.Errorf("%v: %d, %v", fired, value, err)
		}
	}
}

// TestDeferToLoopCancelled: the other loop's Deferred is cancelled too, or never made.
func TestDeferToLoopCancelled(t *testing.T) {
	e := newErrands()
	calls, cancels := 0, 0
	call := func() *deferred.Deferred[int] {
		return reactor.DeferToLoop(e.mine, e.theirs.Loop, func() *deferred.Deferred[int] {
			calls++
			return deferred.NewCancellable(func(*deferred.Deferred[int]) { cancels++ })
		})
	}
	d := call()
	e.pump()
	d.Cancel()
	if _, err, fired := result(d); !fired || err != deferred.ErrCancelled {
		t.Errorf("fired: %v, %v", fired, err)
	}
	e.pump()
	if calls != 1 || cancels != 1 {
		t.Errorf("%d calls, %d cancels", calls, cancels)
	}
	d = call()
	d.Cancel()
	result(d)
	e.pump()
	if calls != 1 || cancels != 1 {
		t.Errorf("cancelled at once: %d calls, %d cancels", calls, cancels)
	}
}

// TestDeferToLoopThatEnds: whichever loop ends, the Deferred fails.
func TestDeferToLoopThatEnds(t *testing.T) {
	for name, end := range map[string]func(e errands){
		"the other":     func(e errands) { e.theirs.Close() },
		"its own":       func(e errands) { e.mine.Close() },
		"both":          func(e errands) { e.theirs.Close(); e.mine.Close() },
		"both, reverse": func(e errands) { e.mine.Close(); e.theirs.Close() },
	} {
		for _, begun := range []bool{true, false} {
			e := newErrands()
			d := reactor.DeferToLoop(e.mine, e.theirs.Loop, func() *deferred.Deferred[int] { return deferred.New[int]() })
			if begun {
				e.pump()
			}
			end(e)
			e.mine.Iterate(0)
			if _, err, fired := result(d); !fired || err != reactor.ErrStopped {
				t.Errorf("%s, begun %v: fired %v, %v", name, begun, fired, err)
			}
		}
	}
	e := newErrands()
	e.theirs.Close()
	if _, err, fired := result(reactor.DeferToLoop(e.mine, e.theirs.Loop, func() *deferred.Deferred[int] { return nil })); !fired || err != reactor.ErrStopped {
		t.Errorf("of a loop that has ended: fired %v, %v", fired, err)
	}
}

// TestDeferToLoopThatRunsAgain: a call that has failed is not made when the loop runs again.
func TestDeferToLoopThatRunsAgain(t *testing.T) {
	mine, theirs := memory.New(), reactor.New()
	defer theirs.Close()
	calls := 0
	var d *deferred.Deferred[int]
	theirs.CallWhenRunning(func() {
		theirs.Crash()
		d = reactor.DeferToLoop(mine, theirs, func() *deferred.Deferred[int] { calls++; return deferred.Succeed(1) })
	})
	theirs.Run()
	mine.Iterate(0)
	if _, err, fired := result(d); !fired || err != reactor.ErrStopped {
		t.Errorf("fired %v, %v", fired, err)
	}
	theirs.CallWhenRunning(func() { theirs.Stop() })
	theirs.Run()
	if calls != 0 {
		t.Errorf("%d calls", calls)
	}
}
