package agent_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mccutchen/go-httpbin/v2/httpbin"
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// A spy is an agent that records its requests and lets the test answer them.
type spy struct {
	requests []*request.Request
	answers  []*deferred.Deferred[*response.Response]
}

func (s *spy) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	d := deferred.New[*response.Response]()
	s.requests, s.answers = append(s.requests, req), append(s.answers, d)
	return d
}

// TestRequestHeaderSetterAgent has the cases of treq's test class with the same name.
func TestRequestHeaderSetterAgent(t *testing.T) {
	for _, test := range []struct {
		name           string
		set, has, sent http.Header
	}{
		{"sets headers", http.Header{"x-test": {"value"}}, nil, http.Header{"X-Test": {"value"}}},
		{"adds to others", http.Header{"Added": {"1", "2"}}, http.Header{"Own": {"3"}}, http.Header{"Added": {"1", "2"}, "Own": {"3"}}},
		{"overrides per-request headers", http.Header{"X-Test": {"value"}}, http.Header{"X-Test": {"unwanted"}}, http.Header{"X-Test": {"value"}}},
		{"does not change the request", http.Header{"Added": {"1"}}, http.Header{}, http.Header{"Added": {"1"}}},
	} {
		s := new(spy)
		req := newRequest("GET", "http://h.example/")
		req.Header = test.has
		before := test.has.Clone()
		a := agent.NewRequestHeaderSetterAgent(s, test.set)
		for _, name := range []string{"x-test", "X-Test", "Added"} {
			test.set.Del(name) // the agent has a copy
		}
		a.Request(req)
		if diff := cmp.Diff(test.sent, s.requests[0].Header); diff != "" {
			t.Errorf("%s (-want +sent):\n%s", test.name, diff)
		}
		if diff := cmp.Diff(before, req.Header); diff != "" {
			t.Errorf("%s: the request was changed (-before +after):\n%s", test.name, diff)
		}
	}
}

// TestAuthAgentWithBasic has the cases of treq's AddAuthTests. In Go the compiler rejects
// unknown credentials (add_unknown_auth), all but nil.
func TestAuthAgentWithBasic(t *testing.T) {
	for _, test := range []struct {
		name        string
		credentials auth.Credentials
		want        string
	}{
		{"basic", auth.Basic("username", "password"), "Basic dXNlcm5hbWU6cGFzc3dvcmQ="},
		{"huge", auth.Basic("username", "verylongpasswordthatextendsbeyondthepointwheremultiplelinesaregenerated"), "Basic dXNlcm5hbWU6dmVyeWxvbmdwYXNzd29yZHRoYXRleHRlbmRzYmV5b25kdGhlcG9pbnR3aGVyZW11bHRpcGxlbGluZXNhcmVnZW5lcmF0ZWQ="},
		{"UTF-8", auth.Basic("ᛗ", "ᚹ"), "Basic 4ZuXOuGauQ=="},
		{"bytes", auth.BasicBytes([]byte("\x01\x0f\xff"), []byte("\xff\xf0\x01")), "Basic AQ//Ov/wAQ=="},
	} {
		s := new(spy)
		req := newRequest("GET", "http://h.example/")
		req.Header.Set("Authorization", "own")
		agent.NewAuthAgent(s, test.credentials).Request(req)
		if got := s.requests[0].Header["Authorization"]; !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if req.Header.Get("Authorization") != "own" {
			t.Errorf("%s: the request was changed", test.name)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("NewAuthAgent took nil")
		}
	}()
	agent.NewAuthAgent(new(spy), nil)
}

func TestAuthAgentWithCredentialsThatCannotBeSent(t *testing.T) {
	s := new(spy)
	err := deferredtest.FailureResultOf(t, agent.NewAuthAgent(s, auth.Basic("a:b", "c")).Request(newRequest("GET", "http://h.example/")))
	var where *agent.RequestError
	if !errors.Is(err, auth.ErrInvalid) || !errors.As(err, &where) || len(s.requests) != 0 {
		t.Errorf("got %v after %d requests", err, len(s.requests))
	}
}

