package producer_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/producer"
)

type fake struct{ name string }

func (*fake) PauseProducing()  {}
func (*fake) ResumeProducing() {}
func (*fake) StopProducing()   {}

func TestSlot(t *testing.T) {
	f := &fake{"f"}
	for name, slot := range map[string]producer.Slot{"push": {Push: f}, "pull": {Pull: f}} {
		if !slot.Taken() {
			t.Errorf("%s: not taken", name)
		}
		if got := slot.Clear(); got != producer.Pull(f) {
			t.Errorf("%s: Clear returned %v", name, got)
		}
		if slot.Taken() {
			t.Errorf("%s: taken after Clear", name)
		}
	}
	var empty producer.Slot
	if empty.Taken() || empty.Clear() != nil {
		t.Error("an empty Slot has a producer")
	}
}
