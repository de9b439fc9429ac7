package memory_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// nth answers every question with 0 but one of a kind.
type nth struct {
	kind   memory.Choice
	n      int // the number of the question that is answered with 1
	detail int // the answer for Detail
	asked  int // the number of questions of the kind
}

func (c *nth) Choose(kind memory.Choice, n int) int {
	switch kind {
	case memory.Detail:
		return min(c.detail, n-1)
	case c.kind:
		if c.asked++; c.asked == c.n {
			return 1
		}
	}
	return 0
}

func (c *nth) Pick([]memory.Task) int { return 0 }

// choicesOf returns the texts of the choices of r's trace.
func choicesOf(r *memory.Reactor) (texts []string) {
	for _, e := range r.Trace() {
		if e.Kind == "choice" {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// The user of a program may give up at each step, once, until there is a result.
func TestMayCancel(t *testing.T) {
	run := func(c *nth) (r *memory.Reactor, cancelled int, fired error) {
		r = memory.NewReactor(memory.Config{Choices: c})
		r.StartTrace()
		d := deferred.NewCancellable(func(*deferred.Deferred[int]) { cancelled++ })
		r.MayCancel(d, "the answer")
		d.AddBoth(func(_ int, err error) (int, error) { fired = err; return 0, nil })
		for i := range 3 {
			r.CallLater(time.Duration(i)*time.Second, func() {})
		}
		r.CallLater(3*time.Second, func() {
			if !d.Called() {
				d.Callback(1)
			}
		})
		r.RunFor(time.Minute)
		return r, cancelled, fired
	}
	natural := &nth{kind: memory.Cancel}
	r, cancelled, fired := run(natural)
	if cancelled != 0 || fired != nil || choicesOf(r) != nil {
		t.Errorf("the natural run: %d cancels, %v, %q", cancelled, fired, choicesOf(r))
	}
	if natural.asked < 4 || natural.asked > 10 {
		t.Errorf("it was asked %d times", natural.asked)
	}
	for n := 1; n <= natural.asked; n++ {
		c := &nth{kind: memory.Cancel, n: n}
		r, cancelled, fired := run(c)
		if cancelled != 1 || fired != deferred.ErrCancelled || c.asked != n {
			t.Errorf("step %d: %d cancels, %v, asked %d times", n, cancelled, fired, c.asked)
		}
		if given := r.GivenUp(); len(given) != 1 || !given[0].(*deferred.Deferred[int]).Called() {
			t.Errorf("step %d: given up: %v", n, given)
		}
		if got := choicesOf(r); !slices.Equal(got, []string{"the user gives up the answer"}) {
			t.Errorf("step %d: %q", n, got)
		}
	}
}

// What is asked for a Deferred, by its state.
func TestWhatMayCancelAsks(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(r *memory.Reactor) *deferred.Deferred[int]
		want bool // whether it is asked for
	}{
		{"pending", func(r *memory.Reactor) *deferred.Deferred[int] { return deferred.New[int]() }, true},
		{"fired", func(r *memory.Reactor) *deferred.Deferred[int] { return deferred.Succeed(1) }, false},
		{"its chain waits", func(r *memory.Reactor) *deferred.Deferred[int] {
			return deferred.Then(deferred.Succeed(1), func(int) *deferred.Deferred[int] { return deferred.New[int]() })
		}, true},
		{"after EndFaults", func(r *memory.Reactor) *deferred.Deferred[int] { r.EndFaults(); return deferred.New[int]() }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &nth{kind: memory.Cancel}
			r := memory.NewReactor(memory.Config{Choices: c})
			r.MayCancel(test.do(r), "it")
			r.Pump()
			if c.asked != 0 != test.want {
				t.Errorf("asked %d times", c.asked)
			}
			r.EndFaults()
			c.asked = 0
			r.RunFor(time.Hour)
			if c.asked != 0 {
				t.Errorf("asked %d times after EndFaults", c.asked)
			}
		})
	}
	r := memory.New()
	d := deferred.New[int]()
	r.MayCancel(d, "without choices")
	r.RunFor(time.Hour)
	if d.Called() {
		t.Error("it was cancelled without Choices")
	}
	for _, misuse := range []func(){func() { r.MayCancel(nil, "x") }, func() { r.MayCancel(d, "") }} {
		if text := panicOf(misuse); !strings.Contains(text, "memory: MayCancel of a nil Deferred, or without a name") {
			t.Errorf("it says %q", text)
		}
	}
}

// A canceller's panic, and a result in the same turn, do no harm.
func TestMayCancelOfWhatPanics(t *testing.T) {
	r := memory.NewReactor(memory.Config{Choices: &nth{kind: memory.Cancel, n: 1}})
	logs := logtest.Capture(t)
	r.MayCancel(panicking{}, "it")
	r.Pump()
	if !strings.Contains(logs.String(), "cannot be cancelled") {
		t.Errorf("logged %q", logs.String())
	}
}

type panicking struct{}

func (panicking) Cancel()      { panic("cannot be cancelled") }
func (panicking) Called() bool { return false }

// exchange is a server process that answers, and a client that sends three messages.
func exchange(r *memory.Reactor, log *[]string) (client *peer, server *memory.Machine) {
	server = r.Machine("server", "192.0.2.1")
	user := r.Machine("user")
	server.Process(func() func() {
		*log = append(*log, fmt.Sprint("start at ", r.Now().Unix()))
		server.ListenTCP(":80", buildFactory(func() reactor.Protocol { return &peer{data: echo} }))
		return func() { *log = append(*log, fmt.Sprint("stop at ", r.Now().Unix())) }
	})
	client = &peer{}
	connectFrom(user, "192.0.2.1:80", client)
	for i := range 3 {
		user.CallLater(time.Duration(1+i)*time.Second, func() {
			if client.Transport != nil {
				client.Write([]byte("hello"))
			}
		})
	}
	r.RunFor(time.Hour)
	return client, server
}

// A process may restart at each step: both sides lose the connection, and it serves again.
func TestRestart(t *testing.T) {
	for detail, outage := range []int64{1, 10, 100} {
		asked := 0
		for n := 0; n <= asked; n++ {
			c := &nth{kind: memory.Fault, n: n, detail: detail}
			r := memory.NewReactor(memory.Config{Choices: c, Conditions: memory.Conditions{
				Faults: memory.Restart, MayFail: []memory.Link{{A: "server"}}}})
			r.StartTrace()
			var log []string
			client, server := exchange(r, &log)
			if n == 0 {
				if asked = c.asked; asked < 4 || asked > 15 {
					t.Errorf("it was asked %d times", asked)
				}
				if len(log) != 1 || len(client.lost) != 0 || client.got.String() != "hellohellohello" {
					t.Errorf("the natural run: %q, lost %v, got %q", log, client.lost, client.got.String())
				}
				continue
			}
			var stop, start int64
			fmt.Sscanf(strings.Join(log, " "), "start at 0 stop at %d start at %d", &stop, &start)
			if len(log) != 3 || start != stop+outage || server.Stopped() {
				t.Errorf("step %d: %q", n, log)
			}
			if client.Transport != nil {
				client.lostBy(t, fmt.Sprint("step ", n, ": the client"), reactor.ErrConnectionReset)
			}
			want := fmt.Sprintf("the processes of server stop, and start again after %v", time.Duration(outage)*time.Second)
			if got := choicesOf(r); !slices.Equal(got, []string{want}) {
				t.Errorf("step %d: %q, want %q", n, got, want)
			}
			if made := r.FaultsMade(); len(made) != 1 || made[0].Kind != memory.Restart || made[0].Hosts[0] != "server" {
				t.Errorf("step %d: faults %v", n, made)
			}
			again := &peer{}
			connectFrom(r, "192.0.2.1:80", again)
			r.Pump()
			if again.Transport == nil {
				t.Errorf("step %d: nothing listens", n)
				continue
			}
			again.LoseConnection()
			r.Pump()
			if left := r.Leftovers(); len(left) != 0 {
				t.Errorf("step %d: left %v", n, left)
			}
		}
	}
}

// Who is asked whether it restarts.
func TestWhatMayRestart(t *testing.T) {
	for _, test := range []struct {
		name       string
		conditions memory.Conditions
		want       bool
	}{
		{"the server", memory.Conditions{Faults: memory.Restart, MayFail: []memory.Link{{A: "server"}}}, true},
		{"the server's address", memory.Conditions{Faults: memory.Restart, MayFail: []memory.Link{{A: "192.0.2.1", B: "user"}}}, true},
		{"all", memory.Conditions{Faults: memory.Restart, MayFail: []memory.Link{{}}}, true},
		{"a machine without a process", memory.Conditions{Faults: memory.Restart, MayFail: []memory.Link{{A: "user"}}}, false},
		{"none", memory.Conditions{Faults: memory.Restart}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &nth{kind: memory.Fault}
			r := memory.NewReactor(memory.Config{Choices: c, Conditions: test.conditions})
			var log []string
			exchange(r, &log)
			if c.asked != 0 != test.want {
				t.Errorf("asked %d times", c.asked)
			}
		})
	}
}

