package response

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// DiscardLimit is how much of a body [Response.Discard] reads.
const DiscardLimit = 256 << 10

// Discard reads the body and drops it, so that its connection can be used again.
// That is what to do with a response whose body nobody wants. If it is longer than
// [DiscardLimit], the connection is closed instead, which costs less.
//
// The Deferred fires when that is over; it does not fail. If the body has a reader
// already, it is left to that one.
func (r *Response) Discard() *deferred.Deferred[deferred.None] {
	hasBody := (r.Request == nil || r.Request.Method != http.MethodHead) && r.Code != http.StatusNotModified
	d := &discarding{tooLong: r.Length > DiscardLimit && hasBody}
	d.done = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { d.from.StopProducing() })
	if err := r.DeliverBody(d); err != nil {
		d.finish()
	}
	return d.done
}

// A discarding is the reader of a body that nobody wants.
type discarding struct {
	from    BodyTransport
	done    *deferred.Deferred[deferred.None]
	read    int
	tooLong bool
}

func (d *discarding) ConnectionMade(t BodyTransport) {
	d.from = t
	if d.tooLong {
		d.stop()
	}
}

func (d *discarding) DataReceived(data []byte) {
	d.read += len(data)
	if d.read > DiscardLimit && !d.tooLong {
		d.tooLong = true
		d.stop()
	}
}

func (d *discarding) ConnectionLost(error) { d.finish() }

// stop gives the rest of the body up. That the connection is gone need not be
// waited for.
func (d *discarding) stop() {
	d.from.StopProducing()
	d.finish()
}

func (d *discarding) finish() {
	if !d.done.Called() {
		d.done.Callback(deferred.None{})
	}
}
