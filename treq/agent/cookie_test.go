package agent_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// cookieServer answers with the Cookie header of the request in the header Got. It sets
// the cookies in the query.
func cookieServer() *treqtesting.RequestTraversalAgent {
	return treqtesting.NewHandlerTraversalAgent(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, line := range r.URL.Query()["set"] {
			w.Header().Add("Set-Cookie", line)
		}
		w.Header()["Got"] = r.Header["Cookie"]
		fmt.Fprint(w, "hello")
	}), treqtesting.Config{})
}

// gotCookies gets rawURL and returns the Cookie header that the server got.
func gotCookies(t *testing.T, a agent.Requester, rawURL string) string {
	t.Helper()
	resp := deferredtest.SuccessResultOf(t, a.Request(newRequest("GET", rawURL)))
	deferredtest.SuccessResultOf(t, resp.Discard())
	return resp.Header.Get("Got")
}

// setting returns base with a query that makes cookieServer set the cookies in lines.
func setting(base string, lines ...string) string {
	return base + "?" + url.Values{"set": lines}.Encode()
}

// TestCookieAgent has the cases of Twisted's CookieAgentTests and CookieJarTests.
func TestCookieAgent(t *testing.T) {
	for _, test := range []struct {
		name, from string
		set        []string
		stored     int
		to, want   string
	}{
		{"no cookies", "http://example.com:1234/foo", nil, 0, "http://example.com:1234/foo", ""},
		{"a cookie", "http://example.com:1234/foo", []string{"foo=1"}, 1, "http://example.com:1234/foo", "foo=1"},
		{"secure", "https://example.com:1234/foo", []string{"foo=1;secure"}, 1, "https://example.com:1234/foo", "foo=1"},
		{"secure, on an insecure connection", "http://example.com/foo", []string{"foo=1;secure"}, 0, "http://example.com/foo", ""},
		{"port", "http://example.com:1234/foo", []string{"foo=1;port=1234"}, 1, "http://example.com:1234/foo", "foo=1"},
		{"the wrong port", "http://example.com:4567/foo", []string{"foo=1;port=1234"}, 0, "http://example.com:4567/foo", ""},
		{"several", "http://example.com:1234/foo", []string{"foo=1; cow=moo; Path=/foo; Comment=hello", "bar=2; Comment=goodbye"}, 2, "http://example.com:1234/foo", "foo=1; bar=2"},
		{"JSON and UTF-8", "http://example.com/", []string{`a={"b":"é"}`}, 1, "http://example.com/", `a={"b":"é"}`},
		{"quotes", "http://example.com/", []string{`a="b c"`}, 1, "http://example.com/", `a="b c"`},
		{"another host", "http://example.com/", []string{"a=1"}, 1, "http://example.net/", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			jar := new(cookies.Jar)
			a := agent.NewCookieAgent(cookieServer(), jar)
			if got := gotCookies(t, a, setting(test.from, test.set...)); got != "" {
				t.Errorf("the first request had the cookies %q", got)
			}
			if jar.Len() != test.stored {
				t.Errorf("the jar has %v", jar.Items())
			}
			if got := gotCookies(t, a, test.to); got != test.want {
				t.Errorf("the second request had the cookies %q, want %q", got, test.want)
			}
		})
	}
}

// TestOwnCookieHeader checks that a Cookie header of the caller's and the cookies of the
// jar go together.
func TestOwnCookieHeader(t *testing.T) {
	for _, test := range []struct {
		own  []string
		want string
	}{
		{[]string{"own=1"}, "own=1; jar=1"},
		{[]string{"own=1", "more=2"}, "own=1; more=2; jar=1"},
		{[]string{"own=1; more=2;"}, "own=1; more=2; jar=1"},
		{[]string{"jar=mine"}, "jar=mine; jar=1"},
		{[]string{"anything, at all"}, "anything, at all; jar=1"},
		{[]string{"own=\u00a0"}, "own=\u00a0; jar=1"},
		{[]string{""}, "jar=1"},
		{[]string{" ; "}, "jar=1"},
		{nil, "jar=1"},
	} {
		jar := new(cookies.Jar)
		jar.Set("jar", "1", cookies.Domain("example.com"))
		req := newRequest("GET", setting("http://example.com/", "new=2"))
		if test.own != nil {
			req.Header["Cookie"] = test.own
		}
		resp := deferredtest.SuccessResultOf(t, agent.NewCookieAgent(cookieServer(), jar).Request(req))
		if got := resp.Header["Got"]; len(got) != 1 || got[0] != test.want {
			t.Errorf("%q: the agent sent the cookies %q, want %q", test.own, got, test.want)
		}
		if value, err := jar.Get("new"); value != "2" || err != nil {
			t.Errorf("the jar got %q, %v", value, err)
		}
		deferredtest.SuccessResultOf(t, resp.Discard())
	}
}

