package memory_test

import (
	"net"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// pinger sends the received data back, n times.
type pinger struct {
	reactor.Transport
	left int
	done func()
}

func (p *pinger) ConnectionMade(t reactor.Transport) { p.Transport = t }
func (p *pinger) ConnectionLost(error)               {}
func (p *pinger) DataReceived(b []byte) {
	if p.left--; p.left > 0 {
		p.Write(b)
	} else {
		p.done()
	}
}

func BenchmarkEchoRoundTrip(b *testing.B) {
	b.ReportAllocs()
	r := memory.New()
	client := &pinger{left: b.N, done: func() { r.Stop() }}
	r.ListenTCP(address, just(&peer{data: func(p *peer, data []byte) { p.Write(data) }}))
	r.ConnectTCP(address, just(client), reactor.ConnectConfig{})
	r.Pump()
	b.ResetTimer()
	client.Write([]byte("ping"))
	if err := r.Run(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkConnect(b *testing.B) {
	b.ReportAllocs()
	r := memory.New()
	r.ListenTCP(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &sink{} }))
	for b.Loop() {
		client := &sink{}
		r.ConnectTCP(address, just(client), reactor.ConnectConfig{})
		r.Pump()
		client.LoseConnection()
		r.Pump()
		r.TCPClients = nil
	}
}
