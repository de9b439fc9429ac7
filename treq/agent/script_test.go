package agent_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A script is an agent whose responses the test makes, at once or later.
type script struct {
	t         *testing.T
	respond   func(req *request.Request) *response.Response // nil: later, by the test
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

// answer answers the last request.
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

// A transport is the transport of a body, and counts the calls.
type transport struct {
	body                     *response.Body
	paused, resumed, stopped int
	later                    bool // the test ends the body when that is stopped
	clock                    *task.Clock
	cooperator               *task.Cooperator
}

// turns lets the cooperator do all its work.
func (t *transport) turns() {
	for len(t.clock.DelayedCalls()) != 0 {
		t.clock.Advance(0)
	}
}

func (t *transport) Cooperator() *task.Cooperator { return t.cooperator }

func (t *transport) PauseProducing()  { t.paused++ }
func (t *transport) ResumeProducing() { t.resumed++ }
func (t *transport) StopProducing() {
	t.stopped++
	if !t.later {
		t.body.End(errAborted)
	}
}

// reply makes a response without its body, which is to be written to that of the
// transport, and ended. headers are names and values in turn.
func reply(code int, headers ...string) (*response.Response, *transport) {
	clock := task.NewClock()
	t := &transport{clock: clock, cooperator: task.NewCooperator(clock, task.CooperatorConfig{})}
	t.body = response.NewBody(t)
	r := response.New(t.body)
	r.Version, r.Code, r.Phrase = "HTTP/1.1", code, http.StatusText(code)
	r.Header = make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r, t
}

// whole makes a response with all of its body.
func whole(code int, body string, headers ...string) *response.Response {
	r, t := reply(code, headers...)
	r.Length = int64(len(body))
	if body != "" {
		t.body.Write([]byte(body))
	}
	t.body.End(response.ErrDone)
	return r
}

// redirect makes a redirect with an empty body.
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
