package agent

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file has the requests that wait for the settings of a new connection. Most do not wait: the server refuses those
// that are too many, and they are sent again. Two kinds wait:
//
//   - An extended CONNECT, which the settings offer or not.
//   - A request with a body that can be sent only once. If the server refused it, the body would be lost. The first stream of
//     a connection does not wait, since every limit but 0 allows it.

// A settingsWait is the carrier of an exchange that waits for the settings of its connection. It has sent nothing.
type settingsWait struct {
	carrier // nil: the exchange has no body under way
	c       *http2Connection
	x       *exchange
}

// maySend reports whether x can be sent now. If not, x waits, or err says why it cannot be sent at all.
func (c *http2Connection) maySend(x *exchange) (ok bool, err error) {
	extended := x.webSocket || protocolOf(x.request) != ""
	switch {
	case !c.settled && (extended || c.client.Streams() != 0 && !request.Repeatable(x.request.Body)):
		w := &settingsWait{c: c, x: x}
		x.carrier = w
		c.waits = append(c.waits, w)
		c.sent++
		c.place()
		c.expectLife()
		return false, nil
	case extended && !c.client.ConnectProtocol():
		return false, errConnectNotSet
	}
	return true, nil
}

// abort implements carrier.
func (w *settingsWait) abort(error) {
	w.c.enter()
	w.leave()
	w.c.settle()
	w.c.leave()
}

// leave ends the wait.
func (w *settingsWait) leave() {
	c := w.c
	if i := slices.Index(c.waits, w); i >= 0 {
		c.waits = slices.Delete(c.waits, i, i+1)
		c.sent--
		w.x.carrier = nil
	}
}

// sendWaiting sends the exchanges that have waited for the settings, which have come.
func (c *http2Connection) sendWaiting() {
	c.settled = true
	for len(c.waits) != 0 && c.broken == nil {
		w := c.waits[0]
		w.leave()
		if !c.room() { // the settings allow fewer streams than were waited for
			c.pool.drop(&c.pooled)
			w.x.agent.resend(w.x)
		} else if err := c.send(w.x); err != nil {
			w.x.fail(err)
		}
	}
}

// failWaiting ends the exchanges that wait for the settings of a connection that has ended.
func (c *http2Connection) failWaiting(reasons []error) {
	for len(c.waits) != 0 {
		w := c.waits[0]
		w.leave()
		w.x.fail(&response.NeverReceivedError{Reasons: reasons})
	}
}
