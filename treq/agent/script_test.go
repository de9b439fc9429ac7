package agent_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A script is an agent whose test supplies the responses, at once or later.
type script struct {
	t         *testing.T
	respond   func(req *request.Request) *response.Response // nil: the test calls answer
	requests  []*request.Request
	waiting   []*deferred.Deferred[*response.Response]
	cancelled int
}

func (s *script) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	s.requests = append(s.requests, req)
	d := deferred.NewCancellable(func(*deferred.Deferred[*response.Response]) { s.cancelled++ })
	s.waiting = append(s.waiting, d)
	if s.respond != nil {
		d.Callback(s.respond(req))
	}
	return d
}

// answer fires the Deferred of the last request with r.
func (s *script) answer(r *response.Response) {
	s.t.Helper()
	r.Request = s.last()
	s.waiting[len(s.waiting)-1].Callback(r)
}

func (s *script) last() *request.Request {
	s.t.Helper()
	if len(s.requests) == 0 {
		s.t.Fatal("nothing was requested")
	}
	return s.requests[len(s.requests)-1]
}

// reply returns a response and the source of its body, which ends when it is stopped.
// headers are names and values in turn.
func reply(code int, headers ...string) (*response.Response, *bodytest.Source) {
	r, s := bodytest.New(code, headers...)
	s.OnStop = func() { s.End(errAborted) }
	return r, s
}

// whole returns a response whose body has ended.
func whole(code int, body string, headers ...string) *response.Response {
	r, t := reply(code, headers...)
	r.Length = int64(len(body))
	if body != "" {
		t.Write([]byte(body))
	}
	t.End(response.ErrDone)
	return r
}

// redirect returns a redirect with an empty body.
func redirect(code int, location string) *response.Response {
	return whole(code, "", "Location", location)
}

// headerNames returns the names in h, in lower case.
func headerNames(h http.Header) map[string]bool {
	names := make(map[string]bool)
	for name := range h {
		names[strings.ToLower(name)] = true
	}
	return names
}