// TestNetrcLeavesAuthorizationAlone checks that a request with an Authorization header is
// sent once, with that header, even if the server answers 401.
func TestNetrcLeavesAuthorizationAlone(t *testing.T) {
	netrc, err := auth.ParseNetrc(strings.NewReader("machine h.example login u password p"))
	if err != nil {
		t.Fatal(err)
	}
	netrc.Scheme = func(u, p string) auth.Credentials { return auth.NewDigest(u, p) }
	check := &digestServer{user: "u", password: "p", uses: 9}
	req := newRequest("GET", "http://h.example/")
	req.Header.Set("Authorization", "Bearer token")
	if code := digestRequest(t, treqtesting.NewHandlerTraversalAgent(check, treqtesting.Config{}), netrc, req); code != 401 || check.requests != 1 {
		t.Errorf("got %d after %d requests", code, check.requests)
	}
}

// TestHTTPBin tests against a server that other people wrote.
func TestHTTPBin(t *testing.T) {
	var seen []string
	bin := httpbin.New()
	server := treqtesting.NewHandlerTraversalAgent(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		seen = append(seen, scheme)
		bin.ServeHTTP(w, r)
	}), treqtesting.Config{})
	basic := auth.Basic("treq", "secret")
	digest := auth.NewDigest("treq", "secret")
	md5, sha, wrong := auth.NewDigest("treq", "secret"), auth.NewDigest("treq", "secret"), auth.NewDigest("treq", "wrong")
	netrc, err := auth.ParseNetrc(strings.NewReader("machine bin.example login treq password secret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path        string
		credentials auth.Credentials
		code        int
		requests    []string // the scheme of the credentials in each request
	}{
		{"/basic-auth/treq/secret", basic, 200, []string{"Basic"}},
		{"/basic-auth/treq/secret", netrc, 200, []string{"Basic"}},
		{"/basic-auth/other/secret", basic, 401, []string{"Basic"}},
		{"/hidden-basic-auth/treq/secret", basic, 200, []string{"Basic"}},
		{"/hidden-basic-auth/other/secret", basic, 404, []string{"Basic"}},
		{"/digest-auth/auth/treq/secret", digest, 200, []string{"", "Digest"}},
		{"/digest-auth/auth/treq/secret/MD5", md5, 200, []string{"", "Digest"}},
		{"/digest-auth/auth/treq/secret/SHA-256", sha, 200, []string{"", "Digest"}},
		{"/digest-auth/auth/treq/secret", wrong, 401, []string{"", "Digest"}},
		{"/digest-auth/auth/treq/secret", wrong, 401, []string{"", "Digest"}},
		{"/basic-auth/treq/secret", wrong, 401, []string{""}},
		{"/get", auth.NewDigest("treq", "secret"), 200, []string{""}},
	} {
		seen = nil
		a := agent.NewAuthAgent(server, test.credentials)
		resp := deferredtest.SuccessResultOf(t, a.Request(newRequest("GET", "http://bin.example"+test.path)))
		deferredtest.SuccessResultOf(t, resp.Discard())
		if resp.Code != test.code || !slices.Equal(seen, test.requests) {
			t.Errorf("%s with %T: got %d after %q, want %d after %q", test.path, test.credentials, resp.Code, seen, test.code, test.requests)
		}
	}
}

// hello is the body of a response to a request with valid credentials.
const hello = "hello"

// digestRequest sends req through a new AuthAgent, and returns the status code.
func digestRequest(t *testing.T, server agent.Requester, d auth.Credentials, req *request.Request) int {
	t.Helper()
	resp := deferredtest.SuccessResultOf(t, agent.NewAuthAgent(server, d).Request(req))
	text := string(deferredtest.SuccessResultOf(t, resp.Content()))
	if (resp.Code == 200) != (text == hello) {
		t.Errorf("%d with body %q", resp.Code, text)
	}
	return resp.Code
}

