package main

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// newService returns a running service, and a server at http://an.example for it, which echoes a
// header, but answers /slow after a second.
func newService(t *testing.T) (*memory.Reactor, *Service) {
	r := memory.New()
	r.AddHost("an.example", "192.0.2.1")
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.Header.Get("X-Token"))) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, req *http.Request) {
		web.Await(req.Context(), deferred.New[deferred.None]().AddTimeout(time.Second, r, nil))
	})
	if _, err := r.ListenTCP("192.0.2.1:80", &web.Site{Handler: mux}); err != nil {
		t.Fatal(err)
	}
	service := NewService(r)
	service.StartService()
	return r, service
}

// text makes a request and returns the body of its response.
func text(t *testing.T, r *memory.Reactor, c treq.Client, url string) string {
	t.Helper()
	d := deferred.Then(c.Get(url), (*response.Response).Text)
	r.Pump()
	return deferredtest.SuccessResultOf(t, d)
}

// TestShared: equal configs have one session, and all sessions have one pool.
func TestShared(t *testing.T) {
	r, service := newService(t)
	config := func(token string) SessionConfig {
		return SessionConfig{BaseURL: "http://an.example", Headers: treq.Headers{"X-Token": {token}}, Auth: auth.Basic("a", "b")}
	}
	a := service.Session(config("a"))
	if service.Session(config("a")) != a {
		t.Error("equal configs have two sessions")
	}
	for _, other := range []SessionConfig{config("b"), {}, {BaseURL: "http://an.example", Headers: treq.Headers{"X-Token": {"a"}}, Auth: auth.Basic("a", "c")}} {
		if service.Session(other) == a {
			t.Errorf("%v has the session of another config", other)
		}
	}
	for range 5 {
		if got := text(t, r, a, "/") + text(t, r, service.Session(config("b")), "/"); got != "ab" {
			t.Errorf("got %q", got)
		}
	}
	if len(r.TCPClients) != 1 {
		t.Errorf("%d connections were made for requests that followed each other", len(r.TCPClients))
	}
	var all []*deferred.Deferred[string]
	for range 5 {
		all = append(all, deferred.Then(a.Get("/"), (*response.Response).Text))
	}
	together := deferred.GatherResults(all)
	r.Pump()
	if got := deferredtest.SuccessResultOf(t, together); len(got) != 5 || got[4] != "a" || len(r.TCPClients) != 5 {
		t.Errorf("got %q by %d connections", got, len(r.TCPClients))
	}
}

func TestUpdateHeaders(t *testing.T) {
	r, service := newService(t)
	headers := treq.Headers{"X-Token": {"old"}}
	session := service.Session(SessionConfig{BaseURL: "http://an.example", Headers: headers})
	session.UpdateHeaders(treq.Headers{"X-Other": {"other"}})
	headers["X-Token"][0] = "changed by its maker"
	before, jar := text(t, r, session, "/"), session.Jar()
	session.UpdateHeaders(treq.Headers{"x-token": {"new"}})
	if after := text(t, r, session, "/"); before != "old" || after != "new" || session.Jar() != jar {
		t.Errorf("got %q, then %q", before, after)
	}
	if got := service.Session(SessionConfig{BaseURL: "http://an.example", Headers: treq.Headers{"X-Token": {"old"}}}); got != session {
		t.Error("the session of a config is another one after UpdateHeaders")
	}
}

// TestStop: what is under way is given up, and nothing is left: no connection, no timer.
func TestStop(t *testing.T) {
	r, service := newService(t)
	session := service.Session(SessionConfig{BaseURL: "http://an.example"})
	text(t, r, session, "/")
	slow := session.Get("/slow")
	fast := text(t, r, session, "/")
	stopped := service.StopService()
	r.Pump()
	deferredtest.SuccessResultOf(t, stopped)
	deferredtest.FailureIs(t, slow, ErrStopped)
	deferredtest.FailureIs(t, session.Get("/"), ErrStopped)
	if calls := r.DelayedCalls(); len(calls) != 0 || fast != "" {
		t.Errorf("left: %v", calls)
	}
	service.StartService()
	text(t, r, session, "/")

	cancelled := session.Get("/slow")
	r.Pump()
	cancelled.Cancel()
	deferredtest.FailureIs(t, cancelled, deferred.ErrCancelled)
}

// TestNotStarted: a service that was not started sends nothing.
func TestNotStarted(t *testing.T) {
	r := memory.New()
	deferredtest.FailureIs(t, NewService(r).Session(SessionConfig{}).Get("http://192.0.2.1/"), ErrStopped)
	if len(r.TCPClients) != 0 {
		t.Error("there is a connection")
	}
}

// TestTLS: the client verifies the server by its own roots, and shows a certificate.
func TestTLS(t *testing.T) {
	r, service := newService(t)
	var authority treqtesting.Authority
	config := authority.ServerTLS("an.example")
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, authority.Roots()
	site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(r.TLS.PeerCertificates[0].Subject.CommonName))
	})}
	if _, err := r.ListenTCP("192.0.2.1:443", reactor.TLSServer(r, reactor.TLSConfig{Config: config}, site)); err != nil {
		t.Fatal(err)
	}
	known := service.Session(SessionConfig{BaseURL: "https://an.example", TLS: authority.ClientTLS("builder.example")})
	if got := text(t, r, known, "/"); got != "builder.example" {
		t.Errorf("got %q", got)
	}
	for want, c := range map[string]*tls.Config{"unknown authority": nil, "certificate required": authority.ClientTLS()} {
		d := service.Session(SessionConfig{BaseURL: "https://an.example", TLS: c}).Get("/")
		r.Pump()
		if err := deferredtest.FailureResultOf(t, d); !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
