package reactor_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// The life of a loop: start, turns and end.
var lifeCases = []conformanceCase{
	{"Stop in all places", none, stopInAllPlaces},
	{"Stop and Run, out of turn", none, outOfTurn},
	{"Stop closes everything", plain, stopClosesEverything},
	{"Stop with TLS connections", overTLS, stopWithTLS},
	{"Stop sends the written data", tcp4 | overTLS, stopSends},
	{"Stop drops the data that cannot be sent", tcp4, stopCuts},
	{"Close without Run", plain | overTLS, closeWithoutRun}, // a stream has bytes on their way then, which find the peer closed
	{"the order of events", none, orderOfEvents},
	{"events wait for the triggers before and during them", none, eventsWait},
	{"triggers that fail", none, triggersThatFail},
	{"triggers added and removed by triggers", none, triggersByTriggers},
	{"CallWhenRunning", none, callWhenRunning},
	{"Crash", tcp4, crash},
	{"Crash before an event", none, crashBeforeAnEvent},
	{"Crash during an event", none, crashDuringAnEvent},
	{"Run again", anyKind, runAgain},
	{"Iterate", anyKind, iterate},
	{"Iterate within a turn", none, iterateWithin},
	{"Iterate waits no longer than its timeout", none, iterateWaits},
	{"several loops at once", tcp4 | overTLS, severalAtOnce},
	{"FailNow in a callback", none, goexitInACallback},
}

func stopInAllPlaces(f *fixture) {
	stop := func() {
		if err := f.Stop(); err != nil {
			f.Error("Stop:", err)
		}
		if f.Running() {
			f.Error("running after Stop")
		}
		if err := f.Stop(); err != reactor.ErrNotRunning {
			f.Errorf("Stop again: %v", err)
		}
	}
	remove := func(id reactor.TriggerID) func() { return func() { f.RemoveSystemEventTrigger(id) } }
	for _, c := range []struct {
		name    string
		arrange func() (undo func())
	}{
		{"a delayed call", func() func() { f.CallLater(0, stop); return nil }},
		{"CallWhenRunning", func() func() { f.CallWhenRunning(stop); return nil }},
		{"CallFromThread", func() func() { f.CallFromThread(stop); return nil }},
		{"before startup", func() func() {
			return remove(f.AddSystemEventTrigger(reactor.Before, reactor.Startup, trigger(stop)))
		}},
		{"during startup", func() func() {
			return remove(f.AddSystemEventTrigger(reactor.During, reactor.Startup, trigger(stop)))
		}},
		{"after startup", func() func() {
			return remove(f.AddSystemEventTrigger(reactor.After, reactor.Startup, trigger(stop)))
		}},
		{"a Deferred", func() func() {
			d := deferred.New[int]()
			d.AddCallback(func(n int) (int, error) { stop(); return n, nil })
			f.CallLater(0, func() { d.Callback(1) })
			return nil
		}},
	} {
		undo := c.arrange()
		shutdowns := 0
		id := f.AddSystemEventTrigger(reactor.During, reactor.Shutdown, trigger(func() { shutdowns++ }))
		f.run()
		f.RemoveSystemEventTrigger(id)
		if undo != nil {
			undo()
		}
		if shutdowns != 1 {
			f.Errorf("%s: shut down %d times", c.name, shutdowns)
		}
	}
	for _, place := range []string{"BuildProtocol", "ConnectionMade", "DataReceived", "ConnectionLost"} {
		f.kind = tcp4
		client, server := f.probe("client"), f.probe("server")
		in := func(here string) {
			if here == place {
				stop()
			}
		}
		client.made = func() { client.Write([]byte("hello")) }
		client.lost = func(error) { in("ConnectionLost") }
		server.made = func() { in("ConnectionMade") }
		server.data = func([]byte) {
			in("DataReceived")
			server.LoseConnection()
		}
		port := f.listen(reactor.FactoryFunc(func(addr) reactor.Protocol {
			in("BuildProtocol")
			return server
		}))
		outcome.Of(f.connect(port, build(client)))
		f.run()
		port.StopListening()
	}
}

