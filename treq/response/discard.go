package response

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// DiscardLimit bounds the bytes of a body that [Response.Discard] reads.
const DiscardLimit = 256 << 10

// Discard reads the body and drops it, so that its connection can be used again. Call it
// for a response whose body is not wanted. If the body is longer than [DiscardLimit],
// Discard closes the connection instead, which costs less.
//
// The Deferred fires when the body is read or given up, and never fails. If the body
// already has a reader, Discard has no effect.
func (r *Response) Discard() *deferred.Deferred[deferred.None] {
	hasBody := (r.Request == nil || r.Request.Method != http.MethodHead) && r.Code != http.StatusNotModified
	d := &discarder{tooLong: r.Length > DiscardLimit && hasBody}
	d.done.Init(d)
	if err := r.DeliverBody(d); err != nil {
		d.finish()
	}
	return &d.done
}

type discarder struct {
	done      deferred.Deferred[deferred.None]
	transport BodyTransport
	read      int
	tooLong   bool
}

// CancelDeferred closes the connection.
func (d *discarder) CancelDeferred(*deferred.Deferred[deferred.None]) { d.transport.StopProducing() }

func (d *discarder) ConnectionMade(t BodyTransport) {
	d.transport = t
	if d.tooLong {
		d.stop()
	}
}

func (d *discarder) DataReceived(data []byte) {
	d.read += len(data)
	if d.read > DiscardLimit && !d.tooLong {
		d.tooLong = true
		d.stop()
	}
}

func (d *discarder) ConnectionLost(error) { d.finish() }

// stop gives up the remaining body, without waiting for the connection to close.
func (d *discarder) stop() {
	d.transport.StopProducing()
	d.finish()
}

func (d *discarder) finish() {
	if !d.done.Called() {
		d.done.Callback(deferred.None{})
	}
}