// TestOwnCookieHeaderThroughRedirects compares the Cookie header of each hop with that of
// net/http's client.
func TestOwnCookieHeaderThroughRedirects(t *testing.T) {
	for _, test := range []struct {
		name, own, jar string
		hops           []string // what the response of each hop but the last sets, and "-> URL" if it leads elsewhere
	}{
		{"no cookies", "", "", []string{"", ""}},
		{"own ones only", "a=own; b=own", "", []string{"", ""}},
		{"the jar's only", "", "a=jar", []string{"a=new", "b=new"}},
		{"both", "a=own", "b=jar", []string{"", ""}},
		{"both of one name", "a=own", "a=jar", []string{"", ""}},
		{"a redirect sets another", "a=own", "b=jar", []string{"c=new", ""}},
		{"a redirect sets an own one", "a=own; b=own", "", []string{"a=new", ""}},
		{"a redirect sets all own ones", "a=own; b=own", "c=jar", []string{"b=new", "a=new"}},
		{"a redirect sets an own one and the jar's", "a=own; b=own", "a=jar", []string{"a=new", "b=new"}},
		{"a redirect sets an own one for another path", "a=own", "", []string{"a=new; Path=/other", ""}},
		{"a redirect deletes an own one", "a=own; b=own", "a=jar", []string{"a=; Max-Age=0", ""}},
		{"a redirect sets what the jar refuses", "a=own; b=own", "", []string{"a=new; Domain=other.example", ""}},
		{"an own one twice", "a=own; b=own; a=own2", "", []string{"a=new", ""}},
		{"capitals are another name", "a=own", "", []string{"A=new", ""}},
		{"the last response", "a=own", "", []string{""}},
		{"another origin", "a=own", "b=jar", []string{"a=new", "-> http://other.example/2", ""}},
		{"another origin at once", "a=own", "b=jar", []string{"-> http://other.example/1", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for kind, send := range map[string]func(http.CookieJar, *url.URL, http.Header, http.Handler) error{
				"a Stack": func(jar http.CookieJar, u *url.URL, header http.Header, h http.Handler) error {
					stack := agent.Stack{Agent: treqtesting.NewHandlerTraversalAgent(h, treqtesting.Config{}), Jar: jar, Redirects: &agent.RedirectConfig{}}
					deferredtest.SuccessResultOf(t, stack.Send(&request.Request{Method: "GET", URL: u, Header: header}))
					return nil
				},
				"agents": func(jar http.CookieJar, u *url.URL, header http.Header, h http.Handler) error {
					a := agent.NewCookieAgent(treqtesting.NewHandlerTraversalAgent(h, treqtesting.Config{}), jar)
					deferredtest.SuccessResultOf(t, agent.NewRedirectAgent(a, agent.RedirectConfig{}).Request(&request.Request{Method: "GET", URL: u, Header: header}))
					return nil
				},
			} {
				var got [2][]string
				for i, send := range []func(http.CookieJar, *url.URL, http.Header, http.Handler) error{sendByNetHTTP, send} {
					jar, _ := cookiejar.New(nil)
					u, _ := url.Parse("http://example.com/0")
					if test.jar != "" {
						jar.SetCookies(u, cookies.FromResponse(http.Header{"Set-Cookie": {test.jar}}))
					}
					header := http.Header{}
					if test.own != "" {
						header["Cookie"] = []string{test.own}
					}
					hop := 0
					err := send(jar, u, header, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						pairs := strings.Split(strings.Join(r.Header["Cookie"], "; "), "; ")
						slices.Sort(pairs) // net/http sorts them after a change
						got[i] = append(got[i], r.Host+" "+strings.Join(pairs, "; "))
						if hop == len(test.hops) {
							return
						}
						line := test.hops[hop]
						hop++
						to, elsewhere := strings.CutPrefix(line, "-> ")
						if !elsewhere {
							to = fmt.Sprint("/", hop)
						}
						if line != "" && !elsewhere {
							w.Header().Set("Set-Cookie", line)
						}
						w.Header().Set("Location", to)
						w.WriteHeader(http.StatusFound)
					}))
					if err != nil {
						t.Fatal(err)
					}
				}
				if !slices.Equal(got[0], got[1]) {
					t.Errorf("%s: net/http sent\n\t%s\nwe sent\n\t%s", kind, strings.Join(got[0], "\n\t"), strings.Join(got[1], "\n\t"))
				}
			}
		})
	}
}

