package response_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/response"
)

func buffered() (*response.Response, *source) {
	r, s := newResponse("")
	r.Buffer()
	return r, s
}

// TestManyReaders checks that early and late readers get the whole body.
func TestManyReaders(t *testing.T) {
	r, s := buffered()
	var first, second, third, fourth reader
	s.send("a")
	deliver(t, r, &first)
	deliver(t, r, &second)
	s.send("b")
	deliver(t, r, &third)
	s.sendAll("c")
	deliver(t, r, &fourth)
	first.want(t, "made", "a", "b", "c", done)
	second.want(t, "made", "a", "b", "c", done)
	third.want(t, "made", "ab", "c", done)
	fourth.want(t, "made", "abc", done)
}

// TestReaderWithin connects a reader while another one is being called.
func TestReaderWithin(t *testing.T) {
	for _, when := range []string{"made", "data", "lost"} {
		t.Run(when, func(t *testing.T) {
			r, s := buffered()
			var first, second reader
			add := func() { deliver(t, r, &second) }
			switch when {
			case "made":
				first.onMade = add
			case "data":
				first.onData = func(data string) {
					if data == "b" {
						add()
					}
				}
			case "lost":
				first.onLost = add
			}
			deliver(t, r, &first)
			s.sendAll("a", "b", "c")
			first.want(t, "made", "a", "b", "c", done)
			switch when {
			case "made":
				second.want(t, "made", "a", "b", "c", done)
			case "data":
				second.want(t, "made", "ab", "c", done)
			case "lost":
				second.want(t, "made", "abc", done)
			}
		})
	}
}

// TestPauseOfOne checks that the connection is paused only while all readers are paused.
func TestPauseOfOne(t *testing.T) {
	r, s := buffered()
	var slow, other reader
	deliver(t, r, &slow)
	deliver(t, r, &other)
	s.wantAsked(t, "resume")
	slow.PauseProducing()
	s.wantAsked(t, "")
	s.send("a")
	slow.want(t, "made")
	other.want(t, "made", "a")
	other.PauseProducing()
	s.wantAsked(t, "pause")
	slow.ResumeProducing()
	s.wantAsked(t, "resume")
	slow.want(t, "made", "a")
	s.send("b")
	slow.want(t, "made", "a", "b")
	slow.StopProducing() // the other one is paused
	s.wantAsked(t, "pause")
	other.ResumeProducing()
	s.wantAsked(t, "resume")
	s.sendAll("c")
	other.want(t, "made", "a", "b", "c", done)
	slow.want(t, "made", "a", "b", done)
}

// TestStopOfOne checks that a reader that stops does not stop the others.
func TestStopOfOne(t *testing.T) {
	r, s := buffered()
	var first, second, late reader
	deliver(t, r, &first)
	deliver(t, r, &second)
	s.wantAsked(t, "resume")
	first.StopProducing()
	s.send("a")
	s.wantAsked(t, "")
	second.StopProducing()
	s.wantAsked(t, "stop")
	deliver(t, r, &late) // too late
	s.send("b")
	s.End(errors.New("aborted"))
	first.want(t, "made", "aborted")
	second.want(t, "made", "a", "aborted")
	late.want(t, "made", "a", "aborted")
}

// TestPanicOfOne checks that the other readers get their bytes when one reader panics.
func TestPanicOfOne(t *testing.T) {
	r, s := buffered()
	bad := reader{onData: func(string) { panic("data") }, onLost: func() { panic("lost") }}
	var before, after reader
	deliver(t, r, &before)
	deliver(t, r, &bad)
	deliver(t, r, &after)
	if recovered(func() { s.send("a") }) == nil {
		t.Error("no panic")
	}
	if recovered(func() { s.End(errors.New("aborted")) }) == nil {
		t.Error("no panic")
	}
	for _, p := range []*reader{&before, &bad, &after} {
		p.want(t, "made", "a", "aborted")
	}
}
