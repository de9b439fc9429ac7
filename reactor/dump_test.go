package reactor_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// dumped returns the dump of a loop.
func dumped(t *testing.T, r interface{ Dump(io.Writer) error }) string {
	t.Helper()
	var b strings.Builder
	if err := r.Dump(&b); err != nil {
		t.Errorf("Dump: %v", err)
	}
	return b.String()
}

// steady returns text without what varies with the work on the loop and on the tests.
func steady(text string) string {
	text = regexp.MustCompile(`\d+ turns`).ReplaceAllString(text, "N turns")
	return regexp.MustCompile(`\.go:\d+`).ReplaceAllString(text, ".go:N")
}

// A quietProtocol does nothing.
type quietProtocol struct{ t reactor.Transport }

func (p *quietProtocol) ConnectionMade(t reactor.Transport) { p.t = t }
func (p *quietProtocol) DataReceived([]byte)                {}
func (p *quietProtocol) ConnectionLost(error)               {}

// A quietFactory builds quietProtocols.
type quietFactory struct{ built []*quietProtocol }

func (f *quietFactory) BuildProtocol(net.Addr) reactor.Protocol {
	p := &quietProtocol{}
	f.built = append(f.built, p)
	return p
}

// A pushedBody is a push producer.
type pushedBody struct{}

func (*pushedBody) PauseProducing()  {}
func (*pushedBody) ResumeProducing() {}
func (*pushedBody) StopProducing()   {}

func tick() {}

