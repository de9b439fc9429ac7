package agent_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// These are tests of credentials that take time to authorize a request.

// A slowAuth is credentials whose test says when a request is authorized.
type slowAuth struct {
	waits     []*deferred.Deferred[deferred.None]
	cancelled int
}

func (s *slowAuth) Authorize(req *request.Request) *deferred.Deferred[deferred.None] {
	wait := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { s.cancelled++ })
	s.waits = append(s.waits, wait)
	n := len(s.waits)
	return wait.AddCallback(func(deferred.None) (deferred.None, error) {
		req.Header.Set("Authorization", strings.Repeat("x", n))
		return deferred.None{}, nil
	})
}

func (s *slowAuth) Answered(_ *request.Request, resp *response.Response) (bool, error) {
	return resp.Code == 401, nil
}

// fire ends the last wait.
func (s *slowAuth) fire() { s.waits[len(s.waits)-1].Callback(deferred.None{}) }

// newPost returns a POST with body, which cannot be sent again.
func newPost(body request.BodyProducer) *request.Request {
	req := newRequest("POST", "http://a.example/")
	req.Body = body
	return req
}

// TestCredentialsThatWait checks that each hop waits for the credentials, and that its
// cookies are added afterwards.
func TestCredentialsThatWait(t *testing.T) {
	s, c := &script{t: t}, new(slowAuth)
	jar := new(cookies.Jar)
	stack := agent.Stack{Agent: s, Credentials: c, Jar: jar, Redirects: &agent.RedirectConfig{}}
	d := stack.Send(newRequest("GET", "http://a.example/"))
	sent := func(n int, authorization string) {
		t.Helper()
		if len(s.requests) != n-1 {
			t.Fatalf("%d requests before the credentials are there, want %d", len(s.requests), n-1)
		}
		c.fire()
		if len(s.requests) != n || s.last().Header.Get("Authorization") != authorization {
			t.Fatalf("%d requests, the last one with %q", len(s.requests), s.last().Header)
		}
	}
	sent(1, "x")
	s.answer(whole(401, "", "Set-Cookie", "a=b"))
	sent(2, "xx")
	s.answer(redirect(302, "/b"))
	jar.SetCookies(s.last().URL, []*http.Cookie{{Name: "late", Value: "c"}})
	sent(3, "xxx")
	if got := s.last().Header.Get("Cookie"); got != "a=b; late=c" {
		t.Errorf("the cookies are %q", got)
	}
	s.answer(redirect(302, "http://b.example/"))
	if len(s.requests) != 4 || s.last().Header.Get("Authorization") != "" {
		t.Errorf("another origin got %v", s.last().Header)
	}
	s.answer(whole(200, "done"))
	if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 200 || len(c.waits) != 3 {
		t.Errorf("got %v after %d waits", resp, len(c.waits))
	}
}

// TestCredentialsThatWaitInVain ends the wait of the first hop and those of later ones, by an
// error, a panic and a cancel. Nothing is sent, and the body is stopped once.
func TestCredentialsThatWaitInVain(t *testing.T) {
	boom := errors.New("boom")
	hops := map[string]func(s *script, c *slowAuth){
		"first": func(*script, *slowAuth) {},
		"after a challenge": func(s *script, c *slowAuth) {
			c.fire()
			s.answer(whole(401, ""))
		},
		"after a redirect": func(s *script, c *slowAuth) {
			c.fire()
			s.answer(redirect(307, "/b"))
		},
	}
	ends := map[string]struct {
		end func(c *slowAuth, d *deferred.Deferred[*response.Response])
		is  error
	}{
		"fails":    {func(c *slowAuth, _ *deferred.Deferred[*response.Response]) { c.waits[len(c.waits)-1].Errback(boom) }, boom},
		"cancels":  {func(_ *slowAuth, d *deferred.Deferred[*response.Response]) { d.Cancel() }, deferred.ErrCancelled},
		"vanishes": {func(c *slowAuth, _ *deferred.Deferred[*response.Response]) { c.waits[len(c.waits)-1].Cancel() }, deferred.ErrCancelled},
	}
	for hop, toHop := range hops {
		for how, end := range ends {
			for name, stacked := range map[string]func(s *script, c *slowAuth) func(*request.Request) *deferred.Deferred[*response.Response]{
				"Stack": func(s *script, c *slowAuth) func(*request.Request) *deferred.Deferred[*response.Response] {
					return (&agent.Stack{Agent: s, Credentials: c, Redirects: &agent.RedirectConfig{BrowserLike: true}}).Send
				},
				"AuthAgent": func(s *script, c *slowAuth) func(*request.Request) *deferred.Deferred[*response.Response] {
					return agent.NewBrowserLikeRedirectAgent(agent.NewAuthAgent(s, c), agent.RedirectConfig{}).Request
				},
			} {
				t.Run(name+"/"+hop+"/"+how, func(t *testing.T) {
					s, c := &script{t: t}, new(slowAuth)
					body := &producer{length: 4}
					req := newPost(body)
					req.ExpectContinue = 1 // so that the body can be sent with a later hop
					d := stacked(s, c)(req)
					toHop(s, c)
					sent := len(s.requests)
					end.end(c, d)
					err := deferredtest.FailureResultOf(t, d)
					var where *agent.RequestError
					if !errors.Is(err, end.is) || !errors.As(err, &where) || where.URL != "http://a.example/"+map[string]string{"after a redirect": "b"}[hop] {
						t.Errorf("got %v", err)
					}
					if len(s.requests) != sent {
						t.Errorf("%d requests were sent, want %d", len(s.requests), sent)
					}
					body.wantTold(t, "stop")
					if how == "cancels" && c.cancelled != 1 {
						t.Errorf("%d waits were cancelled", c.cancelled)
					}
				})
			}
		}
	}
}

