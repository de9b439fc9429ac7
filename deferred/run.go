package deferred

// This file holds the loop that runs handlers, for a chain of any length, on a
// stack of constant depth.
//
// A handler's result may make another Deferred ready. Its link does not call
// that Deferred but returns it; run goes on with it first and comes back after.
// The stack of those to come back to is threaded through the Deferreds
// themselves (their below field), so it costs nothing and cannot overflow.

// runner is a Deferred of any type, or a coroutine, as run sees it. Whoever has
// one in hand must give it to run or return it to run: it counts as running.
type runner interface {
	// runLinks runs handlers until none is left or due, or until one of them
	// makes another Deferred ready, which it then returns.
	runLinks() runner
	// under gives the field that holds what is below on run's stack.
	under() *runner
}

func run(top runner) {
	for top != nil {
		if next := top.runLinks(); next != nil {
			top = stacked(next, top)
		} else {
			below := top.under()
			top, *below = *below, nil
		}
	}
}

// stacked puts the runners in upper, which may be nil, on top of below.
func stacked(upper, below runner) runner {
	if upper == nil {
		return below
	}
	last := upper.under()
	for *last != nil {
		last = (*last).under()
	}
	*last = below
	return upper
}

// run runs d's handlers, and those of all Deferreds that become ready by it.
func (d *Deferred[T]) run() {
	if d.due() == nil {
		return
	}
	if next := d.runLinks(); next != nil {
		run(stacked(next, d))
	}
}

// due returns d, marked as running, if run has something to do for it, else nil.
func (d *Deferred[T]) due() runner {
	if d.held() || d.err == nil && !d.pending() {
		return nil
	}
	d.flags |= running
	return d
}

// held reports whether handlers may not be run now: there is no result yet, or
// they are being run already, or d is paused.
func (d *Deferred[T]) held() bool {
	return d.flags&(called|running|waiting|paused) != called
}

func (d *Deferred[T]) under() *runner { return &d.below }

func (d *Deferred[T]) runLinks() runner {
	for d.pending() && d.flags&(waiting|paused) == 0 {
		if next := d.runUntilPanic(); next != nil {
			return next
		}
	}
	d.flags &^= running
	if d.err != nil && d.flags&(waiting|paused|passedOn) == 0 {
		d.unhandled()
	}
	return nil
}

// runUntilPanic is runLinks as far as the first handler that panics; the panic
// is then the result of that handler.
func (d *Deferred[T]) runUntilPanic() (next runner) {
	var current link[T]
	returned := false
	defer func() {
		if returned {
			return
		}
		// recover gives nil for runtime.Goexit (testing's FailNow), which is to go on.
		if v := recover(); v != nil {
			if to, ok := current.(elsewhere); ok && !to.Called() {
				next = to.fail(NewPanicError(v))
			} else {
				d.set(d.value, NewPanicError(v))
			}
		}
	}()
	for d.pending() && d.flags&(waiting|paused) == 0 {
		current = d.pop()
		if made := current.run(d); made != nil {
			returned = true
			return made
		}
	}
	returned = true
	return nil
}
