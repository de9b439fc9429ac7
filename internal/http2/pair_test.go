package http2

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A pair is a Client and a Server that are joined. The server answers each request when it has come, as respond says.
type pair struct {
	t      testing.TB
	client Client
	server Server

	respond func(s *exchange)    // called at the End of a request
	after   func()               // called after each round trip
	done    map[uint32]*exchange // by stream, at the client
	served  map[uint32]*exchange // by stream, at the server
}

// An exchange is one end of a stream, with what has come and what is to be sent.
type exchange struct {
	Stream
	p       *pair
	c       *conn
	request RequestHead
	head    ResponseHead
	interim []int
	body    []byte
	trailer http.Header
	ended   bool
	reset   *wire.StreamError
	slow    bool // data is not consumed

	out        []byte
	outTrailer http.Header
}

func newPair(t testing.TB, client, server Config) *pair {
	p := &pair{t: t, done: map[uint32]*exchange{}, served: map[uint32]*exchange{}}
	p.client.Init(client)
	p.server.Init(server)
	return p
}

func (p *pair) open(h RequestHead, body []byte, trailer http.Header) *exchange {
	p.t.Helper()
	x := &exchange{p: p, c: &p.client.conn, out: body, outTrailer: trailer}
	x.Owner = x
	end := len(body) == 0 && trailer == nil
	if err := p.client.Open(&x.Stream, &h, end); err != nil {
		p.t.Fatal(err)
	}
	p.done[x.ID()] = x
	if !end {
		x.send()
	}
	return x
}

// send sends what is to be sent of the body, as far as the windows allow.
func (x *exchange) send() {
	if x.Closed() || x.SentEnd() {
		return
	}
	n := min(x.c.Room(&x.Stream), len(x.out))
	x.sendUpTo(n)
}

func (x *exchange) sendUpTo(n int) {
	part := x.out[:n]
	x.out = x.out[n:]
	end := len(x.out) == 0
	x.c.WriteData(&x.Stream, part, end && x.outTrailer == nil)
	switch {
	case !end:
		x.c.Wait(&x.Stream)
	case x.outTrailer != nil:
		if err := x.c.WriteTrailer(&x.Stream, x.outTrailer); err != nil {
			x.p.t.Error(err)
		}
	}
}

// answer sends a response.
func (x *exchange) answer(h ResponseHead, body []byte, trailer http.Header) {
	end := len(body) == 0 && trailer == nil
	if err := x.p.server.Respond(&x.Stream, &h, end); err != nil {
		x.p.t.Error(err)
	}
	x.out, x.outTrailer = body, trailer
	if !end {
		x.send()
	}
}

// run moves bytes until none are left.
func (p *pair) run() {
	p.t.Helper()
	for {
		p.turns(&p.client.conn)
		out := bytes.Clone(p.client.Output())
		p.feed(&p.server.conn, out)
		p.turns(&p.server.conn)
		back := bytes.Clone(p.server.Output())
		p.feed(&p.client.conn, back)
		if p.after != nil {
			p.after()
		}
		if len(out)+len(back) == 0 {
			return
		}
	}
}

func (p *pair) turns(c *conn) {
	for {
		s, n := c.Turn()
		if s == nil {
			return
		}
		x := s.Owner.(*exchange)
		x.sendUpTo(min(n, len(x.out)))
	}
}

func (p *pair) feed(c *conn, in []byte) {
	p.t.Helper()
	for {
		n, ev, err := c.Next(in)
		in = in[n:]
		if err != nil {
			p.t.Fatalf("%v", err)
		}
		var x *exchange
		if s := c.Stream(); s != nil {
			x = s.Owner.(*exchange)
		}
		switch ev {
		case NeedMore:
			return
		case Head:
			if !c.server {
				x.head = *p.client.Head()
				break
			}
			x = &exchange{p: p, c: c, request: *p.server.Head()}
			x.Owner = x
			p.server.Accept(&x.Stream)
			p.served[x.ID()] = x
		case Informational:
			x.interim = append(x.interim, p.client.Head().Code)
		case Data:
			x.body = append(x.body, c.Data()...)
			if !x.slow {
				c.Consumed(&x.Stream, len(c.Data()))
			}
		case End:
			x.trailer, x.ended = c.Trailer(), true
			if c.server && p.respond != nil {
				p.respond(x)
			}
		case Reset:
			x.reset = c.StreamError()
		}
	}
}

func TestPair(t *testing.T) {
	p := newPair(t, Config{}, Config{})
	p.respond = func(x *exchange) {
		if err := p.server.Inform(&x.Stream, 103, http.Header{"Link": {"</a>"}}); err != nil {
			t.Error(err)
		}
		x.answer(ResponseHead{Code: 200, Length: int64(len(x.body)), Header: http.Header{"X-Path": {x.request.Path}}}, x.body, x.trailer)
	}
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	get := p.open(RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/get", Header: http.Header{"Cookie": {"a=b; c=d"}}}, nil, nil)
	post := p.open(RequestHead{Method: "POST", Scheme: "http", Authority: "a", Path: "/post", Length: -1}, body, http.Header{"X-Sum": {"1"}})
	p.run()
	for _, x := range []*exchange{get, post} {
		if !x.ended || !x.Closed() || x.reset != nil || x.head.Code != 200 || len(x.interim) != 1 {
			t.Errorf("stream %d: %+v", x.ID(), x)
		}
	}
	if !bytes.Equal(post.body, body) || post.trailer.Get("X-Sum") != "1" || post.head.Length != int64(len(body)) {
		t.Errorf("%d bytes, trailers %v, length %d", len(post.body), post.trailer, post.head.Length)
	}
	if x := p.served[1]; x.request.Header.Get("Cookie") != "a=b; c=d" || x.request.Header.Get("Host") != "a" || get.head.Header.Get("X-Path") != "/get" {
		t.Errorf("%+v, %+v", x.request, get.head)
	}
	if n, m := p.client.Streams(), p.server.Streams(); n+m != 0 {
		t.Errorf("%d and %d streams are open", n, m)
	}
}
