package reactor_test

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// Attempts to connect.
var connectCases = []conformanceCase{
	{"the Deferred fires after ConnectionMade", plain, deferredFires},
	{"refused", tcp, refused},
	{"no socket at the path", overUNIX, noSocketAtPath},
	{"no route", tcp4, noRoute},
	{"the attempt takes too long", tcp, connectTimeout},
	{"an attempt without a limit", tcp4, connectNoTimeout},
	{"not an address", tcp4, notAnAddress},
	{"a zone that does not exist", tcp4, unknownZone},
	{"a local address", tcp4, localAddress},
	{"no factory", tcp4 | overUNIX, noFactory},
	{"port in use", plain, portInUse},
	{"StopListening", plain, stopListening},
	{"the server's factory refuses", anyKind, serverRefuses},
	{"the client's factory refuses", plain, clientRefuses},
	{"cancelled at once", plain, cancelledAtOnce},
	{"cancelled in progress", tcp, cancelledUnderWay},
	{"cancelled by BuildProtocol", plain, cancelledInBuild},
	{"cancelled by ConnectionMade", plain, cancelledInMade},
	{"cancelled too late", plain, cancelledTooLate},
	{"accepting fails for a while", tcp4, nothingAccepted},
	{"StopListening while accepting fails", tcp4, stopWhileNothingAccepted},
}

// outcomeOfConnecting is outcome.Of, and stops the reactor when d fires.
func (f *fixture) outcomeOfConnecting(d *deferred.Deferred[reactor.Protocol]) *outcome.Result[reactor.Protocol] {
	o := outcome.Of(d)
	d.AddBoth(func(reactor.Protocol, error) (reactor.Protocol, error) {
		f.CallWhenRunning(func() { f.Stop() })
		return nil, nil
	})
	return o
}

// wantConnectError checks that an attempt failed with want, wrapped in a ConnectError
// for address.
func (f *fixture) wantConnectError(o *outcome.Result[reactor.Protocol], want error, address string) {
	f.Helper()
	var err *reactor.ConnectError
	switch {
	case o.Fired != 1:
		f.Errorf("the Deferred fired %d times", o.Fired)
	case !errors.As(o.Err, &err) || err.Address != address:
		f.Errorf("got %v, want a ConnectError about %s", o.Err, address)
	case want != nil && !errors.Is(o.Err, want):
		f.Errorf("got %v, want %v", o.Err, want)
	}
}

func deferredFires(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	d := f.connect(f.listen(build(server)), build(client))
	client.made = func() {
		if d.Called() {
			f.Error("the Deferred fired before ConnectionMade")
		}
	}
	d.AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
		if p != reactor.Protocol(client) || !client.wasMade {
			f.Errorf("fired with %v, connected: %v", p, client.wasMade)
		}
		client.LoseConnection()
		return p, nil
	})
	f.runUntilLost()
	if !d.Called() {
		f.Error("the Deferred has not fired")
	}
}

func unknownZone(f *fixture) {
	const address = "[fe80::1%nosuchzone]:80"
	client := f.probe("client")
	f.probes = nil
	o := f.outcomeOfConnecting(f.ConnectTCP(address, build(client), reactor.ConnectConfig{}))
	f.run()
	f.wantConnectError(o, nil, address)
	if onEpoll := strings.Contains(f.Name(), "/epoll/"); onEpoll && (o.Err == nil || !strings.Contains(o.Err.Error(), "no such network interface")) {
		f.Errorf("the error does not mention the zone's interface: %v", o.Err)
	}
	if client.wasMade {
		f.Error("a connection was made")
	}
}

// unusedAddress returns an address on which nothing listens.
func (f *fixture) unusedAddress() string {
	port := f.listen(build(f.probe("nobody")))
	f.probes = nil
	address := port.Addr().String()
	port.StopListening()
	return address
}

func refused(f *fixture) {
	address := f.unusedAddress()
	o := f.outcomeOfConnecting(f.connectTo(address, build(f.probe("client")), reactor.ConnectConfig{}))
	f.run()
	f.wantConnectError(o, reactor.ErrConnectionRefused, address)
	if f.memory == nil && !errors.Is(o.Err, syscall.ECONNREFUSED) {
		f.Errorf("%v is not the system's error", o.Err)
	}
}

func noSocketAtPath(f *fixture) {
	address := f.anAddress()
	o := outcome.Of(f.connectTo(address, build(f.probe("client")), reactor.ConnectConfig{}))
	f.CallLater(time.Millisecond, func() { f.Stop() })
	f.run()
	f.wantConnectError(o, nil, address)
}

