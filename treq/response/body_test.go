package response_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// both runs test for a response that is not buffered, and for one that is buffered: a
// single reader sees no difference.
func both(t *testing.T, test func(t *testing.T, r *response.Response, s *bodytest.Source)) {
	for name, buffer := range map[string]bool{"unbuffered": false, "buffered": true} {
		t.Run(name, func(t *testing.T) {
			r, s := bodytest.New(200)
			if buffer {
				r.Buffer()
			}
			test(t, r, s)
		})
	}
}

func deliver(t *testing.T, r *response.Response, p *bodytest.Reader) {
	t.Helper()
	if err := r.DeliverBody(p); err != nil {
		t.Error(err)
	}
}

func TestDeliverFirst(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		deliver(t, r, p)
		s.WantAsked(t, "resume")
		s.SendAll("a", "b")
		p.Want(t, "made", "a", "b", done)
	})
}

func TestDeliverLater(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		s.Send("a", "b")
		deliver(t, r, p)
		p.Want(t, "made", "ab")
		s.SendAll("c")
		p.Want(t, "made", "ab", "c", done)
	})
}

func TestDeliverAfterTheEnd(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		s.Send("a")
		s.End(errors.New("cut short"))
		deliver(t, r, p)
		p.Want(t, "made", "a", "cut short")
		s.WantAsked(t, "")
		p.PauseProducing() // no effect after the end
		p.ResumeProducing()
		p.StopProducing()
		s.WantAsked(t, "")
		p.Want(t, "made", "a", "cut short")
	})
}

func TestEmptyBody(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		s.SendAll()
		deliver(t, r, p)
		p.Want(t, "made", done)
	})
}

// TestUnreadPauses checks that an unread body is held up to a limit.
func TestUnreadPauses(t *testing.T) {
	r, s := bodytest.New(200)
	s.Send(strings.Repeat("x", 64<<10))
	s.WantAsked(t, "")
	s.Send("y")
	s.WantAsked(t, "pause")
	p := new(bodytest.Reader)
	deliver(t, r, p)
	s.WantAsked(t, "resume")
	s.SendAll("z")
	p.Want(t, "made", strings.Repeat("x", 64<<10)+"y", "z", done)
}

// TestTakenOnce checks that DeliverBody refuses a second reader, and does not call it.
func TestTakenOnce(t *testing.T) {
	for name, late := range map[string]func(r *response.Response){
		"unbuffered":        func(*response.Response) {},
		"buffered too late": func(r *response.Response) { r.Buffer() },
	} {
		t.Run(name, func(t *testing.T) {
			r, s := bodytest.New(200)
			first, second := new(bodytest.Reader), new(bodytest.Reader)
			deliver(t, r, first)
			late(r)
			if err := r.DeliverBody(second); err != response.ErrBodyTaken {
				t.Error(err)
			}
			s.SendAll("a")
			if err := r.DeliverBody(second); err != response.ErrBodyTaken {
				t.Error(err)
			}
			first.Want(t, "made", "a", done)
			second.Want(t)
		})
	}
}

func TestPause(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		p.OnData = func(data string) {
			if data == "b" {
				p.PauseProducing()
			}
		}
		deliver(t, r, p)
		s.WantAsked(t, "resume")
		s.Send("a", "b", "c", "d") // the agent received them together with b
		s.WantAsked(t, "pause")
		p.Want(t, "made", "a", "b")
		p.ResumeProducing()
		s.WantAsked(t, "resume")
		s.SendAll("e")
		p.Want(t, "made", "a", "b", "cd", "e", done)
	})
}

// TestPauseOverTheEnd checks that a paused reader learns of the end after the last bytes.
func TestPauseOverTheEnd(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		deliver(t, r, p)
		p.PauseProducing()
		s.SendAll("a")
		p.Want(t, "made")
		p.ResumeProducing()
		p.Want(t, "made", "a", done)
	})
}

func TestPauseAtOnce(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		p.OnMade = func() { p.PauseProducing() }
		s.Send("a")
		deliver(t, r, p)
		s.WantAsked(t, "pause")
		p.Want(t, "made")
		p.ResumeProducing()
		p.Want(t, "made", "a")
		s.WantAsked(t, "resume")
	})
}

// TestPauseAndResumeWithin checks that ResumeProducing within DataReceived does not call
// DataReceived.
func TestPauseAndResumeWithin(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		depth := 0
		p.OnData = func(string) {
			if depth++; depth != 1 {
				t.Error("DataReceived within DataReceived")
			}
			p.PauseProducing()
			p.ResumeProducing()
			depth--
		}
		s.Send("a")
		deliver(t, r, p)
		s.SendAll("b", "c")
		p.Want(t, "made", "a", "b", "c", done)
	})
}

// TestResumeAtOnce checks that DataReceived is not called before ConnectionMade has
// returned.
func TestResumeAtOnce(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		p.OnMade = func() {
			p.ResumeProducing()
			p.Want(t, "made")
		}
		s.Send("a")
		deliver(t, r, p)
		p.Want(t, "made", "a")
	})
}

