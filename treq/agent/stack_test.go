package agent_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestErrorsOfTheAgentBelow checks that an agent around another one passes its errors
// unchanged, and that a Stack names the request.
func TestErrorsOfTheAgentBelow(t *testing.T) {
	boom := errors.New("boom")
	below := requesterFunc(func(*request.Request) *deferred.Deferred[*response.Response] {
		return deferred.Fail[*response.Response](boom)
	})
	for name, a := range map[string]agent.Requester{
		"CookieAgent":              agent.NewCookieAgent(below, new(cookies.Jar)),
		"AuthAgent":                agent.NewAuthAgent(below, auth.Basic("u", "p")),
		"RedirectAgent":            agent.NewRedirectAgent(below, agent.RedirectConfig{}),
		"BrowserLikeRedirectAgent": agent.NewBrowserLikeRedirectAgent(below, agent.RedirectConfig{}),
		"ContentDecoderAgent":      agent.NewContentDecoderAgent(below, agent.DecoderConfig{}),
	} {
		if err := deferredtest.FailureResultOf(t, a.Request(newRequest("GET", "http://a.example/"))); err != boom {
			t.Errorf("%s: got %v", name, err)
		}
	}
	stack := agent.Stack{Agent: below}
	err := deferredtest.FailureResultOf(t, stack.Send(newRequest("GET", "http://a.example/")))
	if !errors.Is(err, boom) || err.Error() != "GET http://a.example/: boom" {
		t.Errorf("Stack: got %v", err)
	}
}

// TestDecodeErrorText checks that the text names the coding and the reason.
func TestDecodeErrorText(t *testing.T) {
	err := &agent.DecodeError{Coding: "br", Err: errors.New("boom")}
	if got, want := err.Error(), "decoding the body, which is coded in br: boom"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestABodyThatIsNotSentIsStopped checks that a step that refuses a request stops the body,
// once: the body may hold a file.
func TestABodyThatIsNotSentIsStopped(t *testing.T) {
	never := requesterFunc(func(*request.Request) *deferred.Deferred[*response.Response] { panic("sent") })
	for name, test := range map[string]struct {
		stack agent.Stack
		url   string
	}{
		"credentials that cannot be sent": {agent.Stack{Credentials: auth.Basic("a\x00", "b")}, "http://a.example/"},
		"no origin for credentials":       {agent.Stack{Credentials: auth.Basic("a", "b")}, "ftp://a.example/"},
		"cookies that cannot be sent":     {agent.Stack{Jar: badJar{}}, "http://a.example/"},
	} {
		t.Run(name, func(t *testing.T) {
			body := &producer{length: 1}
			req := newRequest("POST", test.url)
			req.Body = body
			test.stack.Agent = never
			deferredtest.FailureResultOf(t, test.stack.Send(req))
			body.wantTold(t, "stop")
		})
	}
	body := &producer{length: 1}
	req := newRequest("POST", "ftp://a.example/")
	req.Body = body
	deferredtest.FailureResultOf(t, agent.NewAuthAgent(never, auth.Basic("a", "b")).Request(req))
	body.wantTold(t, "stop")
}
