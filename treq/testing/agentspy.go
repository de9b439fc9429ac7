package testing

import (
	"errors"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// An AgentSpy is an agent that sends nothing: it records the requests that it is to
// send, for a test to look at and to answer. It is for tests of agents that wrap
// another, and treq's agent_spy. The zero value is ready for use.
type AgentSpy struct {
	// Requests are the requests so far, the first first.
	Requests []*RequestRecord
	// Cooperator runs what reads the bodies of responses piece by piece. Without one,
	// such a reader fails with [request.ErrNoCooperator].
	Cooperator *task.Cooperator
}

// A RequestRecord is a request that an [AgentSpy] was to send.
type RequestRecord struct {
	// Request is the request, which the spy has not changed.
	Request *request.Request
	// Deferred is what the spy has returned. A test makes it fire, by Errback for
	// example, or has Respond do so. It can be cancelled: it then fails with
	// [deferred.ErrCancelled].
	Deferred *deferred.Deferred[*response.Response]

	cooperator *task.Cooperator
}

// Errors of an AgentSpy, for a request that no agent could send.
var (
	errNoMethod = errors.New("AgentSpy: a request without a method")
	errNoURL    = errors.New("AgentSpy: a request without an absolute URL")
)

// Request records req; see [agent.Requester]. It fails at once if req is not
// complete: if it has no method, or no URL with a scheme and a host.
func (s *AgentSpy) Request(req *request.Request) *deferred.Deferred[*response.Response] {
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

// Respond makes Deferred fire with a response that is as reply says, whole.
func (r *RequestRecord) Respond(reply Reply) {
	code := reply.status()
	body := response.NewBody(wholeBody{r.cooperator})
	body.Write([]byte(reply.Body))
	body.End(response.ErrDone)
	resp := response.New(body)
	resp.Version = "HTTP/1.1"
	resp.Code = code
	resp.Phrase = http.StatusText(code)
	resp.Header = canonical(reply.Headers)
	resp.Length = int64(len(reply.Body))
	resp.Request = r.Request
	r.Deferred.Callback(resp)
}

// wholeBody is the transport of a body that is there already.
type wholeBody struct{ cooperator *task.Cooperator }

func (wholeBody) PauseProducing()                {}
func (wholeBody) ResumeProducing()               {}
func (wholeBody) StopProducing()                 {}
func (b wholeBody) Cooperator() *task.Cooperator { return b.cooperator }
