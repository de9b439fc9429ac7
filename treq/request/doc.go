// Package request is what goes out: a [Request] as agents take it, and the
// producers of its body. Programs mostly leave both to a client and its options;
// who writes an agent, or produces a body in a way of their own, meets them here.
//
//	Bytes                  a body that is there: it can be sent again
//	Form                   the fields of a form
//	FileBodyProducer       what is read from a file, or any other reader
//	CooperativeProducer    what a function of yours writes, a step at a time
//
// A file in a form is a producer of package multipart.
package request
