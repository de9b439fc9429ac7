package protocols_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// TestDirectStyle reads lines and strings from readers of all kinds.
func TestDirectStyle(t *testing.T) {
	lines := func(r io.Reader) iter.Seq2[[]byte, error] {
		return protocols.Lines(r, protocols.LineConfig{MaxLength: 8})
	}
	net := func(r io.Reader) iter.Seq2[[]byte, error] { return protocols.Netstrings(r, 8) }
	for _, test := range []struct {
		split      func(r io.Reader) iter.Seq2[[]byte, error]
		data, want string
	}{
		{lines, "", ""},
		{lines, "a\r\n\r\n12345678\r\n", "a||12345678|"},
		{lines, "a\r\nrest", "a|rest: unexpected EOF|"},
		{lines, "a\r\n123456789\r\nb\r\n", "a|123456789\r"},
		{protocols8, "\x01a\x00\x02bc", "a||bc|"},
		{protocols16, "\x00\x01a\x00\x00\x00\x02b", "a||\x00\x02b: unexpected EOF|"},
		{protocols32, "\x00\x00\x00\x01a\x00\x00\x00", "a|\x00\x00\x00: unexpected EOF|"},
		{protocols32, "\x00\x00\x00\x01a\xff\xff\xff\xffb", `a|` + "\xff\xff\xff\xff"},
		{net, "1:a,0:,8:12345678,", "a||12345678|"},
		{net, "1:a,2:b", "a|2:b: unexpected EOF|"},
		{net, "1:a,x", `a|x: protocols: "x`},
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole":         func(r io.Reader) io.Reader { return r },
			"byte by byte":  iotest.OneByteReader,
			"EOF with data": iotest.DataErrReader,
		} {
			got := ""
			for found, err := range test.split(wrap(strings.NewReader(test.data))) {
				if got += string(found); err != nil {
					got += ": " + err.Error()
				}
				got += "|"
			}
			if !strings.HasPrefix(got, test.want) || strings.HasSuffix(test.want, "|") && got != test.want || test.want == "" && got != "" {
				t.Errorf("%q %s\n got  %q\n want %q", test.data, name, got, test.want)
			}
		}
	}
}

func protocols8(r io.Reader) iter.Seq2[[]byte, error]  { return protocols.Strings[uint8](r, 8) }
func protocols16(r io.Reader) iter.Seq2[[]byte, error] { return protocols.Strings[uint16](r, 8) }
func protocols32(r io.Reader) iter.Seq2[[]byte, error] { return protocols.Strings[uint32](r, 8) }

// TestLinesGoOn: a loop that ends early loses nothing, and an error is there for the next loop
// too.
func TestLinesGoOn(t *testing.T) {
	broken := errors.New("the cable is broken")
	lines := protocols.Lines(io.MultiReader(strings.NewReader("a\r\nb\r\nc\r\nd"), iotest.ErrReader(broken)), protocols.LineConfig{})
	var got []string
	for range 4 {
		for line, err := range lines {
			got = append(got, fmt.Sprintf("%s %v", line, err))
			if string(line) == "b" {
				break
			}
		}
	}
	wantCalls(t, "the lines", got, "a <nil>", "b <nil>", "c <nil>", "d the cable is broken", "d the cable is broken", "d the cable is broken")
}

// A lazyReader returns nothing.
type lazyReader struct{}

func (lazyReader) Read([]byte) (int, error) { return 0, nil }

// A endlessReader returns bytes without end, and counts them.
type endlessReader struct{ n int }

func (r *endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	r.n += len(p)
	return len(p), nil
}

// TestBadReaders: a reader that returns nothing, and one that never ends.
func TestBadReaders(t *testing.T) {
	for line, err := range protocols.Lines(lazyReader{}, protocols.LineConfig{}) {
		if len(line) != 0 || err != io.ErrNoProgress {
			t.Errorf("%q, %v", line, err)
		}
	}
	r := &endlessReader{}
	for _, err := range protocols.Lines(r, protocols.LineConfig{}) {
		var long *protocols.TooLongError
		if !errors.As(err, &long) || r.n > 64<<10 {
			t.Errorf("%v after %d bytes", err, r.n)
		}
	}
}

// TestLinesLinear reads a megabyte of short lines and one of a long one; TestLinear says why.
func TestLinesLinear(t *testing.T) {
	for _, data := range []string{strings.Repeat("\r\n", big/2), strings.Repeat("x", big) + "\r\n"} {
		n := 0
		for line, err := range protocols.Lines(strings.NewReader(data), protocols.LineConfig{MaxLength: big}) {
			if err != nil {
				t.Fatal(err)
			}
			n += len(line) + 2
		}
		if n != len(data) {
			t.Errorf("%d bytes of %d", n, len(data))
		}
	}
}
