package agent_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestSharedPool checks that an agent uses a connection that another agent left in a
// shared Pool only if it would have made the connection in the same way.
func TestSharedPool(t *testing.T) {
	type maker func(w *world) *agent.Agent
	configured := func(config agent.Config) maker {
		return func(w *world) *agent.Agent {
			config.Pool = w.pool
			return agent.New(w.r, config)
		}
	}
	by := func(proxy string) maker {
		return func(w *world) *agent.Agent {
			a, err := agent.NewProxyAgent(w.r, proxy, agent.Config{Pool: w.pool})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
	}
	plain := configured(agent.Config{})
	policy := agent.NewTLSPolicy(nil)
	elsewhere := func(w *world) *agent.Agent {
		return agent.New(w.r, agent.Config{Pool: w.pool, Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) {
			return endpoints.NewHostname(w.r, "192.0.2.7", "8080", endpoints.HostnameConfig{}), nil
		}})
	}
	for _, test := range []struct {
		name          string
		first, second maker
		from, to      string
		shared        bool
	}{
		{"the same", plain, plain, "http://a.example/", "http://a.example/b", true},
		{"spelled in another way", plain, plain, "http://a.example/", "HTTP://A.example:80/", true},
		{"another port", plain, plain, "http://a.example/", "http://a.example:8080/", false},
		{"a name that is absolute", plain, plain, "http://a.example/", "http://a.example./", false},
		{"direct, then through a proxy", plain, by("http://u:p@proxy:8080"), "http://a.example/", "http://a.example/", false},
		{"through a proxy, then direct", by("http://u:p@proxy:8080"), plain, "http://a.example/", "http://a.example/", false},
		{"one proxy", by("http://u:p@proxy:8080"), by("http://u:p@proxy:8080"), "http://a.example/", "http://a.example/", true},
		{"two proxies", by("http://proxy:8080"), by("http://other:8080"), "http://a.example/", "http://a.example/", false},
		{"another user of the proxy", by("http://u:p@proxy:8080"), by("http://v:p@proxy:8080"), "http://a.example/", "http://a.example/", false},
		{"another password", by("http://u:p@proxy:8080"), by("http://u:q@proxy:8080"), "http://a.example/", "http://a.example/", false},
		{"another local address", plain, configured(agent.Config{LocalAddress: "192.0.2.9:0"}), "http://a.example/", "http://a.example/", false},
		{"one local address", configured(agent.Config{LocalAddress: "192.0.2.9:0"}), configured(agent.Config{LocalAddress: "192.0.2.9:0"}), "http://a.example/", "http://a.example/", true},
		{"another TLS policy, without TLS", plain, configured(agent.Config{TLS: policy}), "http://a.example/", "http://a.example/", true},
		{"tighter limits", plain, configured(agent.Config{Limits: wire.Limits{HeaderBytes: 4096}}), "http://a.example/", "http://a.example/", false},
		{"laxer limits", configured(agent.Config{Limits: wire.Limits{Informational: 1}}), plain, "http://a.example/", "http://a.example/", false},
		{"the default limits", plain, configured(agent.Config{Limits: wire.Limits{}.OrDefault()}), "http://a.example/", "http://a.example/", true},
		{"an endpoint factory", plain, elsewhere, "http://a.example/", "http://a.example/", false},
		{"two endpoint factories", elsewhere, elsewhere, "http://a.example/", "http://a.example/", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.agent = test.first(w)
			w.exchange(newRequest("GET", test.from), 0)
			w.agent = test.second(w)
			on := 1
			if test.shared {
				on = 0
			}
			w.exchange(newRequest("GET", test.to), on)
		})
	}
}

// TestSharedPoolVerifies checks that an agent that verifies certificates does not use a
// connection that another agent made without verifying.
func TestSharedPoolVerifies(t *testing.T) {
	r, roots := secureSite(t)
	pool := agent.NewPool(r, agent.PoolConfig{})
	get := func(policy *agent.TLSPolicy) error {
		d := agent.New(r, agent.Config{Pool: pool, TLS: policy}).Request(newRequest("GET", "https://a.example/"))
		r.Pump()
		var failed error
		d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
			if failed = err; err == nil {
				resp.Discard()
			}
			return nil, nil
		})
		r.Pump()
		return failed
	}
	careless := agent.NewTLSPolicy(&tls.Config{InsecureSkipVerify: true})
	for range 2 {
		if err := get(careless); err != nil {
			t.Fatal(err)
		}
	}
	if err := get(agent.NewTLSPolicy(nil)); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("with the system's roots: got %v", err)
	}
	if err := get(agent.NewTLSPolicy(&tls.Config{RootCAs: roots})); err != nil {
		t.Error(err)
	}
	if n := len(r.TCPClients); n != 3 {
		t.Errorf("%d connections, want one for each policy", n)
	}
}

