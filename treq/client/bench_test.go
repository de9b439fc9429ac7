package client_test

import (
	"net"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// BenchmarkGet is one request and its response, of a client with all that it does
// by default, over a connection in memory that is kept. The server sends the same
// bytes each time, so that nearly all of the time is the client's.
func BenchmarkGet(b *testing.B) {
	get := canGet(b)
	b.ReportAllocs()
	for b.Loop() {
		get()
	}
}

// TestAllocationsOfAGet: what a small GET allocates is listed in docs/performance.md;
// the network in memory makes one more.
func TestAllocationsOfAGet(t *testing.T) {
	const most = 14 + 1
	if n := testing.AllocsPerRun(100, canGet(t)); n > most {
		t.Errorf("%.0f allocations, want no more than %d", n, most)
	}
}

// canGet returns a function that makes a request of a server that is always the same,
// and reads the response.
func canGet(tb testing.TB) func() {
	r := memory.New()
	if _, err := r.ListenTCP("127.0.0.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &canned{} })); err != nil {
		tb.Fatal(err)
	}
	c := client.New(r, client.Config{})
	var body []byte
	var failed error
	take := func(data []byte, err error) ([]byte, error) {
		body, failed = data, err
		return nil, nil
	}
	return func() {
		body = nil
		deferred.Then(c.Get("http://127.0.0.1/foo"), (*response.Response).Content).AddBoth(take)
		r.Pump()
		if string(body) != "Hello, world!" {
			tb.Fatalf("%q, %v", body, failed)
		}
	}
}

// canned answers whatever comes with the same response.
type canned struct{ t reactor.Transport }

var answer = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 13\r\n\r\nHello, world!")

func (c *canned) ConnectionMade(t reactor.Transport) { c.t = t }
func (c *canned) DataReceived([]byte)                { c.t.Write(answer) }
func (c *canned) ConnectionLost(error)               {}
