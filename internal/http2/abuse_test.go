package http2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has the attacks on HTTP/2 that are known, each with what it may cost and what the attacker is told; and the
// behaviour of honest peers that looks like one.

// An attack is what a hostile peer sends. Its cost is counted in bytes that the machine allocates, keeps and sends, and
// in events: they are the same in each run, where times are not.
type attack struct {
	name   string
	first  func(f *frames)        // what is sent first
	each   func(f *frames, i int) // what is sent again and again
	repeat int                    // so often at most; 0: 10,000

	within int       // the repetition in which the connection ends at the latest; 0: it does not end
	code   wire.Code // what the peer is told then
	kind   wire.Kind
	resets map[wire.Code]bool // the codes of the streams that are reset

	allocated int // bytes for one repetition at most; 0: 2 KiB
	sent      int // bytes that are sent for one repetition at most; 0: 200
	events    int // for one repetition; 0: 8
	kept      int // bytes in all; 0: 128 KiB

	pace   time.Duration // the clock moves by it with each repetition
	config http2.Config
}

// A victim is a machine whose program answers each request as its path says, and sends what there is room for.
type victim struct {
	t      testing.TB
	server *http2.Server
	client *http2.Client
	now    time.Time
	strict *strictReader
	events int
	sent   int
	err    error
	bodies map[*http2.Stream]int // how much is still to be sent
	total  int                   // bytes of bodies that were sent
	got    int                   // bytes of bodies that came
	resets map[wire.Code]int
	half   []byte
	zeros  [16384]byte
	open   func(*victim) // a client makes its next request
}

func newVictim(t testing.TB, config http2.Config) *victim {
	v := &victim{t: t, now: time.Unix(0, 0), bodies: map[*http2.Stream]int{}, resets: map[wire.Code]int{}}
	config.Now = func() time.Time { return v.now }
	v.server = &http2.Server{}
	v.server.Init(config)
	v.strict = readStrictly(t, false)
	v.take()
	return v
}

func newClientVictim(t testing.TB, config http2.Config) *victim {
	v := &victim{t: t, now: time.Unix(0, 0), bodies: map[*http2.Stream]int{}, resets: map[wire.Code]int{}}
	config.Now = func() time.Time { return v.now }
	v.client = &http2.Client{}
	v.client.Init(config)
	v.strict = readStrictly(t, true)
	return v
}

func (v *victim) shared() sharedMachine {
	if v.server != nil {
		return v.server
	}
	return v.client
}

// take reads Output, strictly.
func (v *victim) take() {
	out := v.shared().Output()
	if len(out) == 0 {
		return
	}
	v.sent += len(out)
	if v.strict == nil {
		return
	}
	v.half = append(v.half, out...)
	if v.client != nil && v.strict.frames == 0 {
		if len(v.half) < len(xhttp2.ClientPreface) {
			return
		}
		v.half = v.half[len(xhttp2.ClientPreface):]
	}
	all, rest := cut(v.half)
	for _, f := range all {
		v.strict.read(f.bytes())
	}
	v.half = bytes.Clone(rest)
}

// feed gives in to the machine, and reports whether the connection goes on.
func (v *victim) feed(in []byte) bool {
	m := v.shared()
	for {
		n, ev, err := m.Next(in)
		in = in[n:]
		if err != nil {
			v.err = err
			v.take()
			return false
		}
		switch ev {
		case http2.NeedMore:
			v.flush()
			v.take()
			return true
		case http2.Head:
			if v.server != nil {
				v.request()
			}
		case http2.Data:
			v.got += len(m.Data())
			if m.Stream().Owner == "/echo" {
				v.echo(m.Stream(), len(m.Data()))
			}
			if m.Stream().Owner != "/hold" {
				m.Consumed(m.Stream(), len(m.Data()))
			}
		case http2.End:
			v.ended(m.Stream())
		case http2.Reset:
			v.resets[m.StreamError().Code]++
			delete(v.bodies, m.Stream())
			if v.open != nil {
				v.open(v)
			}
		}
		v.events++
	}
}

// request answers a request: /wait and /hold never, /big with 1 MiB, any other at its end. The content of /hold is not
// consumed, that of /echo is sent back.
func (v *victim) request() {
	h := v.server.Head()
	s := &http2.Stream{Owner: h.Path}
	v.server.Accept(s)
	if h.Err != nil {
		var e *wire.Error
		errors.As(h.Err, &e)
		v.server.Respond(s, &http2.ResponseHead{Code: e.Kind.Status(), Header: http.Header{}}, true)
	}
}

// echo sends as much as has come.
func (v *victim) echo(s *http2.Stream, n int) {
	if v.bodies[s] == 0 {
		v.bodies[s] = 1 << 30
		v.server.Respond(s, &http2.ResponseHead{Code: 200, Header: http.Header{}, Length: -1}, false)
	}
	v.bodies[s] -= n
	v.server.WriteData(s, v.zeros[:n], false)
}

