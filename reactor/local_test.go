package reactor_test

import (
	"runtime"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

func TestLocal(t *testing.T) {
	made := 0
	newLocal := func() *reactor.Local[*int] {
		return reactor.NewLocal(func(reactor.Reactor) *int { made++; return new(int) })
	}
	a, b := newLocal(), newLocal()
	r, other := memory.New(), memory.New()
	first := a.Of(r)
	values := map[*int]bool{first: true, b.Of(r): true, a.Of(other): true}
	if len(values) != 3 || a.Of(r) != first || made != 3 {
		t.Errorf("%d values, %d made", len(values), made)
	}
}

// TestLocalLivesAsLongAsItsReactor: a value that leads to its reactor keeps neither.
func TestLocalLivesAsLongAsItsReactor(t *testing.T) {
	type value struct{ r reactor.Reactor }
	local := reactor.NewLocal(func(r reactor.Reactor) *value { return &value{r} })
	const reactors = 20
	var freed garbage.Count
	for range reactors {
		garbage.Watch(&freed, local.Of(memory.New()))
	}
	// The collector may still see one in a register.
	if n := freed.Collect(); n < reactors-1 {
		t.Errorf("%d of %d values are kept", reactors-n, reactors)
	}
	runtime.KeepAlive(local)
}