func noRoute(f *fixture) {
	address := "255.255.255.255:9" // the broadcast address, which TCP does not have
	if f.memory != nil {
		f.memory.HoldConnects()
		f.CallWhenRunning(func() { f.memory.HeldConnects()[0].Fail(reactor.ErrNoRoute) })
	} else if conn, err := net.DialTimeout("tcp", address, time.Second); !errors.Is(err, syscall.ENETUNREACH) {
		if err == nil {
			conn.Close()
		}
		f.Skip("this system has a route to everywhere: ", err)
	}
	o := f.outcomeOfConnecting(f.connectTo(address, build(f.probe("client")), reactor.ConnectConfig{}))
	f.run()
	f.wantConnectError(o, reactor.ErrNoRoute, address)
}

// silentAddress returns an address that does not answer.
func (f *fixture) silentAddress() string {
	if f.memory == nil {
		address, closeIt := silentAddress(f, f.kind == tcp6)
		f.closers = append(f.closers, closeIt)
		return address
	}
	f.memory.HoldConnects()
	return "192.0.2.1:80"
}

func connectTimeout(f *fixture) {
	address := f.silentAddress()
	const limit = 20 * time.Millisecond
	began := f.Now()
	o := f.outcomeOfConnecting(f.connectTo(address, build(f.probe("client")), reactor.ConnectConfig{Timeout: limit}))
	f.run()
	f.wantConnectError(o, reactor.ErrConnectTimeout, address)
	if took := f.Now().Sub(began); took < limit || f.memory != nil && took != limit {
		f.Errorf("failed after %v, want %v", took, limit)
	}
}

func connectNoTimeout(f *fixture) {
	address := f.silentAddress()
	o := outcome.Of(f.connectTo(address, build(f.probe("client")), reactor.ConnectConfig{Timeout: -1}))
	if n := len(f.DelayedCalls()); n != 0 {
		f.Errorf("%d delayed calls for an attempt without a limit", n)
	}
	f.CallLater(time.Millisecond, func() { f.Stop() })
	f.run()
	f.wantConnectError(o, reactor.ErrStopped, address)
}

func notAnAddress(f *fixture) {
	for _, address := range []string{"", "localhost:80", "127.0.0.1", "127.0.0.1:http", "::1:80", "127.0.0.1:65536"} {
		f.wantConnectError(outcome.Of(f.ConnectTCP(address, build(f.probe("client")), reactor.ConnectConfig{})), nil, address)
		if _, err := f.ListenTCP(address+"::", build(f.probe("server"))); !errors.As(err, new(*reactor.ListenError)) {
			f.Errorf("listening on %s: %v", address, err)
		}
	}
}

func localAddress(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	port := f.listen(build(server))
	// Only the other side knows the chosen port.
	free := f.unusedAddress()
	f.probes = []*probe{client, server}
	client.made = func() { client.LoseConnection() }
	f.connectTo(port.Addr().String(), build(client), reactor.ConnectConfig{LocalAddress: free})
	f.runUntilLost()
	if got := server.Peer().String(); got != free {
		f.Errorf("connected from %s, want %s", got, free)
	}
	for _, local := range []string{"nowhere", "[::1]:0", "127.0.0.1"} {
		o := f.outcomeOfConnecting(f.connectTo(port.Addr().String(), build(client), reactor.ConnectConfig{LocalAddress: local}))
		if o.Fired == 0 {
			f.run()
		}
		f.wantConnectError(o, nil, port.Addr().String())
	}
}

func noFactory(f *fixture) {
	mustPanic(f, "listening", func() { f.listenOn(f.anAddress(), nil) })
	mustPanic(f, "connecting", func() { f.connectTo("127.0.0.1:1", nil, reactor.ConnectConfig{}) })
}

func mustPanic(f *fixture, what string, call func()) {
	f.Helper()
	defer func() {
		f.Helper()
		if recover() == nil {
			f.Errorf("%s did not panic", what)
		}
	}()
	call()
}

func portInUse(f *fixture) {
	port := f.listen(build(f.probe("first")))
	_, err := f.listenOn(port.Addr().String(), build(f.probe("second")))
	var listening *reactor.ListenError
	if !errors.Is(err, reactor.ErrPortInUse) || !errors.As(err, &listening) || listening.Address != port.Addr().String() {
		f.Errorf("got %v", err)
	}
}

func stopListening(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	port := f.join(client, server)
	var second *outcome.Result[reactor.Protocol]
	server.echoes()
	server.made = func() { server.Write([]byte("hello")) }
	client.data = func([]byte) {
		client.data = func([]byte) { client.LoseConnection() }
		port.StopListening()
		port.StopListening()
		d := f.connect(port, build(f.probe("late")))
		f.probes = []*probe{client, server}
		second = outcome.Of(d)
		d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
			client.Write([]byte(", still open"))
			return p, nil
		})
	}
	f.runUntilLost()
	client.has("hello, still open")
	f.wantConnectError(second, nil, port.Addr().String())
	again, err := f.listenOn(port.Addr().String(), build(server))
	if err != nil {
		f.Fatal("listening again: ", err)
	}
	again.StopListening()
}

