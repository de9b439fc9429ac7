package deferred

import "fmt"

// This file holds what waits for many Deferreds of one type. Each adds a link,
// a member, to every one of them, and gathers what the members see.

// A ListOption changes how [DeferredList] and its like deal with errors.
type ListOption uint8

const (
	// FireOnOneErrback makes the list fail with the first error, as a
	// [*FirstError], without waiting for the rest.
	FireOnOneErrback ListOption = 1 << iota
	// ConsumeErrors handles the errors of the members: each is left with the zero
	// value. Without it a member keeps its error, which is reported if nobody
	// handles it, unless the error became the list's own.
	ConsumeErrors
)

// A Result is what a Deferred of a list fired with. Value counts if Err is nil.
type Result[T any] struct {
	Value T
	Err   error
}

// A Winner is the first value of several Deferreds, and which one gave it.
type Winner[T any] struct {
	Index int
	Value T
}

// A FirstError is the error of a combination that failed because one of its
// members did. It is Twisted's FirstError.
type FirstError struct {
	Err   error
	Index int // which member
}

func (e *FirstError) Error() string { return fmt.Sprintf("FirstError[#%d, %v]", e.Index, e.Err) }

// Unwrap returns the member's error.
func (e *FirstError) Unwrap() error { return e.Err }

// A FailureGroup is the error of a combination all of whose members failed. It
// is Twisted's FailureGroup.
type FailureGroup struct {
	Errors []error // by the order of the members
}

func (e *FailureGroup) Error() string {
	if len(e.Errors) == 0 {
		return "deferred: nothing to wait for"
	}
	return fmt.Sprintf("all %d failed; the first: %v", len(e.Errors), e.Errors[0])
}

// Unwrap returns the members' errors.
func (e *FailureGroup) Unwrap() []error { return e.Errors }

// DeferredList waits for all of ds, whatever they fire with. It is Twisted's
// DeferredList. Cancelling it cancels every member; its result is what comes of
// that. For the fireOnOneCallback of Twisted's see [FireOnOneCallback].
func DeferredList[T any](ds []*Deferred[T], options ...ListOption) *Deferred[[]Result[T]] {
	l := &listing[T]{options: joined(options), results: make([]Result[T], len(ds)), left: len(ds)}
	return combine(&l.Deferred, ds, l, func() { l.Callback(l.results) })
}

// GatherResults waits for the values of all of ds, in their order, or for the
// first error, which it fails with as a [*FirstError]. The others then go on. It
// is Twisted's gatherResults. Cancelling it cancels every member.
func GatherResults[T any](ds []*Deferred[T], options ...ListOption) *Deferred[[]T] {
	g := &gathering[T]{options: joined(options), values: make([]T, len(ds)), left: len(ds)}
	return combine(&g.Deferred, ds, g, func() { g.Callback(g.values) })
}

// FireOnOneCallback waits for the first value of ds; the others go on. If all
// fail it fails with a [*FailureGroup], at once if there are none. It is a
// Twisted DeferredList with fireOnOneCallback. Cancelling it cancels every
// member. See [Race] for one that cancels the losers.
func FireOnOneCallback[T any](ds []*Deferred[T], options ...ListOption) *Deferred[Winner[T]] {
	f := &first[T]{options: joined(options), errs: make([]error, len(ds)), left: len(ds)}
	return combine(&f.Deferred, ds, f, func() { f.Errback(&FailureGroup{}) })
}

// Race waits for the first value of ds and then cancels the others, whose
// results are dropped. If all fail it fails with a [*FailureGroup], at once if
// there are none. It is Twisted's race. Cancelling it cancels every member.
func Race[T any](ds []*Deferred[T]) *Deferred[Winner[T]] {
	f := &first[T]{options: ConsumeErrors, errs: make([]error, len(ds)), left: len(ds), losers: ds}
	return combine(&f.Deferred, ds, f, func() { f.Errback(&FailureGroup{}) })
}

func joined(options []ListOption) (all ListOption) {
	for _, o := range options {
		all |= o
	}
	return all
}

