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
	if before := r.body.wrap; before != nil {
		r.body.wrap = func(to BodyProtocol) BodyProtocol { return before(wrap(to)) }
	} else {
		r.body.wrap = wrap
	}
}
