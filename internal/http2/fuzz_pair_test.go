package http2_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file joins a Client and a Server, and has both do what a program says.

// A pair is a client and a server with the bytes between them.
type pair struct {
	t       *testing.T
	client  *side
	server  *side
	opened  int
	goneOff bool // one of them has sent GOAWAY
	choices []byte
}

// A side is one end of a pair.
type side struct {
	p       *pair
	name    string
	client  *http2.Client // one of these is nil
	server  *http2.Server
	other   *side
	wire    []byte // written, not yet delivered to other
	strict  *strictReader
	half    []byte
	streams []*flow
	eager   bool // data is consumed as it comes
	pings   int
}

// A flow is one end of a stream.
type flow struct {
	http2.Stream
	exchange         int // the same at both ends
	peer             *flow
	toSend, sent     int
	ending           bool // nothing is added to toSend
	trailer          bool
	received, unused int
	headed           bool   // a server has answered, a client got an answer
	complete         bool   // End has come
	reset            string // how the stream ended early: by "us", or by "them"
}

func (f *flow) over() bool { return f.reset != "" || f.complete && f.SentEnd() }

// content is byte i of the body of an exchange.
func content(exchange, i int, fromClient bool) byte {
	b := byte(exchange*31 + i + i>>8)
	if fromClient {
		b ^= 0x55
	}
	return b
}

func newPair(t *testing.T, choices []byte) *pair {
	p := &pair{t: t, choices: choices}
	p.client = &side{p: p, name: "client", client: &http2.Client{}, strict: readStrictly(t, true), eager: true}
	p.server = &side{p: p, name: "server", server: &http2.Server{}, strict: readStrictly(t, false), eager: true}
	p.client.other, p.server.other = p.server, p.client
	now := func() time.Time { return time.Unix(0, 0) }
	c := p.next()
	p.client.client.Init(http2.Config{StreamWindow: []int{0, 1000, 70000}[c%3], MaxBuffered: []int{0, 3000, 100000}[c/3%3], Now: now})
	p.server.server.Init(http2.Config{StreamWindow: []int{0, 500, 100000}[c/9%3], MaxBuffered: []int{0, 2000, 100000}[c/27%3], MaxStreams: []int{0, 1, 5}[c/81%3], Now: now})
	p.client.take()
	p.server.take()
	return p
}

func (p *pair) next() int {
	if len(p.choices) == 0 {
		return 0
	}
	c := p.choices[0]
	p.choices = p.choices[1:]
	return int(c)
}

// shared returns the methods of both ends.
func (s *side) shared() sharedMachine {
	if s.client != nil {
		return s.client
	}
	return s.server
}

// take puts Output on the wire.
func (s *side) take() { s.write(s.shared().Output()) }

func (s *side) write(b []byte) {
	s.wire = append(s.wire, b...)
	s.half = append(s.half, b...)
	if s.client != nil && s.strict.frames == 0 && len(s.half) >= len(xhttp2.ClientPreface) && string(s.half[:3]) == "PRI" {
		s.half = s.half[len(xhttp2.ClientPreface):]
	}
	all, rest := cut(s.half)
	for _, f := range all {
		f.settings(func(id xhttp2.SettingID, v uint32) {
			if f.kind == xhttp2.FrameSettings {
				s.other.strict.obey(xhttp2.Setting{ID: id, Val: v})
			}
		})
		s.strict.read(f.bytes())
	}
	s.half = append([]byte(nil), rest...)
}

// deliver moves n bytes of the wire to s.
func (s *side) deliver(n int) {
	t := s.p.t
	t.Helper()
	n = min(n, len(s.other.wire))
	in := append([]byte(nil), s.other.wire[:n]...)
	s.other.wire = append([]byte(nil), s.other.wire[n:]...)
	for {
		n, ev, err := s.shared().Next(in)
		in = in[n:]
		if err != nil {
			t.Fatalf("the %s fails: %v", s.name, err)
		}
		if ev == http2.NeedMore {
			break
		}
		s.event(ev)
	}
	s.send()
	s.take()
}

