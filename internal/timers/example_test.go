package timers_test

import (
	"fmt"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// A clock makes the calls that are due after each change of its time.
func ExampleHeap() {
	now := time.Unix(0, 0)
	h := timers.New(func() time.Time { return now })
	h.CallLater(2*time.Second, func() { fmt.Println("after two seconds") })
	h.CallLater(time.Second, func() { fmt.Println("after one second") })

	now = now.Add(3 * time.Second)
	for f := h.Due(timers.NoMark); f != nil; f = h.Due(timers.NoMark) {
		f()
	}
	// Output:
	// after one second
	// after two seconds
}
