package testing

import "github.com/seed-7c003b53/gotreq/reactor/memory"

// TraceReactors makes all later constructors pass their new reactor to made.
func TraceReactors(made func(r *memory.Reactor)) {
	newReactor = func() *memory.Reactor {
		r := memory.New()
		made(r)
		return r
	}
}
