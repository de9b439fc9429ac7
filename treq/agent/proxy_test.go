package agent_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A proxyChoice is a Proxy of Config.
type proxyChoice = func(*request.Request) (*url.URL, error)

// use gives the world an agent with a Proxy.
func (w *world) use(proxy proxyChoice) {
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Proxy: proxy, ConnectTimeout: time.Second})
}

// setProxies sets the variables of the environment that are about proxies, and unsets all
// others. env has names and values in turn.
func setProxies(t *testing.T, env ...string) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
	for i := 0; i < len(env); i += 2 {
		t.Setenv(env[i], env[i+1])
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	const no = "" // no proxy
	for _, test := range []struct {
		env  []string
		url  string
		want string // the proxy, or part of an error
	}{
		{nil, "http://a.example/", no},
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://a.example/", "http://p:1"},
		{[]string{"HTTP_PROXY", "http://p:1"}, "HTTP://A.example/", "http://p:1"},
		{[]string{"HTTP_PROXY", "http://p:1"}, "https://a.example/", no},
		{[]string{"HTTPS_PROXY", "http://p:1"}, "https://a.example/", "http://p:1"},
		{[]string{"HTTPS_PROXY", "http://p:1"}, "http://a.example/", no},
		{[]string{"http_proxy", "http://p:1"}, "http://a.example/", "http://p:1"},
		{[]string{"https_proxy", "http://p:1"}, "https://a.example/", "http://p:1"},
		{[]string{"http_proxy", "http://p:1", "HTTP_PROXY", "http://p:2"}, "http://a.example/", "http://p:1"},
		{[]string{"ALL_PROXY", "socks5h://p"}, "http://a.example/", "socks5h://p"},
		{[]string{"ALL_PROXY", "socks5h://p"}, "https://a.example/", "socks5h://p"},
		{[]string{"all_proxy", "socks5://p", "ALL_PROXY", "socks5://q"}, "https://a.example/", "socks5://p"},
		{[]string{"ALL_PROXY", "socks5://p", "HTTP_PROXY", "http://q"}, "http://a.example/", "http://q"},
		{[]string{"ALL_PROXY", "socks5://p", "HTTP_PROXY", "http://q"}, "https://a.example/", "socks5://p"},
		{[]string{"ALL_PROXY", "socks5://p", "NO_PROXY", "a.example"}, "https://a.example/", no},
		{[]string{"HTTP_PROXY", "p.example:3128"}, "http://a.example/", "http://p.example:3128"},
		{[]string{"HTTP_PROXY", "p.example"}, "http://a.example/", "http://p.example"},
		{[]string{"HTTP_PROXY", "192.0.2.9:3128"}, "http://a.example/", "http://192.0.2.9:3128"},
		{[]string{"HTTP_PROXY", "u:p%40w@p.example:3128"}, "http://a.example/", "http://u:p%40w@p.example:3128"},
		// What is near has no proxy.
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://localhost/", no},
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://LOCALHOST.:8080/", no},
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://127.0.0.1:8080/", no},
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://127.8.9.10/", no},
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://[::1]/", no},
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://[::ffff:127.0.0.1]/", no},
		{[]string{"ALL_PROXY", "http://p:1"}, "http://localhost/", no},
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://localhost.example/", "http://p:1"},
		{[]string{"HTTP_PROXY", "http://p:1"}, "http://10.0.0.1/", "http://p:1"},
		// A CGI program does not know who set HTTP_PROXY.
		{[]string{"HTTP_PROXY", "http://p:1", "REQUEST_METHOD", "GET"}, "http://a.example/", "refusing to use HTTP_PROXY value in CGI environment"},
		{[]string{"HTTPS_PROXY", "http://p:1", "REQUEST_METHOD", "GET"}, "https://a.example/", "http://p:1"},
		{[]string{"ALL_PROXY", "http://p:1", "REQUEST_METHOD", "GET"}, "http://a.example/", "http://p:1"},
		// A value that is wrong does not mean none.
		{[]string{"HTTP_PROXY", "http://[::1"}, "http://a.example/", "HTTP_PROXY in the environment: the proxy's URL: "},
		{[]string{"HTTPS_PROXY", "http://u:secret@p:x"}, "https://a.example/", "HTTPS_PROXY in the environment: the proxy's URL: "},
		{[]string{"ALL_PROXY", "http://u:secret@p:x"}, "https://a.example/", "ALL_PROXY in the environment: the proxy's URL: "},
		{[]string{"HTTP_PROXY", "http://[::1", "NO_PROXY", "*"}, "http://a.example/", no},
	} {
		setProxies(t, test.env...)
		u, err := agent.ProxyFromEnvironment(newRequest("GET", test.url))
		switch {
		case err != nil && (test.want == no || strings.Contains(test.want, "://") || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%v, %s: error %v, want %q", test.env, test.url, err, test.want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("%v: the error has the password: %v", test.env, err)
		case err == nil && u == nil && test.want != no, err == nil && u != nil && u.String() != test.want:
			t.Errorf("%v, %s: got %v, want %q", test.env, test.url, u, test.want)
		}
	}
	for _, bad := range []*url.URL{nil, {Scheme: "ftp", Host: "a.example"}} {
		if u, err := agent.ProxyFromEnvironment(&request.Request{Method: "GET", URL: bad}); err == nil {
			t.Errorf("%v: got %v", bad, u)
		}
	}
}

// TestNoProxy: NO_PROXY means what it means to net/http.
func TestNoProxy(t *testing.T) {
	targets := []string{"http://a.example/", "http://b.a.example/", "http://xa.example/", "http://a.example:8080/", "https://a.example/",
		"http://192.0.2.7/", "http://192.0.2.7:8080/", "http://192.0.3.7/", "http://[2001:db8::7]/", "http://[2001:db8:1::7]:8080/"}
	for _, list := range []string{"", "*", "a.example", ".a.example", "*.a.example", "A.EXAMPLE", "a.example:8080", "a.example:80", "a.example:443",
		"192.0.2.7", "192.0.2.7:8080", "192.0.2.0/24", "2001:db8::/47", "2001:db8::/48", "[2001:db8::7]", "[2001:db8::7]:80",
		" x.example , a.example ", ",,", ":80", "example", "a.example,*", "b\u00fccher.example"} {
		setProxies(t, "HTTP_PROXY", "http://p:1", "HTTPS_PROXY", "http://p:1", "NO_PROXY", list)
		oracle := httpproxy.FromEnvironment().ProxyFunc()
		for _, target := range targets {
			req := newRequest("GET", target)
			want, err := oracle(req.URL)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := agent.ProxyFromEnvironment(req); (got == nil) != (want == nil) || err != nil {
				t.Errorf("NO_PROXY=%s, %s: got %v, %v; net/http %v", list, target, got, err, want)
			}
		}
	}
	setProxies(t, "HTTP_PROXY", "http://p:1", "NO_PROXY", "b\u00fccher.example")
	for _, target := range []string{"http://b\u00fccher.example/", "http://xn--bcher-kva.example./"} {
		if got, err := agent.ProxyFromEnvironment(newRequest("GET", target)); got != nil || err != nil {
			t.Errorf("%s: got %v, %v", target, got, err)
		}
	}
}

// TestEnvironmentIsAskedForOnly: an agent without a Proxy does not read the environment, and
// one that reads it sees changes.
func TestEnvironmentIsAskedForOnly(t *testing.T) {
	setProxies(t, "HTTP_PROXY", "http://p.example:8080")
	w := newWorld(t, agent.PoolConfig{})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	if addr := w.r.TCPClients[0].Address; !strings.HasSuffix(addr, ":80") {
		t.Errorf("connected to %s", addr)
	}
	w.use(agent.ProxyFromEnvironment)
	w.exchange(newRequest("GET", "http://a.example/"), 1)
	t.Setenv("HTTP_PROXY", "")
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	if len(w.r.TCPClients) != 2 || !strings.HasSuffix(w.r.TCPClients[1].Address, ":8080") {
		t.Errorf("connected to %v", w.r.TCPClients)
	}
}

// TestProxyURL: a URL that is none of a proxy fails each request, and NewProxyAgent, before
// anything is sent, without the password.
func TestProxyURL(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, test := range []struct {
		url, text string
		is        error
	}{
		{"", "the proxy's URL: empty URL", agent.ErrSchemeNotSupported},
		{"proxy.example:3128", `the proxy's URL: "proxy.example:3128" has no scheme: http://proxy.example:3128?`, agent.ErrSchemeNotSupported},
		{"ftp://u:secret@p", `the proxy's URL ftp://u:xxxxx@p: the scheme of the URL is not supported: "ftp", not http, https, socks5 or socks5h`, agent.ErrSchemeNotSupported},
		{"socks4://p", `: "socks4", not http, https, socks5 or socks5h`, agent.ErrSchemeNotSupported},
		{"socks://p", `: "socks", not http, https, socks5 or socks5h`, agent.ErrSchemeNotSupported},
		{"http://", "the URL names no host", agent.ErrNoHost},
		{"http://:3128", "the URL names no host", agent.ErrNoHost},
		{"socks5://", "the URL names no host", agent.ErrNoHost},
		{"socks5://:1080", "the URL names no host", agent.ErrNoHost},
		{"http://u:secret@p:x", "the URL has an invalid port", agent.ErrPort},
		{"http://u:secret@p:65536", "http://u:xxxxx@p:65536: port 65536 is above 65535", agent.ErrPort},
		{"socks5h://p:65536", "port 65536 is above 65535", agent.ErrPort},
		{"http://u%3av:secret@p", "http://u%3Av:xxxxx@p: not credentials that can be sent: the user name has a colon", auth.ErrInvalid},
		{"http://u:se%0acret@p", "http://u:xxxxx@p: not credentials that can be sent: the user name or the password has a control character", auth.ErrInvalid},
		{"socks5://:secret@p", "SOCKS5 takes no password without a user name", auth.ErrInvalid},
		{"socks5://" + long + ":secret@p", "255 bytes", auth.ErrInvalid},
		{"socks5h://u:" + long + "@p", "255 bytes", auth.ErrInvalid},
		{"mailto:me@an.example", "the proxy's URL: mailto: is not followed by //", nil},
	} {
		w := newWorld(t, agent.PoolConfig{})
		_, early := agent.NewProxyAgent(w.r, test.url, agent.Config{})
		w.use(agent.ProxyURL(test.url))
		body := newCounted(5)
		req := newRequest("POST", "http://a.example/")
		req.Body = body
		later := deferredtest.FailureResultOf(t, w.send(req))
		for _, err := range []error{early, later} {
			if err == nil || !strings.Contains(err.Error(), test.text) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%q: got %v, want %s", test.url, err, test.text)
			} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), long) {
				t.Errorf("%q: the error has the password: %v", test.url, err)
			}
		}
		if len(w.Conns) != 0 || body.started != 0 || body.stopped != 1 {
			t.Errorf("%q: %d connections; the body was started %d times and stopped %d times", test.url, len(w.Conns), body.started, body.stopped)
		}
	}
}

