package h2spec

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"github.com/seed-7c003b53/gotreq/reactor"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// exceptions names the cases that a Site does not pass over a plain connection that may also be
// one of HTTP/1.1, and the reasons. It passes all of them if Site.Protocols says HTTP/2 only.
var exceptions = map[string]string{
	"http2/3.5/2": "what is not the preface of HTTP/2 is a bad request of HTTP/1.1, and gets its 400",
}

// cases is the number of the cases of h2spec, with that of its strict mode.
const cases = 146

// A verdict is what a case says of a server. Its err is nil if the server passed.
type verdict struct {
	name string // such as "http2/6.5.2/1: SETTINGS_ENABLE_PUSH (0x2): Sends the value other than 0 or 1"
	err  error
}

// judge runs every case against the server at address. The cases run at the same time, each on
// a connection of its own: most of the time passes in waiting for what must not come.
func judge(t *testing.T, address string, secure bool) []*verdict {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Host: host, Path: "/", Timeout: 5 * time.Second, MaxHeaderLen: 4000, Strict: true, TLS: secure, Insecure: true}
	if c.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	var all []*verdict
	var running sync.WaitGroup
	var run func(g *spec.TestGroup)
	run = func(g *spec.TestGroup) {
		for i, test := range append(g.Tests, g.StrictTests...) {
			v := &verdict{name: fmt.Sprintf("%s/%d: %s: %s", g.ID(), i+1, g.Name, test.Desc)}
			all = append(all, v)
			running.Go(func() {
				conn, err := spec.Dial(c)
				if err != nil {
					v.err = err
					return
				}
				defer conn.Close()
				if v.err = test.Run(c, conn); v.err != nil {
					v.err = fmt.Errorf("%s\n%w", test.Requirement, v.err)
				}
			})
		}
		for _, inner := range g.Groups {
			run(inner)
		}
	}
	for _, g := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		run(g)
	}
	running.Wait()
	return all
}

// listen starts site on a reactor of its own until the test ends, and returns its address.
func listen(t *testing.T, site *web.Site, config *tls.Config) string {
	r := reactor.New()
	r.HandleSignals(false)
	var factory reactor.Factory = site
	if config != nil {
		factory = reactor.TLSServer(r, reactor.TLSConfig{Config: config}, site)
	}
	port, err := r.ListenTCP("127.0.0.1:0", factory)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- r.Run() }()
	t.Cleanup(func() {
		r.CallFromThread(func() { r.Stop() })
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.Close()
	})
	return port.Addr().String()
}

// TestSite judges resources and handlers, over plain connections and TLS.
func TestSite(t *testing.T) {
	var authority treqtesting.Authority
	for name, site := range map[string]func() *web.Site{
		"resource": func() *web.Site {
			return &web.Site{Root: web.RenderFunc(func(req *web.Request) { req.WriteString("hello") })}
		},
		"handler": func() *web.Site { return &web.Site{Handler: http.HandlerFunc(hello)} },
		"handler that reads": func() *web.Site {
			return &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err == nil {
					hello(w, r)
				}
			})}
		},
	} {
		for transport, test := range map[string]struct {
			change     func(s *web.Site)
			config     *tls.Config
			exceptions map[string]string
		}{
			"plain":       {func(*web.Site) {}, nil, exceptions},
			"HTTP/2 only": {func(s *web.Site) { s.Protocols = new(http.Protocols); s.Protocols.SetUnencryptedHTTP2(true) }, nil, nil},
			"TLS":         {func(*web.Site) {}, authority.ServerTLS("127.0.0.1"), nil},
		} {
			t.Run(name+", "+transport, func(t *testing.T) {
				t.Parallel()
				s := site()
				test.change(s)
				began, failed := time.Now(), 0
				verdicts := judge(t, listen(t, s, test.config), test.config != nil)
				for _, v := range verdicts {
					id, _, _ := strings.Cut(v.name, ":")
					switch reason := test.exceptions[id]; {
					case v.err != nil && reason == "":
						failed++
						t.Errorf("%s\n%v", v.name, v.err)
					case v.err == nil && reason != "":
						t.Errorf("%s passes: take it out of exceptions", v.name)
					}
				}
				if len(verdicts) != cases {
					t.Errorf("%d cases, want %d", len(verdicts), cases)
				}
				t.Logf("%d cases, %d failed, %v", len(verdicts), failed, time.Since(began).Round(time.Millisecond))
			})
		}
	}
}

// hello is a handler that does not read its request.
func hello(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }

// TestJudge has cases that net/http fails: it takes frames of 1 MiB unless it is told not to,
// and does not look at TE.
func TestJudge(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Config.HTTP2 = &http.HTTP2Config{MaxReadFrameSize: 1 << 20}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	failed := map[string]bool{}
	for _, v := range judge(t, server.Listener.Addr().String(), false) {
		if id, _, _ := strings.Cut(v.name, ":"); v.err != nil {
			failed[id] = true
			t.Logf("%s\n%v", v.name, v.err)
		}
	}
	for _, id := range []string{"http2/4.2/3", "http2/8.1.2.2/2"} {
		if !failed[id] {
			t.Errorf("net/http passes %s", id)
		}
	}
	if len(failed) > 10 {
		t.Errorf("net/http fails %d cases", len(failed))
	}
}
