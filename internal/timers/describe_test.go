package timers

import "testing"

func named() {}

type withMethod struct{}

func (withMethod) call() {}

// The place of a function literal does not depend on what the compiler inlines.
func TestPlace(t *testing.T) {
	literal := func() func() { return func() {} }()
	for want, f := range map[string]func(){
		"timers.named":               named,
		"timers.withMethod.call":     withMethod{}.call,
		"timers/describe_test.go:13": literal,
	} {
		if got := Place(f); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
