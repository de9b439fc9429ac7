package protocols_test

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A mailbox receives lines that are orders: "raw N" announces N bytes, "pause" pauses, "stop"
// stops.
type mailbox struct {
	protocols.LineReceiver
	got  []string
	left int
}

func newMailbox() (*mailbox, *memory.StringTransport) {
	m, t := &mailbox{}, &memory.StringTransport{Lenient: true}
	m.Delimiter, m.MaxLength = "\n", 64
	m.LineReceived, m.RawDataReceived, m.LineLengthExceeded = m.lineReceived, m.rawDataReceived, m.lineLengthExceeded
	m.ConnectionMade(t)
	return m, t
}

func (m *mailbox) lineReceived(line []byte) {
	m.got = append(m.got, string(line))
	order, argument, _ := strings.Cut(string(line), " ")
	switch order {
	case "raw":
		m.left, _ = strconv.Atoi(argument)
		m.got = append(m.got, "")
		m.SetRawMode()
	case "pause":
		m.PauseProducing()
	case "stop":
		m.StopProducing()
	}
}

func (m *mailbox) rawDataReceived(data []byte) {
	n := min(m.left, len(data))
	m.got[len(m.got)-1] += string(data[:n])
	if m.left -= n; m.left == 0 {
		m.SetLineMode(data[n:])
	}
}

// lineLengthExceeded drops the first 65 bytes of the line.
func (m *mailbox) lineLengthExceeded(data []byte) { m.SetLineMode(data[m.MaxLength+1:]) }

// inPieces calls test for every size of pieces up to 10 bytes, and for one piece.
func inPieces(data string, test func(pieces [][]byte)) {
	for size := 1; size <= 10; size++ {
		test(slices.Collect(slices.Chunk([]byte(data), size)))
	}
	test([][]byte{[]byte(data)})
}

func wantCalls(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s\n got  %q\n want %q", what, got, want)
	}
}

// TestLineModes switches between lines and raw data, and cuts lines that are too long.
func TestLineModes(t *testing.T) {
	long := strings.Repeat("1234567890", 7)
	data := "raw 10\n0123456789raw 5\n1234\nraw 20\n0123456789\n012345678raw 1\n\nfoo\n" + long + "\nraw 1\na"
	inPieces(data, func(pieces [][]byte) {
		m, _ := newMailbox()
		for _, p := range pieces {
			m.DataReceived(p)
		}
		wantCalls(t, "the calls", m.got, "raw 10", "0123456789", "raw 5", "1234\n", "raw 20", "0123456789\n012345678", "raw 1", "\n", "foo", "67890", "raw 1", "a")
	})
}

// TestLinePauses pauses within lines and before raw data: nothing is delivered before the end
// of the pause.
func TestLinePauses(t *testing.T) {
	inPieces("one\npause\ntwo\n", func(pieces [][]byte) {
		m, tr := newMailbox()
		for _, p := range pieces {
			m.DataReceived(p)
		}
		wantCalls(t, "during the pause", m.got, "one", "pause")
		if tr.ProducerState() != memory.Paused {
			t.Errorf("the transport is %v during the pause", tr.ProducerState())
		}
		m.ResumeProducing()
		wantCalls(t, "after the pause", m.got, "one", "pause", "two")
		if tr.ProducerState() != memory.Producing {
			t.Errorf("the transport is %v after the pause", tr.ProducerState())
		}
	})
	inPieces("one\nraw 5\n12345two\n", func(pieces [][]byte) {
		m, _ := newMailbox()
		receive := m.LineReceived
		m.LineReceived = func(line []byte) {
			if receive(line); m.left != 0 {
				m.PauseProducing()
			}
		}
		for _, p := range pieces {
			m.DataReceived(p)
		}
		wantCalls(t, "during the pause", m.got, "one", "raw 5", "")
		m.ResumeProducing()
		wantCalls(t, "after the pause", m.got, "one", "raw 5", "12345", "two")
	})
}

