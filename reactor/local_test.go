package reactor_test

import (
	"runtime"
	"testing"

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
	values := map[*int]bool{a.Of(r): true, b.Of(r): true, a.Of(other): true}
	if len(values) != 3 || a.Of(r) != a.Of(r) || made != 3 {
		t.Errorf("%d values, %d made", len(values), made)
	}
}

// TestLocalLivesAsLongAsItsReactor: a value that leads to its reactor keeps neither.
func TestLocalLivesAsLongAsItsReactor(t *testing.T) {
	type value struct{ r reactor.Reactor }
	local := reactor.NewLocal(func(r reactor.Reactor) *value { return &value{r} })
	const reactors = 20
	freed := make(chan bool, reactors)
	for range reactors {
		runtime.AddCleanup(local.Of(memory.New()), func(c chan bool) { c <- true }, freed)
	}
	for range 10 {
		runtime.GC()
	}
	// The collector may still see one in a register.
	for range reactors - 1 {
		<-freed
	}
	runtime.KeepAlive(local)
}
