package reactor

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// deadlines records the write deadlines of a connection.
type deadlines struct {
	net.Conn
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// TestUndoInterrupt: after a write was interrupted, a closed socket has the deadline of Drain again, so that
// a peer that does not read cannot hold up the end of the loop. An open socket has none.
func TestUndoInterrupt(t *testing.T) {
	drain := time.Unix(1000, 0)
	for _, test := range []struct {
		closed bool
		limit  time.Time
		want   time.Time
	}{
		{false, time.Time{}, time.Time{}},
		{true, time.Time{}, time.Time{}},
		{false, drain, time.Time{}},
		{true, drain, drain},
	} {
		p := newPortablePoller()
		p.limit = test.limit
		conn := &deadlines{}
		s := &portableSocket{poller: p, conn: conn, closed: test.closed}
		p.undoInterrupt(s)
		if len(conn.set) != 1 || !conn.set[0].Equal(test.want) {
			t.Errorf("closed %v, Drain's limit %v: the deadlines are %v, want %v", test.closed, test.limit, conn.set, test.want)
		}
	}
}

// TestOneNotification: however often a socket becomes ready before the loop looks, its
// handler is called once, and once more for what comes during that call.
func TestOneNotification(t *testing.T) {
	p := newPortablePoller()
	s := &portableSocket{poller: p}
	h := &readyRecorder{}
	s.handler = h
	s.notify(Readable)
	s.notify(Writable)
	s.notify(Readable)
	h.during = func() { s.notify(Writable) }
	for range 3 {
		p.deliver()
	}
	if got := fmt.Sprint(h.got); got != fmt.Sprint([]Readiness{Readable | Writable, Writable}) {
		t.Errorf("the calls of Ready have %v", got)
	}
}

// A readyRecorder records calls of Ready, and calls during in the first of them.
type readyRecorder struct {
	Handler
	got    []Readiness
	during func()
}

func (r *readyRecorder) Ready(readiness Readiness) {
	r.got = append(r.got, readiness)
	if r.during != nil {
		r.during()
		r.during = nil
	}
}
