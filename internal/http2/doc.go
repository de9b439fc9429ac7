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
// Output at the end of each batch of calls, and before it writes what follows a DataHead.
//
// Flow control. Received data counts against the windows until Consumed; the windows grow where the peer is slowed
// down by them. A stream that has more to send than Room allows calls Wait, and sends when Turn names it.
//
// The fuzz tests hold the package to three rules:
//
//   - The same bytes give the same events and the same errors, however they are split.
//   - Data is never copied on the way in: it is a part of the slice given to Next.
//   - Config bounds everything that the machine keeps, and what a peer can make it do.
//
// Nothing here reads, writes, waits, logs, locks, or starts a goroutine.
package http2
