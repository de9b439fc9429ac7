package memory

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file joins two protocols, for tests of protocols.

// An IOPump joins two protocols by a connection in memory. What one side writes reaches the
// other one only when the test calls [IOPump.Pump] or [IOPump.Flush]. It is for tests of a
// protocol, and is the IOPump of Twisted's iosim, over the transports of a [Reactor]:
// producers, half close and TLS are real.
//
//	pump := memory.IOPump{PieceSize: 1} // the protocols get one byte at a time
//	pump.Connect(server, client)
//	pump.Flush()
//
// The zero value is ready for [IOPump.Connect]. A test sets the fields before, and may change
// PieceSize and Debug later. To play one side, a test writes to its transport: ClientIO().Write
// sends to the server. LoseConnection and AbortConnection of a transport end the connection from
// that side, in order or by a reset, with the next step.
type IOPump struct {
	// Reactor has the connection and the clock. If it is nil, Connect makes one.
	Reactor *Reactor
	// PieceSize bounds the bytes that a protocol receives at a time: 1 splits both streams at
	// every byte. 0 means no bound.
	PieceSize int
	// CutsToServer and CutsToClient are positions in the stream to the server and to the
	// client, in any order. Bytes on both sides of a position never arrive in one piece. With
	// TLS, PieceSize and cuts are those of the encrypted streams.
	CutsToServer, CutsToClient []int
	// ServerTLS and ClientTLS turn on TLS. Both are nil, or none.
	ServerTLS, ClientTLS *tls.Config
	// Debug, unless nil, receives a text of what each step moves.
	Debug io.Writer

	server, client reactor.Transport
	toServer       *gate   // nil before Connect
	toClient       *gate   // nil before Connect
	waiting        []*pipe // one for each packet to be moved, in the order in which they were sent
	reads          int     // number of pieces and ends that were received
	steps          int     // number of steps that moved something
}

// A gate keeps the packets of a pipe until the pump moves them, and cuts what the reader
// receives.
type gate struct {
	pump *IOPump
	cuts []int // sorted
	read int   // number of bytes that were received
}

// maxSteps bounds the steps of Flush.
const maxSteps = 10_000

// ConnectedServerAndClient joins server and client by an [IOPump], and flushes it. The
// greeting of a server has then arrived, and been answered. It is Twisted's
// connectedServerAndClient.
func ConnectedServerAndClient(server, client reactor.Protocol) *IOPump {
	p := new(IOPump)
	p.Connect(server, client)
	p.Flush()
	return p
}

// Connect joins server and client. It calls ConnectionMade of both, first the server's, and
// moves nothing that they write. With TLS it moves the handshake; with TLS 1.3, this ends first
// for the client, whose ConnectionMade then comes first.
//
// Connect panics if the pump is connected, and if a TLS handshake fails.
func (p *IOPump) Connect(server, client reactor.Protocol) {
	switch {
	case server == nil || client == nil:
		panic("memory: IOPump.Connect without a server or a client")
	case p.toServer != nil:
		panic("memory: IOPump.Connect of a pump that is connected")
	case (p.ServerTLS == nil) != (p.ClientTLS == nil):
		panic("memory: IOPump needs both ServerTLS and ClientTLS, or none")
	case p.PieceSize < 0:
		panic("memory: IOPump with a negative PieceSize")
	}
	if p.Reactor == nil {
		p.Reactor = New()
	}
	p.toServer = &gate{pump: p, cuts: slices.Sorted(slices.Values(p.CutsToServer))}
	p.toClient = &gate{pump: p, cuts: slices.Sorted(slices.Values(p.CutsToClient))}
	failure := p.connect(pumped(server, &p.server), pumped(client, &p.client))
	for p.server == nil || p.client == nil {
		switch {
		case p.Pump():
		case *failure != nil:
			panic(fmt.Sprintf("memory: IOPump.Connect: the two sides did not connect: %v", *failure))
		case p.client != nil:
			panic("memory: IOPump.Connect: the two sides did not connect: the client ended the connection before the server's handshake was complete")
		default:
			panic("memory: IOPump.Connect: the two sides did not connect: nothing is left to move, and the attempt goes on")
		}
	}
}

// connect begins to connect. *failure is the error of the client's attempt, if it has failed.
func (p *IOPump) connect(server, client reactor.Factory) (failure *error) {
	loop := p.Reactor.Loop
	if p.ServerTLS != nil {
		server = reactor.TLSServer(loop, reactor.TLSConfig{Config: p.ServerTLS}, server)
	}
	port, err := loop.ListenTCP("192.0.2.1:0", server)
	if err != nil {
		return &err
	}
	l := p.Reactor.net.listenerAt(place{ip: port.Addr().(*net.TCPAddr).AddrPort()})
	accept := l.accept
	l.accept = func(s reactor.Socket, err error) {
		if err == nil {
			end := s.(*socket)
			end.in.gate, end.out.gate = p.toServer, p.toClient
		}
		accept(s, err)
	}
	connect := func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
		return loop.ConnectTCP(port.Addr().String(), f, reactor.ConnectConfig{})
	}
	var d *deferred.Deferred[reactor.Protocol]
	if p.ClientTLS != nil {
		d = reactor.TLSClient(loop, reactor.TLSConfig{Config: p.ClientTLS}, client).Connect(connect)
	} else {
		d = connect(client)
	}
	failure = new(error)
	d.AddErrback(func(err error) (reactor.Protocol, error) {
		*failure = err
		return nil, nil
	})
	p.Reactor.Pump()
	port.StopListening()
	return failure
}

