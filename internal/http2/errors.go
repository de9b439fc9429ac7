package http2

// This file ends streams and connections because of what the peer did (RFC 9113, section 5.4).

import (
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// fail ends the connection. section is the section of RFC 9113 that the peer broke.
func (c *conn) fail(code wire.Code, kind wire.Kind, section, format string, args ...any) error {
	c.err = &wire.ConnectionError{Code: code, Kind: kind, Detail: detail(section, format, args...)}
	c.goingAway = true
	c.out = appendGoAway(c.out, c.lastPeer, uint32(code), string(kind))
	return c.err
}

// fault ends s by RST_STREAM.
func (c *conn) fault(s *Stream, code wire.Code, kind wire.Kind, section, format string, args ...any) (Event, error) {
	return c.faulty(s, &wire.StreamError{Stream: s.id, Code: code, Kind: kind, Detail: detail(section, format, args...)})
}

// malformed ends s, whose message breaks HTTP in the way of err (RFC 9113, section 8.1.1).
func (c *conn) malformed(s *Stream, err error) (Event, error) {
	e := &wire.StreamError{Stream: s.id, Code: wire.ProtocolError}
	var w *wire.Error
	if errors.As(err, &w) {
		e.Kind, e.Detail = w.Kind, w.Detail
	}
	return c.faulty(s, e)
}

func (c *conn) faulty(s *Stream, err *wire.StreamError) (Event, error) {
	if lost := c.refuse(s.id, err.Code, "streams that it broke"); lost != nil {
		return 0, lost
	}
	c.close(s)
	return c.reset(s, err), nil
}

// refuse resets a stream because of what the peer did.
func (c *conn) refuse(id uint32, code wire.Code, what string) error {
	if c.server {
		if err := c.provoked(what); err != nil {
			return err
		}
	}
	c.sendReset(id, code)
	return nil
}

func detail(section, format string, args ...any) string {
	return fmt.Sprintf(format, args...) + " (RFC 9113, section " + section + ")"
}
