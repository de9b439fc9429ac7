package bridge_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/bridge"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// calls stands for a loop on the test's goroutine: it queues the calls from threads
// until the test makes them.
type calls chan func()

func (c calls) CallFromThread(f func())   { c <- f }
func (c calls) CallInThread(f func())     { go f() }
func (c calls) OnLoop() bool              { return false }
func (c calls) Ended() <-chan struct{}    { return nil }
func (c calls) SuggestThreadPoolSize(int) {}

// source records the calls of its methods.
type source struct{ calls []string }

func (s *source) PauseProducing()  { s.calls = append(s.calls, "pause") }
func (s *source) ResumeProducing() { s.calls = append(s.calls, "resume") }
func (s *source) StopProducing()   { s.calls = append(s.calls, "stop") }

func TestPipe(t *testing.T) {
	loop, from := make(calls, 10), &source{}
	p := bridge.NewPipe(loop, from)
	piece := bytes.Repeat([]byte("x"), 100<<10)
	for range 4 {
		p.Write(piece)
	}
	p.End(io.EOF)
	p.Write([]byte("after the end"))
	if want := []string{"pause"}; !slices.Equal(from.calls, want) {
		t.Errorf("calls %q, want %q", from.calls, want)
	}
	got, err := io.ReadAll(p)
	if len(got) != 400<<10 || err != nil {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if n, err := p.Read(nil); n != 0 || err != nil {
		t.Errorf("Read of nothing: %d, %v", n, err)
	}
}

func TestPipeResumes(t *testing.T) {
	loop, from := make(calls, 10), &source{}
	p := bridge.NewPipe(loop, from)
	p.Write(make([]byte, 256<<10))
	if _, err := io.ReadFull(p, make([]byte, 128<<10)); err != nil {
		t.Fatal(err)
	}
	if len(loop) != 0 {
		t.Error("resumed before half was read")
	}
	if _, err := io.ReadFull(p, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	(<-loop)()
	if want := []string{"pause", "resume"}; !slices.Equal(from.calls, want) {
		t.Errorf("calls %q, want %q", from.calls, want)
	}
	// A reader that blocks gets what is written later, and the error at the end.
	read := make(chan error)
	go func() {
		_, err := io.Copy(io.Discard, p)
		read <- err
	}()
	p.Write([]byte("more"))
	end := errors.New("the end")
	p.End(end)
	if err := <-read; err != end {
		t.Errorf("got %v", err)
	}
}

func TestPipeClosed(t *testing.T) {
	loop, from := make(calls, 10), &source{}
	p := bridge.NewPipe(loop, from)
	p.Write([]byte("text"))
	p.Close()
	p.Close()
	p.Write([]byte("text"))
	if _, err := p.Read(make([]byte, 1)); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
	(<-loop)()
	if want := []string{"stop"}; !slices.Equal(from.calls, want) || len(loop) != 0 {
		t.Errorf("calls %q, want %q", from.calls, want)
	}
	p.Fail(errors.New("too late"))
}

func TestPipeFails(t *testing.T) {
	loop, from := make(calls, 10), &source{}
	p := bridge.NewPipe(loop, from)
	p.Write([]byte("text"))
	why := errors.New("why")
	p.Fail(why)
	if _, err := p.Read(make([]byte, 1)); err != why {
		t.Errorf("got %v", err)
	}
	(<-loop)()
	if want := []string{"stop"}; !slices.Equal(from.calls, want) {
		t.Errorf("calls %q, want %q", from.calls, want)
	}
}

// endingLoop is a loop that the test ends.
type endingLoop struct {
	calls
	ended chan struct{}
}

func (l endingLoop) Ended() <-chan struct{} { return l.ended }

// TestPipeOfALoopThatEnds: a paused source is not resumed any more when its loop has ended. What
// has come is read; then Read fails, and does not wait for ever.
func TestPipeOfALoopThatEnds(t *testing.T) {
	why := errors.New("why")
	for name, test := range map[string]struct {
		stopped func() error
		end     error // what the source says before the loop ends
		want    error
	}{
		"as it is":              {nil, nil, reactor.ErrStopped},
		"explained":             {func() error { return why }, nil, why},
		"after its own error":   {nil, why, why},
		"after the end of file": {nil, io.EOF, io.EOF},
	} {
		loop, from := endingLoop{make(calls, 10), make(chan struct{})}, &source{}
		p := bridge.NewPipe(loop, from)
		p.Stopped = test.stopped
		p.Write(make([]byte, 256<<10))
		if test.end != nil {
			p.End(test.end)
		}
		close(loop.ended)
		if n, err := io.ReadFull(p, make([]byte, 256<<10)); err != nil {
			t.Errorf("%s: read %d bytes, %v", name, n, err)
		}
		for range 2 {
			if n, err := p.Read(make([]byte, 1)); n != 0 || err != test.want {
				t.Errorf("%s: got %d, %v, want %v", name, n, err, test.want)
			}
		}
	}
}

// ownLoop is a loop whose goroutine is the test's.
type ownLoop struct{ calls }

func (ownLoop) OnLoop() bool { return true }

// TestPipeOnLoop: on the loop's goroutine, Read gives what has come, and does not wait.
func TestPipeOnLoop(t *testing.T) {
	p := bridge.NewPipe(ownLoop{make(calls, 10)}, &source{})
	b := make([]byte, 10)
	if _, err := p.Read(b); err != reactor.ErrOnLoop {
		t.Errorf("nothing has come: %v", err)
	}
	p.Write([]byte("text"))
	if n, err := p.Read(b); n != 4 || err != nil {
		t.Errorf("text has come: %d, %v", n, err)
	}
	p.End(io.EOF)
	if _, err := p.Read(b); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
}

// reader returns the pieces that the test sends, and an error at the end.
type reader struct {
	pieces chan string
	err    error
	closed chan struct{}
}

func newReader(err error) *reader {
	return &reader{make(chan string, 10), err, make(chan struct{})}
}

func (r *reader) Read(p []byte) (int, error) {
	select {
	case s, ok := <-r.pieces:
		if !ok {
			return 0, r.err
		}
		if s == "panic" {
			panic("oh")
		}
		return copy(p, s), nil
	case <-r.closed:
		return 0, io.ErrClosedPipe
	}
}

func (r *reader) Close() error {
	close(r.closed)
	return nil
}

func TestPump(t *testing.T) {
	why := errors.New("why")
	for _, c := range []struct {
		name   string
		pieces []string
		err    error
		want   []string
	}{
		{"all", []string{"a", "bc"}, io.EOF, []string{"a", "bc", "<nil>"}},
		{"none", nil, io.EOF, []string{"<nil>"}},
		{"error", []string{"a"}, why, []string{"a", "why"}},
		{"panic", []string{"a", "panic"}, io.EOF, []string{"a", "panic: oh"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			loop, from := make(calls, 10), newReader(c.err)
			for _, piece := range c.pieces {
				from.pieces <- piece
			}
			close(from.pieces)
			var got []string
			ended := false
			p := bridge.NewPump(loop, from)
			p.Start(
				func(data []byte) { got = append(got, string(data)) },
				func(err error) {
					text := "<nil>"
					if err != nil {
						text = err.Error()
					}
					got = append(got, text)
					ended = true
				})
			for !ended {
				(<-loop)()
			}
			<-from.closed
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			p.StopProducing()
		})
	}
}

func TestPumpPauses(t *testing.T) {
	loop, from := make(calls, 10), newReader(io.EOF)
	var got []string
	p := bridge.NewPump(loop, from)
	from.pieces <- "a"
	from.pieces <- "b"
	close(from.pieces)
	p.PauseProducing()
	data, end := func(data []byte) { got = append(got, string(data)) }, func(error) { got = append(got, "end") }
	if !p.Start(data, end) || p.Start(data, end) {
		t.Error("Start does not distinguish the first call from the second")
	}
	(<-loop)()
	if len(got) != 0 {
		t.Errorf("got %q while paused", got)
	}
	p.ResumeProducing()
	for !slices.Contains(got, "end") {
		(<-loop)()
	}
	if want := []string{"a", "b", "end"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each piece is delivered once, however often the pump is paused and resumed.
func TestPumpPausesAtEachPiece(t *testing.T) {
	for resumes := 1; resumes <= 3; resumes++ {
		loop, from := make(calls, 10), newReader(io.EOF)
		var got []string
		p := bridge.NewPump(loop, from)
		for _, piece := range []string{"a", "b", "c"} {
			from.pieces <- piece
		}
		close(from.pieces)
		p.Start(func(data []byte) { got = append(got, string(data)) }, func(error) { got = append(got, "end") })
		for range 4 {
			before := len(got)
			p.PauseProducing()
			(<-loop)()
			if len(got) != before {
				t.Errorf("got %q while paused", got)
			}
			for i := range resumes {
				if i > 0 {
					p.PauseProducing()
				}
				p.ResumeProducing()
				p.ResumeProducing()
			}
			(<-loop)()
		}
		if want := []string{"a", "b", "c", "end"}; !slices.Equal(got, want) {
			t.Errorf("resumed %d times, got %q, want %q", resumes, got, want)
		}
		<-from.closed
		if len(loop) != 0 {
			t.Errorf("%d calls are left", len(loop))
		}
	}
}

func TestPumpStops(t *testing.T) {
	loop, from := make(calls, 10), newReader(io.EOF)
	data, end := func([]byte) { t.Error("data after StopProducing") }, func(error) { t.Error("end after StopProducing") }
	p := bridge.NewPump(loop, from)
	p.Start(data, end) // its Read blocks
	p.StopProducing()
	p.StopProducing()
	<-from.closed
	(<-loop)()

	from = newReader(io.EOF)
	p = bridge.NewPump(loop, from)
	p.StopProducing()
	p.Start(data, end)
	<-from.closed
	if len(loop) != 0 {
		t.Error("the pump read after StopProducing")
	}
}
