// Package timers keeps delayed calls in the order of their times. The clocks of the
// real loop, of the memory reactor and of tests share it.
package timers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// A Heap holds pending calls. Calls for the same time run in the order in which they
// were added or last moved. A Heap belongs to one goroutine.
//
// Adding, removing and moving a call take O(log n) time. A pending call takes 32
// bytes, plus 24 in the heap, which does not shrink.
type Heap struct {
	// Check, unless nil, is called first by each method of a pending call.
	Check func()
	// RecordMakers records who schedules each call; see [Maker]. It takes about a microsecond
	// per call, so it is for clocks of tests.
	RecordMakers bool
	// Order, unless nil, picks among calls for the same time. It is set before the first call.
	Order Order

	// Jumped, unless nil, returns by how much the clock that programs see is later than that of
	// the calls.
	Jumped func() time.Duration

	now     func() time.Time
	epoch   time.Time     // the origin of all times
	entries []entry       // a heap with arity children a node
	seq     uint64        // of the next call that is added or moved
	lag     time.Duration // how late the call was that Due returned last

	notes     []note       // see describe.go
	freeNotes []int32      // numbers of unused notes
	making    uintptr      // who scheduled the call that Due returned last; 0 between such calls
	what      fmt.Stringer // describes the call that Due returned last; or nil

	ordering *ordering // what Order needs; nil until it is needed
}

type entry struct {
	at   time.Duration // since epoch
	seq  uint64
	call *call
}

// arity is the number of children of a node. With four, the heap is half as deep as
// a binary one.
const arity = 4

type call struct {
	heap  *Heap
	f     func() // nil after the call ran or was cancelled
	at    time.Duration
	index int32 // in heap.entries; or ran, or cancelled
	noted int32 // the number of its note; 0 if it has none
}

const (
	ran       = -1
	cancelled = -2
)

// New returns an empty Heap. now returns the time of its clock.
func New(now func() time.Time) *Heap {
	return &Heap{now: now, epoch: now()}
}

// Len returns the number of pending calls.
func (h *Heap) Len() int { return len(h.entries) }

// CallLater adds a call of f at delay from now.
func (h *Heap) CallLater(delay time.Duration, f func()) deferred.DelayedCall {
	if f == nil {
		panic("reactor: CallLater with a nil function")
	}
	c := &call{heap: h, f: f, at: h.after(delay)}
	h.push(c)
	if h.RecordMakers {
		c.note().maker = h.maker()
	}
	if h.Order != nil {
		h.register(c)
	}
	return c
}

// after returns the time that is delay from now.
func (h *Heap) after(delay time.Duration) time.Duration {
	return add(h.now().Sub(h.epoch), max(delay, 0))
}

// add returns a+b, or the nearest Duration if that overflows.
func add(a, b time.Duration) time.Duration {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}

// Next returns when the earliest call is due. ok is false if there is none.
func (h *Heap) Next() (at time.Time, ok bool) {
	if len(h.entries) == 0 {
		return time.Time{}, false
	}
	return h.epoch.Add(h.entries[0].at), true
}

// Mark returns a mark for [Heap.Due]. It lies before all calls that are added or
// moved later.
func (h *Heap) Mark() uint64 { return h.seq }

// NoMark is a mark after all calls.
const NoMark = math.MaxUint64

// Due removes the earliest call, if it is due and lies before mark, and returns its
// function. Otherwise it returns nil. With a mark made at the beginning of a turn,
// the turn ends even if calls add calls.
func (h *Heap) Due(mark uint64) func() {
	h.making, h.what = 0, nil
	if len(h.entries) == 0 {
		return nil
	}
	first := h.entries[0]
	if first.seq >= mark {
		return nil
	}
	now := h.now().Sub(h.epoch)
	if first.at > now {
		return nil
	}
	h.lag = now - max(0, first.at)
	index := 0
	if h.Order != nil {
		index = h.pick(mark)
	}
	c := h.entries[index].call
	h.remove(index)
	if c.noted != 0 {
		h.making, h.what = h.notes[c.noted].maker, h.notes[c.noted].what
		c.forget()
	}
	f := c.f
	c.f, c.index = nil, ran
	return f
}