// TestPauseAfterEachLine pauses after each line: each ResumeProducing delivers one, and the
// transport is resumed when there is none left.
func TestPauseAfterEachLine(t *testing.T) {
	m, tr := newMailbox()
	m.LineReceived = func(line []byte) {
		m.got = append(m.got, string(line))
		m.PauseProducing()
	}
	state := func(want ...string) {
		t.Helper()
		wantCalls(t, "the lines", m.got, want[1:]...)
		if tr.ProducerState().String() != want[0] {
			t.Errorf("after %q, the transport is %v, want %s", want[1:], tr.ProducerState(), want[0])
		}
	}
	m.DataReceived([]byte("a"))
	state("producing")
	m.DataReceived([]byte("\n"))
	state("paused", "a")
	m.ResumeProducing()
	state("producing", "a")
	m.DataReceived([]byte("b\nc\n"))
	state("paused", "a", "b")
	m.ResumeProducing()
	state("paused", "a", "b", "c")
	m.DataReceived([]byte("d\n"))
	state("paused", "a", "b", "c")
	m.ResumeProducing()
	state("paused", "a", "b", "c", "d")
	m.ResumeProducing()
	state("producing", "a", "b", "c", "d")
}

// TestPauseAndResumeAtOnce: a pause that ends in the same call has no effect.
func TestPauseAndResumeAtOnce(t *testing.T) {
	m, tr := newMailbox()
	m.LineReceived = func(line []byte) {
		m.got = append(m.got, string(line))
		m.PauseProducing()
		m.ResumeProducing()
	}
	m.DataReceived([]byte("a\nb\nc"))
	wantCalls(t, "the lines", m.got, "a", "b")
	if tr.ProducerState() != memory.Producing {
		t.Errorf("the transport is %v", tr.ProducerState())
	}
}

// TestStopProducing: after StopProducing nothing is delivered.
func TestStopProducing(t *testing.T) {
	inPieces("one\nstop\nmore\nraw 2\nxx", func(pieces [][]byte) {
		m, tr := newMailbox()
		for _, p := range pieces {
			m.DataReceived(p)
		}
		wantCalls(t, "the calls", m.got, "one", "stop")
		if tr.ProducerState() != memory.Stopped {
			t.Errorf("the transport is %v", tr.ProducerState())
		}
	})
}

// TestReceiverIsProducer: a receiver can be registered as a producer while it receives.
func TestReceiverIsProducer(t *testing.T) {
	m, tr := newMailbox()
	m.LineReceived = func(line []byte) {
		m.got = append(m.got, string(line))
		switch string(line) {
		case "register":
			if err := tr.RegisterProducer(m); err != nil {
				t.Error(err)
			}
		case "unregister":
			tr.UnregisterProducer()
		}
	}
	m.DataReceived([]byte("register\na\nunregister\nb\n"))
	wantCalls(t, "the lines", m.got, "register", "a", "unregister", "b")
}

// TestClearLineBuffer: what it returns is not delivered, and stays as it is.
func TestClearLineBuffer(t *testing.T) {
	m, _ := newMailbox()
	var rest [][]byte
	m.LineReceived = func(line []byte) {
		m.got = append(m.got, string(line))
		rest = append(rest, m.ClearLineBuffer())
	}
	piece := []byte("foo\nbar\nbaz")
	m.DataReceived(piece)
	copy(piece, "XXXXXXXXXXX")
	m.DataReceived([]byte("quux\n"))
	m.DataReceived([]byte("a"))
	m.DataReceived([]byte("b\nc"))
	wantCalls(t, "the lines", m.got, "foo", "quux", "ab")
	if got := string(bytes.Join(rest, []byte("|"))); got != "bar\nbaz||c" {
		t.Errorf("the rests are %q", got)
	}
	m.DataReceived([]byte("partial"))
	if got := string(m.ClearLineBuffer()); got != "partial" {
		t.Errorf("between two pieces it is %q", got)
	}
	if got := m.ClearLineBuffer(); len(got) != 0 {
		t.Errorf("the second time it is %q", got)
	}
	m.LineReceived = func(line []byte) { m.got = append(m.got, string(line)) }
	m.DataReceived([]byte("d\n"))
	wantCalls(t, "the lines", m.got, "foo", "quux", "ab", "d")
}

