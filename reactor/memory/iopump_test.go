package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// pieces is a peer that keeps what it receives in pieces.
type pieces struct {
	peer
	all []string
}

func newPieces() *pieces {
	p := &pieces{}
	p.data = func(_ *peer, b []byte) { p.all = append(p.all, string(b)) }
	return p
}

// TestPumpStep: each step moves what both sides had written before it, and nothing that they write meanwhile.
func TestPumpStep(t *testing.T) {
	countTo := func(p *peer, b []byte) {
		if n := int(b[0] - '0'); n < 6 {
			fmt.Fprint(writer{p}, n+1)
		}
	}
	server := &peer{data: countTo, made: func(p *peer) { p.Write([]byte("0")) }}
	client := &peer{data: countTo}
	var pump memory.IOPump
	pump.Connect(server, client)
	if server.Transport == nil || client.Transport == nil || client.got.Len() != 0 {
		t.Fatalf("after Connect: server %v, client %v, which received %q", server.Transport, client.Transport, client.got.String())
	}
	for i, want := range []string{"|0", "1|0", "1|02", "13|02", "13|024", "135|024", "135|0246", "135|0246", "135|0246"} {
		if moved := pump.Pump(); moved != (i < 7) {
			t.Errorf("step %d moved: %t", i+1, moved)
		}
		if got := server.got.String() + "|" + client.got.String(); got != want {
			t.Errorf("after step %d: %s, want %s", i+1, got, want)
		}
	}
	if pump.Flush() {
		t.Error("Flush moved something, although nothing was left")
	}
	client.Write([]byte("1"))
	if !pump.Flush() || server.got.String() != "13513"+"5" || client.got.String() != "0246"+"246" {
		t.Errorf("after Flush: %s and %s", server.got.String(), client.got.String())
	}
}

// A writer is a transport as an io.Writer.
type writer struct{ reactor.Transport }

func (w writer) Write(p []byte) (int, error) {
	w.Transport.Write(p)
	return len(p), nil
}

// TestConnectedServerAndClient: the greeting has arrived. Both transports are the real ones, and a test can play
// either side.
func TestConnectedServerAndClient(t *testing.T) {
	server := &peer{data: echo, made: func(p *peer) { p.WriteSequence([]byte("220 "), []byte("ready")) }}
	client := &peer{}
	pump := memory.ConnectedServerAndClient(server, client)
	if got := client.got.String(); got != "220 ready" {
		t.Errorf("the client received %q", got)
	}
	if pump.ClientIO() != client.Transport || pump.ServerIO() != server.Transport {
		t.Error("the transports are not those of the protocols")
	}
	if c, s := pump.ClientIO(), pump.ServerIO(); c.Peer().String() != s.Host().String() || s.Peer().String() != c.Host().String() {
		t.Errorf("the client's addresses are %v and %v, the server's %v and %v", c.Host(), c.Peer(), s.Host(), s.Peer())
	}
	pump.ClientIO().Write([]byte("mine"))
	pump.ServerIO().Write([]byte("ours"))
	pump.Flush()
	if server.got.String() != "mine" || client.got.String() != "220 readyoursmine" {
		t.Errorf("after the test's writes: %q and %q", server.got.String(), client.got.String())
	}
}

