package http2

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// text returns n bytes.
func text(n int) string { return strings.Repeat("x", n) }

// TestReceiveWindows: when the peer is told that it may send more, and when it sent too much.
func TestReceiveWindows(t *testing.T) {
	const open = "Head 1 GET http a / [Host:[a]] length -1"
	runRules(t, true, []rule{
		{name: "half of a window is consumed", config: Config{StreamWindow: 100, MaxStreamWindow: 100}, in: []string{post(1), data(1, text(49)), data(1, "y"), data(1, text(10))}, want: open + `
			Data 1 ` + text(49) + `y
			> WINDOW_UPDATE 1 50
			Data 1 ` + text(10)},
		{name: "padding is consumed at once", keep: true, config: Config{StreamWindow: 100, MaxStreamWindow: 100},
			in: []string{post(1), frame(frameData, flagPadded, 1, "\x31", "a", text(49))}, want: open + `
			> WINDOW_UPDATE 1 50
			Data 1 a`},
		{name: "no more is needed than Content-Length", config: Config{StreamWindow: 100, MaxStreamWindow: 100},
			in: []string{post(1, "content-length", "120"), data(1, text(50)), data(1, text(10)), data(1, text(60))}, want: `
			Head 1 GET http a / [Content-Length:[120] Host:[a]] length 120
			Data 1 ` + text(50) + `
			> WINDOW_UPDATE 1 50
			Data 1 ` + text(70)},
		{name: "nothing is needed after END_STREAM", config: Config{StreamWindow: 100, MaxStreamWindow: 100}, in: []string{post(1), lastData(1, text(90))}, want: open + `
			Data 1 ` + text(90) + `
			End 1 []`},
		{name: "more than the window", config: Config{StreamWindow: 100}, keep: true, in: []string{post(1), data(1, text(100)), data(1, "y"), get(3)}, want: open + `
			Data 1 ` + text(100) + `
			> RST_STREAM 1 FLOW_CONTROL_ERROR
			Reset stream 1: FLOW_CONTROL_ERROR, flow control violated: DATA of 1 bytes, but the window is 0 (RFC 9113, section 6.9.1)
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`},
		{name: "more than the window of the connection", config: Config{StreamWindow: 200_000, MaxBuffered: 1}, keep: true,
			in: []string{post(1), data(1, text(16000)), data(1, text(16000)), data(1, text(16000)), data(1, text(16000)), data(1, text(1536))}, want: open + `
			Data 1 ` + text(64000) + `
			> GOAWAY 1 FLOW_CONTROL_ERROR flow control violated
			the HTTP/2 connection failed: FLOW_CONTROL_ERROR, flow control violated: DATA of 1536 bytes, but the window of the connection is 1535 (RFC 9113, section 6.9.1)`},
		{name: "what comes on a stream that was reset counts for the connection", config: Config{StreamWindow: 200_000, MaxBuffered: 1},
			on: func(x *script, ev Event) {
				if ev == Head {
					x.server.Reset(x.streams[1], wire.Cancel)
				}
			},
			in: []string{post(1), data(1, text(16000)), data(1, text(16000)), data(1, text(768))}, want: open + `
			> RST_STREAM 1 CANCEL
			> WINDOW_UPDATE 0 32768`},
	})
}

// TestWindowBeforeAck: until the peer acknowledges our settings, it may use the window of 65,535 bytes.
func TestWindowBeforeAck(t *testing.T) {
	x := newScript(true, Config{StreamWindow: 10})
	x.keep = true
	x.feed(preface + settings() + post(1) + data(1, text(1000)))
	if !strings.HasSuffix(x.out.String(), "Data 1 "+text(1000)) {
		t.Errorf("before the acknowledgement: %s", x.out.String())
	}
	x.feed(ack + data(1, "y"))
	if !strings.Contains(x.out.String(), "RST_STREAM 1 FLOW_CONTROL_ERROR") {
		t.Errorf("after it: %s", x.out.String())
	}
}

// TestNothingFitsAnyWindow: DATA without a byte needs no room, also where our settings have left a window below zero.
func TestNothingFitsAnyWindow(t *testing.T) {
	for _, row := range []struct{ name, sent, end string }{
		{"an end, a window below zero", text(1000), lastData(1, "")},
		{"an end, a window of zero", text(10), lastData(1, "")},
		{"no end", text(1000), data(1, "") + lastData(1, "")},
		{"trailers", text(1000), frame(frameHeaders, es|eh, 1, block("x-sum", "1"))},
	} {
		x := newScript(true, Config{StreamWindow: 10})
		x.keep = true
		x.feed(preface + settings() + post(1) + data(1, row.sent) + ack + row.end)
		if !strings.Contains(x.out.String(), "End 1 [") || strings.Contains(x.out.String(), "RST_STREAM") {
			t.Errorf("%s: %s", row.name, x.out.String())
		}
	}
}

