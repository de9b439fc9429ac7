package reactor_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// The effect of the program's panics. Each is logged, with its stack. A panic in a
// protocol or producer loses the connection. Everything else continues.
var panicCases = []conformanceCase{
	{"ConnectionMade of a server", anyKind, protocolPanics(func(p *halfProbe) {
		p.made = oops
	})},
	{"DataReceived", anyKind, protocolPanics(func(p *halfProbe) {
		p.data = func([]byte) { oops() }
	})},
	{"DataReceived after a pause", anyKind, protocolPanics(func(p *halfProbe) {
		p.data = func([]byte) {
			p.data = func([]byte) { oops() }
			p.PauseProducing()
			p.f.CallLater(0, func() { p.ResumeProducing() })
		}
	})},
	{"ReadConnectionLost", anyKind, protocolPanics(func(p *halfProbe) {
		p.readLost = oops
	})},
	{"WriteConnectionLost", anyKind, protocolPanics(func(p *halfProbe) {
		p.writeLost = oops
		p.made = func() { p.LoseWriteConnection() }
	})},
	{"PauseProducing", anyKind, protocolPanics(func(p *halfProbe) {
		p.made = func() {
			p.RegisterProducer(&panickyProducer{pause: true})
			p.Write(make([]byte, tooMuch))
		}
	})},
	{"PauseProducing in a delayed call", anyKind, protocolPanics(func(p *halfProbe) {
		p.made = func() {
			p.RegisterProducer(&panickyProducer{pause: true})
			p.f.CallLater(0, func() { p.Write(make([]byte, tooMuch)) })
		}
	})},
	{"ResumeProducing of a push producer", anyKind, protocolPanics(func(p *halfProbe) {
		p.made = func() {
			p.RegisterProducer(&panickyProducer{resume: true})
			p.Write(make([]byte, tooMuch))
		}
	})},
	{"ResumeProducing of a pull producer", anyKind, protocolPanics(func(p *halfProbe) {
		p.made = func() { p.RegisterPullProducer(&panickyProducer{resume: true}) }
	})},
	{"StopProducing", anyKind, panicInStopProducing},
	{"ConnectionLost", anyKind, panicInConnectionLost},
	{"ConnectionMade of a client", plain, panicInClientsMade},
	{"BuildProtocol of a server", anyKind, panicInServersBuild},
	{"BuildProtocol of a client", plain, panicInClientsBuild},
	{"a delayed call", none, func(f *fixture) { callPanics(f, func(call func()) { f.CallLater(0, call) }) }},
	{"CallFromThread", none, func(f *fixture) { callPanics(f, f.CallFromThread) }},
	{"CallInThread", none, func(f *fixture) { callPanics(f, f.CallInThread) }},
	{"CallWhenRunning", none, func(f *fixture) { callPanics(f, f.CallWhenRunning) }},
	{"a trigger", none, func(f *fixture) {
		callPanics(f, func(call func()) {
			f.AddSystemEventTrigger(reactor.Before, reactor.Startup, trigger(call))
		})
	}},
}

func oops() { panic("oops") }

// trigger makes f a Trigger.
func trigger(f func()) reactor.Trigger {
	return func() *deferred.Deferred[deferred.None] {
		f()
		return nil
	}
}

// loggedOops checks that the log contains the panic of oops and nothing else.
func (f *fixture) loggedOops() {
	f.Helper()
	f.wantLog(1, "panic=oops at=conformance_panic_test.go:", "reactor_test.oops")
}

// protocolPanics is a case in which the server's protocol panics, after arm, and
// loses its connection.
func protocolPanics(arm func(p *halfProbe)) func(f *fixture) {
	return func(f *fixture) {
		victim, peer := f.halfProbe("victim"), f.halfProbe("peer")
		arm(victim)
		peer.made = func() {
			peer.Write([]byte(numbers(200_000))) // more than one Read returns
			peer.LoseWriteConnection()
		}
		f.join(peer, victim)
		continues(f, victim.probe)
		f.runUntilLost()
		f.loggedOops()
		victim.lostForPanic()
		if peer.reasons[0] == reactor.ErrConnectionDone && victim.writeLosses == 0 && f.kind != overUNIX {
			f.Error("the peer read an orderly end")
		}
	}
}

// continues makes another connection after p has lost its own, to check that the loop
// continues.
func continues(f *fixture, p *probe) {
	client, server := f.probe("another client"), f.probe("another server").echoes()
	client.made = func() { client.Write([]byte("another")) }
	client.data = func([]byte) { client.LoseConnection() }
	lost := p.lost
	p.lost = func(reason error) {
		f.join(client, server)
		if lost != nil {
			lost(reason)
		}
	}
}

