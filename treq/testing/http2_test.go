package testing_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file tests what a test can do over HTTP/2 only.

// schemes are the ways to HTTP/2.
var schemes = []struct {
	name, scheme string
	realTLS      bool
}{{"prior knowledge", "http", false}, {"marked TLS", "https", false}, {"real TLS", "https", true}}

// TestManyAtOnce: many requests are under way over one connection, and each has a stream. Their
// responses come in any order.
func TestManyAtOnce(t *testing.T) {
	for _, test := range schemes {
		t.Run(test.name, func(t *testing.T) {
			var waiting []*web.Request
			stub := treqtesting.NewStubTreq(web.RenderFunc(func(req *web.Request) {
				req.NotDoneYet()
				waiting = append(waiting, req)
			}), treqtesting.Config{HTTP2: true, RealTLS: test.realTLS})
			var all []*deferred.Deferred[*response.Response]
			const n = 50
			for i := range n {
				all = append(all, stub.Get(fmt.Sprintf("%s://an.example/%d", test.scheme, i)))
			}
			if len(waiting) != n || len(stub.Reactor().TCPClients) != 1 {
				t.Fatalf("%d requests have come, over %d connections", len(waiting), len(stub.Reactor().TCPClients))
			}
			for i := n - 1; i >= 0; i-- {
				deferredtest.NoResult(t, all[i])
				waiting[i].WriteString(waiting[i].Path)
				waiting[i].Finish()
				stub.Flush()
				resp := deferredtest.SuccessResultOf(t, all[i])
				if text := deferredtest.SuccessResultOf(t, resp.Text()); text != fmt.Sprintf("/%d", i) || resp.Stream != uint32(2*i+1) ||
					resp.Version != "HTTP/2.0" || resp.Phrase != "OK" || waiting[i].Version != "HTTP/2.0" {
					t.Errorf("request %d: %q by stream %d, %s %s and %s", i, text, resp.Stream, resp.Version, resp.Phrase, waiting[i].Version)
				}
			}
		})
	}
}

// TestNegotiated: both ends know what TLS has negotiated.
func TestNegotiated(t *testing.T) {
	for _, realTLS := range []bool{false, true} {
		for _, http2 := range []bool{false, true} {
			var state *tls.ConnectionState
			stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				state = r.TLS
				fmt.Fprint(w, r.Proto)
			}), treqtesting.Config{HTTP2: http2, RealTLS: realTLS})
			_, proto := content(t, stub.Get("https://an.example"))
			wantProtocol, want := "http/1.1", "HTTP/1.1"
			if http2 {
				wantProtocol, want = "h2", "HTTP/2.0"
			}
			if proto != want || state == nil || state.NegotiatedProtocol != wantProtocol {
				t.Errorf("HTTP2 %t, RealTLS %t: %s and %+v", http2, realTLS, proto, state)
			}
		}
	}
}

// TestSlowReaderOfOne: a response that nobody reads does not keep the others waiting.
func TestSlowReaderOfOne(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(large))
		w.Write([]byte(large))
	}), treqtesting.Config{HTTP2: true})
	unread := deferredtest.SuccessResultOf(t, stub.Get("http://an.example/unread"))
	for range 3 {
		if _, text := content(t, stub.Get("http://an.example/read")); text != large+large {
			t.Errorf("%d bytes", len(text))
		}
	}
	if text := deferredtest.SuccessResultOf(t, unread.Text()); text != large+large {
		t.Errorf("the unread one: %d bytes", len(text))
	}
	if n := len(stub.Reactor().TCPClients); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestReset: a cancelled request, and a response that the server gives up, end their own stream
