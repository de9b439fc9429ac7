package request_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/descriptors"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// read3 makes a producer read 3 bytes at a time.
var read3 = request.FileBodyConfig{ReadSize: 3}

// TestBodiesThatAreSentAgain sends each body twice. The first time, it is not started, or
// stopped in the middle, or ends.
func TestBodiesThatAreSentAgain(t *testing.T) {
	const text = "hello, world"
	moved := strings.NewReader("--" + text)
	moved.Seek(2, io.SeekStart)
	buffered := bytes.NewBufferString("--" + text)
	buffered.Next(2)
	for _, test := range []struct {
		name string
		body func() request.BodyProducer
	}{
		{"bytes", func() request.BodyProducer { return request.Bytes(text) }},
		{"a form", func() request.BodyProducer { return request.Form(request.Pairs{{"a", "1"}}) }},
		{"strings.Reader", func() request.BodyProducer { return request.NewFileBodyProducer(strings.NewReader(text), read3) }},
		{"bytes.Reader", func() request.BodyProducer {
			return request.NewFileBodyProducer(bytes.NewReader([]byte(text)), read3)
		}},
		{"bytes.Buffer", func() request.BodyProducer {
			return request.NewFileBodyProducer(bytes.NewBufferString(text), read3)
		}},
		{"a file", func() request.BodyProducer { return request.NewFileBodyProducer(openFile(t, text, 0), read3) }},
		{"a file from where it is", func() request.BodyProducer {
			return request.NewFileBodyProducer(openFile(t, "--"+text, 2), read3)
		}},
		{"a section", func() request.BodyProducer {
			return request.NewFileBodyProducer(io.NewSectionReader(strings.NewReader("--"+text+"--"), 2, int64(len(text))), read3)
		}},
		{"a reader from where it is", func() request.BodyProducer {
			moved.Seek(2, io.SeekStart)
			return request.NewFileBodyProducer(moved, read3)
		}},
		{"a buffer from where it is", func() request.BodyProducer {
			b := *buffered
			return request.NewFileBodyProducer(&b, read3)
		}},
		{"a reader without an end", func() request.BodyProducer {
			return request.NewFileBodyProducer(endless{strings.NewReader(text)}, read3)
		}},
		{"a path", func() request.BodyProducer {
			p, err := request.NewPathBodyProducer(openFile(t, text, 0).Name(), read3)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}},
		{"steps", func() request.BodyProducer { return newSteps(text) }},
		{"a wrapper", func() request.BodyProducer {
			return &upper{FileBodyProducer: request.NewFileBodyProducer(strings.NewReader(text), read3)}
		}},
	} {
		for when, steps := range map[string]int{"not started": -1, "started": 0, "in the middle": 2, "at the end": 100} {
			t.Run(test.name+", "+when, func(t *testing.T) {
				body := test.body()
				want := text
				switch test.name {
				case "a form":
					want = "a=1"
				case "a wrapper":
					want = strings.ToUpper(text)
				}
				if !request.Hold(body) {
					t.Fatal("it cannot be held")
				}
				s, first, second := stepper.New(), new(stepper.Sink), new(stepper.Sink)
				first.Tasks, second.Tasks = s.Cooperator, s.Cooperator
				var before *deferred.Deferred[deferred.None]
				if steps >= 0 {
					before = body.StartProducing(first)
				}
				for range steps {
					s.Step()
				}
				body.PauseProducing() // as a connection does that is lost
				if err := request.Rewind(body); err != nil {
					t.Fatal(err)
				}
				written := first.String()
				o := outcome.Of(body.StartProducing(second))
				if before != nil && !before.Called() {
					before.Cancel() // it has no effect on the second sending
					outcome.Of(before)
				}
				s.Drain()
				o.WantErr(t, nil)
				second.Want(t, want)
				first.Want(t, written)
				request.Release(body)
			})
		}
	}
}

// endless is a reader that cannot seek to its end.
type endless struct{ *strings.Reader }

