package reactor_test

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/duplex"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file runs the suite over the Transport of package duplex, which must behave like any other: over the only stream of a
// connection of HTTP/2, which CONNECT opens.

// A machine is what http2's Client and Server have in common.
type machine interface {
	Next(in []byte) (n int, ev http2.Event, err error)
	Data() []byte
	StreamError() *wire.StreamError
	Output() []byte
	Consumed(s *http2.Stream, n int)
	Room(s *http2.Stream) int
	WriteData(s *http2.Stream, p []byte, end bool)
	Wait(s *http2.Stream)
	Turn() (*http2.Stream, int)
	Reset(s *http2.Stream, code wire.Code)
	Streams() int
}

// A lane is one end of the connection, and the carrier of a duplex.Transport.
type lane struct {
	machine
	client   *http2.Client // nil at the server
	server   *http2.Server // nil at the client
	below    reactor.Transport
	stream   http2.Stream
	protocol reactor.Protocol  // above the Transport
	t        *duplex.Transport // nil before the stream is open
	blocked  bool              // below takes no more
	reset    bool              // we have reset the stream
}

func laneFactory(factory reactor.Factory, isClient bool) reactor.Factory {
	return reactor.FactoryFunc(func(peer addr) reactor.Protocol {
		p := factory.BuildProtocol(peer)
		if p == nil {
			return nil
		}
		if isClient {
			c := &http2.Client{}
			return &lane{machine: c, client: c, protocol: p}
		}
		s := &http2.Server{}
		return &lane{machine: s, server: s, protocol: p}
	})
}

func (l *lane) ConnectionMade(below reactor.Transport) {
	l.below = below
	below.RegisterProducer(l)
	config := http2.Config{StreamWindow: 64 << 10}
	if l.server != nil {
		l.server.Init(config)
		l.write()
		return
	}
	l.client.Init(config)
	if err := l.client.Open(&l.stream, &http2.RequestHead{Method: "CONNECT", Authority: "a:1", Length: -1}, false); err != nil {
		panic(err)
	}
	l.write()
	l.open() // as if the answer were certain
}

func (l *lane) open() {
	l.t = duplex.New(l)
	l.t.SwitchProtocol(l.protocol)
	l.protocol.ConnectionMade(l.t)
}

func (l *lane) DataReceived(data []byte) {
	for {
		n, ev, err := l.Next(data)
		data = data[n:]
		if err != nil {
			panic(err)
		}
		switch ev {
		case http2.NeedMore:
			l.turns()
			l.write()
			l.closeIfOver()
			return
		case http2.Head:
			if l.server != nil {
				l.server.Accept(&l.stream)
				if err := l.server.Respond(&l.stream, &http2.ResponseHead{Code: 200, Length: -1, Header: http.Header{}}, false); err != nil {
					panic(err)
				}
				l.open()
			}
		case http2.Data:
			l.t.Received(l.Data())
		case http2.End:
			l.t.ReceivedEnd()
		case http2.Reset:
			l.t.Lost(l.StreamError())
		}
	}
}

// turns lets the stream send.
func (l *lane) turns() {
	for !l.blocked {
		s, n := l.Turn()
		if s == nil {
			return
		}
		l.t.Sendable(n)
	}
}

func (l *lane) write() { l.below.Write(l.Output()) }

// closeIfOver ends our side of the connection after its stream. Closing the socket at once would reset it if the peer
// still sends, for example an update of a window, and the peer would lose what it has not read. After our own reset, the
// peer is the first.
func (l *lane) closeIfOver() {
	if l.t != nil && l.stream.Closed() && !l.reset {
		l.below.UnregisterProducer()
		l.below.LoseWriteConnection()
	}
}

// ReadConnectionLost closes the connection: the peer sends no more.
func (l *lane) ReadConnectionLost() {
	l.below.UnregisterProducer()
	l.below.LoseConnection()
}

func (l *lane) WriteConnectionLost() {}

func (l *lane) ConnectionLost(reason error) {
	switch {
	case l.t == nil: // the server never learned of the stream
		l.protocol.ConnectionMade(l.below)
		l.protocol.ConnectionLost(reason)
	case !l.stream.Closed():
		l.t.Lost(reason)
	}
}

func (l *lane) PauseProducing() { l.blocked = true }
func (l *lane) ResumeProducing() {
	l.blocked = false
	l.turns()
	l.write()
	l.closeIfOver()
}
func (l *lane) StopProducing() {}

// The lane as the carrier of its Transport.

func (l *lane) Room() int {
	if l.blocked {
		return 0
	}
	return l.machine.Room(&l.stream)
}

func (l *lane) Send(p []byte, end bool) {
	l.WriteData(&l.stream, p, end)
	l.write()
	l.closeIfOver()
}

func (l *lane) Wait() { l.machine.Wait(&l.stream) }

func (l *lane) Consumed(n int) {
	l.machine.Consumed(&l.stream, n)
	l.write()
}

func (l *lane) Reset(code wire.Code) {
	if !l.stream.Closed() {
		l.reset = true
		l.machine.Reset(&l.stream, code)
		l.write()
		l.below.UnregisterProducer()
	}
}

func (l *lane) Connection() reactor.Transport { return l.below }