func (s *side) find() *flow {
	s.p.t.Helper()
	f, _ := s.shared().Stream().Owner.(*flow)
	if f == nil || f.over() && f.reset != "" {
		s.p.t.Fatalf("the %s has an event of a stream that has ended: %+v", s.name, f)
	}
	return f
}

func (s *side) event(ev http2.Event) {
	t := s.p.t
	t.Helper()
	switch ev {
	case http2.Head:
		if s.client != nil {
			f := s.find()
			if f.headed || s.client.Head().Code != 200 {
				t.Errorf("a second head on stream %d, or the code %d", f.ID(), s.client.Head().Code)
			}
			f.headed = true
			return
		}
		h := s.server.Head()
		f := &flow{}
		f.exchange, _ = strconv.Atoi(h.Header.Get("X-Exchange"))
		f.Owner = f
		if f.exchange%11 == 7 {
			s.server.Refuse(wire.RefusedStream)
			return
		}
		s.server.Accept(&f.Stream)
		f.peer = s.other.streams[f.exchange]
		f.peer.peer = f
		s.streams = append(s.streams, f)
	case http2.Informational:
		if s.find().headed {
			t.Error("an interim response after the final one")
		}
	case http2.Data:
		f := s.find()
		for _, b := range s.shared().Data() {
			if want := content(f.exchange, f.received, s.server != nil); b != want {
				t.Fatalf("byte %d of exchange %d is %d, want %d", f.received, f.exchange, b, want)
			}
			f.received++
		}
		if f.unused += len(s.shared().Data()); s.eager {
			s.consume(f, f.unused)
		}
	case http2.End:
		f := s.find()
		if f.complete || f.peer == nil || f.received != f.peer.sent || !f.peer.ending {
			t.Errorf("%s: exchange %d ends after %d bytes: %+v", s.name, f.exchange, f.received, f.peer)
		}
		if trailer := s.shared().Trailer(); f.peer.trailer != (trailer.Get("X-Sum") != "") {
			t.Errorf("exchange %d has the trailers %v", f.exchange, trailer)
		}
		f.complete = true
	case http2.Reset:
		f := s.find()
		err := s.shared().StreamError()
		if !f.Closed() || !err.Remote && !err.NotProcessed {
			t.Errorf("%s: stream %d was reset: %v", s.name, f.ID(), err)
		}
		if f.peer != nil && f.peer.reset == "" && !s.p.goneOff {
			t.Errorf("%s: nobody reset exchange %d: %v", s.name, f.exchange, err)
		}
		f.reset = "them"
	}
}

func (s *side) consume(f *flow, n int) {
	if n = min(n, f.unused); n > 0 {
		f.unused -= n
		s.shared().Consumed(&f.Stream, n)
	}
}

// send writes what there is room for.
func (s *side) send() {
	t := s.p.t
	t.Helper()
	for turn := 0; ; turn++ {
		stream, room := s.shared().Turn()
		if stream == nil {
			return
		}
		f := stream.Owner.(*flow)
		n := min(f.toSend-f.sent, room, s.shared().MaxFrame())
		if n <= 0 || f.over() || turn > 10000 {
			t.Fatalf("%s: turn %d is stream %d's, with room for %d: %+v", s.name, turn, stream.ID(), room, f)
		}
		s.sendSome(f, n)
	}
}

func (s *side) sendSome(f *flow, n int) {
	body := make([]byte, n)
	for i := range body {
		body[i] = content(f.exchange, f.sent+i, s.client != nil)
	}
	f.sent += n
	last := f.sent == f.toSend && f.ending && !f.trailer
	if f.exchange%2 == 0 && n > 0 {
		s.take()
		s.write(s.shared().DataHead(&f.Stream, n, last))
		s.write(body)
	} else {
		s.shared().WriteData(&f.Stream, body, last)
	}
	s.proceed(f)
}