// TestPumpCuts: PieceSize and cuts say where both streams are cut, however the bytes were written.
func TestPumpCuts(t *testing.T) {
	for _, test := range []struct {
		name       string
		pump       memory.IOPump
		up, down   []string // what the client and the server write
		server     string   // what the server receives, in pieces
		client     string
		whenPaused bool
	}{
		{"as they come", memory.IOPump{}, []string{"abc", "def"}, []string{"12"}, "abcdef", "12", false},
		{"bytes", memory.IOPump{PieceSize: 1}, []string{"abc", "de"}, []string{"12"}, "a b c d e", "1 2", false},
		{"pieces", memory.IOPump{PieceSize: 2}, []string{"abc", "de"}, []string{"123"}, "ab cd e", "12 3", false},
		{"cuts", memory.IOPump{CutsToServer: []int{3, 1, 3, 0, -1, 99}, CutsToClient: []int{2}}, []string{"abcdef"}, []string{"123"}, "a bc def", "12 3", false},
		{"pieces and cuts", memory.IOPump{PieceSize: 2, CutsToServer: []int{3}}, []string{"abcdef"}, nil, "ab c de f", "", false},
		{"bytes during a pause", memory.IOPump{PieceSize: 1}, []string{"abc"}, []string{"12"}, "a b c", "1 2", true},
	} {
		server, client := newPieces(), newPieces()
		pump := test.pump
		pump.Connect(server, client)
		if test.whenPaused {
			server.PauseProducing()
			client.PauseProducing()
		}
		for _, text := range test.up {
			client.Write([]byte(text))
		}
		for _, text := range test.down {
			server.Write([]byte(text))
		}
		pump.Flush()
		if test.whenPaused {
			if len(server.all)+len(client.all) != 0 {
				t.Errorf("%s: received %q and %q", test.name, server.all, client.all)
			}
			server.ResumeProducing()
			client.ResumeProducing()
			if !pump.Pump() {
				t.Errorf("%s: a step that delivered bytes moved nothing", test.name)
			}
		}
		client.LoseConnection()
		pump.Flush()
		if s, c := strings.Join(server.all, " "), strings.Join(client.all, " "); s != test.server || c != test.client {
			t.Errorf("%s: the server received %q and the client %q, want %q and %q", test.name, s, c, test.server, test.client)
		}
		server.lostBy(t, test.name+": the server", reactor.ErrConnectionDone)
		client.lostBy(t, test.name+": the client", reactor.ErrConnectionDone)
	}
}

// TestPumpLargeStream: what exceeds the buffers of a connection arrives too, in order.
func TestPumpLargeStream(t *testing.T) {
	text := make([]byte, 1<<20)
	for i := range text {
		text[i] = byte(i % 251)
	}
	server, client := &peer{data: echo}, &peer{}
	pump := memory.ConnectedServerAndClient(server, client)
	client.Write(text)
	pump.Flush()
	if !bytes.Equal(server.got.Bytes(), text) || !bytes.Equal(client.got.Bytes(), text) {
		t.Errorf("the server received %d bytes, the client %d, or other ones, want %d", server.got.Len(), client.got.Len(), len(text))
	}
}

// TestPumpLoss: the loss of the connection is moved as bytes are, from either side, in order or by a reset.
func TestPumpLoss(t *testing.T) {
	for _, test := range []struct {
		name       string
		lose       func(reactor.Transport)
		own, other error
	}{
		{"in order", reactor.Transport.LoseConnection, reactor.ErrConnectionDone, reactor.ErrConnectionDone},
		{"by a reset", reactor.Transport.AbortConnection, reactor.ErrConnectionAborted, reactor.ErrConnectionReset},
		{"by StopProducing", reactor.Transport.StopProducing, reactor.ErrConnectionDone, reactor.ErrConnectionDone},
	} {
		for _, byServer := range []bool{false, true} {
			name := fmt.Sprintf("%s, by the server %t", test.name, byServer)
			server, client := &peer{}, &peer{}
			pump := memory.ConnectedServerAndClient(server, client)
			one, other := client, server
			if byServer {
				one, other = server, client
			}
			one.Write([]byte("last"))
			test.lose(one.Transport)
			one.Write([]byte("after")) // is dropped
			if len(other.lost) != 0 {
				t.Errorf("%s: lost before a step", name)
			}
			if !pump.Pump() {
				t.Errorf("%s: the loss moved nothing", name)
			}
			one.lostBy(t, name+": the one that ended it", test.own)
			other.lostBy(t, name+": the other", test.other)
			if got := other.got.String(); got != "last" && test.own == reactor.ErrConnectionDone {
				t.Errorf("%s: received %q before the end", name, got)
			}
			pump.Flush()
			if pump.Pump() || len(pump.Reactor.DelayedCalls()) != 0 {
				t.Errorf("%s: something is left: %v", name, pump.Reactor.DelayedCalls())
			}
		}
	}
}

