// Package response has the response to a request: a [Response], and the ways to read its
// body.
//
// The program must read the body, or discard it:
//
//	resp.Text()              the whole body, as text in its charset
//	resp.Content()           the whole body, as bytes
//	response.JSON[T](resp)   the whole body, as a T; resp.JSON(&v) into a variable
//	resp.Collect(f)          piece by piece; an error of f ends the reading
//	resp.CollectThen(f)      piece by piece, each when f's last Deferred has fired
//	resp.Reader(co)          as an io.Reader, in a coroutine
//	resp.DeliverBody(p)      through a protocol, which can pause the body
//	resp.Discard()           not at all; the connection becomes free for others
//
// Until then the connection is paused, and the server waits. The first three can be
// called again. The others can be called once if the request has the Unbuffered option or
// was sent by an agent without a client. If a response becomes unreachable unread, its
// connection is closed.
//
// If the connection ends too early, the reading fails with a [*FailedError], which has
// the reasons and the response.
//
// Everything here belongs to the goroutine of the reactor.
package response
