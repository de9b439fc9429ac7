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

// BenchmarkGet measures a request and its response with a default client, over one
// connection in memory. The server sends the same bytes each time, so that the client
// takes nearly all of the time.
func BenchmarkGet(b *testing.B) {
	get := canGet(b)
	b.ReportAllocs()
	for b.Loop() {
		get()
	}
}

// canGet returns a function that makes a request to a canned server and reads the
// response.
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

// A canned connection sends the same response to everything it receives.
type canned struct{ t reactor.Transport }

var answer = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 13\r\n\r\nHello, world!")

func (c *canned) ConnectionMade(t reactor.Transport) { c.t = t }
func (c *canned) DataReceived([]byte)                { c.t.Write(answer) }
func (c *canned) ConnectionLost(error)               {}
