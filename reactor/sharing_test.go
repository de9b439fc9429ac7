package reactor_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A sharedPort is a port that reactors in memory share. The test turns them one after the other.
type sharedPort struct {
	t       *testing.T
	loops   []*memory.Reactor
	group   *reactor.Group
	port    reactor.Port
	own     []*countingFactory // of each loop
	clients []*recorder
	lost    int
}

// A countingFactory builds echoes, and keeps the port that it is told of.
type countingFactory struct {
	port           reactor.Port
	built, stopped int
	build          func()
}

func (f *countingFactory) BuildProtocol(addr) reactor.Protocol {
	f.built++
	if f.build != nil {
		f.build()
	}
	return &echo{}
}
func (f *countingFactory) DoStart(_ reactor.Reactor, p reactor.Port) { f.port = p }
func (f *countingFactory) DoStop(reactor.Port)                       { f.stopped++ }

func share(t *testing.T, n int) *sharedPort {
	s := &sharedPort{t: t}
	var loops []*reactor.Loop
	for range n {
		r := memory.New()
		s.loops, loops = append(s.loops, r), append(loops, r.Loop)
	}
	s.group = reactor.GroupOf(loops...)
	var err error
	s.port, err = s.group.ListenTCP("127.0.0.1:80", func(r reactor.Reactor) reactor.Factory {
		if r != loops[len(s.own)] {
			t.Error("the factories are not made in the order of the loops")
		}
		s.own = append(s.own, &countingFactory{})
		return s.own[len(s.own)-1]
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// connect makes n connections to the port, of which each says hello.
func (s *sharedPort) connect(n int) {
	for range n {
		c := &recorder{}
		c.made = func(c *recorder) { c.t.Write([]byte("hello")) }
		c.lost = func(*recorder, error) { s.lost++ }
		s.clients = append(s.clients, c)
		s.loops[0].ConnectTCP("127.0.0.1:80", build(c), reactor.ConnectConfig{}).AddErrback(func(err error) (reactor.Protocol, error) {
			s.lost++
			return nil, nil
		})
	}
}

// pump turns the loops.
func (s *sharedPort) pump() {
	for range 6 {
		for _, r := range s.loops {
			r.Pump()
		}
	}
}

// want checks how many connections each loop has got, how many clients have an echo, and how many
// have lost their connection.
func (s *sharedPort) want(when string, lost int, built ...int) {
	s.t.Helper()
	var got []int
	for _, f := range s.own {
		got = append(got, f.built)
	}
	if !slices.Equal(got, built) {
		s.t.Errorf("%s: the loops have built %v, want %v", when, got, built)
	}
	answered := 0
	for _, c := range s.clients {
		if c.got.String() == "hello" {
			answered++
		}
	}
	sum := 0
	for _, n := range built {
		sum += n
	}
	if answered != sum || s.lost != lost {
		s.t.Errorf("%s: %d clients have an echo, want %d; %d have lost their connection, want %d", when, answered, sum, s.lost, lost)
	}
}

func TestSharedInTurn(t *testing.T) {
	s := share(t, 3)
	s.connect(7)
	s.pump()
	s.want("seven connections", 0, 3, 2, 2)
	for i, r := range s.loops {
		if n := r.Stats().Accepted; n != uint64(s.own[i].built) {
			t.Errorf("loop %d has accepted %d", i, n)
		}
	}
}

func TestSharedPauses(t *testing.T) {
	s := share(t, 2)
	s.own[1].port.PauseAccepting()
	s.connect(3)
	s.pump()
	s.want("the second loop pauses", 0, 3, 0)
	s.own[0].port.PauseAccepting()
	s.own[1].port.ResumeAccepting()
	s.connect(3)
	s.pump()
	s.want("the first loop pauses", 0, 3, 3)
	s.own[1].port.PauseAccepting()
	s.pump()
	s.connect(3)
	s.pump()
	s.want("both pause", 0, 3, 3)
	s.own[1].port.ResumeAccepting()
	s.pump()
	s.want("the second resumes", 0, 3, 6)
	s.own[0].port.ResumeAccepting()
	s.connect(2)
	s.pump()
	s.want("both resume", 0, 4, 7)
}

// TestSharedPausesLate: connections that come before the port learns that all pause wait for a loop
// that resumes.
func TestSharedPausesLate(t *testing.T) {
	s := share(t, 2)
	s.own[0].build = func() {
		s.own[0].port.PauseAccepting()
		s.own[1].port.PauseAccepting() // the first loop learns of it in its next turn
	}
	s.connect(5)
	s.pump()
	s.want("both pause", 0, 1, 0)
	s.own[0].build = nil
	s.own[0].port.ResumeAccepting()
	s.own[1].port.ResumeAccepting()
	s.pump()
	if n := s.own[0].built + s.own[1].built; n != 5 {
		t.Errorf("%d are built", n)
	}
}

// TestSharedWithAHeldLoop: a loop that does not turn gets no more than some connections, and the
// other has the rest.
func TestSharedWithAHeldLoop(t *testing.T) {
	s := share(t, 2)
	s.connect(1500)
	for range 6 {
		s.loops[0].Pump()
	}
	s.want("the second loop is held", 0, 1500-512, 0)
	s.pump()
	s.want("it turns again", 0, 1500-512, 512)
	s.connect(2)
	s.pump()
	s.want("afterwards", 0, 1500-511, 513)
}

// TestSharedWithHeldLoops: when each loop pauses or is held, nothing is accepted; then it is again.
func TestSharedWithHeldLoops(t *testing.T) {
	s := share(t, 2)
	s.own[0].port.PauseAccepting()
	s.connect(600)
	for range 6 {
		s.loops[0].Pump()
	}
	s.want("the second loop is held", 0, 0, 0)
	s.pump()
	s.pump()
	s.want("it turns again", 0, 0, 600)
}

// TestSharedStops: the port of one loop stops, and those of the others go on. What waits for the
// one goes to the others.
func TestSharedStops(t *testing.T) {
	s := share(t, 3)
	s.connect(6)
	s.loops[0].Pump()
	s.own[1].port.StopListening()
	s.pump()
	s.connect(4)
	s.pump()
	if s.own[1].built != 0 || s.own[1].stopped != 1 || s.own[0].built+s.own[2].built != 10 || s.lost != 0 {
		t.Errorf("built %d, %d, %d; DoStop of the second: %d; lost %d", s.own[0].built, s.own[1].built, s.own[2].built, s.own[1].stopped, s.lost)
	}
}

// TestSharedStopsFirst: when the port of the first loop stops, all do. What was given to a loop is
// accepted.
func TestSharedStopsFirst(t *testing.T) {
	s := share(t, 2)
	s.connect(4)
	s.loops[0].Pump()
	s.port.StopListening()
	if s.loops[0].Stats().Open == 0 || s.own[0].stopped != 1 {
		t.Errorf("DoStop was called %d times", s.own[0].stopped)
	}
	if p, err := s.loops[0].ListenTCP("127.0.0.1:80", build(&echo{})); err != nil {
		t.Error("the address is not free: ", err)
	} else {
		p.StopListening()
	}
	s.pump()
	s.want("the port has stopped", 0, 2, 2)
	if s.own[1].stopped != 1 {
		t.Errorf("DoStop of the second was called %d times", s.own[1].stopped)
	}
	for _, f := range s.own {
		f.port.StopListening()
		f.port.PauseAccepting()
		f.port.ResumeAccepting()
		f.port.AcceptWaiting()
	}
	s.connect(1)
	s.pump()
	s.want("a connection is refused", 1, 2, 2)
}

// TestSharedStopsWhilePaused: what waits for a loop that pauses is reset when the port stops, as what
// the system has queued.
func TestSharedStopsWhilePaused(t *testing.T) {
	s := share(t, 2)
	s.connect(2)
	s.loops[0].Pump() // the second loop has one to accept
	s.own[1].port.PauseAccepting()
	s.own[0].port.PauseAccepting()
	s.pump()
	s.own[0].port.StopListening()
	s.pump()
	s.want("the port has stopped", 1, 1, 0)
}

// TestSharedAcceptWaiting: each loop accepts what it was given.
func TestSharedAcceptWaiting(t *testing.T) {
	s := share(t, 2)
	s.connect(4)
	s.loops[0].Pump()
	if s.own[1].built != 0 {
		t.Fatal("the second loop has not turned")
	}
	s.own[1].port.AcceptWaiting()
	if s.own[1].built != 2 {
		t.Errorf("built %d", s.own[1].built)
	}
	s.pump()
	s.want("all are accepted once", 0, 2, 2)
}

// TestSharedFailures: accepting fails, and is tried again.
func TestSharedFailures(t *testing.T) {
	log := logtest.Capture(t)
	s := share(t, 2)
	s.loops[0].FailAccepts(reactor.ErrTooManyFiles)
	s.own[0].port.PauseAccepting() // another loop waits for connections
	s.connect(2)
	s.pump()
	s.loops[0].FailAccepts(nil)
	s.loops[0].Advance(time.Second)
	s.pump()
	s.want("after the failures", 0, 0, 2)
	if text := log.Take(); strings.Count(text, reactor.ErrTooManyFiles.Error()) != 1 {
		t.Errorf("logged %s", text)
	}
}

func TestListenErrors(t *testing.T) {
	a, b := memory.New(), memory.New()
	g := reactor.GroupOf(a.Loop, b.Loop)
	a.ListenTCP("127.0.0.1:80", build(&echo{}))
	none := func(reactor.Reactor) reactor.Factory {
		t.Error("a factory was made")
		return nil
	}
	if _, err := g.ListenTCP("127.0.0.1:80", none); !errors.Is(err, reactor.ErrPortInUse) {
		t.Errorf("an address in use: %v", err)
	}
	mixed := reactor.GroupOf(reactor.New(), reactor.NewLoop(memoryPoller{}, reactor.LoopConfig{}))
	var failed *reactor.ListenError
	if _, err := mixed.ListenTCP("127.0.0.1:0", none); !errors.As(err, &failed) || !strings.Contains(err.Error(), "no connection can move") {
		t.Errorf("different pollers: %v", err)
	}
	mixed.Loops()[0].Close()
}

// TestSharedFactory: a factory of two loops is found out.
func TestSharedFactory(t *testing.T) {
	one := &countingFactory{}
	for name, factory := range map[string]reactor.Factory{"with a nil Factory": nil, "one *reactor_test.countingFactory for two loops": one} {
		func() {
			defer func() {
				if v := recover(); !strings.Contains(fmt.Sprint(v), name) {
					t.Errorf("%s: %v", name, v)
				}
			}()
			reactor.GroupOf(memory.New().Loop, memory.New().Loop).ListenTCP("127.0.0.1:80", func(reactor.Reactor) reactor.Factory { return factory })
		}()
	}
}

// memoryPoller is a Poller of another kind.
type memoryPoller struct{ reactor.Poller }

func (memoryPoller) Now() time.Time { return time.Time{} }

// TestSharedOnThisSystem: the loops of the system's pollers share a port, and each connection is
// served by its loop only.
func TestSharedOnThisSystem(t *testing.T) {
	for _, r := range reactors[:2] {
		for _, kind := range []string{"tcp", "unix"} {
			t.Run(r.name+"/"+kind, func(t *testing.T) {
				const loops, each = 3, 10
				var all []*reactor.Loop
				for range loops {
					all = append(all, r.new().(*reactor.Loop))
				}
				g := reactor.GroupOf(all...)
				defer g.Close()
				built := make([]int, loops)
				factory := func(r reactor.Reactor) reactor.Factory {
					at := slices.Index(all, r.(*reactor.Loop))
					return reactor.FactoryFunc(func(addr) reactor.Protocol {
						if !r.OnLoop() {
							t.Error("BuildProtocol on another loop")
						}
						built[at]++
						return &echo{}
					})
				}
				listen, dial := g.ListenTCP, all[loops-1].ConnectTCP
				address := "127.0.0.1:0"
				if kind == "unix" {
					listen, dial, address = g.ListenUNIX, all[loops-1].ConnectUNIX, filepath.Join(tempDir(t), "s")
				}
				port, err := listen(address, factory)
				if err != nil {
					t.Fatal(err)
				}
				var done sync.WaitGroup
				done.Add(loops * each)
				all[loops-1].CallWhenRunning(func() {
					for i := range loops * each {
						c := &recorder{}
						c.made = func(c *recorder) { c.t.Write([]byte(fmt.Sprint(i))) }
						c.data = func(c *recorder) {
							if c.got.String() == fmt.Sprint(i) {
								c.t.LoseConnection()
								done.Done()
							}
						}
						dial(port.Addr().String(), build(c), reactor.ConnectConfig{}).AddErrback(func(err error) (reactor.Protocol, error) {
							t.Error(err)
							done.Done()
							return nil, nil
						})
					}
				})
				go func() {
					done.Wait()
					g.Stop()
				}()
				if err := g.Run(); err != nil {
					t.Error(err)
				}
				if !slices.Equal(built, []int{each, each, each}) {
					t.Errorf("the loops have built %v", built)
				}
			})
		}
	}
}

// TestSharedPausesWithWaiting: what waits for a loop that pauses goes to one that does not, as soon
// as there is one.
func TestSharedPausesWithWaiting(t *testing.T) {
	s := share(t, 2)
	s.connect(4)
	s.loops[0].Pump() // two wait for the second loop
	s.own[1].port.PauseAccepting()
	s.pump()
	s.want("the second loop pauses", 0, 4, 0)
	s.own[1].port.ResumeAccepting()
	s.connect(4)
	s.loops[0].Pump()
	s.own[0].port.PauseAccepting()
	s.own[1].port.PauseAccepting()
	s.pump()
	s.want("both pause", 0, 6, 0)
	s.own[0].port.ResumeAccepting()
	s.pump()
	s.want("the first resumes", 0, 8, 0)
}

// TestSharedByClosedLoops: a group that is closed listens no more.
func TestSharedByClosedLoops(t *testing.T) {
	for _, r := range reactors {
		l, other := r.new(), r.new()
		loops := []*reactor.Loop{loopOf(l), loopOf(other)}
		g := reactor.GroupOf(loops...)
		g.Close()
		_, err := g.ListenTCP("127.0.0.1:0", func(reactor.Reactor) reactor.Factory { return &countingFactory{} })
		if !errors.Is(err, reactor.ErrStopped) {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

func loopOf(l loop) *reactor.Loop {
	if r, ok := l.(*memory.Reactor); ok {
		return r.Loop
	}
	return l.(*reactor.Loop)
}