func outOfTurn(f *fixture) {
	if f.Running() {
		f.Error("running before Run")
	}
	if err := f.Stop(); err != reactor.ErrNotRunning {
		f.Errorf("Stop before Run: %v", err)
	}
	f.Crash() // has no effect
	f.CallWhenRunning(func() {
		if !f.Running() {
			f.Error("not running")
		}
		if err := f.Run(); err != reactor.ErrAlreadyRunning {
			f.Errorf("Run within Run: %v", err)
		}
		if err := f.Close(); err != reactor.ErrAlreadyRunning {
			f.Errorf("Close within Run: %v", err)
		}
		elsewhere := make(chan error)
		go func() { elsewhere <- f.Run() }()
		if err := <-elsewhere; err != reactor.ErrAlreadyRunning {
			f.Errorf("Run on another goroutine: %v", err)
		}
		f.Stop()
	})
	f.run()
	for range 2 {
		if err := f.Close(); err != nil {
			f.Errorf("Close: %v", err)
		}
	}
}

func stopClosesEverything(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	port := f.join(client, server)
	var dial *outcome.Result[reactor.Protocol]
	if f.kind != overUNIX {
		dial = outcome.Of(f.connectTo(f.silentAddress(), build(f.probe("never")), reactor.ConnectConfig{}))
	}
	client.made = func() { client.Write([]byte("hello")) }
	server.data = func([]byte) { f.Stop() }
	// A client that reconnects when its connection is lost, and a server that listens again.
	client.lost = func(error) {
		o := outcome.Of(f.connect(port, build(client)))
		f.wantConnectError(o, reactor.ErrStopped, port.Addr().String())
		if _, err := f.listenOn(f.anAddress(), build(server)); !errors.Is(err, reactor.ErrStopped) {
			f.Errorf("listening while everything is closed: %v", err)
		}
	}
	f.probes = []*probe{client, server}
	f.run()
	client.lostFor(reactor.ErrStopped)
	client.lostFor(reactor.ErrConnectionLost)
	server.lostFor(reactor.ErrStopped)
	if dial != nil && (dial.Fired != 1 || !errors.Is(dial.Err, reactor.ErrStopped)) {
		f.Errorf("the attempt in progress: %+v", dial)
	}
	again, err := f.listenOn(port.Addr().String(), build(server))
	if err != nil {
		f.Fatal("the port was not closed: ", err)
	}
	again.StopListening()
}

func stopWithTLS(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() { client.Write([]byte("hello")) }
	server.data = func([]byte) { f.Stop() }
	f.join(client, server)
	f.run()
	client.lostFor(reactor.ErrStopped)
	server.lostFor(reactor.ErrStopped)
}

// reader is a server outside the reactor that reads everything.
func (f *fixture) reader() (address string, all func() (string, error)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	type result struct {
		text string
		err  error
	}
	results := make(chan result, 1)
	go func() {
		var text []byte
		conn, err := l.Accept()
		if err == nil {
			text, err = io.ReadAll(conn)
			conn.Close()
		}
		l.Close()
		results <- result{string(text), err}
	}()
	return l.Addr().String(), func() (string, error) {
		r := <-results
		return r.text, r.err
	}
}

func stopSends(f *fixture) {
	if f.memory != nil || f.kind == overTLS {
		stopSendsInMemory(f)
		return
	}
	// Stop from CallWhenRunning, with the connection already made, from
	// ConnectionMade, and from a delayed call.
	for _, place := range []string{"CallWhenRunning", "ConnectionMade", "CallLater"} {
		for _, size := range []int{5, 100_000} {
			address, all := f.reader()
			client := f.probe("client")
			end := func() {
				client.Write([]byte(numbers(size)))
				client.LoseConnection()
				f.Stop()
			}
			if place == "ConnectionMade" {
				client.made = end
			}
			outcome.Of(f.connectTo(address, build(client), reactor.ConnectConfig{}))
			switch place {
			case "CallWhenRunning":
				f.iterateUntil(func() bool { return client.wasMade })
				f.CallWhenRunning(end)
			case "CallLater":
				client.made = func() { f.CallLater(0, end) }
			}
			f.run()
			client.lostFor(reactor.ErrConnectionDone)
			if got, err := all(); got != numbers(size) || err != nil {
				f.Errorf("%s: the peer got %s and %v, want %d bytes", place, abridged(got), err, size)
			}
		}
	}
}