func TestEndpointAndProxy(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	endpoint := func(*url.URL) (endpoints.ClientEndpoint, error) { return nil, nil }
	proxy := agent.ProxyURL("http://p")
	for _, config := range []agent.Config{{Endpoint: endpoint}, {Proxy: proxy}} {
		if _, err := agent.NewProxyAgent(w.r, "http://p", config); err == nil {
			t.Errorf("NewProxyAgent with %+v: no error", config)
		}
	}
	defer func() {
		if v := fmt.Sprint(recover()); v != "agent: New with an Endpoint and a Proxy" {
			t.Errorf("panic %q", v)
		}
	}()
	agent.New(w.r, agent.Config{Endpoint: endpoint, Proxy: proxy})
}

// TestProxyFails: the errors of choosing and reaching a proxy.
func TestProxyFails(t *testing.T) {
	boom := errors.New("boom")
	to := func(rawURL string) proxyChoice { return agent.ProxyURL(rawURL) }
	const greeting, established = "\x05\x00", "HTTP/1.1 200 OK\r\n\r\n"
	for _, test := range []struct {
		name    string
		proxy   proxyChoice
		url     string
		send    string // by the proxy, or ""
		then    func(w *world)
		text    string
		is      error
		byProxy bool // a ProxyError
	}{
		{"an error", func(*request.Request) (*url.URL, error) { return nil, boom }, "http://a.example/", "", nil,
			"GET http://a.example/: choosing the proxy: boom", boom, false},
		{"a panic", func(*request.Request) (*url.URL, error) { panic(boom) }, "http://a.example/", "", nil,
			"GET http://a.example/: choosing the proxy: panic: boom", boom, false},
		{"refused", to("http://u:secret@p.example:81"), "http://a.example/", "", nil,
			"GET http://a.example/: connecting to p.example:81: connection was refused at 192.0.2.1:81 (to a.example:80 through the proxy http://u:xxxxx@p.example:81)", reactor.ErrConnectionRefused, true},
		{"refused for https", to("http://u:secret@p.example:81"), "https://a.example/", "", nil,
			"GET https://a.example/: connecting to p.example:81: connection was refused at 192.0.2.1:81 (to a.example:443 through the proxy http://u:xxxxx@p.example:81)", reactor.ErrConnectionRefused, true},
		{"a tunnel", to("http://u:secret@p.example:8080"), "https://a.example/", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", nil,
			"GET https://a.example/: the proxy http://u:xxxxx@p.example:8080 opened no tunnel to a.example:443: 407 No", nil, true},
		{"TLS to the proxy", to("https://u:secret@p.example:8080"), "http://a.example/", "this is no TLS at all", nil,
			"(to a.example:80 through the proxy https://u:xxxxx@p.example:8080)", reactor.ErrHandshake, true},
		{"TLS to the proxy that takes too long", to("https://u:secret@p.example:8080"), "http://a.example/", "", func(w *world) { w.r.RunFor(time.Second) },
			"GET http://a.example/: no TLS handshake within 1s (ConnectTimeout): ", reactor.ErrHandshake, true},
		{"SOCKS", to("socks5h://u:secret@p.example:8080"), "https://a.example/", greeting + "\x05\x05", nil,
			"GET https://a.example/: connecting to a.example:443: the SOCKS5 server failed: the connection was refused (to a.example:443 through the proxy socks5h://u:xxxxx@p.example:8080)", reactor.ErrConnectionRefused, true},
		{"a timeout of SOCKS", to("socks5h://u:secret@p.example:8080"), "https://a.example/", greeting, func(w *world) { w.r.RunFor(time.Second) },
			"GET https://a.example/: no connection for 1s (ConnectTimeout): connecting to a.example:443: connecting took too long: the SOCKS5 server did not answer within 1s (to", reactor.ErrConnectTimeout, true},
		{"a timeout at the SOCKS server", to("socks5h://p.example:8080"), "https://a.example/", greeting + "\x05\x06", nil,
			"GET https://a.example/: connecting to a.example:443: the SOCKS5 server failed: the time to live expired (to", reactor.ErrConnectTimeout, true},
		{"HTTP/2", to("http://p.example:8080"), "https://a.example/", "\x00\x00\x00\x04" + strings.Repeat("\x00", 40), nil,
			"GET https://a.example/: the server speaks HTTP/2 only: a proxy must speak HTTP/1.1 (to a.example:443 through the proxy http://p.example:8080)", nil, true},
		{"TLS in a tunnel", to("http://p.example:8080"), "https://a.example/", established + "this is no TLS at all", nil,
			"GET https://a.example/: TLS handshake failed: ", reactor.ErrHandshake, false},
		{"a request that is forwarded", to("http://p.example:8080"), "http://a.example/", "what?\r\n\r\n", nil,
			"GET http://a.example/: ", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.use(test.proxy)
			body := newCounted(0)
			req := newRequest("GET", test.url)
			req.Body = body
			d := w.send(req)
			if test.send != "" {
				w.Conn(0).Send(test.send)
			}
			if test.then != nil {
				test.then(w)
			}
			err := deferredtest.FailureResultOf(t, d)
			if !strings.Contains(err.Error(), test.text) || test.is != nil && !errors.Is(err, test.is) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got  %v\nwant %s", err, test.text)
			}
			var failed *agent.ProxyError
			if errors.As(err, &failed) != test.byProxy || test.byProxy && (failed.Proxy == "" || !strings.HasPrefix(failed.Target, "a.example:")) {
				t.Errorf("the proxy's error is %+v", failed)
			}
			w.r.Pump()
			if body.started+body.stopped == 0 {
				t.Error("the body was neither started nor stopped")
			}
		})
	}
}

