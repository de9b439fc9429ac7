package agent_test

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var errAborted = reactor.ErrConnectionAborted

// kinds has the two kinds of redirecting agents.
var kinds = map[string]func(inner agent.Requester, config agent.RedirectConfig) agent.Requester{
	"RedirectAgent": func(inner agent.Requester, config agent.RedirectConfig) agent.Requester {
		return agent.NewRedirectAgent(inner, config)
	},
	"BrowserLikeRedirectAgent": func(inner agent.Requester, config agent.RedirectConfig) agent.Requester {
		return agent.NewBrowserLikeRedirectAgent(inner, config)
	},
}

// forBoth runs f for an agent of each kind.
func forBoth(t *testing.T, f func(t *testing.T, s *script, a agent.Requester)) {
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		t.Run(name, func(t *testing.T) {
			s := &script{t: t}
			f(t, s, kinds[name](s, agent.RedirectConfig{SensitiveHeaders: []string{"x-Custom-sensitive"}}))
		})
	}
}

func TestNoRedirect(t *testing.T) {
	forBoth(t, func(t *testing.T, s *script, a agent.Requester) {
		for _, code := range []int{200, 300, 304, 305, 306, 399, 404} {
			d := a.Request(newRequest("GET", "http://example.com/foo"))
			r := whole(code, "x", "Location", "/elsewhere")
			s.answer(r)
			got := deferredtest.SuccessResultOf(t, d)
			if got != r || got.PreviousResponse != nil || len(got.History()) != 0 {
				t.Errorf("%d: got %v, history %v", code, got, got.History())
			}
			if text := deferredtest.SuccessResultOf(t, got.Text()); text != "x" {
				t.Errorf("%d: the body is %q", code, text)
			}
		}
		if len(s.requests) != 7 {
			t.Errorf("%d requests", len(s.requests))
		}
	})
}

// A streamed body cannot be sent again.
type streamed struct{ request.Bytes }

// TestRedirectMethods checks the method and body of the request after a redirect.
func TestRedirectMethods(t *testing.T) {
	const refused = "refused"
	bytes, stream := request.Bytes("b"), &streamed{request.Bytes("s")}
	for _, test := range []struct {
		method   string
		body     request.BodyProducer
		codes    []int
		strict   string // the method after a RedirectAgent
		browser  string // the method after a BrowserLikeRedirectAgent
		bodyKept bool
		err      error // the error of an agent that refuses
	}{
		{method: "GET", codes: []int{301, 302, 303, 307, 308}, strict: "GET", browser: "GET"},
		{method: "HEAD", codes: []int{301, 302, 303, 307, 308}, strict: "HEAD", browser: "HEAD"},
		{method: "GET", body: bytes, codes: []int{301, 302, 307, 308}, strict: "GET", browser: "GET", bodyKept: true},
		{method: "GET", body: bytes, codes: []int{303}, strict: "GET", browser: "GET"},
		{method: "GET", body: stream, codes: []int{307}, strict: refused, browser: refused, err: agent.ErrBodySpent},
		{method: "POST", body: bytes, codes: []int{303}, strict: "GET", browser: "GET"},
		{method: "POST", body: stream, codes: []int{303}, strict: "GET", browser: "GET"},
		{method: "PUT", body: bytes, codes: []int{303}, strict: "GET", browser: "GET"},
		{method: "POST", body: bytes, codes: []int{301, 302}, strict: refused, browser: "GET", err: agent.ErrPageRedirect},
		{method: "DELETE", codes: []int{301, 302}, strict: refused, browser: "GET", err: agent.ErrPageRedirect},
		{method: "POST", body: bytes, codes: []int{307, 308}, strict: refused, browser: "POST", bodyKept: true, err: agent.ErrPageRedirect},
		{method: "DELETE", codes: []int{307, 308}, strict: refused, browser: "DELETE", err: agent.ErrPageRedirect},
		{method: "get", codes: []int{301}, strict: refused, browser: "GET", err: agent.ErrPageRedirect}, // methods are case-sensitive
	} {
		for _, code := range test.codes {
			for kind, want := range map[string]string{"RedirectAgent": test.strict, "BrowserLikeRedirectAgent": test.browser} {
				t.Run(fmt.Sprint(kind, test.method, code), func(t *testing.T) {
					s := &script{t: t}
					req := newRequest("GET", "http://example.com/foo", "Content-Type", "text/plain", "Content-Language", "en",
						"Digest", "x", "Expect", "100-continue", "Accept", "*/*")
					req.Method, req.Body = test.method, test.body
					d := kinds[kind](s, agent.RedirectConfig{}).Request(req)
					r := redirect(code, "/bar")
					s.answer(r)
					if want == refused {
						err := deferredtest.FailureResultOf(t, d)
						var failed *response.FailedError
						var why *agent.RedirectError
						if !errors.As(err, &failed) || failed.Response != r || !errors.As(err, &why) || why.Code != code || !errors.Is(err, test.err) {
							t.Errorf("got %v", err)
						}
						if len(s.requests) != 1 {
							t.Errorf("%d requests", len(s.requests))
						}
						return
					}
					got := s.last()
					if len(s.requests) != 2 || got.Method != want || got.URL.String() != "http://example.com/bar" {
						t.Fatalf("got %s %s as request %d", got.Method, got.URL, len(s.requests))
					}
					wantNames := map[string]bool{"accept": true}
					if test.bodyKept || test.body == nil && want == test.method && code != 303 {
						wantNames = headerNames(req.Header)
					}
					if diff := cmp.Diff(wantNames, headerNames(got.Header)); diff != "" {
						t.Errorf("headers, - wanted, + got:\n%s", diff)
					}
					if kept := got.Body != nil; kept != test.bodyKept {
						t.Errorf("the body was kept: %v", kept)
					}
					if req.Method != test.method || len(req.Header) != 5 {
						t.Error("the request was changed")
					}
					last := whole(200, "")
					s.answer(last)
					if deferredtest.SuccessResultOf(t, d) != last {
						t.Error("got another response")
					}
				})
			}
		}
	}
}

