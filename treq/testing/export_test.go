package testing

import (
	"runtime"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// IsLibrary reports whether a function in a file of that name counts as the library's. A name that begins
// with "./" is below the module.
func IsLibrary(function, file string) bool {
	if below, ok := strings.CutPrefix(file, "./"); ok {
		file = root + below
	}
	return isLibrary(runtime.Frame{Function: function, File: file})
}

// TraceReactors makes all later constructors pass their new reactor to made.
func TraceReactors(made func(r *memory.Reactor)) {
	newReactor = func() *memory.Reactor {
		r := memory.New()
		made(r)
		return r
	}
}

// InputOfFuzz does what Fuzz does with an input.
func InputOfFuzz(t testing.TB, e Exploration, tape []byte, f func(t testing.TB, r *memory.Reactor)) Summary {
	x, end := newExplorer(t, t.Name(), e, f)
	defer end()
	x.fuzz(tape)
	return x.summary
}

// Steady returns a text without what differs from run to run.
var Steady = steady