// TestProxyErrorIsTemporary: a ProxyError is judged by its reason.
func TestProxyErrorIsTemporary(t *testing.T) {
	for _, test := range []struct {
		err  agent.ProxyError
		want bool
	}{
		{agent.ProxyError{Err: reactor.ErrConnectionRefused}, true},
		{agent.ProxyError{Err: reactor.ErrNameNotFound}, false},
		{agent.ProxyError{Err: &tls.CertificateVerificationError{}}, false},
		{agent.ProxyError{Err: &agent.TimeoutError{Option: "ConnectTimeout"}}, true},
		{agent.ProxyError{Err: &endpoints.SOCKS5Error{Reply: 4}}, true},
		{agent.ProxyError{Err: &endpoints.SOCKS5Error{Reply: 2}}, false},
		{agent.ProxyError{Err: endpoints.ErrSOCKS5Auth}, false},
		{agent.ProxyError{Code: 503}, true},
		{agent.ProxyError{Code: 407}, false},
	} {
		if got := agent.Temporary(&test.err); got != test.want {
			t.Errorf("%v: Temporary %v", &test.err, got)
		}
	}
}

// TestProxyCancelled cancels a request at each byte of each kind of proxy.
func TestProxyCancelled(t *testing.T) {
	for proxy, dialog := range map[string]string{
		"http://u:secret@p.example:8080":    "HTTP/1.1 200 OK\r\n\r\n",
		"https://u:secret@p.example:8080":   "\x16\x03\x03\x00\x7a",
		"socks5://u:secret@p.example:8080":  "\x05\x02\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
		"socks5h://u:secret@p.example:8080": "\x05\x02\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
	} {
		for n := range len(dialog) + 1 {
			w := newWorld(t, agent.PoolConfig{})
			w.use(agent.ProxyURL(proxy))
			d := w.get("https://a.example/")
			w.Conn(0).SendBytewise(dialog[:n])
			d.Cancel()
			if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
				t.Errorf("%s, after %d bytes: %v", proxy, n, err)
			}
			w.end()
			w.wantClosed(0)
		}
	}
}

