package reactor_test

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// The bytes of a connection, and its end.
var streamCases = []conformanceCase{
	{"echo of one byte", anyKind, func(f *fixture) { echoOf(f, 1) }},
	{"echo of 100 kB", anyKind, func(f *fixture) { echoOf(f, 100_000) }},
	{"echo of 2 MiB", anyKind, func(f *fixture) { echoOf(f, 2<<20) }},
	{"many connections", anyKind, manyConnections},
	{"writes keep their order", anyKind, writesKeepTheirOrder},
	{"small pieces before large ones", anyKind, smallBeforeLarge},
	{"writes of one turn are joined", plain, writesOfOneTurnAreJoined},
	{"LoseConnection sends the written data", anyKind, loseConnectionSends},
	{"LoseConnection in ConnectionMade", anyKind, loseConnectionInMade},
	{"writes after LoseConnection are dropped", anyKind, writesAfterLoseConnection},
	{"nothing is received after LoseConnection", anyKind, nothingReceivedAfterLose},
	{"half close by the client", anyKind, halfCloseByClient},
	{"half close by the server", anyKind, halfCloseByServer},
	{"half close by both", anyKind, halfCloseByBoth},
	{"half close and a protocol that is not half-closeable", anyKind, halfCloseUnknown},
	{"an answer to the last words", anyKind, answerToLastWords},
	{"AbortConnection", anyKind, abortConnection},
	{"AbortConnection drops the written data", anyKind, abortDropsWritten},
	{"all methods after the loss", anyKind, methodsAfterLoss},
	{"PauseProducing in DataReceived", anyKind, pauseInDataReceived},
	{"ResumeProducing in DataReceived", anyKind, resumeInDataReceived},
	{"paused from the beginning", anyKind, pausedFromTheBeginning},
	{"StopProducing is LoseConnection", anyKind, stopProducing},
	{"SwitchProtocol", anyKind, switchProtocol},
	{"Host and Peer", anyKind, hostAndPeer},
	{"Reactor and TLS", anyKind, reactorAndTLS},
	{"SetNoDelay and SetKeepAlive", anyKind, socketOptions},
}

// numbers returns a text of n bytes without repetition.
func numbers(n int) string { return manyNumbers()[:n] }

var manyNumbers = sync.OnceValue(func() string {
	var b []byte
	for i := 0; len(b) < 2<<20; i++ {
		b = append(strconv.AppendInt(b, int64(i), 10), '\n')
	}
	return string(b)
})

func echoOf(f *fixture, size int) {
	want := numbers(size)
	client, server := f.probe("client"), f.probe("server").echoes()
	client.made = func() { client.Write([]byte(want)) }
	client.data = func([]byte) {
		if client.got.Len() == size {
			client.LoseConnection()
		}
	}
	f.join(client, server)
	f.runUntilLost()
	client.has(want)
	client.lostFor(reactor.ErrConnectionDone)
	server.lostFor(reactor.ErrConnectionDone)
}

func manyConnections(f *fixture) {
	const count = 50
	port := f.listen(reactor.FactoryFunc(func(addr) reactor.Protocol { return f.probe("server").echoes() }))
	var clients []*probe
	for i := range count {
		client := f.probe("client")
		client.made = func() { fmt.Fprintf(writer{client}, "%d", i) }
		client.data = func([]byte) { client.LoseConnection() }
		f.connect(port, build(client))
		clients = append(clients, client)
	}
	f.runUntilLost()
	for i, client := range clients {
		client.has(fmt.Sprint(i))
	}
	if n := len(f.probes); n != 2*count {
		f.Errorf("%d protocols were connected, want %d", n, 2*count)
	}
}

// A writer makes a Consumer an io.Writer.
type writer struct{ reactor.Consumer }

func (w writer) Write(p []byte) (int, error) {
	w.Consumer.Write(p)
	return len(p), nil
}

// smallBeforeLarge: a large piece goes out after the small one before it, also if the peer
// reads later.
func smallBeforeLarge(f *fixture) {
	want := numbers(2 << 20)
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		for rest := []byte(want); len(rest) != 0; {
			head, large := min(9, len(rest)), min(9+(80<<10), len(rest))
			client.WriteSequence(rest[:head], rest[head:large])
			rest = rest[large:]
		}
		client.LoseConnection()
	}
	server.made = func() {
		server.PauseProducing()
		f.CallLater(10*time.Millisecond, server.ResumeProducing)
	}
	f.join(client, server)
	f.runUntilLost()
	server.has(want)
	client.lostFor(reactor.ErrConnectionDone)
	server.lostFor(reactor.ErrConnectionDone)
}

