package deferred

import (
	"fmt"
	"slices"
)

// This file combines many Deferreds of one type. The combined Deferreds are the
// members of a group; each has a link that collects its result for the group.

// A ListOption changes how a combination treats the errors of its members.
type ListOption uint8

const (
	// FireOnOneErrback makes [DeferredList] and [FireOnOneCallback] fail at once with
	// the first error, as a [*FirstError].
	FireOnOneErrback ListOption = 1 << iota
	// ConsumeErrors handles the members' errors: a failed member is left with the
	// zero value. Otherwise a member keeps its error. It is reported if no handler
	// takes it, unless the combination fails with it.
	ConsumeErrors
)

// A Result is the result of a Deferred. Value is valid if Err is nil.
type Result[T any] struct {
	Value T
	Err   error
}

// A Winner is the first value of several Deferreds.
type Winner[T any] struct {
	Index int // of the Deferred
	Value T
}

// A FirstError is the error of a combination that failed because a member did.
type FirstError struct {
	Err   error
	Index int // of the member
}

func (e *FirstError) Error() string { return fmt.Sprintf("FirstError[#%d, %v]", e.Index, e.Err) }

// Unwrap returns the member's error.
func (e *FirstError) Unwrap() error { return e.Err }

// A FailureGroup is the error of a combination all of whose members failed.
type FailureGroup struct {
	Errors []error // in the order of the members
}

func (e *FailureGroup) Error() string {
	if len(e.Errors) == 0 {
		return "deferred: nothing to wait for"
	}
	return fmt.Sprintf("all %d failed; the first: %v", len(e.Errors), e.Errors[0])
}

// Unwrap returns the members' errors.
func (e *FailureGroup) Unwrap() []error { return e.Errors }

// DeferredList waits for the results of all members, values or errors. Cancelling it
// cancels every member; it then still fires with the list of their results. For the
// fireOnOneCallback of Twisted's DeferredList see [FireOnOneCallback].
func DeferredList[T any](members []*Deferred[T], options ...ListOption) *Deferred[[]Result[T]] {
	g := newGroup(make([]Result[T], len(members)), members, options...)
	return join(g, members, func(i int, value T, err error) runner {
		g.result[i] = Result[T]{value, err}
		if err != nil && g.options&FireOnOneErrback != 0 {
			return g.fail(&FirstError{err, i})
		}
		return g.settleIfLast()
	})
}

// GatherResults waits for the values of all members and returns them in the order of the
// members. It fails at once with the first error, as a [*FirstError], but does not cancel
// the other members. Cancelling it cancels every member.
func GatherResults[T any](members []*Deferred[T], options ...ListOption) *Deferred[[]T] {
	g := newGroup(make([]T, len(members)), members, options...)
	return join(g, members, func(i int, value T, err error) runner {
		if err != nil {
			return g.fail(&FirstError{err, i})
		}
		g.result[i] = value
		return g.settleIfLast()
	})
}

// FireOnOneCallback waits for the first value of the members. It does not cancel the
// others. It fails with a [*FailureGroup] if all members fail or if there are none.
// Cancelling it cancels every member. It is Twisted's DeferredList with
// fireOnOneCallback.
func FireOnOneCallback[T any](members []*Deferred[T], options ...ListOption) *Deferred[Winner[T]] {
	return firstValue(members, false, options...)
}

// Race is [FireOnOneCallback], but cancels the other members after the first value.
// It consumes the errors of all members.
func Race[T any](members []*Deferred[T]) *Deferred[Winner[T]] {
	return firstValue(members, true, ConsumeErrors)
}

func firstValue[T any](members []*Deferred[T], cancelLosers bool, options ...ListOption) *Deferred[Winner[T]] {
	if len(members) == 0 {
		return Fail[Winner[T]](&FailureGroup{})
	}
	g := newGroup(Winner[T]{}, members, options...)
	errs := make([]error, len(members))
	return join(g, members, func(i int, value T, err error) runner {
		errs[i] = err
		switch {
		case err == nil:
			due := g.settle(Winner[T]{i, value}, nil)
			if cancelLosers { // after settle, because a canceller may fire its Deferred with a value
				g.cancelMembers()
			}
			return due
		case g.options&FireOnOneErrback != 0:
			return g.fail(&FirstError{err, i})
		case g.left == 0:
			return g.fail(&FailureGroup{errs})
		}
		return nil
	})
}

// group is the Deferred of a combination.
type group[U any, M canceller] struct {
	Deferred[U]
	members memberSet[U, M]
	result  U   // incomplete until left is zero
	left    int // members without a result
	options ListOption
}

// newGroup returns a group of members, which join adds to it. Cancelling the group
// cancels the members, and the group fires when those that are coroutines have ended. A
// group without members fires with result.
func newGroup[U any, M canceller](result U, members []M, options ...ListOption) *group[U, M] {
	g := &group[U, M]{result: result, left: len(members)}
	for _, o := range options {
		g.options |= o
	}
	g.members.all, g.members.group = slices.Clone(members), g
	g.Init(&g.members)
	g.settleIfLast()
	return g
}

func (g *group[U, M]) cancelMembers() {
	g.flags &^= cancelReached // a member may ignore it; a group passes on what it gets
	members := g.members.all
	for _, m := range members {
		m.Cancel()
	}
	for _, m := range members {
		if waitsForCoroutine(m) {
			g.flags |= endsLate
		}
	}
	if g.flags&endsLate == 0 {
		g.members.all = nil
	}
}

// settleIfLast settles g with its result if no member is left.
func (g *group[U, M]) settleIfLast() runner {
	if g.left != 0 {
		return nil
	}
	return g.settle(g.result, nil)
}

// release drops the members when g has fired.
func (g *group[U, M]) release() {
	if g.Called() {
		g.members.all = nil
	}
}

// memberSet is what a group waits for, and its canceller.
type memberSet[U any, M canceller] struct {
	terminus
	all   []M
	group *group[U, M]
}

// CancelDeferred implements [Canceller].
func (s *memberSet[U, M]) CancelDeferred(*Deferred[U]) { s.group.cancelMembers() }

// memberLink is the link that a group has in each member.
type memberLink[T, U any] struct {
	group  *group[U, *Deferred[T]]
	index  int
	accept func(index int, value T, err error) runner
}

// join adds a link to each member of g. Until g fires, the links call accept with the
// members' results. accept returns g if it settles g.
func join[T, U any](g *group[U, *Deferred[T]], members []*Deferred[T], accept func(index int, value T, err error) runner) *Deferred[U] {
	if i := slices.Index(members, nil); i >= 0 {
		panic(nilMember(i))
	}
	links := make([]memberLink[T, U], len(members))
	for i, d := range members {
		links[i] = memberLink[T, U]{g, i, accept}
		d.add(&links[i])
	}
	return &g.Deferred
}

func (m *memberLink[T, U]) run(d *Deferred[T]) (due runner) {
	g := m.group
	passed := false // d's error is now the error of g
	if !g.Called() {
		g.left--
		due = m.accept(m.index, d.value, d.err)
		passed = g.err != nil
	}
	switch {
	case d.err == nil:
	case g.options&ConsumeErrors != 0:
		d.markHandled()
		d.set(d.value, nil)
	case passed:
		d.take()
	}
	g.release()
	return due
}