// proceed waits for room, or ends the stream with trailers.
func (s *side) proceed(f *flow) {
	switch {
	case f.sent < f.toSend:
		s.shared().Wait(&f.Stream)
	case f.ending && !f.SentEnd():
		var trailer http.Header
		if f.trailer {
			trailer = http.Header{"X-Sum": {"1"}}
		}
		if err := s.shared().WriteTrailer(&f.Stream, trailer); err != nil {
			s.p.t.Errorf("WriteTrailer: %v", err)
		}
	}
}

// more adds n bytes to what f sends, and perhaps the end.
func (s *side) more(f *flow, n int, end bool) {
	if f.over() || f.ending || s.server != nil && !f.headed {
		return
	}
	waiting := f.sent < f.toSend
	f.toSend += n
	f.ending = end
	if !waiting {
		s.proceed(f)
	}
	s.send()
	s.take()
}

// respond answers f.
func (s *side) respond(f *flow, interim bool) {
	if f.over() || f.headed {
		return
	}
	if interim {
		s.server.Inform(&f.Stream, 103, http.Header{"Link": {"</a>"}})
	} else {
		f.headed = true
		if err := s.server.Respond(&f.Stream, &http2.ResponseHead{Code: 200, Header: http.Header{"X-A": {"b"}}, Length: -1}, false); err != nil {
			s.p.t.Errorf("Respond: %v", err)
		}
	}
	s.take()
}

func (s *side) reset(f *flow) {
	if f.over() || f.Closed() {
		return
	}
	s.shared().Unwait(&f.Stream)
	s.shared().Reset(&f.Stream, wire.Cancel)
	f.reset = "us"
	s.take()
}

// open makes a request.
func (p *pair) open() {
	s := p.client
	if !s.client.CanOpen() {
		return
	}
	c := p.next()
	f := &flow{exchange: p.opened, trailer: c&1 != 0}
	p.opened++
	f.Owner = f
	f.Urgency, f.Incremental = uint8(c>>1)%8, c&16 != 0
	end := c&32 != 0
	h := &http2.RequestHead{Method: "POST", Scheme: "http", Authority: "an.example", Path: "/", Header: http.Header{"X-Exchange": {strconv.Itoa(f.exchange)}}, Length: -1}
	if f.ending = end; end {
		f.trailer, h.Length = false, 0
	}
	if err := s.client.Open(&f.Stream, h, end); err != nil {
		p.t.Fatalf("Open: %v", err)
	}
	s.streams = append(s.streams, f)
	s.take()
}

// pick chooses a stream.
func (s *side) pick() *flow {
	if len(s.streams) == 0 {
		return &flow{reset: "none"}
	}
	return s.streams[max(0, len(s.streams)-1-s.p.next()%8)]
}

func (p *pair) step() {
	c := p.next()
	s := p.client
	if c&16 != 0 {
		s = p.server
	}
	switch c % 16 {
	case 0, 1:
		p.open()
	case 2, 3, 4:
		s.deliver([]int{1, 8, 9, 10, 30, 100, 1000, 1 << 30}[c>>5])
	case 5, 6:
		s.more(s.pick(), []int{0, 1, 10, 1000, 3000, 10000, 20000, 70000}[c>>5], false)
	case 7:
		s.more(s.pick(), []int{0, 100}[c>>5&1], true)
	case 8:
		if f := s.pick(); s.server != nil {
			s.respond(f, c>>5%4 == 3)
		} else {
			p.open()
		}
	case 9:
		s.reset(s.pick())
	case 10:
		f := s.pick()
		s.consume(f, []int{1, 100, 5000, 1 << 30}[c>>5%4])
		s.take()
	case 11:
		s.eager = c&32 != 0
	case 12:
		s.shared().Ping([8]byte{byte(c)})
		s.pings++
		s.take()
	case 13:
		if c>>5 == 7 {
			p.goneOff = true
			if s.server != nil && c&1 != 0 {
				s.server.Shutdown()
			} else {
				s.shared().GoAway(wire.NoError, "bye")
			}
			s.take()
		}
	case 14:
		p.server.deliver(1 << 30)
		p.client.deliver(1 << 30)
	}
}

