package ladder_test

import (
	"net"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/memory/ladder"
)

// This file has small programs, whose ladders are kept in testdata.

// A peer is a protocol made of functions.
type peer struct {
	memory.Recorder
	made func(p *peer)
	data func(p *peer, data []byte)
}

func (p *peer) ConnectionMade(t reactor.Transport) {
	p.Recorder.ConnectionMade(t)
	if p.made != nil {
		p.made(p)
	}
}

func (p *peer) DataReceived(data []byte) {
	p.Recorder.DataReceived(data)
	if p.data != nil {
		p.data(p, data)
	}
}

func (p *peer) say(s string) { p.Transport.Write([]byte(s)) }

func listen(t testing.TB, r *memory.Reactor, address string, p func() *peer) {
	t.Helper()
	if _, err := r.ListenTCP(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p() })); err != nil {
		t.Fatal(err)
	}
}

func connect(r *memory.Reactor, address, local string, p *peer) {
	factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
	r.ConnectTCP(address, factory, reactor.ConnectConfig{LocalAddress: local}).AddErrback(func(error) (none reactor.Protocol, _ error) { return })
}

// stories are the programs, by the names of their files.
var stories = map[string]func(t testing.TB) *ladder.Ladder{
	"three-hosts": func(t testing.TB) *ladder.Ladder {
		r := memory.New()
		r.AddHost("web", "192.0.2.1")
		r.AddHost("db", "192.0.2.2")
		r.Latency("web", "db", 20*time.Millisecond)
		r.StartTrace()
		listen(t, r, "192.0.2.2:5432", func() *peer {
			return &peer{data: func(p *peer, _ []byte) {
				p.say("1 row\n")
				p.Transport.LoseConnection()
			}}
		})
		listen(t, r, "192.0.2.1:80", func() *peer {
			return &peer{data: func(web *peer, _ []byte) {
				connect(r, "192.0.2.2:5432", "192.0.2.1:0", &peer{
					made: func(p *peer) { p.say("SELECT 1") },
					data: func(*peer, []byte) { web.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes") },
				})
			}}
		})
		connect(r, "192.0.2.1:80", "", &peer{
			made: func(p *peer) { p.say("GET /account/17 HTTP/1.1\r\nHost: web\r\n\r\n") },
			data: func(p *peer, _ []byte) { p.Transport.LoseConnection() },
		})
		connect(r, "192.0.2.1:81", "", &peer{})
		r.CallLater(time.Second, func() {})
		r.RunFor(2 * time.Second)
		l := ladder.Of(r)
		l.Title = "A web server asks a database"
		return l
	},
	"loopback": func(t testing.TB) *ladder.Ladder {
		r := memory.New()
		r.StartTrace()
		listen(t, r, "127.0.0.1:80", func() *peer { return &peer{} })
		p := &peer{}
		connect(r, "127.0.0.1:80", "", p)
		r.Pump()
		p.say("hello")
		r.Advance(1500 * time.Millisecond)
		p.Transport.AbortConnection()
		r.Pump()
		return ladder.New(r.Trace(), nil)
	},
	"splits-and-joins": func(t testing.TB) *ladder.Ladder {
		r := memory.New()
		r.AddHost("server", "192.0.2.1")
		r.StartTrace()
		var server *peer
		listen(t, r, "192.0.2.1:80", func() *peer { server = &peer{}; return server })
		client := &peer{}
		connect(r, "192.0.2.1:80", "", client)
		r.Pump()
		server.Transport.PauseProducing()
		for _, s := range []string{"one ", "two ", "three"} {
			client.say(s)
			r.Pump()
		}
		server.Transport.ResumeProducing()
		r.Pump()
		server.say(string(make([]byte, 40_000))) // more than the reader's buffer
		r.Pump()
		return ladder.Of(r)
	},
	"repeats": func(t testing.TB) *ladder.Ladder {
		r := memory.New()
		r.AddHost("server", "192.0.2.1")
		r.StartTrace()
		left := 50
		var again func()
		again = func() {
			if left--; left > 0 {
				connect(r, "192.0.2.1:80", "", &peer{})
				r.CallLater(time.Second, again)
			}
		}
		again()
		r.RunFor(time.Minute)
		listen(t, r, "192.0.2.1:80", func() *peer { return &peer{} })
		connect(r, "192.0.2.1:80", "", &peer{made: func(p *peer) {
			for range 20 {
				p.say(string(make([]byte, 64<<10)))
			}
			p.Transport.LoseConnection()
		}})
		r.Pump()
		return ladder.Of(r)
	},
	"held": func(t testing.TB) *ladder.Ladder {
		r := memory.New()
		r.AddHost("server", "192.0.2.1")
		r.AddHost("nobody", "192.0.2.7")
		r.StartTrace()
		r.Hold("nobody", "")
		listen(t, r, "192.0.2.1:80", func() *peer { return &peer{} })
		client := &peer{}
		connect(r, "192.0.2.1:80", "", client)
		connect(r, "192.0.2.7:80", "", &peer{})
		r.Pump()
		r.Hold("server", "")
		client.say("GET /never HTTP/1.1\r\n\r\n")
		r.RunFor(time.Minute)
		return ladder.Of(r)
	},
	"choices": func(testing.TB) *ladder.Ladder {
		const ms = time.Millisecond
		return ladder.New(memory.Trace{
			{Kind: "listen", Text: "192.0.2.1:80"},
			{Conn: 1, Kind: "connect", From: "10.0.0.1:49152", Text: "192.0.2.1:80"},
			{Conn: 1, Side: memory.ServerSide, Kind: "accept", Text: "192.0.2.1:80"},
			{Conn: 1, Side: memory.ClientSide, Kind: "connected", Text: "10.0.0.1:49152"},
			{Conn: 1, Side: memory.ClientSide, Kind: "write", N: 28, Text: `"POST /pay HTTP/1.1\r\n\r\n17 EUR"`},
			{Kind: "choice", Text: "a message takes 3ms"},
			{At: 3 * ms, Conn: 1, Side: memory.ServerSide, Kind: "read", N: 28, Text: `"POST /pay HTTP/1.1\r\n\r\n17 EUR"`},
			{At: 3 * ms, Conn: 1, Kind: "choice", Text: "the network resets the connection"},
			{At: 3 * ms, Conn: 1, Side: memory.ClientSide, Kind: "end", Text: "connection was reset by the peer"},
			{At: 3 * ms, Conn: 1, Side: memory.ClientSide, Kind: "reset"},
			{At: 3 * ms, Conn: 1, Side: memory.ServerSide, Kind: "end", Text: "connection was reset by the peer"},
			{At: 3 * ms, Conn: 1, Side: memory.ServerSide, Kind: "reset"},
			{At: 4 * ms, Kind: "juggle", N: 3, Text: "balls"},
			{At: 5 * ms, Kind: "failure", Text: "the account has 0 EUR, want 17 EUR"},
		}, map[string]string{"10.0.0.1": "shop", "192.0.2.1": "bank"})
	},
	"machines": func(t testing.TB) *ladder.Ladder {
		r := memory.New()
		bank, shop := r.Machine("bank"), r.Machine("shop")
		r.Latency("bank", "shop", 20*time.Millisecond)
		r.StartTrace()
		bank.Process(func() (stop func()) {
			bank.ListenTCP(":80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &peer{} }))
			return nil
		})
		pay := func(p *peer) {
			factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
			shop.ConnectTCP("10.0.0.2:80", factory, reactor.ConnectConfig{}).AddErrback(func(error) (none reactor.Protocol, _ error) { return })
		}
		client := &peer{made: func(p *peer) { p.say("pay 17 EUR") }}
		pay(client)
		r.CallLater(time.Second, func() { bank.Stop() })
		r.CallLater(2*time.Second, func() { pay(&peer{}) })
		r.CallLater(3*time.Second, bank.Start)
		r.CallLater(4*time.Second, func() { r.JumpWallClock(time.Hour) })
		r.CallLater(5*time.Second, func() { pay(&peer{}) })
		r.RunFor(time.Minute)
		l := ladder.Of(r)
		l.Title = "A bank stops and starts"
		return l
	},
	"http2": func(testing.TB) *ladder.Ladder {
		return ladder.New(memory.Trace{
			{Conn: 1, Kind: "connect", From: "10.0.0.1:49152", Text: "192.0.2.1:443"},
			{Conn: 1, Side: memory.ServerSide, Kind: "accept", Text: "192.0.2.1:443"},
			{Conn: 1, Side: memory.ClientSide, Kind: "connected", Text: "10.0.0.1:49152"},
			{Conn: 1, Side: memory.ClientSide, Kind: "write", N: 60, Text: `"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00"...`},
			{Conn: 1, Side: memory.ServerSide, Kind: "read", N: 60, Text: `"PRI"...`},
			{Conn: 1, Side: memory.ServerSide, Kind: "write", N: 9, Text: `"\x00\x00\x00\x04\x01\x00\x00\x00\x00"`},
			{Conn: 1, Side: memory.ClientSide, Kind: "read", N: 9, Text: `"\x00\x00\x00\x04\x01\x00\x00\x00\x00"`},
			{Conn: 1, Side: memory.ServerSide, Kind: "write", N: 1009, Text: `"\x00\x07\xd0\x00\x00\x00\x00\x00\x01AAAAAAAAAAAAAAAA"...`},
			{Conn: 1, Side: memory.ServerSide, Kind: "write", N: 1017, Text: `"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"...`},
			{Conn: 1, Side: memory.ClientSide, Kind: "read", N: 2026, Text: `"\x00\x07\xd0\x00\x00\x00\x00\x00\x01AAAAAAAAAAAAAAAA"...`},
			{Conn: 1, Side: memory.ServerSide, Kind: "write", N: 13, Text: `"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08"`},
			{Conn: 1, Side: memory.ClientSide, Kind: "read", N: 13, Text: `"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08"`},
			{Conn: 2, Kind: "connect", From: "10.0.0.1:49153", Text: "192.0.2.1:443"},
			{Conn: 2, Side: memory.ServerSide, Kind: "accept", Text: "192.0.2.1:443"},
			{Conn: 2, Side: memory.ClientSide, Kind: "connected", Text: "10.0.0.1:49153"},
			{Conn: 2, Side: memory.ClientSide, Kind: "write", N: 300, Text: `"\x16\x03\x01\x01\x27\x01\x00\x01\x23\x03\x03"...`},
			{Conn: 2, Side: memory.ServerSide, Kind: "read", N: 300, Text: `"\x16\x03\x01\x01\x27\x01\x00\x01\x23\x03\x03"...`},
			{Conn: 2, Side: memory.ServerSide, Kind: "write", N: 27, Text: `"\x14\x03\x03\x00\x01\x01\x15\x03\x03\x00\x02\x02\x28"`},
			{Conn: 2, Side: memory.ClientSide, Kind: "read", N: 27, Text: `"\x14\x03\x03\x00\x01\x01\x15\x03\x03\x00\x02\x02\x28"`},
		}, nil)
	},
	"nothing": func(testing.TB) *ladder.Ladder { return ladder.New(nil, nil) },
}