// TestGrowth: a window doubles if a round trip brings about as much as it allows, up to MaxStreamWindow.
func TestGrowth(t *testing.T) {
	budget := &Budget{}
	x := newScript(true, Config{StreamWindow: 1000, MaxStreamWindow: 3000, Budget: budget})
	x.feed(preface + settings() + ack + post(1) + post(3))
	step := func(in, want string) {
		t.Helper()
		x.out.Reset()
		x.lastData = 0
		x.feed(in)
		got := strings.ReplaceAll(x.out.String(), "x", "")
		if got = strings.ReplaceAll(strings.ReplaceAll(got, "Data 1 \n", ""), "Data 1 ", ""); got != strings.ReplaceAll(want, "x", "") {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
	probe := func(n uint32) string { return frame(framePing, flagAck, 0, "flow"+u32(n)) }
	step(data(1, text(499)), "")
	step(data(1, text(1)), "> WINDOW_UPDATE 1 500\n> PING \"flow\\x00\\x00\\x00\\x01\"\n")
	step(data(1, text(500)), "> WINDOW_UPDATE 1 500\n")
	step(frame(framePing, flagAck, 0, "12345678"), "PingAck \"12345678\"\n") // the answer to another PING
	step(probe(1), "> WINDOW_UPDATE 1 1000\n")
	if budget.Used() != 1000 {
		t.Errorf("%d bytes of the budget are used", budget.Used())
	}
	step(data(1, text(1000)), "> WINDOW_UPDATE 1 1000\n> PING \"flow\\x00\\x00\\x00\\x02\"\n")
	step(data(1, text(1000)), "> WINDOW_UPDATE 1 1000\n")
	step(probe(2), "> WINDOW_UPDATE 1 1000\n") // not more than MaxStreamWindow
	step(data(1, text(1500)), "> WINDOW_UPDATE 1 1500\n")
	// The first data of another stream widens its window.
	step(data(3, ""), "> WINDOW_UPDATE 3 2000\n")
	if budget.Used() != 4000 {
		t.Errorf("%d bytes of the budget are used", budget.Used())
	}
	// No window is widened for content that it has room for.
	x.feed(post(5, "content-length", "500") + data(5, text(100)))
	if n := x.streams[5].window; n != 1000 {
		t.Errorf("the window of a small request is %d", n)
	}
	x.server.Reset(x.streams[1], wire.Cancel)
	if budget.Used() != 2000 {
		t.Errorf("%d bytes of the budget are used after one stream ended", budget.Used())
	}
	x.server.Close()
	if budget.Used() != 0 {
		t.Errorf("%d bytes of the budget are used after the connection ended", budget.Used())
	}
}

// TestGrowthOfBursts: a window also grows if all of it is consumed at once, so that what comes next comes after the first
// answer.
func TestGrowthOfBursts(t *testing.T) {
	x := newScript(true, Config{StreamWindow: 1000})
	x.keep = true
	x.feed(preface + settings() + ack + post(1))
	s := x.streams[1]
	probe := &x.conn.flow.probe
	probe.pause, probe.passed = 3, 3 // earlier probes brought nothing
	for i := range uint32(2) {
		x.feed(data(1, text(1000)))
		x.server.Consumed(s, 1000)
		x.feed(frame(framePing, flagAck, 0, "flow"+u32(i+1)))
	}
	if s.window != 2000 || probe.pause != 0 {
		t.Errorf("the window is %d: %s", s.window, strings.ReplaceAll(x.out.String(), "x", ""))
	}
}

// TestNoGrowth: a window does not grow where it slows nobody down, nor beyond the budget.
func TestNoGrowth(t *testing.T) {
	for name, config := range map[string]Config{
		"slow":   {StreamWindow: 1000},
		"budget": {StreamWindow: 1000, Budget: &Budget{Max: 999}},
	} {
		x := newScript(true, config)
		x.feed(preface + settings() + ack + post(1))
		x.feed(data(1, text(500)))
		if name == "budget" {
			x.feed(data(1, text(500)))
		}
		x.feed(frame(framePing, flagAck, 0, "flow"+u32(1)))
		x.feed(frame(framePing, flagAck, 0, "flow"+u32(2)))
		if s := x.streams[1]; s.window != 1000 {
			t.Errorf("%s: the window is %d", name, s.window)
		}
		if n := strings.Count(x.out.String(), "> PING"); name == "slow" && n != 2 {
			t.Errorf("%d PINGs measure", n)
		}
		// The next probes are rarer.
		before := strings.Count(x.out.String(), "PING")
		x.feed(data(1, text(500)))
		if n := strings.Count(x.out.String(), "PING") - before; name == "slow" && n != 0 {
			t.Errorf("%d PINGs follow", n)
		}
	}
}

// TestGrowthBounds: how far windows may grow, with 200,000 bytes for all streams of a connection.
func TestGrowthBounds(t *testing.T) {
	type step struct {
		stream uint32
		size   int64
		want   bool
	}
	for _, row := range []struct {
		window  int
		streams int
		steps   []step
	}{
		{1000, 1, []step{{1, 1000, false}, {1, 101_000, true}, {1, 101_001, false}}},             // half of it for all growth
		{1000, 2, []step{{1, 51_000, true}, {3, 51_001, false}, {3, 51_000, true}}},              // whichever stream grows
		{50_000, 3, []step{{1, 100_001, false}, {1, 100_000, true}, {3, 50_001, false}}},         // all of it for all windows
		{50_000, 4, []step{{1, 50_001, false}}},                                                  // that have none to spare
		{100_000, 3, []step{{1, 100_001, false}, {3, 50_000, false}, {5, maxWindow + 1, false}}}, // and exceed it
	} {
		x := newScript(true, Config{StreamWindow: row.window, MaxBuffered: 200_000})
		x.feed(preface + settings() + ack)
		for i := range row.streams {
			x.feed(post(uint32(2*i + 1)))
		}
		if n := x.conn.mostStreamWindow(); n != 100_000 {
			t.Errorf("a window grows to %d", n)
		}
		for _, s := range row.steps {
			if got := x.conn.widen(x.streams[s.stream], s.size); got != s.want {
				t.Errorf("windows of %d: stream %d grows to %d: %v", row.window, s.stream, s.size, got)
			}
		}
	}
}

// TestSlowReaders: readers that pause, with windows as large as they grow, do not stop another stream.
func TestSlowReaders(t *testing.T) {
	p := newPair(t, Config{StreamWindow: 64 << 10, MaxStreamWindow: 512 << 10, MaxBuffered: 2 << 20}, Config{})
	large := make([]byte, 16<<20)
	p.respond = func(x *exchange) {
		body := large
		if x.request.Path == "/fast" {
			body = large[:1<<20]
		}
		x.answer(ResponseHead{Code: 200, Length: -1}, body, nil)
	}
	var slow []*exchange
	for range 8 {
		slow = append(slow, p.open(RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/slow"}, nil, nil))
	}
	// They read until their windows have grown, and pause.
	p.after = func() {
		for _, x := range slow {
			x.slow = x.slow || len(x.body) > 1<<20
		}
	}
	p.run()
	if n := p.client.flow.buffered; n < 1<<20 || n > 2<<20 {
		t.Errorf("%d bytes wait", n)
	}
	if !slices.ContainsFunc(slow, func(x *exchange) bool { return x.window > 64<<10 }) {
		t.Error("no window has grown")
	}
	for range 3 {
		x := p.open(RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/fast"}, nil, nil)
		p.run()
		if len(x.body) != 1<<20 || !x.ended {
			t.Fatalf("another stream got %d bytes", len(x.body))
		}
	}
}

// TestSendWindows: what Room and Turn allow, as the windows change.
func TestSendWindows(t *testing.T) {
	x := newScript(true, Config{})
	x.feed(preface + settings(4, 10) + ack + get(1) + get(3))
	one, three := x.streams[1], x.streams[3]
	for _, s := range []*Stream{one, three} {
		if err := x.server.Respond(s, &ResponseHead{Code: 200, Length: -1}, false); err != nil {
			t.Fatal(err)
		}
	}
	rooms := func(a, b int) {
		t.Helper()
		if x.server.Room(one) != a || x.server.Room(three) != b {
			t.Errorf("room for %d and %d, want %d and %d", x.server.Room(one), x.server.Room(three), a, b)
		}
	}
	turn := func(want *Stream, n int) {
		t.Helper()
		if s, m := x.server.Turn(); s != want || m != n {
			t.Errorf("the turn of %v with %d, want %v with %d", s, m, want, n)
		}
	}
	rooms(10, 10)
	x.server.WriteData(one, []byte(text(10)), false)
	rooms(0, 10)
	x.server.Wait(one)
	rooms(0, 10) // one cannot send, so it is not before three
	turn(nil, 0)
	x.out.Reset()
	x.feed(windowUpdate(1, 5))
	if got := x.out.String(); !strings.HasSuffix(got, "Room\n") {
		t.Errorf("got %s", got)
	}
	rooms(5, 0) // one waits, and is before three
	x.server.Wait(three)
	turn(one, 5)
	turn(three, 10)
	turn(nil, 0)
	// A smaller window may be negative.
	x.feed(settings(4, 0))
	if x.server.Window(one) != -5 || x.server.Window(three) != 0 {
		t.Errorf("the windows are %d and %d", x.server.Window(one), x.server.Window(three))
	}
	x.server.Wait(one)
	x.server.Wait(three)
	turn(nil, 0)
	x.out.Reset()
	x.feed(settings(4, 5))
	if got := x.out.String(); !strings.Contains(got, "Settings\nRoom\n") {
		t.Errorf("got %s", got)
	}
	turn(three, 5)
	turn(nil, 0)
	x.feed(windowUpdate(1, 1))
	turn(one, 1)
	// A window that shrinks takes a stream that waits out of the turns.
	x.server.Wait(one)
	x.feed(settings(4, 0))
	turn(nil, 0)
	x.server.Unwait(one)
	x.feed(settings(4, 50))
	turn(nil, 0)
	// One that grows leaves it there, once.
	x.server.Wait(one)
	x.feed(settings(4, 60_000))
	turn(one, 60_000-10+6) // its turn is long, since nobody else waits
	turn(nil, 0)
}

// TestNoTurnWithoutWindow: a stream that waits, and used up its window out of turn, has no turn before it opens.
func TestNoTurnWithoutWindow(t *testing.T) {
	x := newScript(true, Config{})
	x.feed(preface + settings(4, 10) + ack + get(1))
	s := x.streams[1]
	if err := x.server.Respond(s, &ResponseHead{Code: 200, Length: -1}, false); err != nil {
		t.Fatal(err)
	}
	x.server.Wait(s)
	x.server.WriteData(s, []byte(text(x.server.Room(s))), false)
	if got, n := x.server.Turn(); got != nil {
		t.Errorf("the turn of %v with %d", got, n)
	}
	x.feed(windowUpdate(1, 5))
	if got, n := x.server.Turn(); got != s || n != 5 {
		t.Errorf("the turn of %v with %d, want 5", got, n)
	}
	// Nor has it one while its window opens only up to 0.
	x.server.Wait(s)
	x.feed(settings(4, 0))
	x.out.Reset()
	x.feed(windowUpdate(1, 2) + windowUpdate(1, 3))
	if got, n := x.server.Turn(); got != nil || strings.Contains(x.out.String(), "Room") {
		t.Errorf("the turn of %v with %d, window %d: %s", got, n, x.server.Window(s), x.out.String())
	}
	x.feed(windowUpdate(1, 1))
	if got, n := x.server.Turn(); got != s || n != 1 {
		t.Errorf("the turn of %v with %d, want 1", got, n)
	}
}

// TestConnectionWindow: the window of the connection stops all streams, and Room comes when it opens.
func TestConnectionWindow(t *testing.T) {
	x := newScript(true, Config{})
	x.feed(preface + settings(4, 1<<20) + ack + get(1))
	s := x.streams[1]
	if err := x.server.Respond(s, &ResponseHead{Code: 200, Length: -1}, false); err != nil {
		t.Fatal(err)
	}
	if n := x.server.Room(s); n != defaultWindow {
		t.Fatalf("room for %d", n)
	}
	x.server.WriteData(s, make([]byte, defaultWindow), false)
	x.server.Wait(s)
	if n := x.server.Room(s); n != 0 {
		t.Errorf("room for %d", n)
	}
	x.server.Output()
	x.out.Reset()
	x.feed(windowUpdate(0, 7))
	if got, n := x.server.Turn(); x.out.String() != "Room\n" || got != s || n != 7 {
		t.Errorf("got %s, %v, %d", x.out.String(), got, n)
	}
	x.out.Reset()
	x.feed(windowUpdate(0, 7)) // it was open, and nobody waits
	if x.out.String() != "" {
		t.Errorf("got %s", x.out.String())
	}
}

// TestOrder: who sends first (RFC 9218).
func TestOrder(t *testing.T) {
	for _, row := range []struct {
		priorities []string // of streams 1, 3, 5 ...; each has three frames to send
		want       []uint32
	}{
		{[]string{"", "", ""}, []uint32{1, 3, 5, 1, 3, 5, 1, 3, 5}},
		{[]string{"u=5", "u=1", "u=3"}, []uint32{3, 3, 3, 5, 5, 5, 1, 1, 1}},
		{[]string{"u=3", "u=3", "u=0, i"}, []uint32{5, 5, 5, 1, 1, 1, 3, 3, 3}},
		{[]string{"u=3", "u=3,i", "i"}, []uint32{3, 1, 5, 1, 3, 1, 5, 3, 5}},
		{[]string{"u=9", "u=3;x, i=?0", "i=?1, y"}, []uint32{5, 1, 5, 1, 5, 1, 3, 3, 3}},
	} {
		x := newScript(true, Config{})
		x.feed(preface + settings(4, 1<<20) + windowUpdate(0, 1<<20) + ack)
		frames := map[uint32]int{}
		for i, p := range row.priorities {
			id := uint32(2*i + 1)
			if p == "" {
				x.feed(get(id))
			} else {
				x.feed(get(id, "priority", p))
			}
			if err := x.server.Respond(x.streams[id], &ResponseHead{Code: 200, Length: -1}, false); err != nil {
				t.Fatal(err)
			}
			frames[id] = 3
			x.server.Wait(x.streams[id])
		}
		var got []uint32
		for {
			s, n := x.server.Turn()
			if s == nil {
				break
			}
			got = append(got, s.ID())
			x.server.WriteData(s, make([]byte, min(n, 100)), frames[s.ID()] == 1)
			if frames[s.ID()]--; frames[s.ID()] > 0 {
				x.server.Wait(s)
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%q: got %d, want %d", row.priorities, got, row.want)
		}
	}
}

// TestPriorityUpdate: a PRIORITY_UPDATE counts for a stream that is open, or still to come.
func TestPriorityUpdate(t *testing.T) {
	update := func(id uint32, text string) string { return frame(framePriorityUpdate, 0, 0, u32(id), text) }
	x := newScript(true, Config{})
	x.feed(preface + settings() + ack + get(1) + get(3, "priority", "u=1") + update(5, "u=6") + update(5, "u=2,i") + get(5, "priority", "u=4") + get(7))
	for id, want := range map[uint32]string{1: "3 true", 3: "1 false", 5: "2 true", 7: "3 true"} {
		if s := x.streams[id]; fmt.Sprint(s.Urgency, s.Incremental) != want {
			t.Errorf("stream %d: %d, %v, want %s", id, s.Urgency, s.Incremental, want)
		}
	}
	x.server.Wait(x.streams[1])
	x.server.Wait(x.streams[7])
	x.feed(update(7, "u=0") + update(9, "u=0"+text(500)))
	if s, _ := x.server.Turn(); s != x.streams[7] {
		t.Errorf("the turn of %v", s)
	}
}

// TestDataHead: a piece that is not copied is divided into frames by the caller.
func TestDataHead(t *testing.T) {
	x := newScript(true, Config{})
	x.feed(preface + settings(5, 20000) + ack + get(1))
	s := x.streams[1]
	if err := x.server.Respond(s, &ResponseHead{Code: 200, Length: -1}, false); err != nil {
		t.Fatal(err)
	}
	if n := x.server.MaxFrame(); n != 20000 {
		t.Errorf("frames of %d bytes", n)
	}
	if got := x.server.DataHead(s, 20000, false); !bytes.Equal(got, appendFrameHead(nil, 20000, frameData, 0, 1)) {
		t.Errorf("got % x", got)
	}
	if got := x.server.DataHead(s, 0, true); !bytes.Equal(got, appendFrameHead(nil, 0, frameData, flagEndStream, 1)) || !s.Closed() {
		t.Errorf("got % x, closed: %v", got, s.Closed())
	}
	defer func() {
		if recover() == nil {
			t.Error("data after the end did not panic")
		}
	}()
	x.server.DataHead(s, 1, true)
}
