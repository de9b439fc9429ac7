package explore

import (
	"math/rand/v2"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A Strategy is a way to search. Strategies are a set.
type Strategy uint8

const (
	NaturalRun Strategy = 1 << iota // one run in which every choice is natural
	EachFault                       // one run for each fault at each step of the natural run
	EachCancel                      // one run for each cancel at each step of the natural run
	EachDelay                       // one run for each latency of the natural run, which is the longest
	EachOrder                       // one run for each other task at each step of the natural run
	Random                          // all choices at random
	Priorities                      // orders by priorities, the others at random
	all        = 1<<iota - 1
)

// A Plan says what makes the choices of each run of a search. Set its fields before Next.
type Plan struct {
	Runs       int
	Seed       uint64
	Strategies Strategy // 0 means all
	Depth      int      // of Priorities

	begun    int
	strategy Strategy      // of the run that Next has begun
	singles  []alternative // still to be run
	sampled  bool
	points   [kinds]int // of all runs
	learned  int        // number of runs
}

// Next returns the choices of the next run, and the strategy they are of. ok is false at the end.
func (p *Plan) Next() (choices memory.Choices, strategy Strategy, ok bool) {
	if p.Strategies == 0 {
		p.Strategies = all
	}
	if p.begun == p.Runs {
		return nil, 0, false
	}
	p.begun++
	choices = p.choose()
	return choices, p.strategy, choices != nil
}

func (p *Plan) choose() memory.Choices {
	random := p.Strategies & (Random | Priorities)
	switch {
	case p.begun == 1 && p.Strategies&^(Random|Priorities) != 0:
		p.strategy = NaturalRun
		return Natural{}
	case len(p.singles) != 0:
		next := p.singles[0]
		p.singles = p.singles[1:]
		p.strategy = next.strategy()
		return NewReplay(next.tape())
	case random == 0:
		return nil
	case random == Priorities || random != Random && p.begun%2 == 0:
		p.strategy = Priorities
		return newPriorities(p.rand(), p.expected(), p.Depth)
	}
	p.strategy = Random
	return newRandom(p.rand(), p.expected())
}

// rand returns the random numbers of the run.
func (p *Plan) rand() *rand.Rand { return rand.New(rand.NewPCG(p.Seed, uint64(p.begun))) }

// expected returns how many choices of each kind a run has: the mean of the runs before.
func (p *Plan) expected() (n [kinds]int) {
	for kind := range n {
		n[kind] = 50
		if p.learned != 0 {
			n[kind] = p.points[kind] / p.learned
		}
	}
	return n
}

// Learn tells the plan the choices of the run that Next has begun.
func (p *Plan) Learn(points []Point) {
	for _, point := range points {
		p.points[point.Kind]++
	}
	p.learned++
	if p.strategy == NaturalRun {
		p.planSingles(points)
	}
}

// exhaustive are the strategies with a run for each alternative answer to the questions of a kind.
var exhaustive = [...]struct {
	strategy Strategy
	kind     memory.Choice
}{{EachFault, memory.Fault}, {EachCancel, memory.Cancel}, {EachDelay, memory.Latency}, {EachOrder, memory.Order}}

// An alternative is an answer of the natural run's questions that is not natural.
type alternative struct {
	kind  memory.Choice
	at    int // the number of questions of its kind before it
	value uint32
}

// alternatives returns the alternative answers to the questions of a kind. Of the latencies, only
// the longest are among them.
func alternatives(points []Point, kind memory.Choice) (all []alternative) {
	at := 0
	for _, point := range points {
		if point.Kind != kind {
			continue
		}
		first := uint32(1)
		if kind == memory.Latency {
			first = point.N - 1
		}
		for value := first; value < point.N; value++ {
			all = append(all, alternative{kind, at, value})
		}
		at++
	}
	return all
}

// tape returns the tape of the run with no other alternative.
func (a alternative) tape() Tape {
	answers := make([]uint32, a.at+1)
	answers[a.at] = a.value
	return Tape{}.with(a.kind, answers)
}

// strategy returns the strategy that a is of.
func (a alternative) strategy() Strategy {
	for _, e := range exhaustive {
		if e.kind == a.kind {
			return e.strategy
		}
	}
	return 0
}

// planSingles plans the runs with one alternative answer. If there are too few runs for all, each
// strategy gets the same number, or all that it needs if that is less, evenly distributed over the
// natural run. The strategies take turns, so that none waits for the end of another one.
func (p *Plan) planSingles(points []Point) {
	room := p.Runs - p.begun
	if p.Strategies&(Random|Priorities) != 0 {
		room = min(room, p.Runs/2)
	}
	var all [len(exhaustive)][]alternative
	total := 0
	for i, e := range exhaustive {
		if p.Strategies&e.strategy != 0 {
			all[i] = alternatives(points, e.kind)
			total += len(all[i])
		}
	}
	p.sampled = total > room
	room = min(room, total)
	// Deal the runs to the strategies, one each in turn.
	var turns []int // the strategy of each run
	var dealt [len(exhaustive)]int
	for len(turns) < room {
		for i := range all {
			if dealt[i] < len(all[i]) && len(turns) < room {
				dealt[i]++
				turns = append(turns, i)
			}
		}
	}
	var next [len(exhaustive)]int
	for _, i := range turns {
		p.singles = append(p.singles, all[i][next[i]*len(all[i])/dealt[i]])
		next[i]++
	}
}

// Sampled reports whether there were too many alternatives to run each of them.
func (p *Plan) Sampled() bool { return p.sampled }
