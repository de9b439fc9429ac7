package web

import (
	"io"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// TestHandlerBuffersAreUsedAgain checks that the buffer of a handler that has returned
// serves the next handler, and that a site keeps 64 buffers.
func TestHandlerBuffersAreUsedAgain(t *testing.T) {
	site := &Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello")
		io.Copy(w, r.Body)
	})}
	connect := func() reactor.Protocol {
		channel := site.BuildProtocol(nil)
		channel.ConnectionMade(&memory.StringTransport{On: memory.New()})
		return channel
	}
	free := func(wanted int) {
		t.Helper()
		if len(site.free) != wanted {
			t.Errorf("%d buffers are kept, not %d", len(site.free), wanted)
		}
	}
	one := connect()
	for range 3 {
		one.DataReceived([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		free(1)
	}
	var many []reactor.Protocol
	for range 70 {
		channel := connect()
		channel.DataReceived([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"))
		many = append(many, channel)
	}
	free(0)
	for _, channel := range many {
		channel.DataReceived([]byte("x"))
	}
	free(64)
	if b := site.buffer(); len(b) != 0 {
		t.Errorf("a reused buffer has %d bytes", len(b))
	}
}

// TestASiteWithoutConnectionsIsFree checks that a reactor keeps no site that has neither
// ports nor connections.
func TestASiteWithoutConnectionsIsFree(t *testing.T) {
	r := memory.New()
	site := &Site{Root: RenderFunc(func(*Request) {})}
	port, err := r.ListenTCP("192.0.2.1:80", site)
	if err != nil {
		t.Fatal(err)
	}
	channel := site.BuildProtocol(nil)
	channel.ConnectionMade(&memory.StringTransport{On: r})
	if site.house.reactor == nil || site.house.open != 1 {
		t.Error("the site does not know its connection")
	}
	port.StopListening()
	channel.ConnectionLost(reactor.ErrConnectionDone)
	if site.house.reactor != nil || site.house.open != 0 || site.house.idle.First() != nil || len(site.house.ports) != 0 {
		t.Errorf("%+v", site.house)
	}
}
