package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

// typical has eight headers and a body of 13 bytes.
var typical = []byte("HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2026 12:28:53 GMT\r\nServer: nginx/1.22.1\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\nConnection: keep-alive\r\n" +
	"Cache-Control: max-age=3600, public\r\nETag: \"34aa387-d-1568eb00\"\r\nVary: Accept-Encoding\r\n\r\nhello, world!")

var thirty = func() []byte {
	b := []byte("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n")
	for i := range 29 {
		b = append(b, "x-header-"+string(rune('a'+i%26))+": the value of this header, as long as they are\r\n"...)
	}
	return append(b, "\r\nhello, world!"...)
}()

var request = []byte("GET /get?a=b HTTP/1.1\r\nHost: an.example\r\nUser-Agent: gotreq\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n")

// drain reads one message to its end.
func drain(b testing.TB, r reader, in []byte) {
	for {
		n, ev, err := r.Next(in)
		if err != nil {
			b.Fatal(err)
		}
		if in = in[n:]; ev == End {
			return
		}
		if ev == NeedMore {
			b.Fatal("the message does not end")
		}
	}
}

func BenchmarkResponse(b *testing.B) {
	for _, c := range []struct {
		name string
		wire []byte
	}{{"8 headers", typical}, {"30 headers, names not canonical", thirty}} {
		b.Run(c.name+"/this", func(b *testing.B) {
			b.ReportAllocs()
			r := new(ResponseReader)
			for b.Loop() {
				r.Start("GET")
				drain(b, r, c.wire)
			}
		})
		b.Run(c.name+"/this split", func(b *testing.B) {
			b.ReportAllocs()
			r := new(ResponseReader)
			for b.Loop() {
				r.Start("GET")
				if _, ev, _ := r.Next(c.wire[:100]); ev != NeedMore {
					b.Fatal(ev)
				}
				drain(b, r, c.wire[100:])
			}
		})
		b.Run(c.name+"/net-http", func(b *testing.B) {
			b.ReportAllocs()
			in := bytes.NewReader(nil)
			br := bufio.NewReader(in)
			for b.Loop() {
				in.Reset(c.wire)
				br.Reset(in)
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	b.Run("this", func(b *testing.B) {
		b.ReportAllocs()
		r := new(RequestReader)
		for b.Loop() {
			r.Start()
			drain(b, r, request)
		}
	})
	b.Run("net-http", func(b *testing.B) {
		b.ReportAllocs()
		in := bytes.NewReader(nil)
		br := bufio.NewReader(in)
		for b.Loop() {
			in.Reset(request)
			br.Reset(in)
			if _, err := http.ReadRequest(br); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkBody reads 1 MiB in pieces of 64 KiB.
func BenchmarkBody(b *testing.B) {
	const size = 1 << 20
	data := bytes.Repeat([]byte("x"), size)
	byLength := append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"), data...)
	chunked := []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	for rest := data; len(rest) > 0; rest = rest[4096:] {
		chunked = AppendChunk(chunked, rest[:4096])
	}
	chunked, _ = AppendLastChunk(chunked, nil)
	for _, c := range []struct {
		name string
		wire []byte
	}{{"length", byLength}, {"chunks of 4096", chunked}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(size)
			r := new(ResponseReader)
			for b.Loop() {
				r.Start("GET")
				for in := c.wire; ; {
					piece := in[:min(len(in), 64<<10)]
					n, ev, err := r.Next(piece)
					if err != nil {
						b.Fatal(err)
					}
					if in = in[n:]; ev == End {
						break
					}
				}
			}
		})
	}
}

func BenchmarkAppendRequestHead(b *testing.B) {
	b.ReportAllocs()
	h := &RequestHead{Method: "GET", Target: "/get?a=b", KeepAlive: true, Header: http.Header{
		"Host": {"an.example"}, "User-Agent": {"gotreq"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}}}
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = AppendRequestHead(buf[:0], h); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendResponseHead(b *testing.B) {
	b.ReportAllocs()
	h := &ResponseHead{Code: 200, Length: 13, KeepAlive: true, Header: http.Header{
		"Date": {"Mon, 27 Jul 2026 12:28:53 GMT"}, "Server": {"gotreq"}, "Content-Type": {"text/plain; charset=utf-8"}}}
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = AppendResponseHead(buf[:0], h); err != nil {
			b.Fatal(err)
		}
	}
}

// The number of allocations per message is part of the design: one for the head's string, one for its values, and
// two for its map.
func TestAllocations(t *testing.T) {
	r := new(ResponseReader)
	read := func(pieces ...[]byte) func() {
		return func() {
			r.Start("GET")
			for _, in := range pieces {
				for {
					n, ev, _ := r.Next(in)
					if in = in[n:]; ev == NeedMore || ev == End {
						break
					}
				}
			}
		}
	}
	rare := []byte("HTTP/1.1 200 OK\r\nX-Rare-A: 1\r\nX-Rare-B: 2\r\nContent-Length: 0\r\n\r\n")
	var buf []byte
	head := &RequestHead{Method: "GET", Target: "/", KeepAlive: true, Header: http.Header{"Host": {"a"}, "Accept": {"*/*"}}}
	for _, c := range []struct {
		name string
		do   func()
		most float64
	}{
		{"response of 8 headers", read(typical), 4},
		{"response of 8 headers in two pieces", read(typical[:100], typical[100:]), 4},
		{"response with rare names in canonical form", read(rare), 4},
		{"written request", func() { buf, _ = AppendRequestHead(buf[:0], head) }, 0},
	} {
		if got := testing.AllocsPerRun(100, c.do); got > c.most {
			t.Errorf("%s: %v allocations, want at most %v", c.name, got, c.most)
		}
	}
}