// TestPumpHalfClose: the end of one direction leaves the other one open.
func TestPumpHalfClose(t *testing.T) {
	server, client := &halfPeer{}, &halfPeer{}
	pump := memory.ConnectedServerAndClient(server, client)
	client.LoseWriteConnection()
	pump.Flush()
	server.Write([]byte("still"))
	pump.Flush()
	if client.writeLost != 1 || server.readLost != 1 || client.got.String() != "still" || len(client.lost)+len(server.lost) != 0 {
		t.Errorf("ends %d and %d, received %q, lost %v and %v", client.writeLost, server.readLost, client.got.String(), client.lost, server.lost)
	}
}

// A strictProducer notes the calls that break the rules of a push producer.
type strictProducer struct {
	state  string // running, paused or stopped
	broken []string
}

func (p *strictProducer) to(state string, from ...string) {
	if !slices.Contains(from, p.state) {
		p.broken = append(p.broken, p.state+" to "+state)
	}
	p.state = state
}

func (p *strictProducer) PauseProducing()  { p.to("paused", "running") }
func (p *strictProducer) ResumeProducing() { p.to("running", "paused") }
func (p *strictProducer) StopProducing()   { p.to("stopped", "running", "paused") }

// TestPumpProducers: steps pause and resume a producer of either side only where a real connection does, and
// stop it at the loss.
func TestPumpProducers(t *testing.T) {
	for _, side := range []string{"server", "client"} {
		server, client := &peer{}, &peer{}
		pump := memory.ConnectedServerAndClient(server, client)
		io := map[string]reactor.Transport{"server": pump.ServerIO(), "client": pump.ClientIO()}[side]
		p := &strictProducer{state: "running"}
		if err := io.RegisterProducer(p); err != nil {
			t.Fatal(err)
		}
		for pump.Flush() {
		}
		if p.state != "running" || len(p.broken) != 0 {
			t.Errorf("%s: %s after steps that move nothing, with %q", side, p.state, p.broken)
		}
		io.Write(make([]byte, 300<<10))
		if p.state != "paused" {
			t.Errorf("%s: %s after a large write", side, p.state)
		}
		pump.Flush()
		if p.state != "running" || len(p.broken) != 0 {
			t.Errorf("%s: %s after it was moved, with %q", side, p.state, p.broken)
		}
		io.AbortConnection()
		pump.Flush()
		if p.state != "stopped" || len(p.broken) != 0 {
			t.Errorf("%s: %s after the loss, with %q", side, p.state, p.broken)
		}
	}
}

// A counter is a pull producer of so many numbers.
type counter struct {
	to    reactor.Transport
	n     int
	calls int
}

func (c *counter) ResumeProducing() {
	c.calls++
	fmt.Fprint(writer{c.to}, c.calls)
	if c.calls == c.n {
		c.to.UnregisterProducer()
	}
}

func (c *counter) StopProducing() {}

// TestPumpPullProducer: a pull producer is asked for more.
func TestPumpPullProducer(t *testing.T) {
	server, client := &peer{}, &peer{}
	pump := memory.ConnectedServerAndClient(server, client)
	if err := pump.ServerIO().RegisterPullProducer(&counter{to: pump.ServerIO(), n: 9}); err != nil {
		t.Fatal(err)
	}
	pump.Flush()
	if got := client.got.String(); got != "123456789" {
		t.Errorf("received %q", got)
	}
}

// TestPumpAdvance: Advance moves the clock, and what the calls that were due have written.
func TestPumpAdvance(t *testing.T) {
	r := memory.New()
	server, client := &peer{data: echo}, &peer{made: func(p *peer) {
		r.CallLater(time.Minute, func() { p.Write([]byte("ping")) })
	}}
	pump := memory.IOPump{Reactor: r}
	pump.Connect(server, client)
	pump.Advance(59 * time.Second)
	if server.got.Len() != 0 {
		t.Errorf("received %q too early", server.got.String())
	}
	pump.Advance(time.Second)
	if client.got.String() != "ping" {
		t.Errorf("the client received %q", client.got.String())
	}
}