func TestBrowserLikeBodySpent(t *testing.T) {
	s := &script{t: t}
	req := newRequest("GET", "http://example.com/foo")
	req.Method, req.Body = "POST", &streamed{}
	d := agent.NewBrowserLikeRedirectAgent(s, agent.RedirectConfig{}).Request(req)
	s.answer(redirect(307, "/bar"))
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, agent.ErrBodySpent) {
		t.Errorf("got %v", err)
	}
}

// TestRedirectOrigins checks which headers are sent to the target of a redirect.
func TestRedirectOrigins(t *testing.T) {
	headers := []string{"Authorization", "a", "Cookie", "b", "Cookie2", "c", "Proxy-Authorization", "d",
		"wWw-auThentiCate", "e", "X-Custom-Sensitive", "f", "Host", "virtual.example", "X-Random", "g"}
	for _, test := range []struct {
		name, from, to string
		same           bool
	}{
		{"same", "https://example.com/foo", "https://example.com/bar", true},
		{"relative", "https://example.com/foo", "bar", true},
		{"case", "https://example.com/foo", "HTTPS://EXAMPLE.com/bar", true},
		{"port that the scheme implies", "https://example.com/foo", "https://example.com:443/bar", true},
		{"user", "http://example.com/foo", "http://u:p@example.com/bar", true},
		{"domain", "https://example.com/foo", "https://example.net/bar", false},
		{"subdomain", "https://example.com/foo", "https://www.example.com/bar", false},
		{"dot", "https://example.com/foo", "https://example.com./bar", true},
		{"international", "http://b\u00fccher.example/foo", "http://xn--bcher-kva.example:80/bar", true},
		{"two dots in one name", "https://example.com/foo", "https://examplecom./bar", false},
		{"port", "https://example.com/foo", "https://example.com:8443/bar", false},
		{"scheme down", "https://example.com/foo", "http://example.com/bar", false},
		{"scheme up", "http://example.com/foo", "https://example.com/bar", false},
		{"scheme, same port", "https://example.com:80/foo", "http://example.com:80/bar", false},
		{"scheme relative", "http://example.com/foo", "//example.net/bar", false},
		{"user that looks like the host", "http://example.com/foo", "http://example.com@example.net/bar", false},
		{"host in the user", "http://example.com/foo", "http://example.com:80@evil.example/", false},
		{"IPv6", "http://[::1]/foo", "http://[::1]:80/bar", true},
		{"another IPv6", "http://[::1]/foo", "http://[::2]/bar", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, s *script, a agent.Requester) {
				req := newRequest("GET", test.from, headers...)
				req.Header["aUtHoRiZaTiOn"] = []string{"not canonical"}
				a.Request(req)
				s.answer(redirect(301, test.to))
				want := headerNames(req.Header)
				if !test.same {
					want = map[string]bool{"x-random": true}
				}
				if diff := cmp.Diff(want, headerNames(s.last().Header)); diff != "" {
					t.Errorf("- wanted, + got:\n%s", diff)
				}
				if len(req.Header) != 9 {
					t.Error("the request was changed")
				}
				// A header that was left out is not sent again, not even
				// to the first origin.
				s.answer(redirect(302, test.from))
				if diff := cmp.Diff(want, headerNames(s.last().Header)); diff != "" {
					t.Errorf("back again: - wanted, + got:\n%s", diff)
				}
			})
		})
	}
}

