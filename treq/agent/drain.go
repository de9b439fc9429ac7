package agent

import (
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file reads the bodies of responses that another request follows: a redirect, a
// challenge, a failed try.

// drain reads the body of resp, which nobody wants, so that its connection becomes free. It
// closes the connection if nothing else ends the body. The Deferred fires when the reading
// ends; cancelling it closes the connection.
func drain(resp *response.Response) *deferred.Deferred[deferred.None] {
	if !delimited(resp) {
		resp.DeliverBody(refusal{})
		return deferred.Succeed(deferred.None{})
	}
	return discard(resp)
}

// delimited reports whether the body of resp ends before its connection does.
func delimited(resp *response.Response) bool {
	return resp.Length != response.UnknownLength || http1.HasToken(resp.Header["Transfer-Encoding"], "chunked") ||
		!strings.HasPrefix(resp.Version, "HTTP/1.")
}

// drainTime bounds the time for reading an unwanted body. Most arrive with their heads; a
// new connection costs less than a longer wait.
const drainTime = 250 * time.Millisecond

// discard is Discard of resp, but closes the connection after drainTime.
func discard(resp *response.Response) *deferred.Deferred[deferred.None] {
	return inTime(resp, resp.Discard())
}

// inTime cancels d, which fires when the body of resp is read, after drainTime. It returns d, and
// handles the error of the cancel.
func inTime[T any](resp *response.Response, d *deferred.Deferred[T]) *deferred.Deferred[T] {
	cooperator := resp.Cooperator()
	if d.Called() || cooperator == nil {
		return d
	}
	timer := cooperator.Clock().CallLater(drainTime, d.Cancel)
	return d.AddBoth(func(value T, _ error) (T, error) {
		if timer.Active() { // it is not why d fires
			timer.Cancel()
		}
		return value, nil
	})
}
