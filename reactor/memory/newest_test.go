package memory_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// still is a protocol that does nothing.
type still struct{}

func (still) ConnectionMade(reactor.Transport) {}
func (still) DataReceived([]byte)              {}
func (still) ConnectionLost(error)             {}

// TestTheLastLatencyCounts checks that of several latencies between two hosts the last one
// counts, whether it names both hosts, one, or none.
func TestTheLastLatencyCounts(t *testing.T) {
	const client, server = "10.0.0.1", "10.0.0.9"
	ways := [][2]string{{client, server}, {server, client}, {client, ""}, {"", server}, {"", ""}}
	for i, first := range ways {
		for j, second := range ways {
			if i == j {
				continue
			}
			t.Run(fmt.Sprint(first, second), func(t *testing.T) {
				r := memory.New()
				factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return still{} })
				r.ListenTCP(server+":80", factory)
				for n, w := range [][2]string{first, second, first} {
					latency := time.Duration(n+1) * time.Second
					r.Latency(w[0], w[1], latency)
					begin := r.Now()
					d := r.ConnectTCP(server+":80", factory, reactor.ConnectConfig{})
					for range 100 {
						if r.Pump(); d.Called() {
							break
						}
						r.Advance(100 * time.Millisecond)
					}
					if took := r.Now().Sub(begin); took != 2*latency {
						t.Errorf("latency %d: connecting took %v, want %v", n, took, 2*latency)
					}
				}
			})
		}
	}
}