func TestLocation(t *testing.T) {
	for _, test := range []struct{ from, location, want string }{
		{"http://example.com/foo/bar", "baz", "http://example.com/foo/baz"},
		{"http://example.com/foo/bar", "/baz", "http://example.com/baz"},
		{"http://example.com/foo/bar", "/baz?a", "http://example.com/baz?a"},
		{"http://example.com/foo/bar?q", "?a", "http://example.com/foo/bar?a"},
		{"http://example.com/foo/bar?q", "", "http://example.com/foo/bar?q"},
		{"http://example.com/foo/bar", "../../../x", "http://example.com/x"},
		{"http://example.com", "x", "http://example.com/x"},
		{"http://example.com/foo/bar#frag", "/baz?a", "http://example.com/baz?a#frag"},
		{"http://example.com/foo/bar#a%2Fb", "/baz", "http://example.com/baz#a%2Fb"},
		{"http://example.com/foo/bar", "/baz?a#frag2", "http://example.com/baz?a#frag2"},
		{"http://example.com/foo/bar#frag", "/baz?a#frag2", "http://example.com/baz?a#frag2"},
		{"http://example.com/foo/bar#frag", "http://foo.com/", "http://foo.com/#frag"},
		{"http://example.com/foo/bar", "//foo.com/baz", "http://foo.com/baz"},
		{"http://example.com/foo/bar", "//foo.com:81/baz", "http://foo.com:81/baz"},
		{"https://example.com/foo/bar", "//foo.com/baz", "https://foo.com/baz"},
		{"http://u:p@example.com/foo", "/bar", "http://u:p@example.com/bar"},
		{"http://u:p@example.com/foo", "//foo.com/bar", "http://foo.com/bar"},
		{"http://example.com/", "/a b?c d\"<>", "http://example.com/a%20b?c%20d%22%3C%3E"},
		{"http://example.com/", "/gr\u00fcn?\u00fc=\u00e4", "http://example.com/gr%C3%BCn?%C3%BC=%C3%A4"},
		{"http://example.com/", "/a%2Fb%20?%zz", "http://example.com/a%2Fb%20?%zz"},
		{"http://example.com/", "/\\evil.example", "http://example.com/%5Cevil.example"},
		// A Location gets the same repairs as a caller's URL.
		{"http://example.com/", "/%zz|", "http://example.com/%25zz%7C"},
		{"http://example.com/", "//bücher.example/", "http://xn--bcher-kva.example/"},
		{"http://example.com/", "http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/"},
	} {
		forBoth(t, func(t *testing.T, s *script, a agent.Requester) {
			a.Request(newRequest("GET", test.from))
			s.answer(redirect(302, test.location))
			if got := s.last().URL.String(); len(s.requests) != 2 || got != test.want {
				t.Errorf("%s to %q: got %q, want %q", test.from, test.location, got, test.want)
			}
		})
	}
}

