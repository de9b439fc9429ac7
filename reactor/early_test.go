package reactor_test

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// TestEarlyAnswer: a server of the operating system answers an upload after its first bytes
// and closes the connection, which resets it. Each of a hundred clients gets the answer.
func TestEarlyAnswer(t *testing.T) {
	answer := numbers(earlyAnswer)
	for _, r := range reactors[:2] {
		for _, kind := range []string{"tcp", "unix", "tls"} {
			t.Run(r.name+"/"+kind, func(t *testing.T) {
				l, address := earlyServer(t, kind, answer)
				defer l.Close()
				const clients = 100
				loop := r.new()
				defer loop.Close()
				answered, lost := 0, 0
				for range clients {
					client := &recorder{}
					client.made = func(c *recorder) {
						c.t.RegisterPullProducer(&endless{to: c.t})
					}
					client.lost = func(c *recorder, reason error) {
						if c.got.String() == answer {
							answered++
						}
						if lost++; lost == clients {
							loop.Stop()
						}
					}
					factory := build(client)
					if kind == "tls" {
						config, _ := sharedTLS()
						factory = reactor.TLSClient(loop, reactor.TLSConfig{Config: config}, factory)
					}
					connect := loop.ConnectTCP
					if kind == "unix" {
						connect = loop.ConnectUNIX
					}
					connect(address, factory, reactor.ConnectConfig{})
				}
				loop.CallLater(30*time.Second, func() { loop.Stop() })
				if err := loop.Run(); err != nil {
					t.Fatal(err)
				}
				if answered != clients {
					t.Errorf("%d of %d clients got the answer", answered, clients)
				}
			})
		}
	}
}

// earlyServer accepts connections, reads a little of each, writes answer and closes.
func earlyServer(t *testing.T, kind, answer string) (l net.Listener, address string) {
	t.Helper()
	network, address := "tcp", "127.0.0.1:0"
	if kind == "unix" {
		network, address = "unix", filepath.Join(tempDir(t), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if kind == "tls" {
		_, config := sharedTLS()
		l = tls.NewListener(l, config)
	}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				io.ReadFull(c, make([]byte, 100_000))
				io.WriteString(c, answer)
			})
		}
	})
	return l, l.Addr().String()
}

// endless is a pull producer without an end.
type endless struct{ to reactor.Consumer }

var anything [64 << 10]byte

func (e *endless) ResumeProducing() { e.to.Write(anything[:]) }
func (e *endless) StopProducing()   {}

// TestSendingFails breaks one direction of a connection in memory.
func TestSendingFails(t *testing.T) {
	for _, test := range []struct {
		name string
		// after sending failed, the peer does this
		then func(r *memory.Reactor, client, server reactor.Transport)
		got  string
		lost time.Duration // time of the loss after sending failed
	}{
		{"the peer knows nothing", func(*memory.Reactor, reactor.Transport, reactor.Transport) {}, "", 5 * time.Second},
		{"the peer answers later", func(r *memory.Reactor, client, server reactor.Transport) {
			r.CallLater(4*time.Second, func() { server.Write([]byte("answer")) })
		}, "answer", 9 * time.Second},
		{"the peer answers and closes", func(r *memory.Reactor, client, server reactor.Transport) {
			r.CallLater(4*time.Second, func() {
				server.Write([]byte("answer"))
				server.LoseConnection()
			})
		}, "answer", 4 * time.Second},
		{"the peer answers too late", func(r *memory.Reactor, client, server reactor.Transport) {
			r.CallLater(6*time.Second, func() { server.Write([]byte("answer")) })
		}, "", 5 * time.Second},
		{"paused meanwhile", func(r *memory.Reactor, client, server reactor.Transport) {
			r.CallLater(time.Second, client.PauseProducing)
			r.CallLater(8*time.Second, func() { server.Write([]byte("answer")) })
			r.CallLater(9*time.Second, client.ResumeProducing)
		}, "answer", 14 * time.Second},
		{"paused meanwhile, without an answer", func(r *memory.Reactor, client, server reactor.Transport) {
			r.CallLater(time.Second, client.PauseProducing)
			r.CallLater(9*time.Second, client.ResumeProducing)
		}, "", 14 * time.Second},
		{"aborted while paused", func(r *memory.Reactor, client, server reactor.Transport) {
			client.PauseProducing()
			r.CallLater(9*time.Second, client.AbortConnection)
		}, "", 9 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			client, server := &recorder{}, &recorder{}
			var lost []time.Time
			client.lost = func(*recorder, error) { lost = append(lost, r.Now()) }
			if _, err := r.ListenTCP("10.0.0.2:80", build(server)); err != nil {
				t.Fatal(err)
			}
			r.ConnectTCP("10.0.0.2:80", build(client), reactor.ConnectConfig{})
			r.Pump()
			r.FailWrites("10.0.0.1", "10.0.0.2", reactor.ErrConnectionReset)
			client.t.Write([]byte("question"))
			start := r.Now()
			r.Pump()
			test.then(r, client.t, server.t)
			r.RunFor(time.Minute)
			if len(lost) != 1 || lost[0].Sub(start) != test.lost {
				t.Errorf("lost at %v, want after %v", lost, test.lost)
			}
			if got := client.got.String(); got != test.got {
				t.Errorf("got %q, want %q", got, test.got)
			}
			if got := server.got.String(); got != "" {
				t.Errorf("the server got %q", got)
			}
			if n := len(r.DelayedCalls()); n != 0 {
				t.Errorf("%d delayed calls are left", n)
			}
		})
	}
}
