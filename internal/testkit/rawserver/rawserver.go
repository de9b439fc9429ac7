// Package rawserver is a server for tests of the client: it records what it gets
// and says what it is told to, HTTP or not.
package rawserver

import (
	"net"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A Server takes the connections to some ports of every address of a reactor in
// memory.
type Server struct {
	// Conns are the connections so far, in the order they came.
	Conns []*Conn
	// Accept, if it is set, is told of each new one.
	Accept func(c *Conn)

	t testing.TB
	r *memory.Reactor
}

// Listen returns a Server on these ports of whatever host r is asked to connect
// to.
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

// Conn returns connection number i, from 0 on, and fails the test if there is
// none.
func (s *Server) Conn(i int) *Conn {
	s.t.Helper()
	if i >= len(s.Conns) {
		s.t.Fatalf("connection %d: there are %d", i, len(s.Conns))
	}
	return s.Conns[i]
}

// Open returns how many of the connections are open.
func (s *Server) Open() int {
	n := 0
	for _, c := range s.Conns {
		if c.Lost == nil {
			n++
		}
	}
	return n
}

// Respond has every connection answer the head of each request, as it comes,
// with response.
func (s *Server) Respond(response string) {
	s.Accept = func(c *Conn) {
		c.Data = func([]byte) { c.Write([]byte(response)) }
	}
}

// A Conn is the server's end of a connection.
type Conn struct {
	reactor.Transport
	Number int
	Lost   error             // why it was lost; nil while it is open
	Data   func(data []byte) // if it is set, is told of what comes

	server *Server
	got    []byte
}

// ConnectionMade notes the transport.
func (c *Conn) ConnectionMade(t reactor.Transport) {
	c.Transport = t
	if c.server.Accept != nil {
		c.server.Accept(c)
	}
}

// DataReceived records data.
func (c *Conn) DataReceived(data []byte) {
	c.got = append(c.got, data...)
	if c.Data != nil {
		c.Data(data)
	}
}

// ConnectionLost records reason.
func (c *Conn) ConnectionLost(reason error) { c.Lost = reason }

// Got returns what came since it was last called.
func (c *Conn) Got() string {
	got := string(c.got)
	c.got = nil
	return got
}

// Send sends text and lets everything happen that comes of it.
func (c *Conn) Send(text string) {
	c.Write([]byte(text))
	c.server.r.Pump()
}

// SendBytewise is Send one byte at a time.
func (c *Conn) SendBytewise(text string) {
	for i := range len(text) {
		c.Send(text[i : i+1])
	}
}

// Close closes the connection in order, and Abort by a reset.
func (c *Conn) Close() {
	c.LoseConnection()
	c.server.r.Pump()
}

// Abort closes the connection by a reset.
func (c *Conn) Abort() {
	c.AbortConnection()
	c.server.r.Pump()
}
