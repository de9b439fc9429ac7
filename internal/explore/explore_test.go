package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// someTape returns a tape with many natural choices and large values.
func someTape(r *rand.Rand) (t Tape) {
	for kind := range t.answers {
		for range r.IntN(20) {
			v := uint32(0)
			if r.IntN(3) == 0 {
				v = r.Uint32() >> r.IntN(32)
			}
			t.answers[kind] = append(t.answers[kind], v%(1<<32-1))
		}
	}
	t.trim()
	return t
}

func TestTapeText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for range 1000 {
		tape := someTape(r)
		text := tape.String()
		got, err := Parse(" " + text + "\n")
		if err != nil || !got.Equal(tape) || got.String() != text {
			t.Fatalf("%v becomes %q and then %v, %v", tape, text, got, err)
		}
	}
	var natural Tape
	if text := natural.String(); len(text) != 5 {
		t.Errorf("the natural tape is %q", text)
	}
	long := Tape{}.with(memory.Order, append(make([]uint32, 100_000), 3))
	if text := long.String(); len(text) > 20 {
		t.Errorf("a tape with one choice is %q", text)
	}
}

// TestWrongTapes: each change of a tape is told.
func TestWrongTapes(t *testing.T) {
	tape := Tape{}.with(memory.Fault, []uint32{0, 0, 5}).with(memory.Order, []uint32{1, 2, 3})
	text := tape.String()
	for _, test := range []struct{ text, want string }{
		{"", "is empty"},
		{" ", "is empty"},
		{"2" + text[1:], `begins with "2"`},
		{text[:len(text)-1], ""},
		{text[:3], "breaks off"},
		{text + "A", ""},
		{text + text, ""},
		{"1!" + text[2:], "has a wrong character at 2"},
		{text[:4] + " " + text[4:], "has a wrong character at 5"},
		{withSum([]byte{byte(kinds), 1, 0, 0}), "unknown kind"},
		{withSum([]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}), "is too long"},
		{withSum([]byte{0, 1}), "is too long"},
		{withSum([]byte{0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}), "too large"},
	} {
		_, err := Parse(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "copy the whole tape") {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
	for i := range text {
		for _, c := range "AB_1" {
			changed := text[:i] + string(c) + text[i+1:]
			if got, err := Parse(changed); err == nil && changed != text {
				t.Errorf("%q for %q is taken, as %v", changed, text, got)
			}
		}
	}
}

func withSum(data []byte) string {
	sum := checksum(data)
	return version + encoding.EncodeToString(append(data, sum[:]...))
}

func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 0))
	for range 5 {
		f.Add(someTape(r).String())
	}
	f.Add("1")
	f.Fuzz(func(t *testing.T, text string) {
		if tape, err := Parse(text); err == nil && tape.String() != strings.TrimSpace(text) {
			again, err := Parse(tape.String())
			if err != nil || !again.Equal(tape) {
				t.Errorf("%q: %v, and then %v, %v", text, tape, again, err)
			}
		}
	})
}

// ask makes the choices of a program, and returns the answers.
func ask(c memory.Choices, r *rand.Rand, questions int) (points []Point) {
	rec := new(Recorder)
	rec.Start(c)
	for range questions {
		if kind := memory.Choice(r.IntN(kinds)); kind == memory.Order {
			rec.Pick([]memory.Task{memory.Task(r.IntN(5)), memory.Task(r.IntN(5)), 9}[:2+r.IntN(2)])
		} else {
			rec.Choose(kind, 2+r.IntN(1<<r.IntN(20)))
		}
	}
	return slices.Clone(rec.Points())
}

// sources are the ways to answer.
func sources(seed uint64) map[string]memory.Choices {
	r := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, 100)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return map[string]memory.Choices{
		"natural": Natural{}, "bytes": NewBytes(data),
		"random": newRandom(r, [kinds]int{}), "priorities": newPriorities(r, [kinds]int{100, 100}, 3),
	}
}

