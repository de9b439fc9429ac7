package deferred

import "fmt"

// This file combines a few Deferreds of different types.

// A Pair is the result of [Gather2].
type Pair[A, B any] struct {
	First  A
	Second B
}

// A Triple is the result of [Gather3].
type Triple[A, B, C any] struct {
	First  A
	Second B
	Third  C
}

// Gather2 is [GatherResults] for two Deferreds of different types.
func Gather2[A, B any](a *Deferred[A], b *Deferred[B]) *Deferred[Pair[A, B]] {
	g := newGroup(Pair[A, B]{}, []canceller{a, b})
	gatherOne(g, 0, a, &g.result.First)
	gatherOne(g, 1, b, &g.result.Second)
	return &g.Deferred
}

// Gather3 is [GatherResults] for three Deferreds of different types.
func Gather3[A, B, C any](a *Deferred[A], b *Deferred[B], c *Deferred[C]) *Deferred[Triple[A, B, C]] {
	g := newGroup(Triple[A, B, C]{}, []canceller{a, b, c})
	gatherOne(g, 0, a, &g.result.First)
	gatherOne(g, 1, b, &g.result.Second)
	gatherOne(g, 2, c, &g.result.Third)
	return &g.Deferred
}

// canceller is a member of a group, of any type.
type canceller interface {
	dependency
	Cancel()
}

// gatherOne makes d a member of g that stores its value in field.
func gatherOne[T, U any](g *group[U, canceller], index int, d *Deferred[T], field *T) {
	if d == nil {
		panic(nilMember(index))
	}
	d.add(&gathered[T, U]{g, index, field})
}

// gathered is the link that a group has in a member of its own type.
type gathered[T, U any] struct {
	group *group[U, canceller]
	index int
	field *T
}

func (m *gathered[T, U]) run(d *Deferred[T]) runner {
	g := m.group
	if g.Called() {
		return nil
	}
	defer g.release()
	g.left--
	if d.err != nil {
		_, err := d.take()
		return g.fail(&FirstError{err, m.index})
	}
	*m.field = d.value
	return g.settleIfLast()
}

func nilMember(index int) string {
	return fmt.Sprintf("deferred: number %d of the Deferreds to wait for is nil", index)
}