// TestLocationOfLocation checks that a Location is relative to the URL that redirected,
// not to the first URL.
func TestLocationOfLocation(t *testing.T) {
	forBoth(t, func(t *testing.T, s *script, a agent.Requester) {
		a.Request(newRequest("GET", "http://example.com/a/b#f"))
		for _, step := range []struct{ location, want string }{
			{"/c/d/", "http://example.com/c/d/#f"},
			{"e", "http://example.com/c/d/e#f"},
			{"//example.net/x/y", "http://example.net/x/y#f"},
			{"z", "http://example.net/x/z#f"},
		} {
			s.answer(redirect(302, step.location))
			if got := s.last().URL.String(); got != step.want {
				t.Errorf("%q: got %q, want %q", step.location, got, step.want)
			}
		}
	})
}

func TestBadLocation(t *testing.T) {
	for _, test := range []struct {
		locations []string
		want      error
	}{
		{nil, agent.ErrRedirectWithNoLocation},
		{[]string{"http://[::1/"}, agent.ErrLocation},
		{[]string{"http://example.com:port/"}, agent.ErrLocation},
		{[]string{"http://a..b/"}, agent.ErrLocation},
		{[]string{"/\x01"}, agent.ErrLocation},
		{[]string{"/\x7f"}, agent.ErrLocation},
		{[]string{"/a", "/b"}, agent.ErrLocation},
		{[]string{"http:///path"}, agent.ErrNoHost},
		{[]string{"https:?x"}, agent.ErrNoHost},
		{[]string{"ftp://example.com/"}, agent.ErrSchemeNotSupported},
		{[]string{"file:///etc/passwd"}, agent.ErrSchemeNotSupported},
		{[]string{"javascript:alert(1)"}, agent.ErrSchemeNotSupported},
		{[]string{"data:,x"}, agent.ErrSchemeNotSupported},
		{[]string{"about:blank"}, agent.ErrSchemeNotSupported},
	} {
		forBoth(t, func(t *testing.T, s *script, a agent.Requester) {
			d := a.Request(newRequest("GET", "http://user:secret@example.com/foo"))
			r := whole(301, "gone", "X", "y")
			r.Header["Location"] = test.locations
			s.answer(r)
			err := deferredtest.FailureResultOf(t, d)
			var failed *response.FailedError
			var why *agent.RedirectError
			var request *agent.RequestError
			if !errors.Is(err, test.want) || !errors.As(err, &failed) || !errors.As(err, &why) || !errors.As(err, &request) {
				t.Fatalf("%q: got %v", test.locations, err)
			}
			if failed.Response != r || why.Code != 301 || request.URL != "http://user:xxxxx@example.com/foo" || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: got %v, %+v, %+v", test.locations, failed.Response, why, request)
			}
			if len(s.requests) != 1 {
				t.Errorf("%q: %d requests", test.locations, len(s.requests))
			}
			if text := deferredtest.SuccessResultOf(t, r.Text()); text != "gone" {
				t.Errorf("%q: the body of the redirect is %q", test.locations, text)
			}
		})
	}
	t.Run("the same Location twice", func(t *testing.T) {
		s := &script{t: t}
		agent.NewRedirectAgent(s, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/foo"))
		s.answer(whole(301, "", "Location", "/a", "Location", "/a"))
		if s.last().URL.Path != "/a" {
			t.Errorf("got %s", s.last().URL)
		}
	})
}

func TestRedirectLimit(t *testing.T) {
	for name, kind := range kinds {
		for _, test := range []struct {
			config agent.RedirectConfig
			limit  int
		}{
			{agent.RedirectConfig{}, 20},
			{agent.RedirectConfig{Limit: 1}, 1},
			{agent.RedirectConfig{Limit: -1}, 0},
		} {
			s := &script{t: t}
			d := kind(s, test.config).Request(newRequest("GET", "http://example.com/foo"))
			var sent []*response.Response
			for range test.limit + 1 {
				deferredtest.NoResult(t, d)
				r := redirect(302, "http://example.com/bar")
				sent = append(sent, r)
				s.answer(r)
			}
			err := deferredtest.FailureResultOf(t, d)
			var failed *response.FailedError
			if !errors.Is(err, agent.ErrInfiniteRedirection) || !errors.As(err, &failed) {
				t.Fatalf("%s: got %v", name, err)
			}
			if got := append(failed.Response.History(), failed.Response); !slices.Equal(got, sent) {
				t.Errorf("%s: history and response are %v, want %v", name, got, sent)
			}
			if len(s.requests) != test.limit+1 {
				t.Errorf("%s: %d requests", name, len(s.requests))
			}
		}
	}
}

