package endpoints

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// TCPClient is the endpoint of an IP address and port. It is Twisted's
// TCP4ClientEndpoint and TCP6ClientEndpoint. For host names, see [Hostname].
//
// The reactor's name resolver sees the address, as with a Hostname, and may refuse it.
type TCPClient struct {
	reactor reactor.Reactor
	address string
	config  reactor.ConnectConfig
}

// NewTCPClient returns the endpoint of address, an IP address and port
// ("[::1]:80").
func NewTCPClient(r reactor.Reactor, address string, config reactor.ConnectConfig) *TCPClient {
	return &TCPClient{r, address, config}
}

// Connect connects to the address; see [reactor.TCP].
func (c *TCPClient) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	at, err := netip.ParseAddrPort(c.address)
	if err != nil {
		return c.reactor.ConnectTCP(c.address, factory, c.config) // which says what is wrong
	}
	return NewHostname(c.reactor, at.Addr().String(), strconv.Itoa(int(at.Port())), HostnameConfig{
		Timeout:      c.config.Timeout,
		LocalAddress: c.config.LocalAddress,
	}).Connect(factory)
}

// String returns a description for [ClientFromString], without the configuration.
func (c *TCPClient) String() string {
	host, port, err := net.SplitHostPort(c.address)
	if err != nil {
		return describe("tcp", c.address)
	}
	return describe("tcp", host, port)
}

// TCPServer is the endpoint that listens on a TCP port. It is Twisted's
// TCP4ServerEndpoint and TCP6ServerEndpoint.
type TCPServer struct {
	reactor reactor.TCP
	address string
}

// NewTCPServer returns the endpoint that listens on address, as in [net.Listen]:
// ":80" is port 80 on all addresses of both families; port 0 lets the system choose
// one.
func NewTCPServer(r reactor.TCP, address string) *TCPServer {
	return &TCPServer{r, address}
}

// Listen listens on the address; see [reactor.TCP].
func (s *TCPServer) Listen(factory reactor.Factory) *deferred.Deferred[reactor.Port] {
	return listening(s.reactor.ListenTCP(s.address, factory))
}

// String returns a description for [ServerFromString].
func (s *TCPServer) String() string {
	host, port, err := net.SplitHostPort(s.address)
	switch {
	case err != nil:
		return describe("tcp", s.address)
	case host == "":
		return describe("tcp", port)
	}
	return describe("tcp", port) + ":interface=" + QuoteStringArgument(host)
}
