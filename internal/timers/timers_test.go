package timers

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// clock is a Heap with a time that the test moves.
type clock struct {
	*Heap
	time time.Time
}

func newClock() *clock {
	c := &clock{time: time.Unix(1000, 0)}
	c.Heap = New(func() time.Time { return c.time })
	return c
}

// due runs the calls that are due and lie before mark.
func (c *clock) due(mark uint64) {
	for f := c.Due(mark); f != nil; f = c.Due(mark) {
		f()
	}
}

// model is a Heap made of a sorted list.
type model struct {
	calls []*modelCall
	order int
}

type modelCall struct {
	id    int
	at    time.Time
	order int
}

func (m *model) place(c *modelCall, at time.Time) {
	c.at, c.order = at, m.order
	m.order++
	slices.SortFunc(m.calls, func(a, b *modelCall) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.order, b.order))
	})
}

func (m *model) remove(c *modelCall) {
	m.calls = slices.DeleteFunc(m.calls, func(o *modelCall) bool { return o == c })
}

func (m *model) due(now time.Time) (ids []int) {
	for len(m.calls) != 0 && !m.calls[0].at.After(now) {
		ids = append(ids, m.calls[0].id)
		m.calls = m.calls[1:]
	}
	return ids
}

// Random operations have the same effect on a Heap and on the model.
func TestHeapAgainstModel(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			c, m := newClock(), &model{}
			delay := func() time.Duration { return time.Duration(random.IntN(40)-5) * time.Second }
			type pair struct {
				real  deferred.DelayedCall
				model *modelCall
			}
			var all []pair
			var made []int
			for range 2000 {
				if op := random.IntN(10); op < 4 || len(all) == 0 {
					d, id := delay(), len(all)
					p := pair{c.CallLater(d, func() { made = append(made, id) }), &modelCall{id: id}}
					m.calls = append(m.calls, p.model)
					m.place(p.model, c.time.Add(max(d, 0)))
					all = append(all, p)
				} else if op == 4 {
					c.time = c.time.Add(time.Duration(random.IntN(10)) * time.Second)
					made = nil
					c.due(NoMark)
					if want := m.due(c.time); !slices.Equal(made, want) {
						t.Fatalf("made %v, want %v", made, want)
					}
				} else {
					p := all[max(0, len(all)-1-random.IntN(60))]
					active := slices.Contains(m.calls, p.model)
					if p.real.Active() != active {
						t.Fatalf("call %d: Active() = %v", p.model.id, !active)
					}
					var err error
					switch d := delay(); op {
					case 5:
						err = p.real.Cancel()
						m.remove(p.model)
					case 6, 7:
						if err = p.real.Reset(d); active {
							m.place(p.model, c.time.Add(max(d, 0)))
						}
					default:
						if err = p.real.Delay(d); active {
							m.place(p.model, p.model.at.Add(d))
						}
					}
					if (err == nil) != active {
						t.Fatalf("call %d: active = %v, and changing it gives %v", p.model.id, active, err)
					}
				}

				if c.Len() != len(m.calls) {
					t.Fatalf("%d calls, want %d", c.Len(), len(m.calls))
				}
				at, ok := c.Next()
				if ok != (len(m.calls) != 0) || ok && !at.Equal(m.calls[0].at) {
					t.Fatalf("Next() = %v, %v with the calls %v", at, ok, m.calls)
				}
			}
			for i, call := range c.Calls() {
				if want := m.calls[i]; all[want.id].real != call || !call.Time().Equal(want.at) {
					t.Errorf("call %d of Calls is for %v, want %v", i, call.Time(), want.at)
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	c := newClock()
	var made deferred.DelayedCall
	made = c.CallLater(0, func() {
		if err := made.Reset(time.Second); !errors.Is(err, deferred.ErrCallRan) {
			t.Errorf("Reset within the call: %v", err)
		}
	})
	cancelled := c.CallLater(0, func() { t.Error("a cancelled call was made") })
	cancelled.Cancel()
	c.due(NoMark)
	for _, test := range []struct {
		call deferred.DelayedCall
		want error
	}{{made, deferred.ErrCallRan}, {cancelled, deferred.ErrCallCancelled}} {
		for method, err := range map[string]error{
			"Cancel": test.call.Cancel(),
			"Reset":  test.call.Reset(0),
			"Delay":  test.call.Delay(0),
		} {
			if !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", method, err, test.want)
			}
		}
		if test.call.Active() || !test.call.Time().Equal(c.time) {
			t.Errorf("Active() = %v, Time() = %v", test.call.Active(), test.call.Time())
		}
	}
	if c.Len() != 0 {
		t.Errorf("%d calls are left", c.Len())
	}
}

func TestNilFunction(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	newClock().CallLater(0, nil)
}

// With a mark, calls that are added or moved during a turn wait for the next turn.
func TestMark(t *testing.T) {
	c := newClock()
	var log []string
	note := func(s string) func() { return func() { log = append(log, s) } }
	c.CallLater(0, func() {
		note("a")()
		c.CallLater(0, note("new"))
	})
	var moved deferred.DelayedCall
	c.CallLater(0, func() {
		note("b")()
		moved.Reset(0)
	})
	c.CallLater(0, note("c"))
	moved = c.CallLater(time.Hour, note("moved"))
	for _, want := range [][]string{{"a", "b", "c"}, {"new", "moved"}, nil} {
		log = nil
		if c.due(c.Mark()); !slices.Equal(log, want) {
			t.Errorf("made %v, want %v", log, want)
		}
	}
}

// A time that overflows becomes the last one, or the first one.
func TestOverflow(t *testing.T) {
	c := newClock()
	c.time = c.time.Add(time.Hour)
	last := c.CallLater(math.MaxInt64, func() {})
	want := last.Time()
	if c.due(NoMark); !last.Active() || want.Before(c.time) {
		t.Errorf("the call is for %v", want)
	}
	for _, extra := range []time.Duration{1, math.MaxInt64} {
		last.Delay(extra)
		if !last.Time().Equal(want) {
			t.Errorf("Delay(%d) moved the last time to %v", extra, last.Time())
		}
	}
	call := c.CallLater(-5, func() {})
	call.Delay(-2 * time.Hour)
	call.Delay(math.MinInt64)
	if call.Time().After(c.time) {
		t.Errorf("Delay by a very negative time moved the call to %v", call.Time())
	}
}

// The Heap keeps nothing that a call refers to after the call ran or was cancelled.
func TestNothingIsKept(t *testing.T) {
	c := newClock()
	freed := make(chan string, 2)
	arrange := func(name string) deferred.DelayedCall {
		held := &[64]byte{}
		runtime.AddCleanup(held, func(name string) { freed <- name }, name)
		return c.CallLater(0, func() { held[0]++ })
	}
	arrange("cancelled").Cancel()
	call := arrange("made")
	c.due(NoMark)
	for range 2 {
		runtime.GC()
		select {
		case <-freed:
		case <-time.After(10 * time.Second):
			t.Fatal("a function was kept")
		}
	}
	runtime.KeepAlive(call)
	runtime.KeepAlive(c)
}

// A million calls are added and then cancelled, as timeouts usually are. AfterFunc
// does the same with the timers of the Go runtime.
func BenchmarkCallLaterMillion(b *testing.B) {
	b.Run("Heap", func(b *testing.B) {
		c := newClock()
		calls := make([]deferred.DelayedCall, million)
		benchmarkMillion(b, func(i int, delay time.Duration) {
			calls[i] = c.CallLater(delay, func() {})
		}, func(i int) {
			calls[i].Cancel()
			calls[i] = nil
		}, func() { c = newClock() })
	})
	b.Run("AfterFunc", func(b *testing.B) {
		calls := make([]*time.Timer, million)
		benchmarkMillion(b, func(i int, delay time.Duration) {
			calls[i] = time.AfterFunc(time.Hour+delay, func() {})
		}, func(i int) {
			calls[i].Stop()
			calls[i] = nil
		}, func() {})
	})
}

const million = 1_000_000

func benchmarkMillion(b *testing.B, add func(i int, delay time.Duration), cancel func(i int), begin func()) {
	random := rand.New(rand.NewPCG(1, 2))
	delays := make([]time.Duration, million)
	for i := range delays {
		delays[i] = time.Duration(random.Int64N(int64(time.Minute)))
	}
	var adding, cancelling time.Duration
	var bytes uint64
	for b.Loop() {
		begin()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		for i, d := range delays {
			add(i, d)
		}
		adding += time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		bytes += after.HeapAlloc - before.HeapAlloc
		start = time.Now()
		for i := range million {
			cancel(i)
		}
		cancelling += time.Since(start)
	}
	total := float64(b.N) * million
	b.ReportMetric(float64(adding)/total, "ns/add")
	b.ReportMetric(float64(cancelling)/total, "ns/cancel")
	b.ReportMetric(float64(bytes)/total, "B/waiting")
}

// A timeout is moved again and again, among a thousand others.
func BenchmarkReset(b *testing.B) {
	c := newClock()
	for i := range 1000 {
		c.CallLater(time.Duration(i)*time.Second, func() {})
	}
	call := c.CallLater(time.Minute, func() {})
	b.ReportAllocs()
	for b.Loop() {
		c.time = c.time.Add(time.Microsecond)
		call.Reset(time.Minute)
	}
}

// Calls run, among a thousand others.
func BenchmarkDue(b *testing.B) {
	c := newClock()
	for i := range 1000 {
		c.CallLater(time.Duration(i)*time.Hour, func() {})
	}
	f := func() {}
	b.ReportAllocs()
	for b.Loop() {
		c.CallLater(time.Minute, f)
		c.time = c.time.Add(time.Minute)
		c.due(c.Mark())
	}
}

type pool struct{}

func (*pool) closeOld() {}

func closeAll() {}

// A call says when it is made and what it calls.
func TestString(t *testing.T) {
	now := time.Unix(0, 0).UTC()
	h := New(func() time.Time { return now })
	method := h.CallLater(4*time.Minute, new(pool).closeOld)
	function := h.CallLater(time.Second, closeAll)
	closure := h.CallLater(-time.Second, func() {})
	check := func(call fmt.Stringer, want string) {
		t.Helper()
		if got := call.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	line := func(text string) string { // of this file
		source, err := os.ReadFile("timers_test.go")
		if err != nil {
			t.Fatal(err)
		}
		before, _, _ := strings.Cut(string(source), text)
		return fmt.Sprintf("timers_test.go:%d", strings.Count(before, "\n")+1)
	}
	atFunction, atClosure := line("func closeAll"), line("closure := h.Call")
	check(method.(fmt.Stringer), "in 4m0s, at 00:04:00: timers.(*pool).closeOld")
	check(function.(fmt.Stringer), "in 1s, at 00:00:01: timers.closeAll ("+atFunction+")")
	check(closure.(fmt.Stringer), "in 0s, at 00:00:00: timers.TestString.func2 ("+atClosure+")")
	now = now.Add(2 * time.Second)
	check(method.(fmt.Stringer), "in 3m58s, at 00:04:00: timers.(*pool).closeOld")
	check(function.(fmt.Stringer), "in 0s, at 00:00:01: timers.closeAll ("+atFunction+")")
	function.Cancel()
	check(function.(fmt.Stringer), "cancelled")
	h.Due(NoMark)
	check(closure.(fmt.Stringer), "made")
	if got := fmt.Sprint(h.Calls()); got != "[in 3m58s, at 00:04:00: timers.(*pool).closeOld]" {
		t.Errorf("got %s", got)
	}
}

// A note lasts as long as its call is pending. A call that a call schedules has the maker of that one, if nothing else is
// on the stack.
func TestNotes(t *testing.T) {
	now := time.Unix(0, 0)
	h := New(func() time.Time { return now })
	h.RecordMakers = true
	for range 100 {
		cancelled := h.CallLater(time.Second, closeAll)
		Describe(cancelled, Func(closeAll))
		cancelled.Cancel()
		Describe(cancelled, Func(closeAll)) // too late
		h.CallLater(0, closeAll)
		h.Due(NoMark)
		if _, ok := Maker(cancelled); ok {
			t.Fatal("a cancelled call has a maker")
		}
	}
	if len(h.notes) > 3 || len(h.freeNotes) != len(h.notes)-1 {
		t.Errorf("%d notes, of which %d are free", len(h.notes), len(h.freeNotes))
	}
	call := h.CallLater(time.Second, closeAll)
	if maker, ok := Maker(call); !ok || maker.Function != "github.com/seed-7c003b53/gotreq/internal/timers.TestNotes" {
		t.Errorf("the maker is %v, %t", maker, ok)
	}
}

// Describe and Maker take calls of other clocks, of which nothing is known.
func TestForeignCalls(t *testing.T) {
	Describe(nil, Func(closeAll))
	if frame, ok := Maker(nil); ok {
		t.Errorf("nil was made by %v", frame)
	}
}
