package duplex_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/duplex"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// The suite of reactor/conformance_duplex_test.go has the cases that every Transport shares. These are the others: what a
// Transport does to its stream.

// A fakeStream is a Carrier that records its calls. Its window is room.
type fakeStream struct {
	below memory.StringTransport
	room  int
	did   []string
	t     *duplex.Transport
	got   protocol
}

func (s *fakeStream) Room() int { return s.room }
func (s *fakeStream) Send(p []byte, end bool) {
	if len(p) > s.room {
		panic("more than Room")
	}
	s.room -= len(p)
	s.did = append(s.did, fmt.Sprintf("send %q %v", p, end))
}
func (s *fakeStream) Wait()                         { s.did = append(s.did, "wait") }
func (s *fakeStream) Consumed(n int)                { s.did = append(s.did, fmt.Sprint("consumed ", n)) }
func (s *fakeStream) Reset(code wire.Code)          { s.did = append(s.did, "reset "+code.String()) }
func (s *fakeStream) Connection() reactor.Transport { return &s.below }

// take returns what the Transport did since the last call, after the end of the turn.
func (s *fakeStream) take(r *memory.Reactor) string {
	r.Pump()
	did := strings.Join(s.did, ", ")
	s.did = nil
	return did
}

// A protocol records its calls.
type protocol struct {
	did  []string
	lost error
}

func (p *protocol) ConnectionMade(reactor.Transport) {}
func (p *protocol) DataReceived(data []byte)         { p.did = append(p.did, string(data)) }
func (p *protocol) ConnectionLost(reason error)      { p.lost = reason }

// A halfProtocol goes on in one direction.
type halfProtocol struct{ *protocol }

func (p halfProtocol) ReadConnectionLost()  { p.did = append(p.did, "EOF") }
func (p halfProtocol) WriteConnectionLost() { p.did = append(p.did, "all sent") }

func newStream(t *testing.T, half bool) (*fakeStream, *memory.Reactor) {
	t.Helper()
	r := memory.New()
	s := &fakeStream{below: memory.StringTransport{On: r}, room: 100}
	s.t = duplex.New(s)
	if half {
		s.t.SwitchProtocol(halfProtocol{&s.got})
	} else {
		s.t.SwitchProtocol(&s.got)
	}
	t.Cleanup(func() {
		if n := len(r.DelayedCalls()); n != 0 {
			t.Errorf("%d delayed calls are left", n)
		}
	})
	return s, r
}

func (s *fakeStream) expect(t *testing.T, r *memory.Reactor, want string) {
	t.Helper()
	if got := s.take(r); got != want {
		t.Errorf("on the stream: %s\nwant:          %s", got, want)
	}
}