// TestProxyIsChosenForEachHop: a redirect, and a second request to the same server, may go
// another way, over another connection.
func TestProxyIsChosenForEachHop(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	var asked []string
	w.use(func(req *request.Request) (*url.URL, error) {
		asked = append(asked, req.URL.String())
		if req.URL.Path == "/direct" {
			return nil, nil
		}
		return &url.URL{Scheme: "http", User: url.UserPassword(req.URL.Path[1:], "secret"), Host: "p.example:8080"}, nil
	})
	d := agent.NewRedirectAgent(w.agent, agent.RedirectConfig{}).Request(newRequest("GET", "http://a.example/one"))
	w.r.Pump()
	if got := w.Conn(0).Got(); !strings.HasPrefix(got, "GET http://a.example/one HTTP/1.1\r\n") || !strings.Contains(got, "Proxy-Authorization: Basic b25lOnNlY3JldA==") {
		t.Errorf("the proxy got %q", got)
	}
	w.Conn(0).Send("HTTP/1.1 302 Found\r\nLocation: /direct\r\nContent-Length: 0\r\n\r\n")
	if got := w.Conn(1).Got(); !strings.HasPrefix(got, "GET /direct HTTP/1.1\r\n") || strings.Contains(got, "Proxy-") {
		t.Errorf("the server got %q", got)
	}
	w.Conn(1).Send("HTTP/1.1 302 Found\r\nLocation: /two\r\nContent-Length: 0\r\n\r\n")
	if got := w.Conn(2).Got(); !strings.HasPrefix(got, "GET http://a.example/two HTTP/1.1\r\n") || !strings.Contains(got, "Proxy-Authorization: Basic dHdvOnNlY3JldA==") {
		t.Errorf("the proxy got %q", got)
	}
	w.Conn(2).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	// Each connection serves those that would have made it.
	for i, path := range []string{"one", "direct", "two"} {
		w.exchange(newRequest("GET", "http://a.example/"+path), i)
	}
	if want := "[http://a.example/one http://a.example/direct http://a.example/two http://a.example/one http://a.example/direct http://a.example/two]"; fmt.Sprint(asked) != want {
		t.Errorf("asked for %v", asked)
	}
}

