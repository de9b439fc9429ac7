package protocols_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// TestMemory: what a receiver holds grows with what has come, never with what was announced,
// and not above its limit.
func TestMemory(t *testing.T) {
	announced := binary.BigEndian.AppendUint32(nil, 1<<31-1)
	for _, test := range []struct {
		name  string
		r     receiver
		first string
		limit int
	}{
		{"a line without end", &protocols.LineReceiver{}, "", 16384},
		{"delimiters that never end", &protocols.LineReceiver{Delimiter: "xxy"}, "", 16384},
		{"a line without end", &protocols.LineOnlyReceiver{}, "", 16384},
		{"a line without end that is skipped", &protocols.LineOnlyReceiver{LineLengthExceeded: func([]byte) {}}, "", 16384},
		{"a line without end that is dropped", &protocols.LineReceiver{LineLengthExceeded: func([]byte) {}}, "", 16384},
		{"2 GiB announced", &protocols.Int32StringReceiver{}, string(announced), 99999},
		{"2 GiB allowed", &protocols.Int32StringReceiver{MaxLength: 1<<31 - 1}, string(announced), 1 << 18},
		{"2 GiB to be skipped", &protocols.Int32StringReceiver{LengthLimitExceeded: func(int64) {}}, string(announced), 99999},
		{"2 GiB allowed", &protocols.NetstringReceiver{MaxLength: 1<<31 - 1}, "2147483647:", 1 << 18},
		{"digits without end", &protocols.NetstringReceiver{}, "1", 99999},
	} {
		test.r.ConnectionMade(&memory.StringTransport{})
		test.r.DataReceived([]byte(test.first))
		if held := protocols.Held(test.r); held > 1000 {
			t.Errorf("%T, %s: %d bytes are held after the announcement", test.r, test.name, held)
		}
		piece := bytes.Repeat([]byte("x"), 1000)
		for came := len(test.first); came < 200_000; came += len(piece) {
			test.r.DataReceived(piece)
			if held := protocols.Held(test.r); held > 2*min(came+len(piece), test.limit+len(piece))+1000 {
				t.Fatalf("%T, %s: %d bytes are held after %d", test.r, test.name, held, came)
			}
		}
	}
}

// TestIdleMemory: a receiver that has delivered everything keeps little, also after a long
// string and after a pause.
func TestIdleMemory(t *testing.T) {
	for _, k := range deliverers {
		r := k.make(func([]byte) {})
		r.ConnectionMade(&memory.StringTransport{Lenient: true})
		n := 10_000
		if k.name == "Int8StringReceiver" {
			n = 255
		}
		long := k.frames(strings.Repeat("x", n))
		check := func(what string) {
			t.Helper()
			if held := protocols.Held(r); held > protocols.KeptMemory {
				t.Errorf("%s after %s: %d bytes are held", k.name, what, held)
			}
		}
		r.DataReceived(long)
		check("a string in one piece")
		r.DataReceived(long[:len(long)-1])
		r.DataReceived(long[len(long)-1:])
		check("a string in two pieces")
		r.PauseProducing()
		for range 50 {
			r.DataReceived(long)
		}
		r.ResumeProducing()
		check("a pause")
		r.PauseProducing()
		r.DataReceived(bytes.Repeat(k.frames("a"), 5_000))
		r.DataReceived(k.frame2("bc"))
		r.ResumeProducing()
		check("a pause that ends in a string")
		r.ConnectionLost(nil)
		if held := protocols.Held(r); held != 0 {
			t.Errorf("%s: %d bytes are held after the loss of the connection", k.name, held)
		}
	}
}

// frame2 returns s as it is sent, without the last byte.
func (k deliverer) frame2(s string) []byte { return []byte(k.frame(s)[:len(k.frame(s))-1]) }

// big is the size of the input of TestLinear. If the time grew with its square, the test would
// take minutes.
var big = 1 << 20

func init() {
	if raceDetector {
		big >>= 5
	}
}

// TestLinear gives each kind a megabyte in the ways that cost most.
func TestLinear(t *testing.T) {
	size := big
	for _, k := range deliverers {
		calls, bytesGot := 0, 0
		var r receiver
		pauses := false
		r = k.make(func(data []byte) {
			calls++
			bytesGot += len(data)
			if pauses {
				r.PauseProducing()
			}
		})
		setLimit(r, size)
		r.ConnectionMade(&memory.StringTransport{Lenient: true})
		n := size
		if k.name == "Int8StringReceiver" {
			n = 255
		} else if k.name == "Int16StringReceiver" {
			n = min(n, 65535)
		}
		one := k.frames(strings.Repeat("x", n))
		for i := range one {
			r.DataReceived(one[i : i+1])
		}
		if calls != 1 || bytesGot != n {
			t.Fatalf("%s: %d calls with %d bytes for one of %d, byte by byte", k.name, calls, bytesGot, n)
		}

		calls = 0
		many := bytes.Repeat(k.frames(""), size/len(k.frame("")))
		r.DataReceived(many)
		if want := len(many) / len(k.frame("")); calls != want {
			t.Errorf("%s: %d calls for %d empty strings in one piece", k.name, calls, want)
		}

		calls, pauses = 0, true
		r.DataReceived(many)
		for before := 0; calls != before; r.ResumeProducing() {
			before = calls
		}
		if want := len(many) / len(k.frame("")); calls != want {
			t.Errorf("%s: %d calls for %d empty strings with pauses", k.name, calls, want)
		}
	}
}

