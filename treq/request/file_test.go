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
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A seeker is a reader whose Seek fails as results say.
type seeker struct {
	io.Reader
	results map[int]error // by whence
	at, end int64
}

func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	if err := s.results[whence]; err != nil {
		return 0, err
	}
	return map[int]int64{io.SeekStart: offset, io.SeekCurrent: s.at, io.SeekEnd: s.end}[whence], nil
}

type teller struct{ io.Reader }

// Tell is the method that Twisted looks for.
func (teller) Tell() int64 { return 3 }

func openFile(t *testing.T, contents string, offset int64) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(name, []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLengthOfAFile(t *testing.T) {
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer pipe.Close()
	closed := openFile(t, "gone", 0)
	closed.Close()
	read := bytes.NewReader([]byte("here are some bytes"))
	read.Seek(5, io.SeekStart)
	refused := errors.New("no")
	const unknown = request.UnknownLength
	for _, test := range []struct {
		name  string
		input io.Reader
		want  int64
	}{
		{"bytes.Reader from where it is", read, 14},
		{"strings.Reader", strings.NewReader("abc"), 3},
		{"bytes.Buffer", bytes.NewBufferString("abcd"), 4},
		{"a file", openFile(t, "0123456789", 0), 10},
		{"a file from where it is", openFile(t, "0123456789", 4), 6},
		{"a file beyond its end", openFile(t, "0123456789", 40), 0},
		{"an empty file", openFile(t, "", 0), 0},
		{"a closed file", closed, unknown},
		{"a pipe", pipe, unknown},
		{"a seeker", &seeker{at: 2, end: 7}, 5},
		{"a section", io.NewSectionReader(strings.NewReader("0123456789"), 2, 5), 5},
		{"a seeker without an offset", &seeker{results: map[int]error{io.SeekCurrent: refused}}, unknown},
		{"a seeker without an end", &seeker{results: map[int]error{io.SeekEnd: refused}}, unknown},
		{"a reader", iotest.HalfReader(strings.NewReader("abc")), unknown},
		{"a reader that tells but does not seek", teller{strings.NewReader("abc")}, unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := request.NewFileBodyProducer(test.input, request.FileBodyConfig{}).Length(); got != test.want {
				t.Errorf("Length() = %d; want %d", got, test.want)
			}
		})
	}
	if rest, _ := io.ReadAll(read); string(rest) != "are some bytes" {
		t.Errorf("finding the length left %q to read", rest)
	}
}

// TestAReaderThatCannotGoBackIsNotRead checks that the producer fails if it cannot
// restore the reader's offset.
func TestAReaderThatCannotGoBackIsNotRead(t *testing.T) {
	s := stepper.New()
	stuck := errors.New("stuck")
	p := request.NewFileBodyProducer(&seeker{strings.NewReader("abc"), map[int]error{io.SeekStart: stuck}, 0, 3}, request.FileBodyConfig{})
	if got := p.Length(); got != request.UnknownLength {
		t.Errorf("Length() = %d", got)
	}
	to := s.Sink()
	o := outcome.Of(p.StartProducing(to))
	s.Drain()
	if !errors.Is(o.Err, stuck) || o.Fired != 1 {
		t.Errorf("the Deferred fired %d times, with %v", o.Fired, o.Err)
	}
	to.Want(t, "")
}

func TestWrongOptionsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"no reader": func() { request.NewFileBodyProducer(nil, request.FileBodyConfig{}) },
		"negative":  func() { request.NewFileBodyProducer(memfile.New(""), request.FileBodyConfig{ReadSize: -1}) },
		"too large": func() {
			request.NewFileBodyProducer(memfile.New(""), request.FileBodyConfig{ReadSize: request.DefaultReadSize + 1})
		},
		"no step": func() { request.NewCooperativeProducer(0, nil, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v := recover(); v == nil || !strings.HasPrefix(v.(string), "request: ") {
					t.Errorf("the panic is %v", v)
				}
			}()
			f()
		})
	}
}

// A fileTest has a producer of a file, with its consumer and a stepper.
type fileTest struct {
	*stepper.Stepper
	*request.FileBodyProducer
	file *memfile.File
	to   *stepper.Sink
}