// TestProxiesShareAPool: connections are shared only by requests with equal proxies.
func TestProxiesShareAPool(t *testing.T) {
	for _, test := range []struct {
		first, second string
		shared        bool
	}{
		{"http://u:p@p:8080", "http://u:p@p:8080", true},
		{"http://u:p@p:8080", "HTTP://u:p@P:8080/", true},
		{"http://u:p@p:8080", "http://u:q@p:8080", false},
		{"http://u:p@p:8080", "http://p:8080", false},
		{"http://u:p@p:8080", "socks5h://u:p@p:8080", false},
		{"http://p:80", "http://p", true},
		{"http://p:8080", "http://q:8080", false},
		{"http://p:8080", "", false},
		{"", "http://p:8080", false},
	} {
		t.Run(test.first+" "+test.second, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			proxy := test.first
			w.use(func(req *request.Request) (*url.URL, error) {
				if proxy == "" {
					return nil, nil
				}
				return agent.ProxyURL(proxy)(req)
			})
			w.exchange(newRequest("GET", "http://a.example/"), 0)
			proxy = test.second
			if strings.HasPrefix(proxy, "socks5") {
				d := w.get("http://a.example/")
				if got := w.Conn(1).Got(); got != "\x05\x02\x00\x02" {
					t.Errorf("the proxy got %q", got)
				}
				d.Cancel()
				deferredtest.FailureResultOf(t, d)
				return
			}
			on := 1
			if test.shared {
				on = 0
			}
			w.exchange(newRequest("GET", "http://a.example/"), on)
		})
	}
}

