package client_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// BenchmarkGetHTTP2 is BenchmarkGet over HTTP/2, with one request at a time, and with 64.
func BenchmarkGetHTTP2(b *testing.B) {
	for _, bench := range []struct {
		name    string
		streams int
	}{{"1 stream", 1}, {"64 streams", 64}} {
		b.Run(bench.name, func(b *testing.B) {
			get := canGetHTTP2(b, bench.streams)
			get()
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += bench.streams {
				get()
			}
		})
	}
}

// TestAllocationsOfAGetOverHTTP2 bounds the allocations of a small GET over HTTP/2: as many
// as over HTTP/1.1.
func TestAllocationsOfAGetOverHTTP2(t *testing.T) {
	const (
		streams = 64
		most    = 14
		turn    = 2 // the network in memory, for all streams together
	)
	if n := testing.AllocsPerRun(100, canGetHTTP2(t, streams)); n > most*streams+turn {
		t.Errorf("%.0f allocations for %d requests, want no more than %d for each", n, streams, most)
	}
}

// canGetHTTP2 returns a function that makes streams requests at a time to a canned server,
// over one connection, and reads the responses.
func canGetHTTP2(tb testing.TB, streams int) func() {
	r := memory.New()
	listen := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return newCannedHTTP2() })
	if _, err := r.ListenTCP("127.0.0.1:80", listen); err != nil {
		tb.Fatal(err)
	}
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	c := client.New(r, client.Config{AgentConfig: agent.Config{Protocols: &p}})
	good := 0
	var failed error
	take := func(data []byte, err error) ([]byte, error) {
		if failed = err; string(data) == "Hello, world!" {
			good++
		}
		return nil, nil
	}
	return func() {
		good = 0
		for range streams {
			deferred.Then(c.Get("http://127.0.0.1/foo"), (*response.Response).Content).AddBoth(take)
		}
		r.Pump()
		if good != streams {
			tb.Fatalf("%d good answers of %d, %v", good, streams, failed)
		}
	}
}

// A cannedHTTP2 connection sends the same response to every HEADERS frame.
type cannedHTTP2 struct {
	t           reactor.Transport
	first, next []byte // the header section, for the first time and later
	preface     int    // bytes of it that are still to come
	in, out     []byte
}

func newCannedHTTP2() *cannedHTTP2 {
	c := &cannedHTTP2{preface: len(http2.ClientPreface)}
	var b bytes.Buffer
	encoder := hpack.NewEncoder(&b)
	for _, block := range []*[]byte{&c.first, &c.next} {
		b.Reset()
		for _, f := range []hpack.HeaderField{
			{Name: ":status", Value: "200"},
			{Name: "content-type", Value: "text/plain"},
			{Name: "date", Value: "Sun, 06 Nov 1994 08:49:37 GMT"},
			{Name: "content-length", Value: "13"},
		} {
			encoder.WriteField(f)
		}
		*block = bytes.Clone(b.Bytes())
	}
	return c
}

func (c *cannedHTTP2) ConnectionMade(t reactor.Transport) {
	c.t = t
	c.head(6, http2.FrameSettings, 0, 0)
	c.out = binary.BigEndian.AppendUint16(c.out, uint16(http2.SettingMaxConcurrentStreams))
	c.out = binary.BigEndian.AppendUint32(c.out, 1000)
	c.flush()
}

func (c *cannedHTTP2) ConnectionLost(error) {}

func (c *cannedHTTP2) DataReceived(data []byte) {
	n := min(c.preface, len(data))
	c.preface -= n
	c.in = append(c.in, data[n:]...)
	rest := c.in
	for len(rest) >= 9 {
		n := 9 + int(binary.BigEndian.Uint32(rest)>>8)
		if len(rest) < n {
			break
		}
		c.frame(rest[:n])
		rest = rest[n:]
	}
	c.in = append(c.in[:0], rest...)
	c.flush()
}

func (c *cannedHTTP2) frame(f []byte) {
	flags, payload := http2.Flags(f[4]), f[9:]
	switch http2.FrameType(f[3]) {
	case http2.FrameHeaders:
		stream, block := binary.BigEndian.Uint32(f[5:]), c.next
		if c.first != nil {
			block, c.first = c.first, nil
		}
		c.head(len(block), http2.FrameHeaders, http2.FlagHeadersEndHeaders, stream)
		c.out = append(c.out, block...)
		c.head(13, http2.FrameData, http2.FlagDataEndStream, stream)
		c.out = append(c.out, "Hello, world!"...)
	case http2.FrameSettings:
		if !flags.Has(http2.FlagSettingsAck) {
			c.head(0, http2.FrameSettings, http2.FlagSettingsAck, 0)
		}
	case http2.FramePing:
		if !flags.Has(http2.FlagPingAck) {
			c.head(len(payload), http2.FramePing, http2.FlagPingAck, 0)
			c.out = append(c.out, payload...)
		}
	}
}

func (c *cannedHTTP2) head(n int, t http2.FrameType, flags http2.Flags, stream uint32) {
	c.out = append(c.out, byte(n>>16), byte(n>>8), byte(n), byte(t), byte(flags))
	c.out = binary.BigEndian.AppendUint32(c.out, stream)
}

func (c *cannedHTTP2) flush() {
	if len(c.out) != 0 {
		c.t.Write(c.out)
		c.out = c.out[:0]
	}
}
