package protocols_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// An intN is what the three receivers have in common.
type intN interface {
	receiver
	SendString(s []byte) error
	ClearBuffer() []byte
}

// A sized is a kind of receiver by the size of its lengths.
type sized struct {
	size int
	make func(maxLength int, received func([]byte), exceeded func(int64)) intN
}

var sizes = []sized{
	{1, func(n int, r func([]byte), e func(int64)) intN {
		return &protocols.Int8StringReceiver{MaxLength: n, StringReceived: r, LengthLimitExceeded: e}
	}},
	{2, func(n int, r func([]byte), e func(int64)) intN {
		return &protocols.Int16StringReceiver{MaxLength: n, StringReceived: r, LengthLimitExceeded: e}
	}},
	{4, func(n int, r func([]byte), e func(int64)) intN {
		return &protocols.Int32StringReceiver{MaxLength: n, StringReceived: r, LengthLimitExceeded: e}
	}},
}

// message returns s after its length.
func (k sized) message(s string) string {
	prefix := make([]byte, k.size)
	for i, n := k.size-1, len(s); i >= 0; i, n = i-1, n>>8 {
		prefix[i] = byte(n)
	}
	return string(prefix) + s
}

// TestIntNStrings receives strings byte by byte, and sends one.
func TestIntNStrings(t *testing.T) {
	for _, k := range sizes {
		var got []string
		tr := &memory.StringTransport{}
		r := k.make(0, func(s []byte) { got = append(got, string(s)) }, nil)
		r.ConnectionMade(tr)
		for _, s := range []string{"a", strings.Repeat("b", 16), "", "ubar"} {
			for _, b := range bytewise([]byte(k.message(s))) {
				r.DataReceived(b)
			}
		}
		wantCalls(t, "the strings", got, "a", strings.Repeat("b", 16), "", "ubar")
		r.DataReceived([]byte(k.message("hello")[:k.size+4]))
		wantCalls(t, "and an incomplete one", got, "a", strings.Repeat("b", 16), "", "ubar")
		if rest := string(r.ClearBuffer()); rest != k.message("hello")[:k.size+4] {
			t.Errorf("the rest is %q", rest)
		}

		if err := r.SendString([]byte("foo")); err != nil || tr.Value() != k.message("foo") {
			t.Errorf("%d bytes: sent %q, %v", k.size, tr.Value(), err)
		}
	}
}

// TestSendStringTooLong: a string whose length does not fit is not sent.
func TestSendStringTooLong(t *testing.T) {
	for _, k := range sizes[:2] {
		tr := &memory.StringTransport{}
		r := k.make(0, nil, nil)
		r.ConnectionMade(tr)
		longest := bytes.Repeat([]byte("b"), 1<<(8*k.size)-1)
		var long *protocols.TooLongError
		if err := r.SendString(append(longest, 'b')); !errors.As(err, &long) || long.Limit != len(longest) || long.Length != int64(len(longest)+1) {
			t.Errorf("%d bytes: %v", k.size, err)
		} else if !strings.Contains(err.Error(), "prefix") {
			t.Errorf("the error is %q", err)
		}
		if tr.Value() != "" {
			t.Errorf("sent %d bytes", len(tr.Value()))
		}
		if err := r.SendString(longest); err != nil || tr.Value() != k.message(string(longest)) {
			t.Errorf("the longest string: %v", err)
		}
	}
}

// TestLengthLimit: a string that is too long is not delivered, even if it has come whole.
func TestLengthLimit(t *testing.T) {
	for _, k := range sizes {
		for _, whole := range []bool{false, true} {
			data := k.message("12345678901")
			if !whole {
				data = data[:k.size]
			}
			r, tr := k.make(10, func(s []byte) { t.Errorf("received %q", s) }, nil), &memory.StringTransport{}
			r.ConnectionMade(tr)
			r.DataReceived([]byte(data))
			var long *protocols.TooLongError
			if !errors.As(r.Err(), &long) || long.What != "string" || long.Length != 11 || long.Limit != 10 || !tr.Disconnecting() {
				t.Errorf("%d bytes: the error is %v", k.size, r.Err())
			}

			var exceeded []int64
			var got []string
			r, tr = k.make(10, func(s []byte) { got = append(got, string(s)) }, func(n int64) { exceeded = append(exceeded, n) }), &memory.StringTransport{}
			r.ConnectionMade(tr)
			r.DataReceived([]byte(data))
			if r.Err() != nil {
				t.Errorf("%d bytes: the error is %v while the string is skipped", k.size, r.Err())
			}
			r.DataReceived([]byte(k.message("12345678901")[len(data):] + k.message("a")))
			if len(exceeded) != 1 || exceeded[0] != 11 || r.Err() != nil || tr.Disconnecting() {
				t.Errorf("%d bytes: LengthLimitExceeded was called with %v; the error is %v", k.size, exceeded, r.Err())
			}
			wantCalls(t, "the string after it", got, "a")
		}
	}
}