// TestLineLimits has the lengths around MaxLength.
func TestLineLimits(t *testing.T) {
	for _, test := range []struct {
		name, data string
		lost       bool
	}{
		{"a line of MaxLength", "123456\r\n", false},
		{"an unended line of MaxLength", "123456", false},
		{"and a part of the delimiter", "123456\r", false},
		{"and another byte", "1234567", false}, // as in Twisted
		{"a line of one more", "1234567\r\n", true},
		{"an unended line of MaxLength and a delimiter", "12345678", true},
		{"after a line", "1\r\n1234567\r\n", true},
	} {
		inPieces(test.data, func(pieces [][]byte) {
			r, tr := &protocols.LineReceiver{MaxLength: 6, LineReceived: func([]byte) {}}, &memory.StringTransport{}
			r.ConnectionMade(tr)
			for _, p := range pieces {
				r.DataReceived(p)
			}
			var long *protocols.TooLongError
			if is := errors.As(r.Err(), &long); is != test.lost || tr.Disconnecting() != test.lost {
				t.Errorf("%s: the error is %v, and disconnecting %v", test.name, r.Err(), tr.Disconnecting())
			}
			if test.lost && (long.What != "line" || long.Limit != 6 || !bytes.HasPrefix(long.Data, []byte("1234567"))) {
				t.Errorf("%s: %+v", test.name, long)
			}
		})
	}
	for _, r := range []interface {
		receiver
		ClearLineBuffer() []byte
	}{&protocols.LineReceiver{}, &protocols.LineOnlyReceiver{}} { // the default is 16384
		tr := &memory.StringTransport{}
		r.ConnectionMade(tr)
		r.DataReceived(bytes.Repeat([]byte("x"), 16384))
		r.DataReceived([]byte("\r"))
		if r.Err() != nil || len(r.ClearLineBuffer()) != 16385 {
			t.Errorf("%T: %v", r, r.Err())
		}
		r.DataReceived(bytes.Repeat([]byte("x"), 16385))
		r.DataReceived([]byte("\r\n"))
		if r.Err() == nil || !tr.Disconnecting() {
			t.Errorf("%T: %v", r, r.Err())
		}
	}
}

