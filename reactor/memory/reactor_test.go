package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// peer is a protocol that records its calls and calls its fields.
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

// lostBy fails the test unless p lost its connection once, because of want.
func (p *peer) lostBy(t *testing.T, name string, want error) {
	t.Helper()
	if len(p.lost) != 1 || !errors.Is(p.lost[0], want) {
		t.Errorf("%s lost its connection for %v, want once for %v", name, p.lost, want)
	}
}

// halfPeer is a half-closeable peer.
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

func connect(r *memory.Reactor, address string, p reactor.Protocol) *outcome.Result[reactor.Protocol] {
	return outcome.Of(r.ConnectTCP(address, just(p), reactor.ConnectConfig{}))
}

// join makes a connection between two protocols.
func join(t *testing.T, r *memory.Reactor, client, server reactor.Protocol) {
	t.Helper()
	port := listen(t, r, address, server)
	d := connect(r, address, client)
	r.Pump()
	d.WantErrIs(t, nil)
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

func TestUNIX(t *testing.T) {
	r := memory.New()
	server := &peer{data: echo}
	client := &peer{made: func(p *peer) { p.Write([]byte("hello")) }}
	port, err := r.ListenUNIX("/run/echo", just(server))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ListenUNIX("/run/echo", just(server)); !errors.Is(err, reactor.ErrPortInUse) {
		t.Errorf("the path is taken: %v", err)
	}
	d := outcome.Of(r.ConnectUNIX("/run/echo", just(client), reactor.ConnectConfig{}))
	r.Pump()
	d.WantErrIs(t, nil)
	if got := client.got.String(); got != "hello" {
		t.Errorf("echoed %q", got)
	}
	if got := client.Peer(); got.Network() != "unix" || got.String() != "/run/echo" {
		t.Errorf("the peer is %s %s", got.Network(), got)
	}
	port.StopListening()
	d = outcome.Of(r.ConnectUNIX("/run/echo", just(client), reactor.ConnectConfig{}))
	r.Pump()
	d.WantErrIs(t, reactor.ErrConnectionRefused)
	if len(r.UNIXServers) != 2 || len(r.UNIXClients) != 2 || r.UNIXClients[1].Address != "/run/echo" {
		t.Errorf("recorded %v and %v", r.UNIXServers, r.UNIXClients)
	}
}

func TestRefused(t *testing.T) {
	r := memory.New()
	d := connect(r, address, &peer{})
	r.Pump()
	d.WantErrIs(t, reactor.ErrConnectionRefused)
	if n := len(r.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left", n)
	}
}

func TestPortInUse(t *testing.T) {
	r := memory.New()
	listen(t, r, "127.0.0.1:80", &peer{})
	_, err := r.ListenTCP("127.0.0.1:80", just(&peer{}))
	var listenError *reactor.ListenError
	if !errors.Is(err, reactor.ErrPortInUse) || !errors.As(err, &listenError) {
		t.Errorf("the port is taken: %v", err)
	}
}

func TestFactoryThatBuildsNoProtocol(t *testing.T) {
	r := memory.New()
	listen(t, r, address, nil)
	client := &peer{}
	d := connect(r, address, client)
	r.Pump()
	d.WantErrIs(t, nil)
	client.lostBy(t, "the client", reactor.ErrConnectionReset)
}

func TestRecords(t *testing.T) {
	r := memory.New()
	first, second := just(&peer{}), just(&peer{})
	r.ConnectTCP(address, first, reactor.ConnectConfig{Timeout: 3 * time.Second}).AddErrback(ignore)
	r.ListenTCP(":80", second)
	r.ListenTCP(":80", first) // fails, and is recorded
	r.ConnectTCP("nonsense", second, reactor.ConnectConfig{LocalAddress: "192.0.2.9:0"}).AddErrback(ignore)
	var got []string
	for _, c := range r.TCPClients {
		got = append(got, fmt.Sprint(c.Address, c.Timeout, c.LocalAddress, c.Factory != nil))
	}
	for _, s := range r.TCPServers {
		got = append(got, fmt.Sprint(s.Address, s.Factory != nil))
	}
	want := []string{"192.0.2.1:803strue", "nonsense0s192.0.2.9:0true", ":80true", ":80true"}
	if !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

func ignore(error) (reactor.Protocol, error) { return nil, nil }

func TestHalfClose(t *testing.T) {
	r := memory.New()
	server := &halfPeer{}
	server.onReadLost = func() {
		server.Write([]byte("reply to " + server.got.String()))
		server.LoseConnection()
	}
	client := &halfPeer{}
	client.made = func(p *peer) {
		p.Write([]byte("request"))
		p.LoseWriteConnection()
		p.Write([]byte("too late"))
	}
	join(t, r, client, server)
	if got := client.got.String(); got != "reply to request" {
		t.Errorf("the client got %q", got)
	}
	if client.readLost != 1 || client.writeLost != 1 || server.readLost != 1 || server.writeLost != 0 {
		t.Errorf("half closes: client %d %d, server %d %d, want 1 1 1 0",
			client.readLost, client.writeLost, server.readLost, server.writeLost)
	}
	client.lostBy(t, "the client", reactor.ErrConnectionDone)
	server.lostBy(t, "the server", reactor.ErrConnectionDone)
}

func TestAbortConnection(t *testing.T) {
	r := memory.New()
	client, server := &peer{}, &peer{}
	join(t, r, client, server)
	client.Write([]byte("not sent"))
	client.AbortConnection()
	r.Pump()
	client.lostBy(t, "the client", reactor.ErrConnectionAborted)
	server.lostBy(t, "the server", reactor.ErrConnectionReset)
	server.lostBy(t, "the server", reactor.ErrConnectionLost)
	if server.got.Len() != 0 {
		t.Errorf("the server got %q", server.got.String())
	}
}

type addrs = []netip.Addr

// source is a push producer that writes blocks until it is paused or done.
type source struct {
	to      reactor.Transport
	left    int
	resting bool
	pauses  int
	stopped int
}

var block = make([]byte, 16<<10)

func (s *source) produce() {
	for !s.resting && s.left > 0 {
		s.left -= len(block)
		s.to.Write(block)
	}
	if s.left == 0 {
		s.to.UnregisterProducer()
		s.to.LoseConnection()
	}
}

func (s *source) PauseProducing()  { s.resting = true; s.pauses++ }
func (s *source) ResumeProducing() { s.resting = false; s.produce() }
func (s *source) StopProducing()   { s.stopped++ }

func TestBackPressure(t *testing.T) {
	const size = 64 << 20
	r := memory.New()
	src := &source{left: size}
	server := &peer{made: func(p *peer) {
		src.to = p
		p.RegisterProducer(src)
		src.produce()
	}}
	got := 0
	client := &sink{got: &got}
	join(t, r, client, server)

	// Sent and unreceived data is in the socket's buffer, of 64 KiB, and in
	// the sender's, which a producer may overrun by a block.
	const most = (64 + 64 + 16) << 10
	for got < size {
		if sent := size - src.left; sent-got > most {
			t.Fatalf("%d bytes are sent and not received, want at most %d", sent-got, most)
		}
		before := got
		r.Pump()
		if got != before {
			t.Fatal("DataReceived was called while it was paused")
		}
		if src.left > 0 && !src.resting {
			t.Fatal("the producer continues while the client is paused")
		}
		client.ResumeProducing()
		r.Pump()
		if got == before {
			t.Fatal("nothing was received after ResumeProducing")
		}
	}
	r.Pump()
	client.ResumeProducing()
	r.Pump()
	if got != size || src.pauses < size/most || client.lost != 1 || src.stopped != 0 {
		t.Errorf("got %d bytes, %d pauses, lost %d times, producer stopped %d times", got, src.pauses, client.lost, src.stopped)
	}
}

// sink pauses whenever it receives something.
type sink struct {
	reactor.Transport
	got  *int
	lost int
}

func (s *sink) ConnectionMade(t reactor.Transport) { s.Transport = t }
func (s *sink) ConnectionLost(error)               { s.lost++ }
func (s *sink) DataReceived(b []byte) {
	*s.got += len(b)
	s.PauseProducing()
}

func TestTimeoutOfAHeldConnect(t *testing.T) {
	r := memory.New()
	listen(t, r, address, &peer{})
	r.HoldConnects()
	d := outcome.Of(r.ConnectTCP(address, just(&peer{}), reactor.ConnectConfig{Timeout: 5 * time.Second}))
	r.Advance(5*time.Second - 1)
	if d.Fired != 0 || len(r.HeldConnects()) != 1 {
		t.Fatalf("fired %d times, held %v, before the time is out", d.Fired, r.HeldConnects())
	}
	r.Advance(1)
	d.WantErrIs(t, reactor.ErrConnectTimeout)
	if len(r.HeldConnects()) != 0 {
		t.Error("the attempt is still held")
	}
}

func TestHeldConnectsAreCompletedByHand(t *testing.T) {
	r := memory.New()
	server := &peer{}
	r.HoldConnects()
	var d []*outcome.Result[reactor.Protocol]
	for i := range 4 {
		d = append(d, connect(r, fmt.Sprintf("192.0.2.%d:80", i), &peer{}))
	}
	listen(t, r, "192.0.2.1:80", server)
	listen(t, r, "192.0.2.3:80", &peer{})
	r.Pump()
	held := r.HeldConnects()
	if len(held) != 4 || held[2].Address != "192.0.2.2:80" || held[2].Network != "tcp" {
		t.Fatalf("held %v", held)
	}
	held[1].Release()
	held[2].Fail(reactor.ErrNoRoute)
	held[0].Release() // nothing listens
	r.Pump()
	d[0].WantErrIs(t, reactor.ErrConnectionRefused)
	d[1].WantErrIs(t, nil)
	d[2].WantErrIs(t, reactor.ErrNoRoute)
	if server.Transport == nil || d[3].Fired != 0 || len(r.HeldConnects()) != 1 {
		t.Error("releasing one attempt released others")
	}
	held[1].Fail(reactor.ErrNoRoute) // too late
	r.ReleaseConnects()
	r.Pump()
	d[3].WantErrIs(t, nil)
	last := connect(r, "192.0.2.1:80", &peer{})
	r.Pump()
	last.WantErrIs(t, nil)
}

func TestHold(t *testing.T) {
	r := memory.New()
	r.AddHost("server", "192.0.2.1")
	client, server := &peer{}, &peer{data: echo}
	join(t, r, client, server)
	listen(t, r, address, &peer{})
	other := &peer{data: echo}
	listen(t, r, "192.0.2.2:80", other)

	r.Hold("", "server")
	client.Write([]byte("hello"))
	late := connect(r, address, &peer{})
	aside := connect(r, "192.0.2.2:80", &peer{})
	r.Advance(time.Second)
	client.Write([]byte(", server"))
	r.Pump()
	aside.WantErrIs(t, nil)
	if server.got.Len() != 0 || late.Fired != 0 {
		t.Fatalf("the server got %q, connected %d times, over a held link", server.got.String(), late.Fired)
	}
	r.Release("server", "")
	r.Pump()
	late.WantErrIs(t, nil)
	if got := client.got.String(); got != "hello, server" {
		t.Errorf("after Release the echo is %q", got)
	}
}

func TestHeldConnectRunsIntoItsTimeout(t *testing.T) {
	r := memory.New()
	listen(t, r, address, &peer{})
	r.Hold("10.0.0.1", "192.0.2.1")
	d := connect(r, address, &peer{})
	r.Advance(reactor.DefaultConnectTimeout)
	d.WantErrIs(t, reactor.ErrConnectTimeout)
	r.Release("10.0.0.1", "192.0.2.1")
	r.Pump()
}

func TestLatency(t *testing.T) {
	r := memory.New()
	r.Latency("", "", 10*time.Millisecond)
	var at []time.Duration
	start := r.Now()
	note := func() { at = append(at, r.Now().Sub(start)) }
	server := &peer{data: func(p *peer, b []byte) { note(); p.Write(b); p.LoseConnection() }}
	client := &peer{
		made: func(p *peer) { note(); p.Write([]byte("hello")) },
		data: func(*peer, []byte) { note() },
	}
	listen(t, r, address, server)
	connect(r, address, client)
	r.RunFor(time.Second)
	const ms = time.Millisecond
	if want := []time.Duration{20 * ms, 30 * ms, 40 * ms}; !slices.Equal(at, want) {
		t.Errorf("the calls were made at %v, want %v", at, want)
	}
	client.lostBy(t, "the client", reactor.ErrConnectionDone)
	if got := r.Now().Sub(start); got != time.Second {
		t.Errorf("RunFor a second ended at %v", got)
	}
}

func TestLatencyKeepsTheOrder(t *testing.T) {
	r := memory.New()
	client, server := &peer{}, &peer{}
	join(t, r, client, server)
	r.Latency("", "", time.Second)
	client.Write([]byte("a"))
	r.Pump()
	r.Latency("", "", 0)
	client.Write([]byte("b"))
	client.LoseConnection()
	r.RunFor(time.Second)
	if got := server.got.String(); got != "ab" {
		t.Errorf("got %q", got)
	}
	server.lostBy(t, "the server", reactor.ErrConnectionDone)
}

// Time.

func TestAdvanceAndRunFor(t *testing.T) {
	for _, c := range []struct {
		name string
		move func(*memory.Reactor, time.Duration)
		want string
	}{
		{"Advance", (*memory.Reactor).Advance, "1s at 3s, 2s at 3s, 3s at 3s, more at 3s"},
		{"RunFor", (*memory.Reactor).RunFor, "1s at 1s, more at 1s, 2s at 2s, 3s at 3s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := memory.New()
			start := r.Now()
			var got []string
			note := func(what any) { got = append(got, fmt.Sprintf("%v at %v", what, r.Now().Sub(start))) }
			for _, d := range []time.Duration{2, 3, 1, 4} {
				d *= time.Second
				r.CallLater(d, func() {
					note(d)
					if d == time.Second {
						r.CallLater(0, func() { note("more") })
					}
				})
			}
			c.move(r, 3*time.Second)
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if got := r.Now().Sub(start); got != 3*time.Second {
				t.Errorf("the clock is at %v", got)
			}
		})
	}
}

func TestAdvanceWithinACall(t *testing.T) {
	r := memory.New()
	start := r.Now()
	var at time.Duration
	r.CallLater(time.Second, func() { r.Advance(time.Minute) })
	r.CallLater(2*time.Second, func() { at = r.Now().Sub(start) })
	r.RunFor(3 * time.Second)
	if want := 61 * time.Second; at != want || r.Now().Sub(start) != want {
		t.Errorf("the next call was made at %v, and the clock is at %v; want %v", at, r.Now().Sub(start), want)
	}
}

func TestMisuse(t *testing.T) {
	busy := func(r *memory.Reactor) {
		var again func()
		again = func() { r.CallLater(0, again) }
		again()
	}
	for _, c := range []struct {
		name, want string
		f          func(r *memory.Reactor)
	}{
		{"busy", "does not end", func(r *memory.Reactor) { busy(r); r.Pump() }},
		{"busy later", "at 2s", func(r *memory.Reactor) {
			r.CallLater(2*time.Second, func() { busy(r) })
			r.RunFor(3 * time.Second)
		}},
		{"Advance backwards", "negative", func(r *memory.Reactor) { r.Advance(-1) }},
		{"RunFor backwards", "negative", func(r *memory.Reactor) { r.RunFor(-1) }},
		{"unknown host", "an.example", func(r *memory.Reactor) { r.Hold("an.example", "") }},
		{"bad address", "nonsense", func(r *memory.Reactor) { r.AddHost("a", "nonsense") }},
		{"no reason", "nil error", func(r *memory.Reactor) {
			r.HoldConnects()
			connect(r, address, &peer{})
			r.HeldConnects()[0].Fail(nil)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, c.want) {
					t.Errorf("panic %q, want one that says %q", got, c.want)
				}
			}()
			r := memory.New()
			r.MaxTurns = 1000
			c.f(r)
		})
	}
}

