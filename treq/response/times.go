package response

import "time"

// Times says how long a request took, and each part of it, by the clock of the reactor.
//
//	Start                                                              the end
//	├ Earlier ┼ Queued ┼ Lookup ┼ Connect ┼ TLS ┬─── FirstByte ───┬ the body ┤
//	│                                           └ Sent ┘                     │
//	└────────────────────────────── Total ───────────────────────────────────┘
//
// The parts are those of the last request that was sent. What came before, such as redirects,
// challenges and tries that failed, is in Earlier.
//
// A part is 0 if it did not happen: a reused connection needs no Lookup, Connect and TLS. Some
// parts also are 0 if the agent does not call the hooks of package net/http/httptrace.
type Times struct {
	// Start is when the program made the request.
	Start time.Time
	// Earlier is the time from Start to the last request that was sent.
	Earlier time.Duration
	// Queued is the wait for a place among the connections to the server. The connecting of
	// an agent with an EndpointFactory counts as Queued.
	Queued time.Duration
	// Lookup is the time for the addresses of the name.
	Lookup time.Duration
	// Connect is the time for connecting, to one or more of the addresses.
	Connect time.Duration
	// TLS is the time of the handshake.
	TLS time.Duration
	// Sent is the time from having a connection to having sent the request with its body.
	Sent time.Duration
	// FirstByte is the time from having a connection to the first byte of the response.
	FirstByte time.Duration
	// Total is the time from Start to the end of the body, or to the head while the body
	// has not ended.
	Total time.Duration
	// Reused says that the connection had carried a request before.
	Reused bool
	// Local and Remote are the addresses of the connection. "" if the agent does not tell.
	Local, Remote string
}
