package deferred

// This file is about one Deferred depending on another: a handler returned it,
// or it was made from it by a change of type, or chained to it.

// dependency is a Deferred of any type, as one that depends on it sees it.
type dependency interface {
	// dependsOn returns what the Deferred itself depends on, or nil.
	dependsOn() dependency
	// cancelHere cancels the Deferred without looking at what it depends on.
	cancelHere()
	// goesOn reports whether it is the result of a coroutine that has not ended.
	goesOn() bool
}

func (d *Deferred[T]) dependsOn() dependency { return d.source }

// dependsOn reports whether d is, or depends on, what.
func dependsOn(d, what dependency) bool {
	for ; d != nil; d = d.dependsOn() {
		if d == what {
			return true
		}
	}
	return false
}

// loops reports whether making d depend on inner would close a circle. Only a
// Deferred that others depend on can be part of one, so that a long chain built
// from either end is not walked again with each link.
func (d *Deferred[T]) loops(inner *Deferred[T]) bool {
	return inner == d || d.flags&chained != 0 && dependsOn(inner, d)
}

// waitFor makes d's result that of inner, which a handler of d returned.
func (d *Deferred[T]) waitFor(inner *Deferred[T], handler string) {
	d.check(inner, handler)
	if inner.ready() {
		d.set(inner.take())
		return
	}
	d.flags |= waiting
	d.source = inner
	inner.flags |= chained
	inner.add((*resume[T])(d))
}

// become makes d, which has not fired, fire with the result of inner, which a
// handler returned.
func (d *Deferred[T]) become(inner *Deferred[T], handler string) runner {
	d.check(inner, handler)
	if inner.ready() {
		return d.settle(inner.take())
	}
	d.source = inner
	inner.flags |= chained
	inner.add((*forward[T])(d))
	return nil
}

// check panics if inner is not a Deferred that d can wait for.
func (d *Deferred[T]) check(inner *Deferred[T], handler string) {
	if inner == nil {
		panic("deferred: the handler given to " + handler + " returned a nil Deferred")
	}
	if d.loops(inner) {
		panic("deferred: the handler given to " + handler + " returned a Deferred that waits on the one it is to give a result to")
	}
}

// ChainDeferred passes d's result, whichever it is, on to other, as Twisted's
// chainDeferred does; d then counts as handled. Cancelling other, unless it has
// a canceller of its own, cancels d.
func (d *Deferred[T]) ChainDeferred(other *Deferred[T]) *Deferred[T] {
	if other == nil {
		panic("deferred: ChainDeferred to a nil Deferred")
	}
	if other.loops(d) {
		panic("deferred: ChainDeferred to a Deferred that this one waits on")
	}
	if other.flags&(called|coroutined) == 0 && other.canceller == nil && other.source == nil {
		other.source = d
	}
	d.flags |= chained
	return d.add((*forward[T])(other))
}

// ready reports whether d has a result that no handler is still to change.
func (d *Deferred[T]) ready() bool { return !d.held() && !d.pending() }

// take hands d's result to another Deferred or to a coroutine: from then on an
// error is theirs to report. d keeps its result for handlers added later.
func (d *Deferred[T]) take() (T, error) {
	if d.err != nil {
		d.flags |= passedOn
		d.handled()
	}
	return d.value, d.err
}

// set leaves a new result for the next handler of d.
func (d *Deferred[T]) set(value T, err error) {
	if err != nil {
		if info := d.debug(); info != nil {
			info.failed()
		}
		var zero T
		value = zero
	}
	d.value, d.err = value, err
	d.flags &^= passedOn
}

// settle fires d with the result of the Deferred it depends on, without running
// d's handlers: it returns d for run to do so, or nil if there is nothing to run.
func (d *Deferred[T]) settle(value T, err error) runner {
	if !d.fire("a result passed on") {
		return nil
	}
	d.set(value, err)
	return d.due()
}

// offer is settle for a result that is dropped if d has fired before.
func (d *Deferred[T]) offer(value T, err error) runner {
	if d.flags&called != 0 {
		return nil
	}
	return d.settle(value, err)
}