func TestPumpWithinTheLoop(t *testing.T) {
	r := memory.New()
	var got any
	try := func() {
		defer func() { got = recover() }()
		r.Pump()
	}
	r.CallLater(0, try)
	r.Pump()
	if got == nil {
		t.Error("Pump within Pump did not panic")
	}
	got = nil
	r.CallLater(0, func() { try(); r.Stop() })
	if err := r.Run(); err != nil || got == nil {
		t.Errorf("Pump within Run: panic %v, and Run gave %v", got, err)
	}
	got = nil
	r.CallLater(0, try)
	if err := r.Iterate(0); err != nil || got == nil {
		t.Errorf("Pump within Iterate: panic %v, and Iterate gave %v", got, err)
	}
}

func TestRunJumpsOverTime(t *testing.T) {
	r := memory.New()
	start := r.Now()
	client, server := &peer{}, &peer{}
	listen(t, r, address, server)
	connect(r, address, client)
	r.CallLater(time.Hour, func() { r.Stop() })
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if got := r.Now().Sub(start); got != time.Hour {
		t.Errorf("Run ended at %v, want an hour", got)
	}
	client.lostBy(t, "the client", reactor.ErrStopped)
	server.lostBy(t, "the server", reactor.ErrStopped)
	if n := len(r.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left", n)
	}
}

