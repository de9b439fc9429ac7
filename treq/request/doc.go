// Package request has the requests that an agent sends, and the producers of their
// bodies. Most programs leave both to a client and its options. A program with its own
// kind of agent or body needs this package.
//
//	Bytes                  a body in memory, which can be sent again
//	Form                   the fields of a form
//	FileBodyProducer       a body that is read from a file or another reader
//	CooperativeProducer    a body that a function writes, step by step
//
// Package multipart makes forms with files.
//
// A server may ask for a body twice: by a redirect with 307 or 308, by a challenge, or by
// closing a connection at the wrong moment. Bytes and forms can be sent again, and so can
// a FileBodyProducer whose reader can seek; see [RepeatableProducer].
//
// Everything here belongs to the goroutine of the reactor.
package request
