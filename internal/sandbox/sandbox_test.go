package sandbox_test

import (
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/sandbox"
)

// TestRefuse: the last Refuse counts, until it is undone.
func TestRefuse(t *testing.T) {
	var told []string
	tell := func(who string) func(string) {
		return func(what string) { told = append(told, who+": "+what) }
	}
	sandbox.Leave("before")
	undoOuter := sandbox.Refuse(tell("outer"))
	sandbox.Leave("a")
	undoInner := sandbox.Refuse(tell("inner"))
	sandbox.Leave("b")
	undoInner()
	sandbox.Leave("c")
	undoOuter()
	sandbox.Leave("after")
	if want := []string{"outer: a", "inner: b", "outer: c"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