func TestRunWithNothingToWaitFor(t *testing.T) {
	r := memory.New()
	r.CallLater(time.Second, func() {})
	if err := r.Run(); !errors.Is(err, memory.ErrIdle) {
		t.Errorf("Run: %v, want ErrIdle", err)
	}
}

func TestIterate(t *testing.T) {
	r := memory.New()
	start := r.Now()
	calls := 0
	r.CallLater(3*time.Second, func() { calls++ })
	for _, want := range []struct {
		at    time.Duration
		calls int
	}{{2 * time.Second, 0}, {3 * time.Second, 0}, {3 * time.Second, 1}, {5 * time.Second, 1}} {
		if err := r.Iterate(2 * time.Second); err != nil {
			t.Fatal(err)
		}
		if at := r.Now().Sub(start); at != want.at || calls != want.calls {
			t.Errorf("at %v after %d calls, want %v and %d", at, calls, want.at, want.calls)
		}
	}
	if err := r.Iterate(-1); err != memory.ErrIdle {
		t.Errorf("Iterate for nothing: %v", err)
	}
}

func TestDeferToThreadStaysOnTheLoop(t *testing.T) {
	r := memory.New()
	var order []string
	d := reactor.DeferToThread(r, func() (int, error) {
		order = append(order, "f")
		return 42, nil
	})
	d.AddCallback(func(v int) (int, error) {
		order = append(order, fmt.Sprint(v))
		return v, nil
	})
	order = append(order, "before")
	r.Pump()
	if got := strings.Join(order, " "); got != "before f 42" {
		t.Errorf("order %q", got)
	}
}