// TestReplay: the tape of a run gives the same answers again, whatever has made them.
func TestReplay(t *testing.T) {
	for seed := range uint64(50) {
		for name, source := range sources(seed) {
			points := ask(source, rand.New(rand.NewPCG(seed, 1)), 200)
			tape := TapeOf(points)
			replay := NewReplay(tape)
			again := ask(replay, rand.New(rand.NewPCG(seed, 1)), 200)
			if !slices.Equal(points, again) || !replay.Fits() {
				t.Errorf("%s: %v, and then %v; it fits: %t", name, points, again, replay.Fits())
			}
			if name != "natural" && seed == 7 && tape.Len() == 0 {
				t.Errorf("%s: all is natural", name)
			}
			if Schedule(points) != Schedule(again) {
				t.Errorf("%s: the hashes differ", name)
			}
		}
	}
}

// TestReplayOfAnotherProgram: a tape that does not fit is told, and still gives answers.
func TestReplayOfAnotherProgram(t *testing.T) {
	tape := Tape{}.with(memory.Split, []uint32{7})
	small, less := NewReplay(tape), NewReplay(tape)
	if v := small.Choose(memory.Split, 3); v != 1 || small.Fits() {
		t.Errorf("the answer is %d, it fits: %t", v, small.Fits())
	}
	if less.Choose(memory.Fault, 3); less.Fits() {
		t.Error("a tape with an answer that nothing asked for fits")
	}
}

// TestBytes: a choice takes as many bytes as it needs.
func TestBytes(t *testing.T) {
	b := NewBytes([]byte{1, 255, 1, 2, 1, 2, 3, 0xff, 0xff, 0xff, 9})
	var got []int
	for _, n := range []int{2, 256, 257, 1<<16 + 1, 1 << 24, 10, 10} {
		got = append(got, b.Choose(memory.Split, n))
	}
	if want := []int{1, 255, 0x102 % 257, 0x10203 % (1<<16 + 1), 1<<24 - 1, 9, 0}; !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
}

// TestRecorder: a wrong answer is told at once; after Settle, nothing fails.
func TestRecorder(t *testing.T) {
	r := new(Recorder)
	r.Start(NewBytes([]byte{1, 1, 1, 1, 1, 1}))
	if r.Choose(memory.Fault, 2) != 1 {
		t.Error("no fault before Settle")
	}
	r.Settle()
	if r.Choose(memory.Fault, 2) != 0 || r.Choose(memory.Cancel, 2) != 0 || r.Choose(memory.Detail, 2) != 0 {
		t.Error("a fault after Settle")
	}
	if r.Choose(memory.Latency, 2) != 1 {
		t.Error("no latency after Settle")
	}
	if want := []Point{{memory.Fault, 2, 1}, {memory.Latency, 2, 1}}; !slices.Equal(r.Points(), want) {
		t.Errorf("the record is %v, want %v", r.Points(), want)
	}
	defer func() {
		if p := fmt.Sprint(recover()); !strings.Contains(p, "answer 2 to a question of kind order with 2 answers") {
			t.Errorf("panic: %s", p)
		}
	}()
	r.Start(constant(2))
	r.Choose(memory.Order, 2)
}

// constant is always the same answer.
type constant int

func (c constant) Choose(memory.Choice, int) int { return int(c) }
func (c constant) Pick([]memory.Task) int        { return int(c) }

// TestRandomRunsDiffer: some runs have no faults, some many; some keep the order, some never.
func TestRandomRunsDiffer(t *testing.T) {
	var none, all [kinds]int
	for seed := range uint64(200) {
		c := newRandom(rand.New(rand.NewPCG(seed, 0)), [kinds]int{memory.Fault: 20, memory.Cancel: 20})
		for kind := range kinds {
			changed := 0
			for range 40 {
				if v := c.Choose(memory.Choice(kind), 5); v != 0 {
					changed++
				}
			}
			if changed == 0 {
				none[kind]++
			}
			if changed > 3 {
				all[kind]++
			}
		}
	}
	for kind := range kinds {
		if all[kind] < 10 || none[kind] < 10 && memory.Choice(kind) != memory.Detail {
			t.Errorf("%v: %d of 200 runs have none, %d have many", memory.Choice(kind), none[kind], all[kind])
		}
	}
}