// The text of each section, on a loop in memory.
func TestLoopDump(t *testing.T) {
	r := memory.New()
	r.AddHost("a.example", "192.0.2.1")
	r.Advance(time.Hour)
	wantDump := func(want string) {
		t.Helper()
		if got := steady(dumped(t, r)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	wantDump("loop at 01:00:00: not in Run, N turns, delayed calls up to 0s late\n")

	// An inspectable, a port, a timer and an attempt to connect.
	s := addShown(r, "shown (1)\n")
	servers, clients := &quietFactory{}, &quietFactory{}
	port, err := r.ListenTCP("192.0.2.1:80", servers)
	if err != nil {
		t.Fatal(err)
	}
	port.PauseAccepting()
	r.CallLater(90*time.Second, tick)
	blackhole := r.ConnectTCP("203.0.113.1:80", clients, reactor.ConnectConfig{Timeout: 20 * time.Second})
	wantDump(`loop at 01:00:00: not in Run, N turns, delayed calls up to 0s late
shown (1)
attempts to connect (1)
  tcp 203.0.113.1:80 for *reactor_test.quietFactory, ends in 20s
ports (1)
  tcp 192.0.2.1:80: *reactor_test.quietFactory, accepting is paused
timers (2)
  in 20s, at 01:00:20: reactor.(*Loop).connect.func2 (connect.go:N), by reactor_test.TestLoopDump (dump_test.go:N)
  in 1m30s, at 01:01:30: reactor_test.tick (dump_test.go:N), by reactor_test.TestLoopDump (dump_test.go:N)
`)
	blackhole.AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
	blackhole.Cancel()
	r.DelayedCalls()[0].Cancel()
	s.text = ""

	// Connections.
	port.ResumeAccepting()
	r.ConnectTCP("192.0.2.1:80", clients, reactor.ConnectConfig{})
	r.Pump()
	client, server := clients.built[0].t, servers.built[0].t
	client.RegisterProducer(&pushedBody{})
	client.Write(make([]byte, 10))
	server.PauseProducing()
	server.LoseWriteConnection()
	wantDump(fmt.Sprintf(`loop at 01:00:00: not in Run, N turns, delayed calls up to 0s late
connections (2)
  192.0.2.1:80 -> %[1]v: *reactor_test.quietProtocol, reading is paused
  %[1]v -> 192.0.2.1:80: *reactor_test.quietProtocol, 10 bytes unsent, producer *reactor_test.pushedBody
ports (1)
  tcp 192.0.2.1:80: *reactor_test.quietFactory
`, client.Host()))
	client.AbortConnection()
	runtime.KeepAlive(s)
}

// The inspectables of a machine in memory are shown once, with its name.
func TestDumpOfMachines(t *testing.T) {
	r := memory.New()
	r.Machine("idle")
	m := r.Machine("client")
	all := []*shown{addShown(r, "own (1)\n"), addShown(m, "client's (1)\n")}
	want := "loop at 00:00:00: not in Run, N turns, delayed calls up to 0s late\nmachine client: client's (1)\nown (1)\n"
	if got := steady(dumped(t, r)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	runtime.KeepAlive(all)
}

// A dump of a loop whose delayed calls were late says so.
func TestDumpShowsLag(t *testing.T) {
	r := memory.New()
	r.CallLater(0, func() { r.Advance(1234567891) })
	r.CallLater(time.Second, tick)
	r.Pump()
	if got := dumped(t, r); !strings.Contains(got, "delayed calls up to 234.6ms late\n") {
		t.Errorf("got %s", got)
	}
}

// The error of the Writer is that of Dump.
func TestDumpWriterFails(t *testing.T) {
	failure := errors.New("full")
	w := writerFunc(func([]byte) (int, error) { return 0, failure })
	if err := memory.New().Dump(w); err != failure {
		t.Errorf("Loop.Dump: got %v", err)
	}
	if err := reactor.Dump(w); err != failure {
		t.Errorf("Dump: got %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// inBackground runs loops until the end of the test.
func inBackground(t *testing.T, loops ...*reactor.Loop) {
	for _, l := range loops {
		l.HandleSignals(false)
		running, over := make(chan struct{}), make(chan error)
		l.CallWhenRunning(func() { close(running) })
		go func() { over <- l.Run() }()
		<-running
		t.Cleanup(func() {
			l.Stop()
			if err := <-over; err != nil {
				t.Errorf("Run: %v", err)
			}
			l.Close()
		})
	}
}

// idleLoops matches the loops with nothing pending, such as the background reactor of another test.
var idleLoops = regexp.MustCompile(`(?m)^== goroutine \d+ ==\nloop at .*\n(==|\z)`)

// dumpedAll returns the dump of all loops that have something pending.
func dumpedAll(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := reactor.Dump(&b); err != nil {
		t.Errorf("Dump: %v", err)
	}
	return idleLoops.ReplaceAllString(b.String(), "$1")
}

// A process without a loop says so.
func TestDumpWithoutALoop(t *testing.T) {
	var b strings.Builder
	if err := reactor.DumpNoLoops(&b); err != nil || b.String() != "no loop of this process is in Run\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

// blockHere holds a loop up until gate is closed.
func blockHere(gate chan struct{}) { <-gate }

// Dump shows every loop in Run, from any goroutine, that of a loop included, and a loop that does not answer by its stack.
func TestDumpOfAllLoops(t *testing.T) {
	one, two := reactor.New(), reactor.NewPortable()
	gate := make(chan struct{})
	one.CallLater(time.Hour, tick)
	two.CallLater(2*time.Hour, tick)
	inBackground(t, one, two)
	pattern := regexp.MustCompile(`^== goroutine \d+ ==
loop at \S+: running, \d+ turns, delayed calls up to \S+ late
timers \(1\)
  in (59m|1h0m)\S+, at \S+: reactor_test\.tick \(dump_test\.go:\d+\)
== goroutine \d+ ==
loop at \S+: running, \d+ turns, delayed calls up to \S+ late
timers \(1\)
  in (1h59m|2h0m)\S+, at \S+: reactor_test\.tick \(dump_test\.go:\d+\)
$`)
	if got := dumpedAll(t); !pattern.MatchString(got) {
		t.Errorf("from another goroutine: got\n%s", got)
	}
	text := make(chan string)
	one.CallFromThread(func() {
		got := dumpedAll(t)
		go func() { text <- got }()
	})
	if got := <-text; !pattern.MatchString(got) {
		t.Errorf("from a loop: got\n%s", got)
	}
	one.CallFromThread(func() { blockHere(gate) })
	start := time.Now()
	got := dumpedAll(t)
	took := time.Since(start)
	close(gate)
	if !strings.Contains(got, "loop: no answer for 1s, since a callback holds it:\ngoroutine ") ||
		!strings.Contains(got, "reactor_test.blockHere(") || !strings.Contains(got, "in 1h59m") {
		t.Errorf("with a loop that is held: got\n%s", got)
	}
	if took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if got := dumpedAll(t); !pattern.MatchString(got) {
		t.Errorf("after that: got\n%s", got)
	}
}

// A slow Writer does not hold the loop up.
func TestDumpToASlowWriter(t *testing.T) {
	l := reactor.New()
	inBackground(t, l)
	turned := false
	reactor.Dump(writerFunc(func(p []byte) (int, error) {
		done := make(chan struct{})
		l.CallFromThread(func() { close(done) })
		<-done
		turned = true
		return len(p), nil
	}))
	if !turned {
		t.Error("nothing was written")
	}
}

// Misuse says what is wrong.
func TestDumpMisuse(t *testing.T) {
	for want, f := range map[string]func(){
		"reactor: Dump to a nil Writer":                                             func() { reactor.Dump(nil) },
		"reactor: DumpOnSignal with a nil Writer":                                   func() { reactor.DumpOnSignal(nil) },
		"reactor: DumpOnSignal without a signal; name one, such as syscall.SIGUSR1": func() { reactor.DumpOnSignal(io.Discard) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}()
			f()
		}()
	}
}
