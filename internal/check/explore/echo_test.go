package explore

import (
	"bytes"
	"errors"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has requests that switch to another protocol, in the form of a WebSocket: the server sends back what it gets.

// An echoing is the resource that agrees to it.
type echoing struct {
	web.Leaf
	w *world
	o *origin
}

func (r *echoing) Render(req *web.Request) {
	c := r.w.callOf(r.o, req.Path)
	c.served(req)
	if c.ends != "" {
		c.abort()
		req.Fail(errServer)
		return
	}
	c.header(req.ResponseHeader)
	delete(req.ResponseHeader, "Content-Length")
	if err := req.SwitchProtocol(&echo{call: c}); err != nil {
		r.w.problem("request %d: SwitchProtocol: %v", c.id, err)
	}
}

// An echo is the server's end.
type echo struct {
	call *call
	t    reactor.Transport
	lost int
}

func (e *echo) ConnectionMade(t reactor.Transport) {
	e.t = t
	e.call.echoes++
	t.RegisterProducer(t) // it is read no faster than it is written
}

func (e *echo) DataReceived(data []byte) { e.t.Write(data) }

func (e *echo) ConnectionLost(error) {
	e.call.echoes--
	if e.lost++; e.lost > 1 {
		e.call.w.problem("request %d: the server's end of the other protocol is lost %d times", e.call.id, e.lost)
	}
	e.t.UnregisterProducer()
}

// switches speaks the other protocol.
func (c *call) switches(resp *response.Response) {
	if resp.Upgrade == nil {
		c.w.problem("request %d: no Upgrade", c.id)
		c.readEnds++
		return
	}
	u := &speaker{call: c}
	c.speaking = u
	if c.w.faulty {
		u.limit = c.user.machine.CallLater(20*time.Second, u.giveUp)
	}
	resp.Upgrade.SwitchProtocol(u)
	if c.cancelled {
		u.giveUp()
	}
}

// A speaker is the client's end.
type speaker struct {
	call   *call
	t      reactor.Transport
	limit  reactor.DelayedCall
	sent   int
	got    int
	waits  bool // a piece is to be written later
	gaveUp bool
}

func (u *speaker) ConnectionMade(t reactor.Transport) {
	u.t = t
	u.later()
}

func (u *speaker) later() {
	if !u.waits {
		u.waits = true
		u.call.user.machine.CallLater(u.call.pause, u.write)
	}
}

func (u *speaker) write() {
	u.waits = false
	c := u.call
	if c.readEnds != 0 {
		return
	}
	if n := min(c.piece, len(c.upload)-u.sent); n > 0 {
		u.sent += n
		u.t.Write(c.upload[u.sent-n : u.sent])
		u.later()
	} else if u.got == len(c.upload) {
		u.t.LoseConnection()
	}
}

func (u *speaker) DataReceived(data []byte) {
	c := u.call
	if u.got+len(data) > u.sent || !bytes.Equal(data, c.upload[u.got:u.got+len(data)]) {
		c.w.problem("request %d: %d bytes of the other protocol are wrong from %d on", c.id, len(data), u.got)
		u.t.AbortConnection()
		return
	}
	if u.got += len(data); u.got == len(c.upload) {
		u.t.LoseConnection()
	}
}

func (u *speaker) giveUp() {
	u.gaveUp = true
	u.t.AbortConnection()
}

func (u *speaker) ConnectionLost(reason error) {
	c := u.call
	if c.readEnds++; c.readEnds > 1 {
		c.w.problem("request %d: the other protocol is lost %d times", c.id, c.readEnds)
	}
	if u.limit != nil && u.limit.Active() {
		u.limit.Cancel()
	}
	c.w.note("%d: spoke %d bytes of %d: %v", c.id, u.got, len(c.upload), reason)
	switch {
	case u.got == len(c.upload):
		c.w.counts.switched++
		c.w.counts.whole++
		return
	case u.gaveUp && errors.Is(reason, reactor.ErrConnectionAborted):
	default:
		c.judge("other protocol", reason)
	}
	c.failed(reason)
}