func newFileTest(contents string, readSize int) *fileTest {
	s, f := stepper.New(), memfile.New(contents)
	p := request.NewFileBodyProducer(f, request.FileBodyConfig{ReadSize: readSize})
	return &fileTest{s, p, f, s.Sink()}
}

func (f *fileTest) start() result { return outcome.Of(f.StartProducing(f.to)) }

func TestFileBodyProducer(t *testing.T) {
	f := newFileTest("hello, world", 3)
	o := f.start()
	f.to.Want(t, "")
	for _, want := range []string{"hel", "hello,", "hello, wo", "hello, world"} {
		f.Step()
		f.to.Want(t, want)
		o.WantNothing(t)
		if f.file.Closed != 0 {
			t.Error("the file was closed before its end")
		}
	}
	f.Step()
	o.WantErr(t, nil)
	if f.file.Closed != 1 {
		t.Errorf("the file was closed %d times", f.file.Closed)
	}
	if n := f.Drain(); n != 0 {
		t.Errorf("%d more steps", n)
	}
	// These calls have no effect after the end.
	f.PauseProducing()
	f.ResumeProducing()
	f.StopProducing()
	o.WantErr(t, nil)
	if f.file.Closed != 1 {
		t.Errorf("the file was closed %d times", f.file.Closed)
	}
	outcome.Of(f.StartProducing(f.to)).WantErr(t, request.ErrProduced)
	f.to.Want(t, "hello, world")
}

func TestPiecesAsTheReaderGivesThem(t *testing.T) {
	bad := errors.New("bad sector")
	big := strings.Repeat("0123456789abcdef", 3*request.DefaultReadSize/16) + "!"
	for _, test := range []struct {
		name  string
		input io.Reader
		want  string
		err   error
	}{
		{"nothing", strings.NewReader(""), "", nil},
		{"more than a buffer", strings.NewReader(big), big, nil},
		{"EOF with the last bytes", iotest.DataErrReader(strings.NewReader("abc")), "abc", nil},
		{"a byte at a time", iotest.OneByteReader(strings.NewReader("abc")), "abc", nil},
		{"an error", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(bad)), "abc", bad},
		{"an error with bytes", iotest.DataErrReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(bad))), "abc", bad},
		{"an error at once", iotest.ErrReader(bad), "", bad},
		{"no bytes, ever", idler{}, "", io.ErrNoProgress},
		{"bytes from few reads", &seldom{rest: "abc"}, "abc", nil},
		{"no bytes 99 times, then EOF", &late{99, io.EOF}, "", nil},
		{"no bytes 99 times, then an error", &late{99, bad}, "", bad},
		{"no bytes 98 times, then EOF", &late{98, io.EOF}, "", nil},
		{"no bytes 100 times, then EOF", &late{100, io.EOF}, "", io.ErrNoProgress},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stepper.New()
			to := s.Sink()
			input := &closeable{Reader: test.input}
			o := outcome.Of(request.NewFileBodyProducer(input, request.FileBodyConfig{}).StartProducing(to))
			s.Drain()
			o.WantErr(t, test.err)
			to.Want(t, test.want)
			if input.closed != 1 {
				t.Errorf("the reader was closed %d times", input.closed)
			}
		})
	}
}

type closeable struct {
	io.Reader
	closed int
}

func (c *closeable) Close() error { c.closed++; return errors.New("an error that is ignored") }

type idler struct{}

func (idler) Read([]byte) (int, error) { return 0, nil }

// A late reader returns no bytes from the first idle reads, and then an error.
type late struct {
	idle int
	err  error
}

func (l *late) Read([]byte) (int, error) {
	if l.idle--; l.idle >= 0 {
		return 0, nil
	}
	return 0, l.err
}

// A seldom reader returns a byte from every 60th read.
type seldom struct {
	reads int
	rest  string
}

func (s *seldom) Read(p []byte) (int, error) {
	if s.reads++; s.reads%60 != 0 {
		return 0, nil
	}
	if s.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:1], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestAReaderThatPanics(t *testing.T) {
	s := stepper.New()
	o := outcome.Of(request.NewFileBodyProducer(teller{nil}, request.FileBodyConfig{}).StartProducing(s.Sink()))
	s.Drain()
	var p *deferred.PanicError
	if o.Fired != 1 || !errors.As(o.Err, &p) {
		t.Errorf("the Deferred fired %d times, with %v", o.Fired, o.Err)
	}
}

