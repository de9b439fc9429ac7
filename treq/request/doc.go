// Package request holds what an agent sends: a [Request], and the producers of its
// body. Most programs leave both to a client and its options. An agent of your own,
// or a body that is made in a way of your own, needs this package.
//
//	Bytes                  a body in memory, which can be sent again
//	Form                   the fields of a form
//	FileBodyProducer       a body that is read from a file or another reader
//	CooperativeProducer    a body that a function of yours writes, step by step
//
// Forms with files are made by package multipart.
//
// Everything here belongs to the goroutine of the reactor.
package request