// TestPoolKeepsTLSOfAProxyApart: the TLS of Config decides about the connection to a proxy of
// https, for http too.
func TestPoolKeepsTLSOfAProxyApart(t *testing.T) {
	p := newProxies(t)
	pool := agent.NewPool(p.r, agent.PoolConfig{})
	get := func(policy *agent.TLSPolicy) error {
		_, err := p.get(agent.Config{Pool: pool, TLS: policy, Proxy: agent.ProxyURL("https://u:secret@p.example:3129")}, "http://a.example/x")
		return err
	}
	if err := get(agent.NewTLSPolicy(&tls.Config{InsecureSkipVerify: true})); err != nil {
		t.Fatal(err)
	}
	if err := get(nil); !errors.As(err, new(*tls.CertificateVerificationError)) || !errors.As(err, new(*agent.ProxyError)) {
		t.Errorf("with the system's roots: got %v", err)
	}
	pool.CloseCachedConnections()
	p.r.Pump()
}

// TestProxies sends requests through each kind of proxy to a server of http and one of https.
func TestProxies(t *testing.T) {
	for _, proxy := range []string{"http://u:secret@p.example:3128", "https://u:secret@p.example:3129", "socks5://u:secret@p.example", "socks5h://u:secret@p.example", "socks5h://p.example:1081"} {
		for _, target := range []string{"http://a.example/x", "https://a.example/x", "http://192.0.2.1/x", "https://[2001:db8::1]/x"} {
			t.Run(proxy+" "+target, func(t *testing.T) {
				p := newProxies(t)
				pool := agent.NewPool(p.r, agent.PoolConfig{})
				config := agent.Config{Pool: pool, TLS: p.policy, Proxy: agent.ProxyURL(proxy)}
				for range 2 {
					text, err := p.get(config, target)
					if host := newRequest("GET", target).URL.Host; err != nil || text != host+" /x" {
						t.Errorf("got %q, %v", text, err)
					}
				}
				if p.tunnels != 1 {
					t.Errorf("%d connections went through the proxy, want one", p.tunnels)
				}
				byName := strings.HasPrefix(proxy, "socks5h") && strings.Contains(target, "a.example")
				if p.named != byName {
					t.Errorf("the SOCKS5 server got a name: %v", p.named)
				}
				if p.leaked != "" {
					t.Errorf("the server got Proxy-Authorization %q", p.leaked)
				}
				if byHTTP := strings.HasPrefix(proxy, "http"); byHTTP != p.authorized["Basic dTpzZWNyZXQ="] || len(p.authorized) > 1 {
					t.Errorf("the proxy got Proxy-Authorization %v", p.authorized)
				}
				pool.CloseCachedConnections()
				p.r.Pump()
				if n := len(p.r.DelayedCalls()); n != 0 {
					t.Errorf("%d delayed calls are left", n)
				}
			})
		}
	}
}

