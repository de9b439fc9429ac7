package reactor

import (
	"io"
	"net"
)

// Asleep reports whether the loop may be waiting in its poller.
func (l *Loop) Asleep() bool { return l.phase.Load() == asleep }

// LimitBuffers makes the system's buffers for t's connection small, so that a test
// can fill them with little data. It does nothing to a connection without such
// buffers.
func LimitBuffers(t Transport, size int) error {
	switch t := t.(type) {
	case *tlsConnection:
		return LimitBuffers(t.below, size)
	case *connection:
		if s, ok := t.socket.(interface{ limitBuffers(size int) error }); ok {
			return s.limitBuffers(size)
		}
	}
	return nil
}

func (s *portableSocket) limitBuffers(size int) error {
	c, ok := s.conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	if err := c.SetReadBuffer(size); err != nil {
		return err
	}
	return c.SetWriteBuffer(size)
}

// Anonymous reports whether the loop has not found out on which goroutine it runs its turn.
func (l *Loop) Anonymous() bool { return anonymous.Load() == l }

// ForgetUnwound undoes what a panic or runtime.Goexit in a turn leaves behind.
func ForgetUnwound() { anonymous.Store(nil) }

// Undecrypted returns the number of bytes that t, a connection with TLS, has received and keeps
// undecrypted.
func Undecrypted(t Transport) int { return len(t.(*tlsConnection).in) }

// InspectableCount returns the number of inspectables that r keeps, dead ones included.
func InspectableCount(r Reactor) int { return len(r.Locals().inspectables.all) }

// DumpNoLoops is Dump of a process without a loop.
func DumpNoLoops(w io.Writer) error { return dumpRuns(w, func(func(l, run any) bool) {}) }
