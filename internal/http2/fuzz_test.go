package http2_test

import (
	"bytes"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"github.com/seed-7c003b53/gotreq/internal/http2"
)

// splits returns data in pieces that the fuzzer chooses.
func splits(data []byte, at [3]uint16) (pieces [][]byte) {
	for _, n := range at {
		n := min(int(n), len(data))
		pieces = append(pieces, data[:n])
		data = data[n:]
	}
	return append(pieces, data)
}

func bytewise(data []byte) (pieces [][]byte) {
	for i := range data {
		pieces = append(pieces, data[i:i+1])
	}
	return pieces
}

// maxKept bounds what a machine with smallConfig keeps: a field block, the tables of HPACK, four to sixteen streams.
const maxKept = 64 << 10

// runPieces drives a fresh machine with pieces, and checks what one run can check.
func runPieces(t testing.TB, fresh func() *driver, often bool, pieces [][]byte) *driver {
	t.Helper()
	d := fresh()
	d.often = often
	for i, piece := range pieces {
		if !d.feed(piece) {
			break
		}
		if len(pieces) < 10 || i%64 == 0 {
			d.measure()
		}
	}
	d.flushRun()
	d.take()
	d.measure()
	if d.most > maxKept {
		t.Errorf("the machine keeps %d bytes", d.most)
	}
	return d
}

// checkMachine feeds data whole, in pieces and byte by byte, and checks what came out.
func checkMachine(t *testing.T, fresh func() *driver, data []byte, at [3]uint16) {
	t.Helper()
	whole := runPieces(t, fresh, false, [][]byte{data})
	whole.finish()
	want := whole.transcript()
	split := runPieces(t, fresh, true, splits(data, at))
	split.finish()
	if got := split.transcript(); got != want {
		t.Errorf("split at %v: %s", at, firstDifference(got, want))
	}
	bytes := runPieces(t, fresh, true, bytewise(data))
	checkWire(t, bytes)
	bytes.finish()
	if got := bytes.transcript(); got != want {
		t.Errorf("byte by byte: %s", firstDifference(got, want))
	}
}

// firstDifference shows where got departs from want.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	at := 0
	for at < len(g) && at < len(w) && g[at] == w[at] {
		at++
	}
	from := max(0, at-3)
	return "after\n " + strings.Join(w[from:at], "\n ") + "\ngot\n " + strings.Join(g[at:min(len(g), at+4)], "\n ") + "\nwant\n " + strings.Join(w[at:min(len(w), at+4)], "\n ")
}

// checkWire checks what a driver has written: a strict reader takes it, and the windows add up.
func checkWire(t *testing.T, d *driver) {
	t.Helper()
	if len(d.halfOut) > 0 {
		t.Errorf("the output ends with %d bytes of a frame", len(d.halfOut))
	}
	strict, w := readStrictly(t, d.client != nil), newWindows()
	defer func() {
		if t.Failed() {
			for _, f := range d.wire {
				t.Logf("written %v: %v %.60x", f.written, f.frame, f.payload)
			}
		}
	}()
	var settings []frame // of the peer, not yet acknowledged
	table, announce := uint32(4096), false
	for _, f := range d.wire {
		if !f.written {
			if w.read(f.frame); f.kind == xhttp2.FrameSettings && !f.has(xhttp2.FlagSettingsAck) {
				settings = append(settings, f.frame)
			}
			continue
		}
		// A setting of the peer counts from its acknowledgement on. A strict peer takes no larger frame before it,
		// and wants a smaller table to be announced in the first field block after it.
		switch {
		case f.kind == xhttp2.FrameSettings && f.has(xhttp2.FlagSettingsAck):
			if len(settings) == 0 {
				t.Error("a SETTINGS ACK without SETTINGS")
				break
			}
			settings[0].settings(func(id xhttp2.SettingID, v uint32) {
				strict.obey(xhttp2.Setting{ID: id, Val: v})
				if id == xhttp2.SettingHeaderTableSize {
					announce = announce || v < table
					table = v
				}
			})
			settings = settings[1:]
		case f.kind == xhttp2.FrameHeaders:
			if announce && (len(f.payload) == 0 || f.payload[0]&0xe0 != 0x20) {
				t.Errorf("%v does not announce the smaller table", f)
			}
			announce = false
		}
		w.wrote(t, f.frame)
		strict.read(f.bytes())
	}
	if d.err != nil {
		if last := d.wire[len(d.wire)-1]; strict.goaway == nil || !last.written || last.kind != xhttp2.FrameGoAway {
			t.Errorf("after %v, the output ends with %v", d.err, last)
		}
	} else if len(d.halfIn) == 0 {
		w.check(t, d.m)
	}
}

// fuzzed returns the bytes that a fuzzer's data stands for.
func fuzzed(client bool, data []byte, how byte) []byte {
	if how%4 != 0 {
		return programmed(client, how%4 == 2, data, 4096)
	}
	if len(data) > 4096 {
		data = data[:4096]
	}
	if client && how&4 == 0 {
		return append([]byte(xhttp2.ClientPreface), data...)
	}
	return data
}

