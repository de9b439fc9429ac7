package http2

import "strconv"

// An Event is the result of a call of Next.
type Event uint8

const (
	// NeedMore: all bytes are used, and the next event needs more.
	NeedMore Event = iota
	// Settings: the peer's settings have come, or changed. See MaxStreams and ConnectProtocol.
	Settings
	// Head: at a client, the final response of Stream; at a server, a new request, which the caller accepts or refuses
	// before the next call of Next.
	Head
	// Informational: an interim response of Stream. Only from a Client.
	Informational
	// Data: Data has bytes of Stream's body. It is never empty.
	Data
	// End: the peer's side of Stream has ended. Trailer has the trailers, or nil.
	End
	// Reset: Stream ended early, by the peer or because of it. StreamError says why. No event of it follows.
	Reset
	// Room: a window has grown, and Turn names streams that wait.
	Room
	// PingAck: the answer to Ping. Pinged has its data.
	PingAck
	// GoAway: the peer opens no more streams (at a server), or takes no more (at a client). GoneAway says why. At a
	// client, Reset events with NotProcessed follow for the streams that it left out.
	GoAway
)

var eventNames = [...]string{"NeedMore", "Settings", "Head", "Informational", "Data", "End", "Reset", "Room", "PingAck", "GoAway"}

// String returns the name of the event.
func (e Event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return "Event(" + strconv.Itoa(int(e)) + ")"
}
