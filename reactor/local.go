package reactor

// A Local is a value that each reactor has one of, such as the client that the requests
// on it share. The value lives as long as its reactor: a global map would keep both for
// ever.
type Local[T any] struct {
	make func(r Reactor) T
}

// NewLocal returns a Local whose values make makes, the first time that each reactor is
// asked for its own.
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

// Locals holds the values that a reactor has of every [Local]. The zero value is empty.
type Locals struct{ values map[any]any }
