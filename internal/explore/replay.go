package explore

import (
	"math"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// Natural makes every choice the natural one.
type Natural struct{}

// Choose returns 0.
func (Natural) Choose(memory.Choice, int) int { return 0 }

// Pick returns 0.
func (Natural) Pick([]memory.Task) int { return 0 }

// A Replay makes the choices of a tape.
type Replay struct {
	tape    Tape
	next    [kinds]int
	changed bool // an answer was too large for its question
}

// Largest is the answer that stands for the largest one to any question. No recorded tape has it.
const Largest = 1<<32 - 1

// NewReplay returns a Replay of t.
func NewReplay(t Tape) *Replay { return &Replay{tape: t} }

// Choose returns the next answer of a kind.
func (r *Replay) Choose(kind memory.Choice, n int) int {
	answers, at := r.tape.answers[kind], r.next[kind]
	if at >= len(answers) {
		return 0
	}
	r.next[kind]++
	v := answers[at]
	if v == Largest {
		return n - 1
	}
	if uint64(v) >= uint64(n) {
		r.changed = true
		v %= uint32(min(uint64(n), math.MaxUint32))
	}
	return int(v)
}

// Pick returns the next answer of an order.
func (r *Replay) Pick(tasks []memory.Task) int { return r.Choose(memory.Order, len(tasks)) }

// Fits reports whether the run has asked for all answers of the tape, and each was one of those
// that were possible. If not, the program is not the one that the tape was made by.
func (r *Replay) Fits() bool {
	for kind, answers := range r.tape.answers {
		if r.next[kind] < len(answers) {
			return false
		}
	}
	return !r.changed
}

// Bytes makes choices of bytes: each takes one, and as many more as a larger number of answers
// needs. Any bytes will do, so that a fuzzer can change each of them. After the last, every choice
// is the natural one.
type Bytes struct{ data []byte }

// NewBytes returns choices made of data.
func NewBytes(data []byte) *Bytes { return &Bytes{data} }

// Choose returns the answer that the next bytes stand for.
func (b *Bytes) Choose(_ memory.Choice, n int) int {
	var v uint64
	for most := uint64(n - 1); ; most >>= 8 {
		if len(b.data) == 0 {
			break
		}
		v = v<<8 | uint64(b.data[0])
		b.data = b.data[1:]
		if most < 256 {
			break
		}
	}
	return int(v % uint64(n))
}

// Pick returns the answer that the next bytes stand for.
func (b *Bytes) Pick(tasks []memory.Task) int { return b.Choose(memory.Order, len(tasks)) }