// only.
func TestReset(t *testing.T) {
	server := &openResource{}
	root := &web.Node{}
	root.PutChild("open", server)
	root.PutChild("breaks", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})})
	stub := treqtesting.NewStubTreq(root, treqtesting.Config{HTTP2: true})
	first := stub.Get("http://an.example/open")
	firstAtServer := server.req
	second := stub.Get("http://an.example/open")
	gone := firstAtServer.NotifyFinish()
	first.Cancel()
	stub.Flush()
	if err := deferredtest.FailureResultOf(t, first); !errors.Is(err, deferred.ErrCancelled) {
		t.Error(err)
	}
	var reset *wire.StreamError
	if err := deferredtest.FailureResultOf(t, gone); !errors.As(err, &reset) || reset.Code != wire.Cancel || reset.Stream != 1 || !reset.Remote {
		t.Errorf("the server learns of %v", err)
	}

	broken := deferredtest.SuccessResultOf(t, stub.Get("http://an.example/breaks"))
	if err := deferredtest.FailureResultOf(t, broken.Text()); !errors.As(err, &reset) || reset.Code != wire.InternalError || reset.Stream != 5 || !reset.Remote {
		t.Errorf("the client learns of %v", err)
	}
	deferredtest.NoResult(t, second)
	server.req.WriteString("still here")
	server.req.Finish()
	stub.Flush()
	if _, text := content(t, second); text != "still here" || len(stub.Reactor().TCPClients) != 1 {
		t.Errorf("the other request: %q, %d connections", text, len(stub.Reactor().TCPClients))
	}
}

// TestGoAway: when the server shuts down, it finishes what it has begun. The next request needs
// another connection.
func TestGoAway(t *testing.T) {
	server := &openResource{}
	stub := treqtesting.NewStubTreq(server, treqtesting.Config{HTTP2: true})
	d := stub.Get("http://an.example/")
	down := stub.Site().Shutdown()
	stub.Flush()
	deferredtest.NoResult(t, d)
	deferredtest.NoResult(t, down)

	refused := stub.Get("http://an.example/")
	var failed *agent.RequestError
	if err := deferredtest.FailureResultOf(t, refused); !errors.As(err, &failed) || !failed.NotSent {
		t.Errorf("during the shutdown: %v", err)
	}
	server.req.WriteString("the last")
	server.req.Finish()
	stub.Flush()
	if _, text := content(t, d); text != "the last" {
		t.Errorf("got %q", text)
	}
	deferredtest.SuccessResultOf(t, down)

	if _, err := stub.Reactor().ListenTCP("127.0.0.1:80", stub.Site()); err != nil {
		t.Fatal(err)
	}
	d = stub.Get("http://an.example/")
	server.req.Finish()
	stub.Flush()
	if resp := deferredtest.SuccessResultOf(t, d); resp.Stream != 1 {
		t.Errorf("after the shutdown: stream %d", resp.Stream)
	}
}

// TestShutdownOfMarked: the Site shuts down its port for https, too.
func TestShutdownOfMarked(t *testing.T) {
	overBoth(t, func(t *testing.T, config treqtesting.Config) {
		stub := treqtesting.NewHandlerStubTreq(echo, config)
		content(t, stub.Get("https://an.example/"))
		down := stub.Site().Shutdown()
		stub.Flush()
		deferredtest.SuccessResultOf(t, down)
		for _, scheme := range []string{"http", "https"} {
			if err := deferredtest.FailureResultOf(t, stub.Get(scheme+"://an.example/")); !strings.Contains(err.Error(), "refused") {
				t.Errorf("%s: %v", scheme, err)
			}
		}
	})
}

// TestHTTP2WithoutIt: without HTTP2, nothing speaks it.
func TestHTTP2WithoutIt(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		stub := treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{HTTP2: http2})
		stub.Reactor().StartTrace()
		for _, scheme := range []string{"http", "https"} {
			content(t, stub.Get(scheme+"://an.example/"))
		}
		trace := stub.Reactor().Trace().String()
		if strings.Contains(trace, "HTTP/1.1") == http2 || strings.Contains(trace, "PRI * HTTP/2.0") != http2 {
			t.Errorf("HTTP2 is %t:\n%s", http2, trace)
		}
	}
}

