package deferred

import (
	"fmt"
	"strings"
)

// String describes d for people: its type, its address, and its result or the
// Deferred it waits for. The format may change.
func (d *Deferred[T]) String() string {
	var state string
	up := d.upstream()
	_, end := up.(terminal)
	switch {
	case up != nil && !end:
		state = "waiting for " + name(up)
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

// name returns the type and the address of d.
func name(d dependency) string {
	return fmt.Sprintf("%s at %p", strings.TrimPrefix(fmt.Sprintf("%T", d), "*deferred."), d)
}
