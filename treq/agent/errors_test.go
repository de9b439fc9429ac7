package agent_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestWords checks the texts of errors, and that errors.Is finds the reasons below them.
func TestWords(t *testing.T) {
	const get, put = "GET http://a.example/: ", "PUT http://a.example/: "
	body := func(r *request.Request) { r.Method, r.Body = "PUT", &producer{length: 10, open: true} }
	for _, test := range []struct {
		name   string
		change func(r *request.Request)
		then   func(c *rawConn)
		want   string
		is     []error
	}{
		{"closed", nil, func(c *rawConn) { c.Close() }, get + "the server closed the connection without answering",
			[]error{reactor.ErrConnectionDone, wire.ErrNoResponse}},
		{"closed during the upload", body, func(c *rawConn) { c.Close() }, put + "the server closed the connection without answering",
			[]error{reactor.ErrConnectionDone, wire.ErrNoResponse}},
		{"reset", nil, func(c *rawConn) { c.Abort() }, get + "no response: connection was reset by the peer; connection ended before the response",
			[]error{reactor.ErrConnectionReset, reactor.ErrConnectionLost, wire.ErrNoResponse}},
		{"reset during the upload", body, func(c *rawConn) { c.Abort() },
			put + "no response: sending the request: connection was reset by the peer; connection ended before the response",
			[]error{reactor.ErrConnectionReset, reactor.ErrConnectionLost, wire.ErrNoResponse}},
		{"HTTP/2", nil, func(c *rawConn) {
			c.Send("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00\x00\x05\x00\xff\xff\xff")
		},
			get + "the response failed: the server speaks HTTP/2 only: allow it in agent.Config.Protocols (for http URLs, UnencryptedHTTP2 without HTTP1)", []error{wire.ErrStatusLine}},
		{"HTTP/2, empty settings", nil, func(c *rawConn) {
			c.Send("\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\xff\xff")
		},
			get + "the response failed: the server speaks HTTP/2 only: allow it in agent.Config.Protocols (for http URLs, UnencryptedHTTP2 without HTTP1)", []error{wire.ErrStatusLine}},
		{"HTTP/2, and closed at once", nil, func(c *rawConn) {
			c.Write([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
			c.Close()
		},
			get + "the response failed: the server speaks HTTP/2 only: allow it in agent.Config.Protocols (for http URLs, UnencryptedHTTP2 without HTTP1)", []error{wire.ErrStatusLine}},
		{"binary", nil, func(c *rawConn) { c.Send("\x00\x00\x12\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00") },
			get + `the response failed: malformed status line: not HTTP: "\x00\x00\x12\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"`, []error{wire.ErrStatusLine}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			req := newRequest("GET", "http://a.example/")
			if test.change != nil {
				test.change(req)
			}
			d := w.send(req)
			test.then(w.Conn(0))
			err := deferredtest.FailureResultOf(t, d)
			if got := err.Error(); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			for _, is := range test.is {
				if !errors.Is(err, is) {
					t.Errorf("%v is not %v", err, is)
				}
			}
		})
	}
}

// TestNoProtocolInCommon has a server that refuses, in the TLS handshake, what the agent offers.
func TestNoProtocolInCommon(t *testing.T) {
	both, first := new(http.Protocols), new(http.Protocols)
	both.SetHTTP1(true)
	both.SetHTTP2(true)
	first.SetHTTP1(true)
	for _, test := range []struct {
		name      string
		protocols *http.Protocols
		want      string
	}{
		{"by default", nil, "the server accepts none of h2 and http/1.1 in the TLS handshake: "},
		{"both", both, "the server accepts none of h2 and http/1.1 in the TLS handshake: "},
		{"HTTP/1.1", first, "the server speaks HTTP/2 only: allow it in agent.Config.Protocols"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			r.AddHost("*", "192.0.2.1")
			cert, roots := testcert.New("a.example")
			config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"other"}} // Go's server with "h2" takes a client without it
			if _, err := r.ListenTCP(":443", reactor.TLSServer(r, reactor.TLSConfig{Config: config}, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return nil }))); err != nil {
				t.Fatal(err)
			}
			d := agent.New(r, agent.Config{TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots}), Protocols: test.protocols}).Request(newRequest("GET", "https://a.example/"))
			r.Pump()
			err := deferredtest.FailureResultOf(t, d)
			if !strings.HasPrefix(err.Error(), "GET https://a.example/: "+test.want) || !errors.Is(err, reactor.ErrHandshake) || agent.Temporary(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestShortErrors checks that the text of an error is short, however long the URL or the
// Location is, and that the error has all of it.
func TestShortErrors(t *testing.T) {
	long := "/" + strings.Repeat("0123456789", 12<<10)
	const most = 3000
	check := func(t *testing.T, err error, begin, end string) {
		t.Helper()
		if text := err.Error(); len(text) > most || !strings.HasPrefix(text, begin) || !strings.Contains(text, end) {
			t.Errorf("the error has %d bytes: %.200q ... %q", len(text), text, text[max(0, len(text)-200):])
		}
	}
	t.Run("a URL", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example" + long)
		w.Conn(0).Close()
		err := deferredtest.FailureResultOf(t, d)
		check(t, err, "GET http://a.example/0123456789", "89: the server closed")
		var of *agent.RequestError
		if !errors.As(err, &of) || of.URL != "http://a.example"+long {
			t.Error("the error does not have the whole URL")
		}
	})
	t.Run("a body", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example" + long)
		w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
		reader := new(bodytest.Reader)
		deferredtest.SuccessResultOf(t, d).DeliverBody(reader)
		w.Conn(0).Close()
		check(t, reader.Err(), "GET http://a.example/0123456789", "89: the response failed: ")
	})
	t.Run("another error", func(t *testing.T) {
		err := agent.WithRequest(newRequest("GET", "http://a.example/"), errors.New(long))
		check(t, err, "GET http://a.example/: /0123456789", "0123456789")
	})
	for _, location := range []string{long, "http://a.example:x" + long, "ftp://a.example" + long} {
		t.Run("a Location: "+location[:10], func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			redirecting := agent.NewRedirectAgent(w.agent, agent.RedirectConfig{Limit: 1})
			d := redirecting.Request(newRequest("GET", "http://a.example/"))
			w.r.Pump()
			answer := "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n"
			w.Conn(0).Send(answer)
			if location == long {
				w.Conn(0).Send(answer)
			}
			check(t, deferredtest.FailureResultOf(t, d), "GET http://a.example/", "302 to ")
		})
	}
}

