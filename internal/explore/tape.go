package explore

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// kinds is the number of kinds of choices.
const kinds = int(memory.Cancel) + 1

// A Tape is the choices of one run: for each kind, the answers in the order of their questions.
// After its end, every answer is 0, which is the natural one. The zero value is the natural run.
//
// The kinds are apart, so that one answer less, of a fault for example, leaves the answers of the
// other kinds at their places. Tapes are not changed once they are made.
type Tape struct {
	answers [kinds][]uint32 // none ends with 0
}

// TapeOf returns the tape of recorded choices.
func TapeOf(points []Point) Tape {
	var t Tape
	for _, p := range points {
		t.answers[p.Kind] = append(t.answers[p.Kind], p.Value)
	}
	t.trim()
	return t
}

// trim removes the zeros at the ends.
func (t *Tape) trim() {
	for kind, answers := range t.answers {
		n := len(answers)
		for n > 0 && answers[n-1] == 0 {
			n--
		}
		t.answers[kind] = answers[:n]
	}
}

// Len returns the number of choices that are not natural.
func (t Tape) Len() int {
	n := 0
	for kind := range t.answers {
		n += t.Count(memory.Choice(kind))
	}
	return n
}

// Count returns the number of choices of a kind that are not natural.
func (t Tape) Count(kind memory.Choice) int {
	n := 0
	for _, v := range t.answers[kind] {
		if v != 0 {
			n++
		}
	}
	return n
}

// Equal reports whether t and u are the same.
func (t Tape) Equal(u Tape) bool {
	for kind := range t.answers {
		if !slices.Equal(t.answers[kind], u.answers[kind]) {
			return false
		}
	}
	return true
}

// with returns t with the answers of a kind replaced.
func (t Tape) with(kind memory.Choice, answers []uint32) Tape {
	t.answers[kind] = answers
	t.trim()
	return t
}
