package agent_test

import (
	"bytes"
	"net"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// newTunnelServer returns a factory for the protocols of a proxy that opens tunnels. All
// tunnels lead to 192.0.2.1, whatever the requested host.
func newTunnelServer(r reactor.Reactor) func(net.Addr) reactor.Protocol {
	return func(net.Addr) reactor.Protocol { return &tunnelServer{r: r} }
}

type tunnelServer struct {
	r         reactor.Reactor
	transport reactor.Transport
	head      []byte
}

func (s *tunnelServer) ConnectionMade(t reactor.Transport) { s.transport = t }
func (s *tunnelServer) ConnectionLost(error)               {}

func (s *tunnelServer) DataReceived(data []byte) {
	s.head = append(s.head, data...)
	if !bytes.HasSuffix(s.head, []byte("\r\n\r\n")) {
		return
	}
	far := &relay{to: s.transport}
	s.r.ConnectTCP("192.0.2.1:443", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return far }), reactor.ConnectConfig{}).
		AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
			s.transport.SwitchProtocol(&relay{to: far.from})
			s.transport.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
			return p, nil
		})
}

// A relay sends what it receives to another transport.
type relay struct{ from, to reactor.Transport }

func (r *relay) ConnectionMade(t reactor.Transport) { r.from = t }
func (r *relay) DataReceived(data []byte)           { r.to.Write(data) }
func (r *relay) ConnectionLost(error)               { r.to.LoseConnection() }
