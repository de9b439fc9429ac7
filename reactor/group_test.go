package reactor_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// closed closes g at the end of the test, and checks that no goroutine is left.
func closed(t *testing.T, g *reactor.Group) *reactor.Group {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error("Close:", err)
		}
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
			runtime.Gosched()
		}
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines, %d before", n, before)
		}
	})
	return g
}

// TestGroup: the loops run at the same time, each on a goroutine of its own.
func TestGroup(t *testing.T) {
	g := closed(t, reactor.NewGroup(3))
	for range 2 { // a group may run again
		var met sync.WaitGroup
		met.Add(3)
		for i, l := range g.Loops() {
			l.CallWhenRunning(func() {
				met.Done()
				met.Wait() // for the others, which so run at this moment
				for j, other := range g.Loops() {
					if other.OnLoop() != (i == j) {
						t.Errorf("on loop %d, OnLoop of loop %d is %v", i, j, i != j)
					}
				}
				if err := g.Run(); err != reactor.ErrAlreadyRunning {
					t.Error("Run:", err)
				}
				if err := g.Close(); err != reactor.ErrAlreadyRunning {
					t.Error("Close:", err)
				}
				if err := g.Stop(); err != nil {
					t.Error("Stop:", err)
				}
			})
		}
		if err := g.Run(); err != nil {
			t.Error("Run:", err)
		}
		if err := g.Stop(); err != reactor.ErrNotRunning {
			t.Error("Stop:", err)
		}
	}
	if n := len(reactorsOf(t, 0)); n != runtime.GOMAXPROCS(0) {
		t.Errorf("NewGroup(0) has %d loops", n)
	}
	for name, f := range map[string]func(){
		"NewGroup(-1)": func() { reactor.NewGroup(-1) }, "GroupOf()": func() { reactor.GroupOf() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error(name, "does not panic")
				}
			}()
			f()
		}()
	}
}

func reactorsOf(t *testing.T, n int) []*reactor.Loop { return closed(t, reactor.NewGroup(n)).Loops() }

// A brokenPoller fails.
type brokenPoller struct {
	reactor.Poller
	wait func() error
}

var errBroken = errors.New("broken")

func (p *brokenPoller) Now() time.Time           { return time.Now() }
func (p *brokenPoller) Wait(time.Duration) error { return p.wait() }
func (p *brokenPoller) Wake()                    {}
func (p *brokenPoller) Drain()                   {}
func (p *brokenPoller) Close() error             { return nil }

// TestGroupEndsTogether: whatever ends one loop, the first or another, ends all.
func TestGroupEndsTogether(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(l *reactor.Loop)
		wait   func() error // of a broken poller
		want   error
		panics bool
	}{
		"Stop":                 {end: func(l *reactor.Loop) { l.Stop() }},
		"Crash":                {end: func(l *reactor.Loop) { l.Crash() }},
		"runtime.Goexit":       {end: func(*reactor.Loop) { runtime.Goexit() }, want: reactor.ErrStopped},
		"an error of a poller": {wait: func() error { return errBroken }, want: errBroken},
		"a panic of a poller":  {wait: func() error { panic(errBroken) }, panics: true},
	} {
		for at := range 3 {
			t.Run(fmt.Sprint(name, "/", at), func(t *testing.T) {
				var loops []*reactor.Loop
				for i := range 3 {
					if i == at && test.wait != nil {
						loops = append(loops, reactor.NewLoop(&brokenPoller{wait: test.wait}, reactor.LoopConfig{}))
					} else {
						loops = append(loops, reactor.New())
					}
				}
				g := closed(t, reactor.GroupOf(loops...))
				if test.end != nil {
					loops[at].CallWhenRunning(func() { test.end(loops[at]) })
				}
				ended := make(chan any, 1)
				var err error
				go func() { // which Goexit ends
					defer func() { ended <- recover() }()
					err = g.Run()
				}()
				panicked := <-ended
				if (panicked != nil) != test.panics || panicked != nil && !strings.Contains(fmt.Sprint(panicked), "broken") {
					t.Fatal("panic:", panicked)
				}
				goneWithIt := at == 0 && name == "runtime.Goexit" // the goroutine of Run is that of the first loop
				if !goneWithIt && !errors.Is(err, test.want) {
					t.Errorf("Run: %v, want %v", err, test.want)
				}
				for i, l := range loops {
					if l.Running() {
						t.Errorf("loop %d is running", i)
					}
				}
			})
		}
	}
}

// TestGroupShutsDownTogether: no loop closes its connections before all have ended their
// triggers Before the event.
func TestGroupShutsDownTogether(t *testing.T) {
	g := closed(t, reactor.NewGroup(2))
	a, b := g.Loops()[0], g.Loops()[1]
	var fromA string
	var err error
	b.AddSystemEventTrigger(reactor.Before, reactor.Shutdown, func() *deferred.Deferred[deferred.None] {
		late := reactor.DeferToLoop(b, a, func() *deferred.Deferred[string] {
			d := deferred.New[string]()
			a.CallLater(20*time.Millisecond, func() { d.Callback("a late answer") })
			return d
		})
		return deferred.MapBoth(late, func(text string, e error) (deferred.None, error) {
			fromA, err = text, e
			return deferred.None{}, nil
		})
	})
	a.CallWhenRunning(func() { a.Stop() })
	if err := g.Run(); err != nil {
		t.Error(err)
	}
	if fromA != "a late answer" || err != nil {
		t.Errorf("%q, %v", fromA, err)
	}
}

