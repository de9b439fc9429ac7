package endpoints

import (
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// UNIXClient is the endpoint of a socket in the file system. It is Twisted's
// UNIXClientEndpoint.
type UNIXClient struct {
	reactor reactor.UNIX
	path    string
	// Timeout bounds the attempt: 0 means [reactor.DefaultConnectTimeout],
	// negative none.
	Timeout time.Duration
}

// NewUNIXClient returns the endpoint of the socket at path.
func NewUNIXClient(r reactor.UNIX, path string) *UNIXClient {
	return &UNIXClient{reactor: r, path: path}
}

// Connect connects there; see [reactor.UNIX].
func (c *UNIXClient) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return c.reactor.ConnectUNIX(c.path, factory, reactor.ConnectOptions{Timeout: c.Timeout})
}

// String returns a description that [ClientFromString] takes, but for the
// options.
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

// Listen listens there; see [reactor.UNIX].
func (s *UNIXServer) Listen(factory reactor.Factory) *deferred.Deferred[reactor.Port] {
	return listening(s.reactor.ListenUNIX(s.path, factory))
}

// String returns a description that [ServerFromString] takes.
func (s *UNIXServer) String() string { return describe("unix", s.path) }
