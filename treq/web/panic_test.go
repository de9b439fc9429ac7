package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/panics"
)

// TestThePlaceOfAPanic: the log has the place where a panic began and its stack, once,
// also if it comes by way of others.
func TestThePlaceOfAPanic(t *testing.T) {
	log := logtest.Capture(t)
	for name, oops := range map[string]func(){
		"here": func() { panic("oops") },
		"again, by conc": func() {
			var group conc.WaitGroup
			group.Go(func() { panic("oops") })
			group.Wait()
		},
		"again, as an error of conc": func() {
			panic(panics.Try(func() { panic("oops") }).AsError())
		},
		"again, by deferred": func() {
			defer func() { deferred.NewPanicError(recover()).Repanic() }()
			panic("oops")
		},
	} {
		for kind, s := range map[string]*server{
			"resource": serveFunc(t, func(*web.Request) { oops() }),
			"handler":  serveHandler(t, func(http.ResponseWriter, *http.Request) { oops() }),
		} {
			want(t, head(s.get("/")), "HTTP/1.1 500 Internal Server Error")
			got := log.Take()
			if strings.Count(got, "panic=oops at=panic_test.go:") != 1 || strings.Count(got, "[running]") != 1 || strings.Count(got, "\n") != 1 {
				t.Errorf("%s, %s: logged %s", name, kind, got)
			}
		}
	}
}

// TestPanicsEndOneRequest checks that a panic in any function of the program is answered over HTTP/1.1 as over HTTP/2, see
// TestHTTP2PanicsHarmOneStream, and that the log names the request. The connection goes on if the head was not sent.
func TestPanicsEndOneRequest(t *testing.T) {
	for _, test := range []struct {
		panics, path string
		content      int  // the bytes that are sent of 30,000
		answered     bool // with a 500; else the connection is lost
	}{
		{"StreamsContent", "/", 30_000, true},
		{"Render", "/", 30_000, true},
		{"ContentReceived", "/", 30_000, true},
		{"ContentReceived", "/begun", 30_000, false},
		{"ContentEnded", "/", 30_000, true},
		{"ContentEnded", "/begun", 30_000, false},
		{"ContentEnded", "/", 10, true}, // of content that is late
		{"pull", "/pull", 30_000, true},
		{"pull", "/begun/pull", 30_000, false},
	} {
		t.Run(fmt.Sprint(test.panics, test.path, test.content), func(t *testing.T) {
			logged := logs(t)
			f := &breakable{panics: test.panics}
			root := &web.Node{}
			root.PutChild("broken", f)
			s := serve(t, &web.Site{Root: root, AccessLog: func(*web.Request) { f.accesses++ }})
			p := s.connect()
			p.send("POST /broken" + test.path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n")
			p.send(strings.Repeat("x", test.content))
			if test.content < 30_000 {
				s.Advance(time.Minute + 30*time.Second)
			}
			if got := p.take(); test.answered {
				want(t, head(got), "HTTP/1.1 500 Internal Server Error")
			}
			want(t, f.ends, 1)
			want(t, f.accesses, 1)
			if got := logged(); strings.Count(got, "panic=oops") != 1 || !strings.Contains(got, "uri=/broken"+test.path) {
				t.Errorf("logged %s", got)
			}
			want(t, p.ended, !test.answered || test.content < 30_000)
			if test.answered && test.content == 30_000 {
				p.send("GET /broken/quick HTTP/1.1\r\nHost: x\r\n\r\n")
				want(t, head(p.take()), "HTTP/1.1 200 OK")
			}
		})
	}
}
