package reactor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the cases of ports that pause, resume and stop.

// anyPort has the kinds of ports. Cases for plain ones only are those in which a handshake that
// goes on during the pause, or never ends, would come between.
const anyPort = plain | overTLS

var acceptCases = []conformanceCase{
	{"paused from the beginning", anyPort, acceptPausedAtFirst},
	{"paused by BuildProtocol", plain, acceptPausedInBuild},
	{"paused and resumed many times", plain, acceptPausedOften},
	{"paused, and others are open", anyPort, acceptPausedOthersOpen},
	{"AcceptWaiting while paused", anyPort, acceptWaitingPaused},
	{"StopListening while paused", plain, stopListeningPaused},
	{"Stop while paused", anyPort, stopLoopPaused},
	{"the Deferred of StopListening", anyPort, stopListeningDeferred},
	{"StopListening in BuildProtocol", anyPort, stopListeningInBuild},
	{"StopListening in DoStop", tcp4, stopListeningInDoStop},
	{"paused while accepting fails", tcp4, pausedWhileNothingAccepted},
}

// servers is a factory of probes.
type servers struct {
	f     *fixture
	built []*probe
	build func() // called by BuildProtocol; may be nil
	init  func(*probe)
}

func (s *servers) BuildProtocol(addr) reactor.Protocol {
	p := s.f.probe(fmt.Sprintf("server %d", len(s.built)))
	s.built = append(s.built, p)
	if s.init != nil {
		s.init(p)
	}
	if s.build != nil {
		s.build()
	}
	return p
}

// knock connects n clients that each send their number. Over TLS, they do so after the
// handshake.
func (f *fixture) knock(port reactor.Port, n int) (clients []*probe) {
	for i := range n {
		client := f.probe(fmt.Sprintf("client %d", i))
		client.made = func() {
			client.Write([]byte(fmt.Sprint(i)))
			client.LoseConnection()
		}
		clients = append(clients, client)
		f.connectProbe(port, client)
	}
	return clients
}

func acceptPausedAtFirst(f *fixture) {
	s := &servers{f: f}
	port := f.listen(s)
	port.ResumeAccepting() // has no effect
	port.PauseAccepting()
	port.PauseAccepting()
	f.knock(port, 3)
	for range 5 {
		f.Iterate(time.Millisecond)
	}
	port.ResumeAccepting()
	port.ResumeAccepting()
	if len(s.built) != 0 {
		f.Errorf("%d connections were accepted while paused or by ResumeAccepting", len(s.built))
	}
	f.iterateUntil(func() bool { return len(s.built) == 3 && f.allLost() })
	sum := map[string]bool{}
	for _, p := range s.built {
		sum[p.got.String()] = true
	}
	if !sum["0"] || !sum["1"] || !sum["2"] {
		f.Errorf("the servers received %v", sum)
	}
}

func acceptPausedInBuild(f *fixture) {
	var port reactor.Port
	s := &servers{f: f}
	s.build = func() { port.PauseAccepting() }
	port = f.listen(s)
	f.knock(port, 3)
	for i := range 3 {
		f.iterateUntil(func() bool { return len(s.built) == i+1 })
		for range 5 {
			f.Iterate(time.Millisecond)
		}
		if len(s.built) != i+1 {
			f.Errorf("%d connections were accepted, want %d", len(s.built), i+1)
		}
		port.ResumeAccepting()
	}
	f.iterateUntil(f.allLost)
}

func acceptPausedOften(f *fixture) {
	s := &servers{f: f}
	port := f.listen(s)
	f.knock(port, 8)
	for len(s.built) < 8 {
		n := len(s.built)
		port.PauseAccepting()
		f.Iterate(0)
		if len(s.built) != n {
			f.Errorf("%d connections were accepted while paused", len(s.built)-n)
		}
		port.ResumeAccepting()
		f.Iterate(time.Millisecond)
	}
	f.iterateUntil(f.allLost)
}

func acceptPausedOthersOpen(f *fixture) {
	s := &servers{f: f, init: func(p *probe) { p.echoes() }}
	port := f.listen(s)
	client := f.probe("client")
	f.connectProbe(port, client)
	f.iterateUntil(func() bool { return len(s.built) == 1 && client.wasMade && s.built[0].wasMade })
	port.PauseAccepting()
	client.Write([]byte("hello"))
	f.iterateUntil(func() bool { return client.got.String() == "hello" })
	client.LoseConnection()
	f.iterateUntil(f.allLost)
}

func acceptWaitingPaused(f *fixture) {
	s := &servers{f: f}
	port := f.listen(s)
	port.PauseAccepting()
	f.knock(port, 1)
	for range 5 {
		f.Iterate(time.Millisecond)
		port.AcceptWaiting()
	}
	if len(s.built) != 0 {
		f.Error("AcceptWaiting accepted a connection while paused")
	}
	port.ResumeAccepting()
	port.AcceptWaiting()
	if n := len(s.built); n > 1 {
		f.Errorf("accepted %d times", n)
	}
	f.iterateUntil(func() bool { return len(s.built) == 1 && f.allLost() })
}