func TestHistory(t *testing.T) {
	forBoth(t, func(t *testing.T, s *script, a agent.Requester) {
		d := a.Request(newRequest("GET", "http://example.com/foo"))
		first := whole(302, "first", "Location", "/bar")
		s.answer(first)
		second := whole(301, "second", "Location", "//example.net/bar")
		s.answer(second)
		last := whole(200, "last", "Location", "http://example.com/unused")
		s.answer(last)
		got := deferredtest.SuccessResultOf(t, d)
		if got != last || !slices.Equal(got.History(), []*response.Response{first, second}) || got.PreviousResponse != second ||
			second.PreviousResponse != first || first.PreviousResponse != nil {
			t.Errorf("got %v, history %v", got, got.History())
		}
		for _, r := range []*response.Response{first, second, last, first} {
			want := map[*response.Response]string{first: "first", second: "second", last: "last"}[r]
			if text := deferredtest.SuccessResultOf(t, r.Text()); text != want {
				t.Errorf("the body is %q, want %q", text, want)
			}
		}
	})
}

// TestHistoryNested checks the history of an agent around another agent.
func TestHistoryNested(t *testing.T) {
	s := &script{t: t}
	d := agent.NewBrowserLikeRedirectAgent(agent.NewRedirectAgent(s, agent.RedirectConfig{Limit: 5}), agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/0"))
	var want []*response.Response
	for i := range 5 {
		r := redirect(302, fmt.Sprint("/", i+1))
		want = append(want, r)
		s.answer(r)
	}
	s.answer(whole(200, ""))
	if got := deferredtest.SuccessResultOf(t, d).History(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// The inner agent followed a redirect for a hop of the outer agent.
	inner := &script{t: t}
	d = agent.NewRedirectAgent(inner, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/0"))
	first, second, third := redirect(302, "/1"), redirect(302, "/2"), whole(200, "")
	inner.answer(first)
	third.SetPreviousResponse(second)
	inner.answer(third)
	if got := deferredtest.SuccessResultOf(t, d).History(); !slices.Equal(got, []*response.Response{first, second}) {
		t.Errorf("got %v, want %v", got, []*response.Response{first, second})
	}
}

func TestRedirectCancel(t *testing.T) {
	forBoth(t, func(t *testing.T, s *script, a agent.Requester) {
		for hops := range 3 {
			d := a.Request(newRequest("GET", "http://example.com/foo"))
			for range hops {
				s.answer(redirect(302, "/bar"))
			}
			n, cancelled := len(s.requests), s.cancelled
			d.Cancel()
			if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
				t.Errorf("after %d hops: %v", hops, err)
			}
			if s.cancelled != cancelled+1 || len(s.requests) != n {
				t.Errorf("after %d hops: %d cancelled, %d requests more", hops, s.cancelled-cancelled, len(s.requests)-n)
			}
		}
	})
	t.Run("while reading a body", func(t *testing.T) {
		s := &script{t: t}
		d := agent.NewRedirectAgent(s, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/foo"))
		r, body := reply(302, "Location", "/bar")
		r.Length = 10
		s.answer(r)
		d.Cancel()
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("got %v", err)
		}
		if body.Stopped != 1 || len(s.requests) != 1 {
			t.Errorf("stopped %d times, %d requests", body.Stopped, len(s.requests))
		}
	})
	t.Run("an agent that answers after its cancel", func(t *testing.T) {
		s := &script{t: t}
		inner := requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
			d := s.Request(req)
			later := deferred.NewCancellable(func(*deferred.Deferred[*response.Response]) {})
			d.AddCallback(func(r *response.Response) (*response.Response, error) {
				later.Callback(r)
				return r, nil
			})
			return later
		})
		d := agent.NewRedirectAgent(inner, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/foo"))
		d.Cancel()
		s.answer(redirect(302, "/bar"))
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) || len(s.requests) != 1 {
			t.Errorf("got %v, %d requests", err, len(s.requests))
		}
	})
}

