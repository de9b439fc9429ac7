package testing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// setsUp sends an order, says what must hold in the end, and returns.
func setsUp(config agent.RetryConfig) program {
	return func(t testing.TB, r *memory.Reactor) {
		orders := 0
		r.AddHost("shop.example", "10.0.0.2")
		r.ListenTCP("10.0.0.2:80", &web.Site{Root: web.RenderFunc(func(*web.Request) { orders++ })})
		c := client.New(r, client.Config{Retries: &config})
		ignore(deferred.Then(c.Post("http://shop.example/orders"), (*response.Response).Text))
		t.Cleanup(func() {
			if orders > 1 {
				t.Errorf("the shop has %d orders", orders)
			}
		})
	}
}

// TestWork: what a function has set up and left to itself is at work while faults happen; without
// Work, it is not.
func TestWork(t *testing.T) {
	e := treqtesting.Exploration{Network: memory.Conditions{MayFail: []memory.Link{{B: "shop.example"}}}}
	wrong := setsUp(agent.RetryConfig{MoreMethods: []string{"POST"}})
	found := treqtesting.Search(t, e, wrong).Finding
	if found == nil || len(found.Choices) == 0 || !strings.Contains(found.Failures[0], "the shop has 2 orders") {
		t.Fatalf("found %+v", found)
	}
	if last := found.Trace[len(found.Trace)-1]; last.Kind != "failure" || len(found.Trace) < 10 {
		t.Errorf("the trace is\n%s", found.Trace)
	}
	e.Runs = 100
	treqtesting.Explore(t, e, setsUp(agent.RetryConfig{}))
	e.Work = -1
	if s := treqtesting.Search(t, e, wrong); s.Finding != nil || s.Choices[memory.Fault] != 0 {
		t.Errorf("without Work: %+v", s)
	}
}

// TestWorkIsATime: Work and Settle are times of the clock, between which the faults end.
func TestWorkIsATime(t *testing.T) {
	for _, test := range []struct {
		name         string
		work, settle time.Duration
		cancelled    int // asked for each second of Work
		end          time.Duration
	}{
		{"as they are", 0, 0, 60, 21 * time.Minute},
		{"less", 5 * time.Second, time.Minute, 5, 65 * time.Second},
		{"none", -1, -1, 0, 0},
		{"an hour", time.Hour, -1, 3600, time.Hour},
	} {
		e := treqtesting.Exploration{
			Runs: 1, Strategies: treqtesting.NaturalRun, Work: test.work, Settle: test.settle,
			MaxTime: time.Nanosecond, Unchecked: treqtesting.PendingCalls | treqtesting.WaitingDeferreds,
		}
		var end time.Duration
		s := treqtesting.Search(t, e, func(t testing.TB, r *memory.Reactor) {
			begin := r.Now()
			r.MayCancel(deferred.New[int](), "the work")
			task.NewLoopingCall(r, func() {}).Start(time.Second, false)
			t.Cleanup(func() { end = r.Now().Sub(begin) })
		})
		if got := s.Choices[memory.Cancel]; got < test.cancelled || got > 2*test.cancelled+2 || end != test.end || s.Finding != nil {
			t.Errorf("%s: %d times a cancel is asked for, and the end is at %v: %+v", test.name, got, end, s.Finding)
		}
	}
}