// TestDigest tests against a server that checks every parameter.
func TestDigest(t *testing.T) {
	for _, algorithm := range []string{"", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"} {
		for _, qop := range []string{"", "auth", "auth-int", "auth,auth-int"} {
			for _, more := range []string{"", "charset=UTF-8", "charset=UTF-8, userhash=true"} {
				name := fmt.Sprintf("%s qop=%s %s", algorithm, qop, more)
				check := &digestServer{algorithm: algorithm, qop: qop, more: more, user: `Jäsøn "Doe\`, password: "Secret, or not?", uses: 3}
				server := treqtesting.NewHandlerTraversalAgent(check, treqtesting.Config{})
				d := auth.NewDigest(check.user, check.password)
				for i, req := range []*request.Request{
					newRequest("GET", "http://h.example/a?b=%20c"),
					newRequest("POST", "http://h.example/a"),
					newRequest("HEAD", "http://h.example/"),
					newRequest("PUT", "http://h.example/x"),
					newRequest("GET", "http://h.example"),
				} {
					if req.Method == "POST" || req.Method == "PUT" {
						req.Body = request.Bytes("the body")
					}
					if req.Method == "HEAD" {
						resp := deferredtest.SuccessResultOf(t, agent.NewAuthAgent(server, d).Request(req))
						deferredtest.SuccessResultOf(t, resp.Discard())
						if resp.Code != 200 {
							t.Errorf("%s: request %d: %d", name, i, resp.Code)
						}
					} else if code := digestRequest(t, server, d, req); code != 200 {
						t.Errorf("%s: request %d: %d: %s", name, i, code, check.why)
					}
				}
				// The server challenges twice: the first request, and the
				// one after three uses of the nonce.
				if want := 5 + 2; check.requests != want {
					t.Errorf("%s: the server got %d requests, want %d", name, check.requests, want)
				}
				check.requests = 0
				if code := digestRequest(t, server, auth.NewDigest(check.user, "wrong"), newRequest("GET", "http://h.example/")); code != 401 || check.requests != 2 {
					t.Errorf("%s: the wrong password: %d after %d requests", name, code, check.requests)
				}
			}
		}
	}
}

func TestDigestNextNonce(t *testing.T) {
	check := &digestServer{qop: "auth", user: "u", password: "p", uses: 1, next: true}
	server := treqtesting.NewHandlerTraversalAgent(check, treqtesting.Config{})
	d := auth.NewDigest("u", "p")
	for range 5 {
		if code := digestRequest(t, server, d, newRequest("GET", "http://h.example/")); code != 200 {
			t.Fatalf("%d: %s", code, check.why)
		}
	}
	if check.requests != 6 {
		t.Errorf("the server got %d requests, want 6", check.requests)
	}
}

func TestDigestOfAnImpostor(t *testing.T) {
	check := &digestServer{qop: "auth", user: "u", password: "p", uses: 9, impostor: true}
	server := treqtesting.NewHandlerTraversalAgent(check, treqtesting.Config{})
	err := deferredtest.FailureResultOf(t, agent.NewAuthAgent(server, auth.NewDigest("u", "p")).Request(newRequest("GET", "http://h.example/")))
	if !errors.Is(err, auth.ErrServerUnproved) {
		t.Errorf("got %v", err)
	}
}

// TestDigestAlwaysStale tests against a server that calls every nonce stale.
func TestDigestAlwaysStale(t *testing.T) {
	n := 0
	server := treqtesting.NewHandlerTraversalAgent(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="%d", stale=true`, n))
		w.WriteHeader(401)
	}), treqtesting.Config{})
	if code := digestRequest(t, server, auth.NewDigest("u", "p"), newRequest("GET", "http://h.example/")); code != 401 || n != 3 {
		t.Errorf("got %d after %d requests", code, n)
	}
}

// A onceBody is a body of known length that can be read only once.
type onceBody struct {
	request.Bytes
	begun bool
}

func (r *onceBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	if r.begun {
		return deferred.Fail[deferred.None](request.ErrProduced)
	}
	r.begun = true
	return r.Bytes.StartProducing(to)
}

func TestDigestAndBodiesThatCannotBeRepeated(t *testing.T) {
	check := &digestServer{qop: "auth", user: "u", password: "p", uses: 9}
	server := treqtesting.NewHandlerTraversalAgent(check, treqtesting.Config{})
	d := auth.NewDigest("u", "p")
	upload := newRequest("PUT", "http://h.example/")
	upload.Body = &onceBody{Bytes: request.Bytes("the body")}
	err := deferredtest.FailureResultOf(t, agent.NewAuthAgent(server, d).Request(upload))
	var where *agent.RequestError
	if !errors.Is(err, agent.ErrBodyNotRepeatable) || !errors.As(err, &where) || check.requests != 1 {
		t.Errorf("the first upload: %v after %d requests", err, check.requests)
	}
	upload.Body = &onceBody{Bytes: request.Bytes("the body")}
	if code := digestRequest(t, server, d, upload); code != 200 {
		t.Errorf("the upload after a challenge: %d: %s", code, check.why)
	}
	check.qop = "auth-int"
	upload.Body = &onceBody{Bytes: request.Bytes("the body")}
	err = deferredtest.FailureResultOf(t, agent.NewAuthAgent(server, auth.NewDigest("u", "p")).Request(upload))
	if !errors.Is(err, agent.ErrBodyNotRepeatable) {
		t.Errorf("auth-int: %v", err)
	}
}

