package deferred

import "fmt"

// This file holds what waits for a few Deferreds of different types.

// A Pair is the two values that [Gather2] waits for.
type Pair[A, B any] struct {
	First  A
	Second B
}

// A Triple is the three values that [Gather3] waits for.
type Triple[A, B, C any] struct {
	First  A
	Second B
	Third  C
}

// Gather2 waits for the values of both, or for the first error, which it fails
// with as a [*FirstError]. It is [GatherResults] for two types. Cancelling it
// cancels both.
func Gather2[A, B any](a *Deferred[A], b *Deferred[B]) *Deferred[Pair[A, B]] {
	g := newTuple[Pair[A, B]](2, a, b)
	gatherOne(a, g, 0, &g.value.First)
	gatherOne(b, g, 1, &g.value.Second)
	return &g.Deferred
}

// Gather3 waits for the values of all three, or for the first error, which it
// fails with as a [*FirstError]. Cancelling it cancels all three.
func Gather3[A, B, C any](a *Deferred[A], b *Deferred[B], c *Deferred[C]) *Deferred[Triple[A, B, C]] {
	g := newTuple[Triple[A, B, C]](3, a, b, c)
	gatherOne(a, g, 0, &g.value.First)
	gatherOne(b, g, 1, &g.value.Second)
	gatherOne(c, g, 2, &g.value.Third)
	return &g.Deferred
}

// tuple gathers values into the fields of a T.
type tuple[T any] struct {
	Deferred[T]
	value T
	left  int
}

func newTuple[T any](n int, members ...interface{ Cancel() }) *tuple[T] {
	g := &tuple[T]{left: n}
	if debugging.Load() {
		g.debugMade()
	}
	g.canceller = func(*Deferred[T]) {
		for _, m := range members {
			m.Cancel()
		}
	}
	return g
}

func nilMember(index int) string {
	return fmt.Sprintf("deferred: number %d of the Deferreds to wait for is nil", index)
}

// gatherOne puts d's value into a field of g's. An error that fails g is then
// g's to report.
func gatherOne[T, U any](d *Deferred[T], g *tuple[U], index int, field *T) {
	if d == nil {
		panic(nilMember(index))
	}
	d.add(observer[T](func(d *Deferred[T]) runner {
		g.left--
		switch {
		case g.Called():
		case d.err != nil:
			_, err := d.take()
			return g.fail(&FirstError{err, index})
		default:
			if *field = d.value; g.left == 0 {
				return g.settle(g.value, nil)
			}
		}
		return nil
	}))
}
