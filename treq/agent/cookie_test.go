package agent_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
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

func TestCookieAgentLeavesACookieFieldAlone(t *testing.T) {
	jar := new(cookies.Jar)
	jar.Set("jar", "1", cookies.Domain("example.com"))
	req := newRequest("GET", setting("http://example.com/", "new=2"))
	req.Header.Set("Cookie", "own=1")
	resp := deferredtest.SuccessResultOf(t, agent.NewCookieAgent(cookieServer(), jar).Request(req))
	if got := resp.Header.Get("Got"); got != "own=1" {
		t.Errorf("the agent sent the cookies %q", got)
	}
	if value, err := jar.Get("new"); value != "2" || err != nil {
		t.Errorf("the jar got %q, %v", value, err)
	}
	deferredtest.SuccessResultOf(t, resp.Discard())
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
