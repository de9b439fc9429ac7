package explore

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A Point is a choice that a run has made: Value of N possible ones.
type Point struct {
	Kind     memory.Choice
	N, Value uint32
}

// A Recorder passes the questions of a run on, and records the answers. It is used again for the
// next run by Start.
type Recorder struct {
	choices memory.Choices
	points  []Point
	settled bool
}

var _ memory.Choices = (*Recorder)(nil)

// Start begins a new record, of the answers of choices.
func (r *Recorder) Start(choices memory.Choices) {
	r.choices, r.points, r.settled = choices, r.points[:0], false
}

// Settle ends the faults: from now on, nothing fails, nothing is cancelled, and the record says
// nothing of that.
func (r *Recorder) Settle() { r.settled = true }

// Points returns the record, which is good until the next Start.
func (r *Recorder) Points() []Point { return r.points }

// Choose answers a question.
func (r *Recorder) Choose(kind memory.Choice, n int) int {
	if r.settled && (kind == memory.Fault || kind == memory.Detail || kind == memory.Cancel) {
		return 0
	}
	return r.record(kind, n, r.choices.Choose(kind, n))
}

// Pick answers a question of the order.
func (r *Recorder) Pick(tasks []memory.Task) int {
	return r.record(memory.Order, len(tasks), r.choices.Pick(tasks))
}

func (r *Recorder) record(kind memory.Choice, n, value int) int {
	if uint(value) >= uint(n) {
		panic(fmt.Sprintf("explore: answer %d to a question of kind %v with %d answers", value, kind, n))
	}
	r.points = append(r.points, Point{kind, uint32(n), uint32(value)})
	return value
}

// Schedule returns a hash of the choices.
func Schedule(points []Point) uint64 {
	hash := uint64(14695981039346656037)
	for _, p := range points {
		hash = (hash ^ uint64(p.Kind)<<56 ^ uint64(p.N)<<28 ^ uint64(p.Value)) * 1099511628211
		hash ^= hash >> 29
	}
	return hash
}
