package agent_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestTraceLikeNetHTTPOverHTTP2 compares the hooks with those that net/http calls over HTTP/2.
func TestTraceLikeNetHTTPOverHTTP2(t *testing.T) {
	for _, sc := range []scenario{
		{"new, and reused", false, []step{{"GET", "https/", "", false, ""}, {"GET", "https/", "", false, ""}}},
		{"a body", false, []step{{"POST", "https/", "text", false, ""}}},
		{"a large body", false, []step{{"PUT", "https/", strings.Repeat("x", 1<<20), false, ""}}},
		{"HEAD", false, []step{{"HEAD", "https/", "", false, ""}}},
		{"no content", false, []step{{"GET", "https/empty", "", false, ""}}},
		{"two redirects", false, []step{{"GET", "https/redirect", "", false, ""}}},
		{"the body is asked for", false, []step{{"POST", "https/", "text", true, ""}}},
		{"cancelled", false, []step{{"GET", "https/wait", "", false, "cancel"}}},
	} {
		t.Run(sc.name, func(t *testing.T) {
			s := newHTTP2Oracle(t)
			transport := s.transport(false).(*http.Transport)
			transport.ForceAttemptHTTP2 = true
			theirs := s.play(sc, s.theirs(transport))
			if len(theirs) < 2 {
				t.Errorf("net/http called %q", theirs)
			}
			r := s.loop()
			ours := s.play(sc, s.ours(r, s.agent(r, false)))
			if sc.name == "the body is asked for" { // net/http reads and writes on two goroutines
				slices.Sort(ours)
				slices.Sort(theirs)
			}
			if !slices.Equal(ours, theirs) {
				t.Errorf("an Agent\n\t%s\nnet/http\n\t%s", strings.Join(ours, "\n\t"), strings.Join(theirs, "\n\t"))
			}
		})
	}
}

// newHTTP2Oracle returns a stage whose only server is that of net/http, over HTTP/2.
func newHTTP2Oracle(t *testing.T) *oracleStage {
	s := &oracleStage{t: t, addresses: map[string]string{}, written: make(chan bool, 100)}
	cert, roots := testcert.New("localhost")
	s.roots = &tls.Config{RootCAs: roots}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ProtoMajor != 2 {
			t.Errorf("a request came over %s", req.Proto)
		}
		if req.Header.Get("Expect") != "" {
			<-s.written // by Wait100Continue
		}
		io.Copy(io.Discard, req.Body)
		if req.URL.Path == "/wait" {
			<-req.Context().Done()
			return
		}
		<-s.written
		switch req.URL.Path {
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
			return
		case "/redirect":
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusFound)
			return
		}
		io.WriteString(w, "hello")
	}))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.addresses["https"] = server.Listener.Addr().String()
	return s
}

// TestHTTP2HeaderFields compares the calls of WroteHeaderField with those of net/http.
func TestHTTP2HeaderFields(t *testing.T) {
	var fields []string
	trace := &httptrace.ClientTrace{WroteHeaderField: func(name string, values []string) {
		fields = append(fields, name+"="+strings.Join(values, "|"))
	}}
	headers := []string{"X-B", "2", "X-B", "3", "User-Agent", "u", "Cookie", "a=1; b=2", "Accept", "*/*"}
	s := newHTTP2Oracle(t)
	transport := s.transport(false).(*http.Transport)
	transport.ForceAttemptHTTP2 = true
	req := must(http.NewRequest("PUT", "https://"+s.addresses["https"]+"/", strings.NewReader("text")))
	req.Host = "a.example"
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	transport.TLSClientConfig.ServerName = "localhost"
	s.written <- true
	resp, err := transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	theirs := fields
	slices.Sort(theirs)

	fields = nil
	w := newHTTP2World(t, agent.PoolConfig{})
	w.answer = greet
	own := newRequest("PUT", "http://a.example/", headers...)
	own.Body = request.Bytes("text")
	own.Context = httptrace.WithClientTrace(t.Context(), trace)
	w.wantBody(w.send(own), "hello")
	if len(fields) == 0 || !strings.HasPrefix(fields[0], ":method") {
		t.Errorf("the first field is %q", fields)
	}
	slices.Sort(fields)
	got := strings.ReplaceAll(strings.Join(fields, "\n"), ":scheme=http\n", ":scheme=https\n")
	if want := strings.Join(theirs, "\n"); got != want {
		t.Errorf("got\n%s\nnet/http\n%s", got, want)
	}
}

// TestHTTP2Hooks: a hook may cancel its request, or panic, at any time. Nothing else ends with it.
func TestHTTP2Hooks(t *testing.T) {
	type hook struct {
		name string
		set  func(trace *httptrace.ClientTrace, f func())
	}
	for _, h := range []hook{
		{"GetConn", func(trace *httptrace.ClientTrace, f func()) { trace.GetConn = func(string) { f() } }},
		{"GotConn", func(trace *httptrace.ClientTrace, f func()) { trace.GotConn = func(httptrace.GotConnInfo) { f() } }},
		{"WroteHeaderField", func(trace *httptrace.ClientTrace, f func()) { trace.WroteHeaderField = func(string, []string) { f() } }},
		{"WroteHeaders", func(trace *httptrace.ClientTrace, f func()) { trace.WroteHeaders = f }},
		{"WroteRequest", func(trace *httptrace.ClientTrace, f func()) {
			trace.WroteRequest = func(httptrace.WroteRequestInfo) { f() }
		}},
		{"GotFirstResponseByte", func(trace *httptrace.ClientTrace, f func()) { trace.GotFirstResponseByte = f }},
	} {
		for _, how := range []string{"cancels", "panics"} {
			for _, reused := range []bool{false, true} {
				t.Run(h.name+" "+how, func(t *testing.T) {
					w := newHTTP2World(t, agent.PoolConfig{})
					w.answer = greet
					if reused {
						w.wantBody(w.get("/first"), "hello")
					}
					var cancel func()
					trace := new(httptrace.ClientTrace)
					done := false
					h.set(trace, func() {
						if done {
							return
						}
						done = true
						if how == "panics" {
							panic("boom")
						}
						cancel()
					})
					req := newRequest("PUT", "http://a.example/")
					req.Body = request.Bytes("text")
					req.Context = httptrace.WithClientTrace(t.Context(), trace)
					cancel = func() {}
					w.r.CallLater(0, func() {}) // a turn
					d := w.agent.Request(req)
					cancel = d.Cancel
					w.r.Pump()
					if how == "panics" || h.name != "GetConn" && !(reused && h.name != "GotFirstResponseByte") {
						err := deferredtest.FailureResultOf(t, d)
						if (how == "panics") != strings.Contains(err.Error(), "boom") {
							t.Errorf("got %v", err)
						}
					} else { // it came within Request
						w.wantBody(d, "hello")
					}
					w.wantBody(w.get("/next"), "hello")
					w.wantStreams(0)
				})
			}
		}
	}
}
