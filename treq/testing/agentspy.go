package testing

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// An AgentSpy is an agent that sends nothing. It records its requests, for a test to check
// and to answer. It is for tests of agents that wrap another, and is treq's agent_spy.
// The zero value is ready to use.
type AgentSpy struct {
	// Requests are the recorded requests, in order.
	Requests []*RequestRecord
	// Cooperator runs readers that read the body of a response piece by piece. If it is
	// nil, such a reader fails with [request.ErrNoCooperator].
	Cooperator *task.Cooperator
}

// A RequestRecord is a request that an [AgentSpy] recorded.
type RequestRecord struct {
	// Request is the request, unchanged.
	Request *request.Request
	// Deferred is the result that the spy returned. A test calls Respond, or fires
	// Deferred itself, for example by Errback. When cancelled, Deferred fails with
	// [deferred.ErrCancelled].
	Deferred *response.Deferred

	cooperator *task.Cooperator
}

// The errors of a request that no agent can send.
var (
	errNoMethod = errors.New("AgentSpy: a request without a method")
	errNoURL    = errors.New("AgentSpy: a request without an absolute URL")
)

// Request records req; see [agent.Requester]. It fails at once if req lacks a method or a
// URL with a scheme and a host.
func (s *AgentSpy) Request(req *request.Request) *response.Deferred {
	switch {
	case req.Method == "":
		return deferred.Fail[*response.Response](errNoMethod)
	case req.URL == nil || req.URL.Scheme == "" || req.URL.Host == "":
		return deferred.Fail[*response.Response](errNoURL)
	}
	r := &RequestRecord{req, deferred.New[*response.Response](), s.Cooperator}
	s.Requests = append(s.Requests, r)
	return r.Deferred
}

var _ agent.Requester = (*AgentSpy)(nil)

// Respond fires Deferred with the response of reply, as [NewResponse] makes it. A reply that
// is a [HangUp] fails Deferred, and a [NoAnswer] does nothing.
func (r *RequestRecord) Respond(reply Reply) {
	checkResponse("RequestRecord.Respond", reply)
	switch reply.Ending {
	case NoAnswer:
	case HangUp:
		r.Deferred.Errback(agent.WithRequest(r.Request, &response.NeverReceivedError{Reasons: []error{reactor.ErrConnectionReset}}))
	default:
		r.Deferred.Callback(newResponse(reply, r.Request, r.cooperator))
	}
}