// TestProxyCertificate: the certificate of a proxy of https must be for the proxy's name.
func TestProxyCertificate(t *testing.T) {
	p := newProxies(t)
	_, err := p.get(agent.Config{TLS: p.policy, Proxy: agent.ProxyURL("https://q.example:3129")}, "https://a.example/x")
	if !errors.As(err, new(*tls.CertificateVerificationError)) || !errors.As(err, new(*agent.ProxyError)) || !strings.Contains(err.Error(), "q.example") {
		t.Errorf("got %v", err)
	}
	// The server's own certificate is checked inside of the tunnel.
	_, err = p.get(agent.Config{TLS: p.policy, Proxy: agent.ProxyURL("https://p.example:3129")}, "https://b.example/x")
	if !errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(*agent.ProxyError)) || !strings.Contains(err.Error(), "b.example") {
		t.Errorf("got %v", err)
	}
}

// TestProxyAnswers407: the answer of a proxy to a request that it should forward is the
// response.
func TestProxyAnswers407(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.use(agent.ProxyURL("http://u:wrong@p.example:8080"))
	d := w.get("http://a.example/")
	w.Conn(0).Send("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=r\r\nContent-Length: 5\r\n\r\nhello")
	resp := deferredtest.SuccessResultOf(t, d)
	if resp.Code != 407 {
		t.Errorf("got %v", resp)
	}
	w.wantBody(resp, "hello")
}

// TestProxyAllocates: choosing a proxy allocates nothing, while it stays the same.
func TestProxyAllocates(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.Respond(okHello)
	u := &url.URL{Scheme: "http", Host: "p.example:8080"}
	req := newRequest("GET", "http://a.example/")
	through := func(proxy proxyChoice) float64 {
		w.use(proxy)
		return allocations(100, func() {
			d := w.agent.Request(req)
			w.r.Pump()
			deferredtest.SuccessResultOf(t, d).Discard()
			w.r.Pump()
		})
	}
	direct := through(nil)
	if got := through(func(*request.Request) (*url.URL, error) { return nil, nil }); got > direct {
		t.Errorf("%v allocations with a Proxy that returns nil, %v without", got, direct)
	}
	const target = 1 // the absolute form of the URL
	if got := through(func(*request.Request) (*url.URL, error) { return u, nil }); got > direct+target {
		t.Errorf("%v allocations through a proxy, %v without", got, direct)
	}
}

// proxies has a server of http and https, and proxies to it, in memory.
type proxies struct {
	t          *testing.T
	r          *memory.Reactor
	policy     *agent.TLSPolicy
	tunnels    int              // the number of connections through a proxy
	named      bool             // a SOCKS5 server got a name
	authorized map[string]bool  // the values of Proxy-Authorization that the HTTP proxies got
	leaked     string           // the Proxy-Authorization that the server got
	handler    http.HandlerFunc // answers in place of the server's own; or nil
}

