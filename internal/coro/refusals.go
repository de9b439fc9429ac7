package coro

import "runtime"

// This file ends code that is cancelled and goes on all the same. Waiting is refused to it,
// and it is expected to return. If it does not, it is unwound.

const (
	// maxRefused is the number of refused waits after which each further one unwinds the
	// code by a panic.
	maxRefused = 5
	// maxPanics is the number after which runtime.Goexit unwinds code that recovers from
	// the panics. It is large, because deferred functions may wait too.
	maxPanics = 100
)

// Refusals counts the waits that were refused to the cancelled code of one coroutine.
type Refusals int

// An Unwinding is a way to end code that waits although it is cancelled.
type Unwinding int

const (
	// NotYet lets the wait return: the code is still expected to end by itself.
	NotYet Unwinding = iota
	// ByPanic is a panic, which runs the deferred functions.
	ByPanic
	// ByGoexit is a call of runtime.Goexit, from which the code cannot recover.
	ByGoexit
)

// Next counts a refused wait, and returns how that wait ends.
func (r *Refusals) Next() Unwinding {
	*r++
	switch {
	case *r > maxPanics:
		return ByGoexit
	case *r > maxRefused:
		return ByPanic
	}
	return NotYet
}

// Do unwinds its caller. The value of the panic, if there is one, is v.
func (u Unwinding) Do(v any) {
	switch u {
	case ByGoexit:
		runtime.Goexit()
	case ByPanic:
		panic(v)
	}
}
