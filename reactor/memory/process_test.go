package memory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// Stop ends everything that is open on a machine, for both sides, whoever calls it.
func TestStopOfAMachine(t *testing.T) {
	type world struct {
		r                    *memory.Reactor
		m, other             *memory.Machine
		accepted, user       *peer // of a connection from other to m
		client, server       *peer // of a connection from m to other
		inside, insideServer *peer // of a connection within m
		bystander            *peer // of a connection that has nothing to do with m
		port                 reactor.Port
	}
	build := func(t *testing.T) *world {
		r := memory.New()
		w := &world{r: r, m: r.Machine("m"), other: r.Machine("other"), user: &peer{}, client: &peer{}, inside: &peer{}, bystander: &peer{}}
		w.port = listenOn(t, w.m, ":80", func() *peer { w.accepted = &peer{}; return w.accepted })
		listenOn(t, w.other, ":80", func() *peer { w.server = &peer{}; return w.server })
		listenOn(t, w.m, "127.0.0.1:81", func() *peer { w.insideServer = &peer{}; return w.insideServer })
		listenOn(t, r, ":80", func() *peer { return &peer{} })
		connectFrom(w.other, "10.0.0.2:80", w.user)
		connectFrom(w.m, "10.0.0.3:80", w.client)
		connectFrom(w.m, "127.0.0.1:81", w.inside)
		connectFrom(w.other, "10.0.0.1:80", w.bystander)
		r.Pump()
		return w
	}
	for _, test := range []struct {
		name string
		stop func(w *world)
	}{
		{"outside of a turn", func(w *world) { w.m.Stop() }},
		{"by a delayed call", func(w *world) { w.r.CallLater(0, func() { w.m.Stop() }); w.r.Pump() }},
		{"by a protocol of the machine", func(w *world) {
			w.accepted.data = func(p *peer, _ []byte) { w.m.Stop(); p.Write([]byte("late")) }
			w.user.Write([]byte("x"))
			w.r.Pump()
		}},
		{"by a protocol of another machine", func(w *world) {
			w.server.data = func(*peer, []byte) { w.m.Stop() }
			w.client.Write([]byte("x"))
			w.r.Pump()
		}},
		{"while reading is paused", func(w *world) {
			w.client.PauseProducing()
			w.accepted.PauseProducing()
			w.server.Write([]byte("x"))
			w.r.Pump()
			w.m.Stop()
		}},
		{"in the middle of sending", func(w *world) {
			w.server.PauseProducing()
			w.client.Write(make([]byte, 1<<20))
			w.r.Pump()
			w.m.Stop()
			w.server.ResumeProducing()
		}},
		{"Crash", func(w *world) { w.m.Crash() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := build(t)
			pending := connectFrom(w.m, "10.0.0.3:81", &peer{}) // refused in a moment
			w.r.HoldConnects()
			held := connectFrom(w.m, "10.0.0.3:80", &peer{})
			test.stop(w)
			for name, d := range map[string]interface{ Called() bool }{"an attempt": pending, "a held attempt": held} {
				if !d.Called() {
					t.Errorf("%s has not ended", name)
				}
			}
			if _, err := resultOf(held); !errors.Is(err, reactor.ErrStopped) {
				t.Errorf("a held attempt ended with %v", err)
			}
			resultOf(pending)
			w.r.ReleaseConnects()
			w.r.Pump()
			for name, p := range map[string]*peer{"accepted": w.accepted, "client": w.client, "inside": w.inside, "insideServer": w.insideServer} {
				p.lostBy(t, name, reactor.ErrStopped)
			}
			for name, p := range map[string]*peer{"user": w.user, "server": w.server} {
				p.lostBy(t, name, reactor.ErrConnectionReset)
			}
			if len(w.bystander.lost) != 0 {
				t.Errorf("another connection is lost: %v", w.bystander.lost)
			}
			d := connectFrom(w.other, "10.0.0.2:80", &peer{})
			w.r.Pump()
			if _, err := resultOf(d); !errors.Is(err, reactor.ErrConnectionRefused) {
				t.Errorf("an attempt to connect to it ended with %v", err)
			}
			w.bystander.LoseConnection()
			w.r.Pump()
			if left := w.r.Leftovers(); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// An attempt that a machine has under way when it stops ends for both sides.
func TestStopDuringAnAttempt(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second / 2, time.Second, 3 * time.Second / 2, 2 * time.Second} {
		for _, who := range []string{"client", "server"} {
			t.Run(fmt.Sprint(who, " after ", after), func(t *testing.T) {
				r := memory.New()
				r.Latency("", "", time.Second)
				client, server := r.Machine("client"), r.Machine("server")
				accepted := []*peer{}
				listenOn(t, server, ":80", func() *peer { accepted = append(accepted, &peer{}); return accepted[len(accepted)-1] })
				user := &peer{}
				d := connectFrom(client, "10.0.0.3:80", user)
				r.RunFor(after)
				map[string]*memory.Machine{"client": client, "server": server}[who].Stop()
				r.RunFor(time.Minute)
				if _, err := resultOf(d); err == nil && len(user.lost) != 1 || err != nil && user.Transport != nil {
					t.Errorf("the attempt ended with %v, and %v", err, user.lost)
				}
				for _, p := range accepted {
					if len(p.lost) != 1 {
						t.Errorf("the server lost its connection %d times", len(p.lost))
					}
				}
				if left := r.Leftovers(); len(left) != 0 {
					t.Errorf("left: %v", left)
				}
			})
		}
	}
}

// While a machine is stopped, nothing begins on it.
func TestAStoppedMachine(t *testing.T) {
	r := memory.New()
	m := r.Machine("m")
	m.Stop()
	listen(t, r, ":80", &peer{})
	d := connectFrom(m, "10.0.0.1:80", &peer{})
	if d.Called() {
		t.Error("the attempt ended at once")
	}
	r.Pump()
	if _, err := resultOf(d); !errors.Is(err, reactor.ErrStopped) {
		t.Errorf("an attempt ended with %v", err)
	}
	if _, err := m.ListenTCP(":80", just(&peer{})); !errors.Is(err, reactor.ErrStopped) {
		t.Errorf("listening ended with %v", err)
	}
	if _, err := m.ListenUNIX("/run/socket", just(&peer{})); !errors.Is(err, reactor.ErrStopped) {
		t.Errorf("listening ended with %v", err)
	}
	if _, err := resultOf(reactor.DeferToThread(m, func() (int, error) { return 1, nil })); !errors.Is(err, reactor.ErrStopped) {
		t.Errorf("a thread ended with %v", err)
	}
	called := 0
	m.CallLater(time.Second, func() { called++ })
	r.RunFor(time.Second)
	if called != 1 {
		t.Error("a delayed call was not made")
	}
	m.Start()
	d = connectFrom(m, "10.0.0.1:80", &peer{})
	r.Pump()
	if _, err := resultOf(d); err != nil {
		t.Error(err)
	}
}

// Processes start in their order, and stop in reverse.
func TestProcesses(t *testing.T) {
	r := memory.New()
	m := r.Machine("m")
	var log []string
	process := func(name string) func() func() {
		return func() func() {
			log = append(log, "start "+name)
			if name == "silent" {
				return nil
			}
			return func() { log = append(log, "stop "+name) }
		}
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(log, want) {
			t.Errorf("%s: %q, want %q", what, log, want)
		}
		log = nil
	}
	if m.Running() || m.Stopped() {
		t.Error("a new machine runs, or is stopped")
	}
	m.CallWhenRunning(func() { log = append(log, "running") })
	m.Process(process("a"))
	m.Process(process("silent"))
	m.CallWhenRunning(func() { log = append(log, "at once") })
	m.Process(process("b"))
	expect("Process", "start a", "running", "start silent", "at once", "start b")
	if !m.Running() {
		t.Error("it does not run")
	}
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	expect("Stop", "stop b", "stop a")
	if m.Running() || !m.Stopped() {
		t.Error("it runs after Stop")
	}
	m.Process(process("c"))
	m.CallWhenRunning(func() { log = append(log, "running again") })
	expect("Process of a stopped machine")
	if err := m.Stop(); !errors.Is(err, reactor.ErrNotRunning) || !strings.Contains(err.Error(), "machine m") {
		t.Errorf("the second Stop: %v", err)
	}
	m.Crash()
	expect("the second Stop")
	m.Start()
	expect("Start", "start a", "start silent", "start b", "start c", "running again")
	if text := panicOf(m.Start); !strings.Contains(text, "Start of machine m, which is not stopped") {
		t.Errorf("the second Start says %q", text)
	}
	m.Crash()
	expect("Crash", "stop c", "stop b", "stop a")
}

// A process that panics leaves no half of itself.
func TestAProcessThatPanics(t *testing.T) {
	r := memory.New()
	m := r.Machine("m")
	var log []string
	broken := false
	m.Process(func() func() {
		log = append(log, "start a")
		return func() { log = append(log, "stop a") }
	})
	m.Process(func() func() {
		if broken {
			panic("b is broken")
		}
		log = append(log, "start b")
		return func() { log = append(log, "stop b"); panic("b does not stop") }
	})
	if text := panicOf(func() { m.Process(func() func() { panic("c is broken") }) }); !strings.Contains(text, "c is broken") {
		t.Errorf("Process says %q", text)
	}
	if !m.Running() {
		t.Error("the others do not run")
	}
	if text := panicOf(func() { m.Stop() }); !strings.Contains(text, "b does not stop") {
		t.Errorf("Stop says %q", text)
	}
	if want := []string{"start a", "start b", "stop b", "stop a"}; !slices.Equal(log, want) {
		t.Errorf("got %q, want %q", log, want)
	}
	log, broken = nil, true
	if text := panicOf(m.Start); !strings.Contains(text, "b is broken") {
		t.Errorf("Start says %q", text)
	}
	if want := []string{"start a", "stop a"}; !slices.Equal(log, want) || !m.Stopped() {
		t.Errorf("got %q, want %q", log, want)
	}
	log, broken = nil, false
	m.Start()
	if want := []string{"start a", "start b"}; !slices.Equal(log, want) {
		t.Errorf("got %q, want %q", log, want)
	}
}

// A process cannot start or stop its machine.
func TestAProcessChangesItsMachine(t *testing.T) {
	for name, change := range map[string]func(m *memory.Machine){
		"Start": (*memory.Machine).Start, "Stop": func(m *memory.Machine) { m.Stop() }, "Crash": (*memory.Machine).Crash,
		"Process": func(m *memory.Machine) { m.Process(func() func() { return nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			r := memory.New()
			m := r.Machine("m")
			want := "memory: " + name + " is called by a process of machine m, while the machine "
			if text := panicOf(func() { m.Process(func() func() { change(m); return nil }) }); !strings.Contains(text, want+"starts") {
				t.Errorf("it says %q, want %q", text, want)
			}
			m2 := r.Machine("m2")
			stopping := false
			m2.Process(func() func() {
				return func() {
					if !stopping {
						stopping = true
						if text := panicOf(func() { change(m2) }); text == "<nil>" {
							t.Error("no panic while it stops")
						}
					}
				}
			})
			m2.Stop()
			m2.Start()
			if !m2.Running() {
				t.Error("it does not run")
			}
		})
	}
	if text := panicOf(func() { memory.New().Machine("m").Process(nil) }); !strings.Contains(text, "Process with a nil function") {
		t.Errorf("it says %q", text)
	}
}

// The trace has the stops and starts of machines.
func TestMachinesInATrace(t *testing.T) {
	r := memory.New()
	m := r.Machine("api")
	r.StartTrace()
	m.Stop()
	r.Advance(time.Second)
	m.Start()
	if got, want := r.Trace().String(), "0s       stop api\n1s       advance 1s\n1s       start api\n"; strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