func (v *victim) ended(s *http2.Stream) {
	if v.server == nil {
		if v.open != nil {
			v.open(v)
		}
		return
	}
	if s.SentEnd() || s.Closed() {
		return
	}
	switch path, _ := s.Owner.(string); path {
	case "/wait", "/hold":
	case "/big":
		v.server.Respond(s, &http2.ResponseHead{Code: 200, Header: http.Header{}, Length: 1 << 20}, false)
		v.bodies[s] = 1 << 20
		v.server.Wait(s)
	default:
		v.server.Respond(s, &http2.ResponseHead{Code: 200, Header: http.Header{}, Length: 5}, false)
		v.bodies[s] = 5
		v.server.Wait(s)
	}
}

// flush sends what there is room for.
func (v *victim) flush() {
	m := v.shared()
	for {
		s, n := m.Turn()
		if s == nil {
			return
		}
		n = min(n, v.bodies[s], len(v.zeros), m.MaxFrame())
		v.bodies[s] -= n
		v.total += n
		m.WriteData(s, v.zeros[:n], v.bodies[s] == 0)
		if v.bodies[s] > 0 {
			m.Wait(s)
		} else {
			delete(v.bodies, s)
		}
		if v.strict == nil {
			v.take()
		}
	}
}

// underRace is how often an attack that does not end the connection is repeated under the race detector: more often than
// an account lasts, or twice if the input is large.
func (a *attack) underRace() int {
	if a.allocated > 64<<10 {
		return 2
	}
	return floodFrames
}

