package http1

import (
	"net/http"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// pieces splits data into up to four pieces, at positions that the fuzzer chooses.
func pieces(data []byte, at [3]uint16) [][]byte {
	var out [][]byte
	for _, n := range at {
		n := min(int(n), len(data))
		out = append(out, data[:n])
		data = data[n:]
	}
	return append(out, data)
}

// fuzzReader checks that a reader does not panic and reports the same events however the bytes are split.
// transcript checks that the reader uses no more bytes than it gets, and that the events end.
func fuzzReader(t *testing.T, fresh func() reader, data []byte, at [3]uint16) {
	if len(data) > 4096 {
		return
	}
	want := transcript(t, fresh(), data)
	if got := transcript(t, fresh(), pieces(data, at)...); !slices.Equal(got, want) {
		t.Errorf("split at %d\n got  %q\n want %q", at, got, want)
	}
	if got := transcript(t, fresh(), bytewise(data)...); !slices.Equal(got, want) {
		t.Errorf("byte by byte\n got  %q\n want %q", got, want)
	}
}

// fuzzLimits are small enough for the fuzzer to reach.
var fuzzLimits = wire.Limits{StartLineBytes: 64, HeaderBytes: 256, HeaderCount: 8, TrailerBytes: 64, ChunkExtensionBytes: 16, Informational: 2}

func FuzzResponseReader(f *testing.F) {
	for _, c := range cannedResponses {
		f.Add(c.method, bytesOf(c.wire), uint16(3), uint16(20), uint16(9))
	}
	for _, c := range badResponses {
		f.Add("GET", bytesOf(c.wire), uint16(1), uint16(30), uint16(9))
	}
	f.Fuzz(func(t *testing.T, method string, data []byte, a, b, c uint16) {
		for _, limits := range []*wire.Limits{nil, &fuzzLimits} {
			fuzzReader(t, func() reader {
				r := new(ResponseReader)
				r.SetLimits(limits)
				r.Start(method)
				return r
			}, data, [3]uint16{a, b, c})
		}
	})
}

func FuzzRequestReader(f *testing.F) {
	for _, c := range cannedRequests {
		f.Add(bytesOf(c.wire), uint16(3), uint16(20), uint16(9))
	}
	for _, c := range badRequests {
		if len(c.wire) < 4096 {
			f.Add(bytesOf(c.wire), uint16(1), uint16(30), uint16(9))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, a, b, c uint16) {
		for _, limits := range []*wire.Limits{nil, &fuzzLimits} {
			fuzzReader(t, func() reader {
				r := new(RequestReader)
				r.SetLimits(limits)
				r.Start()
				return r
			}, data, [3]uint16{a, b, c})
		}
	})
}

// FuzzAppendRequestHead checks that a reader reads every written head as one request with the same parts.
func FuzzAppendRequestHead(f *testing.F) {
	f.Add("GET", "/", "a", "X-A", "b", int64(0), false)
	f.Add("POST", "/a?b", "an.example:80", "Connection", "close", int64(5), true)
	f.Add("G\r\nT", "/\n", "a\rb", "X:A", "b\x00", int64(-5), false)
	f.Fuzz(func(t *testing.T, method, target, host, name, value string, length int64, chunked bool) {
		h := RequestHead{Method: method, Target: target, Length: length, Chunked: chunked, KeepAlive: true,
			Header: http.Header{"Host": {host}, name: {value}}}
		b, err := AppendRequestHead(nil, &h)
		if err != nil || len(b) > 8<<10 {
			return
		}
		r := new(RequestReader)
		r.Start()
		n, ev, err := r.Next(b)
		if n != len(b) || ev != Head || err != nil {
			t.Fatalf("%q is read as %d, %v, %v", b, n, ev, err)
		}
		got := r.Head()
		if got.Method != method || got.Target != target || got.Chunked != chunked || !chunked && got.Length != length {
			t.Errorf("%q is read as %+v", b, got)
		}
		if len(got.Header) > 3 {
			t.Errorf("%q has the headers %q", b, got.Header)
		}
	})
}