// A process that cannot start again is logged, and its machine stays stopped.
func TestARestartThatPanics(t *testing.T) {
	logs := logtest.Capture(t)
	r := memory.NewReactor(memory.Config{Choices: &nth{kind: memory.Fault, n: 1}, Conditions: memory.Conditions{
		Faults: memory.Restart, MayFail: []memory.Link{{}}}})
	starts := 0
	m := r.Machine("m")
	m.Process(func() func() {
		if starts++; starts == 2 {
			panic("it cannot start again")
		}
		m.ListenTCP(":80", just(&peer{}))
		return nil
	})
	connectFrom(r, "10.0.0.2:80", &peer{})
	r.RunFor(time.Hour)
	if !m.Stopped() || starts != 2 || !strings.Contains(logs.String(), "it cannot start again") {
		t.Errorf("stopped: %v, %d starts, logged %q", m.Stopped(), starts, logs.String())
	}
}

// A machine that the program starts and stops itself does not start because of an earlier Restart.
func TestARestartYieldsToTheProgram(t *testing.T) {
	r := memory.NewReactor(memory.Config{Choices: &nth{kind: memory.Fault, n: 1}, Conditions: memory.Conditions{
		Faults: memory.Restart, MayFail: []memory.Link{{}}}})
	m := r.Machine("m")
	m.Process(func() func() {
		m.ListenTCP(":80", just(&peer{}))
		return nil
	})
	connectFrom(r, "10.0.0.2:80", &peer{})
	r.Pump()
	if !m.Stopped() {
		t.Fatal("it does not restart")
	}
	m.Start()
	m.Stop()
	r.RunFor(time.Hour)
	if !m.Stopped() || len(r.DelayedCalls()) != 0 {
		t.Errorf("stopped: %v; %v", m.Stopped(), r.DelayedCalls())
	}
}

