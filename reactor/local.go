package reactor

import (
	"github.com/seed-7c003b53/gotreq/internal/coro"
	"github.com/seed-7c003b53/gotreq/internal/list"
)

// A Local is a variable that has a value for each reactor, such as the client that the
// requests on a reactor share. The value lives as long as its reactor; a global map
// would keep both for ever.
type Local[T any] struct {
	make func(r Reactor) T
}

// NewLocal returns a Local. The first call of Of for a reactor calls make to make its
// value.
func NewLocal[T any](make func(r Reactor) T) *Local[T] { return &Local[T]{make} }

// Of returns the value of r. It belongs to the goroutine of r.
func (l *Local[T]) Of(r Reactor) T {
	locals := r.Locals()
	if value, ok := locals.values[l]; ok {
		return value.(T)
	}
	value := l.make(r)
	if locals.values == nil {
		locals.values = make(map[any]any)
	}
	locals.values[l] = value
	return value
}

// Locals holds a reactor's value of every [Local], its calls of [UntilStopped] and its
// inspectables; see [AddInspectable]. The zero value is empty.
type Locals struct {
	loop    *Loop // nil if the reactor is not a Loop
	values  map[any]any
	waits   list.List[wait]
	ending  bool // stop ends the waits
	late    int  // waits that began, and attempts to connect that were refused, since stop began last
	logged  bool // stop has abandoned a wait
	stopped bool // the loop stops, and fires nothing until the next Run
	closed  bool // the loop is closed, and has ended its waits for the last time

	parts []*Part // those of NewPart

	coroutines coro.Pool // open while the loop is driven

	inspectables inspectables
}

// Coroutines returns what keeps the coroutines of a reactor, to use them again; nil if clock is
// not a reactor's. It is for the packages of this module.
func Coroutines(clock Clock) *coro.Pool {
	if r, ok := clock.(interface{ Locals() *Locals }); ok {
		return &r.Locals().coroutines
	}
	return nil
}
