package explore

import (
	"math/bits"
	"math/rand/v2"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file makes choices at random. Each run first draws how often a choice of each kind is not
// natural: some runs have no faults, some much reordering. A bug that needs many of one kind and
// few of another is then found sooner than if all runs were alike (swarm testing).

// random makes choices at random.
type random struct {
	rand *rand.Rand
	// rates are the parts, of 1<<32, of the choices of each kind that are not natural.
	rates [kinds]uint64
	small [kinds]bool // small answers are as likely as large ones
}

// certain is the rate of a choice that is never natural.
const certain = 1 << 32

// newRandom returns random choices for a program that makes so many choices of each kind.
func newRandom(r *rand.Rand, expected [kinds]int) *random {
	c := &random{rand: r}
	among := func(rates ...float64) uint64 { return uint64(rates[r.IntN(len(rates))] * certain) }
	about := func(kind memory.Choice, times ...float64) uint64 {
		return min(certain, uint64(times[r.IntN(len(times))]/float64(max(1, expected[kind]))*certain))
	}
	c.rates[memory.Order] = among(0, 0.05, 0.3, 1)
	c.rates[memory.Split] = among(0, 0, 0.05, 0.3, 1)
	c.rates[memory.Latency] = among(0, 0.1, 0.5, 1)
	c.rates[memory.Bandwidth] = among(0, 0, 0.5, 1)
	c.rates[memory.Fault] = about(memory.Fault, 0, 1, 1, 2, 4)
	c.rates[memory.Detail] = among(0.5, 1)
	c.rates[memory.Cancel] = about(memory.Cancel, 0, 0, 1, 2)
	for kind := range c.small {
		c.small[kind] = r.IntN(2) == 0
	}
	return c
}

// Choose answers at random.
func (c *random) Choose(kind memory.Choice, n int) int {
	if uint64(c.rand.Uint32()) >= c.rates[kind] {
		return 0
	}
	v := 1 + c.rand.IntN(n-1)
	if c.small[kind] {
		v >>= c.rand.IntN(bits.Len(uint(v)))
	}
	return v
}

// Pick answers at random.
func (c *random) Pick(tasks []memory.Task) int { return c.Choose(memory.Order, len(tasks)) }

// priorities makes the choices of order by priorities, and the others at random. Each task has a
// priority at random, and the task with the highest one comes next. At a few points at random,
// the next task gets the lowest one. A bug that needs the order of d events is found with a
// probability of at least one in t*k^(d-1), for t tasks and k steps (PCT, probabilistic
// concurrency testing).
type priorities struct {
	random
	of      map[memory.Task]uint64
	changes []int // the steps at which the next task gets a low priority
	step    int
}

// newPriorities returns choices that find bugs of the given depth.
func newPriorities(r *rand.Rand, expected [kinds]int, depth int) *priorities {
	c := &priorities{random: *newRandom(r, expected), of: map[memory.Task]uint64{}}
	for range depth - 1 {
		c.changes = append(c.changes, r.IntN(max(1, expected[memory.Order])))
	}
	return c
}

// Pick answers by priority.
func (c *priorities) Pick(tasks []memory.Task) int {
	best := c.highest(tasks)
	for i, at := range c.changes {
		if at == c.step {
			c.of[tasks[best]] = uint64(i) // lower than each that is drawn
			best = c.highest(tasks)
		}
	}
	c.step++
	return best
}

// highest returns the first of the tasks that have the highest priority.
func (c *priorities) highest(tasks []memory.Task) (best int) {
	var most uint64
	for i, task := range tasks {
		priority, known := c.of[task]
		if !known {
			priority = uint64(c.rand.Uint32()) + 1<<32
			c.of[task] = priority
		}
		if i == 0 || priority > most {
			best, most = i, priority
		}
	}
	return best
}
