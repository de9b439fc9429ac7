package endpoints

import (
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// TCPClient is the endpoint of an IP address and port. It is Twisted's
// TCP4ClientEndpoint and TCP6ClientEndpoint; for names there is [Hostname].
type TCPClient struct {
	reactor reactor.TCP
	address string
	// Timeout bounds the attempt: 0 means [reactor.DefaultConnectTimeout],
	// negative none.
	Timeout time.Duration
	// LocalAddress is the IP address and port to connect from, where "" and port
	// 0 leave the choice to the system. It is Twisted's bindAddress.
	LocalAddress string
}

// NewTCPClient returns the endpoint of address, an IP address and port
// ("[::1]:80").
func NewTCPClient(r reactor.TCP, address string) *TCPClient {
	return &TCPClient{reactor: r, address: address}
}

// Connect connects there; see [reactor.TCP].
func (c *TCPClient) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return c.reactor.ConnectTCP(c.address, factory, reactor.ConnectOptions{
		Timeout:      c.Timeout,
		LocalAddress: c.LocalAddress,
	})
}

// String returns a description that [ClientFromString] takes, but for the
// options.
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

// NewTCPServer returns the endpoint that listens on address, as in
// [net.Listen]: ":80" is port 80 of all the machine's addresses, of both
// families, and "127.0.0.1:0" one that the system chooses.
func NewTCPServer(r reactor.TCP, address string) *TCPServer {
	return &TCPServer{r, address}
}

// Listen listens there; see [reactor.TCP].
func (s *TCPServer) Listen(factory reactor.Factory) *deferred.Deferred[reactor.Port] {
	return listening(s.reactor.ListenTCP(s.address, factory))
}

// String returns a description that [ServerFromString] takes.
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