// TestARequestIsCancelledAfterItsWait checks that a cancel reaches the agent, once the wait is
// over.
func TestARequestIsCancelledAfterItsWait(t *testing.T) {
	s, c := &script{t: t}, new(slowAuth)
	d := (&agent.Stack{Agent: s, Credentials: c}).Send(newPost(&producer{length: 4}))
	c.fire()
	d.Cancel()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) || s.cancelled != 1 || c.cancelled != 0 {
		t.Errorf("got %v; %d requests and %d waits were cancelled", err, s.cancelled, c.cancelled)
	}
}

// TestStacksWaitInTurn checks that credentials whose wait is over at once send the request
// before Send returns, and that an agent that panics afterwards fails the request.
func TestStacksWaitInTurn(t *testing.T) {
	done := authFunc(func(req *request.Request) *deferred.Deferred[deferred.None] {
		req.Header.Set("Authorization", "x")
		return deferred.Succeed(deferred.None{})
	})
	s := &script{t: t}
	d := (&agent.Stack{Agent: s, Credentials: done}).Send(newRequest("GET", "http://a.example/"))
	s.answer(whole(200, ""))
	if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 200 || s.last().Header.Get("Authorization") != "x" {
		t.Errorf("got %v", resp)
	}
	panics := requesterFunc(func(*request.Request) *deferred.Deferred[*response.Response] { panic("boom") })
	body := &producer{length: 4}
	var panicked *deferred.PanicError
	err := deferredtest.FailureResultOf(t, (&agent.Stack{Agent: panics, Credentials: done}).Send(newPost(body)))
	if !errors.As(err, &panicked) {
		t.Errorf("got %v", err)
	}
	body.wantTold(t, "stop")
}

// An authFunc is credentials that are only a function.
type authFunc func(req *request.Request) *deferred.Deferred[deferred.None]

func (f authFunc) Authorize(req *request.Request) *deferred.Deferred[deferred.None] { return f(req) }

func (authFunc) Answered(*request.Request, *response.Response) (bool, error) { return false, nil }

var _ auth.Credentials = authFunc(nil)

// TestCredentialsCostNothingMore checks that Basic credentials, which do not wait, cost a
// Stack only the copy of the request with its header.
func TestCredentialsCostNothingMore(t *testing.T) {
	reply := whole(204, "")
	agentBelow := requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] { return deferred.Succeed(reply) })
	req := newRequest("GET", "http://a.example/")
	reply.Request = req
	measure := func(c auth.Credentials) float64 {
		stack := agent.Stack{Agent: agentBelow, Credentials: c}
		return allocations(100, func() { stack.Send(req) })
	}
	const copyWithHeader = 4 // the request, the map and its group, and the value of Authorization
	if with, without := measure(auth.Basic("user", "password")), measure(nil); with > without+copyWithHeader {
		t.Errorf("%.0f allocations with credentials, %.0f without", with, without)
	}
}
