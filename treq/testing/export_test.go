package testing

import (
	"runtime"
	"strings"

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