type requesterFunc func(req *request.Request) *deferred.Deferred[*response.Response]

func (f requesterFunc) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	return f(req)
}

// TestRedirectFailure checks that the error or panic of a later hop is the result.
func TestRedirectFailure(t *testing.T) {
	s := &script{t: t}
	d := agent.NewRedirectAgent(s, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/foo"))
	s.answer(redirect(302, "/bar"))
	refused := errors.New("refused")
	s.waiting[1].Errback(refused)
	if err := deferredtest.FailureResultOf(t, d); err != refused {
		t.Errorf("got %v", err)
	}
	s = &script{t: t, respond: func(req *request.Request) *response.Response {
		if req.URL.Path == "/bar" {
			panic("oh")
		}
		return redirect(302, "/bar")
	}}
	var p *deferred.PanicError
	if err := deferredtest.FailureResultOf(t, agent.NewRedirectAgent(s, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/foo"))); !errors.As(err, &p) || p.Value != "oh" {
		t.Errorf("got %v", err)
	}
}

// TestRedirectNoResponse has an inner agent that returns a nil response.
func TestRedirectNoResponse(t *testing.T) {
	inner := requesterFunc(func(*request.Request) *deferred.Deferred[*response.Response] {
		return deferred.Succeed[*response.Response](nil)
	})
	var p *deferred.PanicError
	if err := deferredtest.FailureResultOf(t, agent.NewRedirectAgent(inner, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/"))); !errors.As(err, &p) {
		t.Errorf("got %v", err)
	}
}

// TestRedirectStack checks that any number of immediate redirects takes constant stack.
func TestRedirectStack(t *testing.T) {
	deepest := 0
	s := &script{t: t}
	s.respond = func(req *request.Request) *response.Response {
		if n := len(s.requests); n%1000 == 0 {
			deepest = max(deepest, runtime.Callers(0, make([]uintptr, 200)))
		}
		s.waiting = s.waiting[:0]
		if len(s.requests) > 20_000 {
			return whole(200, "end")
		}
		return redirect(302, "x")
	}
	d := agent.NewRedirectAgent(s, agent.RedirectConfig{Limit: 1 << 30}).Request(newRequest("GET", "http://example.com/foo"))
	if n := len(deferredtest.SuccessResultOf(t, d).History()); n != 20_000 {
		t.Errorf("%d redirects", n)
	}
	if deepest > 50 {
		t.Errorf("%d calls deep", deepest)
	}
}

// TestRedirectDrains checks that the next request waits for the body of the redirect if
// the end of the body frees a connection for it.
func TestRedirectDrains(t *testing.T) {
	begin := func(t *testing.T, location string, length int64, headers ...string) (*script, *deferred.Deferred[*response.Response], *response.Response, *bodytest.Source) {
		s := &script{t: t}
		d := agent.NewRedirectAgent(s, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/foo"))
		r, body := reply(302, append(headers, "Location", location)...)
		r.Length = length
		s.answer(r)
		return s, d, r, body
	}
	t.Run("same origin", func(t *testing.T) {
		s, _, _, body := begin(t, "/bar", 5)
		body.Write([]byte("moved"))
		if len(s.requests) != 1 {
			t.Error("the request was sent before the connection was free")
		}
		body.End(response.ErrDone)
		if len(s.requests) != 2 || body.Stopped != 0 {
			t.Errorf("%d requests, stopped %d", len(s.requests), body.Stopped)
		}
	})
	t.Run("in chunks", func(t *testing.T) {
		s, _, _, body := begin(t, "/bar", response.UnknownLength, "Transfer-Encoding", "chunked")
		if len(s.requests) != 1 {
			t.Error("the request was sent before the connection was free")
		}
		body.End(response.ErrDone)
		if len(s.requests) != 2 || body.Stopped != 0 {
			t.Errorf("%d requests, stopped %d", len(s.requests), body.Stopped)
		}
	})
	t.Run("cut short", func(t *testing.T) {
		s, _, _, body := begin(t, "/bar", 5)
		body.End(errors.New("lost"))
		if len(s.requests) != 2 {
			t.Errorf("%d requests", len(s.requests))
		}
	})
	t.Run("too long by its length", func(t *testing.T) {
		s, _, _, body := begin(t, "/bar", 1<<20)
		if len(s.requests) != 2 || body.Stopped != 1 {
			t.Errorf("%d requests, stopped %d", len(s.requests), body.Stopped)
		}
	})
	t.Run("too long without a length", func(t *testing.T) {
		s, _, _, body := begin(t, "/bar", response.UnknownLength, "Transfer-Encoding", "chunked")
		for range 256 {
			body.Write(make([]byte, 1<<10))
		}
		if len(s.requests) != 1 || body.Stopped != 0 {
			t.Errorf("%d requests, stopped %d", len(s.requests), body.Stopped)
		}
		body.Write([]byte{0})
		if len(s.requests) != 2 || body.Stopped != 1 {
			t.Errorf("%d requests, stopped %d", len(s.requests), body.Stopped)
		}
	})
	t.Run("coded as identity", func(t *testing.T) { // which means nothing: the connection ends the body
		s, _, _, body := begin(t, "/bar", response.UnknownLength, "Transfer-Encoding", "identity")
		body.Write([]byte("moved"))
		if len(s.requests) != 2 || body.Stopped != 0 {
			t.Errorf("%d requests, stopped %d", len(s.requests), body.Stopped)
		}
	})
	for name, location := range map[string]string{"another origin": "//example.net/", "until the connection closes": "/bar"} {
		t.Run(name, func(t *testing.T) {
			s, d, r, body := begin(t, location, response.UnknownLength)
			body.Write([]byte("moved"))
			if len(s.requests) != 2 || body.Stopped != 0 {
				t.Errorf("%d requests, stopped %d", len(s.requests), body.Stopped)
			}
			deferredtest.NoResult(t, r.Text())
			// It is read until the end of the request at most.
			s.answer(whole(200, ""))
			deferredtest.SuccessResultOf(t, d)
			if body.Stopped != 0 {
				t.Error("the body was stopped though there is another reader")
			}
		})
		t.Run(name+", not read", func(t *testing.T) {
			s, d, _, body := begin(t, location, response.UnknownLength)
			s.answer(whole(200, ""))
			deferredtest.SuccessResultOf(t, d)
			if body.Stopped != 1 {
				t.Errorf("stopped %d", body.Stopped)
			}
		})
	}
}

// TestRedirectNeverEnds checks that the next request waits only a limited time for the
// body of a redirect or a challenge, and then uses another connection.
func TestRedirectNeverEnds(t *testing.T) {
	for name, test := range map[string]struct {
		status string
		agent  func(agent.Requester) agent.Requester
	}{
		"redirect": {"302 Found\r\nLocation: /bar", func(a agent.Requester) agent.Requester { return agent.NewRedirectAgent(a, agent.RedirectConfig{}) }},
		"challenge": {"401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"", func(a agent.Requester) agent.Requester {
			return agent.NewAuthAgent(a, auth.NewDigest("u", "p"))
		}},
	} {
		for _, ends := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", ends: ", ends), func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				d := test.agent(w.agent).Request(newRequest("GET", "http://a.example/foo"))
				w.r.Pump()
				w.Conn(0).Send("HTTP/1.1 " + test.status + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nmoved\r\n")
				w.r.Advance(200 * time.Millisecond)
				next := 1
				if ends {
					w.Conn(0).Send("0\r\n\r\n")
					next = 0
				}
				w.r.Advance(50 * time.Millisecond)
				if !ends {
					w.wantClosed(0)
				}
				w.Conn(next).Send(okHello)
				w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
			})
		}
	}
}