// TestDigestWithExpectContinue checks that the second request can send the body if the
// first request was refused before its body started.
func TestDigestWithExpectContinue(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	body := &onceBody{Bytes: request.Bytes("the body")}
	req := newRequest("PUT", "http://h.example/")
	req.Body, req.ExpectContinue = body, time.Second
	d := agent.NewAuthAgent(w.agent, auth.NewDigest("u", "p")).Request(req)
	w.r.Pump()
	w.Conn(0).Send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 0\r\n\r\n")
	w.r.Pump()
	c := w.Conn(1)
	if got := c.Got(); !strings.Contains(got, "Authorization: Digest ") || body.begun {
		t.Errorf("the second request is\n%s", got)
	}
	c.Send("HTTP/1.1 100 Continue\r\n\r\n")
	w.r.Pump()
	if got := c.Got(); got != "the body" {
		t.Errorf("after 100: %q", got)
	}
	c.Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
}

// TestDigestKeepsTheConnection checks that the answer to a challenge uses the connection
// of the challenge, once the challenge's body has been read.
func TestDigestKeepsTheConnection(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	d := agent.NewAuthAgent(w.agent, auth.NewDigest("u", "p")).Request(newRequest("GET", "http://h.example/"))
	w.r.Pump()
	c := w.Conn(0)
	c.Got()
	c.Send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 5\r\n\r\nno")
	w.r.Pump()
	if got := c.Got(); got != "" || len(w.Conns) != 1 {
		t.Errorf("before the end of the 401, the agent sent over %d connections:\n%s", len(w.Conns), got)
	}
	c.Send("no!")
	w.r.Pump()
	if got := c.Got(); !strings.Contains(got, "Authorization: Digest ") {
		t.Errorf("the second request is\n%s", got)
	}
	c.Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
}

// TestDigestDoesNotWaitForTheEndOfAConnection has a challenge whose body ends when the
// server closes the connection. The server may never close it.
func TestDigestDoesNotWaitForTheEndOfAConnection(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	d := agent.NewAuthAgent(w.agent, auth.NewDigest("u", "p")).Request(newRequest("GET", "http://h.example/"))
	w.r.Pump()
	w.Conn(0).Send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\n\r\nno")
	w.r.Pump()
	w.wantClosed(0)
	w.Conn(1).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
}

// TestDigestCancelled checks that a cancel ends the current stage of the exchange.
func TestDigestCancelled(t *testing.T) {
	const challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 5\r\n\r\n"
	for _, test := range []struct{ name, answer string }{
		{"the first request", ""},
		{"reading the challenge", challenge + "no"},
		{"the second request", challenge + "no!!!"},
	} {
		w := newWorld(t, agent.PoolConfig{})
		d := agent.NewAuthAgent(w.agent, auth.NewDigest("u", "p")).Request(newRequest("GET", "http://h.example/"))
		w.r.Pump()
		c := w.Conn(0)
		c.Send(test.answer)
		w.r.Pump()
		d.Cancel()
		w.r.Pump()
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("%s: %v", test.name, err)
		}
		w.wantClosed(0)
	}
}

// A careless agent follows a redirect and sends all of the request's headers again,
// unlike a RedirectAgent.
type careless struct{ agent agent.Requester }

func (c careless) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	return deferred.Then(c.agent.Request(req), func(resp *response.Response) *deferred.Deferred[*response.Response] {
		to, err := url.Parse(resp.Header.Get("Location"))
		if resp.Code != 302 || err != nil {
			return deferred.Succeed(resp)
		}
		next := req.Clone()
		next.URL = req.URL.ResolveReference(to)
		return deferred.Then(resp.Discard(), func(deferred.None) *deferred.Deferred[*response.Response] {
			return c.Request(next).AddCallback(func(last *response.Response) (*response.Response, error) {
				last.SetPreviousResponse(resp)
				return last, nil
			})
		})
	})
}

