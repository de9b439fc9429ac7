package reactor_test

import (
	"bytes"
	"net"
	"os"
	"os/signal"
	"runtime"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// echo sends back what it gets.
type echo struct{ t reactor.Transport }

func (e *echo) ConnectionMade(t reactor.Transport) { e.t = t }
func (e *echo) DataReceived(data []byte)           { e.t.Write(data) }
func (e *echo) ConnectionLost(error)               {}

// recorder records what it gets, and calls what the test wants to know.
type recorder struct {
	t    reactor.Transport
	got  bytes.Buffer
	made func(*recorder)
	data func(*recorder)
	lost func(*recorder, error)
}

func (r *recorder) ConnectionMade(t reactor.Transport) {
	r.t = t
	if r.made != nil {
		r.made(r)
	}
}

func (r *recorder) DataReceived(data []byte) {
	r.got.Write(data)
	if r.data != nil {
		r.data(r)
	}
}

func (r *recorder) ConnectionLost(reason error) {
	if r.lost != nil {
		r.lost(r, reason)
	}
}

func build(p reactor.Protocol) reactor.Factory {
	return reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
}

// The first uses of packages signal and net leave a goroutine and descriptors
// behind: tests that count such are not to count those.
func init() {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	signal.Stop(make(chan os.Signal, 1))
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
}

var loops = map[string]func() *reactor.Loop{
	"system":   reactor.New,
	"portable": reactor.NewPortable,
}

// watchdog ends a loop that a bug would keep running for ever.
func watchdog(t *testing.T, l *reactor.Loop) {
	l.CallLater(20*time.Second, func() {
		t.Error("the loop still runs after 20 s")
		l.Stop()
	})
}

func TestEcho(t *testing.T) {
	for name, newLoop := range loops {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			l := newLoop()
			watchdog(t, l)
			port, err := l.ListenTCP("127.0.0.1:0", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &echo{} }))
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
			var reason error
			client := &recorder{
				made: func(r *recorder) { r.t.Write(want) },
				data: func(r *recorder) {
					if r.got.Len() == len(want) {
						r.t.LoseConnection()
					}
				},
				lost: func(r *recorder, err error) {
					reason = err
					l.Stop()
				},
			}
			d := l.ConnectTCP(port.Addr().String(), build(client), reactor.ConnectOptions{})
			var fired reactor.Protocol
			d.AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
				fired = p
				return p, nil
			})
			if err := l.Run(); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if fired != reactor.Protocol(client) || !bytes.Equal(client.got.Bytes(), want) || reason != reactor.ErrConnectionDone {
				t.Errorf("fired with %v; got %d bytes, want %d; lost for %v", fired, client.got.Len(), len(want), reason)
			}
			if after := runtime.NumGoroutine(); after > before {
				t.Errorf("%d goroutines after, %d before", after, before)
			}
		})
	}
}