// TestNothingPossible: an exploration that asks for what no run has a place for fails, and says why.
func TestNothingPossible(t *testing.T) {
	silent := func(t testing.TB, r *memory.Reactor) {}
	talks := setsUp(agent.RetryConfig{})
	cancels := func(t testing.TB, r *memory.Reactor) {
		d := deferred.New[int]()
		ignore(d)
		r.MayCancel(d, "the work")
		r.CallLater(time.Second, func() {
			if !d.Called() {
				d.Callback(1)
			}
		})
	}
	shop := []memory.Link{{B: "shop.example"}}
	for _, test := range []struct {
		name string
		e    treqtesting.Exploration
		f    program
		want []string
	}{
		{"nothing is asked for", treqtesting.Exploration{}, silent, nil},
		{"no message", treqtesting.Exploration{Network: memory.Conditions{MayFail: []memory.Link{{}}}}, silent,
			[]string{`nothing could fail in any of 20 runs: no fault had a place on the links of Network.MayFail ("" to ""), neither while`}},
		{"messages", treqtesting.Exploration{Network: memory.Conditions{MayFail: shop, MaxLatency: time.Millisecond}}, talks, nil},
		{"all has happened", treqtesting.Exploration{Network: memory.Conditions{MayFail: shop}, Work: -1}, talks,
			[]string{`("" to "shop.example")`}},
		{"a fault for which there is no place", treqtesting.Exploration{Network: memory.Conditions{MayFail: shop, Faults: memory.Restart}}, talks,
			[]string{"no fault of Network.Faults (restart) had a place"}},
		{"no links, but faults", treqtesting.Exploration{Network: memory.Conditions{Faults: memory.Reset}}, talks, []string{"Network.MayFail is empty. Set it"}},
		{"no links, but a number", treqtesting.Exploration{Network: memory.Conditions{MaxFaults: 1}}, talks, []string{"Network.MayFail is empty. Set it"}},
		{"no links, but a strategy", treqtesting.Exploration{Strategies: treqtesting.EachFault | treqtesting.Random}, talks, []string{"Network.MayFail is empty. Set it"}},
		{"a jump needs no link", treqtesting.Exploration{Network: memory.Conditions{Faults: memory.WallClockJump}},
			func(t testing.TB, r *memory.Reactor) { r.CallLater(time.Second, func() {}) }, nil},
		{"no latency", treqtesting.Exploration{Network: memory.Conditions{MaxLatency: time.Second}}, silent, []string{"nothing could be late in any of 20 runs: nothing was sent"}},
		{"no latency, but a strategy", treqtesting.Exploration{Strategies: treqtesting.EachDelay | treqtesting.Random}, talks, []string{"Network.MaxLatency is 0. Set it"}},
		{"a thread is enough", treqtesting.Exploration{Network: memory.Conditions{MaxLatency: time.Second}},
			func(t testing.TB, r *memory.Reactor) { r.CallInThread(func() {}) }, nil},
		{"no cancel", treqtesting.Exploration{Strategies: treqtesting.EachCancel | treqtesting.Random}, talks, []string{"passed to Reactor.MayCancel"}},
		{"a cancel", treqtesting.Exploration{Strategies: treqtesting.EachCancel | treqtesting.Random, Unchecked: treqtesting.IgnoredCancels}, cancels, nil},
		{"two reasons", treqtesting.Exploration{Network: faults}, silent, []string{"nothing could fail", "nothing could be late"}},
		{"all runs are skipped", treqtesting.Exploration{Network: faults, Strategies: treqtesting.Random},
			func(t testing.TB, r *memory.Reactor) { t.Skip() }, nil},
	} {
		test.e.Runs = 20
		said := judged(t, test.e, test.f).errors
		if len(said) != len(test.want) {
			t.Errorf("%s: it says %q, want %q", test.name, said, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(said[i], want) {
				t.Errorf("%s: it says %q, want %q", test.name, said[i], want)
			}
		}
	}
}

// TestEachDelay: what one late message breaks is found in as many runs as there are messages; and
// what one other order breaks, too.
func TestEachDelay(t *testing.T) {
	e := treqtesting.Exploration{Strategies: treqtesting.EachDelay, Network: latency}
	if found := treqtesting.Search(t, e, threads).Finding; found == nil || found.Run != 2 || len(found.Choices) != 1 {
		t.Errorf("found %+v", found)
	}
	e = treqtesting.Exploration{Strategies: treqtesting.EachOrder}
	order := func(t testing.TB, r *memory.Reactor) {
		var order []int
		r.CallLater(time.Second, func() { order = append(order, 0) })
		r.CallLater(time.Second, func() { order = append(order, 1) })
		r.CallLater(time.Second, func() { order = append(order, 2) })
		r.RunFor(time.Minute)
		if order[0] == 2 {
			t.Errorf("the last one comes first")
		}
	}
	if found := treqtesting.Search(t, e, order).Finding; found == nil || found.Run != 3 || len(found.Choices) != 1 {
		t.Errorf("found %+v", found)
	}
}
