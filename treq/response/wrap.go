package response

// WrapBody puts a protocol, such as a decoder, between the connection and the reader of
// the body. r calls wrap once, with the reader; the protocol that wrap returns must call
// the reader's methods. Of several wraps the first one is next to the connection.
//
// WrapBody is for agents around agents. It panics if the body already has a reader.
func (r *Response) WrapBody(wrap func(reader BodyProtocol) BodyProtocol) {
	if r.body.reader != nil {
		panic("response: WrapBody of a body that has a reader")
	}
	if w := r.wrapping; w != nil {
		before := w.wrap
		w.wrap = func(reader BodyProtocol) BodyProtocol { return before(wrap(reader)) }
	} else {
		r.wrapping = &wrapping{wrap: wrap}
	}
}

// A wrapping is what is between the connection and the reader of a body.
type wrapping struct {
	wrap   func(reader BodyProtocol) BodyProtocol
	buffer BodyTransport // the transport that a buffer has from it; nil before the body is buffered
}

// HasReader reports whether the body has or had a reader. WrapBody comes too late then.
func (r *Response) HasReader() bool { return r.body.reader != nil }

// OnEnd makes the end of the body call f, whether the body is complete or not, and
// whether it has a reader or not. If the body has ended, OnEnd calls f at once. OnEnd is
// for agents around agents. f must not use the response.
func (r *Response) OnEnd(f func()) { r.OnEnded(func(error, int64) { f() }) }

// OnEnded is OnEnd for an f that wants to know how the body ended. reason is that of
// [BodyProtocol].ConnectionLost, as the agent has it: a decoder or a timeout above the agent
// may give the reader another one. received is the number of bytes that the agent received, as
// they came: coded, perhaps.
func (r *Response) OnEnded(f func(reason error, received int64)) {
	if r.body.ended != nil {
		f(r.body.ended, r.body.received)
		return
	}
	if before := r.body.atEnd; before != nil {
		r.body.atEnd = func(reason error, received int64) { before(reason, received); f(reason, received) }
	} else {
		r.body.atEnd = f
	}
}
