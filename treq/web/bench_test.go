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

// TestAllocations bounds the allocations of a served request; the bounds leave room for
// the memory network.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	for name, test := range map[string]struct {
		site  *web.Site
		bound float64
	}{
		"resource":         {&web.Site{Root: web.RenderFunc(hello)}, 21},
		"handler":          {&web.Site{Handler: handler}, 29},
		"handler resource": {&web.Site{Root: &web.HandlerResource{Handler: handler}}, 29},
	} {
		s := serve(t, test.site)
		p := s.connect()
		request := []byte("GET /path?q=1 HTTP/1.1\r\nHost: an.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
		got := testing.AllocsPerRun(200, func() {
			p.got = p.got[:0]
			p.Write(request)
			s.Pump()
		})
		if got > test.bound {
			t.Errorf("%s: %v allocations, more than %v", name, got, test.bound)
		}
	}
}
