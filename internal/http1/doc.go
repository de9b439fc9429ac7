// Package http1 implements HTTP/1.1 (RFC 9112) as a state machine without I/O: bytes in, events out.
//
// A [ResponseReader] is the client's side and a [RequestReader] the server's. A reader belongs to one connection
// and reads the messages on it one after another:
//
//	r.Start("GET")
//	for {
//		n, ev, err := r.Next(in)
//		in = in[n:]
//		switch {
//		case err != nil:            // not HTTP: err says why; close the connection
//		case ev == http1.Head:      // r.Head()
//		case ev == http1.Data:      // r.Data(), which is part of in
//		case ev == http1.End:       // r.Trailer(); in now begins after the message
//		case ev == http1.NeedMore:  // in is used up: call again with more
//		}
//	}
//
// When the connection ends, Finish reports whether the message ended with it or was cut short.
//
// The fuzz tests hold the package to three rules:
//
//   - The same bytes give the same events and the same error, however they are split.
//   - Body bytes are never copied: Data is a part of the slice given to Next. A head is copied into a buffer
//     only if it arrives in pieces.
//   - [wire.Limits] bounds what a reader keeps of a message before it reports an event.
//
// [AppendRequestHead], [AppendResponseHead], [AppendChunk] and [AppendLastChunk] write messages to a buffer.
//
// Nothing here reads, writes, waits, logs, locks, or starts a goroutine.
package http1