// TestPriorities: a task with a higher priority runs until it has nothing more to do, and the
// order of depth 2 is found: the last task first, and then again the first one.
func TestPriorities(t *testing.T) {
	orders := map[string]int{}
	for seed := range uint64(2000) {
		c := newPriorities(rand.New(rand.NewPCG(seed, 0)), [kinds]int{memory.Order: 6}, 2)
		left := map[memory.Task]int{1: 3, 2: 3}
		var order string
		for left[1] > 0 && left[2] > 0 {
			tasks := []memory.Task{1, 2}
			task := tasks[c.Pick(tasks)]
			left[task]--
			order += fmt.Sprint(task)
		}
		orders[order]++
	}
	for _, want := range []string{"111", "222", "1222", "2111", "11222", "22111"} {
		if orders[want] < 20 {
			t.Errorf("%s: %d times of 2000: %v", want, orders[want], orders)
		}
	}
	if orders["12121"] != 0 {
		t.Errorf("one change of priorities, and yet %v", orders)
	}
}

func TestPrioritiesOfOneTaskKeepItsOrder(t *testing.T) {
	c := newPriorities(rand.New(rand.NewPCG(1, 0)), [kinds]int{}, 1)
	if i := c.Pick([]memory.Task{4, 4, 4}); i != 0 {
		t.Errorf("picked %d", i)
	}
}

// A program with latencies and faults at 3 steps, of 2 kinds each, cancels at 2 steps, and an order of 3
// tasks.
func smallProgram(c memory.Choices) []Point {
	r := new(Recorder)
	r.Start(c)
	for range 3 {
		r.Choose(memory.Latency, 10)
		if r.Choose(memory.Fault, 3) != 0 {
			r.Choose(memory.Detail, 100)
		}
	}
	for range 2 {
		r.Choose(memory.Cancel, 2)
	}
	r.Pick([]memory.Task{1, 2, 3})
	return r.Points()
}

// TestPlan: the natural run, then each single fault, cancel, delay and order in turn, then the others in turn.
func TestPlan(t *testing.T) {
	for _, test := range []struct {
		name       string
		strategies Strategy
		runs       int
		want       string // a letter for each run
		sampled    bool
		singles    string
	}{
		{"all", 0, 30, "NFCDOFCDOFDFFFRPRPRPRPRPRPRPRP", false,
			"fault 0:1, cancel 0:1, latency 0:9, order 0:1, fault 0:2, cancel 1:1, latency 1:9, order 0:2, fault 1:1, latency 2:9, fault 1:2, fault 2:1, fault 2:2"},
		{"all, too few runs", 0, 10, "NFCDOFRPRP", true, "fault 0:1, cancel 0:1, latency 0:9, order 0:1, fault 1:2"},
		{"random", Random, 4, "RRRR", false, ""},
		{"priorities", Priorities, 4, "PPPP", false, ""},
		{"both", Random | Priorities, 4, "RPRP", false, ""},
		{"natural", NaturalRun, 4, "N", false, ""},
		{"faults", EachFault, 100, "NFFFFFF", false, "fault 0:1, fault 0:2, fault 1:1, fault 1:2, fault 2:1, fault 2:2"},
		{"cancels", EachCancel, 100, "NCC", false, "cancel 0:1, cancel 1:1"},
		{"delays", EachDelay, 100, "NDDD", false, "latency 0:9, latency 1:9, latency 2:9"},
		{"orders", EachOrder, 100, "NOO", false, "order 0:1, order 0:2"},
		{"faults and cancels", EachFault | EachCancel, 100, "NFCFCFFFF", false,
			"fault 0:1, cancel 0:1, fault 0:2, cancel 1:1, fault 1:1, fault 1:2, fault 2:1, fault 2:2"},
		{"faults, too few runs", EachFault, 4, "NFFF", true, "fault 0:1, fault 1:1, fault 2:1"},
		{"delays, too few runs", EachDelay, 3, "NDD", true, "latency 0:9, latency 1:9"},
		{"natural and random", NaturalRun | Random, 4, "NRRR", false, ""},
		{"one run", 0, 1, "N", true, ""},
	} {
		p := Plan{Runs: test.runs, Seed: 1, Strategies: test.strategies, Depth: 3}
		letters := map[Strategy]string{NaturalRun: "N", EachFault: "F", EachCancel: "C", EachDelay: "D", EachOrder: "O", Random: "R", Priorities: "P"}
		var got string
		var singles []string
		for {
			c, strategy, ok := p.Next()
			if !ok {
				break
			}
			got += letters[strategy]
			points := smallProgram(c)
			if strategy&(NaturalRun|Random|Priorities) == 0 {
				if n := TapeOf(points).Len(); n != 1 {
					t.Errorf("%s: a run has %d deviations", test.name, n)
				}
				singles = append(singles, firstDeviation(points))
			}
			p.Learn(points)
		}
		if got != test.want || p.Sampled() != test.sampled || strings.Join(singles, ", ") != test.singles {
			t.Errorf("%s: %s, sampled %t, single %q\nwant %s, %t, %q", test.name, got, p.Sampled(), singles, test.want, test.sampled, test.singles)
		}
	}
}