func FuzzServer(f *testing.F) {
	for _, seed := range wholeConnections(true) {
		f.Add(byte(4), seed, uint16(24), uint16(20), uint16(9))
		f.Add(byte(0), bytes.TrimPrefix(seed, []byte(xhttp2.ClientPreface)), uint16(30), uint16(1), uint16(9))
	}
	for _, seed := range seedPrograms() {
		f.Add(byte(1), seed, uint16(40), uint16(20), uint16(9))
		f.Add(byte(2), seed, uint16(30), uint16(50), uint16(1))
	}
	f.Fuzz(func(t *testing.T, how byte, data []byte, a, b, c uint16) {
		checkMachine(t, func() *driver { return newServerDriver(t, smallConfig()) }, fuzzed(true, data, how), [3]uint16{a, b, c})
	})
}

func FuzzClient(f *testing.F) {
	for _, seed := range wholeConnections(false) {
		f.Add(byte(0), seed, uint16(24), uint16(20), uint16(9))
	}
	for _, seed := range seedPrograms() {
		f.Add(byte(1), seed, uint16(40), uint16(20), uint16(9))
		f.Add(byte(2), seed, uint16(30), uint16(50), uint16(1))
	}
	f.Fuzz(func(t *testing.T, how byte, data []byte, a, b, c uint16) {
		checkMachine(t, func() *driver { return newClientDriver(t, smallConfig()) }, fuzzed(false, data, how), [3]uint16{a, b, c})
	})
}

// wholeConnections returns what well-behaved peers send.
func wholeConnections(client bool) (all [][]byte) {
	if !client {
		f := opened(false, xhttp2.Setting{ID: xhttp2.SettingMaxConcurrentStreams, Val: 100}).ack()
		f.headers(1, false, ":status", "103", "link", "</a>").headers(1, false, ":status", "200", "content-length", "5").data(1, true, []byte("hello"))
		f.headers(3, false, ":status", "200").data(3, false, make([]byte, 1000)).headers(3, true, "x-sum", "1")
		f.headers(5, true, ":status", "304", "content-length", "10").rst(7, xhttp2.ErrCodeRefusedStream).window(0, 1000).window(9, 100)
		f.ping(false, [8]byte{1}).goaway(9, xhttp2.ErrCodeNo, "bye")
		all = append(all, f.take())
		f = opened(false, xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 0}, xhttp2.Setting{ID: xhttp2.SettingEnableConnectProtocol, Val: 1}).ack()
		f.settings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 100}).settings(xhttp2.Setting{ID: xhttp2.SettingHeaderTableSize, Val: 0})
		f.padded(1, false, []byte("abc"), 100)
		return append(all, f.take())
	}
	f := opened(true, xhttp2.Setting{ID: xhttp2.SettingEnablePush, Val: 0}).ack()
	f.get(1, "/0").get(3, "/3").post(5, "/1").data(5, false, make([]byte, 1000)).data(5, true, []byte("end"))
	f.post(7, "/2", "content-length", "5").data(7, false, []byte("hello")).headers(7, true, "x-sum", "1")
	f.window(0, 1<<20).window(3, 1000).ping(false, [8]byte{2}).rst(3, xhttp2.ErrCodeCancel)
	f.framer.WritePriorityUpdate(5, "u=1, i")
	f.framer.WritePriority(5, xhttp2.PriorityParam{Weight: 5})
	all = append(all, f.goaway(0, xhttp2.ErrCodeNo, "").take())
	f = opened(true, xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 10}, xhttp2.Setting{ID: xhttp2.SettingMaxFrameSize, Val: 20000}).ack()
	f.get(1, "/3").settings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 5}).window(1, 1000).window(1, 1000)
	f.headers(3, false, ":method", "CONNECT", ":authority", "an.example:443").data(3, false, []byte("hello"))
	f.headers(5, false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/7", ":authority", "an.example").data(5, true, nil)
	f.get(7, "/a", "x-long", strings.Repeat("a", 600))
	return append(all, f.take())
}

// seedPrograms returns programs that reach every step.
func seedPrograms() (all [][]byte) {
	var every, twice []byte
	for i := range 256 {
		every = append(every, byte(i))
		twice = append(twice, byte(i*7), byte(i))
	}
	for i := range 16 {
		all = append(all, append(bytes.Repeat([]byte{byte(i), byte(i * 16)}, 8), every[i*16:]...))
	}
	return append(all, every, twice)
}

// TestSeeds runs the programs of a simple generator, so that every run of the tests has some.
func TestSeeds(t *testing.T) {
	state := uint64(1)
	next := func() byte {
		state = state*6364136223846793005 + 1442695040888963407
		return byte(state >> 56)
	}
	programs := 300
	if raceEnabled {
		programs = 20
	}
	events := map[http2.Event]int{}
	failures := 0
	for n := range programs {
		polite := n%2 == 0
		choices := make([]byte, 20+int(next()))
		for i := range choices {
			choices[i] = next()
		}
		at := [3]uint16{uint16(next()), uint16(next()), uint16(next())}
		for _, client := range []bool{true, false} {
			data := programmed(client, polite, choices, 4096)
			var last *driver
			checkMachine(t, func() *driver {
				if client {
					last = newServerDriver(t, smallConfig())
				} else {
					last = newClientDriver(t, smallConfig())
				}
				return last
			}, data, at)
			for ev, n := range last.count {
				events[ev] += n
			}
			if last.err != nil {
				failures++

			}
			if t.Failed() {
				t.Fatalf("client %v, choices %q", client, choices)
			}
		}
	}
	t.Logf("%d programs, %d failed connections, events %v", 2*programs, failures, events)
	for ev := http2.NeedMore; ev <= http2.GoAway; ev++ {
		if events[ev] == 0 && ev != http2.PingAck && !raceEnabled {
			t.Errorf("no program had the event %d", ev)
		}
	}
}