func serverRefuses(f *fixture) {
	client := f.probe("client")
	refusals := 0
	port := f.listen(reactor.FactoryFunc(func(addr) reactor.Protocol {
		refusals++
		return nil
	}))
	f.connectProbe(port, client)
	f.runUntilLost()
	if refusals != 1 {
		f.Errorf("the factory was called %d times", refusals)
	}
}

func clientRefuses(f *fixture) {
	server := f.probe("server")
	port := f.listen(build(server))
	d := f.connect(port, reactor.FactoryFunc(func(addr) reactor.Protocol { return nil }))
	o := outcome.Of(d)
	f.runUntilLost()
	f.wantConnectError(o, reactor.ErrNoProtocol, port.Addr().String())
}

// cancelled checks that d was cancelled and that the loop continues.
func cancelled(f *fixture, d *deferred.Deferred[reactor.Protocol]) {
	f.Helper()
	o := outcome.Of(d)
	if o.Fired != 1 || !errors.Is(o.Err, deferred.ErrCancelled) {
		f.Errorf("fired %d times, with %v", o.Fired, o.Err)
	}
}

func cancelledAtOnce(f *fixture) {
	port := f.listen(reactor.FactoryFunc(func(addr) reactor.Protocol { return f.probe("server") }))
	d := f.connect(port, reactor.FactoryFunc(func(addr) reactor.Protocol {
		f.Error("a protocol was built")
		return nil
	}))
	d.Cancel()
	d.Cancel()
	f.CallLater(5*time.Millisecond, func() { f.Stop() })
	f.run()
	cancelled(f, d)
}

func cancelledUnderWay(f *fixture) {
	d := f.connectTo(f.silentAddress(), build(f.probe("client")), reactor.ConnectConfig{})
	f.CallLater(2*time.Millisecond, func() {
		d.Cancel()
		if n := len(f.DelayedCalls()); f.memory != nil && n != 0 {
			f.Errorf("%d delayed calls are left", n)
		}
		f.CallLater(2*time.Millisecond, func() { f.Stop() })
	})
	f.run()
	cancelled(f, d)
}

func cancelledInBuild(f *fixture) {
	port := f.listen(reactor.FactoryFunc(func(addr) reactor.Protocol { return f.probe("server") }))
	var d *deferred.Deferred[reactor.Protocol]
	client := f.probe("client")
	d = f.connect(port, reactor.FactoryFunc(func(addr) reactor.Protocol {
		d.Cancel()
		f.CallLater(5*time.Millisecond, func() { f.Stop() })
		return client
	}))
	f.run()
	cancelled(f, d)
	if client.wasMade {
		f.Error("the client was connected")
	}
}

func cancelledInMade(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	d := f.connect(f.listen(build(server)), build(client))
	client.made = func() { d.Cancel() }
	f.runUntilLost()
	cancelled(f, d)
	client.lostFor(reactor.ErrConnectionAborted)
}

func cancelledTooLate(f *fixture) {
	client, server := f.probe("client"), f.probe("server").echoes()
	d := f.connect(f.listen(build(server)), build(client))
	d.AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
		f.CallLater(0, func() {
			d.Cancel()
			client.Write([]byte("still open"))
		})
		return p, nil
	})
	client.data = func([]byte) { client.LoseConnection() }
	f.runUntilLost()
	client.has("still open")
	client.lostFor(reactor.ErrConnectionDone)
}

func nothingAccepted(f *fixture) {
	if f.memory == nil {
		f.Skip("see TestTooManyFiles")
	}
	client, server := f.probe("client"), f.probe("server")
	f.memory.FailAccepts(reactor.ErrTooManyFiles)
	began := f.Now()
	f.join(client, server)
	f.CallLater(250*time.Millisecond, func() { f.memory.FailAccepts(nil) })
	server.made = func() {
		if waited := f.Now().Sub(began); waited != 300*time.Millisecond {
			f.Errorf("accepted after %v", waited)
		}
		server.LoseConnection()
	}
	f.runUntilLost()
	f.wantLog(1, "cannot accept a connection", reactor.ErrTooManyFiles.Error())
}

func stopWhileNothingAccepted(f *fixture) {
	if f.memory == nil {
		f.Skip("see TestTooManyFiles")
	}
	client := f.probe("client")
	f.memory.FailAccepts(reactor.ErrTooManyFiles)
	port := f.join(client, f.probe("server"))
	f.probes = f.probes[:1]
	f.CallLater(time.Millisecond, func() { port.StopListening() })
	f.runUntilLost()
	client.lostFor(reactor.ErrConnectionReset)
	f.wantLog(1)
}