// TestStream: what each method does to the stream.
func TestStream(t *testing.T) {
	remote := func(code wire.Code) error { return &wire.StreamError{Stream: 3, Code: code, Remote: true} }
	for name, c := range map[string]struct {
		half bool
		do   func(s *fakeStream, r *memory.Reactor)
		want string // on the stream
		got  string // by the protocol
		lost error
	}{
		"Write": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.Write([]byte("ab"))
			s.t.WriteSequence([]byte("c"), nil, []byte("d"))
		}, want: `send "ab" false, send "cd" false`},
		"Write beyond the window": {do: func(s *fakeStream, r *memory.Reactor) {
			s.room = 3
			s.t.WriteSequence([]byte("ab"), []byte("cd"))
			s.t.Write([]byte("ef"))
			r.Pump()
			s.room = 1
			s.t.Sendable(1)
			s.room = 10
			s.t.Sendable(10)
		}, want: `send "abc" false, wait, send "d" false, wait, send "ef" false`},
		"Sendable without room": {do: func(s *fakeStream, r *memory.Reactor) {
			s.room = 0
			s.t.Write([]byte("ab"))
			s.t.Sendable(0)
			s.room = 2
			s.t.Sendable(2)
			s.t.Sendable(2)
		}, want: `wait, wait, send "ab" false`},
		"LoseConnection waits for the window": {do: func(s *fakeStream, r *memory.Reactor) {
			s.room = 1
			s.t.Write([]byte("ab"))
			s.t.LoseConnection()
			r.Pump()
			s.t.ReceivedEnd()
			s.room = 1
			s.t.Sendable(1)
		}, want: `send "a" false, wait, send "b" false, send "" true`, lost: reactor.ErrConnectionDone},
		"the end needs no room": {do: func(s *fakeStream, r *memory.Reactor) {
			s.room = 0
			s.t.LoseWriteConnection()
		}, half: true, want: `send "" true`, got: "all sent"},
		"AbortConnection": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.Write([]byte("ab"))
			s.t.AbortConnection()
		}, want: `send "ab" false, reset CANCEL`, lost: reactor.ErrConnectionAborted},
		"data": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.Received([]byte("ab"))
			s.t.PauseProducing()
			s.t.Received([]byte("cd"))
			s.t.Received([]byte("ef"))
			r.Pump()
			s.did = append(s.did, "paused")
			s.t.ResumeProducing()
			s.t.Received([]byte("gh")) // before the turn ends
		}, want: `consumed 2, paused, consumed 6`, got: "ab, cdefgh"},
		"the peer ends": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.Received([]byte("ab"))
			s.t.ReceivedEnd()
		}, want: `consumed 2, send "" true`, got: "ab", lost: reactor.ErrConnectionDone},
		"the peer ends its side": {half: true, do: func(s *fakeStream, r *memory.Reactor) {
			s.t.ReceivedEnd()
			r.Pump()
			s.t.Write([]byte("ab"))
			s.t.LoseWriteConnection()
		}, want: `send "ab" false, send "" true`, got: "EOF, all sent", lost: reactor.ErrConnectionDone},
		"a reset": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.Lost(remote(wire.ConnectError))
			s.t.Write([]byte("late"))
			s.t.AbortConnection()
		}, lost: reactor.ErrConnectionReset},
		"a reset during a pause": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.PauseProducing()
			s.t.Received([]byte("ab"))
			s.t.Lost(remote(wire.Cancel))
			r.Pump()
			if s.got.lost != nil {
				s.did = append(s.did, "lost too early")
			}
			s.t.ResumeProducing()
		}, got: "ab", lost: reactor.ErrConnectionReset},
		"a reset after the peer's end": {half: true, do: func(s *fakeStream, r *memory.Reactor) {
			s.t.ReceivedEnd()
			s.t.Lost(remote(wire.NoError))
		}, got: "EOF", lost: io.EOF},
		"a reset after both ends": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.ReceivedEnd() // the END_STREAM of the answer follows at the end of the turn
			s.t.Lost(remote(wire.NoError))
		}, lost: reactor.ErrConnectionDone},
		"a reset before our end": {do: func(s *fakeStream, r *memory.Reactor) {
			s.room = 0
			s.t.Write([]byte("ab"))
			s.t.ReceivedEnd()
			s.t.Lost(remote(wire.NoError))
		}, want: "wait", lost: reactor.ErrConnectionReset},
		"the connection ends": {do: func(s *fakeStream, r *memory.Reactor) { s.t.Lost(reactor.ErrConnectionDone) }, lost: reactor.ErrConnectionLost},
		"the connection fails": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.Lost(&wire.ConnectionError{Code: wire.ProtocolError})
		}, lost: reactor.ErrConnectionLost},
		"the reactor stops during a pause": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.PauseProducing()
			s.t.Lost(reactor.ErrStopped)
		}, lost: reactor.ErrStopped},
		"the reactor stops after a reset during a pause": {do: func(s *fakeStream, r *memory.Reactor) {
			s.t.PauseProducing()
			s.t.Lost(remote(wire.Cancel))
			r.Close()
		}, lost: reactor.ErrStopped},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := newStream(t, c.half)
			c.do(s, r)
			s.expect(t, r, c.want)
			if got := strings.Join(s.got.did, ", "); got != c.got {
				t.Errorf("the protocol got %q, want %q", got, c.got)
			}
			if !errors.Is(s.got.lost, c.lost) || c.lost == reactor.ErrConnectionDone && s.got.lost != c.lost {
				t.Errorf("lost for %v, want %v", s.got.lost, c.lost)
			}
			s.t.Lost(reactor.ErrStopped)
		})
	}
}

