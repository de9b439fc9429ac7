package protocols_test

import (
	"bytes"
	"iter"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// fuzzReceiver checks that a receiver of a kind does not panic, makes the same calls however
// data is split, and holds no more than it may. cuts are the sizes of the pieces. direct is
// the same in direct style, or nil.
func fuzzReceiver(t *testing.T, k kind, data, cuts []byte, direct iter.Seq2[[]byte, error]) {
	if len(data) > 1000 {
		return
	}
	want := k.feed(data)
	var pieces [][]byte
	for rest, i := data, 0; len(rest) != 0; i++ {
		n := len(rest)
		if i < len(cuts) {
			n = min(n, int(cuts[i]))
		}
		pieces, rest = append(pieces, rest[:n]), rest[n:]
	}
	if got := k.feed(pieces...); !slices.Equal(got, want) {
		t.Errorf("in pieces of %d\n got  %q\n want %q", cuts, got, want)
	}
	if got := k.feed(bytewise(data)...); !slices.Equal(got, want) {
		t.Errorf("byte by byte\n got  %q\n want %q", got, want)
	}

	r := k.make(&calls{})
	r.ConnectionMade(&memory.StringTransport{})
	for _, piece := range pieces {
		r.DataReceived(piece)
		if held := protocols.Held(r); held > 2*(limit+2+len(piece))+128 {
			t.Fatalf("%d bytes are held", held)
		}
	}

	if direct != nil {
		want = slices.DeleteFunc(want, func(call string) bool { return len(call) > 5 && call[:5] == "lost:" })
		var got []string
		for found, err := range direct {
			if err != nil {
				break
			}
			got = append(got, string(found))
		}
		if !slices.EqualFunc(got, want, func(found, call string) bool { return call == "line "+found || call == "string "+found }) {
			t.Errorf("in direct style\n got  %q\n want %q", got, want)
		}
	}
}

// fuzz adds the inputs of the kinds of these names.
func fuzz(f *testing.F, names ...string) {
	for _, in := range inputs {
		if i := slices.Index(names, in.kind); i >= 0 {
			f.Add([]byte(in.data), []byte{3, 0, 1, 7}, uint8(i))
		}
	}
}

func FuzzLineReceiver(f *testing.F) {
	fuzz(f, "LineReceiver")
	f.Fuzz(func(t *testing.T, data, cuts []byte, _ uint8) {
		fuzzReceiver(t, kindNamed(t, "LineReceiver"), data, cuts, nil)
	})
}

func FuzzLineOnlyReceiver(f *testing.F) {
	names := []string{"LineOnlyReceiver", "LineOnlyReceiver that skips"}
	fuzz(f, names...)
	f.Fuzz(func(t *testing.T, data, cuts []byte, which uint8) {
		lines := protocols.Lines(iotest.HalfReader(bytes.NewReader(data)), protocols.LineConfig{Delimiter: "<>", MaxLength: limit})
		if which%2 != 0 {
			lines = nil
		}
		fuzzReceiver(t, kindNamed(t, names[which%2]), data, cuts, lines)
	})
}

func FuzzIntNStringReceiver(f *testing.F) {
	names := []string{"Int8StringReceiver", "Int16StringReceiver", "Int32StringReceiver", "Int16StringReceiver that skips"}
	fuzz(f, names...)
	f.Fuzz(func(t *testing.T, data, cuts []byte, which uint8) {
		r := iotest.HalfReader(bytes.NewReader(data))
		direct := []iter.Seq2[[]byte, error]{protocols.Strings[uint8](r, limit), protocols.Strings[uint16](r, limit), protocols.Strings[uint32](r, limit), nil}
		fuzzReceiver(t, kindNamed(t, names[which%4]), data, cuts, direct[which%4])
	})
}

func FuzzNetstringReceiver(f *testing.F) {
	fuzz(f, "NetstringReceiver")
	f.Fuzz(func(t *testing.T, data, cuts []byte, _ uint8) {
		fuzzReceiver(t, kindNamed(t, "NetstringReceiver"), data, cuts, protocols.Netstrings(iotest.HalfReader(bytes.NewReader(data)), limit))
	})
}
