package multipart_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A form has two texts and two files. It is produced step by step, with 5 bytes of a file
// in each step.
type form struct {
	*stepper.Stepper
	*multipart.MultiPartProducer
	first, second *file
	to            *stepper.Sink
}

const (
	head = "--heyDavid\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext\r\n" +
		"--heyDavid\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nmore\r\n" +
		"--heyDavid\r\nContent-Disposition: form-data; name=\"f\"; filename=\"1.bin\"\r\n" +
		"Content-Type: text/x-first\r\nContent-Length: 13\r\n\r\n"
	middle = "\r\n--heyDavid\r\nContent-Disposition: form-data; name=\"g\"; filename=\"2.bin\"\r\n" +
		"Content-Type: text/x-second\r\nContent-Length: 4\r\n\r\n"
	tail = "\r\n--heyDavid--\r\n"
)

func newForm(t *testing.T) *form {
	t.Helper()
	f := &form{
		Stepper: stepper.New(),
		first:   &file{Reader: strings.NewReader("hello, world!")},
		second:  &file{Reader: strings.NewReader("bye!")},
	}
	f.to = f.Sink()
	p, err := multipart.NewMultiPartProducer([]multipart.Field{
		{Name: "a", Value: multipart.Text("text")},
		{Name: "b", Value: multipart.Text("more")},
		{Name: "f", Value: multipart.File{Name: "1.bin", ContentType: "text/x-first",
			Body: request.NewFileBodyProducer(sized{f.first, 13}, request.FileBodyConfig{ReadSize: 5})}},
		{Name: "g", Value: multipart.File{Name: "2.bin", ContentType: "text/x-second",
			Body: request.NewFileBodyProducer(sized{f.second, 4}, request.FileBodyConfig{ReadSize: 5})}},
	}, multipart.Config{Boundary: "heyDavid"})
	if err != nil {
		t.Fatal(err)
	}
	f.MultiPartProducer = p
	return f
}

func (f *form) start() result { return outcome.Of(f.StartProducing(f.to)) }

// until runs steps until the written bytes end with last.
func (f *form) until(t *testing.T, last string) {
	t.Helper()
	for !strings.HasSuffix(f.to.String(), last) {
		if !f.Busy() {
			t.Fatalf("%q was not written; written: %q", last, f.to.String())
		}
		f.Step()
	}
}

func TestMultiPartProducer(t *testing.T) {
	f := newForm(t)
	whole := head + "hello, world!" + middle + "bye!" + tail
	if got := f.Length(); got != int64(len(whole)) {
		t.Errorf("Length() = %d; want %d", got, len(whole))
	}
	o := f.start()
	f.to.Want(t, "")
	f.Step()
	f.to.Want(t, head)
	f.until(t, head+"hello, wor")
	f.first.wantClosed(t, 0)
	f.until(t, middle)
	f.first.wantClosed(t, 1)
	f.second.wantClosed(t, 0)
	o.WantNothing(t)
	f.Drain()
	f.to.Want(t, whole)
	o.WantErr(t, nil)
	f.second.wantClosed(t, 1)

	f.PauseProducing()
	f.ResumeProducing()
	f.StopProducing()
	o.WantErr(t, nil)
	outcome.Of(f.StartProducing(f.to)).WantErr(t, request.ErrProduced)
}

