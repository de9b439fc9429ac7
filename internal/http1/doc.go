// Package http1 is HTTP/1.1 (RFC 9112) as a state machine without I/O, for both sides of the wire:
// bytes in, events out.
//
// A [ResponseReader] is the client's side and a [RequestReader] the server's. Each belongs to one
// connection and is used again for each message on it:
//
//	r.Start("GET")
//	for {
//		n, ev, err := r.Next(in)
//		in = in[n:]
//		switch {
//		case err != nil:            // not HTTP: err says what was wrong; close the connection
//		case ev == http1.Head:      // r.Head()
//		case ev == http1.Data:      // r.Data(), which is part of in
//		case ev == http1.End:       // r.Trailer(); what is left of in is not this message's
//		case ev == http1.NeedMore:  // all of in was used: call again when there is more
//		}
//	}
//
// When the connection ends, Finish says whether the message ended with it or was cut short.
//
// Three rules hold throughout, and the fuzz tests hold the package to them:
//
//   - The same bytes give the same events and the same error however they are split.
//   - Body bytes are never copied: the payload of a Data event is a part of the slice given to Next.
//     A head is copied into a buffer only if it did not arrive whole.
//   - What is kept of a message before its event is given is bounded by [wire.Limits].
//
// Nothing here reads, writes, waits, logs, locks, or starts a goroutine.
//
// The other direction is a set of functions that append to a buffer: [AppendRequestHead],
// [AppendResponseHead], [AppendChunk], [AppendLastChunk].
package http1
