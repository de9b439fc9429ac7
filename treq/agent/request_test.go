package agent_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestRequestBytes checks the bytes that the server gets. In this table line ends are
// written as LF.
func TestRequestBytes(t *testing.T) {
	many := strings.Repeat("0123456789", 30_000)
	tests := []struct {
		name   string
		method string
		url    string
		header http.Header
		body   request.BodyProducer
		pool   agent.PoolConfig
		want   string
	}{
		{name: "simplest", method: "GET", url: "http://a.example",
			want: "GET / HTTP/1.1\nHost: a.example\n\n"},
		{name: "path and query", method: "GET", url: "http://a.example/b%20c;d?e=f&g#h",
			want: "GET /b%20c;d?e=f&g HTTP/1.1\nHost: a.example\n\n"},
		{name: "query alone", method: "GET", url: "http://a.example?b",
			want: "GET /?b HTTP/1.1\nHost: a.example\n\n"},
		{name: "default port named", method: "GET", url: "http://a.example:80/",
			want: "GET / HTTP/1.1\nHost: a.example\n\n"},
		{name: "other port", method: "GET", url: "http://a.example:8080/",
			want: "GET / HTTP/1.1\nHost: a.example:8080\n\n"},
		{name: "capitals", method: "GET", url: "HTTP://A.Example/B",
			want: "GET /B HTTP/1.1\nHost: a.example\n\n"},
		{name: "user and password are not sent", method: "GET", url: "http://user:secret@a.example/",
			want: "GET / HTTP/1.1\nHost: a.example\n\n"},
		{name: "IPv4", method: "GET", url: "http://192.0.2.9/",
			want: "GET / HTTP/1.1\nHost: 192.0.2.9\n\n"},
		{name: "IPv6", method: "GET", url: "http://[2001:db8::1]:8080/",
			want: "GET / HTTP/1.1\nHost: [2001:db8::1]:8080\n\n"},
		{name: "no headers at all", method: "GET", url: "http://a.example/", header: nil,
			want: "GET / HTTP/1.1\nHost: a.example\n\n"},
		{name: "headers in order", method: "GET", url: "http://a.example/",
			header: http.Header{"X-B": {"2", "3"}, "X-A": {"1"}, "Accept": {"*/*"}},
			want:   "GET / HTTP/1.1\nHost: a.example\nAccept: */*\nX-A: 1\nX-B: 2\nX-B: 3\n\n"},
		{name: "another Host", method: "GET", url: "http://a.example/",
			header: http.Header{"Host": {"b.example"}},
			want:   "GET / HTTP/1.1\nHost: b.example\n\n"},
		{name: "a length that is not the body's", method: "GET", url: "http://a.example/",
			header: http.Header{"Content-Length": {"17"}},
			want:   "GET / HTTP/1.1\nHost: a.example\n\n"},
		{name: "no persistent connections", method: "GET", url: "http://a.example/",
			pool: agent.PoolConfig{DisablePersistent: true},
			want: "GET / HTTP/1.1\nHost: a.example\nConnection: close\n\n"},
		{name: "bytes", method: "POST", url: "http://a.example/", body: request.Bytes("text"),
			want: "POST / HTTP/1.1\nHost: a.example\nContent-Length: 4\n\ntext"},
		{name: "POST of nothing", method: "POST", url: "http://a.example/",
			want: "POST / HTTP/1.1\nHost: a.example\nContent-Length: 0\n\n"},
		{name: "PUT of no bytes", method: "PUT", url: "http://a.example/", body: request.Bytes(nil),
			want: "PUT / HTTP/1.1\nHost: a.example\nContent-Length: 0\n\n"},
		{name: "many bytes", method: "PUT", url: "http://a.example/", body: request.Bytes(many),
			want: "PUT / HTTP/1.1\nHost: a.example\nContent-Length: 300000\n\n" + many},
		{name: "a producer of known length", method: "POST", url: "http://a.example/",
			body: &producer{length: 5, writes: []string{"he", "", "llo"}},
			want: "POST / HTTP/1.1\nHost: a.example\nContent-Length: 5\n\nhello"},
		{name: "a producer of unknown length", method: "POST", url: "http://a.example/",
			body: &producer{length: -1, writes: []string{"he", "", "llo there, world"}},
			want: "POST / HTTP/1.1\nHost: a.example\nTransfer-Encoding: chunked\n\n2\nhe\n10\nllo there, world\n0\n\n"},
		{name: "a producer of nothing", method: "POST", url: "http://a.example/", body: &producer{length: -1},
			want: "POST / HTTP/1.1\nHost: a.example\nTransfer-Encoding: chunked\n\n0\n\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.pool)
			req := newRequest(test.method, test.url)
			req.Header = test.header
			req.Body = test.body
			before := req.Header.Clone()
			d := w.send(req)
			if got := strings.ReplaceAll(w.Conn(0).Got(), "\r\n", "\n"); got != test.want {
				t.Errorf("the server got\n%.200q\nwant\n%.200q", got, test.want)
			}
			w.Conn(0).Send(okHello)
			resp := deferredtest.SuccessResultOf(t, d)
			w.wantBody(resp, "hello")
			if resp.Request != req {
				t.Errorf("the response names the request %v", resp.Request)
			}
			if len(before) != len(req.Header) {
				t.Errorf("the header was changed to %v", req.Header)
			}
		})
	}
}

