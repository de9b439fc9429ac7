package http1

// The tests of both readers run a reader over pieces of input and compare transcripts of its events.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// reader is the interface of both readers.
type reader interface {
	Next(in []byte) (int, Event, error)
	Finish() (Event, error)
	Data() []byte
}

// transcript runs r over the pieces and then ends the connection. It returns one line for each event, with
// consecutive Data in one line. The last line says how many bytes are left, or how the connection ended.
func transcript(t testing.TB, r reader, pieces ...[]byte) []string {
	t.Helper()
	var lines []string
	var data []byte
	left := 0
	say := func(format string, args ...any) {
		if data != nil {
			lines = append(lines, fmt.Sprintf("Data %q", data))
			data = nil
		}
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	over := false
	for _, in := range pieces {
		for turn := 0; !over; turn++ {
			if turn > 2*len(in)+8 {
				t.Fatalf("Next does not end in %q", in)
			}
			n, ev, err := r.Next(in)
			if n < 0 || n > len(in) {
				t.Fatalf("Next used %d bytes of %d", n, len(in))
			}
			if err != nil {
				say("error: %v", err)
				_, again := r.Finish()
				if again != err {
					t.Errorf("after the error %v, Finish gave %v", err, again)
				}
				return lines
			}
			in = in[n:]
			switch ev {
			case Data:
				if len(r.Data()) == 0 {
					t.Error("Data without data")
				}
				data = append(data, r.Data()...)
				continue
			case NeedMore:
				if len(in) > 0 {
					t.Fatalf("NeedMore with %q unused", in)
				}
			case End:
				say("End %s", trailerText(r))
				over = true
			case Upgraded:
				say("Upgraded %s", headText(r))
				over = true
			default:
				say("%v %s", ev, headText(r))
				continue
			}
			break
		}
		left += len(in)
	}
	if over {
		say("left %d", left)
		return lines
	}
	ev, err := r.Finish()
	if err != nil {
		say("finish: %v", err)
	} else {
		say("finish: %v", ev)
	}
	return lines
}

// headText returns the head in one line, with headers sorted by name.
func headText(r reader) string {
	switch r := r.(type) {
	case *ResponseReader:
		h := r.Head()
		return fmt.Sprintf("%v %d %q %q length=%d%s", h.Version, h.Code, h.Phrase, h.Header, h.Length,
			flags(h.Chunked, "chunked", h.UntilClose, "until-close", h.KeepAlive, "keep-alive"))
	case *RequestReader:
		h := r.Head()
		return fmt.Sprintf("%s %s %v %q length=%d%s", h.Method, h.Target, h.Version, h.Header, h.Length,
			flags(h.Chunked, "chunked", h.KeepAlive, "keep-alive", h.Expect100, "expect-100"))
	}
	panic("no such reader")
}

func trailerText(r reader) string {
	switch r := r.(type) {
	case *ResponseReader:
		return fmt.Sprintf("%q", r.Trailer())
	case *RequestReader:
		return fmt.Sprintf("%q", r.Trailer())
	}
	panic("no such reader")
}

// flags returns the names of the true values in pairs of a bool and its name.
func flags(pairs ...any) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i].(bool) {
			b.WriteString(" " + pairs[i+1].(string))
		}
	}
	return b.String()
}

// sameHoweverSplit compares the transcript of the whole input with those of the input in two pieces,
// split at every position, and byte by byte.
func sameHoweverSplit(t *testing.T, fresh func() reader, input []byte) []string {
	t.Helper()
	whole := transcript(t, fresh(), input)
	differ := func(got []string, how string) {
		if !slices.Equal(got, whole) {
			t.Errorf("%s of %q\n got  %s\n want %s", how, input,
				strings.Join(got, "\n      "), strings.Join(whole, "\n      "))
		}
	}
	for at := range input {
		differ(transcript(t, fresh(), input[:at], input[at:]), fmt.Sprintf("split at %d", at))
	}
	differ(transcript(t, fresh(), bytewise(input)...), "byte by byte")
	return whole
}

func bytewise(input []byte) [][]byte {
	var pieces [][]byte
	for i := range input {
		pieces = append(pieces, input[i:i+1])
	}
	return pieces
}

// wantKind checks that err is a *wire.Error that errors.Is finds by its kind.
func wantKind(t *testing.T, err error, kind wire.Kind) {
	t.Helper()
	var e *wire.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) || e.Kind != kind {
		t.Errorf("got error %v, want kind %v", err, kind)
	}
}

// crlf replaces each LF with CRLF, so that the tables are easy to read.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
