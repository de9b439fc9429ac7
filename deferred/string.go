package deferred

import (
	"fmt"
	"strings"
)

// String says what d is, for people: its type, its address and, as far as there
// is one, its result or what it waits for. Not for programs to read.
func (d *Deferred[T]) String() string {
	var state string
	switch {
	case d.source != nil:
		state = "waiting on " + name(d.source)
	case d.flags&called == 0:
		state = "pending"
	case d.err != nil:
		state = fmt.Sprintf("error %q", d.err.Error())
	default:
		state = fmt.Sprintf("value %v", d.value)
	}
	if d.flags&paused != 0 {
		state += ", paused"
	}
	return "<" + name(d) + ": " + state + ">"
}

// name gives the type and the address of d.
func name(d dependency) string {
	return fmt.Sprintf("%s at %p", strings.TrimPrefix(fmt.Sprintf("%T", d), "*deferred."), d)
}
