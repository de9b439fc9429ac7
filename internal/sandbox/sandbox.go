// Package sandbox lets a test refuse that the program under test leaves its reactor in memory: a
// reactor of the system would really wait and really connect, outside of all that the test controls.
package sandbox

import "sync/atomic"

var refuse atomic.Pointer[func(what string)]

// Refuse has [Leave] call f, until the result is called. f panics if it refuses.
func Refuse(f func(what string)) (undo func()) {
	old := refuse.Swap(&f)
	return func() { refuse.Store(old) }
}

// Leave says that the caller wants a reactor of the system. what names the function that gives it.
func Leave(what string) {
	if f := refuse.Load(); f != nil {
		(*f)(what)
	}
}
