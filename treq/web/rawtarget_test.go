package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestRawBytesInATarget: curl sends bytes above 127 in a path and a query as they are.
// Resources and handlers take them for what their escapes would be.
func TestRawBytesInATarget(t *testing.T) {
	servers := map[string]*server{
		"resource": serveFunc(t, func(r *web.Request) { fmt.Fprintf(r, "%q %q", r.Postpath, r.Args.Get("q")) }),
		"handler": serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%q %q", strings.Split(r.URL.Path[1:], "/"), r.URL.Query().Get("q"))
		}),
	}
	for name, s := range servers {
		p := s.connect()
		p.send("GET /caf\xc3\xa9?q=\xc3\xa9\xe9 HTTP/1.1\r\nHost: a\r\n\r\n")
		s.Pump()
		if want := `["café"] "é\xe9"`; !strings.HasPrefix(string(p.got), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(p.got), want) {
			t.Errorf("%s: got %q, want 200 and %s", name, p.got, want)
		}
	}
}
