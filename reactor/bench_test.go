package reactor_test

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// player sends a message, and sends the answer again, until it has done so often
// enough.
type player struct {
	reactor.Transport
	message []byte
	left    int
	done    func()
}

func (p *player) ConnectionMade(t reactor.Transport) {
	p.Transport = t
	p.Write(p.message)
}

func (p *player) DataReceived(data []byte) {
	if p.left--; p.left > 0 {
		p.Write(data)
	} else {
		p.LoseConnection()
	}
}

func (p *player) ConnectionLost(error) { p.done() }

// BenchmarkEchoRoundTrip echoes 13 bytes, with both sides on one loop.
func BenchmarkEchoRoundTrip(b *testing.B) {
	for _, r := range reactors {
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			l := r.new()
			defer l.Close()
			port, err := l.ListenTCP("127.0.0.1:0", build(&echo{}))
			if err != nil {
				b.Fatal(err)
			}
			p := &player{message: []byte("Hello, world!"), left: b.N, done: func() { l.Stop() }}
			l.ConnectTCP(port.Addr().String(), build(p), reactor.ConnectConfig{})
			b.ResetTimer()
			defer reportCPU(b)()
			if err := l.Run(); err != nil {
				b.Fatal(err)
			}
			if p.left > 0 {
				b.Fatalf("%d round trips are left", p.left)
			}
		})
	}
}

// BenchmarkCallFromThread uses CallFromThread on another goroutine: "streaming" as
// fast as possible, "waiting" one call after the other.
func BenchmarkCallFromThread(b *testing.B) {
	b.Run("streaming", func(b *testing.B) {
		b.ReportAllocs()
		l := reactor.New()
		defer l.Close()
		made := 0
		call := func() {
			if made++; made == b.N {
				l.Stop()
			}
		}
		var other sync.WaitGroup
		other.Go(func() {
			for range b.N {
				l.CallFromThread(call)
			}
		})
		l.Run()
		other.Wait()
	})
	b.Run("waiting", func(b *testing.B) {
		b.ReportAllocs()
		l := reactor.New()
		defer l.Close()
		var other sync.WaitGroup
		made := make(chan struct{})
		call := func() { made <- struct{}{} }
		other.Go(func() {
			for range b.N {
				l.CallFromThread(call)
				<-made
			}
			l.CallFromThread(func() { l.Stop() })
		})
		l.Run()
		other.Wait()
	})
}

// BenchmarkCallLaterMillion schedules and makes a call while a million others are
// pending.
func BenchmarkCallLaterMillion(b *testing.B) {
	l := memory.New().Loop // its timers need no waiting
	for range 1_000_000 {
		l.CallLater(time.Hour, func() {})
	}
	b.Run("CallLater and Cancel", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.CallLater(time.Minute, func() {}).Cancel()
		}
	})
	b.Run("Reset", func(b *testing.B) {
		b.ReportAllocs()
		call := l.CallLater(time.Minute, func() {})
		for i := 0; b.Loop(); i++ {
			call.Reset(time.Minute + time.Duration(i&1023)*time.Second)
		}
	})
	b.Run("CallLater and call", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		var again func()
		again = func() {
			if n++; n < b.N {
				l.CallLater(0, again)
			} else {
				l.Stop()
			}
		}
		l.CallLater(0, again)
		l.Run()
	})
}

// BenchmarkTLSHandshake connects, completes a handshake with a new key and closes,
// with both sides on one loop. It compares with crypto/tls and
// goroutines.
func BenchmarkTLSHandshake(b *testing.B) {
	clientConfig, serverConfig := sharedTLS()
	b.Run("reactor", func(b *testing.B) {
		b.ReportAllocs()
		l := reactor.New()
		defer l.Close()
		server := reactor.TLSServer(l, reactor.TLSConfig{Config: serverConfig}, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &echo{} }))
		port, err := l.ListenTCP("127.0.0.1:0", server)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		var connect func()
		connect = func() {
			p := &player{message: []byte("x"), left: 1, done: func() {
				if n++; n < b.N {
					connect()
				} else {
					l.Stop()
				}
			}}
			l.ConnectTCP(port.Addr().String(), reactor.TLSClient(l, reactor.TLSConfig{Config: clientConfig}, build(p)), reactor.ConnectConfig{})
		}
		connect()
		b.ResetTimer()
		defer reportCPU(b)()
		l.Run()
	})
	b.Run("net", func(b *testing.B) {
		b.ReportAllocs()
		l, err := tls.Listen("tcp", "127.0.0.1:0", serverConfig)
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					var buffer [1]byte
					for {
						if _, err := conn.Read(buffer[:]); err != nil {
							return
						}
						conn.Write(buffer[:])
					}
				}()
			}
		}()
		b.ResetTimer()
		defer reportCPU(b)()
		for range b.N {
			conn, err := tls.Dial("tcp", l.Addr().String(), clientConfig)
			if err != nil {
				b.Fatal(err)
			}
			buffer := []byte("x")
			conn.Write(buffer)
			conn.Read(buffer)
			conn.Close()
		}
	})
}

// BenchmarkRegisterProducer registers a producer and unregisters it.
func BenchmarkRegisterProducer(b *testing.B) {
	b.ReportAllocs()
	r := memory.New()
	defer r.Close()
	port, err := r.ListenTCP("127.0.0.1:0", build(&echo{}))
	if err != nil {
		b.Fatal(err)
	}
	e := &echo{}
	r.ConnectTCP(port.Addr().String(), build(e), reactor.ConnectConfig{})
	r.Pump()
	for b.Loop() {
		if err := e.t.RegisterProducer(idle{}); err != nil {
			b.Fatal(err)
		}
		e.t.UnregisterProducer()
	}
}
