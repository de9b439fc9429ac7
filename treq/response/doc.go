// Package response holds the answer to a request: a [Response], and the ways to read
// its body.
//
// A body is not read by itself. The program must read it, or discard it:
//
//	resp.Text()              all of it, as text in its charset
//	resp.Content()           all of it, as bytes
//	response.JSON[T](resp)   all of it, as a T; resp.JSON(&v) into a variable
//	resp.Collect(f)          piece by piece; f's error ends it
//	resp.CollectThen(f)      piece by piece, each when f's last Deferred has fired
//	resp.Reader(co)          as an io.Reader, in a coroutine
//	resp.DeliverBody(p)      by a protocol, which can pause the body
//	resp.Discard()           not at all; the connection becomes free
//
// Until then the connection is paused, and the server waits. The first three can be
// called again. The others can be called once if the request has the Unbuffered option or
// was sent by an agent without a client. A response that becomes unreachable unread has
// its connection closed.
//
// If the connection ends too early, reading fails with a [*FailedError], which has the
// reasons and the response.
//
// Everything here belongs to the goroutine of the reactor.
package response
