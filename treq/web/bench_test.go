package web_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// BenchmarkSite measures a small GET over one connection in memory, with the cost of the
// memory network and of a client that counts bytes.
func BenchmarkSite(b *testing.B) {
	for _, bench := range []struct {
		name string
		root web.Resource
	}{
		{"resource", web.RenderFunc(func(req *web.Request) { req.WriteString("hello, world!") })},
		{"handler", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello, world!")
		})}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := serveRoot(b, bench.root)
			p := s.connect()
			request := []byte("GET /path?q=1 HTTP/1.1\r\nHost: an.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
			b.ReportAllocs()
			for b.Loop() {
				p.got = p.got[:0]
				p.Write(request)
				s.Pump()
			}
			if len(p.got) == 0 {
				b.Fatal("no response")
			}
		})
	}
}

// BenchmarkServed measures the site alone, by the clock of the system: a small GET, as wrk sends it and as a
// browser does, from its bytes to those of the response.
func BenchmarkServed(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"text/plain"}
		io.WriteString(w, "hello, world!")
	})
	root := &web.Node{}
	root.PutChild("path", web.RenderFunc(func(req *web.Request) {
		req.ResponseHeader["Content-Type"] = []string{"text/plain"}
		req.WriteString("hello, world!")
	}))
	for _, bench := range []struct {
		name string
		site *web.Site
	}{
		{"resource", &web.Site{Root: root, TurnRequests: -1}},
		{"handler", &web.Site{Handler: handler, TurnRequests: -1}},
	} {
		for _, request := range []struct{ name, bytes string }{
			{"wrk", "GET /path HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n\r\n"},
			{"browser", "GET /path?q=1 HTTP/1.1\r\nHost: an.example\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n" +
				"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef; theme=dark\r\n\r\n"},
		} {
			b.Run(bench.name+"/"+request.name, func(b *testing.B) {
				loop := reactor.New()
				t := &counting{StringTransport: memory.StringTransport{On: loop}}
				p := bench.site.BuildProtocol(t.Peer())
				p.ConnectionMade(t)
				data := []byte(request.bytes)
				loop.CallWhenRunning(func() { // where a handler's coroutine is used again
					b.ReportAllocs()
					for b.Loop() {
						p.DataReceived(data)
					}
					p.ConnectionLost(reactor.ErrConnectionDone)
					loop.Stop()
				})
				if err := loop.Run(); err != nil || t.written == 0 {
					b.Fatal("no response", err)
				}
			})
		}
	}
}

// A counting transport only counts what is written.
type counting struct {
	memory.StringTransport
	written int
}

func (t *counting) Write(data []byte) { t.written += len(data) }