// finish lets everything end, and checks what is left.
func (p *pair) finish() {
	t := p.t
	t.Helper()
	for round := 0; ; round++ {
		for _, s := range []*side{p.client, p.server} {
			s.eager = true
			for _, f := range s.streams {
				if s.server != nil {
					s.respond(f, false)
				}
				if s.more(f, 0, true); f.reset == "" {
					s.consume(f, 1<<30)
				}
			}
			s.take()
		}
		p.server.deliver(1 << 30)
		p.client.deliver(1 << 30)
		if len(p.client.wire)+len(p.server.wire) == 0 && p.client.shared().Streams()+p.server.shared().Streams() == 0 {
			break
		}
		if round == 1000 {
			t.Fatalf("after %d rounds, %d and %d streams are open", round, p.client.shared().Streams(), p.server.shared().Streams())
		}
	}
	for _, s := range []*side{p.client, p.server} {
		for _, f := range s.streams {
			if !f.over() || !f.Closed() {
				t.Errorf("%s: exchange %d has not ended: %+v", s.name, f.exchange, f)
			}
			if f.peer != nil && f.reset == "" && f.peer.reset == "" && (f.received != f.peer.toSend || f.peer.sent != f.peer.toSend) {
				t.Errorf("%s: exchange %d has %d bytes of %d", s.name, f.exchange, f.received, f.peer.toSend)
			}
		}
		send, _ := http2.Windows(s.shared())
		_, receive := http2.Windows(s.other.shared())
		if send != receive {
			t.Errorf("%s: the window to send is %d, the other's to receive is %d", s.name, send, receive)
		}
		if held, full := http2.Held(s.other.shared()); held != 0 || receive < full/2-1 || receive > full {
			t.Errorf("%s: the window to receive is %d at the end, of %d, and %d bytes are held", s.other.name, receive, full, held)
		}
		if n := kept(s.shared()); n > 96<<10 {
			t.Errorf("the %s keeps %d bytes: %s", s.name, n, keptBy(s.shared()))
		}
	}
}

// runPair runs a program.
func runPair(t *testing.T, choices []byte) *pair {
	t.Helper()
	p := newPair(t, choices)
	for steps := 0; len(p.choices) > 0 && steps < 300; steps++ {
		p.step()
	}
	p.finish()
	return p
}

func FuzzPair(f *testing.F) {
	for _, seed := range seedPrograms() {
		f.Add(seed)
	}
	f.Fuzz(runPairFor)
}

func runPairFor(t *testing.T, choices []byte) { runPair(t, choices) }

// TestPairs runs programs of a simple generator.
func TestPairs(t *testing.T) {
	programs := 300
	if raceEnabled {
		programs = 40
	}
	state := uint64(2)
	exchanges, resets, bytes := 0, 0, 0
	for n := range programs {
		choices := make([]byte, 600)
		for i := range choices {
			state = state*6364136223846793005 + 1442695040888963407
			choices[i] = byte(state >> 56)
		}
		p := runPair(t, choices)
		for _, f := range p.client.streams {
			exchanges++
			if f.reset != "" {
				resets++
			}
			bytes += f.received + f.sent
		}
		if t.Failed() {
			t.Fatalf("program %d: %q", n, choices)
		}
	}
	t.Logf("%d programs, %d exchanges, %d of them reset, %d bytes", programs, exchanges, resets, bytes)
	if exchanges < programs || resets == 0 || bytes < programs*1000 {
		t.Errorf("the programs did little")
	}
}
