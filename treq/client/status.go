package client

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// RaiseForStatus(true) makes a response with the status 400 or above the error of the
// request, a [*response.StatusError], which has the response and the beginning of its body.
// See [response.Response.RaiseForStatus]. The default is false, as in treq.
//
// [TotalTimeout], [ReadTimeout], [MaxSize] and [Decoding] cover the reading of the body. If one
// of them ends it, the StatusError has what came before, and errors.As finds that error too.
//
// [response.JSONOr] is for responses of requests without this option.
type RaiseForStatus bool

func (r RaiseForStatus) apply(s *settings) error {
	s.raiseForStatus = bool(r)
	return nil
}

// raise makes an error status of d, the response to req, an error, if s says so.
func (s *settings) raise(d *response.Deferred, req *request.Request) *response.Deferred {
	if !s.raiseForStatus {
		return d
	}
	return d.ThenCallback((*response.Response).RaiseForStatus).AddErrback(func(err error) (*response.Response, error) {
		var status *response.StatusError
		if errors.As(err, &status) {
			return nil, err
		}
		return nil, agent.WithRequest(req, err) // err is that of a cancel
	})
}
