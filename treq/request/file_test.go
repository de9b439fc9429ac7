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
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// seeker is a reader that can seek, unless it fails.
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
		{"a seeker that cannot tell", &seeker{results: map[int]error{io.SeekCurrent: refused}}, unknown},
		{"a seeker that has no end", &seeker{results: map[int]error{io.SeekEnd: refused}}, unknown},
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

// A reader that cannot go back to its offset would produce another body.
func TestAReaderThatCannotGoBackIsNotRead(t *testing.T) {
	s := newStepper()
	stuck := errors.New("stuck")
	p := request.NewFileBodyProducer(&seeker{strings.NewReader("abc"), map[int]error{io.SeekStart: stuck}, 0, 3}, request.FileBodyConfig{})
	if got := p.Length(); got != request.UnknownLength {
		t.Errorf("Length() = %d", got)
	}
	to := s.sink()
	o := watch(p.StartProducing(to))
	s.drain()
	if !errors.Is(o.err, stuck) || o.fired != 1 {
		t.Errorf("the Deferred fired %d times, with %v", o.fired, o.err)
	}
	wantBytes(t, to, "")
}

func TestWrongOptionsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"no reader": func() { request.NewFileBodyProducer(nil, request.FileBodyConfig{}) },
		"negative":  func() { request.NewFileBodyProducer(newFile(""), request.FileBodyConfig{ReadSize: -1}) },
		"too large": func() {
			request.NewFileBodyProducer(newFile(""), request.FileBodyConfig{ReadSize: request.DefaultReadSize + 1})
		},
		"no step": func() { request.NewCooperativeProducer(0, nil, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v := recover(); v == nil || !strings.HasPrefix(v.(string), "request: ") {
					t.Errorf("it panicked with %v", v)
				}
			}()
			f()
		})
	}
}

// fileTest is a producer of a file that reads a few bytes in each step.
type fileTest struct {
	*stepper
	*request.FileBodyProducer
	file *file
	to   *sink
}

func newFileTest(contents string, readSize int) *fileTest {
	s, f := newStepper(), newFile(contents)
	p := request.NewFileBodyProducer(f, request.FileBodyConfig{ReadSize: readSize})
	return &fileTest{s, p, f, s.sink()}
}

func (f *fileTest) start() *outcome { return watch(f.StartProducing(f.to)) }

