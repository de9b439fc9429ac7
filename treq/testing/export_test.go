package testing

import "github.com/seed-7c003b53/gotreq/reactor/memory"

// TraceReactors has made called with each reactor that is made from now on.
func TraceReactors(made func(r *memory.Reactor)) {
	newReactor = func() *memory.Reactor {
		r := memory.New()
		made(r)
		return r
	}
}