// TestPumpsShareAReactor: two pumps of one reactor move what is theirs, and other connections are not held. The
// proxy in the middle is the server of one and the client of the other.
func TestPumpsShareAReactor(t *testing.T) {
	r := memory.New()
	front, back := memory.IOPump{Reactor: r}, memory.IOPump{Reactor: r}
	var in, out *peer
	in = &peer{data: func(_ *peer, b []byte) { out.Write(b) }}
	out = &peer{data: func(_ *peer, b []byte) { in.Write(bytes.ToUpper(b)) }}
	client, server := &peer{}, &peer{data: echo}
	front.Connect(in, client)
	back.Connect(server, out)
	client.Write([]byte("hello"))
	front.Flush()
	if server.got.Len() != 0 {
		t.Errorf("the front's pump moved %q at the back", server.got.String())
	}
	back.Flush()
	if server.got.String() != "hello" || client.got.Len() != 0 {
		t.Errorf("the server received %q, the client %q", server.got.String(), client.got.String())
	}
	free, other := &peer{}, &peer{data: echo}
	join(t, r, free, other)
	free.Write([]byte("free"))
	r.Pump()
	if client.got.Len() != 0 || free.got.String() != "free" {
		t.Errorf("without the pumps: the client received %q, and another connection %q", client.got.String(), free.got.String())
	}
	front.Flush()
	if client.got.String() != "HELLO" {
		t.Errorf("the client received %q", client.got.String())
	}
}

// TestPumpWithLatency: a step sends what was written, and a slow network takes its time to move it.
func TestPumpWithLatency(t *testing.T) {
	server, client := &peer{}, &peer{}
	var debug strings.Builder
	pump := memory.IOPump{Debug: &debug}
	pump.Connect(server, client)
	pump.Reactor.Latency("", "", time.Second)
	for _, text := range []string{"one", "two"} {
		client.Write([]byte(text))
		pump.Flush()
	}
	if server.got.Len() != 0 || debug.String() != "step 1\n  C: \"one\"\nstep 2\n  C: \"two\"\n" {
		t.Errorf("received %q at once; the text is %q", server.got.String(), debug.String())
	}
	pump.Reactor.RunFor(time.Second)
	if server.got.String() != "onetwo" {
		t.Errorf("received %q after a second", server.got.String())
	}
}

