package http2

import "testing"

// TestRoomInATurn: in the turn of a stream, Room is what Turn allows, although others wait. So a
// carrier that asks Room before it writes gets on.
func TestRoomInATurn(t *testing.T) {
	p := newPair(t, Config{}, Config{})
	body := make([]byte, 200_000) // more than the windows
	first, second := p.open(RequestHead{Method: "POST", Scheme: "http", Authority: "a", Path: "/", Length: -1}, body, nil),
		p.open(RequestHead{Method: "POST", Scheme: "http", Authority: "a", Path: "/", Length: -1}, body, nil)
	c := &p.client.conn
	for _, x := range []*exchange{first, second} {
		if c.Room(&x.Stream) != 0 {
			t.Fatalf("stream %d has room", x.ID())
		}
	}
	c.flow.sendWindow = 40_000 // as after a WINDOW_UPDATE
	first.sendWindow, second.sendWindow = 1<<20, 1<<20
	c.Unwait(&first.Stream)
	c.Unwait(&second.Stream)
	c.Wait(&first.Stream)
	c.Wait(&second.Stream)

	s, n := c.Turn()
	if s != &first.Stream || n != 16384 || c.Room(s) != n {
		t.Fatalf("the first turn is that of stream %d: %d bytes, room for %d", s.ID(), n, c.Room(s))
	}
	c.WriteData(s, body[:10_000], false)
	if got := c.Room(s); got != n-10_000 {
		t.Errorf("room for %d after 10,000 of %d bytes", got, n)
	}
	c.Wait(s)
	if c.Room(s) != 0 {
		t.Error("a stream that waits again has room")
	}
	s, n = c.Turn()
	if s != &second.Stream || c.Room(s) != n {
		t.Fatalf("the second turn is that of stream %d", s.ID())
	}
	c.WriteData(s, body[:n], false)
	if c.Room(s) != 0 { // the first one waits
		t.Error("there is room after the turn")
	}
	if s, n = c.Turn(); s != &first.Stream || n != 40_000-10_000-16384 || c.Room(s) != n {
		t.Errorf("the last turn: %d bytes", n)
	}
}