// A counting site counts its connections.
type counting struct {
	*web.Site
	n int
}

func (c *counting) BuildProtocol(addr net.Addr) reactor.Protocol {
	c.n++
	return c.Site.BuildProtocol(addr)
}

// TestRedirectOneConnection checks that the real agent sends a chain of redirects over
// one connection.
func TestRedirectOneConnection(t *testing.T) {
	r := memory.New()
	server := &counting{Site: &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch n := len(req.URL.Path); {
		case n < 6:
			w.Header().Set("Location", req.URL.Path+"x")
			w.WriteHeader(http.StatusFound)
			fmt.Fprint(w, strings.Repeat("moved ", 1000*n))
		default:
			fmt.Fprint(w, "here")
		}
	})}}
	if _, err := r.ListenTCP("127.0.0.1:80", server); err != nil {
		t.Fatal(err)
	}
	a := agent.NewRedirectAgent(agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{}), Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) { return site{r}, nil }}), agent.RedirectConfig{})
	d := deferred.Then(a.Request(newRequest("GET", "http://example.com/")), (*response.Response).Text)
	r.Advance(0)
	if text := deferredtest.SuccessResultOf(t, d); text != "here" {
		t.Errorf("got %q", text)
	}
	if server.n != 1 {
		t.Errorf("%d connections", server.n)
	}
}