// TestClearBuffer has what programs do with Twisted's recvd: look at the rest, replace it,
// take a part of it, take over.
func TestClearBuffer(t *testing.T) {
	for _, k := range sizes {
		a, b, c := k.message("aaaaa"), k.message("bbbbb"), k.message("ccccc")
		var r intN
		var got, rests []string
		run := func(data string, f func()) {
			got, rests = nil, nil
			r = k.make(0, func(s []byte) { got = append(got, string(s)); f() }, nil)
			r.ConnectionMade(&memory.StringTransport{})
			r.DataReceived([]byte(data))
		}
		run(a+b[:k.size+4], func() { rests = append(rests, string(r.ClearBuffer())) })
		wantCalls(t, "the rest", rests, b[:k.size+4])

		run(a+b, func() {
			if r.ClearBuffer(); len(got) == 1 {
				r.DataReceived([]byte(c))
			}
		})
		wantCalls(t, "after another text", got, "aaaaa", "ccccc")

		run(a+"----"+b+"----"+c+"----", func() { r.DataReceived(r.ClearBuffer()[4:]) })
		wantCalls(t, "without a part after each", got, "aaaaa", "bbbbb", "ccccc")
		r.DataReceived([]byte("\x01"))
		if rest := string(r.ClearBuffer()); rest != "\x01" {
			t.Errorf("the rest is %q", rest)
		}

		r = k.make(4, nil, func(int64) { rests = append(rests, string(r.ClearBuffer())) })
		r.ConnectionMade(&memory.StringTransport{})
		rests = nil
		r.DataReceived([]byte(a + b))
		wantCalls(t, "what follows a length that is too long", rests, "aaaaa"+b)
	}
}

// TestNetstrings sends netstrings and receives them in pieces of all sizes.
func TestNetstrings(t *testing.T) {
	tr := &memory.StringTransport{}
	sender := &protocols.NetstringReceiver{}
	sender.ConnectionMade(tr)
	want := []string{"hello", "world", "how", "", "are", "you123", ":today", strings.Repeat("a", 515), "1:a,"}
	for _, s := range want {
		sender.SendString([]byte(s))
	}
	inPieces(tr.Value(), func(pieces [][]byte) {
		var got []string
		r := &protocols.NetstringReceiver{MaxLength: 515, StringReceived: func(s []byte) { got = append(got, string(s)) }}
		r.ConnectionMade(&memory.StringTransport{})
		for _, p := range pieces {
			r.DataReceived(p)
		}
		wantCalls(t, "the strings", got, want...)
		if r.Err() != nil {
			t.Error(r.Err())
		}
	})
}

// TestNetstringErrors: each error names what is wrong, and the bytes.
func TestNetstringErrors(t *testing.T) {
	for _, test := range []struct{ data, want string }{
		{"abc", `protocols: "abc" is no netstring: it does not begin with its length`},
		{":a,", `protocols: ":a," is no netstring: it does not begin with its length`},
		{"3abc,", `protocols: "3abc," is no netstring: no colon follows its length`},
		{"007:", `protocols: "007:" is no netstring: its length begins with 0`},
		{"2:abc,", `protocols: "2:abc," is no netstring: no comma follows its 2 bytes`},
		{"100000", `protocols: a netstring is longer than the 99999 bytes of MaxLength: it begins with "100000"`},
		{strings.Repeat("9", 1000), `protocols: a netstring is longer than the 99999 bytes of MaxLength: it begins with "` + strings.Repeat("9", 64) + `"`},
	} {
		r, tr := &protocols.NetstringReceiver{StringReceived: func(s []byte) { t.Errorf("received %q", s) }}, &memory.StringTransport{}
		r.ConnectionMade(tr)
		r.DataReceived([]byte(test.data))
		r.DataReceived([]byte("1:a,"))
		if r.Err() == nil || r.Err().Error() != test.want || !tr.Disconnecting() {
			t.Errorf("%q: the error is\n     %v\nwant %s", test.data, r.Err(), test.want)
		}
	}
}

// TestNetstringLengths: no length overflows, whatever the limit is.
func TestNetstringLengths(t *testing.T) {
	for _, test := range []struct {
		length string
		limit  int
		lost   bool
	}{
		{"99999", 0, false},
		{"100000", 0, true},
		{"18446744073709551617", 0, true}, // 1, modulo 1<<64
		{"9223372036854775808", 0, true},
		{"2147483647", math.MaxInt, false},
		{"18446744073709551617", math.MaxInt, true},
		{"9223372036854775808", math.MaxInt, true},
		{"99999999999999999999999999999999999999", math.MaxInt, true},
	} {
		r, tr := &protocols.NetstringReceiver{MaxLength: test.limit}, &memory.StringTransport{}
		r.ConnectionMade(tr)
		r.DataReceived([]byte(test.length + ":a"))
		if tr.Disconnecting() != test.lost {
			t.Errorf("length %s with MaxLength %d: the error is %v", test.length, test.limit, r.Err())
		}
	}
}

// TestOtherErrors has the texts of the other errors.
func TestOtherErrors(t *testing.T) {
	l := &protocols.LineReceiver{MaxLength: 3}
	l.ConnectionMade(&memory.StringTransport{})
	l.DataReceived([]byte("abcdef"))
	i := &protocols.Int32StringReceiver{}
	i.ConnectionMade(&memory.StringTransport{})
	i.DataReceived([]byte("GET / HTTP/1.1"))
	for _, test := range []struct {
		err  error
		want string
	}{
		{l.Err(), `protocols: a line is longer than the 3 bytes of MaxLength: it begins with "abcdef"`},
		{i.Err(), `protocols: a string of 1195725856 bytes is longer than the 99999 bytes of MaxLength: it begins with "GET "`},
	} {
		if test.err == nil || test.err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", test.err, test.want)
		}
	}
}