func writesKeepTheirOrder(f *fixture) {
	want := numbers(1 << 20)
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		rest := []byte(want)
		for i := 0; len(rest) != 0; i++ {
			n := min(len(rest), []int{1, 1000, 64 << 10, 3, 200_000, 63 << 10}[i%6])
			if i%4 == 3 {
				client.WriteSequence(rest[:n/2], nil, rest[n/2:n])
			} else {
				client.Write(rest[:n])
			}
			clear(rest[:n]) // the caller of Write may reuse its buffer
			rest = rest[n:]
		}
		client.LoseConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	if got := server.got.String(); got != want {
		f.Errorf("got %d bytes that differ from the %d written", len(got), len(want))
	}
}

func writesOfOneTurnAreJoined(f *fixture) {
	if f.memory == nil {
		f.Skip("the case needs a trace")
	}
	f.memory.StartTrace()
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		for i := range 10 {
			client.Write([]byte{'a' + byte(i)})
		}
		client.WriteSequence([]byte("12"), []byte("34"))
	}
	server.data = func([]byte) { client.LoseConnection() }
	f.join(client, server)
	f.runUntilLost()
	server.has("abcdefghij1234")
	var writes []string
	for _, e := range f.memory.Trace() {
		if e.Kind == "write" && e.Side == memory.ClientSide {
			writes = append(writes, e.Text)
		}
	}
	if len(writes) != 1 {
		f.Errorf("written in %d pieces: %q", len(writes), writes)
	}
}

func loseConnectionSends(f *fixture) {
	want := numbers(tooMuch)
	client, server := f.probe("client"), f.probe("server")
	server.made = func() {
		server.Write([]byte(want))
		server.LoseConnection()
		server.LoseConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	client.has(want)
	client.lostFor(reactor.ErrConnectionDone)
	server.lostFor(reactor.ErrConnectionDone)
}

func loseConnectionInMade(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() { client.LoseConnection() }
	if f.kind == overTLS { // after its handshake the server has data to read
		server.made = client.made
		client.made = nil
		server.made = func() { server.LoseConnection() }
	}
	f.join(client, server)
	f.runUntilLost()
	client.lostFor(reactor.ErrConnectionDone)
	server.lostFor(reactor.ErrConnectionDone)
}

func writesAfterLoseConnection(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		client.Write([]byte("in time"))
		client.LoseConnection()
		client.Write([]byte("too late"))
		client.WriteSequence([]byte("too"), []byte("late"))
	}
	f.join(client, server)
	f.runUntilLost()
	server.has("in time")
	server.lostFor(reactor.ErrConnectionDone)
}

func nothingReceivedAfterLose(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() { client.Write([]byte(numbers(1 << 20))) }
	server.data = func([]byte) {
		server.LoseConnection()
		server.data = func([]byte) { f.Error("DataReceived after LoseConnection") }
	}
	f.join(client, server)
	f.runUntilLost()
	server.lostFor(reactor.ErrConnectionDone)
}