func newProxies(t *testing.T) *proxies {
	r := memory.New()
	r.AddHost("*", "192.0.2.1", "2001:db8::1")
	cert, roots := testcert.New("a.example", "192.0.2.1", "2001:db8::1", "p.example")
	p := &proxies{t: t, r: r, policy: agent.NewTLSPolicy(&tls.Config{RootCAs: roots}), authorized: map[string]bool{}}
	site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.leaked += r.Header.Get("Proxy-Authorization")
		if p.handler != nil {
			p.handler(w, r)
			return
		}
		fmt.Fprintf(w, "%s %s", r.Host, r.URL.Path)
	})}
	over := func(f reactor.Factory) reactor.Factory {
		return reactor.TLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{cert}}}, f)
	}
	by := func(script func(*proxyServer, string) (int, string)) reactor.Factory {
		return reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &proxyServer{proxies: p, script: script} })
	}
	for port, f := range map[string]reactor.Factory{
		":80": site, ":443": over(site), ":3128": by((*proxyServer).http), ":3129": over(by((*proxyServer).http)),
		":1080": by((*proxyServer).socksPassword), ":1081": by((*proxyServer).socks),
	} {
		if _, err := r.ListenTCP(port, f); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// get sends a request by a new agent with config, and returns the text of the response.
func (p *proxies) get(config agent.Config, target string) (string, error) {
	p.t.Helper()
	d := agent.New(p.r, config).Request(newRequest("GET", target))
	var text string
	var failed error
	deferred.Then(d, (*response.Response).Text).AddBoth(func(s string, err error) (string, error) {
		text, failed = s, err
		return "", nil
	})
	p.r.Pump()
	if !d.Called() {
		p.t.Fatal("no result")
	}
	return text, failed
}

// A proxyServer is the protocol of a proxy. All its tunnels lead to 192.0.2.1.
type proxyServer struct {
	*proxies
	script    func(s *proxyServer, received string) (port int, answer string) // port 0: not yet
	transport reactor.Transport
	received  string
	chosen    bool // the server is known, and only more of the request comes
	lost      bool
}

func (s *proxyServer) ConnectionMade(t reactor.Transport) { s.transport = t }
func (s *proxyServer) ConnectionLost(error)               { s.lost = true }

func (s *proxyServer) DataReceived(data []byte) {
	s.received += string(data)
	if s.chosen {
		return
	}
	port, answer := s.script(s, s.received)
	if port == 0 {
		s.transport.Write([]byte(answer))
		return
	}
	s.chosen = true
	s.tunnels++
	far := &relay{to: s.transport}
	to := fmt.Sprintf("192.0.2.1:%d", port)
	s.r.ConnectTCP(to, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return far }), reactor.ConnectConfig{}).
		AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
			if s.lost {
				far.from.AbortConnection()
				return p, nil
			}
			s.transport.SwitchProtocol(&relay{to: far.from, filter: proxyAuthorization})
			if answer == "" { // the request is to be forwarded
				far.from.Write(proxyAuthorization.ReplaceAll([]byte(s.received), nil))
			}
			s.transport.Write([]byte(answer))
			return p, nil
		})
}

var proxyAuthorization = regexp.MustCompile("Proxy-Authorization: (.*)\r\n")

func (s *proxyServer) http(received string) (int, string) {
	if !strings.Contains(received, "\r\n\r\n") {
		return 0, ""
	}
	if m := proxyAuthorization.FindStringSubmatch(received); m != nil {
		s.authorized[m[1]] = true
	}
	if strings.HasPrefix(received, "CONNECT ") {
		return 443, "HTTP/1.1 200 Connection established\r\n\r\n"
	}
	return 80, ""
}

func (s *proxyServer) socks(received string) (int, string) {
	const greeting = "\x05\x01\x00"
	if received == greeting {
		return 0, "\x05\x00"
	}
	return s.connect(received[len(greeting):])
}

func (s *proxyServer) socksPassword(received string) (int, string) {
	const greeting, password = "\x05\x02\x00\x02", "\x01\x01u\x06secret"
	switch rest := strings.TrimPrefix(received, greeting); {
	case rest == "":
		return 0, "\x05\x02"
	case rest == password:
		return 0, "\x01\x00"
	case !strings.HasPrefix(rest, password):
		return 0, "\x01\x01"
	default:
		return s.connect(rest[len(password):])
	}
}

func (s *proxyServer) connect(request string) (int, string) {
	s.named = s.named || request[3] == 3
	n := len(request)
	return int(request[n-2])<<8 | int(request[n-1]), "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
}