// TestPumpDebug: Debug gets what each step moves.
func TestPumpDebug(t *testing.T) {
	var debug strings.Builder
	server, client := &peer{data: echo}, &peer{made: func(p *peer) { p.Write([]byte("hi\r\n")) }}
	pump := memory.IOPump{Debug: &debug, PieceSize: 1}
	pump.Connect(server, client)
	pump.Flush()
	server.Write(bytes.Repeat([]byte("x"), 1002))
	client.Write([]byte("y"))
	pump.Pump()
	client.LoseConnection()
	server.AbortConnection()
	pump.Flush()
	want := `step 1
  C: "hi\r\n"
step 2
  S: "hi\r\n"
step 3
  C: "y"
  S: "` + strings.Repeat("x", 1000) + `" and 2 bytes more
step 4
  C: end
  S: "y", reset
step 5
  C: reset
`
	if got := debug.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPumpTLS: two protocols speak TLS, also if each byte comes alone.
func TestPumpTLS(t *testing.T) {
	deferred.FailOnUnhandled(t)
	clientTLS, serverTLS := ed25519Configs(t)
	for _, size := range []int{0, 1} {
		server := &peer{data: echo, made: func(p *peer) { p.Write([]byte("welcome ")) }}
		client := &peer{}
		pump := memory.IOPump{ServerTLS: serverTLS, ClientTLS: clientTLS, PieceSize: size}
		pump.Connect(server, client)
		client.Write([]byte("secret"))
		pump.Flush()
		client.LoseConnection()
		pump.Flush()
		if got := client.got.String(); got != "welcome secret" || pump.ClientIO().TLS() == nil || pump.ServerIO() != server.Transport {
			t.Errorf("pieces of %d: received %q, TLS %v", size, got, pump.ClientIO().TLS())
		}
		server.lostBy(t, "the server", reactor.ErrConnectionDone)
		if calls := pump.Reactor.DelayedCalls(); len(calls) != 0 {
			t.Errorf("pieces of %d: left behind: %v", size, calls)
		}
	}
	trusting := clientTLS.Clone()
	trusting.ServerName = "other.example"
	got := panicOf(func() {
		pump := memory.IOPump{ServerTLS: serverTLS, ClientTLS: trusting}
		pump.Connect(&peer{}, &peer{})
	})
	if !strings.Contains(got, "the two sides did not connect: TLS handshake failed") || !strings.Contains(got, "other.example") {
		t.Errorf("a failed handshake: %s", got)
	}
}

func panicOf(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

// TestPumpMisuse: a pump that cannot do what the test asks for says so.
func TestPumpMisuse(t *testing.T) {
	deferred.FailOnUnhandled(t)
	forever := &peer{data: echo, made: func(p *peer) { p.Write([]byte("ping")) }}
	clientTLS, serverTLS := ed25519Configs(t)
	connected := func(pump memory.IOPump) *memory.IOPump {
		pump.Connect(&peer{}, &peer{})
		return &pump
	}
	held := memory.New()
	held.HoldConnects()
	for _, test := range []struct {
		name, want string
		f          func()
	}{
		{"for ever", `memory: IOPump.Flush does not end: after 10000 steps there is more to move, to the server nothing, to the client "ping"`,
			func() { memory.ConnectedServerAndClient(forever, &peer{data: echo}) }},
		{"no server", "without a server or a client", func() { memory.ConnectedServerAndClient(nil, &peer{}) }},
		{"no client", "without a server or a client", func() { memory.ConnectedServerAndClient(&peer{}, nil) }},
		{"twice", "a pump that is connected", func() { connected(memory.IOPump{}).Connect(&peer{}, &peer{}) }},
		{"half TLS", "needs both ServerTLS and ClientTLS", func() { connected(memory.IOPump{ClientTLS: clientTLS}) }},
		{"negative pieces", "negative PieceSize", func() { connected(memory.IOPump{PieceSize: -1}) }},
		{"Pump", "memory: IOPump.Pump before Connect", func() { new(memory.IOPump).Pump() }},
		{"Flush", "memory: IOPump.Flush before Connect", func() { new(memory.IOPump).Flush() }},
		{"Advance", "memory: IOPump.Advance before Connect", func() { new(memory.IOPump).Advance(1) }},
		{"held", "the two sides did not connect: nothing is left to move, and the attempt goes on", func() { connected(memory.IOPump{Reactor: held}) }},
		{"a client that aborts at once", "the client ended the connection before the server's handshake was complete", func() {
			pump := memory.IOPump{ServerTLS: serverTLS, ClientTLS: clientTLS}
			pump.Connect(&peer{}, &peer{made: func(p *peer) { p.AbortConnection() }})
		}},
		{"within the loop", "called from within the loop", func() {
			var pump *memory.IOPump
			server := &peer{data: func(*peer, []byte) {
				defer func() { panic(recover()) }()
				pump.Pump()
			}}
			pump = memory.ConnectedServerAndClient(server, &peer{})
			pump.ClientIO().Write([]byte("x"))
			pump.Flush()
			panic(server.lost[0])
		}},
	} {
		if got := panicOf(test.f); !strings.Contains(got, test.want) {
			t.Errorf("%s: panic %q, want one that says %q", test.name, got, test.want)
		}
	}
}

// TestPumpPanics: a protocol that panics loses its connection, and the other side learns of it.
func TestPumpPanics(t *testing.T) {
	boom := errors.New("boom")
	for _, when := range []string{"ConnectionMade", "DataReceived"} {
		for _, inServer := range []bool{false, true} {
			bad, good := &peer{}, &peer{made: func(p *peer) { p.Write([]byte("x")) }}
			if when == "ConnectionMade" {
				bad.made = func(*peer) { panic(boom) }
			} else {
				bad.data = func(*peer, []byte) { panic(boom) }
			}
			server, client := good, bad
			if inServer {
				server, client = bad, good
			}
			memory.ConnectedServerAndClient(server, client)
			bad.lostBy(t, when+": the one that panicked", boom)
			if len(good.lost) != 1 {
				t.Errorf("%s: the other lost its connection for %v", when, good.lost)
			}
		}
	}
}