func halfCloseByClient(f *fixture) {
	want := numbers(1 << 20)
	client, server := f.halfProbe("client"), f.halfProbe("server")
	client.made = func() {
		client.Write([]byte("question"))
		client.LoseWriteConnection()
		client.LoseWriteConnection()
		client.Write([]byte("too late"))
	}
	server.readLost = func() {
		if client.isLost() {
			f.Error("the client lost its connection by half closing it")
		}
		server.Write([]byte(want))
		server.LoseConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	server.has("question")
	client.has(want)
	if client.writeLosses != 1 || client.readLosses != 1 || server.readLosses != 1 {
		f.Errorf("half closes: client write %d, read %d; server read %d", client.writeLosses, client.readLosses, server.readLosses)
	}
	client.lostFor(reactor.ErrConnectionDone)
	server.lostFor(reactor.ErrConnectionDone)
}

func halfCloseByServer(f *fixture) {
	client, server := f.halfProbe("client"), f.halfProbe("server")
	server.made = func() {
		server.Write([]byte("welcome"))
		server.LoseWriteConnection()
	}
	client.readLost = func() {
		if !client.PeerClosed() || server.PeerClosed() {
			f.Errorf("PeerClosed: client %v, server %v, want true, false", client.PeerClosed(), server.PeerClosed())
		}
		if !client.CheckPeerClosed() || server.CheckPeerClosed() {
			f.Errorf("CheckPeerClosed: client %v, server %v, want true, false", client.CheckPeerClosed(), server.CheckPeerClosed())
		}
		client.has("welcome")
		client.Write([]byte("thanks"))
		client.LoseWriteConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	server.has("thanks")
	client.lostFor(reactor.ErrConnectionDone)
	server.lostFor(reactor.ErrConnectionDone)
	if !server.PeerClosed() || !server.CheckPeerClosed() {
		f.Errorf("PeerClosed %v, CheckPeerClosed %v after the loss", server.PeerClosed(), server.CheckPeerClosed())
	}
}

func halfCloseByBoth(f *fixture) {
	client, server := f.halfProbe("client"), f.halfProbe("server")
	for _, p := range []*halfProbe{client, server} {
		p.made = func() {
			p.Write([]byte("from " + p.name))
			p.LoseWriteConnection()
		}
	}
	f.join(client, server)
	f.runUntilLost()
	client.has("from server")
	server.has("from client")
	client.lostFor(reactor.ErrConnectionDone)
	server.lostFor(reactor.ErrConnectionDone)
}

func halfCloseUnknown(f *fixture) {
	client, server := f.halfProbe("client"), f.probe("server")
	client.made = func() { client.LoseWriteConnection() }
	f.join(client, server)
	f.runUntilLost()
	client.lostFor(reactor.ErrConnectionDone)
	server.lostFor(reactor.ErrConnectionDone)
}

func answerToLastWords(f *fixture) {
	client, server := f.halfProbe("client"), f.probe("server")
	client.made = func() {
		client.Write([]byte("question"))
		client.LoseWriteConnection()
	}
	server.data = func([]byte) { server.Write([]byte("answer")) }
	f.join(client, server)
	f.runUntilLost()
	client.has("answer")
	client.lostFor(reactor.ErrConnectionDone)
}

func abortConnection(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	server.made = func() { server.Write([]byte("hello")) }
	client.data = func([]byte) {
		client.AbortConnection()
		client.AbortConnection()
		client.LoseConnection()
		client.Write([]byte("too late"))
	}
	f.join(client, server)
	f.runUntilLost()
	server.has("")
	client.lostFor(reactor.ErrConnectionAborted)
	client.lostFor(reactor.ErrConnectionLost)
	if f.kind != overUNIX || f.memory != nil { // the system's UNIX sockets have no reset
		server.lostFor(reactor.ErrConnectionReset)
		server.lostFor(reactor.ErrConnectionLost)
	}
}

func abortDropsWritten(f *fixture) {
	size := tooMuch
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		client.Write(make([]byte, size))
		client.AbortConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	if n := server.got.Len(); n >= size {
		f.Errorf("the server got %d bytes", n)
	}
	client.lostFor(reactor.ErrConnectionAborted)
}

func methodsAfterLoss(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() { client.Write([]byte("bye")) }
	server.data = func([]byte) { server.AbortConnection() }
	all := func(p *probe) {
		p.Write([]byte("late"))
		p.Write(make([]byte, 1<<20))
		p.WriteSequence([]byte("late"))
		p.PauseProducing()
		p.ResumeProducing()
		p.LoseWriteConnection()
		p.LoseConnection()
		p.AbortConnection()
		p.StopProducing()
		p.UnregisterProducer()
		p.SetNoDelay(true)
		p.SetKeepAlive(true)
		if p.Host() == nil || p.Peer() == nil {
			f.Errorf("%s: Host %v, Peer %v", p.name, p.Host(), p.Peer())
		}
	}
	client.lost = func(error) { all(client) }
	server.lost = func(error) { all(server) }
	f.join(client, server)
	f.runUntilLost()
	all(client)
	all(server)
}

func pauseInDataReceived(f *fixture) {
	want := numbers(1 << 20)
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		client.Write([]byte(want))
		client.LoseConnection()
	}
	pauses, paused := 0, false
	server.data = func([]byte) {
		if paused {
			f.Error("DataReceived while paused")
		}
		if pauses++; pauses <= 20 {
			server.PauseProducing()
			paused = true
			f.CallLater(time.Millisecond, func() {
				paused = false
				server.ResumeProducing()
			})
		}
	}
	f.join(client, server)
	f.runUntilLost()
	server.has(want)
	server.lostFor(reactor.ErrConnectionDone)
}

func resumeInDataReceived(f *fixture) {
	want := numbers(1 << 20)
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		client.Write([]byte(want))
		client.LoseConnection()
	}
	receiving := false
	server.data = func([]byte) {
		if receiving {
			f.Error("DataReceived called from within DataReceived")
		}
		receiving = true
		server.PauseProducing()
		server.PauseProducing()
		server.ResumeProducing()
		server.ResumeProducing()
		receiving = false
	}
	f.join(client, server)
	f.runUntilLost()
	server.has(want)
	server.lostFor(reactor.ErrConnectionDone)
}

