package deferred

// This file holds the loop that runs handlers, for a chain of any length, on a
// stack of constant depth.
//
// A handler's result may make another Deferred ready. Its link does not call
// that Deferred but returns it; run goes on with it first and comes back after.
// The stack of those to come back to is threaded through the Deferreds
// themselves (their below field), so it costs nothing and cannot overflow.

// runner is a Deferred of any type, as run sees it.
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
			*next.under() = top
			top = next
		} else {
			below := top.under()
			top, *below = *below, nil
		}
	}
}

// run runs d's handlers, and those of all Deferreds that become ready by it.
func (d *Deferred[T]) run() {
	if d.due() != nil {
		run(d)
	}
}

// due returns d if run has something to do for it, else nil.
func (d *Deferred[T]) due() runner {
	if d.held() || len(d.links) == 0 && d.err == nil {
		return nil
	}
	return d
}

// held reports whether handlers may not be run now: there is no result yet, or
// they are being run already, or d is paused.
func (d *Deferred[T]) held() bool {
	return d.flags&(called|running|waiting) != called || d.pauses != 0
}

func (d *Deferred[T]) under() *runner { return &d.below }

func (d *Deferred[T]) runLinks() runner {
	d.flags |= running
	for len(d.links) != 0 && d.pauses == 0 && d.flags&waiting == 0 {
		if next := d.runUntilPanic(); next != nil {
			return next
		}
	}
	d.flags &^= running
	if len(d.links) == 0 {
		d.links = nil
		if d.err != nil && d.flags&(waiting|passedOn) == 0 {
			d.unhandled()
		}
	}
	return nil
}

// runUntilPanic is runLinks as far as the first handler that panics; the panic
// is then the result of that handler.
func (d *Deferred[T]) runUntilPanic() (next runner) {
	var current link[T]
	defer func() {
		if current == nil {
			return
		}
		// recover gives nil for runtime.Goexit (testing's FailNow), which is to go on.
		if v := recover(); v != nil {
			if to, ok := current.(elsewhere); ok && !to.Called() {
				next = to.fail(newPanicError(v))
			} else {
				d.set(d.value, newPanicError(v))
			}
		}
	}()
	for len(d.links) != 0 && d.pauses == 0 && d.flags&waiting == 0 {
		current = d.links[0]
		d.links[0] = nil
		d.links = d.links[1:]
		next = current.run(d)
		current = nil
		if next != nil {
			return next
		}
	}
	return nil
}
