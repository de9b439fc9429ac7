// Package response has the response to a request: a [Response], and the ways to read its
// body.
//
// The program must read the body, or discard it:
//
//	resp.Text()              the whole body, as text in its charset
//	resp.Content()           the whole body, as bytes
//	response.JSON[T](resp)   the whole body, as a T; resp.JSON(&v) into a variable
//	response.XML[T](resp)    the same for XML; resp.XML(&v) into a variable
//	resp.Form()              the whole body, as a form
//	resp.Collect(f)          piece by piece; an error of f ends the reading
//	resp.CollectThen(f)      piece by piece, each when f's last Deferred has fired
//	resp.Reader(co)          as an io.Reader, in a coroutine
//	resp.DeliverBody(p)      through a protocol, which can pause the body
//	resp.Discard()           not at all; the connection becomes free for others
//
// Until then the connection is paused, and the server waits. The first five can be
// called again. The others can be called once if the request has the Unbuffered option or
// was sent by an agent without a client. If a response becomes unreachable unread, its
// connection is closed.
//
// An error status is a response like any other, until the program asks for an error:
//
//	resp.RaiseForStatus()         resp itself, or a [*StatusError] if its status is 400 or above
//	response.JSONOr[T, E](resp)   a T if the status is 2xx, or else an error that has an E
//
// If the connection ends too early, the reading fails with a [*FailedError], which has
// the reasons and the response. The text of every error of reading names the request and
// shows the beginning of what came, without what is secret by its name.
//
// [Response.Links] has the links in the headers, such as that to the next page of a result.
//
// Everything here belongs to the goroutine of the reactor.
package response
