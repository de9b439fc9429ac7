package endpoints

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// UNIXClient is the endpoint of a socket in the file system. It is Twisted's
// UNIXClientEndpoint.
type UNIXClient struct {
	reactor reactor.UNIX
	path    string
	config  reactor.ConnectConfig
}

// NewUNIXClient returns the endpoint of the socket at path.
func NewUNIXClient(r reactor.UNIX, path string, config reactor.ConnectConfig) *UNIXClient {
	return &UNIXClient{r, path, config}
}

// Connect connects to the socket; see [reactor.UNIX].
func (c *UNIXClient) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return c.reactor.ConnectUNIX(c.path, factory, c.config)
}

// String returns a description for [ClientFromString], without the configuration.
func (c *UNIXClient) String() string { return describe("unix", c.path) }

// UNIXServer is the endpoint that listens on a socket in the file system. It is
// Twisted's UNIXServerEndpoint.
type UNIXServer struct {
	reactor reactor.UNIX
	path    string
}

// NewUNIXServer returns the endpoint that listens on a socket at path.
func NewUNIXServer(r reactor.UNIX, path string) *UNIXServer {
	return &UNIXServer{r, path}
}

// Listen listens on the socket; see [reactor.UNIX].
func (s *UNIXServer) Listen(factory reactor.Factory) *deferred.Deferred[reactor.Port] {
	return listening(s.reactor.ListenUNIX(s.path, factory))
}

// String returns a description for [ServerFromString].
func (s *UNIXServer) String() string { return describe("unix", s.path) }
