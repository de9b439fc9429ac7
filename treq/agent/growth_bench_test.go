package agent

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file measures what a Pool costs for one request when it has many hosts, unused
// connections or waiting requests. The cost should be the same for any number of them:
//
//	go test -run '^$' -bench Growth ./treq/agent
//
// The network is left out: the test itself delivers what the server sends.

// A pipeless transport drops what is written.
type pipeless struct{ reactor.Transport }

func (pipeless) PeerClosed() bool      { return false }
func (pipeless) CheckPeerClosed() bool { return false }
func (pipeless) Write([]byte)          {}
func (pipeless) ResumeProducing()      {}
func (pipeless) LoseConnection()       {}
func (pipeless) AbortConnection()      {}

func (pipeless) TLS() *tls.ConnectionState                            { return nil }
func (pipeless) SwitchProtocol(reactor.Protocol) (p reactor.Protocol) { return }

// A growth is an agent whose connections are made at once.
type growth struct {
	*Agent
	conns []*connection // every connection, in the order in which they were made
}

func newGrowth(config PoolConfig) *growth {
	r := memory.New()
	g := new(growth)
	g.Agent = New(r, Config{Pool: NewPool(r, config), Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) { return g, nil }})
	return g
}

// Connect makes g the endpoint of all its connections.
func (g *growth) Connect(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	p := f.BuildProtocol(nil).(*newcomer)
	p.ConnectionMade(pipeless{})
	g.conns = append(g.conns, p.protocol.(*connection))
	return deferred.Succeed[reactor.Protocol](p)
}

// get requests u. It does not care for the response.
func (g *growth) get(u *url.URL) *deferred.Deferred[*response.Response] {
	d := g.Request(&request.Request{Method: "GET", URL: u})
	return d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
}

var noContent = []byte("HTTP/1.1 204 No Content\r\n\r\n")

func host(i int) *url.URL {
	return &url.URL{Scheme: "http", Host: fmt.Sprintf("host%d.example", i), Path: "/"}
}

// growths are the things that a Pool may have many of. Each makes n of them, and returns
// what is measured.
var growths = []struct {
	name string
	make func(n int) (step func())
}{
	{"waiting", func(n int) func() { // a response, the oldest waiting request, and another one
		g, u := newGrowth(PoolConfig{MaxConnectionsPerHost: 1}), host(0)
		for range n + 1 {
			g.get(u)
		}
		return func() {
			g.conns[0].DataReceived(noContent)
			g.get(u)
		}
	}},
	{"cancelled", func(n int) func() { // the cancel of any waiting request, and another one
		g, u := newGrowth(PoolConfig{MaxConnectionsPerHost: 1}), host(0)
		g.get(u)
		waiting := make([]*deferred.Deferred[*response.Response], n)
		for i := range waiting {
			waiting[i] = g.get(u)
		}
		random := rand.New(rand.NewPCG(1, 2))
		return func() {
			i := random.IntN(n)
			waiting[i].Cancel()
			waiting[i] = g.get(u)
		}
	}},
	{"hosts", func(n int) func() { // a request to any of many hosts
		g := newGrowth(PoolConfig{})
		hosts := make([]*url.URL, n)
		for i := range hosts {
			hosts[i] = host(i)
			g.get(hosts[i])
			g.conns[i].DataReceived(noContent)
		}
		random := rand.New(rand.NewPCG(1, 2))
		return func() {
			i := random.IntN(n)
			g.get(hosts[i])
			g.conns[i].DataReceived(noContent)
		}
	}},
	{"idle", func(n int) func() { // any of many unused connections leaves and comes back
		g, u := newGrowth(PoolConfig{MaxPersistentPerHost: n}), host(0)
		for range n {
			g.get(u)
		}
		for _, c := range g.conns {
			c.DataReceived(noContent)
		}
		random := rand.New(rand.NewPCG(1, 2))
		return func() {
			c := g.conns[random.IntN(n)]
			g.pool.drop(&c.pooled)
			g.pool.put(&c.pooled)
		}
	}},
}

func BenchmarkGrowth(b *testing.B) {
	for _, of := range growths {
		for _, n := range []int{1e3, 1e4, 4e4, 1e5, 3.2e5, 1e6} {
			b.Run(fmt.Sprintf("%s/%d", of.name, n), func(b *testing.B) {
				step := of.make(n)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					step()
				}
			})
		}
	}
}