func totalAlloc() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// run attacks v, and checks the cost.
func (a *attack) run(v *victim, f *frames) {
	t := v.t
	t.Helper()
	if a.first != nil {
		a.first(f)
	}
	repeat, kept1 := a.repeat, 0
	if repeat == 0 {
		repeat = 10_000
	}
	if raceEnabled && a.within == 0 {
		repeat = min(repeat, a.underRace())
	}
	alive := v.feed(f.take())
	var strict *strictReader
	strict, v.strict = v.strict, nil // it allocates
	done, allocated := 0, uint64(0)
	sent, events, got := v.sent, v.events, 0
	for alive && done < repeat {
		var batch [][]byte
		for i := range min(100, repeat-done) {
			a.each(f, done+i)
			batch = append(batch, f.take())
		}
		before := totalAlloc()
		for _, in := range batch {
			v.now = v.now.Add(a.pace)
			got += len(in)
			if alive = v.feed(in); !alive {
				break
			}
			done++
		}
		allocated += totalAlloc() - before
		kept1 = max(kept1, kept(v.shared()))
	}
	v.strict = strict
	sent, events = v.sent-sent, v.events-events

	// What it cost.
	per := func(n, limit int) bool { return n <= (done+1)*limit }
	if limit := or(a.allocated, 2<<10); !raceEnabled && !per(int(allocated), limit) && allocated > 1<<20 {
		t.Errorf("%d repetitions allocate %d bytes each, %d in all", done, int(allocated)/(done+1), allocated)
	}
	if limit := or(a.sent, 200); !per(sent, limit) {
		t.Errorf("%d repetitions make the machine send %d bytes", done, sent)
	}
	if limit := or(a.events, 8); !per(events, limit) {
		t.Errorf("%d repetitions make %d events", done, events)
	}
	if limit := or(a.kept, 128<<10); kept1 > limit {
		t.Errorf("the machine keeps %d bytes", kept1)
	}

	// What the peer is told.
	var failed *wire.ConnectionError
	switch errors.As(v.err, &failed); {
	case a.within == 0 && v.err != nil:
		t.Errorf("after %d repetitions, the connection ends: %v", done, v.err)
	case a.within != 0 && v.err == nil:
		t.Errorf("after %d repetitions, the connection goes on", done)
	case a.within != 0 && (failed == nil || failed.Code != a.code || failed.Kind != a.kind):
		t.Errorf("the connection ends with %v, want %v and %q", v.err, a.code, a.kind)
	case a.within != 0 && done > a.within:
		t.Errorf("the connection ends after %d repetitions, want %d at most", done, a.within)
	}
	for code, n := range v.resets {
		if !a.resets[code] && n > 0 {
			t.Errorf("%d streams were reset with %v", n, code)
		}
	}
	for code := range a.resets {
		if v.resets[code] == 0 {
			t.Errorf("no stream was reset with %v", code)
		}
	}
	t.Logf("%d times, %d bytes in: %d bytes allocated, %d kept, %d sent, %d events; %v", done, got, allocated, kept1, sent, events, v.err)
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// id is the number of the i-th stream of a client.
func id(i int) uint32 { return uint32(2*i + 1) }

// flood is how much is taken before the peer is told to calm down: what it may do at once, and what it may do a second.
const (
	floodStreams = 2100
	floodFrames  = 4100
)

// nameless is the number of fields without a name in a header block.
var nameless = map[bool]int{false: 1000, true: 50}[raceEnabled]

func calm(a attack, within int) attack {
	a.within, a.code, a.kind = within, wire.EnhanceYourCalm, wire.ErrFlood
	return a
}

func (a attack) allocating(n int) attack {
	a.allocated = n
	return a
}

func codes(all ...wire.Code) map[wire.Code]bool {
	m := map[wire.Code]bool{}
	for _, c := range all {
		m[c] = true
	}
	return m
}

// madeReset is an attack of CVE-2025-8671: the client opens streams and has the server reset them.
func madeReset(name string, code wire.Code, each func(f *frames, id uint32)) attack {
	a := calm(attack{name: "made reset: " + name, each: func(f *frames, i int) { each(f, id(i)) }}, floodStreams)
	if code != 0 {
		a.resets = codes(code)
	}
	return a
}

// bomb fills the table with one entry of 4,000 bytes, and returns a block that names it n times.
func bomb(f *frames, n int) []byte {
	f.headers(1, true, ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "x-a", strings.Repeat("a", 4000))
	return append(f.encode(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"), bytes.Repeat([]byte{0xbe}, n)...)
}

func setting(id xhttp2.SettingID, v uint32) xhttp2.Setting { return xhttp2.Setting{ID: id, Val: v} }

// serverAttacks are attacks of clients.
func serverAttacks() []attack {
	const pad = 255
	var block []byte
	return []attack{
		// CVE-2023-44487.
		calm(attack{name: "rapid reset", each: func(f *frames, i int) { f.get(id(i), "/wait").rst(id(i), 8) }, resets: codes(wire.Cancel)}, floodStreams),
		calm(attack{name: "rapid reset of uploads", each: func(f *frames, i int) { f.post(id(i), "/wait").data(id(i), false, []byte("a")).rst(id(i), 0) }, resets: codes(wire.NoError)}, floodStreams),

		// CVE-2025-8671.
		madeReset("zero window", wire.ProtocolError, func(f *frames, id uint32) { f.get(id, "/wait").window(id, 0) }),
		madeReset("window overflow", wire.FlowControlError, func(f *frames, id uint32) { f.get(id, "/wait").window(id, 1<<31-1) }),
		madeReset("data after END_STREAM", wire.StreamClosed, func(f *frames, id uint32) { f.get(id, "/wait").data(id, false, []byte("a")) }),
		madeReset("head after END_STREAM", wire.StreamClosed, func(f *frames, id uint32) { f.get(id, "/wait").headers(id, true, "a", "b") }),
		madeReset("content-length less", wire.ProtocolError, func(f *frames, id uint32) { f.post(id, "/wait", "content-length", "5").data(id, true, []byte("abc")) }),
		madeReset("content-length more", wire.ProtocolError, func(f *frames, id uint32) { f.post(id, "/wait", "content-length", "2").data(id, false, []byte("abc")) }),
		madeReset("content-length of END_STREAM", 0, func(f *frames, id uint32) { f.get(id, "/wait", "content-length", "5") }),
		madeReset("trailers without END_STREAM", wire.ProtocolError, func(f *frames, id uint32) { f.post(id, "/wait").headers(id, false, "a", "b") }),
		madeReset("pseudo-header in trailers", wire.ProtocolError, func(f *frames, id uint32) { f.post(id, "/wait").headers(id, true, ":path", "/") }),
		madeReset("priority on itself", wire.ProtocolError, func(f *frames, id uint32) {
			f.get(id, "/wait")
			f.framer.WritePriority(id, xhttp2.PriorityParam{StreamDep: id})
		}),
		madeReset("malformed head", 0, func(f *frames, id uint32) { f.get(id, "/wait", "X-A", "b") }),
		madeReset("window of the stream exceeded", wire.FlowControlError, func(f *frames, id uint32) {
			f.post(id, "/hold")
			for range 5 { // more than the 64 KiB of a stream, less than the connection's window
				f.data(id, false, f.zeros[:16384])
			}
		}),

		// CVE-2024-27316: CONTINUATION.
		{name: "endless CONTINUATION", first: func(f *frames) { f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1}) },
			each: func(f *frames, i int) {
				f.framer.WriteContinuation(1, false, bytes.Repeat([]byte{0, 1, 'a', 1, 'b'}, 3000))
			},
			within: 30, code: wire.EnhanceYourCalm, kind: wire.ErrHeadersTooLarge, allocated: 64 << 10, kept: 512 << 10},
		calm(attack{name: "small CONTINUATION", first: func(f *frames) { f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1}) },
			each: func(f *frames, i int) { f.framer.WriteContinuation(1, false, []byte{0, 1, 'a', 1, 'b'}) }}, floodFrames),
		calm(attack{name: "empty CONTINUATION", first: func(f *frames) { f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1}) },
			each: func(f *frames, i int) { f.framer.WriteContinuation(1, false, nil) }}, floodFrames),
		calm(attack{name: "many blocks with empty CONTINUATION", each: func(f *frames, i int) {
			block := f.encode(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a")
			f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id(i), EndStream: true})
			for range 20 {
				f.framer.WriteContinuation(id(i), false, nil)
			}
			f.framer.WriteContinuation(id(i), true, block)
		}}, floodFrames/10),

		// CVE-2019-9511: data dribble.
		// One byte a frame, which the attacker pays for with a frame of its own.
		{name: "data dribble", first: func(f *frames) {
			f.settings(setting(xhttp2.SettingInitialWindowSize, 0))
			for i := range 100 {
				f.get(id(i), "/big")
			}
		}, each: func(f *frames, i int) { f.window(id(i%100), 1) }, allocated: 100, sent: 10, events: 1},
		calm(attack{name: "data dribble by settings", first: func(f *frames) {
			f.settings(setting(xhttp2.SettingInitialWindowSize, 0))
			for i := range 100 {
				f.get(id(i), "/big")
			}
		}, each: func(f *frames, i int) { f.settings(setting(xhttp2.SettingInitialWindowSize, uint32(i+1))) }, sent: 1100, allocated: 10 << 10}, 210),
		// CVE-2019-9512: PING; 9515: SETTINGS.
		calm(attack{name: "PING", each: func(f *frames, i int) { f.ping(false, [8]byte{byte(i)}) }}, floodFrames),
		calm(attack{name: "PING ACK", each: func(f *frames, i int) { f.ping(true, [8]byte{byte(i)}) }}, floodFrames),
		calm(attack{name: "SETTINGS", each: func(f *frames, i int) { f.settings() }}, floodFrames),
		calm(attack{name: "SETTINGS of one parameter", each: func(f *frames, i int) { f.settings(setting(xhttp2.SettingHeaderTableSize, uint32(i%2)*4096)) }}, floodFrames),
		calm(attack{name: "SETTINGS with many parameters", first: func(f *frames) {
			for i := range 100 {
				f.get(id(i), "/wait")
			}
		}, each: func(f *frames, i int) {
			f.settings(slicesRepeat(2700, setting(xhttp2.SettingInitialWindowSize, 0), setting(xhttp2.SettingInitialWindowSize, 65535))...)
		}}, 100),
		calm(attack{name: "SETTINGS ACK", each: func(f *frames, i int) { f.ack() }}, floodFrames),
		// CVE-2019-9513: priorities.
		calm(attack{name: "PRIORITY", first: func(f *frames) { f.get(1, "/wait").get(3, "/wait") },
			each: func(f *frames, i int) {
				f.framer.WritePriority(uint32(1+2*(i%2)), xhttp2.PriorityParam{StreamDep: uint32(3 - 2*(i%2)), Weight: 1})
			}}, floodFrames),
		calm(attack{name: "PRIORITY of idle streams", each: func(f *frames, i int) { f.framer.WritePriority(id(i), xhttp2.PriorityParam{StreamDep: id(i + 1)}) }}, floodFrames),
		calm(attack{name: "PRIORITY_UPDATE", first: func(f *frames) { f.get(1, "/wait") },
			each: func(f *frames, i int) { f.framer.WritePriorityUpdate(1, fmt.Sprintf("u=%d, i", i%8)) }}, floodFrames),
		calm(attack{name: "PRIORITY_UPDATE of idle streams", each: func(f *frames, i int) { f.framer.WritePriorityUpdate(id(i), "u=1") }}, floodFrames),
		{name: "priority of an idle stream on itself", each: func(f *frames, i int) { f.framer.WritePriority(1, xhttp2.PriorityParam{StreamDep: 1}) },
			within: 1, code: wire.ProtocolError, kind: wire.ErrFrame},
		// CVE-2019-9514: frames that make the server reset.
		calm(attack{name: "RST_STREAM again and again", first: func(f *frames) { f.get(1, "/wait") }, each: func(f *frames, i int) { f.rst(1, 8) }, resets: codes(wire.Cancel)}, floodFrames),
		calm(attack{name: "DATA on a stream that was reset", first: func(f *frames) { f.post(1, "/wait").window(1, 0) }, each: func(f *frames, i int) { f.data(1, false, []byte("a")) }, resets: codes(wire.ProtocolError)}, floodFrames),
		calm(attack{name: "HEADERS on a stream that was reset", first: func(f *frames) { f.post(1, "/wait").window(1, 0) }, each: func(f *frames, i int) { f.headers(1, false, "a", "b") }, resets: codes(wire.ProtocolError)}, floodFrames),
		calm(attack{name: "WINDOW_UPDATE on a stream that was reset", first: func(f *frames) { f.post(1, "/wait").rst(1, 8) }, each: func(f *frames, i int) { f.window(1, 1) }, resets: codes(wire.Cancel)}, floodFrames),
		calm(attack{name: "streams beyond the limit", first: func(f *frames) {
			for i := range 100 {
				f.get(id(i), "/wait")
			}
		}, each: func(f *frames, i int) { f.get(id(i+100), "/wait") }}, floodStreams),
		// CVE-2019-9516: headers without a name.
		madeReset("fields without a name", 0, func(f *frames, id uint32) {
			block := f.encode(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a")
			f.headerBlock(id, true, append(block, bytes.Repeat([]byte{0, 0, 0}, nameless)...))
		}).allocating(128 << 10),
		calm(attack{name: "trailers without a name", each: func(f *frames, i int) {
			f.post(id(i), "/wait").headerBlock(id(i), true, bytes.Repeat([]byte{0, 0, 0}, nameless))
		}, resets: codes(wire.ProtocolError)}, floodStreams).allocating(64 << 10),
		// CVE-2019-9517: internal data buffering. What is not consumed by the client is not sent.
		{name: "windows never opened", first: func(f *frames) { f.settings(setting(xhttp2.SettingInitialWindowSize, 0)) },
			each: func(f *frames, i int) { f.get(id(i), "/big") }, repeat: 100, allocated: 8 << 10},
		// CVE-2019-9518: empty frames.
		calm(attack{name: "empty DATA", first: func(f *frames) { f.post(1, "/wait") }, each: func(f *frames, i int) { f.data(1, false, nil) }}, floodFrames),
		calm(attack{name: "DATA of an empty padding", first: func(f *frames) { f.post(1, "/wait") }, each: func(f *frames, i int) { f.padded(1, false, nil, 0) }}, floodFrames),
		calm(attack{name: "DATA of padding only", first: func(f *frames) { f.post(1, "/wait") }, each: func(f *frames, i int) { f.padded(1, false, nil, pad) }}, floodFrames),
		calm(attack{name: "unknown frames", each: func(f *frames, i int) { f.raw(0xb, 0, 0, nil) }}, floodFrames),
		calm(attack{name: "large unknown frames", each: func(f *frames, i int) { f.raw(0xb, 0, 0, f.zeros[:16384]) }}, floodFrames),
		calm(attack{name: "ALTSVC", each: func(f *frames, i int) { f.raw(0xa, 0, 0, []byte("\x00\x01ah3=\":443\"")) }}, floodFrames),
		calm(attack{name: "ORIGIN", each: func(f *frames, i int) { f.raw(0xc, 0, 0, []byte("\x00\x08http://a")) }}, floodFrames),
		calm(attack{name: "GOAWAY", each: func(f *frames, i int) { f.goaway(0, 0, "bye") }}, floodFrames),
		calm(attack{name: "WINDOW_UPDATE", each: func(f *frames, i int) { f.window(0, 1) }}, floodFrames),

		// Header lists and HPACK.
		{name: "header list: many fields", each: func(f *frames, i int) {
			fields := []string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"}
			for n := range 2000 {
				fields = append(fields, "x-"+itoa(n%700), "")
			}
			f.headers(id(i), true, fields...)
		}, repeat: 30, allocated: 200 << 10, kept: 256 << 10},
		{name: "header list: large", each: func(f *frames, i int) {
			f.get(id(i), "/", "x-a", strings.Repeat("ab", 60_000), "x-b", strings.Repeat("ab", 60_000))
		}, repeat: 20, allocated: 1 << 20, kept: 768 << 10},
		{name: "bomb: an entry named often", first: func(f *frames) { block = bomb(f, 16000) },
			each: func(f *frames, i int) { f.headerBlock(id(i+1), true, block) }, repeat: 40, allocated: 256 << 10},
		{name: "bomb: cookies", first: func(f *frames) {
			f.get(1, "/", "cookie", strings.Repeat("a", 3900))
			block = append(f.encode(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"), bytes.Repeat([]byte{0xbf}, 16000)...)
		}, each: func(f *frames, i int) { f.headerBlock(id(i+1), true, block) }, repeat: 40, allocated: 512 << 10},
		{name: "table size updates", each: func(f *frames, i int) {
			f.headerBlock(id(i), true, append(bytes.Repeat([]byte{0x20, 0x3f, 0xe1, 0x1f}, 4000), f.encode(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a")...))
		}, within: 1, code: wire.CompressionError, kind: wire.ErrHeaderBlock},
		{name: "huge integer", each: func(f *frames, i int) {
			f.headerBlock(1, true, append([]byte{0x7f}, bytes.Repeat([]byte{0xff}, 10000)...))
		},
			within: 1, code: wire.CompressionError, kind: wire.ErrHeaderBlock, allocated: 256 << 10},
		{name: "huge string announced", each: func(f *frames, i int) { f.headerBlock(1, true, []byte{0x00, 0x7f, 0xff, 0xff, 0xff, 0x7f, 'a'}) },
			within: 1, code: wire.CompressionError, kind: wire.ErrHeaderBlock, allocated: 256 << 10},
		{name: "huffman garbage", each: func(f *frames, i int) {
			f.headerBlock(1, true, append([]byte{0x00, 0xff, 0x80, 0x7d}, bytes.Repeat([]byte{0xff}, 16000)...))
		},
			within: 1, code: wire.CompressionError, kind: wire.ErrHeaderBlock, allocated: 256 << 10},
		{name: "table size beyond the setting", each: func(f *frames, i int) { f.headerBlock(1, true, []byte{0x3f, 0xe2, 0x1f}) },
			within: 1, code: wire.CompressionError, kind: wire.ErrHeaderBlock},
		{name: "index 0", each: func(f *frames, i int) { f.headerBlock(1, true, []byte{0x80}) }, within: 1, code: wire.CompressionError, kind: wire.ErrHeaderBlock},

		// Windows and numbers.
		{name: "the connection's window overflows", each: func(f *frames, i int) { f.window(0, 1<<31-1) }, within: 1, code: wire.FlowControlError, kind: wire.ErrFlowControl},
		{name: "a stream's window overflows by settings", first: func(f *frames) { f.get(1, "/wait").window(1, 1<<31-1-65535) },
			each: func(f *frames, i int) { f.settings(setting(xhttp2.SettingInitialWindowSize, 65536)) }, within: 1, code: wire.FlowControlError, kind: wire.ErrFlowControl},
		{name: "the connection's window exceeded", config: http2.Config{MaxBuffered: 65535}, first: func(f *frames) { f.post(1, "/hold").post(3, "/hold") },
			each: func(f *frames, i int) { f.data(id(i%2), false, f.zeros[:10000]) }, within: 6, code: wire.FlowControlError, kind: wire.ErrFlowControl},
		{name: "numbers going down", first: func(f *frames) { f.get(5, "/wait") }, each: func(f *frames, i int) { f.get(3, "/wait") }, within: 1, code: wire.ProtocolError, kind: wire.ErrStreamState},
		{name: "even numbers", each: func(f *frames, i int) { f.get(2, "/wait") }, within: 1, code: wire.ProtocolError, kind: wire.ErrStreamState},
		{name: "DATA on an idle stream", each: func(f *frames, i int) { f.data(1, false, nil) }, within: 1, code: wire.ProtocolError, kind: wire.ErrStreamState},
		{name: "RST_STREAM on an idle stream", each: func(f *frames, i int) { f.rst(1, 8) }, within: 1, code: wire.ProtocolError, kind: wire.ErrStreamState},
		{name: "WINDOW_UPDATE on an idle stream", each: func(f *frames, i int) { f.window(1, 1) }, within: 1, code: wire.ProtocolError, kind: wire.ErrStreamState},
		{name: "PUSH_PROMISE", each: func(f *frames, i int) {
			f.framer.WritePushPromise(xhttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		}, within: 1, code: wire.ProtocolError, kind: wire.ErrFrame},
		{name: "a frame of 16 MiB", each: func(f *frames, i int) {
			f.buf.Write([]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1})
		}, within: 1, code: wire.FrameSizeError, kind: wire.ErrFrameSize},
	}
}

func itoa(n int) string { return fmt.Sprint(n) }

func slicesRepeat[T any](n int, of ...T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = of[i%len(of)]
	}
	return all
}

// TestAttacksOnServer attacks a Server.
func TestAttacksOnServer(t *testing.T) {
	for _, a := range serverAttacks() {
		t.Run(a.name, func(t *testing.T) {
			f := opened(true).ack()
			a.run(newVictim(t, a.config), f)
		})
	}
}

// clientAttacks are attacks of servers on a client that asks again whenever a response has ended.
func clientAttacks() []attack {
	var block []byte
	newest := func(i int) uint32 { return id(i) } // each repetition ends one request, and the client makes the next
	return []attack{
		{name: "interim responses", each: func(f *frames, i int) { f.headers(1, false, ":status", "103", "link", "</a>") }, resets: codes(wire.ProtocolError), repeat: 70},
		{name: "interim responses, all streams", each: func(f *frames, i int) {
			for range 70 {
				f.headers(newest(i), false, ":status", "103", "link", "</a>")
			}
		}, resets: codes(wire.ProtocolError), repeat: 100, events: 100, allocated: 64 << 10},
		{name: "endless trailers", first: func(f *frames) {
			f.headers(1, false, ":status", "200")
			f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, EndStream: true})
		}, each: func(f *frames, i int) {
			f.framer.WriteContinuation(1, false, bytes.Repeat([]byte{0, 1, 'a', 1, 'b'}, 3000))
		},
			within: 30, code: wire.EnhanceYourCalm, kind: wire.ErrHeadersTooLarge, allocated: 64 << 10, kept: 512 << 10},
		{name: "data beyond content-length", each: func(f *frames, i int) {
			f.headers(newest(i), false, ":status", "200", "content-length", "2").data(newest(i), true, []byte("abc"))
		},
			resets: codes(wire.ProtocolError), repeat: 200},
		{name: "less data than content-length", each: func(f *frames, i int) {
			f.headers(newest(i), false, ":status", "200", "content-length", "5").data(newest(i), true, []byte("abc"))
		},
			resets: codes(wire.ProtocolError), repeat: 200},
		{name: "data of a HEAD", each: func(f *frames, i int) {
			f.headers(newest(i), false, ":status", "204").data(newest(i), true, []byte("abc"))
		},
			resets: codes(wire.ProtocolError), repeat: 200},
		{name: "data before the head", each: func(f *frames, i int) { f.data(newest(i), true, []byte("abc")) }, resets: codes(wire.ProtocolError), repeat: 200},
		{name: "no status", each: func(f *frames, i int) { f.headers(newest(i), true, "a", "b") }, resets: codes(wire.ProtocolError), repeat: 200},
		{name: "status abc", each: func(f *frames, i int) { f.headers(newest(i), true, ":status", "abc") }, resets: codes(wire.ProtocolError), repeat: 200},
		{name: "status 101", each: func(f *frames, i int) { f.headers(newest(i), false, ":status", "101") }, resets: codes(wire.ProtocolError), repeat: 200},
		{name: "interim response with END_STREAM", each: func(f *frames, i int) { f.headers(newest(i), true, ":status", "103") }, resets: codes(wire.ProtocolError), repeat: 200},
		{name: "transfer-encoding", each: func(f *frames, i int) { f.headers(newest(i), true, ":status", "200", "transfer-encoding", "chunked") }, resets: codes(wire.ProtocolError), repeat: 200},
		{name: "line break in a value", each: func(f *frames, i int) { f.headers(newest(i), true, ":status", "200", "a", "b\r\nc: d") }, resets: codes(wire.ProtocolError), repeat: 200},
		{name: "huge header list", each: func(f *frames, i int) {
			f.headers(newest(i), true, ":status", "200", "x-a", strings.Repeat("ab", 60_000), "x-b", strings.Repeat("ab", 60_000))
		}, resets: codes(wire.ProtocolError), repeat: 10, allocated: 1 << 20, kept: 768 << 10},
		{name: "bomb", first: func(f *frames) {
			f.headers(1, true, ":status", "200", "x-a", strings.Repeat("a", 4000))
			block = append([]byte{0x88}, bytes.Repeat([]byte{0xbe}, 16000)...)
		}, each: func(f *frames, i int) { f.headerBlock(newest(i+1), true, block) }, resets: codes(wire.ProtocolError), repeat: 50, allocated: 256 << 10},
		{name: "push", each: func(f *frames, i int) {
			f.framer.WritePushPromise(xhttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		}, within: 1, code: wire.ProtocolError, kind: wire.ErrFrame},
		{name: "response on an even stream", each: func(f *frames, i int) { f.headers(2, true, ":status", "200") }, within: 1, code: wire.ProtocolError, kind: wire.ErrStreamState},
		{name: "response to no request", each: func(f *frames, i int) { f.headers(101, true, ":status", "200") }, within: 1, code: wire.ProtocolError, kind: wire.ErrStreamState},
		{name: "response after its end", first: func(f *frames) { f.headers(1, true, ":status", "200") }, each: func(f *frames, i int) { f.headers(1, true, ":status", "200") },
			within: 1, code: wire.StreamClosed, kind: wire.ErrStreamState},
		calm(attack{name: "RST_STREAM after the end", first: func(f *frames) { f.headers(1, true, ":status", "200") }, each: func(f *frames, i int) { f.rst(1, 0) }}, floodFrames),
		{name: "every request reset", each: func(f *frames, i int) { f.rst(newest(i), 2) }, resets: codes(wire.InternalError), repeat: 500},
		calm(attack{name: "settings that change", each: func(f *frames, i int) {
			f.settings(setting(xhttp2.SettingMaxConcurrentStreams, uint32(i%5)), setting(xhttp2.SettingInitialWindowSize, uint32(i%3*1000)), setting(xhttp2.SettingHeaderTableSize, uint32(i)))
		}}, floodFrames),
		calm(attack{name: "PING", each: func(f *frames, i int) { f.ping(false, [8]byte{}) }}, floodFrames),
		calm(attack{name: "GOAWAY again and again", each: func(f *frames, i int) { f.goaway(1<<31-1, 0, "") }}, floodFrames),
		calm(attack{name: "empty DATA", first: func(f *frames) { f.headers(1, false, ":status", "200") }, each: func(f *frames, i int) { f.data(1, false, nil) }}, floodFrames),
		calm(attack{name: "DATA of padding only", first: func(f *frames) { f.headers(1, false, ":status", "200") }, each: func(f *frames, i int) { f.padded(1, false, nil, 10) }}, floodFrames),
		calm(attack{name: "unknown frames", each: func(f *frames, i int) { f.raw(0xb, 0, 0, nil) }}, floodFrames),
		{name: "window overflow", each: func(f *frames, i int) { f.window(0, 1<<31-1) }, within: 1, code: wire.FlowControlError, kind: wire.ErrFlowControl},
		{name: "push enabled", each: func(f *frames, i int) { f.settings(setting(xhttp2.SettingEnablePush, 1)) }, within: 1, code: wire.ProtocolError, kind: wire.ErrSettings},
		{name: "PRIORITY_UPDATE", each: func(f *frames, i int) { f.framer.WritePriorityUpdate(1, "u=1") }, within: 1, code: wire.ProtocolError, kind: wire.ErrFrame},
	}
}

// ask makes a request.
func ask(v *victim) {
	if v.client.CanOpen() {
		v.client.Open(&http2.Stream{}, &http2.RequestHead{Method: "GET", Scheme: "http", Authority: "an.example", Path: "/", Header: http.Header{}}, true)
	}
}

// TestAttacksOnClient attacks a Client.
func TestAttacksOnClient(t *testing.T) {
	for _, a := range clientAttacks() {
		t.Run(a.name, func(t *testing.T) {
			v := newClientVictim(t, http2.Config{})
			v.open = ask
			ask(v)
			v.take()
			a.run(v, opened(false).ack())
		})
	}
}

// TestHonestHeavyClients runs clients that do much of what attackers do, for good reasons. They are not ended.
func TestHonestHeavyClients(t *testing.T) {
	patched := func(f *frames, template []byte, id uint32) {
		b := bytes.Clone(template)
		all, _ := cut(b)
		at := 0
		for _, frame := range all {
			binary.BigEndian.PutUint32(b[at+5:], id)
			at += 9 + len(frame.payload)
		}
		f.buf.Write(b)
	}
	hour := 3600 // seconds
	if raceEnabled {
		hour = 300
	}
	warm := newFrames()
	warm.get(1, "/wait")
	warm.take()
	cancelled := warm.get(1, "/wait").rst(1, 8).take() // by fields of the table, which every connection below has
	warming := func(f *frames) { f.get(1, "/wait").get(3, "/wait") }
	for _, a := range []attack{
		{name: "100 cancels a second for an hour", first: warming, each: func(f *frames, i int) { patched(f, cancelled, id(i+2)) },
			repeat: hour * 100, pace: 10 * time.Millisecond, resets: codes(wire.Cancel)},
		{name: "20 cancels every 200 ms for 10 minutes", first: warming, each: func(f *frames, i int) {
			for n := range 20 {
				patched(f, cancelled, id(i*20+n+2))
			}
		}, repeat: hour / 6 * 5, pace: 200 * time.Millisecond, resets: codes(wire.Cancel), events: 80, allocated: 40 << 10},
		{name: "1,000 cancels at once", each: func(f *frames, i int) { f.get(id(i), "/wait").rst(id(i), 8) }, repeat: 1000, resets: codes(wire.Cancel)},
		{name: "a cancel, and 1,000 at once an hour later", each: func(f *frames, i int) {
			for n := range 1 + i*999 {
				f.get(id(i+n), "/wait").rst(id(i+n), 8)
			}
		}, repeat: 2, pace: time.Hour, resets: codes(wire.Cancel), events: 4000, allocated: 2 << 20},
		{name: "1,000 cancels at once, every 10 s", first: warming, each: func(f *frames, i int) {
			for n := range 1000 {
				patched(f, cancelled, id(i*1000+n+2))
			}
		}, repeat: 20, pace: 10 * time.Second, resets: codes(wire.Cancel), events: 4000, allocated: 2 << 20},
		{name: "every second request cancelled", first: warming, each: func(f *frames, i int) { patched(f, cancelled, id(2*i+2)); f.get(id(2*i+3), "/").window(0, 5) },
			repeat: 20_000, pace: time.Millisecond, resets: codes(wire.Cancel), events: 8, allocated: 8 << 10},
		{name: "many small DATA frames", first: func(f *frames) { f.post(1, "/wait") }, each: func(f *frames, i int) { f.data(1, false, []byte("a")) }, repeat: 50_000},
		{name: "small padded DATA frames", first: func(f *frames) { f.post(1, "/wait") }, each: func(f *frames, i int) { f.padded(1, false, []byte("a"), 30) }, repeat: 20_000},
		{name: "many WINDOW_UPDATEs during a fast download", first: func(f *frames) { f.get(1, "/big") }, each: func(f *frames, i int) {
			if i%256 == 255 {
				f.get(id(i/256+1), "/big")
			}
			f.window(0, 4096).window(id(i/256), 4096)
		}, repeat: 20_000, sent: 8 << 10, allocated: 16 << 10, kept: 4 << 20},
		{name: "a PING each second for an hour", first: func(f *frames) { f.get(1, "/wait") }, each: func(f *frames, i int) { f.ping(false, [8]byte{}) }, repeat: 3600, pace: time.Second},
		{name: "10 PINGs each second for 10 minutes", each: func(f *frames, i int) { f.ping(false, [8]byte{}) }, repeat: hour / 6 * 10, pace: 100 * time.Millisecond},
		{name: "a PING with each of 20,000 pieces of a download", first: func(f *frames) { f.get(1, "/big") }, each: func(f *frames, i int) {
			if i%256 == 255 {
				f.get(id(i/256+1), "/big")
			}
			f.window(0, 4096).window(id(i/256), 4096).ping(false, [8]byte{})
		}, repeat: 20_000, sent: 8 << 10, allocated: 16 << 10, kept: 4 << 20},
		{name: "windows of a few bytes", first: func(f *frames) { f.settings(setting(xhttp2.SettingInitialWindowSize, 1)).get(1, "/big") },
			each: func(f *frames, i int) { f.window(1, uint32(1+i%50)).window(0, uint32(1+i%50)) }, repeat: 20_000},
		{name: "a PING with each of 20,000 uploads' pieces", first: func(f *frames) { f.post(1, "/wait") }, each: func(f *frames, i int) { f.data(1, false, f.zeros[:1000]).ping(false, [8]byte{}) },
			repeat: 20_000, pace: 3 * time.Millisecond},
		{name: "tiny messages both ways", first: func(f *frames) { f.post(1, "/echo") }, each: func(f *frames, i int) { f.data(1, false, []byte("0123456789")).window(0, 10).window(1, 10) },
			repeat: 20_000, pace: 2 * time.Millisecond},
		{name: "20,000 small requests at once", each: func(f *frames, i int) { f.get(id(i), "/").window(0, 5) }, repeat: 20_000, allocated: 4 << 10},
		{name: "20,000 small requests with a priority and a PRIORITY_UPDATE", each: func(f *frames, i int) {
			f.framer.WritePriorityUpdate(id(i), "u=1")
			f.get(id(i), "/", "priority", "u=2").window(0, 5).window(id(i), 1<<20)
		}, repeat: 20_000, allocated: 4 << 10},
	} {
		t.Run(a.name, func(t *testing.T) {
			f := opened(true).ack()
			v := newVictim(t, http2.Config{})
			a.run(v, f)
		})
	}
}

// TestHpackEncoderIsBounded checks that a peer that announces a huge table gets one of a usual size.
func TestHpackEncoderIsBounded(t *testing.T) {
	v := newVictim(t, http2.Config{MaxStreams: 1000})
	v.feed(opened(true, setting(xhttp2.SettingHeaderTableSize, 1<<32-1)).ack().take())
	f := newFrames()
	for i := range 500 {
		f.get(id(i), "/wait")
	}
	v.feed(f.take())
	n := 0
	v.server.Each(func(s *http2.Stream) {
		n++
		v.server.Respond(s, &http2.ResponseHead{Code: 200, Header: http.Header{"X-A": {strings.Repeat(itoa(n), 100)}}}, true)
		v.server.Output()
	})
	if k := kept(v.server); k > 512<<10 {
		t.Errorf("the server keeps %d bytes", k)
	}
}