func (e endless) Len(int) {} // hides the Len of strings.Reader

func (e endless) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 0, errors.New("no end")
	}
	return e.Reader.Seek(offset, whence)
}

// newSteps returns a CooperativeProducer of text that is made repeatable.
func newSteps(text string) request.BodyProducer {
	i := 0
	p := request.NewCooperativeProducer(int64(len(text)), func(to request.Consumer) (task.Wait, error) {
		if i == len(text) {
			return nil, task.Done
		}
		to.Write([]byte{text[i]})
		i++
		return nil, nil
	}, nil)
	p.MakeRepeatable(func() error {
		i = 0
		return nil
	})
	return p
}

// upper is a producer that embeds another one and changes what it writes.
type upper struct{ *request.FileBodyProducer }

func (u *upper) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	return u.FileBodyProducer.StartProducing(stepper.Writer{Tasks: to.Cooperator(), WriteFunc: func(data []byte) {
		to.Write(bytes.ToUpper(data))
	}})
}

// TestBodiesThatCannotBeSentAgain: what cannot seek, or cannot go back, or is closed, cannot
// be sent again.
func TestBodiesThatCannotBeSentAgain(t *testing.T) {
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	stopped := request.NewFileBodyProducer(strings.NewReader("abc"), read3)
	stopped.StopProducing()
	ended := request.NewFileBodyProducer(strings.NewReader("abc"), read3)
	s := stepper.New()
	ended.StartProducing(s.Sink())
	s.Drain()
	released := request.NewFileBodyProducer(strings.NewReader("abc"), read3)
	released.Hold()
	released.StopProducing()
	released.Release()
	for name, body := range map[string]request.BodyProducer{
		"a pipe":           request.NewFileBodyProducer(pipe, read3),
		"a device":         request.NewFileBodyProducer(null, read3),
		"a reader":         request.NewFileBodyProducer(iotest.OneByteReader(strings.NewReader("abc")), read3),
		"a failing seeker": request.NewFileBodyProducer(&seeker{Reader: strings.NewReader("abc"), results: map[int]error{io.SeekCurrent: errors.New("no")}}, read3),
		"steps":            request.NewCooperativeProducer(1, func(request.Consumer) (task.Wait, error) { return nil, task.Done }, nil),
		"stopped":          stopped,
		"ended":            ended,
		"released":         released,
		"a stranger":       struct{ request.BodyProducer }{request.NewFileBodyProducer(strings.NewReader("abc"), read3)},
	} {
		if request.Repeatable(body) || request.Hold(body) {
			t.Errorf("%s can be sent again", name)
		}
		if err := request.Rewind(body); !errors.Is(err, request.ErrNotRepeatable) {
			t.Errorf("%s: Rewind gives %v", name, err)
		}
		body.StopProducing()
	}
}