// TestFailedWriteWithoutAnAnswer checks that the error names the request and the failure to
// send it, over sockets.
func TestFailedWriteWithoutAnAnswer(t *testing.T) {
	onPollers(t, func(t *testing.T, l *reactor.Loop) {
		for _, way := range earlyWays {
			w := newEarlyWorld(t, l, way, "")
			for _, body := range earlyBodies {
				got, err := w.post(body.make(), 0)
				var of *agent.RequestError
				if got != "" || !errors.As(err, &of) || of.URL != w.url {
					t.Fatalf("%s, %s: got %q, %v", way, body.name, got, err)
				}
				if lost := errors.Is(err, reactor.ErrConnectionLost) && strings.Contains(err.Error(), "sending the request"); !lost && !errors.Is(err, reactor.ErrConnectionDone) {
					t.Errorf("%s, %s: got %v", way, body.name, err)
				}
			}
		}
	})
}

// TestFailedWriteInMemory checks that the rest of an answer is read after the sending of a
// request has failed, and that the connection is not used again.
func TestFailedWriteInMemory(t *testing.T) {
	answer := strings.Repeat("0123456789abcdef", 3000) // more than one read takes
	for name, body := range map[string]request.BodyProducer{
		"bytes":      request.Bytes(strings.Repeat("x", 1<<20)),
		"a producer": &producer{length: 1 << 20, open: true},
		"chunks":     &producer{length: -1, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.Accept = func(c *rawConn) { c.PauseProducing() }
			req := newRequest("POST", "http://a.example/")
			req.Body = body
			d := w.send(req)
			c := w.Conn(0)
			c.Write([]byte("HTTP/1.1 413 Too Large\r\nContent-Length: 48000\r\n\r\n" + answer))
			c.LoseConnection() // which resets the connection, since the request is not read
			if p, ok := body.(*producer); ok {
				w.r.CallLater(0, func() { p.to.Write([]byte("late")) })
			}
			var content *deferred.Deferred[[]byte]
			d.AddCallback(func(r *response.Response) (*response.Response, error) {
				content = r.Content()
				return nil, nil
			})
			w.r.Pump()
			if content == nil {
				t.Fatal("no answer")
			}
			if got := string(deferredtest.SuccessResultOf(t, content)); got != answer {
				t.Errorf("got %d bytes of the answer", len(got))
			}
			if p, ok := body.(*producer); ok {
				p.wantTold(t, "stop")
			}
			w.wantClosed(0)
			w.Accept = nil
			w.exchange(newRequest("GET", "http://a.example/"), 1)
		})
	}
}

