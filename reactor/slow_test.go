package reactor_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A sleeper is a protocol, a producer and a factory whose methods take long.
type sleeper struct {
	r    *memory.Reactor
	in   string // the method that takes long
	t    reactor.Transport
	used bool
}

func (s *sleeper) sleep(method string) {
	if s.in == method && !s.used {
		s.used = true
		s.r.Advance(150 * time.Millisecond)
	}
}

func (s *sleeper) BuildProtocol(net.Addr) reactor.Protocol { s.sleep("BuildProtocol"); return s }
func (s *sleeper) ConnectionMade(t reactor.Transport) {
	s.t = t
	s.sleep("ConnectionMade")
	t.RegisterProducer(s)
	t.Write([]byte("hello"))
}
func (s *sleeper) DataReceived([]byte)  { s.sleep("DataReceived") }
func (s *sleeper) ConnectionLost(error) { s.sleep("ConnectionLost") }
func (s *sleeper) ReadConnectionLost()  { s.sleep("ReadConnectionLost") }
func (s *sleeper) WriteConnectionLost() { s.sleep("WriteConnectionLost") }
func (s *sleeper) PauseProducing()      { s.sleep("PauseProducing") }
func (s *sleeper) ResumeProducing()     { s.sleep("ResumeProducing") }
func (s *sleeper) StopProducing()       { s.sleep("StopProducing") }

// warnings returns the callbacks that log warns of, with how long they took.
func warnings(log *logtest.Log) (all []string) {
	for line := range strings.Lines(log.Take()) {
		if !strings.Contains(line, "held the loop") {
			all = append(all, line)
			continue
		}
		_, rest, _ := strings.Cut(line, "callback=")
		all = append(all, strings.TrimSpace(strings.ReplaceAll(rest, `"`, "")))
	}
	return all
}

func inThread() (int, error) { return 0, nil }

func (s *sleeper) sleepInTimer() { s.r.Advance(150 * time.Millisecond) }

// TestSlowCallbacks: each kind of callback that takes long is warned of by its name, once.
func TestSlowCallbacks(t *testing.T) {
	methods := func(method string) func(*sleeper) {
		return func(s *sleeper) {
			s.in = method
			s.r.ListenTCP(":80", s)
			client := &recorder{made: func(c *recorder) { c.t.Write(make([]byte, 10)) }}
			s.r.ConnectTCP("127.0.0.1:80", build(client), reactor.ConnectConfig{})
			s.r.Pump()
			if s.t != nil {
				s.t.Write(make([]byte, 200<<10)) // pauses and resumes the producer
				s.r.Pump()
				s.t.UnregisterProducer()
				if s.t.LoseWriteConnection(); method == "StopProducing" {
					s.t.RegisterProducer(s)
				}
				s.r.Pump()
				client.t.LoseConnection()
				s.r.Pump()
			}
		}
	}
	for _, c := range []struct {
		name string
		run  func(*sleeper)
		want string
	}{
		{"timer", func(s *sleeper) { s.r.CallLater(time.Second, s.sleepInTimer) }, "reactor_test.(*sleeper).sleepInTimer of=a delayed call"},
		{"closure", func(s *sleeper) { s.r.CallLater(0, func() { s.r.Advance(time.Second) }) }, "slow_test.go:"},
		{"thread", func(s *sleeper) { s.r.CallFromThread(s.sleepInTimer) }, "reactor_test.(*sleeper).sleepInTimer of=a call from another goroutine"},
		{"context", func(s *sleeper) { s.r.WatchContext(ended(), s.sleepInTimer) }, "reactor_test.(*sleeper).sleepInTimer of=a function of WatchContext"},
		{"the result of a thread", func(s *sleeper) {
			s.r.CallLater(0, func() {
				reactor.DeferToThread(s.r, inThread).AddCallback(func(int) (int, error) { s.sleepInTimer(); return 0, nil })
			})
		}, "reactor_test.inThread (slow_test.go:"},
		{"connected", func(s *sleeper) {
			s.r.ListenTCP(":80", build(&echo{}))
			d := s.r.ConnectTCP("127.0.0.1:80", build(&echo{}), reactor.ConnectConfig{})
			d.AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) { s.sleepInTimer(); return p, nil })
		}, "the result of connecting to 127.0.0.1:80 of=an attempt to connect"},
		{"BuildProtocol", methods("BuildProtocol"), "*reactor_test.sleeper.BuildProtocol of=a factory"},
		{"ConnectionMade", methods("ConnectionMade"), "*reactor_test.sleeper.ConnectionMade of=a protocol"},
		{"DataReceived", methods("DataReceived"), "*reactor_test.sleeper.DataReceived of=a protocol"},
		{"ReadConnectionLost", methods("ReadConnectionLost"), "*reactor_test.sleeper.ReadConnectionLost of=a protocol"},
		{"WriteConnectionLost", methods("WriteConnectionLost"), "*reactor_test.sleeper.WriteConnectionLost of=a protocol"},
		{"ConnectionLost", methods("ConnectionLost"), "*reactor_test.sleeper.ConnectionLost of=a protocol"},
		{"PauseProducing", methods("PauseProducing"), "*reactor_test.sleeper.PauseProducing of=a protocol"},
		{"ResumeProducing", methods("ResumeProducing"), "*reactor_test.sleeper.ResumeProducing of=a protocol"},
		{"wrapped", func(s *sleeper) {
			s.in = "DataReceived"
			s.r.ListenTCP(":80", &protocols.WrappingFactory{Factory: s})
			s.r.ConnectTCP("127.0.0.1:80", build(&recorder{made: func(c *recorder) { c.t.Write([]byte("a")) }}), reactor.ConnectConfig{})
		}, "*reactor_test.sleeper.DataReceived of=a protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := logtest.Capture(t)
			r := memory.New()
			r.WarnSlow(100 * time.Millisecond)
			c.run(&sleeper{r: r})
			r.RunFor(time.Minute)
			got := warnings(log)
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want one with %s", got, c.want)
			}
		})
	}
}