func TestPauseAndResume(t *testing.T) {
	f := newFileTest("hello, world", 5)
	o := f.start()
	f.Step()
	f.PauseProducing()
	f.PauseProducing()
	if n := f.Drain(); n != 0 {
		t.Errorf("%d steps while paused", n)
	}
	f.to.Want(t, "hello")
	o.WantNothing(t)
	f.ResumeProducing()
	f.ResumeProducing()
	f.Step()
	f.to.Want(t, "hello, wor")
	f.Drain()
	f.to.Want(t, "hello, world")
	o.WantErr(t, nil)
}

// TestPauseBeforeTheStart checks a pause before the start: a full transport pauses the
// producer in RegisterProducer.
func TestPauseBeforeTheStart(t *testing.T) {
	f := newFileTest("hello", 5)
	f.PauseProducing()
	o := f.start()
	if n := f.Drain(); n != 0 {
		t.Errorf("%d steps while paused", n)
	}
	f.ResumeProducing()
	f.Drain()
	f.to.Want(t, "hello")
	o.WantErr(t, nil)

	f = newFileTest("hello", 5)
	f.PauseProducing()
	f.ResumeProducing()
	o = f.start()
	f.Drain()
	o.WantErr(t, nil)
}

func TestWhoPausesOrStopsInAWrite(t *testing.T) {
	f := newFileTest("hello, world", 5)
	o := outcome.Of(f.StartProducing(stepper.Writer{Tasks: f.Cooperator, WriteFunc: func(data []byte) {
		f.to.Write(data)
		f.PauseProducing()
	}}))
	for _, want := range []string{"hello", "hello, wor", "hello, world"} {
		f.Drain()
		f.to.Want(t, want)
		f.ResumeProducing()
	}
	f.Drain()
	o.WantErr(t, nil)

	f = newFileTest("hello, world", 5)
	o = outcome.Of(f.StartProducing(stepper.Writer{Tasks: f.Cooperator, WriteFunc: func(data []byte) {
		f.to.Write(data)
		f.StopProducing()
	}}))
	f.Drain()
	f.to.Want(t, "hello")
	o.WantNothing(t)
	if f.file.Closed != 1 {
		t.Errorf("the file was closed %d times", f.file.Closed)
	}
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name string
		stop func(*fileTest) result
		want string
		err  error // the error of the Deferred; nil: it does not fire
	}{
		{"at once", func(f *fileTest) result {
			o := f.start()
			f.StopProducing()
			return o
		}, "", nil},
		{"later", func(f *fileTest) result {
			o := f.start()
			f.Step()
			f.StopProducing()
			return o
		}, "hel", nil},
		{"twice", func(f *fileTest) result {
			o := f.start()
			f.StopProducing()
			f.StopProducing()
			return o
		}, "", nil},
		{"paused", func(f *fileTest) result {
			o := f.start()
			f.Step()
			f.PauseProducing()
			f.StopProducing()
			f.ResumeProducing()
			return o
		}, "hel", nil},
		{"before the start", func(f *fileTest) result {
			f.StopProducing()
			return f.start()
		}, "", nil},
		{"cancelled at once", func(f *fileTest) result {
			d := f.StartProducing(f.to)
			o := outcome.Of(d)
			d.Cancel()
			return o
		}, "", deferred.ErrCancelled},
		{"cancelled later", func(f *fileTest) result {
			d := f.StartProducing(f.to)
			o := outcome.Of(d)
			f.Step()
			d.Cancel()
			f.StopProducing()
			return o
		}, "hel", deferred.ErrCancelled},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFileTest("hello, world", 3)
			o := test.stop(f)
			if f.file.Closed != 1 {
				t.Errorf("the file was closed %d times", f.file.Closed)
			}
			if n := f.Drain(); n != 0 {
				t.Errorf("%d steps after the stop", n)
			}
			f.to.Want(t, test.want)
			if test.err == nil {
				o.WantNothing(t)
			} else {
				o.WantErr(t, test.err)
			}
		})
	}
}
