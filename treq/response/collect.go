package response

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// Collect calls collector with each piece of the body as it comes, and fires
// once all of it has come. A piece is valid until collector returns. If
// collector fails, the connection is closed and the Deferred fails with its
// error. Cancelling the Deferred closes the connection.
//
// The calls are the steps of a cooperative task, which the reactor schedules: those
// that come within a read are made at once, until they have taken 10 ms; the rest
// wait for later turns of the loop, and meanwhile the connection is not read. So a
// slow collector slows the server down, and starves nobody.
//
// The body can be collected once only, unless it is buffered. It is treq.collect.
func (r *Response) Collect(collector func(data []byte) error) *deferred.Deferred[deferred.None] {
	if collector == nil {
		panic("response: Collect with a nil collector")
	}
	return r.collect(&collection{
		collector: func(data []byte) (task.Wait, error) { return nil, collector(data) },
	})
}

// CollectThen is [Response.Collect] for a collector whose work with a piece takes
// longer: it returns a Deferred that fires when that is done, or nil if it is. Until
// then the body is paused, and the piece valid. If that Deferred fails, the
// connection is closed, and the one of CollectThen fails with the error. If the body
// ends early, or the collecting is cancelled, it is cancelled.
//
// A Deferred of another type becomes one of this by [task.WaitFor].
func (r *Response) CollectThen(collector func(data []byte) *deferred.Deferred[deferred.None]) *deferred.Deferred[deferred.None] {
	if collector == nil {
		panic("response: CollectThen with a nil collector")
	}
	return r.collect(&collection{
		collector: func(data []byte) (task.Wait, error) { return collector(data), nil },
		keeps:     true,
	})
}

// failure is the error of a body that ended for reason: none if it is all there,
// as far as can be known.
func failure(reason error) error {
	if errors.Is(reason, ErrDone) || errors.Is(reason, ErrPotentialDataLoss) {
		return nil
	}
	return reason
}

// Content reads the whole body and fires with it. It may be called more than
// once, and also has the body buffered for whatever else is to read it: every
// call gives the same bytes, which are not to be changed. Cancelling the last
// Deferred that waits for the body closes the connection. It fails with a
// [*FailedError] if the body does not come whole. It is treq.content.
func (r *Response) Content() *deferred.Deferred[[]byte] {
	r.Buffer()
	return r.buffer.content(r)
}
