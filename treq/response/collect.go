package response

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// Collect calls collector with each piece of the body as it arrives, and fires after the
// last piece. A piece is valid until collector returns. If collector fails, the
// connection is closed and the Deferred fails with collector's error. Cancelling the
// Deferred closes the connection.
//
// When the calls for one read have taken 10 ms, the remaining calls wait for later turns
// of the loop, and the connection is not read before they are made. So a slow collector
// slows down the server, but nothing else. The Deferred fails with
// request.ErrNoCooperator if the body has no Cooperator to run the later calls.
//
// The body can be collected only once, unless it is buffered. It is treq.collect.
func (r *Response) Collect(collector func(data []byte) error) *deferred.Deferred[deferred.None] {
	if collector == nil {
		panic("response: Collect with a nil collector")
	}
	return r.collect(&collection{
		collector: func(data []byte) (task.Wait, error) { return nil, collector(data) },
	})
}

// CollectThen is [Response.Collect] for an asynchronous collector. The collector returns
// a Deferred that fires when the piece is processed, or nil if it is processed already.
// Until then the body is paused and the piece stays valid. If the collector's Deferred
// fails, the connection is closed and the Deferred of CollectThen fails with the same
// error. If the body ends early or CollectThen is cancelled, the collector's Deferred is
// cancelled.
//
// [task.WaitFor] converts a Deferred of another type.
func (r *Response) CollectThen(collector func(data []byte) *deferred.Deferred[deferred.None]) *deferred.Deferred[deferred.None] {
	if collector == nil {
		panic("response: CollectThen with a nil collector")
	}
	var piece []byte
	return r.collect(&collection{
		collector: func(data []byte) (task.Wait, error) {
			piece = append(piece[:0], data...)
			return collector(piece), nil
		},
	})
}

// failure returns the error of a body that ended for reason. It returns nil if the body
// is complete, as far as the protocol can tell.
func failure(reason error) error {
	if errors.Is(reason, ErrDone) || errors.Is(reason, ErrPotentialDataLoss) {
		return nil
	}
	return reason
}