// stopSendsInMemory checks the sent data in a trace, or, over TLS, the client's reason.
func stopSendsInMemory(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	f.join(client, server)
	f.iterateUntil(func() bool { return client.wasMade && server.wasMade })
	f.CallWhenRunning(func() {
		client.Write([]byte("last words"))
		client.LoseConnection()
		f.Stop()
	})
	if f.memory != nil {
		f.memory.StartTrace()
	}
	f.run()
	client.lostFor(reactor.ErrConnectionDone)
	if f.memory != nil && f.kind == tcp4 && !strings.Contains(f.memory.Trace().String(), `client write 10 "last words"`) {
		f.Errorf("the trace is\n%s", f.memory.Trace())
	}
}

func stopCuts(f *fixture) {
	f.realLoopsOnly()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	defer l.Close()
	client := f.probe("client")
	client.made = func() {
		client.Write(make([]byte, 32<<20)) // more than the system takes, without a reader
		client.LoseConnection()
		f.CallLater(time.Millisecond, func() { f.Stop() })
	}
	outcome.Of(f.connectTo(l.Addr().String(), build(client), reactor.ConnectConfig{}))
	f.run()
	client.lostFor(reactor.ErrStopped)
	conn, err := l.Accept()
	if err != nil {
		f.Fatal(err)
	}
	defer conn.Close()
	f.Close()
	if _, err := io.Copy(io.Discard, conn); err == nil {
		f.Error("the peer read an orderly end")
	}
}

func closeWithoutRun(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	f.join(client, server)
	f.iterateUntil(func() bool { return client.wasMade && server.wasMade })
	if err := f.Close(); err != nil {
		f.Error(err)
	}
	client.lostFor(reactor.ErrStopped)
	server.lostFor(reactor.ErrStopped)
	f.wantConnectError(outcome.Of(f.connectTo("127.0.0.1:1", build(client), reactor.ConnectConfig{})), reactor.ErrStopped, "127.0.0.1:1")
}

// A diary records events, in order.
type diary []string

func (d *diary) note(what string) func() {
	return func() { *d = append(*d, what) }
}

func (d diary) is(f *fixture, want ...string) {
	f.Helper()
	if !slices.Equal(d, want) {
		f.Errorf("got  %q\nwant %q", []string(d), want)
	}
}

func orderOfEvents(f *fixture) {
	var d diary
	f.CallWhenRunning(d.note("running 1"))
	f.CallWhenRunning(func() {
		d.note("running 2")()
		f.CallWhenRunning(d.note("running, at once"))
	})
	f.CallLater(0, d.note("a turn"))
	for _, phase := range []reactor.Phase{reactor.After, reactor.During, reactor.Before} {
		name := []string{"before", "during", "after"}[phase]
		for _, n := range []string{"1", "2"} {
			f.AddSystemEventTrigger(phase, reactor.Startup, trigger(d.note(name+" startup "+n)))
			f.AddSystemEventTrigger(phase, reactor.Shutdown, trigger(d.note(name+" shutdown "+n)))
		}
	}
	f.CallLater(time.Millisecond, func() { f.Stop() })
	f.run()
	d.is(f, "before startup 1", "before startup 2", "during startup 1", "during startup 2",
		"running 1", "running 2", "running, at once", "after startup 1", "after startup 2", "a turn",
		"before shutdown 1", "before shutdown 2", "during shutdown 1", "during shutdown 2",
		"after shutdown 1", "after shutdown 2")
}