// setLimit sets MaxLength.
func setLimit(r receiver, n int) {
	switch r := r.(type) {
	case *protocols.LineReceiver:
		r.MaxLength = n
	case *protocols.LineOnlyReceiver:
		r.MaxLength = n
	case *protocols.Int8StringReceiver:
		r.MaxLength = n
	case *protocols.Int16StringReceiver:
		r.MaxLength = n
	case *protocols.Int32StringReceiver:
		r.MaxLength = n
	case *protocols.NetstringReceiver:
		r.MaxLength = n
	}
}

// TestLinearCuts: a program that drops the beginning of each line that is too long, and passes
// the rest back, takes linear time.
func TestLinearCuts(t *testing.T) {
	r := &protocols.LineReceiver{MaxLength: 1}
	calls := 0
	r.LineLengthExceeded = func(data []byte) { calls++; r.SetLineMode(data[1:]) }
	r.ConnectionMade(&memory.StringTransport{})
	r.DataReceived([]byte("x"))
	r.DataReceived(bytes.Repeat([]byte("x"), big))
	if calls != big-1 {
		t.Errorf("%d calls", calls)
	}
}

// TestLineOnlyClearBuffer: what follows a line that was taken back is searched from its beginning.
func TestLineOnlyClearBuffer(t *testing.T) {
	var got []string
	r := &protocols.LineOnlyReceiver{LineReceived: func(line []byte) { got = append(got, string(line)) }}
	r.ConnectionMade(&memory.StringTransport{})
	r.DataReceived([]byte("a long part"))
	if part := string(r.ClearLineBuffer()); part != "a long part" {
		t.Errorf("took %q", part)
	}
	r.DataReceived([]byte("b\r\nc\r\n"))
	wantCalls(t, "after the part", got, "b", "c")
}

// TestMemoryOfCopies: a program that gives a copy of the rest back, each time, has one copy of
// it in the receiver.
func TestMemoryOfCopies(t *testing.T) {
	for _, test := range []struct {
		name string
		rest func(r *protocols.LineReceiver, data []byte) []byte
	}{
		{"what RawDataReceived got", func(_ *protocols.LineReceiver, data []byte) []byte { return bytes.Clone(data) }},
		{"what ClearLineBuffer returned", func(r *protocols.LineReceiver, data []byte) []byte { return r.ClearLineBuffer() }},
	} {
		r := &protocols.LineReceiver{}
		most, lines := 0, 0
		next := func(data []byte) {
			r.SetLineMode(test.rest(r, data))
			most = max(most, protocols.Held(r))
		}
		r.LineReceived = func([]byte) {
			if lines++; test.name == "what ClearLineBuffer returned" {
				next(nil)
			} else {
				r.SetRawMode()
			}
		}
		r.RawDataReceived = next
		r.ConnectionMade(&memory.StringTransport{})
		piece := bytes.Repeat([]byte("a\r\n"), 1000)
		r.DataReceived(piece)
		if lines != 1000 || most > 2*len(piece) {
			t.Errorf("%s: %d bytes are held for the %d of %d lines", test.name, most, len(piece), lines)
		}
	}
}

// TestAllocations: receiving allocates nothing, in whole strings and in pieces.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	for _, k := range deliverers {
		if k.name == "raw mode" {
			continue // its function allocates
		}
		r := k.make(func([]byte) {})
		r.ConnectionMade(&memory.StringTransport{})
		data := bytes.Repeat(k.frames("", "a", strings.Repeat("b", 100)), 100)
		if n := testing.AllocsPerRun(10, func() { r.DataReceived(data) }); n != 0 {
			t.Errorf("%s: %v allocations for a piece of 300 strings", k.name, n)
		}
		if n := testing.AllocsPerRun(10, func() {
			for i := 0; i < len(data); i += 37 {
				r.DataReceived(data[i:min(i+37, len(data))])
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for 300 strings in small pieces", k.name, n)
		}
	}
	raw := &protocols.LineReceiver{Delimiter: strings.Repeat("-", 40)}
	raw.LineReceived = func([]byte) { raw.SetRawMode() }
	raw.RawDataReceived = func(data []byte) { raw.SetLineMode(data[1:]) }
	raw.ConnectionMade(&memory.StringTransport{})
	data := bytes.Repeat([]byte("abc"+raw.Delimiter+"."), 1000)
	if n := testing.AllocsPerRun(10, func() { raw.DataReceived(data) }); n != 0 {
		t.Errorf("%v allocations for 1000 changes of the mode", n)
	}
}
