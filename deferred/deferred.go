package deferred

// A Deferred stands for a result that does not exist yet. It holds the chain of
// handlers that run, in the order in which they were added, when the result exists. It
// follows twisted.internet.defer.Deferred.
//
// A Deferred fires once, by [Deferred.Callback] with a value or by
// [Deferred.Errback] with an error. Each handler takes the result that the previous
// one left and leaves a new one. A handler that returns a Deferred (see the Then
// methods) suspends the chain until that Deferred has a result.
//
// The zero value is a Deferred that has not fired and has no canceller. A Deferred
// must not be copied after first use. Its methods may be called on the goroutine of
// its reactor only.
type Deferred[T any] struct {
	value T
	err   error

	source any // what gives the result: a Canceller[T] if cancellable is set, otherwise a dependency or nil
	extra  *extra[T]
	inline [inlineLinks]link[T] // inline[head:tail] are the first links; see push
	head   uint8
	tail   uint8
	flags  flags
}

// extra is the part that few Deferreds need. It is allocated when needed, so that
// the common Deferred is one small object.
type extra[T any] struct {
	overflow  []link[T]       // the links after those in inline
	unhandled *unhandledError // non-nil while no handler has taken err
	debug     *debugInfo      // nil unless debugging was on when the Deferred was made
	pauses    int             // calls of Pause without an Unpause
}

type flags uint32

const (
	called         flags = 1 << iota // Callback, Errback or Cancel gave a result
	running                          // on the stack of run
	waiting                          // a handler returned a Deferred that has no result yet
	paused                           // extra.pauses is not zero
	cancelled                        // fired by Cancel; the next result is dropped
	passedOn                         // another Deferred or a coroutine answers for err
	dependedOn                       // other Deferreds depend on this one
	ofCoroutine                      // the result of a coroutine
	coCancelled                      // the coroutine is cancelled
	coShielded                       // the coroutine is in a Shield
	endsLate                         // cancelled, but waits for coroutines that have not ended
	cancelLink                       // cancel the Deferred with which the handler of this link answers
	cancelChain                      // cancel each Deferred that a handler returns
	cancelReached                    // Cancel called the canceller, or has cancelled an Await of the coroutine
	cancelIgnored                    // fired with a value after cancelReached
	unwoundByForce                   // the coroutine did not end by itself after cancelReached
	cancellable                      // source is the canceller
)

// None is the type of a value that carries no information.
type None = struct{}

// New returns a Deferred that has not fired.
func New[T any]() *Deferred[T] {
	d := new(Deferred[T])
	if watching.Load() != 0 {
		d.made()
	}
	return d
}

// NewCancellable returns a Deferred that has not fired and whose [Deferred.Cancel]
// calls canceller, at most once. The canceller should stop the work for the result.
// It may fire d; otherwise d fails with [ErrCancelled].
func NewCancellable[T any](canceller func(d *Deferred[T])) *Deferred[T] {
	if canceller == nil {
		panic("deferred: NewCancellable with a nil canceller")
	}
	d := new(Deferred[T])
	d.Init(cancelFunc[T](canceller))
	return d
}

// A Canceller stops the work for the result of a Deferred.
type Canceller[T any] interface {
	// CancelDeferred does what the function given to [NewCancellable] does for d.
	CancelDeferred(d *Deferred[T])
}

type cancelFunc[T any] func(d *Deferred[T])

func (f cancelFunc[T]) CancelDeferred(d *Deferred[T]) { f(d) }

// Init makes d, a zero Deferred, one whose [Deferred.Cancel] calls c; nil means no canceller. It
// is for a Deferred that is part of the object which stops its work: that takes one object in
// all. The error of such a Deferred should not refer to the object; see [Unhandled].
func (d *Deferred[T]) Init(c Canceller[T]) {
	if watching.Load() != 0 {
		d.made()
	}
	if c != nil {
		d.source = c
		d.flags |= cancellable
	}
}

// Succeed returns a Deferred that has fired with value.
func Succeed[T any](value T) *Deferred[T] {
	d := New[T]()
	d.Callback(value)
	return d
}

// Fail returns a Deferred that has failed with err. It panics if err is nil.
func Fail[T any](err error) *Deferred[T] {
	d := New[T]()
	d.Errback(err)
	return d
}

// Callback fires d with a value and runs its handlers.
//
// It panics with an [*AlreadyCalledError] if d has fired before. After
// [Deferred.Cancel], however, it drops the first result.
func (d *Deferred[T]) Callback(value T) {
	if d.fire("Callback") {
		d.value = value
		if d.flags&cancelReached != 0 {
			d.flags |= cancelIgnored
		}
		d.run()
	}
}

// Errback fires d with an error and runs its handlers. It panics as
// [Deferred.Callback] does, and if err is nil.
func (d *Deferred[T]) Errback(err error) {
	if err == nil {
		panic("deferred: Errback with a nil error")
	}
	if d.fire("Errback") {
		d.err = err
		d.run()
	}
}

// Resolve fires d with Go's usual pair: it calls Errback(err) if err is not nil, and
// Callback(value) otherwise.
func (d *Deferred[T]) Resolve(value T, err error) {
	if err != nil {
		d.Errback(err)
	} else {
		d.Callback(value)
	}
}

// fire marks d as called. It returns false if the result is to be dropped.
func (d *Deferred[T]) fire(how string) bool {
	if d.flags&called != 0 {
		if d.flags&cancelled != 0 {
			d.flags &^= cancelled
			return false
		}
		panic(alreadyCalled(d.debug(), how))
	}
	d.flags = d.flags&^cancellable | called
	d.source = nil
	if info := d.debug(); info != nil {
		info.fired()
	}
	return true
}

// Pause holds back d's handlers until a matching [Deferred.Unpause]. A handler of d
// that calls it holds back the next one, which Twisted still runs.
func (d *Deferred[T]) Pause() {
	d.ensureExtra().pauses++
	d.flags |= paused
}

// Unpause undoes one [Deferred.Pause]. The last one runs the handlers that were held
// back. Unpause panics if d is not paused.
func (d *Deferred[T]) Unpause() {
	if d.flags&paused == 0 {
		panic("deferred: Unpause of a Deferred that is not paused")
	}
	if d.extra.pauses--; d.extra.pauses == 0 {
		d.flags &^= paused
		d.run()
	}
}

// Called reports whether d has fired. Its chain may still be waiting.
func (d *Deferred[T]) Called() bool { return d.flags&called != 0 }

// Paused reports whether d's handlers are held back, by [Deferred.Pause] or by a
// Deferred that a handler returned.
func (d *Deferred[T]) Paused() bool { return d.flags&(paused|waiting) != 0 }

// ensureExtra returns d.extra, allocating it if necessary.
func (d *Deferred[T]) ensureExtra() *extra[T] {
	if d.extra == nil {
		d.extra = new(extra[T])
	}
	return d.extra
}