func TestUnknownLength(t *testing.T) {
	p, err := multipart.NewMultiPartProducer([]multipart.Field{
		{Name: "a", Value: multipart.Text("text")},
		{Name: "f", Value: multipart.FromReader("x", iotest.HalfReader(strings.NewReader("abc")))},
		{Name: "g", Value: multipart.FromReader("x", strings.NewReader("abc"))},
	}, multipart.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Length(); got != request.UnknownLength {
		t.Errorf("Length() = %d", got)
	}
}

// TestKnownLengthOfWhatIsLeft checks that a form sends the unread bytes of a reader, and
// reads nothing before it is started.
func TestKnownLengthOfWhatIsLeft(t *testing.T) {
	r := strings.NewReader("here are some bytes")
	r.Seek(5, io.SeekStart)
	_, got := produce(t, []multipart.Field{{Name: "f", Value: multipart.FromReader("", r)}})
	want := lines("--heyDavid\nContent-Disposition: form-data; name=\"f\"\nContent-Type: application/octet-stream\n" +
		"Content-Length: 14\n\nare some bytes\n--heyDavid--\n")
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestPauseAndResume(t *testing.T) {
	for _, at := range []string{
		"",                     // before the first step
		head,                   // before a file begins
		head + "hello",         // in a file
		head + "hello, world!", // at its end
		middle,                 // between files
		middle + "bye!",        // at the end of the last file
		middle + "bye!" + tail, // before the end of the form
	} {
		t.Run(at, func(t *testing.T) {
			f := newForm(t)
			o := f.start()
			f.until(t, at)
			f.PauseProducing()
			f.PauseProducing()
			before := f.to.String()
			f.Drain()
			f.to.Want(t, before)
			if at != "" {
				o.WantNothing(t)
			}
			f.ResumeProducing()
			f.ResumeProducing()
			f.Drain()
			f.to.Want(t, head+"hello, world!"+middle+"bye!"+tail)
			o.WantErr(t, nil)
		})
	}
}

// TestPauseInEveryWrite checks that the consumer may pause the form in every Write.
func TestPauseInEveryWrite(t *testing.T) {
	f := newForm(t)
	writes := 0
	o := outcome.Of(f.StartProducing(stepper.Writer{Tasks: f.Cooperator, WriteFunc: func(data []byte) {
		writes++
		f.to.Write(data)
		f.PauseProducing()
	}}))
	for last := 0; o.Fired == 0; last++ {
		f.Drain()
		if writes > last+1 {
			t.Fatalf("%d writes after %d pauses", writes, last)
		}
		f.ResumeProducing()
	}
	if writes != 7 {
		t.Errorf("%d writes; want 7", writes)
	}
	f.to.Want(t, head+"hello, world!"+middle+"bye!"+tail)
	o.WantErr(t, nil)
}

// TestStop checks that all files are closed, whatever ends a form.
func TestStop(t *testing.T) {
	stop := func(f *form) result { o := f.start(); f.StopProducing(); return o }
	for _, test := range []struct {
		name string
		end  func(t *testing.T, f *form) result
		want string
		err  error // the error of the Deferred; nil: it does not fire
	}{
		{"before the start", func(t *testing.T, f *form) result { f.StopProducing(); return f.start() }, "", nil},
		{"at once", func(t *testing.T, f *form) result { return stop(f) }, "", nil},
		{"twice", func(t *testing.T, f *form) result { o := stop(f); f.StopProducing(); return o }, "", nil},
		{"before a file", func(t *testing.T, f *form) result {
			o := f.start()
			f.Step()
			f.StopProducing()
			return o
		}, head, nil},
		{"in a file", func(t *testing.T, f *form) result {
			o := f.start()
			f.until(t, "hello")
			f.StopProducing()
			return o
		}, head + "hello", nil},
		{"in a paused file", func(t *testing.T, f *form) result {
			o := f.start()
			f.until(t, "hello")
			f.PauseProducing()
			f.StopProducing()
			f.ResumeProducing()
			return o
		}, head + "hello", nil},
		{"in the last file", func(t *testing.T, f *form) result {
			o := f.start()
			f.until(t, "bye!")
			f.StopProducing()
			return o
		}, head + "hello, world!" + middle + "bye!", nil},
		{"in a write", func(t *testing.T, f *form) result {
			o := outcome.Of(f.StartProducing(stepper.Writer{Tasks: f.Cooperator, WriteFunc: func(data []byte) {
				f.to.Write(data)
				if string(data) == "hello" {
					f.StopProducing()
				}
			}}))
			f.Drain()
			return o
		}, head + "hello", nil},
		{"cancelled", func(t *testing.T, f *form) result {
			d := f.StartProducing(f.to)
			o := outcome.Of(d)
			f.until(t, "hello")
			d.Cancel()
			return o
		}, head + "hello", deferred.ErrCancelled},
		{"by the end of the Cooperator", func(t *testing.T, f *form) result {
			o := f.start()
			f.until(t, "hello")
			f.Stop()
			return o
		}, head + "hello", task.ErrSchedulerStopped},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newForm(t)
			o := test.end(t, f)
			f.first.wantClosed(t, 1)
			f.second.wantClosed(t, 1)
			f.Drain()
			f.to.Want(t, test.want)
			if test.err == nil {
				o.WantNothing(t)
			} else {
				o.WantErrIs(t, test.err)
			}
		})
	}
}

