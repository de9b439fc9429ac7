package agent_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestHTTP2Site: an agent and a Site find out by themselves that they speak HTTP/2 over TLS, and
// do over it what they do over HTTP/1.1.
func TestHTTP2Site(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20/16)
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Proto", r.Proto)
		io.Copy(w, r.Body)
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/echo")
		w.WriteHeader(http.StatusTemporaryRedirect)
		io.WriteString(w, strings.Repeat("x", 10_000))
	})
	mux.HandleFunc("/trailers", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "text")
		w.Header().Set("X-Sum", "1")
	})
	mux.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
	r := memory.New()
	r.AddHost("*", "192.0.2.1")
	cert, roots := testcert.New("a.example")
	site := &web.Site{Handler: mux}
	if _, err := r.ListenTCP(":443", reactor.TLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{cert}}}, site)); err != nil {
		t.Fatal(err)
	}
	pool := agent.NewPool(r, agent.PoolConfig{})
	stack := &agent.Stack{
		Agent:     agent.New(r, agent.Config{Pool: pool, TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots})}),
		Redirects: &agent.RedirectConfig{BrowserLike: true},
	}
	var all []*deferred.Deferred[[]byte]
	var bodies [][]byte
	for i := range 12 {
		method, path, body := "PUT", []string{"/echo", "/redirect"}[i%2], large[:len(large)/(1+i*i*i)]
		req := newRequest(method, fmt.Sprintf("https://a.example%s", path))
		req.Body = request.Bytes(body)
		bodies = append(bodies, body)
		all = append(all, deferred.Then(stack.Send(req), func(resp *response.Response) *deferred.Deferred[[]byte] {
			if resp.Version != "HTTP/2.0" || resp.Code != 200 || resp.Header.Get("X-Proto") != "HTTP/2.0" {
				t.Errorf("got %v over %s, %s", resp, resp.Version, resp.Header.Get("X-Proto"))
			}
			return resp.Content()
		}))
	}
	r.RunFor(time.Second)
	for i, d := range all {
		if got := deferredtest.SuccessResultOf(t, d); !bytes.Equal(got, bodies[i]) {
			t.Errorf("body %d has %d bytes, want %d", i, len(got), len(bodies[i]))
		}
	}
	if n := len(r.TCPClients); n != 1 {
		t.Errorf("%d connections", n)
	}
	d := stack.Send(newRequest("GET", "https://a.example/trailers"))
	r.Pump()
	resp := deferredtest.SuccessResultOf(t, d)
	content := resp.Content()
	r.Pump()
	if got := string(deferredtest.SuccessResultOf(t, content)); got != "text" || resp.Trailer.Get("X-Sum") != "1" {
		t.Errorf("got %q with %v", got, resp.Trailer)
	}
	p := &producer{length: -1, open: true}
	req := newRequest("PUT", "https://a.example/early")
	req.Body = p
	d = stack.Send(req)
	r.Pump()
	if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 413 {
		t.Errorf("got %v", resp)
	}
	p.wantTold(t, "stop")
	pool.CloseCachedConnections()
	r.RunFor(time.Minute)
	if calls := r.DelayedCalls(); len(calls) != 0 {
		t.Errorf("these delayed calls were left: %v", calls)
	}
	if n := pool.Hosts(); n != 0 {
		t.Errorf("the pool still has %d groups", n)
	}
}
