package web_test

import (
	"io"
	"net/http"
	"testing"

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
