package http2

import (
	"net/http"
	"testing"
)

// A joined is a Client and a Server without carriers, for benchmarks.
type joined struct {
	client Client
	server Server
	in     []byte
}

func newJoined() *joined {
	j := &joined{}
	j.client.Init(Config{})
	j.server.Init(Config{})
	j.toServer(func(Event) {})
	j.toClient(func(Event) {})
	return j
}

func (j *joined) toServer(handle func(Event)) { j.move(&j.client.conn, &j.server.conn, handle) }
func (j *joined) toClient(handle func(Event)) { j.move(&j.server.conn, &j.client.conn, handle) }

func (j *joined) move(from, to *conn, handle func(Event)) {
	j.in = append(j.in[:0], from.Output()...)
	for in := j.in; ; {
		n, ev, err := to.Next(in)
		if err != nil {
			panic(err)
		}
		if ev == NeedMore {
			return
		}
		in = in[n:]
		handle(ev)
	}
}

var (
	benchRequest = RequestHead{
		Method: "GET", Scheme: "https", Authority: "an.example:8443", Path: "/a/path?with=query",
		Header:         http.Header{"Accept": {"*/*"}},
		AcceptEncoding: "gzip, br, zstd", UserAgent: "gotreq/1.0",
	}
	benchResponse = ResponseHead{Code: 200, Length: 5, Header: http.Header{
		"Content-Length": {"5"}, "Content-Type": {"text/plain; charset=utf-8"}, "Date": {"Thu, 26 Nov 2026 06:00:00 GMT"}, "Server": {"gotreq"},
	}}
)

// get makes one request with a small response. The streams are used again.
func (j *joined) get(client, server *Stream, body []byte) {
	*client, *server = Stream{}, Stream{}
	if err := j.client.Open(client, &benchRequest, true); err != nil {
		panic(err)
	}
	j.toServer(func(ev Event) {
		switch ev {
		case Head:
			j.server.Accept(server)
		case End:
			if err := j.server.Respond(server, &benchResponse, false); err != nil {
				panic(err)
			}
			j.server.WriteData(server, body, true)
		}
	})
	j.toClient(func(ev Event) {
		if ev == Data {
			j.client.Consumed(client, len(j.client.Data()))
		}
	})
	if !client.Closed() || !server.Closed() {
		panic("the streams are open")
	}
}

func BenchmarkGet(b *testing.B) {
	j := newJoined()
	var client, server Stream
	body := []byte("hello")
	b.ReportAllocs()
	for b.Loop() {
		j.get(&client, &server, body)
	}
}

// BenchmarkBody sends responses of 1 MiB.
func BenchmarkBody(b *testing.B) {
	j := newJoined()
	var client, server Stream
	body := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		j.body(&client, &server, body)
	}
}

func (j *joined) body(client, server *Stream, body []byte) {
	*client, *server = Stream{}, Stream{}
	if err := j.client.Open(client, &benchRequest, true); err != nil {
		panic(err)
	}
	head := benchResponse
	head.Length = int64(len(body))
	left := body
	send := func(n int) {
		n = min(n, len(left))
		j.server.WriteData(server, left[:n], n == len(left))
		if left = left[n:]; len(left) > 0 {
			j.server.Wait(server)
		}
	}
	j.toServer(func(ev Event) {
		switch ev {
		case Head:
			j.server.Accept(server)
		case End:
			if err := j.server.Respond(server, &head, false); err != nil {
				panic(err)
			}
			send(j.server.Room(server))
		}
	})
	for !client.Closed() {
		j.toClient(func(ev Event) {
			if ev == Data {
				j.client.Consumed(client, len(j.client.Data()))
			}
		})
		j.toServer(func(Event) {
			if s, n := j.server.Turn(); s != nil {
				send(n)
			}
		})
	}
}
