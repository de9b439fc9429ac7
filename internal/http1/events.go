package http1

// This file holds the events that a reader reports.

import (
	"strconv"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// An Event is the result of a call of Next. Its Head, Data or Trailer is valid until the next call of Next.
type Event uint8

const (
	// NeedMore: all bytes are used, and the next event needs more.
	NeedMore Event = iota
	// Informational: Head has an interim response, 1xx but not 101. The response is still to come
	// (RFC 9110, section 15.2). Only from a ResponseReader.
	Informational
	// Head: Head has the start line and the headers.
	Head
	// Data: Data has a part of the body. It is never empty.
	Data
	// End: the message is complete, and Trailer has the trailers of a chunked body. The reader is idle
	// and uses no more bytes until Start.
	End
	// Upgraded: Head has a 101 or a 2xx response to CONNECT, and the connection no longer speaks
	// HTTP/1.1. The reader uses no more bytes. Only from a ResponseReader.
	Upgraded
)

var eventNames = [...]string{"NeedMore", "Informational", "Head", "Data", "End", "Upgraded"}

// String returns the name of the event.
func (e Event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return "Event(" + strconv.Itoa(int(e)) + ")"
}

// A Version is the version of HTTP in a start line (RFC 9112, section 2.3). The readers accept every 1.x and
// read a version above 1.1 like 1.1.
type Version struct {
	Major, Minor uint8
}

var http10, http11 = Version{1, 0}, Version{1, 1}

// String returns the version as on the wire: "HTTP/1.1".
func (v Version) String() string {
	switch v { // the usual ones cost no allocation
	case http11:
		return "HTTP/1.1"
	case http10:
		return "HTTP/1.0"
	}
	return "HTTP/" + strconv.Itoa(int(v.Major)) + "." + strconv.Itoa(int(v.Minor))
}

// parseVersion parses the HTTP-version of line, a start line.
func parseVersion[T string | []byte](text, line T) (Version, error) {
	if len(text) == 8 && string(text[:7]) == "HTTP/1." && isDigit(text[7]) {
		return Version{1, text[7] - '0'}, nil
	}
	return Version{}, errorf(wire.ErrVersion, "in %s", quote(line))
}
