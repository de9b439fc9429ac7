package web

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// TestSizes bounds the size of what each connection and each request takes: a byte more makes the
// allocator take the next larger class.
func TestSizes(t *testing.T) {
	if size := unsafe.Sizeof(Request{}); size > 640 {
		t.Errorf("a Request has %d bytes", size)
	}
	if size := unsafe.Sizeof(channel{}); size > 768 {
		t.Errorf("a channel has %d bytes", size)
	}
}

// TestProxyWithZone checks that a proxy on the link is found without its zone.
func TestProxyWithZone(t *testing.T) {
	p := Proxies{Addresses: []netip.Prefix{netip.MustParsePrefix("fe80::/64")}}
	if !p.trusts(&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}) || p.trusts(&net.TCPAddr{IP: net.ParseIP("fe81::1"), Zone: "eth0"}) {
		t.Error("a zone changes what is trusted")
	}
}

// BenchmarkConnections measures a connection that opens, has a request and closes, beside n
// idle ones; and one that makes room for another at MaxConnections. The cost must not grow
// with n.
func BenchmarkConnections(b *testing.B) {
	get := []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, full := range []bool{false, true} {
		for _, n := range []int{1000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("full=%v/%d", full, n), func(b *testing.B) {
				r := memory.New()
				site := &Site{Root: RenderFunc(func(req *Request) { req.WriteString("hello") }), MaxConnections: -1}
				if full {
					site.MaxConnections = n
				}
				open := func() reactor.Protocol {
					t := &memory.StringTransport{On: r}
					p := site.BuildProtocol(nil)
					t.Protocol = p
					p.ConnectionMade(t)
					return p
				}
				for range n {
					open()
				}
				b.ReportAllocs()
				for b.Loop() {
					p := open()
					p.DataReceived(get)
					if !full { // else the next one makes room
						p.ConnectionLost(reactor.ErrConnectionDone)
					}
				}
				if site.house.open < n || site.house.open > n+1 {
					b.Errorf("%d connections", site.house.open)
				}
			})
		}
	}
}

// BenchmarkShutdown measures the end of n idle connections, for each. Run it with
// -benchtime 10x.
func BenchmarkShutdown(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := memory.New()
			for b.Loop() {
				b.StopTimer()
				site := &Site{Root: RenderFunc(func(req *Request) {}), MaxConnections: -1}
				for range n {
					t := &memory.StringTransport{On: r}
					t.Protocol = site.BuildProtocol(nil)
					t.Protocol.ConnectionMade(t)
				}
				b.StartTimer()
				site.Shutdown()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/connection")
		})
	}
}
