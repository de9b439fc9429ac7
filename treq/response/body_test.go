package response_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/response"
)

// both runs test for a response that is not buffered, and for one that is buffered: a
// single reader sees no difference.
func both(t *testing.T, test func(t *testing.T, r *response.Response, s *source)) {
	for name, buffer := range map[string]bool{"unbuffered": false, "buffered": true} {
		t.Run(name, func(t *testing.T) {
			r, s := newResponse("")
			if buffer {
				r.Buffer()
			}
			test(t, r, s)
		})
	}
}

func deliver(t *testing.T, r *response.Response, p *reader) {
	t.Helper()
	if err := r.DeliverBody(p); err != nil {
		t.Error(err)
	}
}

func TestDeliverFirst(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		deliver(t, r, p)
		s.wantAsked(t, "resume")
		s.sendAll("a", "b")
		p.want(t, "made", "a", "b", done)
	})
}

func TestDeliverLater(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		s.send("a", "b")
		deliver(t, r, p)
		p.want(t, "made", "ab")
		s.sendAll("c")
		p.want(t, "made", "ab", "c", done)
	})
}

func TestDeliverAfterTheEnd(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		s.send("a")
		s.End(errors.New("cut short"))
		deliver(t, r, p)
		p.want(t, "made", "a", "cut short")
		s.wantAsked(t, "")
		p.PauseProducing() // no effect after the end
		p.ResumeProducing()
		p.StopProducing()
		s.wantAsked(t, "")
		p.want(t, "made", "a", "cut short")
	})
}

func TestEmptyBody(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		s.sendAll()
		deliver(t, r, p)
		p.want(t, "made", done)
	})
}

// TestUnreadPauses checks that an unread body is held up to a limit.
func TestUnreadPauses(t *testing.T) {
	r, s := newResponse("")
	s.send(strings.Repeat("x", 64<<10))
	s.wantAsked(t, "")
	s.send("y")
	s.wantAsked(t, "pause")
	p := &reader{}
	deliver(t, r, p)
	s.wantAsked(t, "resume")
	s.sendAll("z")
	p.want(t, "made", strings.Repeat("x", 64<<10)+"y", "z", done)
}

// TestTakenOnce checks that DeliverBody refuses a second reader, and does not call it.
func TestTakenOnce(t *testing.T) {
	for name, late := range map[string]func(r *response.Response){
		"unbuffered":        func(*response.Response) {},
		"buffered too late": func(r *response.Response) { r.Buffer() },
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newResponse("")
			first, second := &reader{}, &reader{}
			deliver(t, r, first)
			late(r)
			if err := r.DeliverBody(second); err != response.ErrBodyTaken {
				t.Error(err)
			}
			s.sendAll("a")
			if err := r.DeliverBody(second); err != response.ErrBodyTaken {
				t.Error(err)
			}
			first.want(t, "made", "a", done)
			second.want(t)
		})
	}
}

func TestPause(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		p.onData = func(data string) {
			if data == "b" {
				p.PauseProducing()
			}
		}
		deliver(t, r, p)
		s.wantAsked(t, "resume")
		s.send("a", "b", "c", "d") // the agent received them together with b
		s.wantAsked(t, "pause")
		p.want(t, "made", "a", "b")
		p.ResumeProducing()
		s.wantAsked(t, "resume")
		s.sendAll("e")
		p.want(t, "made", "a", "b", "cd", "e", done)
	})
}

// TestPauseOverTheEnd checks that a paused reader learns of the end after the last bytes.
func TestPauseOverTheEnd(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		deliver(t, r, p)
		p.PauseProducing()
		s.sendAll("a")
		p.want(t, "made")
		p.ResumeProducing()
		p.want(t, "made", "a", done)
	})
}

func TestPauseAtOnce(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		p.onMade = func() { p.PauseProducing() }
		s.send("a")
		deliver(t, r, p)
		s.wantAsked(t, "pause")
		p.want(t, "made")
		p.ResumeProducing()
		p.want(t, "made", "a")
		s.wantAsked(t, "resume")
	})
}

// TestPauseAndResumeWithin checks that ResumeProducing within DataReceived does not call
// DataReceived.
func TestPauseAndResumeWithin(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		depth := 0
		p.onData = func(string) {
			if depth++; depth != 1 {
				t.Error("DataReceived within DataReceived")
			}
			p.PauseProducing()
			p.ResumeProducing()
			depth--
		}
		s.send("a")
		deliver(t, r, p)
		s.sendAll("b", "c")
		p.want(t, "made", "a", "b", "c", done)
	})
}

