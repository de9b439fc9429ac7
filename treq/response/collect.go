package response

import (
	"errors"
	"slices"

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
	c.done = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { c.from.StopProducing() })
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
	if c.done.Called() {
		return
	}
	if err := c.collect(data); err != nil {
		c.from.StopProducing()
		if !c.done.Called() {
			c.done.Errback(err)
		}
	}
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
	if c.done.Called() {
		return
	}
	if complete(reason) {
		c.done.Callback(deferred.None{})
	} else {
		c.done.Errback(reason)
	}
}

// complete reports whether a body that ended for reason is all there, as far as
// can be known.
func complete(reason error) bool {
	return errors.Is(reason, ErrDone) || errors.Is(reason, ErrPotentialDataLoss)
}

// A whole is the body read all at once, for everyone who asks for Content.
type whole struct {
	length  int64
	buffer  *buffer // keeps the bytes, if there is one
	from    BodyTransport
	data    []byte
	ended   bool
	err     error
	waiters []*deferred.Deferred[[]byte]
}

// Content reads the whole body and fires with it. It may be called more than
// once: the body is read once, and every call gives the same bytes, which are
// not to be changed. Cancelling the last Deferred that waits for it closes the
// connection. It is treq.content.
func (r *Response) Content() *deferred.Deferred[[]byte] {
	if r.whole == nil {
		r.whole = &whole{length: r.Length, buffer: r.buffer}
		if err := r.DeliverBody(r.whole); err != nil {
			r.whole.end(err)
		}
	}
	return r.whole.wait()
}

func (w *whole) wait() *deferred.Deferred[[]byte] {
	if w.ended {
		d := deferred.New[[]byte]()
		d.Resolve(w.data, w.err)
		return d
	}
	d := deferred.NewCancellable(func(d *deferred.Deferred[[]byte]) {
		i := slices.Index(w.waiters, d)
		w.waiters = slices.Delete(w.waiters, i, i+1)
		if len(w.waiters) == 0 {
			w.from.StopProducing()
		}
	})
	w.waiters = append(w.waiters, d)
	return d
}

func (w *whole) ConnectionMade(t BodyTransport) { w.from = t }

func (w *whole) DataReceived(data []byte) {
	if w.buffer != nil {
		return
	}
	if w.data == nil && w.length > 0 {
		w.data = make([]byte, 0, min(w.length, maxPrealloc))
	}
	w.data = append(w.data, data...)
}

func (w *whole) ConnectionLost(reason error) {
	if w.buffer != nil {
		w.data = w.buffer.data
	}
	if complete(reason) {
		reason = nil
	}
	w.end(reason)
}

func (w *whole) end(err error) {
	w.ended, w.err = true, err
	if err != nil {
		w.data = nil
	} else if w.data == nil {
		w.data = []byte{}
	}
	waiters := w.waiters
	w.waiters = nil
	for _, d := range waiters {
		d.Resolve(w.data, w.err)
	}
}
