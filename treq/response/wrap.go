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
	if before := r.wrap; before != nil {
		r.wrap = func(reader BodyProtocol) BodyProtocol { return before(wrap(reader)) }
	} else {
		r.wrap = wrap
	}
}

// OnEnd makes the end of the body call f, whether the body is complete or not, and
// whether it has a reader or not. If the body has ended, OnEnd calls f at once. OnEnd is
// for agents around agents. f must not use the response.
func (r *Response) OnEnd(f func()) {
	if r.body.ended != nil {
		f()
		return
	}
	if before := r.body.atEnd; before != nil {
		r.body.atEnd = func() { before(); f() }
	} else {
		r.body.atEnd = f
	}
}
