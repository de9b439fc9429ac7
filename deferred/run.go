package deferred

// This file runs handlers, on a stack of constant depth for a chain of any length.
//
// A handler can make another Deferred ready: the one that waits for its result. The
// handler's link does not call that Deferred but returns it. run advances the
// returned Deferred first, and then continues with the first one.

// runner is a Deferred of any type, or a coroutine, that run can advance. A function
// that gets a runner must pass it to run or return it to run: the runner is already
// marked as running.
type runner interface {
	// advance runs handlers until none is left or due. It stops early to return
	// another runner that a handler has made ready.
	advance() runner
}

// run advances r, and all runners that become ready by that.
func run(r runner) {
	if next := r.advance(); next != nil {
		runAll(r, next)
	}
}

// runAll advances top, then below, and all runners that become ready by that.
func runAll(below, top runner) {
	var space [4]runner // enough for most chains
	stack := append(space[:0], below, top)
	for len(stack) != 0 {
		top := len(stack) - 1
		if next := stack[top].advance(); next != nil {
			stack = append(stack, next)
		} else {
			stack[top] = nil
			stack = stack[:top]
		}
	}
}

// inOrder returns a runner for first and then second, each of which may be nil.
func inOrder(first, second runner) runner {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return &sequence{first, second}
}

// sequence is runners that are due one after another.
type sequence struct{ first, second runner }

func (s *sequence) advance() (next runner) {
	next, s.first, s.second = s.first, s.second, nil
	return next
}

// run runs the handlers of d, and those of all Deferreds that they make ready.
func (d *Deferred[T]) run() {
	if d.due() == nil {
		return
	}
	if next := d.advance(); next != nil {
		runAll(d, next)
	}
}

// due returns d, marked as running, or nil if run has nothing to do for d.
func (d *Deferred[T]) due() runner {
	if d.held() || d.err == nil && !d.pending() {
		return nil
	}
	d.flags |= running
	return d
}

// held reports whether handlers may not run now: d has no result, d is paused, or
// the handlers are running already.
func (d *Deferred[T]) held() bool {
	return d.flags&(called|running|waiting|paused) != called
}

func (d *Deferred[T]) advance() runner {
	for d.pending() && d.flags&(waiting|paused) == 0 {
		if next := d.runUntilPanic(); next != nil {
			return next
		}
	}
	d.flags &^= running
	if d.err != nil && d.flags&(waiting|paused|passedOn) == 0 {
		d.markUnhandled()
	}
	return nil
}

// runUntilPanic runs handlers as advance does, until one panics. The panic becomes
// the result of that handler.
func (d *Deferred[T]) runUntilPanic() (next runner) {
	var current link[T]
	returned := false
	defer func() {
		if returned {
			return
		}
		// recover returns nil for runtime.Goexit (testing's FailNow), which continues.
		if v := recover(); v != nil {
			if to, ok := current.(resultOwner); ok && !to.Called() {
				next = to.fail(NewPanicError(v))
			} else {
				d.set(d.value, NewPanicError(v))
			}
		}
	}()
	for d.pending() && d.flags&(waiting|paused) == 0 {
		current = d.pop()
		if f, ok := current.(callback[T]); ok {
			f.run(d) // directly: most are of this type
		} else if ready := current.run(d); ready != nil {
			returned = true
			return ready
		}
	}
	returned = true
	return nil
}