func eventsWait(f *fixture) {
	var d diary
	wait := func(name string) reactor.Trigger {
		return func() *deferred.Deferred[deferred.None] {
			d.note(name)()
			later := deferred.New[deferred.None]()
			f.CallLater(time.Millisecond, func() {
				d.note(name + " is over")()
				later.Callback(deferred.None{})
			})
			return later
		}
	}
	f.AddSystemEventTrigger(reactor.During, reactor.Startup, wait("starting"))
	f.AddSystemEventTrigger(reactor.Before, reactor.Startup, wait("preparing"))
	f.AddSystemEventTrigger(reactor.During, reactor.Shutdown, wait("ending"))
	f.AddSystemEventTrigger(reactor.During, reactor.Shutdown, trigger(d.note("ending too")))
	f.AddSystemEventTrigger(reactor.Before, reactor.Shutdown, wait("cleaning up"))
	f.AddSystemEventTrigger(reactor.After, reactor.Shutdown, trigger(d.note("end")))
	client, server := f.probe("client"), f.probe("server")
	client.lost = func(error) { d.note("connections are closed")() }
	f.CallWhenRunning(func() {
		d.note("running")()
		client.made = func() { f.Stop() }
		f.join(client, server)
	})
	f.run()
	d.is(f, "preparing", "preparing is over", "starting", "starting is over", "running", "cleaning up", "cleaning up is over",
		"ending", "ending too", "ending is over", "connections are closed", "end")
}

func triggersThatFail(f *fixture) {
	var d diary
	for _, event := range []reactor.SystemEvent{reactor.Startup, reactor.Shutdown} {
		for _, phase := range []reactor.Phase{reactor.Before, reactor.During, reactor.After} {
			f.AddSystemEventTrigger(phase, event, trigger(func() { panic("the first panics") }))
			f.AddSystemEventTrigger(phase, event, func() *deferred.Deferred[deferred.None] {
				return deferred.Fail[deferred.None](errors.New("the second fails"))
			})
			f.AddSystemEventTrigger(phase, event, trigger(d.note(fmt.Sprint(event, phase))))
		}
	}
	f.CallWhenRunning(func() { f.Stop() })
	f.run()
	d.is(f, "0 0", "0 1", "0 2", "1 0", "1 1", "1 2")
	f.wantLog(12, "the first panics", "the second fails", "conformance_life_test.go")
}

func triggersByTriggers(f *fixture) {
	var d diary
	var second reactor.TriggerID
	f.AddSystemEventTrigger(reactor.Before, reactor.Startup, trigger(func() {
		d.note("first")()
		f.RemoveSystemEventTrigger(second)
		f.RemoveSystemEventTrigger(second)
		f.AddSystemEventTrigger(reactor.Before, reactor.Startup, trigger(d.note("fourth")))
	}))
	second = f.AddSystemEventTrigger(reactor.Before, reactor.Startup, trigger(d.note("second")))
	f.AddSystemEventTrigger(reactor.Before, reactor.Startup, trigger(d.note("third")))
	removed := f.AddSystemEventTrigger(reactor.During, reactor.Shutdown, trigger(d.note("removed")))
	f.RemoveSystemEventTrigger(removed)
	f.CallWhenRunning(func() { f.Stop() })
	f.run()
	d.is(f, "first", "third", "fourth")
}

func callWhenRunning(f *fixture) {
	var d diary
	f.CallWhenRunning(d.note("once"))
	f.CallWhenRunning(func() { f.Stop() })
	f.run()
	f.CallWhenRunning(func() { f.Stop() })
	f.run()
	d.is(f, "once")
}

func crash(f *fixture) {
	client, server := f.probe("client"), f.probe("server").echoes()
	var d diary
	f.AddSystemEventTrigger(reactor.During, reactor.Shutdown, trigger(d.note("shutdown")))
	client.made = func() { client.Write([]byte("hello")) }
	client.data = func([]byte) { f.Crash() }
	f.join(client, server)
	f.run()
	d.is(f)
	if client.isLost() || f.Running() {
		f.Errorf("after Crash: lost %v, running %v", client.isLost(), f.Running())
	}
	client.data = func([]byte) { client.LoseConnection() }
	client.Write([]byte(" again"))
	f.runUntilLost()
	client.has("hello again")
	d.is(f, "shutdown")
}