// pumped returns a factory of protocol, which stores the transport in *io.
func pumped(protocol reactor.Protocol, io *reactor.Transport) reactor.Factory {
	return reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &pumpedProtocol{protocol, io} })
}

// A pumpedProtocol stores its transport, and leaves the connection to the protocol.
type pumpedProtocol struct {
	reactor.Protocol
	io *reactor.Transport
}

func (p *pumpedProtocol) ConnectionMade(t reactor.Transport) {
	*p.io = t
	t.SwitchProtocol(p.Protocol)
	p.Protocol.ConnectionMade(t)
}

// Pump makes one step: it moves to each side what the other side has written so far, and
// reports whether anything was moved. What the two sides then write waits for the next step.
// Calls of the reactor that are due are made too.
func (p *IOPump) Pump() (moved bool) {
	p.check("Pump")
	before := p.reads
	p.Reactor.Pump() // collects what the test has written
	batch := p.waiting
	p.waiting = nil
	if len(batch) != 0 {
		p.print(batch)
		for _, b := range batch {
			p.Reactor.net.travel(b.writer.from, b.writer.to, b)
		}
		p.Reactor.Pump()
	}
	return len(batch) != 0 || p.reads != before
}

// Flush makes steps until nothing is left to move, and reports whether anything was moved.
// It panics after 10000 steps, because two protocols that answer each other for ever need
// more than any number.
func (p *IOPump) Flush() (moved bool) {
	p.check("Flush")
	for range maxSteps {
		if !p.Pump() {
			return moved
		}
		moved = true
	}
	toServer, toClient := p.next(p.waiting)
	panic(fmt.Sprintf("memory: IOPump.Flush does not end: after %d steps there is more to move, to the server %s, to the client %s",
		maxSteps, cmp.Or(toServer, "nothing"), cmp.Or(toClient, "nothing")))
}

// Advance moves the clock by d in one step, makes the calls that are due, and flushes.
func (p *IOPump) Advance(d time.Duration) {
	p.check("Advance")
	p.Reactor.Advance(d)
	p.Flush()
}

// check panics if p is not connected.
func (p *IOPump) check(method string) {
	if p.toServer == nil {
		panic("memory: IOPump." + method + " before Connect")
	}
}

// print writes what batch moves to Debug.
func (p *IOPump) print(batch []*pipe) {
	if p.Debug == nil {
		return
	}
	p.steps++
	toServer, toClient := p.next(batch)
	fmt.Fprintf(p.Debug, "step %d\n", p.steps)
	for _, line := range []struct{ sender, text string }{{"C", toServer}, {"S", toClient}} {
		if line.text != "" {
			fmt.Fprintf(p.Debug, "  %s: %s\n", line.sender, line.text)
		}
	}
}

// next describes the packets of batch, in both directions.
func (p *IOPump) next(batch []*pipe) (toServer, toClient string) {
	packets := map[*gate]int{}
	for _, b := range batch {
		packets[b.gate]++
	}
	describe := func(g *gate) string {
		for _, b := range batch {
			if b.gate == g {
				return b.describe(packets[g])
			}
		}
		return ""
	}
	return describe(p.toServer), describe(p.toClient)
}

// describe describes the last n packets on their way.
func (p *pipe) describe(n int) string {
	const limit = 1000
	size, end := 0, ""
	for _, k := range p.flight[len(p.flight)-n:] {
		size += k.bytes
		switch {
		case k.end == io.EOF:
			end = "end"
		case k.end != nil:
			end = "reset"
		}
	}
	if size == 0 {
		return end
	}
	data := p.buf.Bytes()[p.buf.Len()-size:]
	text := strconv.Quote(string(data[:min(size, limit)]))
	if size > limit {
		text += fmt.Sprintf(" and %d bytes more", size-limit)
	}
	if end != "" {
		text += ", " + end
	}
	return text
}

// keep keeps a packet of p, which p has queued.
func (g *gate) keep(p *pipe) { g.pump.waiting = append(g.pump.waiting, p) }

// cut returns how many of the n bytes that have arrived the reader gets at once.
func (g *gate) cut(n int) int {
	if size := g.pump.PieceSize; size > 0 {
		n = min(n, size)
	}
	for len(g.cuts) != 0 && g.cuts[0] <= g.read {
		g.cuts = g.cuts[1:]
	}
	if len(g.cuts) != 0 {
		n = min(n, g.cuts[0]-g.read)
	}
	g.read += n
	g.pump.reads++
	return n
}

// ServerIO returns the server's transport. What a test writes to it reaches the client with the
// next step.
func (p *IOPump) ServerIO() reactor.Transport { return p.server }

// ClientIO returns the client's transport. What a test writes to it reaches the server with the
// next step.
func (p *IOPump) ClientIO() reactor.Transport { return p.client }