// sendByNetHTTP is a GET by net/http's client.
func sendByNetHTTP(jar http.CookieJar, u *url.URL, header http.Header, h http.Handler) error {
	c := http.Client{Jar: jar, Transport: roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		if r.Host == "" {
			r.Host = r.URL.Host
		}
		h.ServeHTTP(w, r)
		return w.Result(), nil
	})}
	_, err := c.Do(&http.Request{Method: "GET", URL: u, Header: header})
	return err
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCookiesOfAnAnswer checks that the answer to a challenge after a redirect sends each
// cookie once.
func TestCookiesOfAnAnswer(t *testing.T) {
	var got []string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.Path+" "+strings.Join(r.Header["Cookie"], " and "))
		switch {
		case r.URL.Path == "/":
			w.Header().Set("Set-Cookie", "new=1")
			http.Redirect(w, r, "/next", http.StatusFound)
		case r.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	jar := new(cookies.Jar)
	jar.Set("jar", "1", cookies.Domain("example.com"))
	below := agent.NewRedirectAgent(agent.NewCookieAgent(treqtesting.NewHandlerTraversalAgent(h, treqtesting.Config{}), jar), agent.RedirectConfig{})
	req := newRequest("GET", "http://example.com/", "Cookie", "own=1; new=0")
	deferredtest.SuccessResultOf(t, agent.NewAuthAgent(below, auth.NewDigest("u", "p")).Request(req))
	want := []string{"/ own=1; new=0; jar=1", "/next own=1; jar=1; new=1", "/next own=1; jar=1; new=1"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestCookieAgentDoesNotChangeTheRequest(t *testing.T) {
	jar := new(cookies.Jar)
	jar.Set("a", "1", cookies.Domain("example.com"))
	req := newRequest("GET", "http://example.com/")
	for _, header := range []http.Header{{}, nil} {
		req.Header = header
		resp := deferredtest.SuccessResultOf(t, agent.NewCookieAgent(cookieServer(), jar).Request(req))
		if resp.Header.Get("Got") != "a=1" || len(req.Header) != 0 {
			t.Errorf("the agent sent the cookies %q, the request has %v", resp.Header.Get("Got"), req.Header)
		}
		deferredtest.SuccessResultOf(t, resp.Discard())
	}
}

// TestCookieAgentStoresFirst checks that the jar has the cookies of a response before the
// Deferred fires.
func TestCookieAgentStoresFirst(t *testing.T) {
	jar := new(cookies.Jar)
	a := agent.NewCookieAgent(cookieServer(), jar)
	d := a.Request(newRequest("GET", setting("http://example.com/", "a=1")))
	d.AddCallback(func(resp *response.Response) (*response.Response, error) {
		if value, err := jar.Get("a"); value != "1" || err != nil {
			t.Errorf("the jar has %q, %v", value, err)
		}
		return resp, nil
	})
	deferredtest.SuccessResultOf(t, deferredtest.SuccessResultOf(t, d).Discard())
	if a.Jar() != http.CookieJar(jar) {
		t.Error("Jar gives another jar")
	}
}

func TestCookieAgentWithTheJarOfNetHTTP(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	a := agent.NewCookieAgent(cookieServer(), jar)
	gotCookies(t, a, setting("http://example.com/", "a=1", `b="2"`))
	if got, want := gotCookies(t, a, "http://example.com/"), `a=1; b="2"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A badJar returns a cookie that would inject a header.
type badJar struct{ http.CookieJar }

func (badJar) Cookies(*url.URL) []*http.Cookie {
	return []*http.Cookie{{Name: "a", Value: "1\r\nX: y"}}
}

func TestCookieAgentRefusesInjection(t *testing.T) {
	err := deferredtest.FailureResultOf(t, agent.NewCookieAgent(cookieServer(), badJar{}).Request(newRequest("GET", "http://example.com/")))
	var where *agent.RequestError
	if !errors.Is(err, cookies.ErrInvalid) || !errors.As(err, &where) {
		t.Errorf("got %v", err)
	}
}

func TestCookieAgentOfARequestThatFails(t *testing.T) {
	err := deferredtest.FailureResultOf(t, agent.NewCookieAgent(cookieServer(), new(cookies.Jar)).Request(newRequest("GET", "ftp://example.com/")))
	if !errors.Is(err, agent.ErrSchemeNotSupported) {
		t.Errorf("got %v", err)
	}
}

func ExampleNewCookieAgent() {
	jar := new(cookies.Jar)
	a := agent.NewCookieAgent(cookieServer(), jar)
	d := a.Request(newRequest("GET", setting("http://an.example/", "hello=world")))
	d.AddCallback(func(resp *response.Response) (*response.Response, error) {
		hello, err := jar.Get("hello")
		fmt.Println(hello, err)
		resp.Discard()
		return resp, nil
	})
	// Output: world <nil>
}
