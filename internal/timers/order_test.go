package timers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// lastFirst picks the last candidate, and records the places.
type lastFirst struct{ asked []string }

func (o *lastFirst) Pick(calls []Candidate) int {
	var places []string
	for _, c := range calls {
		places = append(places, fmt.Sprint(c.Place))
	}
	o.asked = append(o.asked, strings.Join(places, " "))
	return len(calls) - 1
}

func newOrderedClock(order Order) *clock {
	c := newClock()
	c.RecordMakers, c.Order = true, order
	return c
}

func TestOrder(t *testing.T) {
	order := &lastFirst{}
	c := newOrderedClock(order)
	var got []string
	add := func(name string) func() { return func() { got = append(got, name) } }
	for i := range 3 { // one place
		c.CallLater(time.Second, add(fmt.Sprint("a", i)))
	}
	c.CallLater(time.Second, add("b"))
	c.CallLater(2*time.Second, add("late"))
	moved := c.CallLater(3*time.Second, add("moved"))
	c.time = c.time.Add(time.Second / 2)
	for i := range 2 { // another place, later
		c.CallLater(time.Second/2, add(fmt.Sprint("c", i)))
	}
	moved.Reset(time.Second / 2)
	mark := c.Mark()
	c.CallLater(time.Second/2, add("after the mark"))
	c.time = c.time.Add(10 * time.Second)
	c.due(mark)
	want := []string{"moved", "c0", "c1", "b", "a0", "a1", "a2"}
	if !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	if want := []string{"1 2 5 4", "1 2 5", "1 2 5", "1 2"}; !slices.Equal(order.asked, want) {
		t.Errorf("asked for %q, want %q", order.asked, want)
	}
	c.due(NoMark)
	if want = append(want, "after the mark", "late"); !slices.Equal(got, want) {
		t.Errorf("ran %v", got)
	}
}

// natural picks the first candidate.
type natural struct{ asked int }

func (o *natural) Pick([]Candidate) int {
	o.asked++
	return 0
}

// TestNaturalOrder: an Order that picks the first call each time changes nothing, however calls
// are added, moved and cancelled.
func TestNaturalOrder(t *testing.T) {
	run := func(order Order) (got []int) {
		c := newOrderedClock(order)
		random := rand.New(rand.NewPCG(1, 1))
		var pending []interface {
			Cancel() error
			Reset(time.Duration) error
		}
		for i := range 2000 {
			delay := time.Duration(random.IntN(4)) * time.Second
			switch f := func() { got = append(got, i) }; random.IntN(6) {
			case 0:
				pending = append(pending, c.CallLater(delay, f))
			case 1:
				pending = append(pending, c.CallLater(delay, f))
			case 2, 3:
				pending = append(pending, c.CallLater(delay, f))
			case 4:
				if len(pending) != 0 {
					pending[random.IntN(len(pending))].Reset(delay)
				}
			default:
				if len(pending) != 0 {
					pending[random.IntN(len(pending))].Cancel()
				}
			}
			if random.IntN(20) == 0 {
				c.time = c.time.Add(time.Second)
				c.due(c.Mark())
			}
		}
		return got
	}
	order := &natural{}
	if got, want := run(order), run(nil); !slices.Equal(got, want) {
		t.Errorf("ran\n%v, want\n%v", got, want)
	}
	if order.asked < 100 {
		t.Errorf("asked %d times only", order.asked)
	}
}