// TestSourcesThatChange: a source whose length changed is not sent again.
func TestSourcesThatChange(t *testing.T) {
	file := openFile(t, "abc", 1)
	buffer := bytes.NewBufferString("abc")
	elastic := &seeker{Reader: strings.NewReader("abc"), end: 3}
	stuck := &seeker{Reader: strings.NewReader("abc"), end: 3}
	no := errors.New("no way back")
	path := openFile(t, "abc", 0).Name()
	byPath, err := request.NewPathBodyProducer(path, read3)
	if err != nil {
		t.Fatal(err)
	}
	toNothing, err := request.NewPathBodyProducer(path, read3)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		body   request.BodyProducer
		change func() error
		text   string
		is     error
	}{
		{"a file grows", request.NewFileBodyProducer(file, read3), func() error { return os.WriteFile(file.Name(), []byte("abcdef"), 0o600) },
			file.Name() + " had 2 bytes to send, and now has 5", request.ErrChanged},
		{"a buffer grows", request.NewFileBodyProducer(buffer, read3), func() error { buffer.WriteByte('d'); return nil },
			"it had 3 bytes to send, and now has 4", request.ErrChanged},
		{"a seeker shrinks", request.NewFileBodyProducer(elastic, read3), func() error { elastic.end = 2; return nil },
			"it had 3 bytes to send, and now has 2", request.ErrChanged},
		{"a seeker breaks", request.NewFileBodyProducer(stuck, read3), func() error { stuck.results = map[int]error{io.SeekStart: no}; return nil },
			"going back to the beginning of the body: no way back", no},
		{"a path", byPath, func() error { return os.WriteFile(path, []byte("ab"), 0o600) },
			path + " had 3 bytes to send, and now has 2", request.ErrChanged},
		{"a path to nothing", toNothing, func() error { return os.Remove(path) }, "no such file", os.ErrNotExist},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !request.Hold(test.body) {
				t.Fatal("it cannot be held")
			}
			defer request.Release(test.body)
			s := stepper.New()
			if test.name != "a path to nothing" {
				outcome.Of(test.body.StartProducing(s.Sink()))
				s.Drain()
			}
			if err := test.change(); err != nil {
				t.Fatal(err)
			}
			err := request.Rewind(test.body)
			if err == nil { // a path finds out when it is opened
				to := s.Sink()
				o := outcome.Of(test.body.StartProducing(to))
				s.Drain()
				to.Want(t, "")
				err = o.Err
			}
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestAHeldFileStaysOpen: the source is closed when no sending can follow, once.
func TestAHeldFileStaysOpen(t *testing.T) {
	for name, end := range map[string]func(f *fileTest){
		"ended":       func(f *fileTest) { f.start(); f.Drain() },
		"stopped":     func(f *fileTest) { f.start(); f.Step(); f.StopProducing() },
		"not started": func(f *fileTest) { f.StopProducing() },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFileTest("hello", 3)
			f.Hold()
			f.Hold()
			for range 3 {
				end(f)
				if f.file.Closed != 0 {
					t.Fatal("closed while it is held")
				}
				if err := f.Rewind(); err != nil {
					t.Fatal(err)
				}
			}
			f.Release()
			end(f)
			if f.file.Closed != 0 {
				t.Fatal("closed while it is held")
			}
			f.Release()
			if f.file.Closed != 1 {
				t.Errorf("closed %d times", f.file.Closed)
			}
		})
	}
	f := newFileTest("hello", 3)
	f.Hold()
	f.start()
	f.Step()
	f.Release() // it is still being sent
	if f.file.Closed != 0 {
		t.Error("closed while it is sent")
	}
	f.Drain()
	if f.file.Closed != 1 {
		t.Errorf("closed %d times", f.file.Closed)
	}
}

// TestAPathIsOpenWhileItIsSent counts the open descriptors.
func TestAPathIsOpenWhileItIsSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	body, err := request.NewPathBodyProducer(path, read3)
	if err != nil {
		t.Fatal(err)
	}
	want := func(n int, when string) {
		t.Helper()
		if got := len(descriptors.In(t, filepath.Dir(path))); got != n {
			t.Errorf("%s: %d descriptors, want %d", when, got, n)
		}
	}
	body.Hold()
	want(0, "made")
	s := stepper.New()
	outcome.Of(body.StartProducing(s.Sink()))
	want(0, "started")
	s.Step()
	want(1, "reading")
	s.Drain()
	want(0, "read")
	body.Rewind()
	outcome.Of(body.StartProducing(s.Sink()))
	s.Step()
	want(1, "reading again")
	body.Rewind()
	want(0, "rewound")
	outcome.Of(body.StartProducing(s.Sink()))
	s.Step()
	body.StopProducing()
	body.Release()
	want(0, "stopped")
}

// TestPathsThatCannotBeSent: the error names the path.
func TestPathsThatCannotBeSent(t *testing.T) {
	folder := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(folder, "none"): "no such file",
		folder:                        "is not a regular file",
		os.DevNull:                    "is not a regular file",
	} {
		_, err := request.NewPathBodyProducer(path, request.FileBodyConfig{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
