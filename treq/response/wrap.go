package response

// WrapBody puts a protocol between the body as it comes from the connection and
// whoever reads it, for example one that decodes it. wrap is called once, when
// there is a reader, which it is given; the protocol that it returns is to call
// the reader's methods. Of several wraps the first is the one next to the
// connection.
//
// It is for agents that wrap agents, and panics if the body has a reader already.
func (r *Response) WrapBody(wrap func(to BodyProtocol) BodyProtocol) {
	if r.body.to != nil {
		panic("response: WrapBody of a body that has a reader")
	}
	if before := r.wrap; before != nil {
		r.wrap = func(to BodyProtocol) BodyProtocol { return before(wrap(to)) }
	} else {
		r.wrap = wrap
	}
}

// OnEnd has f called when all of the body has come, or no more of it will, whether
// anybody reads it or not; at once, if that is so already. It is for agents that
// wrap agents; f must not touch the response.
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
