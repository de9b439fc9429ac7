package memory_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// natural makes the choices that a reactor without Choices makes.
type natural struct{ asked int }

func (c *natural) Choose(memory.Choice, int) int {
	c.asked++
	return 0
}

func (c *natural) Pick([]memory.Task) int {
	c.asked++
	return 0
}

// random makes random choices, of which many are natural.
type random struct {
	*rand.Rand
	odd int // one of so many choices is not natural
}

func newRandom(seed uint64, odd int) random { return random{rand.New(rand.NewPCG(seed, 0)), odd} }

func (c random) Choose(kind memory.Choice, n int) int {
	if c.IntN(c.odd) != 0 {
		return 0
	}
	return c.IntN(n)
}

func (c random) Pick(tasks []memory.Task) int { return c.Choose(memory.Order, len(tasks)) }

// everything varies and fails.
var everything = memory.Conditions{
	MaxLatency:   200 * time.Millisecond,
	MinBandwidth: 1000,
	MayFail:      []memory.Link{{}},
	Faults:       memory.Refused | memory.Reset | memory.HalfClosed | memory.Stalled | memory.Cut | memory.NameNotFound | memory.AcceptFails,
	MaxFaults:    3,
}

func TestNaturalChoicesChangeNothing(t *testing.T) {
	run := func(r *memory.Reactor) memory.Trace {
		story(t, r)
		return r.Trace()
	}
	want := run(memory.New())
	choices := &natural{}
	got := run(memory.NewReactor(memory.Config{Choices: choices, Conditions: everything}))
	if !slices.Equal(got, want) {
		t.Errorf("with Choices\n%s\nwithout\n%s", got, want)
	}
	if choices.asked < 50 {
		t.Errorf("asked for %d choices only", choices.asked)
	}
}

func TestTheSameChoicesGiveTheSameTrace(t *testing.T) {
	different := map[string]bool{}
	for seed := range uint64(500) {
		run := func() memory.Trace {
			r := memory.NewReactor(memory.Config{Choices: newRandom(seed, 1+int(seed%10)), Conditions: everything})
			story(t, r)
			return r.Trace()
		}
		first, second := run(), run()
		if !slices.Equal(first, second) {
			t.Fatalf("seed %d gave\n%s\nand then\n%s", seed, first, second)
		}
		different[first.String()] = true
	}
	if len(different) < 450 {
		t.Errorf("500 seeds gave %d different runs", len(different))
	}
}

// Without faults, all bytes arrive, in their order, whatever is chosen.
func TestChoicesWithoutFaultsLoseNothing(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			conditions := memory.Conditions{MaxLatency: 50 * time.Millisecond, MinBandwidth: 50_000, Whole: seed%3 == 0}
			r := memory.NewReactor(memory.Config{Choices: newRandom(seed, 1+int(seed%20)), Conditions: conditions})
			r.Seed(seed)
			if seed%2 == 1 {
				r.Latency("", "", 7*time.Millisecond)
			}
			client, server := &talker{r: r, left: streamSize}, &talker{r: r, left: streamSize}
			listen(t, r, address, server)
			connect(r, address, client)
			r.RunFor(time.Minute)
			for _, p := range []*talker{client, server} {
				if p.got != streamSize || p.wrong || p.readLost != 1 {
					t.Errorf("got %d bytes, wrong %v, read lost %d times", p.got, p.wrong, p.readLost)
				}
				if len(p.lost) != 1 || !errors.Is(p.lost[0], reactor.ErrConnectionDone) {
					t.Errorf("lost the connection for %v", p.lost)
				}
			}
			if n := len(r.DelayedCalls()); n != 0 {
				t.Errorf("%d delayed calls are left", n)
			}
		})
	}
}