// TestHeadOfAHandlerThatGoesOn: a handler learns that the client is gone, although it has sent the
// whole response; but not that of a HEAD, whose response is complete with its head.
func TestHeadOfAHandlerThatGoesOn(t *testing.T) {
	var gone *deferred.Deferred[deferred.None]
	waits := false
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gone = web.FromContext(r.Context()).NotifyFinish()
		w.WriteHeader(http.StatusNoContent)
		w.(http.Flusher).Flush()
		waits = true
		web.Await(r.Context(), deferred.New[deferred.None]())
		waits = false
	}), treqtesting.Config{HTTP2: true})
	for _, request := range []func(string, ...client.Option) *deferred.Deferred[*response.Response]{stub.Head, stub.Get} {
		d := request("http://an.example/", client.Unbuffered(true))
		resp := deferredtest.SuccessResultOf(t, d)
		text := resp.Text()
		deferredtest.NoResult(t, gone)
		if resp.Request.Method == "HEAD" {
			if got := deferredtest.SuccessResultOf(t, text); got != "" || !waits {
				t.Errorf("a body %q; the handler waits %t", got, waits)
			}
			continue
		}
		text.Cancel()
		stub.Flush()
		deferredtest.FailureResultOf(t, text)
		if err := deferredtest.FailureResultOf(t, gone); !errors.Is(err, wire.Cancel) || waits {
			t.Errorf("the server learns of %v, the handler waits %t", err, waits)
		}
	}
}

// A stopping reader pauses in its first piece, and stops in the next one.
type stopping struct {
	stub  *treqtesting.StubTreq
	t     response.BodyTransport
	n     int
	ended []error
}

func (s *stopping) ConnectionMade(t response.BodyTransport) { s.t = t }

func (s *stopping) DataReceived([]byte) {
	if s.n++; s.n > 1 {
		s.t.StopProducing()
		return
	}
	s.t.PauseProducing()
	s.stub.Reactor().CallLater(time.Second, s.t.ResumeProducing)
}

func (s *stopping) ConnectionLost(reason error) { s.ended = append(s.ended, reason) }

// TestStopsWhenResumed: a reader that stops while it gets the bytes which waited for it learns of
// the end.
func TestStopsWhenResumed(t *testing.T) {
	overBoth(t, func(t *testing.T, config treqtesting.Config) {
		server := &openResource{}
		stub := treqtesting.NewStubTreq(server, config)
		d := stub.Get("http://an.example/", client.Unbuffered(true))
		server.req.WriteString("first")
		stub.Flush()
		reader := &stopping{stub: stub}
		if err := deferredtest.SuccessResultOf(t, d).DeliverBody(reader); err != nil {
			t.Fatal(err)
		}
		server.req.WriteString("second")
		stub.Flush()
		if reader.n != 1 {
			t.Errorf("%d pieces while it is paused", reader.n)
		}
		stub.Advance(time.Second)
		if reader.n != 2 || len(reader.ended) != 1 || !errors.Is(reader.ended[0], reactor.ErrConnectionAborted) {
			t.Errorf("%d pieces, ended with %v", reader.n, reader.ended)
		}
	})
}

// TestIdleTimers: a StubTreq over HTTP/2 has nothing to do when its requests are over.
func TestIdleTimers(t *testing.T) {
	overBoth(t, func(t *testing.T, config treqtesting.Config) {
		stub := treqtesting.NewHandlerStubTreq(echo, config)
		for range 3 {
			content(t, stub.Post("http://an.example/", client.Body(large)))
		}
		stub.Reactor().StartTrace()
		before := len(stub.Reactor().Trace())
		stub.Reactor().RunFor(20 * time.Second)
		if trace := stub.Reactor().Trace()[before:].String(); strings.Contains(trace, "write") {
			t.Errorf("something is sent:\n%s", trace)
		}
	})
}
