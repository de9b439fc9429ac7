package http1

// This file holds the names of what a reader tells its caller, and nothing else.

import "strconv"

// An Event is what a call of Next found. What goes with it is asked of the reader, and is valid
// until the next call of Next.
type Event uint8

const (
	// NeedMore: every byte given was used, and they do not make an event yet.
	NeedMore Event = iota
	// Informational: an interim response, 1xx but for 101, is in Head; the response itself is
	// still to come (RFC 9110, 15.2). Only from a ResponseReader.
	Informational
	// Head: the start line and the headers are in Head.
	Head
	// Data: a part of the body, never empty, is in Data.
	Data
	// End: the message is complete; Trailer has what followed a chunked body. The reader is idle
	// and uses no more bytes until Start.
	End
	// Upgraded: the head of a 101, or of a 2xx answer to CONNECT, is in Head, and the connection
	// no longer speaks HTTP/1.1. The reader uses no more bytes. Only from a ResponseReader.
	Upgraded
)

var eventNames = [...]string{"NeedMore", "Informational", "Head", "Data", "End", "Upgraded"}

// String is the event's name.
func (e Event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return "Event(" + strconv.Itoa(int(e)) + ")"
}

// A Version is the version of HTTP that a message names (RFC 9112, 2.3). The readers accept 1.0 and
// 1.1, and take a higher 1.x for 1.1.
type Version struct {
	Major, Minor uint8
}

// String is the version as on the wire: "HTTP/1.1".
func (v Version) String() string {
	switch v { // the two there are, without an allocation
	case http11:
		return "HTTP/1.1"
	case http10:
		return "HTTP/1.0"
	}
	return "HTTP/" + strconv.Itoa(int(v.Major)) + "." + strconv.Itoa(int(v.Minor))
}

var http10, http11 = Version{1, 0}, Version{1, 1}