// combine adds members that report to c to all of ds, and returns to, which c
// fires. Without ds it calls ifNone to do so.
func combine[T, U any](to *Deferred[U], ds []*Deferred[T], c collector[T], ifNone func()) *Deferred[U] {
	if debugging.Load() {
		to.debugMade()
	}
	if len(ds) == 0 {
		ifNone()
		return to
	}
	ds = append([]*Deferred[T](nil), ds...)
	for i, d := range ds {
		if d == nil {
			panic(nilMember(i))
		}
	}
	to.canceller = func(*Deferred[U]) {
		for _, d := range ds {
			d.Cancel()
		}
	}
	members := make([]member[T], len(ds))
	for i, d := range ds {
		members[i] = member[T]{c, i}
		d.add(&members[i])
	}
	return to
}

// member is the link of a list in one of its members.
type member[T any] struct {
	of    collector[T]
	index int
}

// collector is what the members of a list report to.
type collector[T any] interface {
	// collect takes the result of one member. It returns the list's Deferred if
	// that is due by it, and says what becomes of the member's error.
	collect(index int, value T, err error) (due runner, fate fate)
}

// fate is what becomes of an error that a list saw.
type fate uint8

const (
	kept     fate = iota // it is still the member's
	shared               // the list reports it; the member keeps it for handlers
	consumed             // it is gone
)

func (m *member[T]) run(d *Deferred[T]) runner {
	due, fate := m.of.collect(m.index, d.value, d.err)
	if d.err == nil {
		return due
	}
	switch fate {
	case shared:
		d.take()
	case consumed:
		d.handled()
		d.set(d.value, nil)
	}
	return due
}

// fateOf gives the fate of an error of which the list's own is made, or not.
func (o ListOption) fateOf(own bool) fate {
	switch {
	case o&ConsumeErrors != 0:
		return consumed
	case own:
		return shared
	}
	return kept
}

// listing is the work of a DeferredList.
type listing[T any] struct {
	Deferred[[]Result[T]]
	options ListOption
	results []Result[T]
	left    int
}

func (l *listing[T]) collect(i int, value T, err error) (due runner, _ fate) {
	l.results[i] = Result[T]{value, err}
	l.left--
	own := false
	switch {
	case l.Called():
	case err != nil && l.options&FireOnOneErrback != 0:
		own = true
		due = l.fail(&FirstError{err, i})
	case l.left == 0:
		due = l.settle(l.results, nil)
	}
	return due, l.options.fateOf(own)
}

// gathering is the work of GatherResults.
type gathering[T any] struct {
	Deferred[[]T]
	options ListOption
	values  []T
	left    int
}

func (g *gathering[T]) collect(i int, value T, err error) (due runner, _ fate) {
	g.values[i] = value
	g.left--
	own := false
	switch {
	case g.Called():
	case err != nil:
		own = true
		due = g.fail(&FirstError{err, i})
	case g.left == 0:
		due = g.settle(g.values, nil)
	}
	return due, g.options.fateOf(own)
}

// first is the work of FireOnOneCallback and of Race.
type first[T any] struct {
	Deferred[Winner[T]]
	options ListOption
	errs    []error
	left    int
	losers  []*Deferred[T] // to be cancelled; the winner is among them
}

func (f *first[T]) collect(i int, value T, err error) (due runner, _ fate) {
	f.errs[i] = err
	f.left--
	own := false
	switch {
	case f.Called():
	case err == nil:
		losers := f.losers
		f.losers = nil
		// Taken first, so that a loser whose canceller gives a value does not win.
		due = f.settle(Winner[T]{i, value}, nil)
		for j, d := range losers {
			if j != i {
				d.Cancel()
			}
		}
	case f.options&FireOnOneErrback != 0:
		own = true
		due = f.fail(&FirstError{err, i})
	case f.left == 0:
		own = true
		due = f.fail(&FailureGroup{f.errs})
	}
	return due, f.options.fateOf(own)
}