func (p *probe) lostForPanic() {
	p.f.Helper()
	var panicked *deferred.PanicError
	if len(p.reasons) != 1 || !errors.As(p.reasons[0], &panicked) || !errors.Is(p.reasons[0], reactor.ErrConnectionLost) {
		p.f.Errorf("%s lost its connection for %v", p.name, p.reasons)
	} else if panicked.Value != "oops" || !strings.Contains(string(panicked.Stack), "reactor_test.oops") {
		p.f.Errorf("%s lost its connection for a panic of %v\n%s", p.name, panicked.Value, panicked.Stack)
	}
}

// A panickyProducer panics in a chosen method.
type panickyProducer struct{ pause, resume, stop bool }

func (p *panickyProducer) PauseProducing()  { p.if_(p.pause) }
func (p *panickyProducer) ResumeProducing() { p.if_(p.resume) }
func (p *panickyProducer) StopProducing()   { p.if_(p.stop) }

func (*panickyProducer) if_(yes bool) {
	if yes {
		oops()
	}
}

func panicInStopProducing(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	server.made = func() {
		server.RegisterProducer(&panickyProducer{stop: true})
		server.AbortConnection()
	}
	continues(f, server)
	f.join(client, server)
	f.runUntilLost()
	f.loggedOops()
	server.lostFor(reactor.ErrConnectionAborted)

	if err := server.RegisterProducer(&panickyProducer{stop: true}); err != nil {
		f.Error(err)
	}
	f.loggedOops()
}

func panicInConnectionLost(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() { client.Write([]byte("hello")) }
	server.data = func([]byte) { server.LoseConnection() }
	server.lost = func(error) { oops() }
	continues(f, server)
	f.join(client, server)
	f.runUntilLost()
	f.loggedOops()
	client.lostFor(reactor.ErrConnectionDone)
}

func panicInClientsMade(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = oops
	continues(f, client)
	port := f.listen(build(server))
	o := outcome.Of(f.connect(port, build(client)))
	f.runUntilLost()
	f.loggedOops()
	f.wantConnectError(o, nil, port.Addr().String())
	if !errors.As(o.Err, new(*deferred.PanicError)) {
		f.Errorf("connecting failed for %v", o.Err)
	}
	client.lostForPanic()
}

func panicInServersBuild(f *fixture) {
	client := f.probe("client")
	port := f.listen(reactor.FactoryFunc(func(addr) reactor.Protocol {
		oops()
		return nil
	}))
	continues(f, client)
	f.connectProbe(port, client)
	f.runUntilLost()
	f.loggedOops()
}

func panicInClientsBuild(f *fixture) {
	server := f.probe("server")
	port := f.listen(build(server))
	continues(f, server)
	o := outcome.Of(f.connect(port, reactor.FactoryFunc(func(addr) reactor.Protocol {
		oops()
		return nil
	})))
	f.runUntilLost()
	f.loggedOops()
	f.wantConnectError(o, nil, port.Addr().String())
	if !errors.As(o.Err, new(*deferred.PanicError)) {
		f.Errorf("connecting failed for %v", o.Err)
	}
}

// callPanics schedules a call that panics and one after it. The second is still
// made.
func callPanics(f *fixture, arrange func(call func())) {
	calls := 0
	f.SuggestThreadPoolSize(1) // one after the other
	arrange(func() {
		calls++
		oops()
	})
	arrange(func() {
		f.CallFromThread(func() {
			calls++
			f.Stop()
		})
	})
	f.run()
	f.loggedOops()
	if calls != 2 {
		f.Errorf("%d calls were made", calls)
	}
}

// TestCallInThreadEndsItsGoroutine calls functions that end the pool's goroutines.
func TestCallInThreadEndsItsGoroutine(t *testing.T) {
	f := newFixture(t, func() loop { return reactor.New() }, none)
	for range 30 {
		f.CallInThread(runtime.Goexit)
	}
	o := outcome.Of(reactor.DeferToThread(f, func() (int, error) {
		runtime.Goexit()
		return 1, nil
	}))
	reactor.DeferToThread(f, func() (int, error) { return 1, nil }).AddBoth(func(n int, err error) (int, error) {
		f.CallLater(0, func() { f.Stop() })
		return n, err
	})
	f.SuggestThreadPoolSize(1)
	f.run()
	if !errors.Is(o.Err, deferred.ErrNoResult) {
		t.Errorf("got %v", o.Err)
	}
	f.finish()
}