func pausedFromTheBeginning(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		client.Write([]byte("hello"))
		client.LoseConnection()
	}
	resumed := false
	server.made = func() {
		server.PauseProducing()
		f.CallLater(5*time.Millisecond, func() {
			resumed = true
			server.ResumeProducing()
		})
	}
	server.data = func([]byte) {
		if !resumed {
			f.Error("DataReceived while paused")
		}
	}
	f.join(client, server)
	f.runUntilLost()
	server.has("hello")
	server.lostFor(reactor.ErrConnectionDone)
}

func stopProducing(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		client.Write([]byte("bye"))
		client.StopProducing()
	}
	f.join(client, server)
	f.runUntilLost()
	server.has("bye")
	client.lostFor(reactor.ErrConnectionDone)
}

func switchProtocol(f *fixture) {
	client, server, upgraded := f.probe("client"), f.probe("server"), f.probe("upgraded")
	client.made = func() { client.Write([]byte("UPGRADE")) }
	client.data = func([]byte) {
		if client.got.String() == "OK" {
			client.Write([]byte("in the new way"))
		} else {
			client.LoseConnection()
		}
	}
	server.data = func([]byte) {
		upgraded.Transport = server.Transport
		if old := server.SwitchProtocol(upgraded); old != reactor.Protocol(server) {
			f.Errorf("the old protocol was %v", old)
		}
		server.reasons = append(server.reasons, nil) // its ConnectionLost is not called
		upgraded.wasMade = true
		server.Write([]byte("OK"))
	}
	upgraded.data = func([]byte) { upgraded.Write([]byte("!")) }
	f.join(client, server)
	f.runUntilLost()
	server.has("UPGRADE")
	upgraded.has("in the new way")
	client.has("OK!")
	upgraded.lostFor(reactor.ErrConnectionDone)
}

func reactorAndTLS(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	made := 0
	for _, p := range []*probe{client, server} {
		p.made = func() {
			if made++; made == 2 {
				client.LoseConnection()
			}
			called := false
			p.Reactor().CallLater(0, func() { called = true })
			f.CallLater(0, func() { // the same loop makes both calls, in order
				if !called {
					f.Errorf("%s: Reactor returned another reactor", p.name)
				}
			})
			if p.Reactor().Rand() != f.Rand() {
				f.Errorf("%s: Reactor has another source of randomness", p.name)
			}
			if state := p.TLS(); (state != nil) != (f.kind == overTLS) || state != nil && !state.HandshakeComplete {
				f.Errorf("%s: TLS returned %v", p.name, state)
			}
		}
	}
	f.join(client, server)
	f.runUntilLost()
}

func hostAndPeer(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	server.made = func() { server.LoseConnection() }
	var peer addr
	port := f.listen(reactor.FactoryFunc(func(p addr) reactor.Protocol {
		peer = p
		return server
	}))
	f.connect(port, build(client))
	f.runUntilLost()
	for _, same := range [][2]addr{
		{client.Peer(), port.Addr()}, {server.Host(), port.Addr()},
		{client.Host(), server.Peer()}, {server.Peer(), peer},
	} {
		if f.kind == overUNIX && f.memory == nil && same[0].String() == "@" {
			continue // a client's socket has no name
		}
		if a, b := same[0], same[1]; a.String() != b.String() || a.Network() != b.Network() {
			f.Errorf("%v %v and %v %v are not the same", a.Network(), a, b.Network(), b)
		}
	}
	if f.kind != overUNIX && client.Host().String() == client.Peer().String() {
		f.Errorf("both sides are at %v", client.Host())
	}
}

func socketOptions(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		for _, on := range []bool{true, false} {
			if err := client.SetNoDelay(on); err != nil {
				f.Errorf("SetNoDelay(%v): %v", on, err)
			}
			if err := client.SetKeepAlive(on); err != nil {
				f.Errorf("SetKeepAlive(%v): %v", on, err)
			}
		}
		client.Write([]byte("x"))
		client.LoseConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	if server.got.Len() != 1 || !bytes.Equal(server.got.Bytes(), []byte("x")) {
		f.Errorf("got %q", server.got.String())
	}
}
