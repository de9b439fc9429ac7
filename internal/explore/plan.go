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
	strategy Strategy // of the run that Next has begun
	singles  []Tape   // still to be run: one choice is not natural
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
	case p.begun == 1 && p.Strategies&(NaturalRun|EachFault|EachCancel) != 0:
		p.strategy = NaturalRun
		return Natural{}
	case len(p.singles) != 0:
		tape := p.singles[0]
		p.singles = p.singles[1:]
		p.strategy = EachFault
		if len(tape.answers[memory.Cancel]) != 0 {
			p.strategy = EachCancel
		}
		return NewReplay(tape)
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
		p.singles = p.single(points)
	}
}

// single returns the tapes with one fault or cancel at one step of the natural run, or as many of them as
// there are runs for, evenly distributed.
func (p *Plan) single(points []Point) []Tape {
	var questions []question
	total := 0
	for _, s := range []struct {
		strategy Strategy
		kind     memory.Choice
	}{{EachFault, memory.Fault}, {EachCancel, memory.Cancel}} {
		at := 0
		for _, point := range points {
			if p.Strategies&s.strategy != 0 && point.Kind == s.kind {
				questions = append(questions, question{point.Kind, at, total})
				total += int(point.N) - 1
				at++
			}
		}
	}
	room := p.Runs - p.begun
	if p.Strategies&(Random|Priorities) != 0 {
		room = min(room, p.Runs/2)
	}
	p.sampled = total > room
	tapes := make([]Tape, min(room, total))
	for i := range tapes {
		n := i * total / len(tapes)
		for len(questions) > 1 && questions[1].before <= n {
			questions = questions[1:]
		}
		tapes[i] = questions[0].answered(uint32(n - questions[0].before + 1))
	}
	return tapes
}

// A question is one of the natural run that has answers which are not natural.
type question struct {
	kind   memory.Choice
	at     int // the number of questions of its kind before it
	before int // the number of such answers of all questions before it
}

// answered returns the tape with one answer.
func (q question) answered(v uint32) Tape {
	answers := make([]uint32, q.at+1)
	answers[q.at] = v
	return Tape{}.with(q.kind, answers)
}

// Sampled reports whether there were too many single faults and cancels to run each of them.
func (p *Plan) Sampled() bool { return p.sampled }