// TestCredentialsStayWithTheirOrigin follows redirects with the AuthAgent above and below
// the agent that follows them. All servers ask for a password.
func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	netrc, err := auth.ParseNetrc(strings.NewReader("default login u password p"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]func() auth.Credentials{
		"basic":  func() auth.Credentials { return auth.Basic("u", "p") },
		"netrc":  func() auth.Credentials { return netrc },
		"digest": func() auth.Credentials { return auth.NewDigest("u", "p") },
		"netrc as digest": func() auth.Credentials {
			digests := *netrc
			digests.Scheme = func(u, p string) auth.Credentials { return auth.NewDigest(u, p) }
			return &digests
		},
	}
	for _, test := range []struct {
		from, to string
		stays    bool
	}{
		{"http://h.example/from", "http://h.example/to", true},
		{"http://h.example/from", "/to", true},
		{"http://h.example/from", "//H.EXAMPLE:80/to", true},
		{"https://h.example/from", "https://h.example:443/to", true},
		{"http://h.example/from", "http://other.example/to", false},
		{"http://h.example/from", "http://www.h.example/to", false},
		{"http://h.example/from", "http://h.example:8080/to", false},
		{"http://h.example/from", "https://h.example/to", false},
		{"https://h.example/from", "http://h.example/to", false},
		{"https://h.example/from", "http://h.example:443/to", false},
		{"http://h.example/from", "http://me:too@other.example/to", false},
	} {
		for kind, credentials := range kinds {
			for _, side := range []string{"above", "below", "below a careless one"} {
				name := fmt.Sprintf("%s, %s, from %s to %s", kind, side, test.from, test.to)
				var seen []string
				server := treqtesting.NewHandlerTraversalAgent(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					authorization := r.Header.Get("Authorization")
					if authorization != "" {
						seen = append(seen, r.URL.Path)
					}
					ok := strings.HasPrefix(authorization, "Basic ") || strings.Contains(authorization, fmt.Sprintf("uri=%q", r.URL.Path))
					switch {
					case !ok:
						w.Header().Add("WWW-Authenticate", "Digest realm=r, nonce="+r.Host+", qop=auth")
						w.WriteHeader(401)
					case r.URL.Path == "/from":
						w.Header().Set("Location", test.to)
						w.WriteHeader(302)
					default:
						fmt.Fprint(w, hello)
					}
				}), treqtesting.Config{})
				var a agent.Requester
				switch side {
				case "above":
					a = agent.NewAuthAgent(agent.NewRedirectAgent(server, agent.RedirectConfig{}), credentials())
				case "below":
					a = agent.NewRedirectAgent(agent.NewAuthAgent(server, credentials()), agent.RedirectConfig{})
				default:
					a = careless{agent.NewAuthAgent(server, credentials())}
				}
				resp := deferredtest.SuccessResultOf(t, a.Request(newRequest("GET", test.from)))
				deferredtest.SuccessResultOf(t, resp.Discard())
				code := 401
				if test.stays {
					code = 200
				}
				if resp.Code != code {
					t.Errorf("%s: got %d, want %d", name, resp.Code, code)
				}
				if got := slices.Contains(seen, "/to"); got != test.stays {
					t.Errorf("%s: credentials were sent: %v", name, got)
				}
				if resp.PreviousResponse == nil || resp.PreviousResponse.Code != 302 || resp.PreviousResponse.PreviousResponse != nil {
					t.Errorf("%s: the history is not the one redirect", name)
				}
			}
		}
	}
}

func ExampleNewAuthAgent() {
	server := treqtesting.NewHandlerTraversalAgent(httpbin.New(), treqtesting.Config{})
	digest := auth.NewDigest("user", "secret") // kept for all requests
	a := agent.NewAuthAgent(server, digest)
	d := a.Request(newRequest("GET", "http://bin.example/digest-auth/auth/user/secret"))
	deferred.Map(d, func(resp *response.Response) (deferred.None, error) {
		fmt.Println(resp.Code, resp.Phrase)
		resp.Discard()
		return deferred.None{}, nil
	})
	// Output: 200 OK
}