// TestRefused has requests that are not sent.
func TestRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*request.Request)
		is     error
	}{
		{"ftp", func(r *request.Request) { r.URL.Scheme = "ftp" }, agent.ErrSchemeNotSupported},
		{"no scheme", func(r *request.Request) { r.URL.Scheme = "" }, agent.ErrSchemeNotSupported},
		{"no host", func(r *request.Request) { r.URL.Host = "" }, agent.ErrNoHost},
		{"no URL", func(r *request.Request) { r.URL = nil }, agent.ErrNoHost},
		{"no method", func(r *request.Request) { r.Method = "" }, wire.ErrMethod},
		{"a method of two lines", func(r *request.Request) { r.Method = "GET / HTTP/1.1\r\nA: b" }, wire.ErrMethod},
		{"a header of two lines", func(r *request.Request) { r.Header.Set("A", "b\r\nC: d") }, wire.ErrHeaderValue},
		{"a header's name of two lines", func(r *request.Request) { r.Header["A: b\r\nC"] = []string{"d"} }, wire.ErrHeaderName},
		{"a header with NUL", func(r *request.Request) { r.Header.Set("A", "\x00") }, wire.ErrHeaderValue},
		{"a host of two lines", func(r *request.Request) { r.URL.Host = "a\r\nA: b" }, wire.ErrHost},
		{"a path with a space", func(r *request.Request) { r.URL.Opaque = "/a b" }, wire.ErrTarget},
		{"a length that makes no sense", func(r *request.Request) { r.Body = &producer{length: -2} }, wire.ErrContentLength},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			req := newRequest("GET", "http://user:secret@a.example/")
			test.change(req)
			err := deferredtest.FailureResultOf(t, w.send(req))
			if !errors.Is(err, test.is) {
				t.Errorf("got %v, want %v", err, test.is)
			}
			var of *agent.RequestError
			if !errors.As(err, &of) || of.Method != req.Method {
				t.Errorf("%v is not a RequestError of the request", err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v contains the password", err)
			}
			if len(w.Conns) != 0 {
				t.Errorf("%d connections", len(w.Conns))
			}
		})
	}
}

