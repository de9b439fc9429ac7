package deferred

// A Deferred is a result that is not there yet, and the chain of handlers that
// will be run on it, in the order they were added, once it is. It follows
// twisted.internet.defer.Deferred.
//
// A Deferred fires once, by [Deferred.Callback] with a value or by
// [Deferred.Errback] with an error. Each handler takes the result that the one
// before it left and leaves a new one. A handler that returns a Deferred (the
// Then methods) suspends the chain until that one has a result.
//
// The zero value is a Deferred that has not fired and has no canceller.
// A Deferred must not be copied after first use, and belongs to one goroutine,
// the reactor's: no method may be called from another one.
type Deferred[T any] struct {
	value T
	err   error

	source    dependency // what the result is to come from: the Deferred before a change of type, or the one a handler returned
	below     runner     // next on the stack of Deferreds whose handlers are being run; see run
	canceller func(*Deferred[T])
	extra     *extra[T] // what few Deferreds need; see spare
	first     [fit]link[T]
	head      uint8 // first[head:tail] are handlers that have not run; see push
	tail      uint8
	flags     flags
}

// extra is the part of a Deferred that few need, allocated when one does, so
// that the common Deferred is one small object.
type extra[T any] struct {
	links  []link[T]  // the handlers that come after those in first
	watch  *watch     // set while err is one that nobody has handled
	debug  *debugInfo // set if debugging was on when the Deferred was made
	pauses int
}

type flags uint16

const (
	called     flags = 1 << iota // Callback, Errback or Cancel gave a result
	running                      // on the stack of run
	waiting                      // a handler returned a Deferred that has no result yet
	paused                       // Pause was called more often than Unpause
	cancelled                    // fired by Cancel: one late result is to be dropped
	passedOn                     // err has been handed to another Deferred and is that one's to report
	chained                      // some other Deferred depends on this one
	coroutined                   // the result of a coroutine; see Cancel
	cancelNext                   // Cancel came while the coroutine was running
)

// None is the value of a Deferred that fires to say "done" and nothing else.
type None = struct{}

// New returns a Deferred that has not fired.
func New[T any]() *Deferred[T] {
	d := new(Deferred[T])
	if debugging.Load() {
		d.debugMade()
	}
	return d
}

// NewCancellable returns a Deferred that has not fired and whose
// [Deferred.Cancel] calls canceller. The canceller should stop the work that
// was to give the result; it may fire d itself, and if it does not, d fails
// with [ErrCancelled]. It is called at most once.
func NewCancellable[T any](canceller func(d *Deferred[T])) *Deferred[T] {
	if canceller == nil {
		panic("deferred: NewCancellable with a nil canceller")
	}
	d := New[T]()
	d.canceller = canceller
	return d
}

// Succeed returns a Deferred that has already fired with value.
// It is Twisted's defer.succeed.
func Succeed[T any](value T) *Deferred[T] {
	d := New[T]()
	d.Callback(value)
	return d
}

// Fail returns a Deferred that has already failed with err.
// It is Twisted's defer.fail. A nil err panics, as in [Deferred.Errback].
func Fail[T any](err error) *Deferred[T] {
	d := New[T]()
	d.Errback(err)
	return d
}

// Callback fires d with a value and runs its handlers.
//
// It panics with an [*AlreadyCalledError] when d has fired before, except that
// the first result that comes in after [Deferred.Cancel] is dropped.
func (d *Deferred[T]) Callback(value T) {
	if d.fire("Callback") {
		d.value = value
		d.run()
	}
}

// Errback fires d with an error and runs its handlers. The error must not be
// nil. Like [Deferred.Callback] it may be called only once.
func (d *Deferred[T]) Errback(err error) {
	if err == nil {
		panic("deferred: Errback with a nil error")
	}
	if d.fire("Errback") {
		d.err = err
		d.run()
	}
}

// Resolve fires d with Go's usual pair: by Errback(err) if err is not nil, else
// by Callback(value).
func (d *Deferred[T]) Resolve(value T, err error) {
	if err != nil {
		d.Errback(err)
	} else {
		d.Callback(value)
	}
}

// fire marks d as called and reports whether the result is to be taken.
func (d *Deferred[T]) fire(how string) bool {
	if d.flags&called != 0 {
		if d.flags&cancelled != 0 {
			d.flags &^= cancelled
			return false
		}
		panic(alreadyCalled(d.debug(), how))
	}
	d.flags |= called
	d.canceller, d.source = nil, nil
	if info := d.debug(); info != nil {
		info.fired()
	}
	return true
}

// Cancel says that nobody wants d's result any more. It follows
// twisted.internet.defer.Deferred.cancel.
//
// If d has not fired, its canceller is called, or, for a Deferred made by
// [Map], [Then] and their like, the Deferred it was made from is cancelled. If
// d has still not fired after that it fails with [ErrCancelled], and one result
// that comes in later is dropped. If d has fired and waits on a Deferred that a
// handler returned, that one is cancelled. Otherwise Cancel does nothing.
//
// If d is, or depends on, the result of a coroutine (see [Go]), what the
// coroutine stands at is cancelled. The coroutine may go on all the same; d then
// fires when it ends.
//
// A canceller that panics makes d fail with an error that is both ErrCancelled
// and a [*PanicError].
func (d *Deferred[T]) Cancel() {
	// A long chain is walked, not recursed into: only its far end has work to stop.
	far := dependency(d)
	for s := far.dependsOn(); s != nil; s = far.dependsOn() {
		far = s
	}
	far.cancelHere()
	for s := dependency(d); s != nil; s = s.dependsOn() {
		if s.goesOn() {
			return
		}
	}
	d.cancelHere()
}

// cancelHere cancels d without looking at what it depends on.
func (d *Deferred[T]) cancelHere() {
	if d.flags&called != 0 {
		return
	}
	if d.flags&coroutined != 0 {
		d.flags |= cancelNext
		return
	}
	var err error = ErrCancelled
	if canceller := d.canceller; canceller != nil {
		d.canceller = nil
		if p := try(func() { canceller(d) }); p != nil {
			err = &cancellerError{p}
		}
		if d.flags&called != 0 {
			return
		}
	}
	d.fire("Cancel")
	d.flags |= cancelled
	d.err = err
	d.run()
}

// goesOn reports whether d is the result of a coroutine that has not ended.
func (d *Deferred[T]) goesOn() bool { return d.flags&(called|coroutined) == coroutined }

// Pause stops d's handlers from being run until [Deferred.Unpause] has been
// called as often as Pause. Called in a handler of d it holds back the next one,
// which in Twisted still runs.
func (d *Deferred[T]) Pause() {
	d.spare().pauses++
	d.flags |= paused
}

// Unpause undoes one [Deferred.Pause] and, with the last of them, runs the
// handlers that are due. Without a Pause to undo it panics.
func (d *Deferred[T]) Unpause() {
	if d.flags&paused == 0 {
		panic("deferred: Unpause of a Deferred that is not paused")
	}
	if d.extra.pauses--; d.extra.pauses == 0 {
		d.flags &^= paused
		d.run()
	}
}

// Called reports whether d has fired, though its chain may still be waiting.
func (d *Deferred[T]) Called() bool { return d.flags&called != 0 }

// Paused reports whether d's handlers are held back, by [Deferred.Pause] or by
// a Deferred that a handler returned.
func (d *Deferred[T]) Paused() bool { return d.flags&(paused|waiting) != 0 }

// spare returns d's extra part, which is there from then on.
func (d *Deferred[T]) spare() *extra[T] {
	if d.extra == nil {
		d.extra = new(extra[T])
	}
	return d.extra
}