// TestResumeAtOnce checks that DataReceived is not called before ConnectionMade has
// returned.
func TestResumeAtOnce(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		p.onMade = func() {
			p.ResumeProducing()
			p.want(t, "made")
		}
		s.send("a")
		deliver(t, r, p)
		p.want(t, "made", "a")
	})
}

// A hasty source has the body in memory: its ResumeProducing writes the whole body.
type hasty struct {
	source
	left []string
}

func (h *hasty) ResumeProducing() {
	h.source.ResumeProducing()
	for len(h.left) != 0 {
		piece := h.left[0]
		h.left = h.left[1:]
		h.send(piece)
		if len(h.left) == 0 {
			h.End(response.ErrDone)
		}
	}
}

func TestHastySource(t *testing.T) {
	for name, buffer := range map[string]bool{"unbuffered": false, "buffered": true} {
		for when, sent := range map[string]bool{"held": false, "sent": true} {
			t.Run(name+", the first piece is "+when, func(t *testing.T) {
				h := &hasty{}
				h.Body = response.NewBody(h)
				r := response.New(h.Body)
				if buffer {
					r.Buffer()
				}
				p := &reader{}
				depth := 0
				p.onData = func(string) {
					if depth++; depth != 1 {
						t.Error("DataReceived within DataReceived")
					}
					if sent {
						h.ResumeProducing()
					} else {
						p.ResumeProducing()
					}
					depth--
				}
				p.onLost = func() {
					if depth != 0 {
						t.Error("ConnectionLost within DataReceived")
					}
				}
				if sent {
					deliver(t, r, p)
				}
				h.left = []string{"b", "c", "d"}
				h.send("a")
				if !sent {
					deliver(t, r, p)
				}
				if got := strings.Join(p.told, ""); got != "madeabcd"+done {
					t.Errorf("the reader was told %q", p.told)
				}
			})
		}
	}
}

func TestStop(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		p.onData = func(string) { p.StopProducing() }
		deliver(t, r, p)
		s.wantAsked(t, "resume")
		s.send("a", "b", "c")
		s.wantAsked(t, "stop")
		p.ResumeProducing()
		p.StopProducing()
		s.wantAsked(t, "")
		p.want(t, "made", "a")
		s.End(errors.New("aborted"))
		p.want(t, "made", "a", "aborted")
	})
}

func TestStopAtOnce(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		p.onMade = func() { p.StopProducing() }
		s.send("a")
		deliver(t, r, p)
		s.wantAsked(t, "stop")
		s.send("b")
		s.End(errors.New("aborted"))
		p.want(t, "made", "aborted")
	})
}

// TestStopWithTheEndWaiting checks that a body is incomplete if the reader stops it
// before the last bytes.
func TestStopWithTheEndWaiting(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{}
		deliver(t, r, p)
		p.PauseProducing()
		s.sendAll("a")
		p.StopProducing()
		p.want(t, "made", aborted)
	})
}

// TestReaderPanics checks that a panic of the reader reaches the agent, which can still
// end the body.
func TestReaderPanics(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *source) {
		p := &reader{onData: func(string) { panic("boom") }}
		deliver(t, r, p)
		if recovered(func() { s.send("a") }) == nil {
			t.Error("no panic")
		}
		s.End(errors.New("aborted"))
		p.want(t, "made", "a", "aborted")
	})
}

// recovered returns the panic of f, or nil.
func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// TestHeldBodyInPieces checks that a large held body is delivered in pieces, to its last
// byte.
func TestHeldBodyInPieces(t *testing.T) {
	r, s := newResponse("")
	piece := strings.Repeat("x", 256<<10)
	s.sendAll(piece, "y")
	p := &reader{}
	deliver(t, r, p)
	p.want(t, "made", piece, "y", done)
}

// TestOnEnd checks that every function passed to OnEnd is called once, in order.
func TestOnEnd(t *testing.T) {
	r, s := newResponse("")
	called := ""
	for _, name := range []string{"a", "b", "c"} {
		r.OnEnd(func() { called += name })
	}
	s.send("text")
	if called != "" {
		t.Errorf("the functions %q were called before the end", called)
	}
	s.End(response.ErrDone)
	r.OnEnd(func() { called += "d" })
	s.End(response.ErrDone)
	if called != "abcd" {
		t.Errorf("the functions %q were called", called)
	}
}