// What returns the description that [Describe] has given the call that Due has just returned; nil
// if it has none.
func (h *Heap) What() fmt.Stringer { return h.what }

// Lag returns how late the call is that Due has just returned.
func (h *Heap) Lag() time.Duration { return h.lag }

// Calls returns the pending calls, in the order in which they will run.
func (h *Heap) Calls() []deferred.DelayedCall {
	entries := slices.Clone(h.entries)
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq))
	})
	calls := make([]deferred.DelayedCall, len(entries))
	for i, e := range entries {
		calls[i] = e.call
	}
	return calls
}

// check calls the heap's Check.
func (c *call) check() {
	if c.heap.Check != nil {
		c.heap.Check()
	}
}

// state returns nil if c is pending.
func (c *call) state() error {
	switch c.index {
	case ran:
		return deferred.ErrCallRan
	case cancelled:
		return deferred.ErrCallCancelled
	}
	return nil
}

func (c *call) Cancel() error {
	c.check()
	if err := c.state(); err != nil {
		return err
	}
	c.heap.remove(int(c.index))
	c.forget()
	c.f, c.index = nil, cancelled
	return nil
}

func (c *call) Reset(delay time.Duration) error {
	c.check()
	return c.move(c.heap.after(delay))
}

func (c *call) Delay(extra time.Duration) error {
	c.check()
	return c.move(add(c.at, extra))
}

func (c *call) move(at time.Duration) error {
	if err := c.state(); err != nil {
		return err
	}
	c.at = at
	c.heap.place(int(c.index), c)
	if c.heap.Order != nil {
		c.heap.register(c)
	}
	return nil
}

func (c *call) Active() bool {
	c.check()
	return c.index >= 0
}

func (c *call) Time() time.Time {
	c.check()
	return c.heap.time(c.at)
}

// time returns the time that programs see at.
func (h *Heap) time(at time.Duration) time.Time {
	if h.Jumped != nil {
		at = add(at, h.Jumped())
	}
	return h.epoch.Add(at)
}

func (e entry) before(o entry) bool {
	return e.at < o.at || e.at == o.at && e.seq < o.seq
}

func (h *Heap) push(c *call) {
	h.entries = append(h.entries, entry{})
	h.place(len(h.entries)-1, c)
}

// place makes c entry i of the heap, after all other calls for the same time.
func (h *Heap) place(i int, c *call) {
	h.entries[i] = entry{c.at, h.seq, c}
	h.seq++
	h.fix(i)
}

// remove removes entry i.
func (h *Heap) remove(i int) {
	last := len(h.entries) - 1
	moved := h.entries[last]
	h.entries[last] = entry{}
	h.entries = h.entries[:last]
	if i < last {
		h.entries[i] = moved
		h.fix(i)
	}
}

// fix restores the order of the heap after a change of entry i.
func (h *Heap) fix(i int) {
	if i > 0 && h.entries[i].before(h.entries[(i-1)/arity]) {
		h.up(i)
	} else {
		h.down(i)
	}
}

func (h *Heap) put(i int, e entry) {
	h.entries[i] = e
	e.call.index = int32(i)
}

func (h *Heap) up(i int) {
	e := h.entries[i]
	for i > 0 {
		parent := (i - 1) / arity
		if !e.before(h.entries[parent]) {
			break
		}
		h.put(i, h.entries[parent])
		i = parent
	}
	h.put(i, e)
}

func (h *Heap) down(i int) {
	e := h.entries[i]
	for {
		least := i*arity + 1
		if least >= len(h.entries) {
			break
		}
		for child := least + 1; child < min(i*arity+1+arity, len(h.entries)); child++ {
			if h.entries[child].before(h.entries[least]) {
				least = child
			}
		}
		if !h.entries[least].before(e) {
			break
		}
		h.put(i, h.entries[least])
		i = least
	}
	h.put(i, e)
}
