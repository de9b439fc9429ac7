package testing

import (
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file makes responses without a server.

// NewResponse returns the response of reply, for the test of a function that takes a response.
// There is no server, and no request: the test may set the response's Request. The whole body
// has arrived, with its Pieces. After a [Stall] the body has no end until its reader gives up,
// and after a [BreakOff] it ends with a [*response.FailedError].
//
// A response without a server has no clock. So NewResponse panics if reply has a Delay, or a
// piece that comes later, as it does if reply is not valid, or is a [NoAnswer] or a [HangUp].
func NewResponse(reply Reply) *response.Response {
	checkResponse("NewResponse", reply)
	if e := reply.Ending; e == NoAnswer || e == HangUp {
		panic(fmt.Sprintf("testing: NewResponse: the reply's Ending: a %v is no response", e))
	}
	return newResponse(reply, nil, task.NewCooperator(task.NewClock(), task.CooperatorConfig{}))
}

// checkResponse panics if there is no response of reply without a server.
func checkResponse(caller string, reply Reply) {
	err := reply.check()
	switch {
	case err != nil:
	case reply.Delay != 0:
		err = fmt.Errorf("the reply's Delay: %v needs a clock, which a StubTreq has", reply.Delay)
	default:
		for i, p := range reply.Pieces {
			if p.After != 0 {
				err = fmt.Errorf("the reply's Pieces: %v, the After of piece %d of %d, needs a clock, which a StubTreq has", p.After, i+1, len(reply.Pieces))
				break
			}
		}
	}
	if err != nil {
		panic(fmt.Errorf("testing: %s: %w", caller, err))
	}
}

// newResponse returns the response of a valid reply. cooperator may be nil.
func newResponse(reply Reply, req *request.Request, cooperator *task.Cooperator) *response.Response {
	t := &arrived{cooperator: cooperator}
	body := response.NewBody(t)
	resp := response.New(body)
	t.response, t.body = resp, body
	resp.Version = "HTTP/1.1"
	resp.Code = reply.status()
	resp.Phrase = http.StatusText(resp.Code)
	resp.Header = canonical(reply.Headers)
	resp.Request = req
	text := reply.body()
	if length, _ := reply.length(); length >= 0 {
		resp.Length = length
	} else if reply.isWhole() {
		resp.Length = int64(len(text))
	}
	body.Write([]byte(text))
	switch reply.Ending {
	case Finish:
		body.End(response.ErrDone)
	case BreakOff:
		t.fail(reactor.ErrConnectionLost)
	}
	return resp
}

// arrived is the transport of a body that has arrived.
type arrived struct {
	cooperator *task.Cooperator
	response   *response.Response
	body       *response.Body
}

func (*arrived) PauseProducing()  {}
func (*arrived) ResumeProducing() {}

// StopProducing ends a body that has no end.
func (a *arrived) StopProducing() { a.fail(reactor.ErrConnectionAborted) }

func (a *arrived) Cooperator() *task.Cooperator { return a.cooperator }

func (a *arrived) fail(reason error) {
	a.body.End(&response.FailedError{Reasons: []error{reason}, Response: a.response})
}
