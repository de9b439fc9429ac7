package producer_test

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/internal/producer"
)

// A consumer stores its producer, and stops it when the consumer ends.
func ExampleSlot() {
	var s producer.Slot
	s.Push = &fake{"a file"}
	fmt.Println(s.Taken())
	if p := s.Clear(); p != nil {
		p.StopProducing()
	}
	fmt.Println(s.Taken())
	// Output:
	// true
	// false
}