func crashBeforeAnEvent(f *fixture) { crashInAnEvent(f, reactor.Before) }
func crashDuringAnEvent(f *fixture) { crashInAnEvent(f, reactor.During) }

func crashInAnEvent(f *fixture, phase reactor.Phase) {
	var d diary
	waits := deferred.New[deferred.None]()
	id := f.AddSystemEventTrigger(phase, reactor.Shutdown, func() *deferred.Deferred[deferred.None] { return waits })
	f.AddSystemEventTrigger(phase+1, reactor.Shutdown, trigger(d.note("shutdown")))
	f.CallWhenRunning(func() {
		f.Stop()
		f.CallLater(2*time.Millisecond, f.Crash)
	})
	f.run()
	f.RemoveSystemEventTrigger(id)
	f.CallWhenRunning(func() {
		waits.Callback(deferred.None{}) // of the run before
		f.CallLater(0, func() {
			d.note("still running")()
			f.Stop()
		})
	})
	f.run()
	d.is(f, "still running", "shutdown")
}

func runAgain(f *fixture) {
	for range 3 {
		client, server := f.probe("client"), f.probe("server").echoes()
		client.made = func() { client.Write([]byte("hello")) }
		client.data = func([]byte) { client.LoseConnection() }
		port := f.join(client, server)
		f.runUntilLost()
		client.has("hello")
		port.StopListening()
	}
}

func iterate(f *fixture) {
	client, server := f.probe("client"), f.probe("server").echoes()
	client.made = func() { client.Write([]byte("hello")) }
	client.data = func([]byte) { client.LoseConnection() }
	f.join(client, server)
	f.CallWhenRunning(func() { f.Error("Iterate fired Startup") })
	f.iterateUntil(f.allLost)
	client.has("hello")
	if f.Running() {
		f.Error("running")
	}
}

func iterateWithin(f *fixture) {
	f.CallWhenRunning(func() {
		if err := f.Iterate(0); err != reactor.ErrAlreadyRunning {
			f.Errorf("Iterate within a turn: %v", err)
		}
		f.CallLater(0, func() {
			if err := f.Iterate(0); err != reactor.ErrAlreadyRunning {
				f.Errorf("Iterate within a turn: %v", err)
			}
			f.Stop()
		})
	})
	f.run()
}

func iterateWaits(f *fixture) {
	began := f.Now()
	for _, timeout := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond} {
		if err := f.Iterate(timeout); err != nil {
			f.Error(err)
		}
	}
	if took := f.Now().Sub(began); took < 4*time.Millisecond || f.memory != nil && took != 4*time.Millisecond {
		f.Errorf("waited for %v, want 4ms", took)
	}
	called := false
	f.CallLater(2*time.Millisecond, func() { called = true })
	f.Iterate(time.Hour)
	f.Iterate(0)
	if !called {
		f.Error("the delayed call was not made")
	}
	f.CallFromThread(func() { called = false })
	f.Iterate(time.Hour) // does not wait: a call is queued
	if called {
		f.Error("the call from another goroutine was not made")
	}
}

func severalAtOnce(f *fixture) {
	var others sync.WaitGroup
	for range 4 {
		other := &fixture{TB: f, kind: f.kind}
		switch f.loop.(type) {
		case *reactor.Loop:
			other.loop = reactor.New()
		default:
			other.memory = memory.New()
			other.loop = other.memory
		}
		others.Go(func() {
			echoOf(other, 300_000)
			if err := other.Close(); err != nil {
				f.Error(err)
			}
		})
	}
	others.Wait()
}

func goexitInACallback(f *fixture) {
	ended := f.Ended()
	var other sync.WaitGroup
	other.Go(func() {
		f.CallWhenRunning(func() { f.CallLater(0, runtime.Goexit) })
		f.Run()
		f.Error("Run has returned")
	})
	other.Wait()
	<-ended
	f.CallWhenRunning(func() { f.Stop() })
	f.run()
}