// TestGroupStopsAtAnyMoment: Stop and the loops' beginning come in any order. Clients connect
// meanwhile.
func TestGroupStopsAtAnyMoment(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for i := range rounds {
		g := closed(t, reactor.NewGroup(3))
		port, err := g.ListenTCP("127.0.0.1:0", func(reactor.Reactor) reactor.Factory {
			return reactor.FactoryFunc(func(addr) reactor.Protocol { return &echo{} })
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range g.Loops() {
			l.CallWhenRunning(func() {
				for range 5 {
					c := &recorder{made: func(c *recorder) { c.t.Write([]byte("hello")) }}
					l.ConnectTCP(port.Addr().String(), build(c), reactor.ConnectConfig{}).AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
				}
			})
		}
		ended := make(chan error, 1)
		go func() { ended <- g.Run() }()
		for range i * 20 { // a little later each time
			runtime.Gosched()
		}
		for g.Stop() != nil {
			runtime.Gosched()
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGroupDump: each loop has its name, with its share of the port.
func TestGroupDump(t *testing.T) {
	s := share(t, 2)
	s.own[1].port.PauseAccepting()
	for i, want := range []string{
		"loop 1 of 2 at 00:00:00: not in Run, 0 turns, delayed calls up to 0s late\n" +
			"ports (2)\n" +
			"  tcp 127.0.0.1:80: shared by the loops of the group\n" +
			"  tcp 127.0.0.1:80: *reactor_test.countingFactory\n",
		"loop 2 of 2 at 00:00:00: not in Run, 0 turns, delayed calls up to 0s late\n" +
			"ports (1)\n" +
			"  tcp 127.0.0.1:80: *reactor_test.countingFactory, accepting is paused\n",
	} {
		var b bytes.Buffer
		s.loops[i].Dump(&b)
		if b.String() != want {
			t.Errorf("got\n%swant\n%s", &b, want)
		}
	}
	g := closed(t, reactor.NewGroup(2))
	g.Loops()[1].CallWhenRunning(func() {
		var b bytes.Buffer
		reactor.Dump(&b)
		for _, want := range []string{"loop 1 of 2 at ", "loop 2 of 2 at "} {
			if strings.Count(b.String(), want) != 1 {
				t.Errorf("without %s:\n%s", want, &b)
			}
		}
		g.Stop()
	})
	var met sync.WaitGroup // both run
	met.Add(2)
	for _, l := range g.Loops() {
		l.AddSystemEventTrigger(reactor.Before, reactor.Startup, func() *deferred.Deferred[deferred.None] {
			met.Done()
			met.Wait()
			return nil
		})
	}
	if err := g.Run(); err != nil {
		t.Error(err)
	}
}

// TestGroupStats: the counts of each loop, and their sum.
func TestGroupStats(t *testing.T) {
	a, b := memory.New(), memory.New()
	g := reactor.GroupOf(a.Loop, b.Loop)
	b.CallLater(0, func() {})
	b.Pump()
	all := g.Stats(a)
	b.Pump()
	a.Pump()
	stats, err, fired := result(all)
	if !fired || err != nil || len(stats) != 2 || stats[0].DelayedCalls != 0 || stats[1].DelayedCalls != 1 {
		t.Errorf("fired %v, %v: %+v", fired, err, stats)
	}
	// Each field of a sum is the sum, or the maximum.
	var one, two reactor.Stats
	fill := func(s *reactor.Stats, factor int) {
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			v.Field(i).Set(reflect.ValueOf((i + 1) * factor).Convert(v.Field(i).Type()))
		}
	}
	fill(&one, 10)
	fill(&two, 1)
	sum := reflect.ValueOf(one.Plus(two))
	for i := range sum.NumField() {
		want := int64(i+1) * 11
		if strings.HasSuffix(sum.Type().Field(i).Name, "Lag") {
			want = int64(i+1) * 10
		}
		if got := sum.Field(i).Convert(reflect.TypeFor[int64]()).Int(); got != want {
			t.Errorf("%s is %d, want %d", sum.Type().Field(i).Name, got, want)
		}
	}
}

// TestLoopOf: a key has one loop, and the loops have equal shares of many keys.
func TestLoopOf(t *testing.T) {
	group := func() (*reactor.Group, []*reactor.Loop) {
		var loops []*reactor.Loop
		for range 4 {
			loops = append(loops, memory.New().Loop)
		}
		return reactor.GroupOf(loops...), loops
	}
	g, loops := group()
	again, others := group()
	count := map[*reactor.Loop]int{}
	for i := range 1000 {
		key := fmt.Sprintf("https://host%d.example:443", i)
		l := g.LoopOf(key)
		count[l]++
		if slices.Index(loops, l) != slices.Index(others, again.LoopOf(key)) {
			t.Fatal("another group has another loop for", key)
		}
	}
	for i, l := range loops {
		if n := count[l]; n < 150 || n > 350 {
			t.Errorf("loop %d has %d keys of 1000", i, n)
		}
	}
}

// TestGroupAsksAgain: in each Run, a call of a loop that has not begun waits for it.
func TestGroupAsksAgain(t *testing.T) {
	g := closed(t, reactor.NewGroup(2))
	loops := g.Loops()
	for range 20 {
		loops[0].CallWhenRunning(func() {
			reactor.DeferToLoop(loops[0], loops[1], func() *deferred.Deferred[int] { return deferred.Succeed(1) }).
				AddBoth(func(n int, err error) (int, error) {
					if n != 1 || err != nil {
						t.Errorf("%d, %v", n, err)
					}
					g.Stop()
					return 0, nil
				})
		})
		if err := g.Run(); err != nil {
			t.Error(err)
		}
	}
}
