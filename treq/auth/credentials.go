package auth

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Credentials authorize requests. They can be used for many requests, even at the same
// time, but only on the goroutine of one reactor.
type Credentials interface {
	// Authorize adds Authorization to req, or nothing if it knows no challenge yet.
	// It may change req. If it keeps an Authorization that req already has, Answered
	// is not called.
	//
	// The result is nil if req is ready at once, which is the usual case. Otherwise req
	// is sent when the Deferred fires, and not at all if it fails: [deferred.Fail] is
	// the result for an error. Cancelling the request cancels the Deferred.
	Authorize(req *request.Request) *deferred.Deferred[deferred.None]
	// Answered handles the response to an authorized request, before the body is
	// read. again means that the request must be authorized and sent once more. An
	// error means that the response cannot be trusted.
	Answered(req *request.Request, resp *response.Response) (again bool, err error)
}

// ErrInvalid is the error of a user name or password that cannot be sent.
var ErrInvalid = errors.New("not credentials that can be sent")