// TestLineLengthExceeded: the function gets the line and all that follows, once.
func TestLineLengthExceeded(t *testing.T) {
	long := strings.Repeat("x", 14)
	for _, data := range []string{long, long + "\r\n" + long, long + "\r\n" + long + "\r\n"} {
		for _, before := range []string{"", "a\r\n"} {
			var got []string
			r := &protocols.LineReceiver{MaxLength: 6, LineReceived: func(line []byte) { got = append(got, "line "+string(line)) }}
			r.LineLengthExceeded = func(data []byte) { got = append(got, "long "+string(data)) }
			tr := &memory.StringTransport{}
			r.ConnectionMade(tr)
			r.DataReceived([]byte(before + data))
			want := []string{"long " + data}
			if before != "" {
				want = []string{"line a", "long " + data}
			}
			wantCalls(t, "the calls", got, want...)
			r.DataReceived([]byte("b\r\n"))
			wantCalls(t, "the calls", got, append(want, "line b")...)
			if r.Err() != nil || tr.Disconnecting() {
				t.Errorf("the receiver gave up: %v", r.Err())
			}
		}
	}
	// A part is held, and the rest comes with other lines.
	var got string
	r := &protocols.LineReceiver{MaxLength: 6, LineLengthExceeded: func(data []byte) { got = string(data) }}
	r.ConnectionMade(&memory.StringTransport{})
	r.DataReceived([]byte("1234"))
	r.DataReceived([]byte("5678" + strings.Repeat("\r\nabc", 50)))
	if want := "12345678" + strings.Repeat("\r\nabc", 50); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLineModeExtra: extra comes after what is not delivered, whatever it is a part of.
func TestLineModeExtra(t *testing.T) {
	for _, test := range []struct {
		name  string
		extra func(data []byte) []byte
		want  []string
	}{
		{"the end", func(data []byte) []byte { return data[1:] }, []string{"r", "a", "b", "next"}},
		{"all", func(data []byte) []byte { return data }, []string{"r", ".a", "b", "next"}},
		{"the beginning", func(data []byte) []byte { return data[:2] }, []string{"r", ".anext"}},
		{"another text", func([]byte) []byte { return []byte("x\ny\n") }, []string{"r", "x", "y", "next"}},
		{"a copy of the end", func(data []byte) []byte { return bytes.Clone(data[1:]) }, []string{"r", "a", "b", "next"}},
		{"nothing", func([]byte) []byte { return nil }, []string{"r", "next"}},
	} {
		for _, held := range []bool{false, true} {
			r := &protocols.LineReceiver{Delimiter: "\n"}
			var got []string
			r.LineReceived = func(line []byte) {
				if got = append(got, string(line)); string(line) == "r" {
					r.SetRawMode()
				}
			}
			r.RawDataReceived = func(data []byte) {
				extra := test.extra(data)
				r.SetLineMode(extra)
				if test.name == "another text" {
					copy(extra, "????") // SetLineMode has a copy
				}
			}
			r.ConnectionMade(&memory.StringTransport{})
			if held { // what comes during a pause is held
				r.PauseProducing()
			}
			r.DataReceived([]byte("r\n.a\nb\n"))
			if held {
				r.ResumeProducing()
			}
			r.DataReceived([]byte("next\n"))
			wantCalls(t, test.name, got, test.want...)
		}
	}
}

// TestReentrantDataReceived: what DataReceived gets while the program is called comes last.
func TestReentrantDataReceived(t *testing.T) {
	for want, pieces := range map[string][]string{
		"a b x yz c":  {"a\nb\n", "c\n"},
		"a b x yz d":  {"a", "\nb\n", "d\n"},
		"a bx yz  c ": {"a\nb", "\nc\n\n"},
	} {
		r := &protocols.LineReceiver{Delimiter: "\n"}
		var got []string
		r.LineReceived = func(line []byte) {
			if got = append(got, string(line)); string(line) == "a" {
				own := []byte("x\ny")
				r.DataReceived(own)
				r.SetLineMode([]byte("z\n"))
				copy(own, "???")
				if string(line) != "a" {
					t.Errorf("the line has become %q", line)
				}
			}
		}
		r.ConnectionMade(&memory.StringTransport{})
		for _, p := range pieces {
			r.DataReceived([]byte(p))
		}
		all := strings.Join(got, " ")
		if all != want {
			t.Errorf("%q: got %q, want %q", pieces, all, want)
		}
	}
}

// TestModeFromOutside: a switch to raw mode between two pieces passes on what is held.
func TestModeFromOutside(t *testing.T) {
	c := &calls{}
	r := &protocols.LineReceiver{LineReceived: func(line []byte) { c.add("line %s", line) }, RawDataReceived: func(data []byte) { c.add("raw %s", data) }}
	r.ConnectionMade(&memory.StringTransport{})
	r.DataReceived([]byte("par"))
	r.SetRawMode()
	r.DataReceived([]byte("tial\r\n"))
	r.SetLineMode([]byte("a\r\nb"))
	r.DataReceived([]byte("\r\n"))
	wantCalls(t, "the calls", c.made, "raw partial\r\n", "line a", "line b")
}

// TestDelimiterChanges: the program may change Delimiter and MaxLength at any time.
func TestDelimiterChanges(t *testing.T) {
	r := &protocols.LineReceiver{}
	var got []string
	r.LineReceived = func(line []byte) {
		got = append(got, string(line))
		if len(got) == 1 {
			r.Delimiter = ";"
		}
	}
	r.ConnectionMade(&memory.StringTransport{})
	r.DataReceived([]byte("a;b\r\nc;d"))
	r.DataReceived([]byte("|e"))
	r.Delimiter = "|"
	r.DataReceived([]byte("f|"))
	wantCalls(t, "the lines", got, "a;b", "c", "d", "ef")
	r.MaxLength = -1
	if text := panicOf(func() { r.DataReceived([]byte("a")) }); !strings.Contains(text, "MaxLength is -1") {
		t.Errorf("the panic is %q", text)
	}
}

// TestSendLine writes a line as one.
func TestSendLine(t *testing.T) {
	for _, test := range []struct{ delimiter, want string }{{"", "a\r\n"}, {"|", "a|"}} {
		tr := &memory.StringTransport{}
		r, o := &protocols.LineReceiver{Delimiter: test.delimiter}, &protocols.LineOnlyReceiver{Delimiter: test.delimiter}
		r.ConnectionMade(tr)
		o.ConnectionMade(tr)
		r.SendLine("a")
		o.SendLine("a")
		if got := tr.Value(); got != test.want+test.want {
			t.Errorf("sent %q, want %q twice", got, test.want)
		}
	}
}

// TestLineOnlyBytewise receives lines with blanks at their ends.
func TestLineOnlyBytewise(t *testing.T) {
	var got []string
	r := &protocols.LineOnlyReceiver{Delimiter: "\n", LineReceived: func(line []byte) { got = append(got, string(line)) }}
	r.ConnectionMade(&memory.StringTransport{})
	for _, b := range bytewise([]byte("foo\n  bar \n\n baz\n  rest")) {
		r.DataReceived(b)
	}
	wantCalls(t, "the lines", got, "foo", "  bar ", "", " baz")
	if rest := string(r.ClearLineBuffer()); rest != "  rest" {
		t.Errorf("the rest is %q", rest)
	}
}

var _ reactor.PushProducer = (*protocols.LineReceiver)(nil)