// A maker is a producer with a start function of the test. It records its calls.
type maker struct {
	length int64
	start  func(to request.Consumer) *deferred.Deferred[deferred.None]
	calls  []string
}

func (m *maker) Length() int64 { return m.length }
func (m *maker) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	m.calls = append(m.calls, "start")
	return m.start(to)
}
func (m *maker) PauseProducing()  { m.calls = append(m.calls, "pause") }
func (m *maker) ResumeProducing() { m.calls = append(m.calls, "resume") }
func (m *maker) StopProducing()   { m.calls = append(m.calls, "stop") }

func TestAFileThatFails(t *testing.T) {
	bad := errors.New("bad sector")
	var panicked *deferred.PanicError
	for _, test := range []struct {
		name string
		body request.BodyProducer
		want error // nil: a panic
		text string
	}{
		{"a read", request.NewFileBodyProducer(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(bad)), request.FileBodyConfig{}), bad,
			`multipart: field "f": bad sector`},
		{"too short", request.NewFileBodyProducer(sized{&file{Reader: strings.NewReader("abc")}, 4}, request.FileBodyConfig{}), multipart.ErrWrongLength,
			`multipart: field "f": wrong length of a file: it was to have 4 bytes, its producer wrote 3`},
		{"too long", request.NewFileBodyProducer(sized{&file{Reader: strings.NewReader("abc")}, 2}, request.FileBodyConfig{}), multipart.ErrWrongLength,
			`multipart: field "f": wrong length of a file: it was to have 2 bytes, its producer wrote 3`},
		{"too long at once", &maker{length: 1, start: func(to request.Consumer) *deferred.Deferred[deferred.None] {
			to.Write([]byte("12"))
			to.Write([]byte("3"))
			return deferred.Succeed(deferred.None{})
		}}, multipart.ErrWrongLength, `multipart: field "f": wrong length of a file: it was to have 1 bytes, its producer wrote 2`},
		{"at once", &maker{start: func(request.Consumer) *deferred.Deferred[deferred.None] {
			return deferred.Fail[deferred.None](bad)
		}}, bad, `multipart: field "f": bad sector`},
		{"a panic", &maker{start: func(request.Consumer) *deferred.Deferred[deferred.None] { panic(bad) }}, bad,
			`multipart: field "f": `},
		{"a nil Deferred", &maker{start: func(request.Consumer) *deferred.Deferred[deferred.None] { return nil }}, nil,
			`multipart: field "f": `},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, after := stepper.New(), &file{Reader: strings.NewReader("x")}
			p, err := multipart.NewMultiPartProducer([]multipart.Field{
				{Name: "f", Value: multipart.File{Name: "f", Body: test.body}},
				{Name: "g", Value: multipart.FromReader("g", after)},
			}, multipart.Config{})
			if err != nil {
				t.Fatal(err)
			}
			to := s.Sink()
			o := outcome.Of(p.StartProducing(to))
			s.Drain()
			var field *multipart.FieldError
			switch {
			case o.Fired != 1 || !errors.As(o.Err, &field) || field.Name != "f":
				t.Fatalf("the Deferred fired %d times, with %v", o.Fired, o.Err)
			case test.want != nil && !errors.Is(o.Err, test.want),
				test.want == nil && !errors.As(o.Err, &panicked):
				t.Errorf("the error is not %v: %v", test.want, o.Err)
			case !strings.HasPrefix(o.Err.Error(), test.text):
				t.Errorf("error: %v\nwant:  %s", o.Err, test.text)
			}
			after.wantClosed(t, 1)
			if strings.Contains(to.String(), `name="g"`) {
				t.Errorf("the form did not end: %q", to)
			}
		})
	}
}

