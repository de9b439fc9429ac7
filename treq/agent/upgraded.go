package agent

import (
	"context"
	"errors"
	"io"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/bridge"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file gives a connection that speaks another protocol now to a program above
// NewRoundTripper.

// An upgradedBody is a connection after a 101, or after a 2xx to CONNECT. It is the body of
// a net/http response, an io.ReadWriteCloser, as in net/http. Read, Write and Close may be
// called from any goroutine except the loop's; its other methods and its fields, except the
// first two, belong to the loop's goroutine.
type upgradedBody struct {
	threads   reactor.Threads
	pipe      *bridge.Pipe // the bytes that the server sends
	transport reactor.Transport
	paused    bool                              // too much is unsent
	room      *deferred.Deferred[deferred.None] // fires when more can be sent; nil unless a Write waits
	ended     error                             // why nothing more can be sent; nil before
}

// Read reads what the server sends. It returns io.EOF when the server has closed the
// connection in order.
func (b *upgradedBody) Read(p []byte) (int, error) { return b.pipe.Read(p) }

// Write sends p. It waits while too much is unsent.
func (b *upgradedBody) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		piece := p[n:min(len(p), n+bytesAtOnce)]
		_, err = reactor.BlockingCallFromThread(context.Background(), b.threads, func() *deferred.Deferred[deferred.None] {
			return b.send(piece)
		})
		if err == nil {
			n += len(piece)
		}
	}
	return n, err
}

// Close closes the connection when everything written is sent.
func (b *upgradedBody) Close() error { return b.pipe.Close() }

// send sends piece. The Deferred fires when more can be sent.
func (b *upgradedBody) send(piece []byte) *deferred.Deferred[deferred.None] {
	if b.ended != nil {
		return deferred.Fail[deferred.None](b.ended)
	}
	b.transport.Write(piece)
	switch {
	case b.ended != nil: // Write stopped b, its producer
		return deferred.Fail[deferred.None](b.ended)
	case !b.paused:
		return deferred.Succeed(deferred.None{})
	case b.room == nil:
		b.room = deferred.New[deferred.None]()
	}
	waits := deferred.New[deferred.None]()
	b.room.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		waits.Resolve(deferred.None{}, err)
		return deferred.None{}, nil
	})
	return waits
}

// end ends the sending because of err.
func (b *upgradedBody) end(err error) {
	if b.ended != nil {
		return
	}
	b.ended = err
	if b.room != nil {
		b.room.Errback(err)
		b.room = nil
	}
}

// An upgradedProtocol is the protocol of the connection.
type upgradedProtocol upgradedBody

func (p *upgradedProtocol) ConnectionMade(t reactor.Transport) {
	p.transport = t
	p.pipe = bridge.NewPipe(p.threads, (*upgradedSource)(p))
	t.RegisterProducer((*upgradedSender)(p))
}

func (p *upgradedProtocol) DataReceived(data []byte) { p.pipe.Write(data) }

func (p *upgradedProtocol) ConnectionLost(reason error) {
	(*upgradedBody)(p).end(reason)
	if errors.Is(reason, reactor.ErrConnectionDone) {
		reason = io.EOF
	}
	p.pipe.End(reason)
}

// An upgradedSource steers what the connection receives.
type upgradedSource upgradedBody

func (s *upgradedSource) PauseProducing()  { s.transport.PauseProducing() }
func (s *upgradedSource) ResumeProducing() { s.transport.ResumeProducing() }

// StopProducing closes the connection: the program has closed the body.
func (s *upgradedSource) StopProducing() {
	s.transport.UnregisterProducer()
	(*upgradedBody)(s).end(io.ErrClosedPipe)
	s.transport.LoseConnection()
}

// An upgradedSender is the producer of what is sent on the connection.
type upgradedSender upgradedBody

func (s *upgradedSender) PauseProducing() { s.paused = true }

func (s *upgradedSender) ResumeProducing() {
	s.paused = false
	if room := s.room; room != nil {
		s.room = nil
		room.Callback(deferred.None{})
	}
}

// StopProducing is called when the connection's sending fails.
func (s *upgradedSender) StopProducing() { (*upgradedBody)(s).end(reactor.ErrConnectionLost) }