// firstDeviation says which question of its kind has the first answer that is not natural.
func firstDeviation(points []Point) string {
	var at [kinds]int
	for _, p := range points {
		if p.Value != 0 {
			return fmt.Sprintf("%v %d:%d", p.Kind, at[p.Kind], p.Value)
		}
		at[p.Kind]++
	}
	return ""
}

// TestPlanIsRepeatable: the same seed gives the same runs, another seed others.
func TestPlanIsRepeatable(t *testing.T) {
	runs := func(seed uint64) (hashes []uint64) {
		p := Plan{Runs: 50, Seed: seed, Depth: 3}
		for {
			c, _, ok := p.Next()
			if !ok {
				return hashes
			}
			points := ask(c, rand.New(rand.NewPCG(1, 1)), 100)
			p.Learn(points)
			hashes = append(hashes, Schedule(points))
		}
	}
	if !slices.Equal(runs(1), runs(1)) {
		t.Error("the same seed gives other runs")
	}
	if slices.Equal(runs(1), runs(2)) {
		t.Error("another seed gives the same runs")
	}
}

// TestShrink: a random run becomes the smallest one that fails in the same way.
func TestShrink(t *testing.T) {
	at := func(t Tape, kind memory.Choice, i int) uint32 {
		if i < len(t.answers[kind]) {
			return t.answers[kind][i]
		}
		return 0
	}
	for _, test := range []struct {
		name  string
		fails func(t Tape) bool
		want  string
	}{
		{"always", func(Tape) bool { return true }, ""},
		{"one fault", func(t Tape) bool { return at(t, memory.Fault, 3) != 0 }, "3 fault:1"},
		{"a certain fault", func(t Tape) bool { return at(t, memory.Fault, 3) >= 2 }, "3 fault:2"},
		{"any fault", func(t Tape) bool { return t.Count(memory.Fault) > 0 }, "0 fault:1"},
		{"a fault and an order", func(t Tape) bool { return at(t, memory.Fault, 1) != 0 && at(t, memory.Order, 7) != 0 }, "1 fault:1 7 order:1"},
		{"a latency of 600", func(t Tape) bool { return at(t, memory.Latency, 5) >= 600 }, "5 latency:600"},
		{"a sum", func(t Tape) bool { return at(t, memory.Latency, 5)+at(t, memory.Latency, 6) >= 10 }, "10 in all"},
		{"two of an order", func(t Tape) bool { return t.Count(memory.Order) >= 2 }, "2 in all"},
	} {
		r := rand.New(rand.NewPCG(3, 0))
		found := 0
		for range 2000 {
			var start Tape
			for kind := range start.answers {
				for range 30 {
					start.answers[kind] = append(start.answers[kind], [2]uint32{r.Uint32N(4), r.Uint32N(1000)}[r.IntN(2)])
				}
			}
			start.trim()
			if !test.fails(start) {
				continue
			}
			small, tried, minimal := Shrink(start, 2000, func(t Tape) (Tape, bool) { return t, test.fails(t) })
			if !test.fails(small) || !minimal || tried > 1000 {
				t.Fatalf("%s: %v fails: %t, minimal: %t, in %d runs", test.name, small, test.fails(small), minimal, tried)
			}
			got := deviations(small)
			switch test.want {
			case "10 in all":
				if at(small, memory.Latency, 5)+at(small, memory.Latency, 6) != 10 {
					t.Fatalf("%s: %s", test.name, got)
				}
			case "2 in all":
				if small.Len() != 2 {
					t.Fatalf("%s: %s", test.name, got)
				}
			default:
				if got != test.want {
					// A local minimum may need another single choice.
					if test.name == "any fault" && small.Len() == 1 {
						break
					}
					t.Fatalf("%s: %s, want %s", test.name, got, test.want)
				}
			}
			if found++; found == 4 {
				break
			}
		}
		if found == 0 {
			t.Errorf("%s: no run fails", test.name)
		}
	}
}

