package http2

import (
	"encoding/binary"
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

// BenchmarkHeads measures one side at a time, without content: 1 head is written, or read.
func BenchmarkHeads(b *testing.B) {
	j := newJoined()
	var client, server Stream
	head := benchResponse
	head.Length = -1
	// frames are a request and a response whose fields are in the tables.
	var request, response []byte
	for range 2 {
		client, server = Stream{}, Stream{}
		if err := j.client.Open(&client, &benchRequest, true); err != nil {
			b.Fatal(err)
		}
		request = append(request[:0], j.client.out...)
		j.toServer(func(ev Event) {
			if ev == Head {
				j.server.Accept(&server)
			}
		})
		if err := j.server.Respond(&server, &head, true); err != nil {
			b.Fatal(err)
		}
		response = append(response[:0], j.server.out...)
		j.toClient(func(Event) {})
	}
	next := func(c *conn, frames []byte, accept func()) {
		for {
			n, ev, err := c.Next(frames)
			if err != nil {
				b.Fatal(err)
			}
			if frames = frames[n:]; ev == NeedMore {
				return
			}
			if ev == Head {
				accept()
			}
		}
	}
	id := uint32(5)
	b.Run("write request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			client = Stream{}
			if err := j.client.Open(&client, &benchRequest, true); err != nil {
				b.Fatal(err)
			}
			j.client.close(&client)
			j.client.Output()
		}
	})
	b.Run("read request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			server = Stream{}
			binary.BigEndian.PutUint32(request[5:], id)
			id += 2
			next(&j.server.conn, request, func() { j.server.Accept(&server) })
			j.server.close(&server)
		}
	})
	b.Run("write response", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			server = Stream{}
			id += 2
			j.server.add(&server, id)
			if err := j.server.Respond(&server, &head, true); err != nil {
				b.Fatal(err)
			}
			j.server.close(&server)
			j.server.Output()
		}
	})
	b.Run("read response", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			client = Stream{}
			id += 2
			j.client.add(&client, id)
			binary.BigEndian.PutUint32(response[5:], id)
			next(&j.client.conn, response, func() {})
			j.client.close(&client)
		}
	})
}

// TestAllocations: the number of allocations of a message is part of the design: two for the map, one for the values, and
// one for each value that the table does not have. What has no head has none.
func TestAllocations(t *testing.T) {
	j := newJoined()
	var client, server Stream
	hello := []byte("hello")
	get := func() { j.get(&client, &server, hello) }
	get()
	// Path and Date are not in the table. Their buffers come from a pool of package hpack, which may be empty.
	if n := testing.AllocsPerRun(100, get); n > 8+1 {
		t.Errorf("a GET takes %v allocations at both ends", n)
	}
	ping := func() {
		j.client.Ping([8]byte{})
		j.toServer(func(Event) {})
		j.toClient(func(Event) {})
	}
	body := make([]byte, 16<<10)
	if err := j.client.Open(reset(&client), &benchRequest, false); err != nil {
		t.Fatal(err)
	}
	j.toServer(func(ev Event) {
		if ev == Head {
			j.server.Accept(reset(&server))
		}
	})
	data := func() {
		j.client.WriteData(&client, body, false)
		j.toServer(func(ev Event) {
			if ev == Data {
				j.server.Consumed(&server, len(j.server.Data()))
			}
		})
		j.toClient(func(Event) {})
	}
	for name, f := range map[string]func(){"a PING": ping, "16 KiB of data": data} {
		f()
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s takes %v allocations at both ends", name, n)
		}
	}
}

func reset(s *Stream) *Stream {
	*s = Stream{}
	return s
}
