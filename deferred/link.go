package deferred

// This file holds the links of a chain, and the functions and methods that add them.
// The table in the package documentation lists these.

// link is a handler in the chain of a Deferred. Function values and pointers
// implement it, so that storing one takes no allocation.
type link[T any] interface {
	// run calls the handler with d's result. It returns the runner that the handler
	// makes ready, if any; the caller must run it.
	run(d *Deferred[T]) runner
}

// resultOwner is a link that is part of another Deferred. That Deferred gets the result of
// the handler or the error of its panic.
type resultOwner interface {
	Called() bool
	fail(err error) runner
}

// Links that keep the type.

type (
	callback[T any]     func(T) (T, error)
	errback[T any]      func(error) (T, error)
	both[T any]         func(T, error) (T, error)
	tap[T any]          func(T, error)
	thenCallback[T any] func(T) *Deferred[T]
	thenErrback[T any]  func(error) *Deferred[T]
	thenBoth[T any]     func(T, error) *Deferred[T]
)

type callbacks[T any] struct {
	callback callback[T]
	errback  errback[T]
}

// AddCallback adds a handler for a value; an error skips it. The pair that f returns
// is the result for the next handler.
func (d *Deferred[T]) AddCallback(f func(value T) (T, error)) *Deferred[T] {
	notNil(f != nil, "AddCallback")
	return d.add(callback[T](f))
}

// AddErrback adds a handler for an error; a value skips it. To recover, f returns a
// value and a nil error. To pass the error on, f returns it.
func (d *Deferred[T]) AddErrback(f func(err error) (T, error)) *Deferred[T] {
	notNil(f != nil, "AddErrback")
	return d.add(errback[T](f))
}

// AddCallbacks adds a handler for a value and one for an error. Only one of the two runs:
// unlike after AddCallback and AddErrback, onError does not get an error that onValue
// returns. If one of them is nil, its kind of result skips both.
func (d *Deferred[T]) AddCallbacks(onValue func(value T) (T, error), onError func(err error) (T, error)) *Deferred[T] {
	notNil(onValue != nil || onError != nil, "AddCallbacks")
	return d.add(&callbacks[T]{onValue, onError})
}

// AddBoth adds a handler for a value or an error. err is nil for a value.
func (d *Deferred[T]) AddBoth(f func(value T, err error) (T, error)) *Deferred[T] {
	notNil(f != nil, "AddBoth")
	return d.add(both[T](f))
}

// Tap adds a handler that looks at the value or the error and leaves it as it is, such as one
// that logs or counts. err is nil for a value. An error that only Tap has seen is unhandled.
// If f panics, the next handler gets a [*PanicError], as from any other handler.
func (d *Deferred[T]) Tap(f func(value T, err error)) *Deferred[T] {
	notNil(f != nil, "Tap")
	return d.add(tap[T](f))
}

// ThenCallback adds a handler for a value that returns a Deferred. The chain
// continues with the result of that Deferred, after its own handlers have run.
func (d *Deferred[T]) ThenCallback(f func(value T) *Deferred[T]) *Deferred[T] {
	notNil(f != nil, "ThenCallback")
	return d.add(thenCallback[T](f))
}

// ThenErrback adds a handler for an error that returns a Deferred, for example of a
// second attempt. The chain continues with the result of that Deferred.
func (d *Deferred[T]) ThenErrback(f func(err error) *Deferred[T]) *Deferred[T] {
	notNil(f != nil, "ThenErrback")
	return d.add(thenErrback[T](f))
}

// ThenBoth adds a handler for a value or an error that returns a Deferred. The chain
// continues with the result of that Deferred.
func (d *Deferred[T]) ThenBoth(f func(value T, err error) *Deferred[T]) *Deferred[T] {
	notNil(f != nil, "ThenBoth")
	return d.add(thenBoth[T](f))
}

func notNil(ok bool, method string) {
	if !ok {
		panic("deferred: " + method + " with a nil handler")
	}
}

func (f callback[T]) run(d *Deferred[T]) runner {
	if d.err == nil {
		if value, err := f(d.value); err == nil {
			d.value = value // the common case of set
		} else {
			d.set(value, err)
		}
	}
	return nil
}

func (f errback[T]) run(d *Deferred[T]) runner {
	if d.err != nil {
		d.markHandled()
		d.set(f(d.err))
	}
	return nil
}

func (f both[T]) run(d *Deferred[T]) runner {
	d.markHandled()
	d.set(f(d.value, d.err))
	return nil
}