func TestFileBodyProducer(t *testing.T) {
	f := newFileTest("hello, world", 3)
	o := f.start()
	wantBytes(t, f.to, "")
	for _, want := range []string{"hel", "hello,", "hello, wo", "hello, world"} {
		f.step()
		wantBytes(t, f.to, want)
		o.wantNothing(t)
		if f.file.closed != 0 {
			t.Error("the file was closed before its end")
		}
	}
	f.step()
	o.want(t, nil)
	if f.file.closed != 1 {
		t.Errorf("the file was closed %d times", f.file.closed)
	}
	if n := f.drain(); n != 0 {
		t.Errorf("%d more steps", n)
	}
	// These calls are too late to do anything.
	f.PauseProducing()
	f.ResumeProducing()
	f.StopProducing()
	o.want(t, nil)
	if f.file.closed != 1 {
		t.Errorf("the file was closed %d times", f.file.closed)
	}
	watch(f.StartProducing(f.to)).want(t, request.ErrProduced)
	wantBytes(t, f.to, "hello, world")
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
		{"never anything", idler{}, "", io.ErrNoProgress},
		{"seldom anything", &seldom{rest: "abc"}, "abc", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStepper()
			to := s.sink()
			input := &closeable{Reader: test.input}
			o := watch(request.NewFileBodyProducer(input, request.FileBodyConfig{}).StartProducing(to))
			s.drain()
			o.want(t, test.err)
			wantBytes(t, to, test.want)
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

func (c *closeable) Close() error { c.closed++; return errors.New("of no interest") }

type idler struct{}

func (idler) Read([]byte) (int, error) { return 0, nil }

// seldom returns a byte from every 60th read.
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
	s := newStepper()
	o := watch(request.NewFileBodyProducer(teller{nil}, request.FileBodyConfig{}).StartProducing(s.sink()))
	s.drain()
	var p *deferred.PanicError
	if o.fired != 1 || !errors.As(o.err, &p) {
		t.Errorf("the Deferred fired %d times, with %v", o.fired, o.err)
	}
}

func TestPauseAndResume(t *testing.T) {
	f := newFileTest("hello, world", 5)
	o := f.start()
	f.step()
	f.PauseProducing()
	f.PauseProducing()
	if n := f.drain(); n != 0 {
		t.Errorf("%d steps while paused", n)
	}
	wantBytes(t, f.to, "hello")
	o.wantNothing(t)
	f.ResumeProducing()
	f.ResumeProducing()
	f.step()
	wantBytes(t, f.to, "hello, wor")
	f.drain()
	wantBytes(t, f.to, "hello, world")
	o.want(t, nil)
}

// A full transport pauses the producer in RegisterProducer, before the start.
func TestPauseBeforeTheStart(t *testing.T) {
	f := newFileTest("hello", 5)
	f.PauseProducing()
	o := f.start()
	if n := f.drain(); n != 0 {
		t.Errorf("%d steps while paused", n)
	}
	f.ResumeProducing()
	f.drain()
	wantBytes(t, f.to, "hello")
	o.want(t, nil)

	f = newFileTest("hello", 5)
	f.PauseProducing()
	f.ResumeProducing()
	o = f.start()
	f.drain()
	o.want(t, nil)
}

func TestWhoPausesOrStopsInAWrite(t *testing.T) {
	f := newFileTest("hello, world", 5)
	o := watch(f.StartProducing(writer{f.Cooperator, func(data []byte) {
		f.to.Write(data)
		f.PauseProducing()
	}}))
	for _, want := range []string{"hello", "hello, wor", "hello, world"} {
		f.drain()
		wantBytes(t, f.to, want)
		f.ResumeProducing()
	}
	f.drain()
	o.want(t, nil)

	f = newFileTest("hello, world", 5)
	o = watch(f.StartProducing(writer{f.Cooperator, func(data []byte) {
		f.to.Write(data)
		f.StopProducing()
	}}))
	f.drain()
	wantBytes(t, f.to, "hello")
	o.wantNothing(t)
	if f.file.closed != 1 {
		t.Errorf("the file was closed %d times", f.file.closed)
	}
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name string
		stop func(*fileTest) *outcome
		want string
		err  error // of the Deferred; nil: it does not fire
	}{
		{"at once", func(f *fileTest) *outcome {
			o := f.start()
			f.StopProducing()
			return o
		}, "", nil},
		{"later", func(f *fileTest) *outcome {
			o := f.start()
			f.step()
			f.StopProducing()
			return o
		}, "hel", nil},
		{"twice", func(f *fileTest) *outcome {
			o := f.start()
			f.StopProducing()
			f.StopProducing()
			return o
		}, "", nil},
		{"paused", func(f *fileTest) *outcome {
			o := f.start()
			f.step()
			f.PauseProducing()
			f.StopProducing()
			f.ResumeProducing()
			return o
		}, "hel", nil},
		{"before the start", func(f *fileTest) *outcome {
			f.StopProducing()
			return f.start()
		}, "", nil},
		{"cancelled at once", func(f *fileTest) *outcome {
			d := f.StartProducing(f.to)
			o := watch(d)
			d.Cancel()
			return o
		}, "", deferred.ErrCancelled},
		{"cancelled later", func(f *fileTest) *outcome {
			d := f.StartProducing(f.to)
			o := watch(d)
			f.step()
			d.Cancel()
			f.StopProducing()
			return o
		}, "hel", deferred.ErrCancelled},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFileTest("hello, world", 3)
			o := test.stop(f)
			if f.file.closed != 1 {
				t.Errorf("the file was closed %d times", f.file.closed)
			}
			if n := f.drain(); n != 0 {
				t.Errorf("%d steps after the stop", n)
			}
			wantBytes(t, f.to, test.want)
			if test.err == nil {
				o.wantNothing(t)
			} else {
				o.want(t, test.err)
			}
		})
	}
}
