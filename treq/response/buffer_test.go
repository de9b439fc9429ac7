package response_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func buffered() (*response.Response, *bodytest.Source) {
	r, s := bodytest.New(200)
	r.Buffer()
	return r, s
}

// TestManyReaders checks that early and late readers get the whole body.
func TestManyReaders(t *testing.T) {
	r, s := buffered()
	var first, second, third, fourth bodytest.Reader
	s.Send("a")
	deliver(t, r, &first)
	deliver(t, r, &second)
	s.Send("b")
	deliver(t, r, &third)
	s.SendAll("c")
	deliver(t, r, &fourth)
	first.Want(t, "made", "a", "b", "c", done)
	second.Want(t, "made", "a", "b", "c", done)
	third.Want(t, "made", "ab", "c", done)
	fourth.Want(t, "made", "abc", done)
}

// TestReaderWithin connects a reader while another one is being called.
func TestReaderWithin(t *testing.T) {
	for _, when := range []string{"made", "data", "lost"} {
		t.Run(when, func(t *testing.T) {
			r, s := buffered()
			var first, second bodytest.Reader
			add := func() { deliver(t, r, &second) }
			switch when {
			case "made":
				first.OnMade = add
			case "data":
				first.OnData = func(data string) {
					if data == "b" {
						add()
					}
				}
			case "lost":
				first.OnLost = add
			}
			deliver(t, r, &first)
			s.SendAll("a", "b", "c")
			first.Want(t, "made", "a", "b", "c", done)
			switch when {
			case "made":
				second.Want(t, "made", "a", "b", "c", done)
			case "data":
				second.Want(t, "made", "ab", "c", done)
			case "lost":
				second.Want(t, "made", "abc", done)
			}
		})
	}
}

// TestPauseOfOne checks that the connection is paused only while all readers are paused.
func TestPauseOfOne(t *testing.T) {
	r, s := buffered()
	var slow, other bodytest.Reader
	deliver(t, r, &slow)
	deliver(t, r, &other)
	s.WantAsked(t, "resume")
	slow.PauseProducing()
	s.WantAsked(t, "")
	s.Send("a")
	slow.Want(t, "made")
	other.Want(t, "made", "a")
	other.PauseProducing()
	s.WantAsked(t, "pause")
	slow.ResumeProducing()
	s.WantAsked(t, "resume")
	slow.Want(t, "made", "a")
	s.Send("b")
	slow.Want(t, "made", "a", "b")
	slow.StopProducing() // the other one is paused
	s.WantAsked(t, "pause")
	other.ResumeProducing()
	s.WantAsked(t, "resume")
	s.SendAll("c")
	other.Want(t, "made", "a", "b", "c", done)
	slow.Want(t, "made", "a", "b", done)
}

// TestStopOfOne checks that a reader that stops does not stop the others.
func TestStopOfOne(t *testing.T) {
	r, s := buffered()
	var first, second, late bodytest.Reader
	deliver(t, r, &first)
	deliver(t, r, &second)
	s.WantAsked(t, "resume")
	first.StopProducing()
	s.Send("a")
	s.WantAsked(t, "")
	second.StopProducing()
	s.WantAsked(t, "stop")
	deliver(t, r, &late) // too late
	s.Send("b")
	s.End(errors.New("aborted"))
	first.Want(t, "made", "aborted")
	second.Want(t, "made", "a", "aborted")
	late.Want(t, "made", "a", "aborted")
}

// TestPanicOfOne checks that the other readers get their bytes when one reader panics.
func TestPanicOfOne(t *testing.T) {
	r, s := buffered()
	bad := bodytest.Reader{OnData: func(string) { panic("data") }, OnLost: func() { panic("lost") }}
	var before, after bodytest.Reader
	deliver(t, r, &before)
	deliver(t, r, &bad)
	deliver(t, r, &after)
	if recovered(func() { s.Send("a") }) == nil {
		t.Error("no panic")
	}
	if recovered(func() { s.End(errors.New("aborted")) }) == nil {
		t.Error("no panic")
	}
	for _, p := range []*bodytest.Reader{&before, &bad, &after} {
		p.Want(t, "made", "a", "aborted")
	}
}
