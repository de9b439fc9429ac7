package response

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/sourcegraph/conc/panics"
)

// Collect calls collector with each piece of the body as it comes, and fires
// once all of it has come. A piece is valid until collector returns. If
// collector fails, the connection is closed and the Deferred fails with its
// error. Cancelling the Deferred closes the connection.
//
// The body can be collected once only, unless it is buffered. It is treq.collect.
func (r *Response) Collect(collector func(data []byte) error) *deferred.Deferred[deferred.None] {
	if collector == nil {
		panic("response: Collect with a nil collector")
	}
	c := &collection{collector: collector}
	c.done = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { c.stop(deferred.ErrCancelled) })
	if err := r.DeliverBody(c); err != nil {
		c.done.Errback(err)
	}
	return c.done
}

// A collection is the reader of one Collect.
type collection struct {
	collector func([]byte) error
	done      *deferred.Deferred[deferred.None]
	from      BodyTransport
}

func (c *collection) ConnectionMade(t BodyTransport) { c.from = t }

func (c *collection) DataReceived(data []byte) {
	if err := c.collect(data); err != nil && !c.done.Called() {
		c.stop(err)
	}
}

// stop ends the collection because of err. That is said first: some bodies end as
// soon as they are stopped.
func (c *collection) stop(err error) {
	c.done.Errback(err)
	c.from.StopProducing()
}

// collect calls the collector; a panic is its error.
func (c *collection) collect(data []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			r := panics.NewRecovered(1, v)
			err = &deferred.PanicError{Value: r.Value, Stack: r.Stack}
		}
	}()
	return c.collector(data)
}

func (c *collection) ConnectionLost(reason error) {
	if !c.done.Called() {
		c.done.Resolve(deferred.None{}, failure(reason))
	}
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
