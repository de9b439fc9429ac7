package memory

import (
	"fmt"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Leftover is something that is still open or due; see [Reactor.Leftovers].
type Leftover struct {
	// Kind is the kind of leftover:
	//
	//	connection          one side of a connection
	//	producer            a producer that is registered on a connection
	//	attempt to connect  one that has neither failed nor succeeded
	//	delayed call        a pending call of CallLater
	//	pending             what an inspectable shows; see [reactor.AddInspectable]
	Kind string
	// What describes the leftover. It is the same in each run.
	What string
}

// String returns the kind and the description.
func (l Leftover) String() string { return l.Kind + ": " + l.What }

// Leftovers returns what is still open or due on r and its machines. A program that says that it
// is done leaves nothing, or else it leaks. Ports that listen do not count, nor do the loop's own
// timers, such as the timeout of an attempt to connect that Leftovers returns anyway. First come
// attempts to connect, then connections, both in the order of their numbers, then delayed
// calls in the order of their times, then what inspectables show.
func (r *Reactor) Leftovers() []Leftover {
	r.check("Leftovers")
	var all []Leftover
	names := r.HostNames()
	for a := range r.net.pending.All() {
		to := a.to
		if !to.ip.IsValid() && to.path == "" { // it could not be resolved, and fails in the next turn
			to.path = a.Address
		}
		all = append(all, Leftover{"attempt to connect", fmt.Sprintf("#%d from %s to %s", a.number, a.from.describe(names), to.describe(names))})
	}
	for s := range r.net.open.All() {
		if s.handler != nil {
			all = append(all, s.leftovers(names)...)
		}
	}
	for _, call := range r.Loop.DelayedCalls() {
		if !ownTimer(timers.Name(call)) {
			all = append(all, Leftover{"delayed call", fmt.Sprint(call)})
		}
	}
	for _, text := range reactor.Inspect(r) {
		all = append(all, Leftover{"pending", strings.TrimSpace(text)})
	}
	return all
}

func (s *socket) leftovers(names map[string]string) []Leftover {
	what := fmt.Sprintf("#%d, %s side, %s to %s", s.number, s.side, s.from.describe(names), s.to.describe(names))
	all := []Leftover{{"connection", what}}
	if h, ok := s.handler.(interface {
		Producing() (registered, paused bool)
	}); ok {
		switch registered, paused := h.Producing(); {
		case paused:
			all = append(all, Leftover{"producer", what + ", paused"})
		case registered:
			all = append(all, Leftover{"producer", what})
		}
	}
	return all
}

// describe returns the address of p, and the name of its host if it has one.
func (p place) describe(names map[string]string) string {
	var text string
	switch {
	case p.ip.IsValid():
		text = p.ip.String()
	case p.path != "":
		text = p.path
	default:
		text = "a socket without a path"
	}
	name := names[p.ip.Addr().String()]
	if p.machine != nil {
		name = p.machine.name
	}
	if name != "" {
		text += " (" + name + ")"
	}
	return text
}

// ownTimer reports whether the function called name is a timer of the loop itself. It belongs to an
// attempt to connect, a connection or a port.
func ownTimer(name string) bool {
	for _, of := range []string{"reactor.(*Loop).", "reactor.(*connection).", "reactor.(*port).", "memory.(*Machine).crash."} {
		if strings.HasPrefix(name, of) {
			return true
		}
	}
	return false
}