type site struct{ reactor reactor.Reactor }

func (s site) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return s.reactor.ConnectTCP("127.0.0.1:80", factory, reactor.ConnectConfig{})
}

func FuzzLocation(f *testing.F) {
	for _, s := range []string{"/a", "//b", "http://u@h:1/?q#f", "\\x", "http://[::1", "?", "#", "..", "javascript:x", "/\xff?\xff", "http:opaque"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s := &script{t: t}
		d := agent.NewRedirectAgent(s, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/a/b?c#d", "Authorization", "secret"))
		s.answer(redirect(302, value))
		if len(s.requests) == 1 {
			var why *agent.RedirectError
			if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &why) || why.Location != value {
				t.Errorf("%q: %v", value, err)
			}
			return
		}
		req := s.last()
		u, err := url.Parse(req.URL.String())
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			t.Fatalf("%q became %q: %v", value, req.URL, err)
		}
		if len(req.Header["Authorization"]) != 0 && u.Scheme+"://"+strings.TrimSuffix(strings.ToLower(u.Host), ":80") != "http://example.com" {
			t.Errorf("%q: credentials go to %s", value, u)
		}
		if strings.ContainsFunc(req.URL.RequestURI(), func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			t.Errorf("%q became %q", value, req.URL.RequestURI())
		}
	})
}

// TestRedirectErrorText checks that the text of an error names the request once.
func TestRedirectErrorText(t *testing.T) {
	s := treqtesting.NewHandlerStubTreq(http.RedirectHandler("ftp://example.com/", http.StatusFound), treqtesting.Config{})
	err := deferredtest.FailureResultOf(t, s.Get("http://example.com/foo"))
	want := `GET http://example.com/foo: the response failed: 302 to "ftp://example.com/": the scheme of the URL is not supported: "ftp"`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

// TestRedirectErrorIsShort: a server chooses how long a Location is, and most faults quote a
// part of it.
func TestRedirectErrorIsShort(t *testing.T) {
	long := strings.Repeat("x", 120_000)
	for _, location := range []string{
		long + ":y", "//[" + long + "]/", "//[::1]" + long + "/", "//" + long + "\\/", "//-ü" + long + "/", "//a:" + strings.Repeat("9", 120_000),
		"http:///" + long, "/\x01" + long, "//" + long + "%zz/", "//u\\" + long + "@h/",
	} {
		s := &script{t: t}
		d := agent.NewRedirectAgent(s, agent.RedirectConfig{}).Request(newRequest("GET", "http://example.com/"))
		s.answer(redirect(302, location))
		err := deferredtest.FailureResultOf(t, d)
		var why *agent.RedirectError
		var failed *response.FailedError
		if !errors.As(err, &why) || why.Location != location || !errors.As(err, &failed) || failed.Response == nil || failed.Response.Code != 302 {
			t.Errorf("%.20q: %.200v", location, err)
			continue
		}
		for _, err := range []error{err, failed, why} {
			if n := len(err.Error()); n > 4000 {
				t.Errorf("%.20q: the text of %T has %d bytes", location, err, n)
			}
		}
	}
}