// deviations lists the answers of a tape that are not natural.
func deviations(t Tape) string {
	var words []string
	for _, kind := range shrinkOrder {
		for at, v := range t.answers[kind] {
			if v != 0 {
				words = append(words, fmt.Sprintf("%d %v:%d", at, kind, v))
			}
		}
	}
	return strings.Join(words, " ")
}

// TestShrinkRaises: one large latency takes the place of many small ones whose sum matters.
func TestShrinkRaises(t *testing.T) {
	run := func(t Tape) (Tape, bool) {
		r := new(Recorder)
		r.Start(NewReplay(t))
		sum := 0
		for range 20 {
			sum += r.Choose(memory.Latency, 100)
		}
		return TapeOf(r.Points()), sum >= 60
	}
	small, _, minimal := Shrink(Tape{}.with(memory.Latency, slices.Repeat([]uint32{4}, 20)), 1000, run)
	if got := deviations(small); got != "0 latency:60" || !minimal {
		t.Errorf("%s, minimal: %t", got, minimal)
	}
}

// TestShrinkIsBounded: the number of runs is bounded, and the result is not called minimal then.
func TestShrinkIsBounded(t *testing.T) {
	start := Tape{}.with(memory.Latency, slices.Repeat([]uint32{1000}, 100))
	runs := 0
	_, tried, minimal := Shrink(start, 50, func(t Tape) (Tape, bool) {
		runs++
		return t, t.Count(memory.Latency) == 100
	})
	if runs != 50 || tried != 50 || minimal {
		t.Errorf("%d runs, %d tried, minimal: %t", runs, tried, minimal)
	}
}

// TestShrinkPrefersNoFault: an order that is enough is left, and not a fault.
func TestShrinkPrefersNoFault(t *testing.T) {
	start := Tape{}.with(memory.Fault, []uint32{1, 1}).with(memory.Cancel, []uint32{1}).with(memory.Order, []uint32{0, 2, 2})
	small, _, minimal := Shrink(start, 100, func(t Tape) (Tape, bool) {
		return t, t.Count(memory.Fault)+t.Count(memory.Cancel) >= 2 || t.Count(memory.Order) >= 2
	})
	if got := deviations(small); got != "1 order:1 2 order:1" || !minimal {
		t.Errorf("%s, minimal: %t", got, minimal)
	}
}

// TestShrinkTakesWhatTheRunDid: answers that a run no longer asks for are not kept.
func TestShrinkTakesWhatTheRunDid(t *testing.T) {
	start := Tape{}.with(memory.Fault, []uint32{1, 1}).with(memory.Detail, []uint32{7, 7})
	run := func(t Tape) (Tape, bool) {
		r := new(Recorder)
		r.Start(NewReplay(t))
		failed := false
		for i := range 2 {
			if r.Choose(memory.Fault, 2) != 0 {
				r.Choose(memory.Detail, 10)
				failed = failed || i == 1
			}
		}
		return TapeOf(r.Points()), failed
	}
	small, _, minimal := Shrink(start, 100, run)
	if got := deviations(small); got != "1 fault:1" || !minimal {
		t.Errorf("%s, minimal: %t", got, minimal)
	}
}