// TestReasons: the reason of a loss has the stream's or the connection's error.
func TestReasons(t *testing.T) {
	for text, err := range map[string]error{
		"connection was reset by the peer: the peer reset stream 3: CONNECT_ERROR": &wire.StreamError{Stream: 3, Code: wire.ConnectError, Remote: true},
		"connection was lost: stream 3: FLOW_CONTROL_ERROR":                        &wire.StreamError{Stream: 3, Code: wire.FlowControlError},
		"connection was lost: the HTTP/2 connection ended before the stream":       reactor.ErrConnectionDone,
		"connection was lost: the peer ended the HTTP/2 connection: NO_ERROR":      &wire.ConnectionError{Remote: true},
		"connection was reset by the peer":                                         reactor.ErrConnectionReset,
	} {
		s, _ := newStream(t, false)
		s.t.Lost(err)
		if got := fmt.Sprint(s.got.lost); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
		if err != reactor.ErrConnectionDone && !errors.Is(s.got.lost, err) {
			t.Errorf("%v is not found in %v", err, s.got.lost)
		}
	}
}

// TestLinger: after LoseConnection the protocol has its end, and the stream waits for the peer's end: for a while, and for
// some bytes.
func TestLinger(t *testing.T) {
	lingering := func(t *testing.T) (*fakeStream, *memory.Reactor) {
		s, r := newStream(t, false)
		s.t.LoseConnection()
		s.expect(t, r, `send "" true`)
		if s.got.lost != reactor.ErrConnectionDone {
			t.Errorf("lost for %v", s.got.lost)
		}
		s.t.Received([]byte("late"))
		s.expect(t, r, "consumed 4")
		return s, r
	}
	t.Run("to the peer's end", func(t *testing.T) {
		s, r := lingering(t)
		s.t.ReceivedEnd()
		s.expect(t, r, "")
	})
	t.Run("to a reset", func(t *testing.T) {
		s, r := lingering(t)
		s.t.Lost(&wire.StreamError{Code: wire.Cancel, Remote: true})
		s.expect(t, r, "")
	})
	t.Run("to the end of the time", func(t *testing.T) {
		s, r := lingering(t)
		r.Advance(4999 * time.Millisecond)
		s.expect(t, r, "")
		r.Advance(time.Millisecond)
		s.expect(t, r, "reset NO_ERROR")
	})
	t.Run("to too many bytes", func(t *testing.T) {
		s, r := lingering(t)
		s.t.Received(make([]byte, 256<<10-4))
		s.expect(t, r, "consumed 262140")
		s.t.Received([]byte("x"))
		s.expect(t, r, "consumed 1, reset NO_ERROR")
	})
	t.Run("a paused stream gives its bytes up", func(t *testing.T) {
		s, r := newStream(t, false)
		s.t.PauseProducing()
		s.t.Received([]byte("unread"))
		s.t.LoseConnection()
		s.expect(t, r, `send "" true, consumed 6`)
		s.t.ReceivedEnd()
	})
}

// TestPanic: a panic of the protocol resets the stream, and its connection goes on.
func TestPanic(t *testing.T) {
	log := logtest.Capture(t)
	s, r := newStream(t, false)
	s.t.SwitchProtocol(panicking{&s.got})
	s.t.Received([]byte("x"))
	s.expect(t, r, "reset INTERNAL_ERROR")
	if !errors.Is(s.got.lost, reactor.ErrConnectionLost) || !strings.Contains(s.got.lost.Error(), "oops") {
		t.Errorf("lost for %v", s.got.lost)
	}
	if got := log.Take(); !strings.Contains(got, "panic=oops at=transport_test.go:") {
		t.Errorf("logged %s", got)
	}
}

type panicking struct{ *protocol }

func (panicking) DataReceived([]byte) { panic("oops") }

// TestSharedConnection: what belongs to all streams is the connection's.
func TestSharedConnection(t *testing.T) {
	s, _ := newStream(t, false)
	if s.t.Host() != s.below.Host() && s.t.Host().String() != s.below.Host().String() {
		t.Error(s.t.Host())
	}
	if s.t.Peer().String() != s.below.Peer().String() || s.t.TLS() != s.below.TLS() || s.t.Reactor() != s.below.Reactor() {
		t.Errorf("%v, %v", s.t.Peer(), s.t.TLS())
	}
	if err := errors.Join(s.t.SetNoDelay(true), s.t.SetKeepAlive(true)); err != nil {
		t.Error(err)
	}
	if s.t.PeerClosed() || s.t.CheckPeerClosed() {
		t.Error("closed")
	}
	s.t.PauseProducing()
	s.t.ReceivedEnd()
	if !s.t.PeerClosed() || !s.t.CheckPeerClosed() {
		t.Error("not closed by the peer's end during a pause")
	}
	s.t.Lost(reactor.ErrStopped)
}
