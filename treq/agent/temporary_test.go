package agent_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestTemporary has every kind of error that a request or a body can end with, by itself and
// wrapped as the library wraps errors.
func TestTemporary(t *testing.T) {
	connect := func(err error) error { return &reactor.ConnectError{Network: "tcp", Address: "192.0.2.1:80", Err: err} }
	for _, err := range []error{
		// There is no connection.
		connect(reactor.ErrConnectionRefused),
		connect(reactor.ErrConnectTimeout),
		connect(reactor.ErrNoRoute),
		connect(reactor.ErrTooManyFiles),
		connect(reactor.ErrConnectionReset),
		connect(&endpoints.AttemptsError{Errors: []error{connect(reactor.ErrNoRoute), connect(reactor.ErrConnectionRefused)}}),
		&agent.TimeoutError{Option: "ConnectTimeout", After: time.Second, Err: connect(reactor.ErrConnectTimeout)},
		&reactor.LookupError{Host: "a.example", Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}},
		&reactor.LookupError{Host: "a.example", Err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}},
		fmt.Errorf("%w: %w", reactor.ErrHandshake, reactor.ErrConnectionReset),
		fmt.Errorf("%w: %w", reactor.ErrHandshake, os.ErrDeadlineExceeded),
		fmt.Errorf("%w: %w", reactor.ErrHandshake, io.ErrUnexpectedEOF),
		fmt.Errorf("the proxy closed the connection: %w", reactor.ErrConnectionDone),
		&agent.ProxyError{Code: 502}, &agent.ProxyError{Code: 503}, &agent.ProxyError{Code: 504}, &agent.ProxyError{Code: 429},

		// There is no response, or not all of it.
		&response.NeverReceivedError{Reasons: []error{reactor.ErrConnectionDone}},
		&response.NeverReceivedError{Reasons: []error{reactor.ErrConnectionReset, &wire.Error{Kind: wire.ErrNoResponse}}},
		reactor.ErrConnectionLost, reactor.ErrTruncated,
		&wire.Error{Kind: wire.ErrPartialHead}, &wire.Error{Kind: wire.ErrPartialBody}, wire.ErrPartialBody,
		&response.StatusError{Code: 503}, &response.StatusError{Code: 408},

		// It took too long.
		&agent.TimeoutError{Option: "Timeout"}, &agent.TimeoutError{Option: "ReadTimeout"}, &agent.TimeoutError{Option: "TotalTimeout"}, &agent.TimeoutError{Option: "TryTimeout"},
		&deferred.TimeoutError{After: time.Second}, context.DeadlineExceeded, os.ErrDeadlineExceeded,

		// Errors of net/http's Transport.
		io.EOF, io.ErrUnexpectedEOF,
		&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		&net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)},
		&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{IsTemporary: true}},
		&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded},
		syscall.EMFILE, syscall.ETIMEDOUT,
	} {
		wantTemporary(t, err, true)
	}

	for _, err := range []error{
		errors.New("anything else"),

		// The request is invalid.
		agent.ErrSchemeNotSupported, agent.ErrNoHost, agent.ErrPort, client.ErrURL, client.ErrOption, client.ErrOptionsConflict,
		&wire.Error{Kind: wire.ErrMethod}, &wire.Error{Kind: wire.ErrTarget}, &wire.Error{Kind: wire.ErrHost}, &wire.Error{Kind: wire.ErrHeaderName}, wire.ErrHeaderValue,
		auth.ErrInvalid, auth.ErrNotBytes, cookies.ErrInvalid, cookies.ErrTooMany, &multipart.FieldError{Err: errors.New("has no name")},

		// There will be no connection.
		connect(syscall.EACCES), connect(errors.New("not an IP address and port")), connect(reactor.ErrStopped),
		reactor.ErrNameNotFound, &reactor.LookupError{Host: "a.example", Err: reactor.ErrNameNotFound}, &net.DNSError{IsNotFound: true},
		fmt.Errorf("%w: %w", reactor.ErrHandshake, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
		fmt.Errorf("%w: %w", reactor.ErrHandshake, &net.OpError{Op: "remote error", Err: tls.AlertError(42)}),
		fmt.Errorf("%w: %w", reactor.ErrHandshake, tls.RecordHeaderError{Msg: "not TLS"}),
		x509.UnknownAuthorityError{}, x509.HostnameError{}, x509.CertificateInvalidError{},
		reactor.ErrNoProtocol, &agent.ProxyError{Code: 407}, &agent.ProxyError{Code: 403}, &agent.ProxyError{Code: 404},

		// The connection was lost because of an alert, or because we closed it.
		&response.NeverReceivedError{Reasons: []error{fmt.Errorf("%w: %w", reactor.ErrConnectionLost, &net.OpError{Op: "remote error", Err: tls.AlertError(116)})}},
		reactor.ErrConnectionAborted, reactor.ErrStopped, fmt.Errorf("%w: %w", reactor.ErrConnectionLost, reactor.ErrStopped),

		// The response breaks HTTP, or is not what the user wants.
		&wire.Error{Kind: wire.ErrStatusLine}, &wire.Error{Kind: wire.ErrChunkSize}, wire.ErrHeadersTooLarge, agent.ErrNotUpgraded, agent.ErrUpgradeLost,
		&agent.RedirectError{Code: 302, Err: agent.ErrInfiniteRedirection}, &agent.DecodeError{Coding: "gzip", Err: io.ErrUnexpectedEOF}, agent.ErrTooManyCodings,
		&response.TooLargeError{}, response.ErrBodyTaken, &response.CharsetError{Err: response.ErrUndecodable}, auth.ErrServerUnproved,
		&response.StatusError{Code: 404}, &response.StatusError{Code: 500}, response.ErrDone,

		// The body of the request is to blame.
		&agent.GenerationError{Err: io.ErrUnexpectedEOF}, &agent.GenerationError{Err: &agent.WrongLengthError{}}, request.ErrNotRepeatable, request.ErrChanged, agent.ErrBodyNotRepeatable, agent.ErrBodySpent,

		// The program is.
		deferred.ErrCancelled, context.Canceled, reactor.ErrOnLoop, deferred.NewPanicError("boom"), &deferred.AlreadyCalledError{},
		&agent.RetryError{Tries: 2, Err: reactor.ErrConnectionRefused, GaveUp: deferred.ErrCancelled},
	} {
		wantTemporary(t, err, false)
	}
	if agent.Temporary(nil) {
		t.Error("no error is temporary")
	}
}

