// Package rawserver is a server in memory for tests of the client. It records the bytes
// that it gets, and sends those that the test tells it to, HTTP or not.
package rawserver

import (
	"net"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A Server accepts the connections to some ports of every host.
type Server struct {
	Conns  []*Conn       // every connection, in the order of their arrival
	Accept func(c *Conn) // if set, is called with each new connection

	t testing.TB
	r *memory.Reactor
}

// Listen returns a Server on ports of every host that r connects to.
func Listen(t testing.TB, r *memory.Reactor, ports ...string) *Server {
	t.Helper()
	s := &Server{t: t, r: r}
	r.AddHost("*", "192.0.2.1")
	for _, port := range ports {
		if _, err := r.ListenTCP(":"+port, s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// BuildProtocol returns a new Conn.
func (s *Server) BuildProtocol(net.Addr) reactor.Protocol {
	c := &Conn{server: s, Number: len(s.Conns)}
	s.Conns = append(s.Conns, c)
	return c
}

// Conn returns connection number i, the first being 0. It fails the test if there is no
// such connection.
func (s *Server) Conn(i int) *Conn {
	s.t.Helper()
	if i >= len(s.Conns) {
		s.t.Fatalf("connection %d: there are %d", i, len(s.Conns))
	}
	return s.Conns[i]
}

// Open returns the number of open connections.
func (s *Server) Open() int {
	n := 0
	for _, c := range s.Conns {
		if c.Lost == nil {
			n++
		}
	}
	return n
}

// WantNothingLeft fails the test if a connection is open, or if the reactor has delayed
// calls.
func (s *Server) WantNothingLeft() {
	s.t.Helper()
	for _, c := range s.Conns {
		if c.Lost == nil {
			s.t.Errorf("connection %d was left open", c.Number)
		}
	}
	if n := len(s.r.DelayedCalls()); n != 0 {
		s.t.Errorf("%d delayed calls were left", n)
	}
}

// Respond makes every new connection answer each piece of data with response.
func (s *Server) Respond(response string) {
	s.Accept = func(c *Conn) {
		c.Data = func([]byte) { c.Write([]byte(response)) }
	}
}

// A Conn is the server's end of a connection.
type Conn struct {
	reactor.Transport
	Number int
	Lost   error             // the reason of its loss; nil while it is open
	Data   func(data []byte) // if set, is called with the data that comes

	server *Server
	got    []byte
}

// ConnectionMade keeps t, and calls Accept.
func (c *Conn) ConnectionMade(t reactor.Transport) {
	c.Transport = t
	if c.server.Accept != nil {
		c.server.Accept(c)
	}
}

// DataReceived keeps data, and calls Data.
func (c *Conn) DataReceived(data []byte) {
	c.got = append(c.got, data...)
	if c.Data != nil {
		c.Data(data)
	}
}

// ConnectionLost keeps reason.
func (c *Conn) ConnectionLost(reason error) { c.Lost = reason }

// Got returns the data since the last call.
func (c *Conn) Got() string {
	got := string(c.got)
	c.got = nil
	return got
}

// Send sends text, and runs the reactor until nothing is left to do at this time.
func (c *Conn) Send(text string) {
	c.Write([]byte(text))
	c.server.r.Pump()
}

// SendBytewise is Send for each byte of text.
func (c *Conn) SendBytewise(text string) {
	for i := range len(text) {
		c.Send(text[i : i+1])
	}
}

// Close closes the connection in order.
func (c *Conn) Close() {
	c.LoseConnection()
	c.server.r.Pump()
}

// Abort resets the connection.
func (c *Conn) Abort() {
	c.AbortConnection()
	c.server.r.Pump()
}
