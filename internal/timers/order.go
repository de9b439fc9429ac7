package timers

import (
	"cmp"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// This file lets somebody else order the calls for the same time.

// An Order picks among calls for the same time. Without it, they run in the order in which they
// were added or last moved.
type Order interface {
	// Pick returns the index of the call that runs next. There are at least two, in the order in
	// which they run without an Order. Of the calls that one place has added or moved at one
	// time, calls has the first only.
	Pick(calls []Candidate) int
}

// A Candidate is a call that may run next.
type Candidate struct {
	Call deferred.DelayedCall
	// Place is the number of the place that scheduled Call; see [Maker]. The places of a Heap
	// have numbers from 1, in the order in which they first scheduled a call. 0 means that it is
	// not known.
	Place int
}

// An ordering is what a Heap knows for its Order.
type ordering struct {
	numbers map[line]int
	known   map[uintptr]int // numbers by program counter
	origins []origin        // by the number of the call's note
	due     []int           // see pick
	seen    map[origin]bool // see pick
	calls   []Candidate
}

// An origin says by whom and when a call was added or last moved.
type origin struct {
	place int
	made  int64 // nanoseconds since epoch
}

// register remembers the origin of c.
func (h *Heap) register(c *call) {
	o := h.ordering
	if o == nil {
		o = &ordering{numbers: map[line]int{}, known: map[uintptr]int{}, seen: map[origin]bool{}}
		h.ordering = o
	}
	maker := c.note().maker
	if short := int(c.noted) + 1 - len(o.origins); short > 0 {
		o.origins = append(o.origins, make([]origin, short)...)
	}
	o.origins[c.noted] = origin{o.number(maker), int64(h.now().Sub(h.epoch))}
}

// number returns the number of the place at pc.
func (o *ordering) number(pc uintptr) int {
	if pc == 0 {
		return 0
	}
	n, ok := o.known[pc]
	if !ok {
		at := siteOf(pc).at
		if n, ok = o.numbers[at]; !ok {
			n = len(o.numbers) + 1
			o.numbers[at] = n
		}
		o.known[pc] = n
	}
	return n
}

// pick returns the index of the entry that comes next, among those for the earliest time that
// lie before mark.
func (h *Heap) pick(mark uint64) int {
	o := h.ordering
	if o == nil {
		return 0
	}
	// Entries for the same time are at the top of the heap, without gaps.
	o.due = append(o.due[:0], 0)
	for i := 0; i < len(o.due); i++ {
		least := o.due[i]*arity + 1
		for child := least; child < min(least+arity, len(h.entries)); child++ {
			if e := h.entries[child]; e.at == h.entries[0].at && e.seq < mark {
				o.due = append(o.due, child)
			}
		}
	}
	if len(o.due) == 1 {
		return 0
	}
	slices.SortFunc(o.due, func(a, b int) int { return cmp.Compare(h.entries[a].seq, h.entries[b].seq) })
	clear(o.seen)
	o.calls = o.calls[:0]
	indexes := o.due[:0]
	for _, i := range o.due {
		c := h.entries[i].call
		if from := o.origins[c.noted]; !o.seen[from] {
			o.seen[from] = true
			o.calls = append(o.calls, Candidate{c, from.place})
			indexes = append(indexes, i)
		}
	}
	if len(indexes) == 1 {
		return 0
	}
	got := h.Order.Pick(o.calls)
	clear(o.calls)
	return indexes[got]
}