// TestTunnelCredentials checks that the user and password of a proxy's URL are sent with
// CONNECT, and nowhere else.
func TestTunnelCredentials(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	var err error
	if w.agent, err = agent.NewProxyAgent(w.r, "http://user:secret@proxy.example:8080", agent.Config{Pool: w.pool}); err != nil {
		t.Fatal(err)
	}
	d := w.get("https://a.example/")
	const want = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
	if got := w.Conn(0).Got(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.Conn(0).Send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, new(*agent.ProxyError)) {
		t.Error(err)
	}
	if _, err := agent.NewProxyAgent(w.r, "http://user:secret@proxy.example:x", agent.Config{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	factory := func(*url.URL) (endpoints.ClientEndpoint, error) { return nil, nil }
	if _, err := agent.NewProxyAgent(w.r, "http://proxy.example", agent.Config{Endpoint: factory}); err == nil {
		t.Error("NewProxyAgent accepted an Endpoint")
	}
}

// TestOneOrigin checks that cookies, credentials and the caller's headers agree on the
// meaning of another origin.
func TestOneOrigin(t *testing.T) {
	for _, test := range []struct {
		from, to string
		same     bool
	}{
		{"http://an.example/", "http://an.example./", true},
		{"http://an.example./", "http://AN.EXAMPLE:80/", true},
		{"http://b\u00fccher.example/", "http://xn--bcher-kva.example./", true},
		{"http://[::1]/", "http://[0:0::1]:80/", true},
		{"http://[fe80::1%25a]/", "http://[fe80::1%25b]/", false},
		{"http://an.example/", "http://an.example:8080/", false},
		{"http://an.example/", "http://another.example./", false},
	} {
		t.Run(test.from+" to "+test.to, func(t *testing.T) {
			for name, credentials := range map[string]auth.Credentials{"the caller's": nil, "Basic": auth.Basic("u", "p")} {
				s := &script{t: t}
				stack := agent.Stack{Agent: s, Credentials: credentials, Redirects: &agent.RedirectConfig{}}
				req := newRequest("GET", test.from, "Cookie", "a=b")
				if credentials == nil {
					req.Header.Set("Authorization", "Basic dTpw")
				}
				stack.Send(req)
				s.answer(redirect(302, test.to))
				header := s.last().Header
				got := [2]bool{header.Get("Authorization") == "Basic dTpw", header.Get("Cookie") == "a=b"}
				if len(s.requests) != 2 || got != [2]bool{test.same, test.same} {
					t.Errorf("%s credentials: of %d requests, Authorization and Cookie are sent again: %v, want %v", name, len(s.requests), got, test.same)
				}
			}
		})
	}
}

// TestCookiesOfOneOrigin checks that a trailing dot makes no difference to the jar.
func TestCookiesOfOneOrigin(t *testing.T) {
	server := cookieServer()
	jar := new(cookies.Jar)
	a := agent.NewCookieAgent(server, jar)
	gotCookies(t, a, setting("http://an.example/", "a=1"))
	if got := gotCookies(t, a, "http://an.example./"); got != "a=1" {
		t.Errorf("got %q", got)
	}
}

// TestRedirectElsewhereDoesNotWait checks that a redirect to another origin does not wait
// for the redirect's body, since its connection is of no use to the next request.
func TestRedirectElsewhereDoesNotWait(t *testing.T) {
	for to, waits := range map[string]bool{"/b": true, "http://a.example./b": true, "http://b.example/": false} {
		t.Run(to, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			d := agent.NewRedirectAgent(w.agent, agent.RedirectConfig{}).Request(newRequest("GET", "http://a.example/"))
			w.r.Pump()
			w.Conn(0).Send(fmt.Sprintf("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 5\r\n\r\nhel", to))
			if sent := len(w.Conns) > 1; sent == waits {
				t.Errorf("the next request was sent: %v", sent)
			}
			d.Cancel()
			deferredtest.FailureResultOf(t, d)
		})
	}
}

// TestTheFirstReasonCounts checks that the error of a response is the first error of its
// connection, even if a callback aborts the connection after that.
func TestTheFirstReasonCounts(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	body := &producer{length: 10, open: true}
	req := newRequest("POST", "http://a.example/")
	req.Body = body
	d := w.send(req)
	w.Conn(0).Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	answer := new(bodytest.Reader)
	deferredtest.SuccessResultOf(t, d).DeliverBody(answer)
	body.stop = func() { answer.StopProducing() }
	w.Conn(0).Send("what?\r\n")
	body.wantTold(t, "stop")
	if !errors.Is(answer.Err(), wire.ErrChunkSize) {
		t.Errorf("lost for %v", answer.Err())
	}
}

// TestPoolDefaults checks the defaults of a PoolConfig.
func TestPoolDefaults(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	var waiting []*rawConn
	const more = agent.DefaultMaxPersistentPerHost + 1
	for i := range more {
		w.get("http://a.example/").AddCallback(func(r *response.Response) (*response.Response, error) {
			r.Discard()
			return nil, nil
		})
		waiting = append(waiting, w.Conn(i))
	}
	for _, c := range waiting {
		c.Send(okHello)
	}
	if n := w.Open(); n != more-1 {
		t.Errorf("%d connections are kept", n)
	}
	w.r.RunFor(agent.DefaultCachedConnectionTimeout - 1)
	if n := w.Open(); n != more-1 {
		t.Errorf("%d connections are kept shortly before their time", n)
	}
	w.r.RunFor(1)
	w.wantOpen()
}

// TestHeadAndBodyInOneTurn checks that head and body are written in the same turn of the
// loop, unless the body must wait for the server.
func TestHeadAndBodyInOneTurn(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.exchange(newRequest("GET", "http://a.example/"), 0) // leaves a connection
	req := newRequest("POST", "http://a.example/")
	req.Body = request.Bytes("text")
	w.r.CallLater(0, func() {
		w.agent.Request(req).AddBoth(func(*response.Response, error) (*response.Response, error) { return nil, nil })
	})
	reads := 0
	w.Conn(0).Data = func([]byte) { reads++ }
	w.r.Pump()
	if got := w.Conn(0).Got(); reads != 1 || !strings.HasSuffix(got, "\r\n\r\ntext") {
		t.Errorf("%d reads brought %q", reads, got)
	}
	w.Conn(0).Close()
}

// TestChallengesOfEachHop checks that each hop may be challenged equally often.
func TestChallengesOfEachHop(t *testing.T) {
	s := &script{t: t}
	stack := agent.Stack{Agent: s, Credentials: persistent{}, Redirects: &agent.RedirectConfig{}}
	d := stack.Send(newRequest("GET", "http://a.example/"))
	for _, code := range []int{401, 401, 302, 401, 401} {
		r := whole(code, "")
		if code == 302 {
			r = redirect(code, "/b")
		}
		s.answer(r)
	}
	s.answer(whole(200, "done"))
	if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 200 || len(resp.History()) != 1 || len(s.requests) != 6 {
		t.Errorf("got %v after %d requests", resp, len(s.requests))
	}
	d = stack.Send(newRequest("GET", "http://a.example/"))
	for range 3 {
		s.answer(whole(401, ""))
	}
	if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 401 {
		t.Errorf("got %v", resp)
	}
}

// persistent answers every challenge.
type persistent struct{}

func (persistent) Authorize(req *request.Request) *deferred.Deferred[deferred.None] {
	req.Header.Set("Authorization", "Please")
	return nil
}

func (persistent) Answered(_ *request.Request, resp *response.Response) (bool, error) {
	return resp.Code == 401, nil
}

// TestChallengeFromElsewhere checks that the credentials do not answer a challenge from
// another origin. An agent below may send a request there without a redirect.
func TestChallengeFromElsewhere(t *testing.T) {
	for to, answered := range map[string]bool{"http://a.example/b": true, "http://b.example/": false} {
		var sent int
		below := requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
			sent++
			resp := whole(401, "", "WWW-Authenticate", "Please")
			resp.Request = newRequest("GET", to)
			return deferred.Succeed(resp)
		})
		stack := agent.Stack{Agent: below, Credentials: persistent{}}
		if resp := deferredtest.SuccessResultOf(t, stack.Send(newRequest("GET", "http://a.example/"))); resp.Code != 401 || answered != (sent > 1) {
			t.Errorf("%s: got %v after %d requests", to, resp, sent)
		}
	}
}

// TestRedirectsAreReadNoLongerThanNeeded checks that a result ends the reading of a
// redirect to another origin.
func TestRedirectsAreReadNoLongerThanNeeded(t *testing.T) {
	for name, answer := range map[string]string{"a response": okHello, "an error": "what?\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			d := agent.NewRedirectAgent(w.agent, agent.RedirectConfig{}).Request(newRequest("GET", "http://a.example/"))
			w.r.Pump()
			w.Conn(0).Send("HTTP/1.1 302 Found\r\nLocation: http://b.example/\r\nContent-Length: 5\r\n\r\nhel")
			if w.Conn(0).Lost != nil {
				t.Error("the redirect is not read")
			}
			w.Conn(1).Send(answer)
			w.wantClosed(0)
			d.AddBoth(func(*response.Response, error) (*response.Response, error) { return nil, nil })
		})
	}
}