// TestAFileOfNothingThatWrites checks that a file of Length 0 cannot send a byte.
func TestAFileOfNothingThatWrites(t *testing.T) {
	s := stepper.New()
	body := &maker{length: 0, start: func(to request.Consumer) *deferred.Deferred[deferred.None] {
		to.Write([]byte("text"))
		return deferred.New[deferred.None]()
	}}
	p, err := multipart.NewMultiPartProducer([]multipart.Field{{Name: "f", Value: multipart.File{Body: body}}}, multipart.Config{})
	if err != nil {
		t.Fatal(err)
	}
	to := s.Sink()
	o := outcome.Of(p.StartProducing(to))
	s.Drain()
	o.WantErrIs(t, multipart.ErrWrongLength)
	if !strings.HasSuffix(to.String(), "\r\n\r\n") {
		t.Errorf("written: %q", to)
	}
}

func TestAProducerOfOnesOwn(t *testing.T) {
	s := stepper.New()
	sunk := s.Sink()
	done := deferred.New[deferred.None]()
	var to request.Consumer
	m := &maker{length: 4, start: func(c request.Consumer) *deferred.Deferred[deferred.None] { to = c; return done }}
	after := &maker{length: 0}
	p, err := multipart.NewMultiPartProducer([]multipart.Field{
		{Name: "m", Value: multipart.File{Body: m}},
		{Name: "n", Value: multipart.File{Body: after}},
	}, multipart.Config{Boundary: "b"})
	if err != nil {
		t.Fatal(err)
	}
	p.PauseProducing()
	o := outcome.Of(p.StartProducing(sunk))
	s.Drain()
	p.ResumeProducing()
	s.Drain()
	if to.Cooperator() != s.Cooperator {
		t.Error("the consumer of the file does not have the Cooperator")
	}
	to.Write([]byte("ab"))
	p.PauseProducing()
	p.PauseProducing()
	p.ResumeProducing()
	p.ResumeProducing()
	p.StopProducing()
	p.StopProducing()
	to.Write([]byte("c"))
	done.Callback(deferred.None{}) // too late
	s.Drain()
	o.WantNothing(t)
	if !strings.HasSuffix(sunk.String(), "\r\n\r\nab") {
		t.Errorf("written: %q", sunk)
	}
	if got := strings.Join(m.calls, " "); got != "start pause resume stop" {
		t.Errorf("calls: %s", got)
	}
	if got := strings.Join(after.calls, " "); got != "stop" {
		t.Errorf("calls of the next producer: %s", got)
	}
}

// TestBehindAWrapper checks that a form and its files find the Cooperator through a
// consumer around another one.
func TestBehindAWrapper(t *testing.T) {
	f := newForm(t)
	c := &stepper.Counter{Consumer: f.to}
	o := outcome.Of(f.StartProducing(c))
	f.Drain()
	f.to.Want(t, head+"hello, world!"+middle+"bye!"+tail)
	o.WantErr(t, nil)
	if c.Written != int(f.Length()) {
		t.Errorf("counted %d bytes of %d", c.Written, f.Length())
	}
}

// TestNoCooperator checks that a consumer without a Cooperator fails the form at once,
// and closes all files.
func TestNoCooperator(t *testing.T) {
	f := newForm(t)
	outcome.Of(f.StartProducing(new(stepper.Sink))).WantErrIs(t, request.ErrNoCooperator)
	f.first.wantClosed(t, 1)
	f.second.wantClosed(t, 1)
}

// TestRandom checks that the boundary comes from the Rand of the config, or from the
// system's source if Rand is nil.
func TestRandom(t *testing.T) {
	boundary := func(r *rand.Rand) string {
		p, err := multipart.NewMultiPartProducer(nil, multipart.Config{Rand: r})
		if err != nil {
			t.Fatal(err)
		}
		return p.Boundary()
	}
	seeded := func() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	want := seeded()
	words := make([]byte, 16)
	binary.LittleEndian.PutUint64(words, want.Uint64())
	binary.LittleEndian.PutUint64(words[8:], want.Uint64())
	if got := boundary(seeded()); got != hex.EncodeToString(words) {
		t.Errorf("got %q, want %x", got, words)
	}
	if one, other := boundary(nil), boundary(nil); len(one) != 32 || one == other {
		t.Errorf("the boundaries of the system's source are %q and %q", one, other)
	}
}
