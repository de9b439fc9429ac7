package deferred

// This file holds the links that a chain is made of, and the functions and
// methods that add them. The table in the package documentation lists them.

// link is one handler in the chain of a Deferred. Function values and pointers
// implement it, so that keeping one in an interface costs no allocation.
type link[T any] interface {
	// run gives d's result to the handler. It returns the Deferred that became
	// ready by it, if any, for the caller to run.
	run(d *Deferred[T]) runner
}

// elsewhere is a link whose handler's result goes to another Deferred than the
// one it was added to, and so does the error of its panic.
type elsewhere interface {
	Called() bool
	fail(err error) runner
}

// Links that keep the type.

type (
	callback[T any]     func(T) (T, error)
	errback[T any]      func(error) (T, error)
	both[T any]         func(T, error) (T, error)
	thenCallback[T any] func(T) *Deferred[T]
	thenErrback[T any]  func(error) *Deferred[T]
	thenBoth[T any]     func(T, error) *Deferred[T]
	maybeThen[T any]    func(T, error) (*Deferred[T], T, error)
)

type callbacks[T any] struct {
	callback callback[T]
	errback  errback[T]
}

// AddCallback adds a handler for a value. An error passes it by. The pair it
// returns is the result for the next handler.
func (d *Deferred[T]) AddCallback(f func(value T) (T, error)) *Deferred[T] {
	notNil(f != nil, "AddCallback")
	return d.add(callback[T](f))
}

// AddErrback adds a handler for an error. A value passes it by. To recover, it
// returns a value and a nil error; to pass the error on, it returns it.
func (d *Deferred[T]) AddErrback(f func(err error) (T, error)) *Deferred[T] {
	notNil(f != nil, "AddErrback")
	return d.add(errback[T](f))
}

// AddCallbacks adds two handlers at one place in the chain: exactly one of them
// runs, so that, unlike with AddCallback followed by AddErrback, onError does
// not see the error that onValue returns. One of them may be nil: then that
// kind of result passes by.
func (d *Deferred[T]) AddCallbacks(onValue func(value T) (T, error), onError func(err error) (T, error)) *Deferred[T] {
	notNil(onValue != nil || onError != nil, "AddCallbacks")
	return d.add(&callbacks[T]{onValue, onError})
}

// AddBoth adds a handler for whichever result there is. err is nil when value
// counts.
func (d *Deferred[T]) AddBoth(f func(value T, err error) (T, error)) *Deferred[T] {
	notNil(f != nil, "AddBoth")
	return d.add(both[T](f))
}

// ThenCallback adds a handler for a value that returns a Deferred. The chain
// goes on once that one has a result that no handler is still to change, with
// that result.
func (d *Deferred[T]) ThenCallback(f func(value T) *Deferred[T]) *Deferred[T] {
	notNil(f != nil, "ThenCallback")
	return d.add(thenCallback[T](f))
}

// ThenErrback adds a handler for an error that returns a Deferred, for example
// a second try. The chain goes on with that one's result.
func (d *Deferred[T]) ThenErrback(f func(err error) *Deferred[T]) *Deferred[T] {
	notNil(f != nil, "ThenErrback")
	return d.add(thenErrback[T](f))
}

// ThenBoth adds a handler for whichever result there is that returns a
// Deferred. The chain goes on with that one's result.
func (d *Deferred[T]) ThenBoth(f func(value T, err error) *Deferred[T]) *Deferred[T] {
	notNil(f != nil, "ThenBoth")
	return d.add(thenBoth[T](f))
}

// MaybeThenBoth adds a handler for whichever result there is that mostly gives its
// own at once, and sometimes a Deferred: the chain goes on with later's result if
// later is not nil, else with now and nowErr. It is ThenBoth without a Deferred for each
// result that is there; a callback of Twisted's, too, may return either.
func (d *Deferred[T]) MaybeThenBoth(f func(value T, err error) (later *Deferred[T], now T, nowErr error)) *Deferred[T] {
	notNil(f != nil, "MaybeThenBoth")
	return d.add(maybeThen[T](f))
}

func notNil(ok bool, method string) {
	if !ok {
		panic("deferred: " + method + " with a nil handler")
	}
}

func (f callback[T]) run(d *Deferred[T]) runner {
	if d.err == nil {
		if value, err := f(d.value); err == nil {
			d.value = value // what set does, in the commonest case
		} else {
			d.set(value, err)
		}
	}
	return nil
}

func (f errback[T]) run(d *Deferred[T]) runner {
	if d.err != nil {
		d.handled()
		d.set(f(d.err))
	}
	return nil
}

func (f both[T]) run(d *Deferred[T]) runner {
	d.handled()
	d.set(f(d.value, d.err))
	return nil
}

func (f maybeThen[T]) run(d *Deferred[T]) runner {
	d.handled()
	later, value, err := f(d.value, d.err)
	if later != nil {
		d.waitFor(later, "MaybeThenBoth")
	} else {
		d.set(value, err)
	}
	return nil
}

func (p *callbacks[T]) run(d *Deferred[T]) runner {
	switch {
	case d.err == nil && p.callback != nil:
		return p.callback.run(d)
	case d.err != nil && p.errback != nil:
		return p.errback.run(d)
	}
	return nil
}

