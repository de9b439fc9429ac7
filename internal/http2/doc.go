// Package http2 implements HTTP/2 (RFC 9113) as a state machine without I/O: bytes in, events out; calls in, bytes out.
//
// A [Client] and a [Server] are the two ends of a connection. Both read in the way of package http1:
//
//	for {
//		n, ev, err := c.Next(in)
//		in = in[n:]
//		switch {
//		case err != nil:            // a *wire.ConnectionError: write Output, which ends with a GOAWAY, and close
//		case ev == http2.Head:      // c.Head(), of c.Stream(); a server calls Accept or Refuse
//		case ev == http2.Data:      // c.Data(), which is part of in; later c.Consumed
//		case ev == http2.End:       // the peer sends no more on c.Stream(); c.Trailer()
//		case ev == http2.Reset:     // c.Stream() ended early; c.StreamError()
//		case ev == http2.Room:      // more can be sent: see Turn
//		case ev == http2.NeedMore:  // in is used up: write Output
//		}
//	}
//
// Whatever a call or an event adds to be sent is in Output, in the order in which it has to be sent. A program writes
// Output at the end of each batch of calls, and before it writes what follows a DataHead. When the connection has ended,
// Finish says what that means, and Close gives back what the connection holds of a [Budget].
//
// # Files
//
//	config.go    what a program can set, and the defaults
//	events.go    what Next returns
//	conn.go      the driver: frames in, one event for each at most
//	stream.go    the streams that are open, and their states
//	control.go   RST_STREAM, PING, GOAWAY; the end of a connection
//	frames.go    the layout of frames
//	settings.go  the settings of both ends
//	blocks.go    header blocks, from HEADERS and CONTINUATION
//	fields.go    heads and trailers, as they are read
//	writer.go    heads, trailers and data, as they are written
//	table.go     single fields, as HPACK writes them
//	names.go     what is known of the names of headers
//	flow.go      windows, in both directions, and their growth
//	schedule.go  who sends first
//	abuse.go     what a peer may do for nothing
//	errors.go    the ends of streams and connections that the peer is to blame for
//	client.go, server.go  what differs between the two ends
//
// # Flow control
//
// Received data counts against the windows until Consumed; the windows grow where the peer is slowed down by them. A
// stream that has more to send than Room allows calls Wait, and sends when Turn names it.
//
// # Strict and lenient
//
// As in package http1, a Server reads strictly what two servers could understand differently, and a Client reads what
// browsers read: a name that is no token, control characters other than NUL, CR and LF in a value, blanks around it. What
// RFC 9113 calls malformed on purpose, because it may reach a hop that speaks HTTP/1.1, is refused by both: capitals in
// names, headers about the connection, pseudo-headers out of place.
//
// # What holds
//
// The tests hold the package to these rules:
//
//   - The same bytes give the same events, errors and Output, however they are split.
//   - Data is never copied on the way in: it is a part of the slice given to Next.
//   - Config bounds everything that the machine keeps, and what a peer can make it do.
//   - No frame follows the GOAWAY of an error.
//
// Nothing here reads, writes, waits, logs, locks, or starts a goroutine.
package http2