func (f tap[T]) run(d *Deferred[T]) runner {
	f(d.value, d.err)
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
		d.markHandled()
		d.waitFor(f(d.err), "ThenErrback")
	}
	return nil
}

func (f thenBoth[T]) run(d *Deferred[T]) runner {
	d.markHandled()
	d.waitFor(f(d.value, d.err), "ThenBoth")
	return nil
}

// Links that change the type. Each is one object with the Deferred that gets the
// result of its handler.

type (
	mapped[T, U any] struct {
		Deferred[U]
		f func(T) (U, error)
	}
	mappedBoth[T, U any] struct {
		Deferred[U]
		f func(T, error) (U, error)
	}
	thenMapped[T, U any] struct {
		Deferred[U]
		f func(T) *Deferred[U]
	}
	thenMappedBoth[T, U any] struct {
		Deferred[U]
		f func(T, error) *Deferred[U]
	}
)

// Map returns a Deferred for the result of f, called with d's value. An error of d skips f
// and becomes the error of the new Deferred; in d it counts as handled. d keeps its result.
// Cancelling the new Deferred cancels d.
func Map[T, U any](d *Deferred[T], f func(value T) (U, error)) *Deferred[U] {
	notNil(f != nil, "Map")
	m := &mapped[T, U]{f: f}
	addTyped(d, &m.Deferred, m)
	return &m.Deferred
}

// MapBoth is [Map] for a handler that takes a value or an error.
func MapBoth[T, U any](d *Deferred[T], f func(value T, err error) (U, error)) *Deferred[U] {
	notNil(f != nil, "MapBoth")
	m := &mappedBoth[T, U]{f: f}
	addTyped(d, &m.Deferred, m)
	return &m.Deferred
}

// Then is [Map] for a handler that returns a Deferred, whose result becomes that of
// the new Deferred. After the call of f, cancelling the new Deferred cancels the one
// that f returned.
func Then[T, U any](d *Deferred[T], f func(value T) *Deferred[U]) *Deferred[U] {
	notNil(f != nil, "Then")
	c := &thenMapped[T, U]{f: f}
	addTyped(d, &c.Deferred, c)
	return &c.Deferred
}

// ThenBoth is [Then] for a handler that takes a value or an error.
func ThenBoth[T, U any](d *Deferred[T], f func(value T, err error) *Deferred[U]) *Deferred[U] {
	notNil(f != nil, "ThenBoth")
	c := &thenMappedBoth[T, U]{f: f}
	addTyped(d, &c.Deferred, c)
	return &c.Deferred
}

// addTyped adds l, a link that is part of to, and makes to depend on d.
func addTyped[T, U any](d *Deferred[T], to *Deferred[U], l link[T]) {
	if watching.Load() != 0 {
		to.made()
	}
	to.source = d
	d.flags |= dependedOn
	d.add(l)
}

func (m *mapped[T, U]) run(d *Deferred[T]) runner {
	value, err := d.take()
	if err != nil {
		return m.fail(err)
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

func (c *thenMapped[T, U]) run(d *Deferred[T]) runner {
	value, err := d.take()
	if err != nil {
		return c.fail(err)
	}
	if c.Called() {
		return c.fail(ErrCancelled)
	}
	return c.become(c.f(value), "Then")
}

func (c *thenMappedBoth[T, U]) run(d *Deferred[T]) runner {
	value, err := d.take()
	if c.Called() {
		return c.fail(ErrCancelled)
	}
	return c.become(c.f(value, err), "ThenBoth")
}

// Links between Deferreds of one type.

type (
	// outer is a Deferred whose handler returned another one, inner. It is a link of
	// inner and resumes the outer chain.
	outer[T any] Deferred[T]
	// receiver is a Deferred that has not fired. It is a link of another one and fires
	// with that one's result.
	receiver[T any] Deferred[T]
)

func (o *outer[T]) run(inner *Deferred[T]) runner {
	d := (*Deferred[T])(o)
	d.flags &^= waiting
	d.source = nil
	d.set(inner.take())
	return d.due()
}

func (r *receiver[T]) run(d *Deferred[T]) runner {
	return (*Deferred[T])(r).settle(d.take())
}

// observer is a link for this package's own use. It may look at d's result, change it, and
// make another Deferred ready.
type observer[T any] func(d *Deferred[T]) runner

func (f observer[T]) run(d *Deferred[T]) runner { return f(d) }
