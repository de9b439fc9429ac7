package agent_test

import (
	"net"
	"net/http"
	"strconv"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// priorKnowledge makes an agent speak HTTP/2 to http URLs.
func priorKnowledge() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// An http2World is an agent that speaks HTTP/2, and a server for whose connections the test
// decides. At the end of the test no connection, stream or delayed call may be left.
type http2World struct {
	t      *testing.T
	r      *memory.Reactor
	pool   *agent.Pool
	agent  *agent.Agent
	config http2.Config       // of new connections of the server
	accept func(c *http2Conn) // is called with each new connection; or nil
	answer func(s *http2Served)
	conns  []*http2Conn
}

func newHTTP2World(t *testing.T, config agent.PoolConfig) *http2World {
	t.Helper()
	r := memory.New()
	w := &http2World{t: t, r: r, pool: agent.NewPool(r, config)}
	w.use(agent.Config{})
	r.AddHost("*", "192.0.2.1")
	for _, port := range []string{"80", "8080"} {
		if _, err := r.ListenTCP(":"+port, w); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(w.end)
	return w
}

// use gives w an agent with config.
func (w *http2World) use(config agent.Config) {
	config.Pool, config.Protocols = w.pool, priorKnowledge()
	w.agent = agent.New(w.r, config)
}

func (w *http2World) end() {
	w.t.Helper()
	w.pool.CloseCachedConnections()
	w.r.Pump()
	for i, c := range w.conns {
		if c.lost == nil {
			w.t.Errorf("connection %d was left open with %d streams", i, c.machine.Streams())
		}
	}
	if calls := w.r.DelayedCalls(); len(calls) != 0 {
		w.t.Errorf("these delayed calls were left: %v", calls)
	}
	if n := w.pool.Hosts(); n != 0 {
		w.t.Errorf("the pool still has %d groups without a connection", n)
	}
}

// BuildProtocol accepts a connection.
func (w *http2World) BuildProtocol(net.Addr) reactor.Protocol {
	c := &http2Conn{w: w}
	w.conns = append(w.conns, c)
	return c
}

func (w *http2World) conn(i int) *http2Conn {
	w.t.Helper()
	if i >= len(w.conns) {
		w.t.Fatalf("connection %d: there are %d", i, len(w.conns))
	}
	return w.conns[i]
}

// send sends req and runs the reactor until it is idle.
func (w *http2World) send(req *request.Request) *deferred.Deferred[*response.Response] {
	d := w.agent.Request(req)
	w.r.Pump()
	return d
}

func (w *http2World) get(path string) *deferred.Deferred[*response.Response] {
	return w.send(newRequest("GET", "http://a.example"+path))
}

// An http2Conn is the server's end of a connection.
type http2Conn struct {
	reactor.Transport
	w       *http2World
	machine http2.Server
	served  []*http2Served // every request, in the order of their arrival
	pings   int
	lost    error // the reason of its loss; nil while it is open
	failed  error // of the machine
	gone    *wire.ConnectionError
	deaf    bool   // it reads nothing
	raw     []byte // if the machine is off
	off     bool   // raw gets what comes
}

// An http2Served is a request that a server got.
type http2Served struct {
	c       *http2Conn
	stream  http2.Stream
	head    http2.RequestHead
	body    []byte
	slow    bool // the body is not consumed
	ended   bool // the request is complete
	trailer http.Header
	reset   *wire.StreamError // by which it ended early; or nil
}

func (c *http2Conn) ConnectionMade(t reactor.Transport) {
	c.Transport = t
	c.machine.Init(c.w.config)
	if c.w.accept != nil {
		c.w.accept(c)
	}
	c.flush()
}

func (c *http2Conn) ConnectionLost(reason error) { c.lost = reason }

func (c *http2Conn) flush() {
	if c.off {
		c.machine.Output()
		return
	}
	c.Write(c.machine.Output())
}

func (c *http2Conn) DataReceived(data []byte) {
	if c.off {
		c.raw = append(c.raw, data...)
		return
	}
	if c.deaf {
		return
	}
	for {
		n, event, err := c.machine.Next(data)
		data = data[n:]
		if err != nil {
			c.failed = err
			c.flush()
			c.LoseConnection()
			return
		}
		switch event {
		case http2.NeedMore:
			c.flush()
			return
		case http2.Head:
			s := &http2Served{c: c, head: *c.machine.Head()}
			s.stream.Owner = s
			c.machine.Accept(&s.stream)
			c.served = append(c.served, s)
			if c.w.answer != nil {
				c.w.answer(s)
			}
		case http2.Data:
			s := c.machine.Stream().Owner.(*http2Served)
			s.body = append(s.body, c.machine.Data()...)
			if !s.slow {
				c.machine.Consumed(&s.stream, len(c.machine.Data()))
			}
		case http2.End:
			s := c.machine.Stream().Owner.(*http2Served)
			s.ended, s.trailer = true, c.machine.Trailer()
		case http2.Reset:
			c.machine.Stream().Owner.(*http2Served).reset = c.machine.StreamError()
		case http2.PingAck:
			c.pings++
		case http2.GoAway:
			c.gone = c.machine.GoneAway()
		}
	}
}

// do calls f, writes the output of the machine and runs the reactor until it is idle.
func (c *http2Conn) do(f func()) {
	f()
	c.flush()
	c.w.r.Pump()
}

func (c *http2Conn) close() {
	c.LoseConnection()
	c.w.r.Pump()
}

func (c *http2Conn) abort() {
	c.AbortConnection()
	c.w.r.Pump()
}

// request returns request number i of c, the first being 0.
func (c *http2Conn) request(i int) *http2Served {
	c.w.t.Helper()
	if i >= len(c.served) {
		c.w.t.Fatalf("request %d: there are %d", i, len(c.served))
	}
	return c.served[i]
}

// respond sends the head of the response. headers are names and values in turn.
func (s *http2Served) respond(code int, end bool, headers ...string) {
	h := http2.ResponseHead{Code: code, Header: http.Header{}, Length: -1}
	for i := 0; i < len(headers); i += 2 {
		h.Header.Add(headers[i], headers[i+1])
	}
	if length, err := strconv.ParseInt(h.Header.Get("Content-Length"), 10, 64); err == nil {
		h.Length = length
	}
	if err := s.c.machine.Respond(&s.stream, &h, end); err != nil {
		s.c.w.t.Error(err)
	}
}

// write sends a part of the body.
func (s *http2Served) write(text string, end bool) {
	s.c.machine.WriteData(&s.stream, []byte(text), end)
}

// greet answers with "hello", and the path of the request in X-Path.
func greet(s *http2Served) {
	s.respond(200, false, "Content-Length", "5", "X-Path", s.head.Path)
	s.write("hello", true)
}
