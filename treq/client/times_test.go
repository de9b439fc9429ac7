package client_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestTimesOverASlowNetwork: over a network whose messages take 10 ms each way, the times are
// exact.
func TestTimesOverASlowNetwork(t *testing.T) {
	const trip = 10 * time.Millisecond
	r := memory.New()
	r.Latency("", "", trip)
	r.AddHost("an.example", "192.0.2.1")
	authority := &treqtesting.Authority{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/redirect":
			http.Redirect(w, req, "/", http.StatusFound)
		default:
			w.Write([]byte("hello"))
		}
	})
	site := &web.Site{Root: &web.HandlerResource{Handler: handler}}
	if _, err := r.ListenTCP("192.0.2.1:80", site); err != nil {
		t.Fatal(err)
	}
	secure := reactor.TLSServer(r, reactor.TLSConfig{Config: authority.ServerTLS("an.example")}, site)
	if _, err := r.ListenTCP("192.0.2.1:443", secure); err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	c := client.New(r, client.Config{
		AgentConfig: agent.Config{TLS: agent.NewTLSPolicy(authority.ClientTLS())},
		Log:         &agent.LogConfig{Logger: slog.New(slog.NewTextHandler(&lines, nil))},
	})
	fetch := func(url string, options ...client.Option) response.Times {
		t.Helper()
		var times *response.Times
		text := deferred.Then(c.Get(url, options...), func(resp *response.Response) *deferred.Deferred[string] {
			times = resp.Times
			return resp.Text()
		})
		r.RunFor(time.Second)
		deferredtest.SuccessResultOf(t, text)
		got := *times
		if got.Local == "" {
			t.Errorf("%s: no local address", url)
		}
		got.Start, got.Local = time.Time{}, ""
		return got
	}
	for _, test := range []struct {
		url  string
		want response.Times
	}{
		{"http://an.example/", response.Times{Connect: 2 * trip, FirstByte: 2 * trip, Total: 4 * trip, Remote: "192.0.2.1:80"}},
		{"http://an.example/", response.Times{FirstByte: 2 * trip, Total: 2 * trip, Reused: true, Remote: "192.0.2.1:80"}},
		{"http://an.example/redirect", response.Times{Earlier: 2 * trip, FirstByte: 2 * trip, Total: 4 * trip, Reused: true, Remote: "192.0.2.1:80"}},
		{"https://an.example/", response.Times{Connect: 2 * trip, TLS: 2 * trip, FirstByte: 2 * trip, Total: 6 * trip, Remote: "192.0.2.1:443"}},
	} {
		lines.Reset()
		if got := fetch(test.url); got != test.want {
			t.Errorf("%s: got  %+v\nwant %+v", test.url, got, test.want)
		}
	}
	traced := 0
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { traced++ }})
	if got := fetch("http://an.example/", client.Context(ctx)); got.FirstByte != 2*trip || traced != 1 {
		t.Errorf("with another trace: got %+v, %d calls", got, traced)
	}
	if !strings.Contains(lines.String(), "first_byte=20ms total=20ms reused=true") {
		t.Errorf("got %s", lines.String())
	}
}