// A Restart in the turn in which the program stops the machine does nothing.
func TestARestartOfAStoppedMachine(t *testing.T) {
	asked := 0
	for n := 0; n <= asked; n++ {
		c := &nth{kind: memory.Fault, n: n}
		r := memory.NewReactor(memory.Config{Choices: c, Conditions: memory.Conditions{
			Faults: memory.Restart, MayFail: []memory.Link{{}}}})
		r.StartTrace()
		m := r.Machine("m")
		stopped := false
		m.Process(func() func() {
			m.ListenTCP(":80", just(&peer{data: func(*peer, []byte) {
				r.CallFromThread(func() { stopped = m.Stop() == nil })
			}}))
			return nil
		})
		connectFrom(r, "10.0.0.2:80", &peer{made: func(p *peer) { p.Write([]byte("stop")) }})
		r.RunFor(time.Hour)
		asked = max(asked, c.asked)
		var life []string
		for _, e := range r.Trace() {
			if e.Kind == "stop" || e.Kind == "start" {
				life = append(life, e.Kind)
			}
		}
		want := []string{"stop", "start"}
		if stopped {
			want = []string{"stop"}
		}
		if !slices.Equal(life, want) {
			t.Errorf("step %d: %q, want %q", n, life, want)
		}
	}
}

// The wall clock jumps, and nothing that waits for some time does.
func TestJumpWallClock(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour, -time.Second, 31 * 24 * time.Hour, 0} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			r := memory.New()
			r.StartTrace()
			r.Advance(10 * time.Hour)
			began := r.Now()
			m := r.Machine("m")
			var made []time.Duration
			call := r.CallLater(time.Minute, func() { made = append(made, r.Now().Sub(began)) })
			m.CallLater(2*time.Minute, func() { made = append(made, m.Now().Sub(began)) })
			r.RunFor(30 * time.Second)
			r.JumpWallClock(by)
			for name, clock := range map[string]reactor.Clock{"the Reactor": r, "the Loop": r.Loop, "a machine": m} {
				if got := clock.Now().Sub(began); got != 30*time.Second+by {
					t.Errorf("%s has moved by %v", name, got)
				}
			}
			if got := call.Time().Sub(r.Now()); got != 30*time.Second {
				t.Errorf("the call is due in %v", got)
			}
			if want := "in 30s, at " + r.Now().Add(30*time.Second).Format("15:04:05") + ":"; !strings.HasPrefix(fmt.Sprint(call), want) {
				t.Errorf("the call is %q, want %q", call, want)
			}
			later := r.CallLater(time.Minute, func() { made = append(made, r.Now().Sub(began)) })
			if got := later.Time().Sub(r.Now()); got != time.Minute {
				t.Errorf("a later call is due in %v", got)
			}
			r.RunFor(10 * time.Minute)
			if want := []time.Duration{time.Minute + by, 90*time.Second + by, 2*time.Minute + by}; !slices.Equal(made, want) {
				t.Errorf("calls at %v, want %v", made, want)
			}
			if got := r.Now().Sub(began); got != 10*time.Minute+30*time.Second+by {
				t.Errorf("RunFor moved to %v", got)
			}
			var jump memory.Event
			for _, e := range r.Trace() {
				if e.Kind == "jump" {
					jump = e
				}
			}
			if want := (memory.Event{At: 10*time.Hour + 30*time.Second, Kind: "jump", Text: by.String()}); jump != want {
				t.Errorf("the trace has %v, want %v", jump, want)
			}
		})
	}
}

