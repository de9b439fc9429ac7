package explore

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// shrinkOrder are the kinds in the order in which Shrink makes them natural.
var shrinkOrder = [kinds]memory.Choice{memory.Fault, memory.Cancel, memory.Detail, memory.Latency, memory.Bandwidth, memory.Order, memory.Split}

// Shrink returns a tape with as few choices as it can that are not natural, and with small values,
// for which try still succeeds. try runs a tape; if it succeeds, it returns the tape of the choices
// that the run has made, which may be fewer. Shrink tries at most so many tapes. minimal is true if no
// single choice can be made natural or smaller.
func Shrink(t Tape, most int, try func(Tape) (Tape, bool)) (small Tape, tried int, minimal bool) {
	s := shrinker{best: t, most: most, try: try, known: map[string]bool{t.String(): true}}
	for !s.minimal && s.tried < s.most {
		s.pass()
	}
	return s.best, s.tried, s.minimal
}

type shrinker struct {
	best    Tape
	most    int
	tried   int
	try     func(Tape) (Tape, bool)
	known   map[string]bool // the tapes that were tried
	minimal bool
}

// pass tries all ways to make the best tape simpler once.
func (s *shrinker) pass() {
	before := s.best
	for _, kind := range shrinkOrder {
		s.attempt(s.best.with(kind, nil))
	}
	for _, kind := range shrinkOrder {
		s.dropTail(kind)
		s.dropBlocks(kind)
		s.raise(kind)
	}
	for _, kind := range shrinkOrder {
		s.reduce(kind)
	}
	s.minimal = s.best.Equal(before) && s.tried < s.most
}

// attempt tries t. If that succeeds and is simpler, the best tape is what it has come to.
func (s *shrinker) attempt(t Tape) bool {
	if s.tried >= s.most || t.compare(s.best) >= 0 {
		return false
	}
	if text := t.String(); s.known[text] {
		return false
	} else {
		s.known[text] = true
	}
	s.tried++
	got, ok := s.try(t)
	if !ok || got.compare(s.best) >= 0 {
		return false
	}
	s.known[got.String()] = true
	s.best = got
	return true
}

// dropTail makes the last answers natural: as many as can be.
func (s *shrinker) dropTail(kind memory.Choice) {
	for keep := len(s.best.answers[kind]) / 2; keep > 0 && keep < len(s.best.answers[kind]); {
		if s.attempt(s.best.with(kind, s.best.answers[kind][:keep])) {
			keep /= 2
		} else {
			keep = (keep + len(s.best.answers[kind]) + 1) / 2
		}
	}
}

// dropBlocks makes blocks of answers natural: large blocks first, single answers last.
func (s *shrinker) dropBlocks(kind memory.Choice) {
	for size := s.best.Count(kind) / 2; size > 0; size /= 2 {
		for from := 0; ; {
			set := s.set(kind)
			if from >= len(set) {
				break
			}
			answers := slices.Clone(s.best.answers[kind])
			for _, at := range set[from:min(from+size, len(set))] {
				answers[at] = 0
			}
			if !s.attempt(s.best.with(kind, answers)) {
				from += size
			}
		}
	}
}

// raise puts one large answer in the place of all those of a kind, of which only the sum may matter.
func (s *shrinker) raise(kind memory.Choice) {
	set := s.set(kind)
	if len(set) < 2 || kind == memory.Fault || kind == memory.Cancel {
		return
	}
	for i := range min(len(set), maxRaised) {
		at := set[i*len(set)/min(len(set), maxRaised)]
		answers := make([]uint32, at+1)
		answers[at] = Largest
		if s.attempt(s.best.with(kind, answers)) {
			return
		}
	}
}

// maxRaised bounds the places that raise tries.
const maxRaised = 16

// set returns the places of the answers that are not natural.
func (s *shrinker) set(kind memory.Choice) (places []int) {
	for at, v := range s.best.answers[kind] {
		if v != 0 {
			places = append(places, at)
		}
	}
	return places
}

// reduce makes each answer as small as it can be.
func (s *shrinker) reduce(kind memory.Choice) {
	for i := 0; ; i++ {
		set := s.set(kind)
		if i >= len(set) {
			return
		}
		at := set[i]
		low := uint32(0) // does not succeed
		if s.attemptAt(kind, at, 0) {
			i--
			continue
		}
		for {
			if at >= len(s.best.answers[kind]) {
				break
			}
			v := s.best.answers[kind][at]
			if v <= low+1 {
				break
			}
			if try := low + (v-low)/2; !s.attemptAt(kind, at, try) {
				low = try
			}
		}
	}
}

func (s *shrinker) attemptAt(kind memory.Choice, at int, v uint32) bool {
	answers := slices.Clone(s.best.answers[kind])
	answers[at] = v
	return s.attempt(s.best.with(kind, answers))
}

// compare says which of two tapes is simpler: the one with fewer faults and cancels, with fewer
// choices, with smaller ones, with earlier ones.
func (t Tape) compare(u Tape) int {
	a, b := t.weight(), u.weight()
	return slices.Compare(a[:], b[:])
}

func (t Tape) weight() (w [4]int) {
	for kind, answers := range t.answers {
		for _, v := range answers {
			if v == 0 {
				continue
			}
			if k := memory.Choice(kind); k == memory.Fault || k == memory.Cancel {
				w[0]++
			}
			w[1]++
			w[2] += int(v)
		}
		w[3] += len(answers)
	}
	return w
}
