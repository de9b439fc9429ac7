package memory

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Client is a call of ConnectTCP or ConnectUNIX.
type Client struct {
	Address string // IP address and port, or path
	Factory reactor.Factory
	reactor.ConnectConfig
}

// A Server is a call of ListenTCP or ListenUNIX.
type Server struct {
	Address string // as given to ListenTCP, or path
	Factory reactor.Factory
}

// ConnectTCP connects to address and records it in TCPClients; see [reactor.TCP].
func (r *Reactor) ConnectTCP(address string, factory reactor.Factory, config reactor.ConnectConfig) *deferred.Deferred[reactor.Protocol] {
	d := r.Loop.ConnectTCP(address, factory, config)
	r.TCPClients = append(r.TCPClients, Client{address, factory, config})
	return d
}

// ListenTCP listens on address and records it in TCPServers; see [reactor.TCP]. Port 0
// chooses the next free port, from 49152.
func (r *Reactor) ListenTCP(address string, factory reactor.Factory) (reactor.Port, error) {
	port, err := r.Loop.ListenTCP(address, factory)
	r.TCPServers = append(r.TCPServers, Server{address, factory})
	return port, err
}

// ConnectUNIX connects to path and records it in UNIXClients; see [reactor.UNIX].
func (r *Reactor) ConnectUNIX(path string, factory reactor.Factory, config reactor.ConnectConfig) *deferred.Deferred[reactor.Protocol] {
	d := r.Loop.ConnectUNIX(path, factory, config)
	r.UNIXClients = append(r.UNIXClients, Client{path, factory, config})
	return d
}

// ListenUNIX listens on path, without making a file, and records it in UNIXServers; see
// [reactor.UNIX].
func (r *Reactor) ListenUNIX(path string, factory reactor.Factory) (reactor.Port, error) {
	port, err := r.Loop.ListenUNIX(path, factory)
	r.UNIXServers = append(r.UNIXServers, Server{path, factory})
	return port, err
}