// TestRequestIsNamedOnce: an error that names its request keeps its text, whichever it is and
// whatever says how long the request took.
func TestRequestIsNamedOnce(t *testing.T) {
	const url = "http://a.example/"
	errBoom := errors.New("boom")
	failed := func(read func(r *response.Response) *deferred.Deferred[any], code int, header, text string) error {
		r, s := bodytest.New(code, "Content-Type", header)
		r.Request = newRequest("GET", url)
		d := read(r)
		s.SendAll(text)
		return deferredtest.FailureResultOf(t, d)
	}
	untyped := func(v *response.Response) (any, error) { return v, nil }
	resp := &response.Response{Request: newRequest("GET", url)}
	cut := &response.FailedError{Reasons: []error{reactor.ErrConnectionLost}, Response: resp}
	for name, err := range map[string]error{
		"FailedError": cut,
		"StatusError": failed(func(r *response.Response) *deferred.Deferred[any] {
			return deferred.Map(r.RaiseForStatus(), untyped)
		}, 401, "text/plain", "no"),
		"ResultError":             failed(response.JSONOr[any, map[string]any], 401, "application/json", "{}"),
		"ResultError of an error": failed(response.JSONOr[any, problem], 401, "application/json", "{}"),
		"JSON":                    failed(response.JSON[any], 200, "text/html", "<p>"),
		"CharsetError":            failed(response.JSON[any], 200, "text/html; charset=x-no", "<p>"),
		"RetryError":              &agent.RetryError{Tries: 2, Err: cut},
		"TimeoutError":            &agent.TimeoutError{Option: "Timeout", After: 1, Err: &agent.RetryError{Tries: 2, Err: cut}},
		"a plain error":           errBoom,
		"a foreign error":         fmt.Errorf("the cache: %w", errBoom),
		"a timeout":               &agent.TimeoutError{Option: "Timeout", After: 1},
	} {
		named := agent.WithRequest(newRequest("GET", url), err)
		var of *agent.RequestError
		if text := named.Error(); strings.Count(text, "GET "+url+": ") != 1 || strings.Count(text, "http:") != 1 || !errors.As(named, &of) || of.Err != err {
			t.Errorf("%s: %s", name, text)
		}
	}
	// The error of another request, of an agent's own, is not that of this one.
	other := fmt.Errorf("a token: %w", &response.FailedError{Reasons: []error{errBoom}, Response: &response.Response{Request: newRequest("POST", "http://b.example/")}})
	const want = "GET http://a.example/: a token: POST http://b.example/: the response failed: boom"
	if got := agent.WithRequest(newRequest("GET", url), other).Error(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// A problem is the error of a server.
type problem struct{}

func (problem) Error() string { return "no" }
