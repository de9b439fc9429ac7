package request_test

import (
	"io"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestAskingHoldsNothing: Repeatable leaves no Hold behind, so that the source is closed
// at the end.
func TestAskingHoldsNothing(t *testing.T) {
	for name, end := range map[string]func(f *fileTest){
		"ended":       func(f *fileTest) { f.start(); f.Drain() },
		"stopped":     func(f *fileTest) { f.start(); f.Step(); f.StopProducing() },
		"not started": func(f *fileTest) { f.StopProducing() },
	} {
		f := newFileTest("hello", 3)
		for range 2 {
			if !request.Repeatable(f.FileBodyProducer) {
				t.Errorf("%s: it cannot be sent again", name)
			}
		}
		if end(f); f.file.Closed != 1 {
			t.Errorf("%s: closed %d times", name, f.file.Closed)
		}
	}
}

// TestHoldAtTheEnd: while somebody holds a body, others can hold it too, though it has ended
// or was stopped. The last one to release it closes the source.
func TestHoldAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(f *fileTest){
		"ended":       func(f *fileTest) { f.start(); f.Drain() },
		"stopped":     func(f *fileTest) { f.start(); f.Step(); f.StopProducing() },
		"not started": func(f *fileTest) { f.StopProducing() },
	} {
		f := newFileTest("hello", 3)
		f.Hold()
		if end(f); !f.Hold() {
			t.Errorf("%s: a second Hold is refused", name)
			continue
		}
		if f.Release(); f.file.Closed != 0 {
			t.Errorf("%s: closed while it is held", name)
		}
		if f.Release(); f.file.Closed != 1 || f.Hold() {
			t.Errorf("%s: closed %d times", name, f.file.Closed)
		}
	}
}

// A slowSeeker is a reader whose first reads return no bytes, after each Seek to an offset
// from the start.
type slowSeeker struct {
	io.ReadSeeker
	idle, left int
}

func (s *slowSeeker) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		s.left = s.idle
	}
	return s.ReadSeeker.Seek(offset, whence)
}

func (s *slowSeeker) Read(p []byte) (int, error) {
	if s.left > 0 {
		s.left--
		return 0, nil
	}
	return s.ReadSeeker.Read(p)
}

// TestIdleReadsBeforeARewindDoNotCount: each sending may have as many reads without bytes as
// the first.
func TestIdleReadsBeforeARewindDoNotCount(t *testing.T) {
	s := stepper.New()
	body := request.NewFileBodyProducer(&slowSeeker{ReadSeeker: memfile.New("hello"), idle: 60}, read3)
	body.Hold()
	outcome.Of(body.StartProducing(s.Sink()))
	for range 60 {
		s.Step()
	}
	if err := body.Rewind(); err != nil {
		t.Fatal(err)
	}
	to := s.Sink()
	o := outcome.Of(body.StartProducing(to))
	s.Drain()
	o.WantErr(t, nil)
	to.Want(t, "hello")
	body.Release()
}
