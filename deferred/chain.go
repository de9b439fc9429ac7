package deferred

// This file makes one Deferred depend on another: after a handler returned the other one,
// by a function such as Map, or by ChainDeferred.

// dependency is a Deferred of any type, as the Deferreds that depend on it see it.
type dependency interface {
	// upstream returns the Deferred that this one depends on, or nil.
	upstream() dependency
	fired() bool
	// cancelSelf cancels this Deferred, but not its upstream.
	cancelSelf()
	// inCoroutine reports whether this is the result of a coroutine that has not ended, or
	// a cancelled group that waits for one.
	inCoroutine() bool
	// cancelCoroutine marks the coroutine as cancelled, if this is the result of one that
	// has not ended. shielded reports whether it is in a Shield.
	cancelCoroutine() (shielded bool)
	// noteCoroutineCancel notes that the function of the coroutine is told to end, if this is the
	// result of a coroutine that has not ended.
	noteCoroutineCancel()
	// mark sets flags.
	mark(f flags)
	// interrupt makes Await return ErrCancelled in the coroutine whose result this is.
	interrupt()
	// interruptAwaiter is interrupt for the coroutine that has the given result and awaits
	// this Deferred.
	interruptAwaiter(result dependency)
	// inspect tells how this Deferred stands.
	inspect(i *inspection)
}

func (d *Deferred[T]) upstream() dependency {
	if d.flags&cancellable != 0 {
		// Not any dependency: an object with a Deferred in it that is its own canceller is one too.
		end, _ := d.source.(terminal)
		return end
	}
	up, _ := d.source.(dependency)
	return up
}

func (d *Deferred[T]) fired() bool { return d.flags&called != 0 }

func (d *Deferred[T]) inCoroutine() bool {
	return d.flags&called == 0 && d.flags&(ofCoroutine|endsLate) != 0
}

func (d *Deferred[T]) mark(f flags) { d.flags |= f }

// dependencyOf reports whether other is d or depends on d. Without the dependedOn flag
// nothing depends on d. This shortcut lets a long chain be built from either end in linear
// time.
func (d *Deferred[T]) dependencyOf(other dependency) bool {
	if d.flags&dependedOn == 0 {
		return other == dependency(d)
	}
	for ; other != nil; other = other.upstream() {
		if other == dependency(d) {
			return true
		}
	}
	return false
}

// waitFor makes inner, which a handler of d returned, give d's next result.
func (d *Deferred[T]) waitFor(inner *Deferred[T], handler string) {
	d.check(inner, handler)
	if inner.ready() {
		d.set(inner.take())
		return
	}
	d.flags |= waiting
	d.source = inner
	inner.flags |= dependedOn
	inner.add((*outer[T])(d))
	if d.flags&cancelChain != 0 {
		d.Cancel()
	}
}

// become fires d with the result of inner, which a handler returned. d has not fired.
func (d *Deferred[T]) become(inner *Deferred[T], handler string) runner {
	d.check(inner, handler)
	if inner.ready() {
		return d.settle(inner.take())
	}
	d.source = inner
	inner.flags |= dependedOn
	inner.add((*receiver[T])(d))
	if d.flags&(cancelLink|cancelChain) != 0 {
		d.Cancel()
	}
	return nil
}

// check panics if d cannot wait for inner.
func (d *Deferred[T]) check(inner *Deferred[T], handler string) {
	if inner == nil {
		panic("deferred: the handler given to " + handler + " returned a nil Deferred")
	}
	if d.dependencyOf(inner) {
		panic("deferred: the handler given to " + handler + " returned a Deferred that waits for this handler")
	}
}

// ChainDeferred fires other with d's result, whether value or error. An error of d
// then counts as handled. Cancelling other cancels d, unless other has a canceller
// of its own.
func (d *Deferred[T]) ChainDeferred(other *Deferred[T]) *Deferred[T] {
	if other == nil {
		panic("deferred: ChainDeferred to a nil Deferred")
	}
	if other.dependencyOf(d) {
		panic("deferred: ChainDeferred to a Deferred that this one waits for")
	}
	if other.flags&(called|ofCoroutine) == 0 && other.source == nil {
		other.source = d
	}
	d.flags |= dependedOn
	return d.add((*receiver[T])(other))
}

// ready reports whether d has a result and no handler that may change it.
func (d *Deferred[T]) ready() bool { return !d.held() && !d.pending() }

// take passes d's result on to another Deferred or to a coroutine, which then answers for
// an error. d keeps the result for handlers added later.
func (d *Deferred[T]) take() (T, error) {
	if d.err != nil {
		d.flags |= passedOn
		d.markHandled()
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

// settle fires d with the result of the Deferred that it depends on. Instead of
// running d's handlers it returns d for run, or nil if there is nothing to run.
func (d *Deferred[T]) settle(value T, err error) runner {
	if !d.fire("a result passed on") {
		return nil
	}
	if err == nil && d.flags&cancelReached != 0 {
		d.flags |= cancelIgnored
	}
	d.set(value, err)
	return d.due()
}

// fail settles d with an error.
func (d *Deferred[T]) fail(err error) runner {
	var zero T
	return d.settle(zero, err)
}

// offer settles d, or drops the result if d has fired before.
func (d *Deferred[T]) offer(value T, err error) runner {
	if d.flags&called != 0 {
		return nil
	}
	return d.settle(value, err)
}
