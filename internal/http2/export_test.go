package http2

// This file lets the tests compare what a machine believes with what they count from the frames.

func connOf(m any) *conn {
	if c, ok := m.(*Client); ok {
		return &c.conn
	}
	return &m.(*Server).conn
}

// Windows returns how many bytes m may send, and the peer of m, on the whole connection.
func Windows(m any) (send, receive int64) {
	f := &connOf(m).flow
	return f.sendWindow, f.recvWindow
}

// StreamWindows returns how many bytes m may send on s, and the peer of m.
func StreamWindows(s *Stream) (send, receive int64) { return s.sendWindow, s.recvWindow }

// Held returns the received bytes that are not consumed, and the most that they may be.
func Held(m any) (held, most int64) {
	f := &connOf(m).flow
	return f.buffered, f.most
}