// TestSlowStartup: the functions of CallWhenRunning and the triggers are callbacks, too.
func TestSlowStartup(t *testing.T) {
	log := logtest.Capture(t)
	r := memory.New()
	s := &sleeper{r: r}
	r.WarnSlow(100 * time.Millisecond)
	r.CallWhenRunning(s.sleepInTimer)
	r.AddSystemEventTrigger(reactor.Before, reactor.Startup, func() *deferred.Deferred[deferred.None] {
		s.sleepInTimer()
		return nil
	})
	r.CallLater(time.Second, func() { r.Stop() })
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	got := warnings(log)
	if len(got) != 2 || !strings.Contains(got[0], "TestSlowStartup") || !strings.Contains(got[0], "of=a system event trigger") ||
		!strings.Contains(got[1], "sleepInTimer of=a function of CallWhenRunning") {
		t.Errorf("got %q", got)
	}
}

// TestWarnSlowBound: which callbacks are warned of.
func TestWarnSlowBound(t *testing.T) {
	for _, c := range []struct {
		name      string
		bound     time.Duration
		debugging bool
		took      time.Duration
		want      bool
	}{
		{"off by default", 0, false, time.Hour, false},
		{"debugging", 0, true, 100 * time.Millisecond, true},
		{"debugging, short", 0, true, 99 * time.Millisecond, false},
		{"off for good", -1, true, time.Hour, false},
		{"given", time.Second, false, time.Second, true},
		{"given, short", time.Second, false, 999 * time.Millisecond, false},
		{"given, debugging", time.Second, true, 500 * time.Millisecond, false},
		{"one nanosecond", 1, false, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.debugging {
				deferred.SetDebugging(true)
				defer deferred.SetDebugging(false)
			}
			log := logtest.Capture(t)
			r := memory.New()
			r.WarnSlow(c.bound)
			r.CallLater(time.Second, func() { r.Advance(c.took) })
			r.RunFor(time.Minute)
			if got := warnings(log); (len(got) != 0) != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestWarnSlowCanEnd: in the middle of a run, warnings begin and end, also with SetDebugging.
func TestWarnSlowCanEnd(t *testing.T) {
	log := logtest.Capture(t)
	r := memory.New()
	slow := func() { r.Advance(time.Second) }
	turn := func() int {
		r.CallLater(0, slow)
		r.Pump()
		return len(warnings(log))
	}
	r.WarnSlow(time.Second)
	on := turn()
	r.WarnSlow(0)
	off := turn()
	deferred.SetDebugging(true)
	debugging := turn()
	deferred.SetDebugging(false)
	again := turn()
	if on != 1 || off != 0 || debugging != 1 || again != 0 {
		t.Errorf("got %d, %d, %d and %d warnings, want 1, 0, 1, 0", on, off, debugging, again)
	}
}

// TestWarnSlowOfTheInnermost: of a slow callback in a slow callback, both are warned of only if both are slow.
func TestWarnSlowOfTheInnermost(t *testing.T) {
	for own, want := range map[time.Duration]int{0: 1, time.Second: 2} {
		log := logtest.Capture(t)
		r := memory.New()
		r.WarnSlow(100 * time.Millisecond)
		r.ListenTCP(":80", build(&echo{}))
		d := r.ConnectTCP("127.0.0.1:80", build(&recorder{made: func(*recorder) { r.Advance(300 * time.Millisecond) }}), reactor.ConnectConfig{})
		d.AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) { r.Advance(own); return p, nil })
		r.Pump()
		got := warnings(log)
		if len(got) != want || !strings.Contains(got[0], "*reactor_test.recorder.ConnectionMade of=a protocol took=300ms") {
			t.Errorf("own time %v: got %q", own, got)
		}
		if want == 2 && !strings.Contains(got[1], "took=1s") {
			t.Errorf("got %q", got)
		}
	}
}

// TestWarnSlowOfAPanic: a callback that panics is timed, and the loop goes on.
func TestWarnSlowOfAPanic(t *testing.T) {
	log := logtest.Capture(t)
	r := memory.New()
	r.WarnSlow(time.Second)
	r.CallLater(0, func() { r.Advance(time.Second); panic("oops") })
	r.Pump()
	if got := log.Take(); strings.Count(got, "oops") == 0 || strings.Count(got, "held the loop") != 1 {
		t.Errorf("got %s", got)
	}
}

// TestTurnsAllocateNothingMore: a loop that is not watched allocates as little as before, and so does
// one after its watch has ended.
func TestTurnsAllocateNothingMore(t *testing.T) {
	r := memory.New()
	r.ListenTCP(":80", build(&echo{}))
	client := &recorder{}
	r.ConnectTCP("127.0.0.1:80", build(client), reactor.ConnectConfig{Timeout: -1})
	r.Pump()
	message := []byte("ping")
	turn := func() {
		client.got.Reset()
		client.t.Write(message)
		r.Pump()
	}
	turn()
	before := testing.AllocsPerRun(100, turn)
	r.WarnSlow(time.Hour)
	turn()
	r.WarnSlow(0)
	turn()
	if after := testing.AllocsPerRun(100, turn); before > 2 || after > before {
		t.Errorf("%v allocations, and %v after the watch; want at most 2", before, after)
	}
}
