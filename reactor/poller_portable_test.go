package reactor

import (
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
