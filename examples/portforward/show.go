package main

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// show forwards the connection of a client to an echo server, and prints the traffic. Its
// Deferred fires when the client is done.
func show(r reactor.Reactor, w io.Writer) *deferred.Deferred[deferred.None] {
	return deferred.Go(func(co *deferred.Co) (none deferred.None, err error) {
		echo, err := r.ListenTCP("127.0.0.1:0", reactor.FactoryFunc(newEcho))
		if err != nil {
			return none, err
		}
		port, err := deferred.Await(co, forward(r, "tcp:0:interface=127.0.0.1", description(echo), 10, w))
		if err != nil {
			return none, err
		}
		fmt.Fprintln(w, "forwarding", port.Addr(), "to", echo.Addr())
		endpoint, err := endpoints.ClientFromString(r, description(port))
		if err != nil {
			return none, err
		}
		c, err := deferred.Await(co, endpoints.ConnectProtocol(endpoint, &caller{done: deferred.New[string]()}))
		if err != nil {
			return none, err
		}
		answer, err := deferred.Await(co, c.done)
		fmt.Fprintf(w, "the client received %q\n", answer)
		return none, err
	})
}

// description returns the description of a port of 127.0.0.1.
func description(p reactor.Port) string { return "tcp:" + p.Addr().String() }

// An echo sends back what it receives.
type echo struct{ transport reactor.Transport }

func newEcho(net.Addr) reactor.Protocol { return &echo{} }

func (e *echo) ConnectionMade(t reactor.Transport) { e.transport = t }
func (e *echo) DataReceived(data []byte)           { e.transport.Write(data) }
func (e *echo) ConnectionLost(error)               {}

// A caller sends a line, ends its direction, and receives until the end.
type caller struct {
	received strings.Builder
	done     *deferred.Deferred[string] // fires with what was received
}

func (c *caller) ConnectionMade(t reactor.Transport) {
	t.Write([]byte("hello, is anybody there?\r\n"))
	t.LoseWriteConnection()
}

func (c *caller) DataReceived(data []byte)    { c.received.Write(data) }
func (c *caller) ConnectionLost(reason error) { c.done.Callback(c.received.String()) }