// TestNoConnection has the reasons why an agent cannot connect.
func TestNoConnection(t *testing.T) {
	boom := errors.New("boom")
	endpoint := func(connect func() *deferred.Deferred[reactor.Protocol]) agent.EndpointFactory {
		return func(*url.URL) (endpoints.ClientEndpoint, error) {
			return endpointFunc(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] { return connect() }), nil
		}
	}
	var panicked *deferred.PanicError
	tests := []struct {
		name    string
		factory agent.EndpointFactory
		url     string
		is      error
		as      any
	}{
		{"refused", nil, "http://127.0.0.1:81/", reactor.ErrConnectionRefused, new(*reactor.ConnectError)},
		{"no such name", nil, "http://nowhere/", reactor.ErrNameNotFound, new(*reactor.LookupError)},
		{"the factory fails", func(*url.URL) (endpoints.ClientEndpoint, error) { return nil, boom }, "http://a/", boom, nil},
		{"the factory panics", func(*url.URL) (endpoints.ClientEndpoint, error) { panic(boom) }, "http://a/", boom, &panicked},
		{"no endpoint", func(*url.URL) (endpoints.ClientEndpoint, error) { return nil, nil }, "http://a/", nil, &panicked},
		{"the endpoint fails", endpoint(func() *deferred.Deferred[reactor.Protocol] { return deferred.Fail[reactor.Protocol](boom) }), "http://a/", boom, nil},
		{"the endpoint panics", endpoint(func() *deferred.Deferred[reactor.Protocol] { panic(boom) }), "http://a/", boom, &panicked},
		{"the endpoint gives no Deferred", endpoint(func() *deferred.Deferred[reactor.Protocol] { return nil }), "http://a/", nil, &panicked},
		{"the endpoint gives no protocol", endpoint(func() *deferred.Deferred[reactor.Protocol] { return deferred.Succeed[reactor.Protocol](nil) }), "http://a/", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.r.AddHost("nowhere")
			w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Endpoint: test.factory})
			err := deferredtest.FailureResultOf(t, w.get(test.url))
			t.Log(err)
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if test.as != nil && !errors.As(err, test.as) {
				t.Errorf("%v is not a %T", err, test.as)
			}
			var of *agent.RequestError
			if !errors.As(err, &of) {
				t.Errorf("%v is not a RequestError", err)
			}
		})
	}
}

type endpointFunc func(factory reactor.Factory) *deferred.Deferred[reactor.Protocol]

func (f endpointFunc) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return f(factory)
}

// TestEndpointFactory checks that the agent connects to the endpoint of its
// EndpointFactory.
func TestEndpointFactory(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	var asked string
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Endpoint: func(u *url.URL) (endpoints.ClientEndpoint, error) {
		asked = u.String()
		return endpoints.NewHostname(w.r, "192.0.2.7", "8080", endpoints.HostnameConfig{}), nil
	}})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	if asked != "http://a.example/" {
		t.Errorf("asked for %q", asked)
	}
	if got := w.r.TCPClients[0].Address; got != "192.0.2.7:8080" {
		t.Errorf("connected to %s", got)
	}
}

// TestConnectTimeout checks that the time to connect is bounded, and that the timeout
// ends the attempt.
func TestConnectTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		timeout, after time.Duration
	}{
		"default": {0, reactor.DefaultConnectTimeout},
		"given":   {2 * time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.agent = agent.New(w.r, agent.Config{Pool: w.pool, ConnectTimeout: test.timeout})
			w.r.HoldConnects()
			d := w.get("http://a.example/")
			w.r.RunFor(test.after - 1)
			deferredtest.NoResult(t, d)
			w.r.RunFor(1)
			if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, reactor.ErrConnectTimeout) {
				t.Error(err)
			}
			if held := w.r.HeldConnects(); len(held) != 0 {
				t.Errorf("%d attempts are left", len(held))
			}
		})
	}
}

// TestLocalAddress checks that the agent connects from its LocalAddress.
func TestLocalAddress(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool, LocalAddress: "192.0.2.9:7"})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	if got := w.r.TCPClients[0].LocalAddress; got != "192.0.2.9:7" {
		t.Errorf("connected from %q", got)
	}
}

// TestLostBeforeSent has an endpoint that fires only after its connection is lost.
func TestLostBeforeSent(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	late := deferred.New[reactor.Protocol]()
	var made reactor.Protocol
	w.agent = agent.New(w.r, agent.Config{Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) {
		return endpointFunc(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			made = f.BuildProtocol(&net.TCPAddr{})
			return late
		}), nil
	}})
	d := w.get("http://a.example/")
	made.ConnectionLost(io.ErrUnexpectedEOF)
	late.Callback(made)
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}