// wantTemporary checks Temporary of err, of errors around it, and of errors with several
// reasons.
func wantTemporary(t *testing.T, err error, want bool) {
	t.Helper()
	for _, err := range []error{
		err,
		&agent.RequestError{Method: "GET", URL: "http://a.example/", Err: err},
		&response.FailedError{Reasons: []error{err}},
		&agent.RequestError{Method: "GET", Err: &agent.RetryError{Tries: 4, Err: &response.NeverReceivedError{Reasons: []error{err}}, GaveUp: agent.ErrNoRetriesLeft}},
		fmt.Errorf("the cache: %w", err),
		errors.Join(err, errors.New("something else")),
	} {
		if agent.Temporary(err) != want {
			t.Errorf("Temporary of a %T is %v: %v", err, !want, err)
		}
	}
}

// TestTemporaryBelowARoundTripper asks for the errors that net/http's Transport returns.
func TestTemporaryBelowARoundTripper(t *testing.T) {
	lost := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		c.Close()
	}))
	defer lost.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	refused := httptest.NewServer(nil)
	refused.Close()
	r := background.Loop(t, nil)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, test := range []struct {
		url             string
		temporary, sent bool
	}{
		{lost.URL, true, true},
		{refused.URL, true, false},
		{secure.URL, false, true},
		{"http://nowhere.invalid/", false, false},
	} {
		_, err := reactor.BlockingCallFromThread(t.Context(), r, func() *deferred.Deferred[*response.Response] {
			a := agent.NewRetryAgent(r, agent.FromRoundTripper(r, transport), agent.RetryConfig{Retries: 1, FirstWait: time.Nanosecond})
			return a.Request(newRequest("POST", test.url))
		})
		var tried *agent.RetryError
		if again := errors.As(err, &tried); agent.Temporary(err) != test.temporary || again != (test.temporary && !test.sent) {
			t.Errorf("%s: temporary %v, %v", test.url, agent.Temporary(err), err)
		}
	}
}

// TestNotSentAfterARedirect: the request was sent, although its last hop was not.
func TestNotSentAfterARedirect(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.Respond("HTTP/1.1 303 See Other\r\nLocation: http://a.example:81/\r\nContent-Length: 0\r\n\r\n")
	a := agent.NewRetryAgent(w.r, agent.NewRedirectAgent(w.agent, agent.RedirectConfig{}), agent.RetryConfig{})
	d := a.Request(newRequest("POST", "http://a.example/"))
	w.r.RunFor(time.Second)
	var named *agent.RequestError
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &named) || named.NotSent || named.URL != "http://a.example:81/" || !errors.Is(err, reactor.ErrConnectionRefused) {
		t.Errorf("got %v", err)
	}
	if got := strings.Count(w.Conn(0).Got(), "POST"); got != 1 {
		t.Errorf("%d POSTs were sent", got)
	}
}

// TestNotSent checks which errors say that a request was not sent.
func TestNotSent(t *testing.T) {
	for name, test := range map[string]struct {
		url  string
		then func(w *world)
		want bool
	}{
		"invalid":   {"ftp://a.example/", nil, true},
		"refused":   {"http://a.example:81/", nil, true},
		"TLS fails": {"https://a.example:80/", func(w *world) { w.Conn(0).Close() }, true},
		"lost":      {"http://a.example/", func(w *world) { w.Conn(0).Close() }, false},
		"cancelled": {"http://a.example/", func(w *world) {}, false},
		"resent, then refused": {"http://a.example/", func(w *world) {
			w.Conn(0).Send(okHello)
			d := w.get("http://a.example/")
			w.r.HoldConnects()
			w.Conn(0).Close() // an idle connection: the request is sent again
			w.r.HeldConnects()[0].Fail(reactor.ErrConnectionRefused)
			w.r.Pump()
			var named *agent.RequestError
			if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &named) || named.NotSent {
				t.Errorf("resent: %v", err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			d := w.get(test.url)
			if test.then != nil {
				test.then(w)
			}
			d.Cancel()
			d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
				var named *agent.RequestError
				if err != nil && (!errors.As(err, &named) || named.NotSent != test.want) {
					t.Errorf("NotSent is %v: %v", !test.want, err)
				}
				return nil, nil
			})
			w.r.Pump()
		})
	}
}
