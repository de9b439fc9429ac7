package reactor_test

import (
	"encoding/binary"

	"github.com/seed-7c003b53/gotreq/internal/duplex"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file runs the suite over the Transport of package duplex, which must behave like any other. Its stream is not one of
// HTTP/2, but alone on a connection that has the same means: data, a window, an end and a reset.

// A lane is one end of a stream, and the carrier of a duplex.Transport.
type lane struct {
	below    reactor.Transport
	t        *duplex.Transport
	protocol reactor.Protocol // above t

	in      []byte // a part of a frame
	window  int    // what the peer takes
	blocked bool   // below takes no more
	waits   bool   // Wait was called
	sentEnd bool
	gotEnd  bool
	over    bool // a reset was sent or received
}

const laneWindow = 64 << 10

// The frames are a letter, a length of four bytes, and as many bytes.
const (
	laneData  = 'd'
	laneEnd   = 'e'
	laneReset = 'r'
	laneMore  = 'w' // of the window; its bytes are the number
)

func laneFactory(factory reactor.Factory) reactor.Factory {
	return reactor.FactoryFunc(func(peer addr) reactor.Protocol {
		p := factory.BuildProtocol(peer)
		if p == nil {
			return nil
		}
		return &lane{protocol: p, window: laneWindow}
	})
}

func (l *lane) ConnectionMade(below reactor.Transport) {
	l.below = below
	below.RegisterProducer(l)
	l.t = duplex.New(l)
	l.t.SwitchProtocol(l.protocol)
	l.protocol.ConnectionMade(l.t)
}

func (l *lane) DataReceived(data []byte) {
	l.in = append(l.in, data...)
	for len(l.in) >= 5 {
		kind, n := l.in[0], int(binary.BigEndian.Uint32(l.in[1:]))
		if len(l.in) < 5+n {
			return
		}
		payload := l.in[5 : 5+n]
		l.in = l.in[5+n:]
		if !l.over {
			l.frame(kind, payload)
		}
	}
}

func (l *lane) frame(kind byte, payload []byte) {
	switch kind {
	case laneData:
		l.t.Received(payload)
	case laneEnd:
		l.gotEnd = true
		l.t.ReceivedEnd()
		l.closeIfOver()
	case laneReset:
		l.over = true
		l.t.Lost(&wire.StreamError{Stream: 1, Code: wire.Code(binary.BigEndian.Uint32(payload)), Remote: true})
		l.close()
	case laneMore:
		l.window += int(binary.BigEndian.Uint32(payload))
		l.wake()
	}
}

func (l *lane) wake() {
	if l.waits && l.Room() > 0 {
		l.waits = false
		l.t.Sendable()
	}
}

func (l *lane) send(kind byte, payload []byte) {
	l.below.WriteSequence(append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(len(payload)))...), payload)
}

func (l *lane) closeIfOver() {
	if l.sentEnd && l.gotEnd {
		l.close()
	}
}

func (l *lane) close() {
	l.below.UnregisterProducer()
	l.below.LoseConnection()
}

func (l *lane) ConnectionLost(reason error) {
	if !l.over && !(l.sentEnd && l.gotEnd) {
		l.t.Lost(reason)
	}
}

func (l *lane) PauseProducing() { l.blocked = true }
func (l *lane) ResumeProducing() {
	l.blocked = false
	l.wake()
}
func (l *lane) StopProducing() {}

// The lane as the carrier of its Transport.

func (l *lane) Room() int {
	if l.blocked {
		return 0
	}
	return l.window
}

func (l *lane) Send(p []byte, end bool) {
	if len(p) != 0 {
		l.window -= len(p)
		l.send(laneData, p)
	}
	if end {
		l.sentEnd = true
		l.send(laneEnd, nil)
		l.closeIfOver()
	}
}

func (l *lane) Wait() { l.waits = true }

func (l *lane) Consumed(n int) {
	if !l.over {
		l.send(laneMore, binary.BigEndian.AppendUint32(nil, uint32(n)))
	}
}

// Reset leaves the connection to the peer: closing it now could destroy the frame on its way.
func (l *lane) Reset(code wire.Code) {
	if l.over || l.sentEnd && l.gotEnd {
		return
	}
	l.over = true
	l.send(laneReset, binary.BigEndian.AppendUint32(nil, uint32(code)))
	l.below.UnregisterProducer()
}

func (l *lane) Connection() reactor.Transport { return l.below }
