package main

import (
	"errors"
	"log/slog"
	"net"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// A forwarder connects each client to the target.
type forwarder struct{ target endpoints.ClientEndpoint }

func (f *forwarder) BuildProtocol(net.Addr) reactor.Protocol { return &side{target: f.target} }

// A side is one of the two connections of a client: the client's own, or the one to the target. Each
// is the producer of the other, which pauses it while too much is unsent.
type side struct {
	target     endpoints.ClientEndpoint // nil for the connection to the target
	transport  reactor.Transport
	other      *side                     // nil unless both are connected
	connecting *deferred.Deferred[*side] // to the target; nil if nothing waits for it
}

// ConnectionMade makes a client wait for its connection to the target. Nothing is read until
// both are there.
func (s *side) ConnectionMade(t reactor.Transport) {
	s.transport = t
	t.PauseProducing()
	if s.target != nil {
		s.connecting = endpoints.ConnectProtocol(s.target, &side{})
		s.connecting.AddBoth(s.connected)
	}
}

// connected joins the client to its connection to the target.
func (s *side) connected(other *side, err error) (*side, error) {
	s.connecting = nil
	switch {
	case s.transport.Disconnecting(): // the client was lost, and has cancelled the attempt
	case err != nil:
		slog.Warn("a client is not forwarded", "client", s.transport.Peer(), "error", err)
		s.transport.LoseConnection()
	default:
		s.other, other.other = other, s
		s.transport.RegisterProducer(other.transport)
		other.transport.RegisterProducer(s.transport)
		s.transport.ResumeProducing()
		other.transport.ResumeProducing()
	}
	return nil, nil
}

func (s *side) DataReceived(data []byte) { s.other.transport.Write(data) }

// ReadConnectionLost forwards the end of one direction. The other direction goes on.
func (s *side) ReadConnectionLost() {
	s.other.transport.UnregisterProducer()
	s.other.transport.LoseWriteConnection()
}

func (s *side) WriteConnectionLost() {}

// ConnectionLost ends the other connection in the same way: in order, or by a reset, so that
// what is incomplete does not seem complete.
func (s *side) ConnectionLost(reason error) {
	if s.connecting != nil {
		s.connecting.Cancel()
	}
	if s.other == nil {
		return
	}
	t := s.other.transport
	s.other.other = nil
	t.UnregisterProducer()
	if errors.Is(reason, reactor.ErrConnectionDone) {
		t.LoseConnection()
	} else {
		t.AbortConnection()
	}
}
