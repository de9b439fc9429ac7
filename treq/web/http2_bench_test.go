package web_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/web"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// BenchmarkSiteHTTP2 is BenchmarkSite over HTTP/2, with 64 requests at a time.
func BenchmarkSiteHTTP2(b *testing.B) {
	const streams = 64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello, world!") })
	for _, bench := range []struct {
		name string
		site *web.Site
	}{
		{"resource", &web.Site{Root: web.RenderFunc(hello)}},
		{"handler", &web.Site{Handler: handler}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			ask := askOverHTTP2(b, bench.site, streams)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += streams {
				ask()
			}
		})
	}
}

// TestAllocationsOverHTTP2 bounds the allocations of a request served over HTTP/2: fewer
// than over HTTP/1.1, whose network in memory takes two.
func TestAllocationsOverHTTP2(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const (
		streams = 64
		turn    = 16 // the network in memory and the client, for all streams together
	)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	for name, test := range map[string]struct {
		site  *web.Site
		bound float64
	}{
		"resource": {&web.Site{Root: web.RenderFunc(hello)}, 15},
		"handler":  {&web.Site{Handler: handler}, 24},
	} {
		got := testing.AllocsPerRun(100, askOverHTTP2(t, test.site, streams))
		if got > test.bound*streams+turn {
			t.Errorf("%s: %v allocations for %d requests, more than %v for each", name, got, streams, test.bound)
		}
	}
}

// askOverHTTP2 returns a function that makes streams requests at a time, over one
// connection of a client that only counts the answers.
func askOverHTTP2(tb testing.TB, site *web.Site, streams int) func() {
	s := serve(tb, site)
	p := s.connect()
	var b bytes.Buffer
	framer := http2.NewFramer(&b, nil)
	b.WriteString(http2.ClientPreface)
	framer.WriteSettings()
	framer.WriteSettingsAck()
	p.Write(bytes.Clone(b.Bytes()))
	s.Pump()

	// The first header section fills the table of HPACK, and the later ones refer to it.
	var first, next []byte
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, to := range []*[]byte{&first, &next} {
		block.Reset()
		for _, f := range []hpack.HeaderField{
			{Name: ":method", Value: "GET"},
			{Name: ":scheme", Value: "http"},
			{Name: ":authority", Value: "an.example"},
			{Name: ":path", Value: "/path?q=1"},
			{Name: "user-agent", Value: "bench"},
			{Name: "accept", Value: "*/*"},
		} {
			encoder.WriteField(f)
		}
		*to = bytes.Clone(block.Bytes())
	}
	stream := uint32(1)
	ask := func(fields []byte, n int) {
		b.Reset()
		framer.WriteWindowUpdate(0, uint32(100*n))
		for range n {
			framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields, EndStream: true, EndHeaders: true})
			stream += 2
		}
		p.got = p.got[:0]
		p.Write(b.Bytes())
		s.Pump()
		ended := 0
		for rest := []byte(p.got); len(rest) >= 9; rest = rest[9+binary.BigEndian.Uint32(rest)>>8:] {
			if http2.FrameType(rest[3]) == http2.FrameData && http2.Flags(rest[4]).Has(http2.FlagDataEndStream) {
				ended++
			}
		}
		if ended != n {
			tb.Fatalf("%d of %d requests were answered: %q", ended, n, p.got)
		}
	}
	ask(first, 1)
	return func() { ask(next, streams) }
}
