package reactor_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// TestTurnTime: the time of a turn is asked for once, and each turn has its own.
func TestTurnTime(t *testing.T) {
	r := reactor.New()
	defer r.Close()
	if began := r.Now(); reactor.TurnTime(r).Before(began) {
		t.Error("outside of a turn it is not Now")
	}
	r.CallWhenRunning(func() {
		first := reactor.TurnTime(r)
		for !r.Now().After(first) { // the system's clock may stand for a while
		}
		if again := reactor.TurnTime(r); !again.Equal(first) {
			t.Errorf("%v later in the same turn", again.Sub(first))
		}
		r.CallLater(0, func() {
			if next := reactor.TurnTime(r); !next.After(first) {
				t.Errorf("%v later in the next turn", next.Sub(first))
			}
			r.Stop()
		})
	})
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
}