func TestNames(t *testing.T) {
	r := memory.New()
	r.AddHost("An.Example", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.3")
	r.AddHost("gone.example")
	lookup := func(host string) string {
		got := "nothing"
		d := r.NameResolver().LookupHost(host)
		d.AddErrback(func(err error) (none addrs, _ error) {
			if !errors.Is(err, reactor.ErrNameNotFound) || !strings.Contains(err.Error(), host) {
				t.Errorf("%s: %v, want ErrNameNotFound", host, err)
			}
			return
		})
		d.AddCallback(func(a addrs) (addrs, error) { got = fmt.Sprint(a); return a, nil })
		r.Pump()
		return got
	}
	for _, c := range []struct{ host, want string }{
		{"an.example", "[192.0.2.1 2001:db8::1 192.0.2.3]"},
		{"AN.EXAMPLE.", "[192.0.2.1 2001:db8::1 192.0.2.3]"},
		{"192.0.2.9", "[192.0.2.9]"},
		{"::ffff:192.0.2.9", "[192.0.2.9]"},
		{"localhost", "[127.0.0.1]"},
		{"gone.example", "[]"},
		{"unknown.example", "[]"},
	} {
		if got := lookup(c.host); got != c.want {
			t.Errorf("%s: %s, want %s", c.host, got, c.want)
		}
	}
	r.AddHost("*", "192.0.2.7")
	r.AddHost("localhost", "::1")
	for _, c := range []struct{ host, want string }{
		{"unknown.example", "[192.0.2.7]"},
		{"gone.example", "[]"},
		{"localhost", "[::1]"},
	} {
		if got := lookup(c.host); got != c.want {
			t.Errorf("with a host for all names, %s: %s, want %s", c.host, got, c.want)
		}
	}
}

func TestRand(t *testing.T) {
	a, b := memory.New(), memory.New()
	x, y := a.Rand().Uint64(), b.Rand().Uint64()
	if x != y {
		t.Errorf("two reactors begin with %d and %d", x, y)
	}
	if a.Seed(2); a.Rand().Uint64() == x {
		t.Error("another seed gives the same number")
	}
	if a.Seed(1); a.Rand().Uint64() != x {
		t.Error("the same seed gives another number")
	}
}

// Without MaxTurns, an endless loop still ends in a panic.
func TestMaxTurnsDefault(t *testing.T) {
	r := memory.New()
	turns := 0
	var again func()
	again = func() {
		turns++
		r.CallLater(0, again)
	}
	r.CallLater(0, again)
	defer func() {
		if v := recover(); v == nil || turns != 1_000_000 {
			t.Errorf("panic %v after %d turns, want one after a million", v, turns)
		}
	}()
	r.Pump()
}
