package memory_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
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
	logtest.Capture(t) // ports that cannot accept
	different, seeds := map[string]bool{}, 1000
	if raceEnabled {
		seeds = 25
	}
	for seed := range uint64(seeds) {
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
	if len(different) < seeds*9/10 {
		t.Errorf("%d seeds gave %d different runs", seeds, len(different))
	}
}

// Without faults, all bytes arrive, in their order, whatever is chosen.
func TestChoicesWithoutFaultsLoseNothing(t *testing.T) {
	seeds := uint64(60)
	if raceEnabled {
		seeds = 20
	}
	for seed := range seeds {
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

// With faults, no connection hangs for longer than the faults last: after EndFaults, each ends.
func TestFaultsEnd(t *testing.T) {
	logtest.Capture(t) // ports that cannot accept
	seeds := uint64(100)
	if raceEnabled {
		seeds = 40
	}
	for seed := range seeds {
		r := memory.NewReactor(memory.Config{Choices: newRandom(seed, 1+int(seed%20)), Conditions: everything})
		r.Seed(seed)
		client, server := &talker{r: r, left: streamSize}, &talker{r: r, left: streamSize}
		listen(t, r, address, server)
		made := connect(r, address, client)
		r.RunFor(time.Minute)
		r.EndFaults()
		before := len(r.FaultsMade())
		r.RunFor(time.Hour)
		faults := r.FaultsMade()
		if len(faults) > everything.MaxFaults || len(faults) != before {
			t.Errorf("seed %d: faults %v, of which %d came before EndFaults", seed, faults, before)
		}
		if made.Fired == 0 {
			t.Errorf("seed %d: the attempt goes on after %v", seed, faults)
		}
		for _, p := range []*talker{client, server} {
			half := slices.ContainsFunc(faults, func(f memory.FaultMade) bool { return f.Kind == memory.HalfClosed })
			if p.Transport != nil && len(p.lost) != 1 && !half {
				t.Errorf("seed %d: a connection goes on after %v: lost %v", seed, faults, p.lost)
			}
			if p.wrong {
				t.Errorf("seed %d: wrong bytes", seed)
			}
		}
	}
}

// failing counts the faults that are asked for, and makes the last one that is possible.
type failing struct{ asked int }

func (f *failing) Choose(kind memory.Choice, n int) int {
	if kind == memory.Fault {
		f.asked++
		return n - 1
	}
	return 0
}

func (f *failing) Pick([]memory.Task) int { return 0 }

func TestFaultsHappenWithinConditions(t *testing.T) {
	const none = "none"
	ask := func(r *memory.Reactor) {
		dialogue(r)
		r.AddHost("server", "192.0.2.1", "192.0.2.2")
		r.NameResolver().LookupHost("server").AddErrback(func(error) (addrs, error) { return nil, nil })
		r.RunFor(time.Minute)
		r.EndFaults()
		r.RunFor(time.Minute)
	}
	for _, test := range []struct {
		name       string
		conditions memory.Conditions
		want       string
	}{
		{"no link", memory.Conditions{}, none},
		{"another link", memory.Conditions{MayFail: []memory.Link{{"client", "198.51.100.1"}}, Faults: memory.Cut}, none},
		{"the link", memory.Conditions{MayFail: []memory.Link{{"client", "server"}}, Faults: memory.Cut}, "cut client server"},
		{"the link, the other way", memory.Conditions{MayFail: []memory.Link{{"server", "client"}}, Faults: memory.Cut}, "cut client server"},
		{"addresses", memory.Conditions{MayFail: []memory.Link{{"10.0.0.1", "192.0.2.1"}}, Faults: memory.Cut}, "cut client server"},
		{"a host with all", memory.Conditions{MayFail: []memory.Link{{"server", ""}}, Faults: memory.Cut}, "cut client server"},
		{"every link", memory.Conditions{MayFail: []memory.Link{{}}, Faults: memory.Cut}, "cut client server"},
		{"one kind", memory.Conditions{MayFail: []memory.Link{{}}, Faults: memory.Refused, MaxFaults: 5}, "refused client server"},
		{"a name of the link", memory.Conditions{MayFail: []memory.Link{{"", "server"}}, Faults: memory.NameNotFound}, "name not found server "},
		{"an address of the name", memory.Conditions{MayFail: []memory.Link{{"", "192.0.2.2"}}, Faults: memory.NameNotFound}, "name not found server "},
		{"a name of no link", memory.Conditions{MayFail: []memory.Link{{"", "client"}}, Faults: memory.NameNotFound}, none},
		{"any name", memory.Conditions{MayFail: []memory.Link{{}}, Faults: memory.NameNotFound}, "name not found server "},
		{"two faults", memory.Conditions{MayFail: []memory.Link{{}}, Faults: memory.Stalled}, "stalled client server, stalled client server"},
		{"three faults", memory.Conditions{MayFail: []memory.Link{{}}, Faults: memory.Stalled, MaxFaults: 3},
			"stalled client server, stalled client server, stalled client server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			choices := &failing{}
			r := memory.NewReactor(memory.Config{Choices: choices, Conditions: test.conditions})
			ask(r)
			var made []string
			for _, f := range r.FaultsMade() {
				made = append(made, strings.Join([]string{f.Kind.String(), f.Hosts[0], f.Hosts[1]}, " "))
			}
			got := cmp.Or(strings.Join(made, ", "), none)
			if got != test.want {
				t.Errorf("faults %q, want %q", got, test.want)
			}
			if choices.asked != len(made) {
				t.Errorf("%d faults were asked for, %d made", choices.asked, len(made))
			}
		})
	}
}

// A host gets its name, or another address, after the reactor was made.
func TestLinksOfLateHosts(t *testing.T) {
	r := memory.NewReactor(memory.Config{Choices: &failing{}, Conditions: memory.Conditions{MayFail: []memory.Link{{"late", ""}}, Faults: memory.Refused}})
	listen(t, r, address, &peer{})
	early := connect(r, address, &peer{})
	r.Pump()
	r.AddHost("late", "192.0.2.1")
	late := connect(r, address, &peer{})
	r.Pump()
	if early.Err != nil || !errors.Is(late.Err, reactor.ErrConnectionRefused) {
		t.Errorf("before the host had its name: %v; after: %v", early.Err, late.Err)
	}
}

func TestBadConfigs(t *testing.T) {
	for _, test := range []struct {
		config memory.Config
		want   string
	}{
		{memory.Config{Conditions: memory.Conditions{MaxLatency: -1}}, "memory: NewReactor with a negative Conditions.MaxLatency: -1ns"},
		{memory.Config{Conditions: memory.Conditions{MinBandwidth: -2}}, "memory: NewReactor with a negative Conditions.MinBandwidth: -2"},
		{memory.Config{Conditions: memory.Conditions{MaxFaults: -3}}, "memory: NewReactor with a negative Conditions.MaxFaults: -3"},
		{memory.Config{MaxTime: -time.Second}, "memory: NewReactor with a negative MaxTime: -1s"},
		{memory.Config{Conditions: memory.Conditions{Faults: 1 << 12}}, "memory: NewReactor with Conditions.Faults that do not exist: 0x1000"},
		{memory.Config{Conditions: memory.Conditions{MayFail: []memory.Link{{"a", "192.0.2.1:80"}}}},
			`memory: NewReactor with a Link of "192.0.2.1:80", which is not a host: a host is an IP address without a port, a name of AddHost, or "" for every host`},
	} {
		if got := panicOf(func() { memory.NewReactor(test.config) }); got != test.want {
			t.Errorf("%+v panics with %v, want %v", test.config, got, test.want)
		}
	}
	r := memory.NewReactor(memory.Config{Choices: &natural{}, Conditions: memory.Conditions{MayFail: []memory.Link{{"sever", "client"}}}})
	r.AddHost("client", "10.0.0.1")
	if got, want := panicOf(r.EndFaults), "memory: Conditions.MayFail names hosts that no AddHost has named: sever"; got != want {
		t.Errorf("EndFaults panics with %v, want %v", got, want)
	}
	memory.New().EndFaults()
}

// No bandwidth is too large, also where an int has 32 bits.
func TestLargeBandwidths(t *testing.T) {
	for _, least := range []int{100_000_000, math.MaxInt} {
		r := memory.NewReactor(memory.Config{
			Choices:    &script{answers: map[memory.Choice][]int{memory.Bandwidth: {1}}},
			Conditions: memory.Conditions{MinBandwidth: least},
		})
		dialogue(r)
		r.RunFor(time.Millisecond)
		want := fmt.Sprintf("the connection carries %d bytes a second each way", 64*min(int64(least), 1<<40))
		if got := choicesOf(r); !slices.Equal(got, []string{want}) || !strings.Contains(r.Trace().String(), "client end EOF") {
			t.Errorf("%d: %q, want %q, in\n%s", least, got, want, r.Trace())
		}
	}
}

func TestBadChoices(t *testing.T) {
	for _, test := range []struct {
		kind   memory.Choice
		answer int
		want   string
	}{
		{memory.Split, 5, "memory: Choices.Choose(split, 4) returned 5, which is not from 0 to 3"},
		{memory.Split, -1, "memory: Choices.Choose(split, 4) returned -1, which is not from 0 to 3"},
		{memory.Order, 2, "memory: Choices.Pick returned 2, which is no index of 2 tasks"},
		{memory.Order, -1, "memory: Choices.Pick returned -1, which is no index of 2 tasks"},
	} {
		r := memory.NewReactor(memory.Config{Choices: &script{answers: map[memory.Choice][]int{test.kind: {test.answer}}}})
		got := panicOf(func() {
			twoClients(r)
			r.RunFor(time.Second)
		})
		if got != test.want {
			t.Errorf("%v %d panics with %v, want %v", test.kind, test.answer, got, test.want)
		}
	}
}

func TestChoicesInWords(t *testing.T) {
	if got := fmt.Sprint(memory.Order, memory.Cancel, memory.Choice(9)); got != "order cancel Choice(9)" {
		t.Error(got)
	}
	if got := fmt.Sprint(memory.Faults(0), ", ", memory.Reset|memory.WallClockJump|1<<12); got != "none, reset, wall clock jump, Faults(0x1000)" {
		t.Error(got)
	}
}

// A round trip allocates no more with natural Choices than without Choices.
func TestChoicesAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	roundTrip := func(r *memory.Reactor) float64 {
		client := &pinger{left: 1 << 30, done: func() {}}
		listen(t, r, address, &pinger{left: 1 << 30, done: func() {}})
		connect(r, address, client)
		r.Pump()
		client.Write([]byte("ping"))
		return testing.AllocsPerRun(1000, func() { r.Iterate(0) })
	}
	without := roundTrip(memory.New())
	with := roundTrip(memory.NewReactor(memory.Config{Choices: &natural{}, Conditions: everything}))
	if without != 0 || with != 0 {
		t.Errorf("%v allocations a turn without Choices, %v with them", without, with)
	}
}