func (f thenCallback[T]) run(d *Deferred[T]) runner {
	if d.err == nil {
		d.waitFor(f(d.value), "ThenCallback")
	}
	return nil
}

func (f thenErrback[T]) run(d *Deferred[T]) runner {
	if d.err != nil {
		d.handled()
		d.waitFor(f(d.err), "ThenErrback")
	}
	return nil
}

func (f thenBoth[T]) run(d *Deferred[T]) runner {
	d.handled()
	d.waitFor(f(d.value, d.err), "ThenBoth")
	return nil
}

// Links that change the type. Each is one object with the Deferred that it
// gives its result to.

type (
	mapped[T, U any] struct {
		Deferred[U]
		f func(T) (U, error)
	}
	mappedBoth[T, U any] struct {
		Deferred[U]
		f func(T, error) (U, error)
	}
	chainedTo[T, U any] struct {
		Deferred[U]
		f func(T) *Deferred[U]
	}
	chainedToBoth[T, U any] struct {
		Deferred[U]
		f func(T, error) *Deferred[U]
	}
)

// Map returns a Deferred for what f makes of d's value. An error of d passes f
// by and becomes the new Deferred's; d then counts as handled, and both keep
// their results. Cancelling the new one cancels d.
func Map[T, U any](d *Deferred[T], f func(value T) (U, error)) *Deferred[U] {
	notNil(f != nil, "Map")
	m := &mapped[T, U]{f: f}
	addTyped(d, &m.Deferred, m)
	return &m.Deferred
}

// MapBoth is [Map] for a handler that takes whichever result d has.
func MapBoth[T, U any](d *Deferred[T], f func(value T, err error) (U, error)) *Deferred[U] {
	notNil(f != nil, "MapBoth")
	m := &mappedBoth[T, U]{f: f}
	addTyped(d, &m.Deferred, m)
	return &m.Deferred
}

// Then returns a Deferred for the result of the Deferred that f makes of d's
// value. An error of d passes f by and becomes the new Deferred's; d then counts
// as handled. Cancelling the new one cancels d or, once f has been called, the
// Deferred that f returned.
func Then[T, U any](d *Deferred[T], f func(value T) *Deferred[U]) *Deferred[U] {
	notNil(f != nil, "Then")
	c := &chainedTo[T, U]{f: f}
	addTyped(d, &c.Deferred, c)
	return &c.Deferred
}

// ThenBoth is [Then] for a handler that takes whichever result d has.
func ThenBoth[T, U any](d *Deferred[T], f func(value T, err error) *Deferred[U]) *Deferred[U] {
	notNil(f != nil, "ThenBoth")
	c := &chainedToBoth[T, U]{f: f}
	addTyped(d, &c.Deferred, c)
	return &c.Deferred
}

// addTyped makes to depend on d by way of l.
func addTyped[T, U any](d *Deferred[T], to *Deferred[U], l link[T]) {
	if debugging.Load() {
		to.debugMade()
	}
	to.source = d
	d.flags |= chained
	d.add(l)
}

func (m *mapped[T, U]) run(d *Deferred[T]) runner {
	value, err := d.take()
	if err != nil {
		var zero U
		return m.settle(zero, err)
	}
	if m.Called() {
		return m.fail(ErrCancelled)
	}
	return m.settle(m.f(value))
}

func (m *mappedBoth[T, U]) run(d *Deferred[T]) runner {
	value, err := d.take()
	if m.Called() {
		return m.fail(ErrCancelled)
	}
	return m.settle(m.f(value, err))
}

func (c *chainedTo[T, U]) run(d *Deferred[T]) runner {
	value, err := d.take()
	if err != nil {
		return c.fail(err)
	}
	if c.Called() {
		return c.fail(ErrCancelled)
	}
	return c.become(c.f(value), "Then")
}

func (c *chainedToBoth[T, U]) run(d *Deferred[T]) runner {
	value, err := d.take()
	if c.Called() {
		return c.fail(ErrCancelled)
	}
	return c.become(c.f(value, err), "ThenBoth")
}

// fail gives d, which has not fired unless by Cancel, an error for a result.
func (d *Deferred[T]) fail(err error) runner {
	var zero T
	return d.settle(zero, err)
}

// Links between Deferreds of one type.

type (
	// resume continues the Deferred whose handler returned the one it is added to.
	resume[T any] Deferred[T]
	// forward fires a Deferred with the result of the one it is added to.
	forward[T any] Deferred[T]
)

func (r *resume[T]) run(inner *Deferred[T]) runner {
	d := (*Deferred[T])(r)
	d.flags &^= waiting
	d.source = nil
	d.set(inner.take())
	return d.due()
}

func (f *forward[T]) run(d *Deferred[T]) runner {
	return (*Deferred[T])(f).settle(d.take())
}

// observer is a link of this package's own that looks at d's result or changes
// it, and may make other Deferreds ready.
type observer[T any] func(d *Deferred[T]) runner

func (f observer[T]) run(d *Deferred[T]) runner { return f(d) }
