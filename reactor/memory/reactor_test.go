package memory_test

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// peer is a protocol that notes what happens to it and does as its fields say.
type peer struct {
	reactor.Transport
	made func(*peer)
	data func(*peer, []byte)

	got  bytes.Buffer
	lost []error
}

func (p *peer) ConnectionMade(t reactor.Transport) {
	p.Transport = t
	if p.made != nil {
		p.made(p)
	}
}

func (p *peer) DataReceived(b []byte) {
	p.got.Write(b)
	if p.data != nil {
		p.data(p, b)
	}
}

func (p *peer) ConnectionLost(reason error) { p.lost = append(p.lost, reason) }

// lostBy fails the test unless p lost its connection once, for want.
func (p *peer) lostBy(t *testing.T, name string, want error) {
	t.Helper()
	if len(p.lost) != 1 || !errors.Is(p.lost[0], want) {
		t.Errorf("%s lost its connection for %v, want once for %v", name, p.lost, want)
	}
}

// halfPeer is a peer that is told of the end of each direction.
type halfPeer struct {
	peer
	readLost, writeLost int
	onReadLost          func()
}

func (p *halfPeer) ReadConnectionLost() {
	p.readLost++
	if p.onReadLost != nil {
		p.onReadLost()
	}
}

func (p *halfPeer) WriteConnectionLost() { p.writeLost++ }

func just(p reactor.Protocol) reactor.Factory {
	return reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
}

func echo(p *peer, b []byte) { p.Write(b) }

const address = "192.0.2.1:80"

func listen(t *testing.T, r *memory.Reactor, address string, p reactor.Protocol) reactor.Port {
	t.Helper()
	port, err := r.ListenTCP(address, just(p))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func connect(r *memory.Reactor, address string, p reactor.Protocol) *outcome {
	return watch(r.ConnectTCP(address, just(p), reactor.ConnectOptions{}))
}

// outcome is what became of an attempt to connect.
type outcome struct {
	*deferred.Deferred[reactor.Protocol]
	err error
}

func watch(d *deferred.Deferred[reactor.Protocol]) *outcome {
	o := &outcome{Deferred: d}
	d.AddErrback(func(err error) (reactor.Protocol, error) {
		o.err = err
		return nil, nil
	})
	return o
}

func (o *outcome) mustBe(t *testing.T, want error) {
	t.Helper()
	if !o.Called() || !errors.Is(o.err, want) {
		t.Errorf("connecting: called %v, err %v; want %v", o.Called(), o.err, want)
	}
}

// join makes a connection between two protocols.
func join(t *testing.T, r *memory.Reactor, client, server reactor.Protocol) {
	t.Helper()
	port := listen(t, r, address, server)
	d := connect(r, address, client)
	r.Pump()
	d.mustBe(t, nil)
	port.StopListening()
}

func TestEcho(t *testing.T) {
	r := memory.New()
	server := &peer{data: echo}
	client := &peer{made: func(p *peer) { p.Write([]byte("hello")) }}
	join(t, r, client, server)
	if got := client.got.String(); got != "hello" {
		t.Errorf("echoed %q", got)
	}
	if got, want := client.Peer().String(), address; got != want {
		t.Errorf("the client's peer is %s, want %s", got, want)
	}
	if got, want := server.Peer().String(), client.Host().String(); got != want {
		t.Errorf("the server's peer is %s, want %s", got, want)
	}
	client.LoseConnection()
	r.Pump()
	client.lostBy(t, "the client", reactor.ErrConnectionDone)
	server.lostBy(t, "the server", reactor.ErrConnectionDone)
}
