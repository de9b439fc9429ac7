// Package response is what comes back: a [Response], and the ways to read its
// body.
//
// The body of a response is not read by itself. Somebody has to, once:
//
//	resp.Text()              all of it, as text in its charset
//	resp.Content()           all of it, as bytes
//	response.JSON[T](resp)   all of it, as a T; resp.JSON(&v) into a variable
//	resp.Collect(f)          piece by piece; f's error ends it
//	resp.CollectThen(f)      the same, and the next when f's Deferred has fired
//	resp.Reader(co)          as an io.Reader, in direct style
//	resp.DeliverBody(p)      by a protocol, which can pause it
//	resp.Discard()           not at all, so that its connection is free
//
// Until then the connection is paused, and the server has to wait. The first three
// can be called again, and beside each other; with the Unbuffered option of a
// request, or from an agent without a client, the others leave nothing to read
// again. A response that nobody reads and nobody has any more is given up.
//
// If the connection ends too early, what reads the body fails with a
// [*FailedError], which has the reasons and the response.
package response