// The clock jumps by a choice if the program asks for that, and only as time passes.
func TestWallClockJump(t *testing.T) {
	run := func(c *nth, faults memory.Faults) (*memory.Reactor, time.Duration) {
		r := memory.NewReactor(memory.Config{Choices: c, Conditions: memory.Conditions{Faults: faults}})
		r.StartTrace()
		began := r.Now()
		for i := range 3 {
			r.CallLater(time.Duration(1+i)*time.Second, func() {})
		}
		r.Pump()
		r.Pump()
		r.RunFor(time.Minute)
		return r, r.Now().Sub(began) - time.Minute
	}
	for _, faults := range []memory.Faults{0, memory.Reset} {
		c := &nth{kind: memory.Fault}
		if _, by := run(c, faults); by != 0 || c.asked != 0 {
			t.Errorf("faults %v: jumped by %v, asked %d times", faults, by, c.asked)
		}
	}
	natural := &nth{kind: memory.Fault}
	if _, by := run(natural, memory.WallClockJump); by != 0 || natural.asked < 3 || natural.asked > 5 {
		t.Errorf("jumped by %v, asked %d times", by, natural.asked)
	}
	for detail, by := range []time.Duration{time.Hour, -time.Hour, 31 * 24 * time.Hour, -time.Second} {
		for n := 1; n <= natural.asked; n++ {
			r, got := run(&nth{kind: memory.Fault, n: n, detail: detail}, memory.WallClockJump)
			if want := "the clock of the wall jumps by " + by.String(); got != by || !slices.Equal(choicesOf(r), []string{want}) {
				t.Errorf("step %d: jumped by %v, %q; want %v", n, got, choicesOf(r), by)
			}
			if made := r.FaultsMade(); len(made) != 1 || made[0].Kind != memory.WallClockJump {
				t.Errorf("step %d: faults %v", n, made)
			}
		}
	}
}

// Whatever runs a loop that does not end panics, and says what is due.
func TestBoundsOfARun(t *testing.T) {
	again := func(r *memory.Reactor, delay time.Duration) {
		var call func()
		call = func() { r.CallLater(delay, call) }
		call()
	}
	for _, test := range []struct {
		name  string
		delay time.Duration
		run   func(r *memory.Reactor)
		want  string
	}{
		{"turns of Pump", 0, (*memory.Reactor).Pump, "memory: Pump does not end: 100 turns of the loop at 0s, and there is more to do"},
		{"turns of RunFor", 0, func(r *memory.Reactor) { r.RunFor(time.Hour) }, "memory: RunFor does not end: 100 turns of the loop at 0s"},
		{"turns of Advance", 0, func(r *memory.Reactor) { r.Advance(time.Second) }, "memory: Advance does not end: 100 turns of the loop at 1s"},
		{"turns of Run", 0, func(r *memory.Reactor) { r.Run() }, "memory: Run does not end: 100 turns of the loop at 0s"},
		{"turns of a machine's Run", 0, func(r *memory.Reactor) { r.Machine("m").Run() }, "memory: Run does not end: 100 turns of the loop at 0s"},
		{"turns of Iterate", 0, func(r *memory.Reactor) {
			for {
				r.Iterate(0)
			}
		}, "memory: Iterate does not end: 100 turns of the loop at 0s"},
		{"time of RunFor", time.Minute, func(r *memory.Reactor) { r.RunFor(24 * time.Hour) },
			"memory: RunFor does not end: the clock is at 1h1m0s, beyond MaxTime, which is 1h0m0s; 1 delayed calls are pending, first in 0s"},
		{"time of Run", time.Minute, func(r *memory.Reactor) { r.Run() }, "memory: Run does not end: the clock is at 1h1m0s, beyond MaxTime"},
		{"time of Iterate", time.Minute, func(r *memory.Reactor) {
			for {
				r.Iterate(-1)
			}
		}, "memory: Iterate does not end: the clock is at 1h1m0s, beyond MaxTime"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.NewReactor(memory.Config{MaxTime: time.Hour})
			r.MaxTurns = 100
			again(r, test.delay)
			if text := panicOf(func() { test.run(r) }); !strings.HasPrefix(text, test.want) {
				t.Errorf("it says %q, want %q", text, test.want)
			}
		})
	}
	// Within the bounds, nothing happens.
	r := memory.NewReactor(memory.Config{MaxTime: time.Hour})
	r.MaxTurns = 100
	for range 200 {
		r.Pump()
	}
	r.RunFor(time.Hour)
}

// buildFactory is a Factory of a function that ignores the peer.
type buildFactory func() reactor.Protocol

func (f buildFactory) BuildProtocol(net.Addr) reactor.Protocol { return f() }