// A hasty source has the body in memory: its ResumeProducing writes the whole body.
type hasty struct {
	bodytest.Source
	left []string
}

func (h *hasty) ResumeProducing() {
	h.Source.ResumeProducing()
	for len(h.left) != 0 {
		piece := h.left[0]
		h.left = h.left[1:]
		h.Send(piece)
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
				p := new(bodytest.Reader)
				depth := 0
				p.OnData = func(string) {
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
				p.OnLost = func() {
					if depth != 0 {
						t.Error("ConnectionLost within DataReceived")
					}
				}
				if sent {
					deliver(t, r, p)
				}
				h.left = []string{"b", "c", "d"}
				h.Send("a")
				if !sent {
					deliver(t, r, p)
				}
				if got := strings.Join(p.Told, ""); got != "madeabcd"+done {
					t.Errorf("the reader was told %q", p.Told)
				}
			})
		}
	}
}

func TestStop(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		p.OnData = func(string) { p.StopProducing() }
		deliver(t, r, p)
		s.WantAsked(t, "resume")
		s.Send("a", "b", "c")
		s.WantAsked(t, "stop")
		p.ResumeProducing()
		p.StopProducing()
		s.WantAsked(t, "")
		p.Want(t, "made", "a")
		s.End(errors.New("aborted"))
		p.Want(t, "made", "a", "aborted")
	})
}

func TestStopAtOnce(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		p.OnMade = func() { p.StopProducing() }
		s.Send("a")
		deliver(t, r, p)
		s.WantAsked(t, "stop")
		s.Send("b")
		s.End(errors.New("aborted"))
		p.Want(t, "made", "aborted")
	})
}

// TestStopWithTheEndWaiting checks that a body is incomplete if the reader stops it
// before the last bytes.
func TestStopWithTheEndWaiting(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		deliver(t, r, p)
		p.PauseProducing()
		s.SendAll("a")
		p.StopProducing()
		p.Want(t, "made", aborted)
	})
}

// TestReaderPanics checks that a panic of the reader reaches the agent, which can still
// end the body.
func TestReaderPanics(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := &bodytest.Reader{OnData: func(string) { panic("boom") }}
		deliver(t, r, p)
		if recovered(func() { s.Send("a") }) == nil {
			t.Error("no panic")
		}
		s.End(errors.New("aborted"))
		p.Want(t, "made", "a", "aborted")
	})
}

// TestReaderPanicsOffTheAgent: a panic of the reader that reaches the caller of DeliverBody or
// ResumeProducing, and not the agent, closes the connection too.
func TestReaderPanicsOffTheAgent(t *testing.T) {
	boom := func() { panic("boom") }
	both := func(t *testing.T, test func(t *testing.T, r *response.Response, s *bodytest.Source)) {
		both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
			s.OnStop = func() { s.End(&response.FailedError{Reasons: []error{reactor.ErrConnectionAborted}}) }
			test(t, r, s)
		})
	}
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := &bodytest.Reader{OnMade: boom}
		s.Send("a")
		if recovered(func() { r.DeliverBody(p) }) == nil {
			t.Error("no panic")
		}
		p.Want(t, "made", aborted)
		s.WantAsked(t, "stop")
	})
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := &bodytest.Reader{OnData: func(string) { boom() }}
		s.Send("a")
		if recovered(func() { r.DeliverBody(p) }) == nil {
			t.Error("no panic")
		}
		p.Want(t, "made", "a", aborted)
		s.WantAsked(t, "stop")
	})
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := new(bodytest.Reader)
		p.OnData = func(string) { boom() }
		deliver(t, r, p)
		p.PauseProducing()
		s.Send("a")
		if recovered(p.ResumeProducing) == nil {
			t.Error("no panic")
		}
		p.Want(t, "made", "a", aborted)
		s.WantAsked(t, "resume pause stop")
	})
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := &bodytest.Reader{OnData: func(string) { boom() }}
		s.SendAll("a")
		if recovered(func() { r.DeliverBody(p) }) == nil {
			t.Error("no panic")
		}
		p.Want(t, "made", "a", done)
	})
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		p := &bodytest.Reader{OnLost: boom}
		s.SendAll("a")
		if recovered(func() { r.DeliverBody(p) }) == nil {
			t.Error("no panic")
		}
		p.Want(t, "made", "a", done)
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
	r, s := bodytest.New(200)
	piece := strings.Repeat("x", 256<<10)
	s.SendAll(piece, "y")
	p := new(bodytest.Reader)
	deliver(t, r, p)
	p.Want(t, "made", piece, "y", done)
}

// TestOnEnd checks that every function passed to OnEnd is called once, in order.
func TestOnEnd(t *testing.T) {
	r, s := bodytest.New(200)
	called := ""
	for _, name := range []string{"a", "b", "c"} {
		r.OnEnd(func() { called += name })
	}
	s.Send("text")
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