func stopListeningPaused(f *fixture) {
	s := &servers{f: f}
	port := f.listen(s)
	port.PauseAccepting()
	clients := f.knock(port, 2)
	for range 5 {
		f.Iterate(time.Millisecond)
	}
	port.StopListening()
	port.ResumeAccepting()
	port.PauseAccepting()
	port.ResumeAccepting()
	f.iterateUntil(func() bool { return clients[0].isLost() && clients[1].isLost() })
	if len(s.built) != 0 {
		f.Error("accepted after StopListening")
	}
	again, err := f.listenOn(port.Addr().String(), s)
	if err != nil {
		f.Fatal("listening again: ", err)
	}
	again.StopListening()
}

func stopLoopPaused(f *fixture) {
	s := &servers{f: f}
	port := f.listen(s)
	port.PauseAccepting()
	f.CallWhenRunning(func() {
		f.probes = nil
		f.connect(port, build(&recorder{})).AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
		f.CallLater(5*time.Millisecond, func() { f.Stop() })
	})
	f.run()
	if len(s.built) != 0 {
		f.Error("accepted while paused")
	}
	if _, _, fired := result(port.StopListening()); !fired {
		f.Error("StopListening after the loop has stopped does not fire")
	}
}

func stopListeningDeferred(f *fixture) {
	port := f.listen(&servers{f: f})
	var again reactor.Port
	port.StopListening().AddCallback(func(n deferred.None) (deferred.None, error) {
		var err error
		if again, err = f.listenOn(port.Addr().String(), &servers{f: f}); err != nil {
			f.Error("the address is not free: ", err)
		}
		return n, nil
	})
	if again == nil {
		f.Fatal("the Deferred has not fired")
	}
	for range 2 { // of the port that has stopped, whose address another has now
		if _, err, fired := result(port.StopListening()); err != nil || !fired {
			f.Errorf("a further call: fired %v, %v", fired, err)
		}
	}
	client := f.probe("client")
	client.made = func() { client.LoseConnection() }
	f.connectProbe(again, client)
	f.iterateUntil(func() bool { return client.isLost() && f.allLost() })
}

func stopListeningInBuild(f *fixture) {
	var port reactor.Port
	s := &servers{f: f}
	s.build = func() {
		if _, _, fired := result(port.StopListening()); !fired {
			f.Error("the Deferred has not fired")
		}
	}
	port = f.listen(s)
	f.knock(port, 1)
	f.iterateUntil(func() bool { return len(s.built) == 1 && f.allLost() })
}

// A stopper stops its port again in DoStop.
type stopper struct {
	servers
	stops int
}

func (s *stopper) DoStart(reactor.Reactor, reactor.Port) {}
func (s *stopper) DoStop(p reactor.Port) {
	s.stops++
	if _, _, fired := result(p.StopListening()); !fired {
		s.f.Error("the Deferred has not fired")
	}
}

func stopListeningInDoStop(f *fixture) {
	s := &stopper{servers: servers{f: f}}
	port := f.listen(s)
	port.StopListening()
	port.StopListening()
	if s.stops != 1 {
		f.Errorf("DoStop was called %d times", s.stops)
	}
}

func pausedWhileNothingAccepted(f *fixture) {
	if f.memory == nil {
		f.Skip("accepting fails in memory only")
	}
	f.memory.FailAccepts(reactor.ErrTooManyFiles)
	s := &servers{f: f}
	port := f.listen(s)
	f.knock(port, 1)
	f.memory.Pump()
	f.wantLog(1, reactor.ErrTooManyFiles.Error())
	port.PauseAccepting()
	if n := len(f.DelayedCalls()); n != 0 {
		f.Errorf("%d delayed calls while paused", n)
	}
	f.memory.Advance(time.Second)
	f.memory.FailAccepts(nil)
	f.memory.Advance(time.Second)
	if len(s.built) != 0 {
		f.Error("accepted while paused")
	}
	port.ResumeAccepting()
	f.memory.Pump()
	if len(s.built) != 1 {
		f.Errorf("%d connections accepted, want 1", len(s.built))
	}
}

// TestResumeAfterPauseAndError: an error of accept and a pause do not hide each other.
func TestResumeAfterPauseAndError(t *testing.T) {
	f := newFixture(t, reactors[2].new, tcp4)
	f.memory.FailAccepts(reactor.ErrTooManyFiles)
	s := &servers{f: f}
	port := f.listen(s)
	port.PauseAccepting()
	f.knock(port, 1)
	f.memory.Pump()
	port.ResumeAccepting()
	f.memory.Pump()
	f.wantLog(1, reactor.ErrTooManyFiles.Error())
	f.memory.FailAccepts(nil)
	f.memory.Advance(100 * time.Millisecond)
	if len(s.built) != 1 {
		t.Errorf("%d connections accepted, want 1", len(s.built))
	}
	f.finish()
}
