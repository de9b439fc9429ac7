package deferred

// This file cancels chains. The work is at the far end of a chain, which may be too long
// for a recursion.

// Cancel stops the work for d's result.
//
// If d has not fired, Cancel calls d's canceller. If [Map], [Then] or the like made d
// from another Deferred, Cancel cancels that one first. A handler of such a link may
// answer the cancellation with a new Deferred, which Cancel cancels too. If d still has
// not fired, it then fails with [ErrCancelled] and drops the next result. If d has fired
// and waits for a Deferred that a handler returned, Cancel cancels that one. Otherwise
// Cancel does nothing.
//
// If d is the result of a coroutine or depends on one, Cancel cancels the coroutine (see
// [Go]), and d fires when the coroutine ends.
//
// If a canceller panics, the error of d matches both ErrCancelled and the
// [*PanicError].
func (d *Deferred[T]) Cancel() {
	target := dependency(d)
	for target != nil && target.fired() {
		target = target.upstream()
	}
	if target == nil {
		return
	}
	for round := range 2 * maxAnswers {
		far, co := farEnd(target)
		switch {
		case far == co: // which runs, is in a Shield, or awaits a Deferred that has fired
			cancelLater(target, co)
			return
		case co != nil && round >= maxAnswers:
			noteCancels(target, co)
			co.interrupt()
		default:
			noteCancels(target, co)
			far.cancelSelf()
		}
		if target.fired() {
			return
		}
		// A handler has answered the cancellation with another Deferred.
	}
	if !target.inCoroutine() {
		target.cancelSelf()
	}
}

// maxAnswers limits the Deferreds with which handlers may answer one cancellation. Code
// that takes any error as a reason to try again would answer for ever.
const maxAnswers = 10

// cancelSelf cancels d, which has not fired and is not the result of a coroutine, but no
// Deferred that d depends on.
func (d *Deferred[T]) cancelSelf() {
	var err error = ErrCancelled
	if canceller := d.canceller(); canceller != nil {
		d.source = d.upstream()
		d.flags &^= cancellable
		d.noteCancel()
		if p := try(func() { canceller.CancelDeferred(d) }); p != nil {
			err = &cancellerError{p}
		}
		if d.flags&(called|endsLate) != 0 {
			return
		}
	}
	d.fire("Cancel")
	d.flags |= cancelled
	d.err = err
	d.run()
}

// canceller returns what Cancel calls, or nil.
func (d *Deferred[T]) canceller() Canceller[T] {
	if d.flags&cancellable == 0 {
		return nil
	}
	return d.source.(Canceller[T])
}

// farEnd follows what d, which has not fired, depends on, and marks the coroutines on the
// way as cancelled. far is the last Deferred that has not fired: the work is there. co is
// the last result of a coroutine, or nil. What a coroutine awaits in a Shield is beyond
// the end.
func farEnd(d dependency) (far, co dependency) {
	for ; d != nil; d = d.upstream() {
		if d.fired() {
			continue
		}
		far = d
		if d.inCoroutine() {
			co = d
			if shielded := d.cancelCoroutine(); shielded {
				break
			}
		}
	}
	return far, co
}

// cancelLater makes the cancellation of target go on when co, the coroutine that it depends
// on, has ended: what the handlers between the two answer then is cancelled. The handlers
// of target's own chain may recover.
func cancelLater(target, co dependency) {
	if !target.inCoroutine() {
		target.mark(cancelLink)
	}
	for d := target; d != co; {
		d = d.upstream()
		d.mark(cancelChain)
	}
}

// noteCancels notes that a cancellation reaches the functions of the coroutines from target
// to co, which may be nil.
func noteCancels(target, co dependency) {
	for d := target; co != nil; d = d.upstream() {
		d.noteCoroutineCancel()
		if d == co {
			return
		}
	}
}

func (d *Deferred[T]) noteCoroutineCancel() {
	if d.flags&(ofCoroutine|called) == ofCoroutine {
		d.noteCancel()
	}
}

// noteCancel notes that the work for d's result is told to stop.
func (d *Deferred[T]) noteCancel() {
	if d.flags&cancelReached != 0 {
		return
	}
	d.flags |= cancelReached
	if info := d.debug(); info != nil {
		info.cancelled()
	}
}

// waitsForCoroutine reports whether d is or depends on the result of a coroutine that has
// not ended.
func waitsForCoroutine(d dependency) bool {
	for ; d != nil; d = d.upstream() {
		if d.inCoroutine() {
			return true
		}
	}
	return false
}
