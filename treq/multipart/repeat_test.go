package multipart_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-7c003b53/gotreq/internal/testkit/descriptors"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// repeatable returns a form of a text, a long text and two files.
func repeatable(t *testing.T) (p *multipart.MultiPartProducer, files [2]*memfile.File) {
	t.Helper()
	files = [2]*memfile.File{memfile.Begun("one"), memfile.New("two")}
	p, err := multipart.NewMultiPartProducer([]multipart.Field{
		{Name: "a", Value: multipart.Text("text")},
		{Name: "b", Value: multipart.Text(strings.Repeat("long", 10<<10))},
		{Name: "c", Value: multipart.File{Body: request.NewFileBodyProducer(files[0], request.FileBodyConfig{ReadSize: 1})}},
		{Name: "d", Value: multipart.File{Body: request.NewFileBodyProducer(files[1], request.FileBodyConfig{ReadSize: 1})}},
	}, multipart.Config{Boundary: "heyDavid"})
	if err != nil {
		t.Fatal(err)
	}
	return p, files
}

// TestAFormIsSentAgain sends a form again after any number of steps of the first sending,
// and then a third time.
func TestAFormIsSentAgain(t *testing.T) {
	p, _ := repeatable(t)
	s := stepper.New()
	to := s.Sink()
	outcome.Of(p.StartProducing(to))
	all, want := s.Drain(), to.String()
	for steps := range all + 1 {
		p, files := repeatable(t)
		if !request.Repeatable(p) || !p.Hold() {
			t.Fatal("the form cannot be sent again")
		}
		for _, n := range []int{steps, all - steps, all} {
			s, to := stepper.New(), new(stepper.Sink)
			to.Tasks = s.Cooperator
			o := outcome.Of(p.StartProducing(to))
			for range n {
				s.Step()
			}
			if n == all {
				o.WantErr(t, nil)
				to.Want(t, want)
			}
			before := to.String()
			if err := p.Rewind(); err != nil {
				t.Fatal(err)
			}
			s.Drain()
			to.Want(t, before) // nothing goes on in secret
		}
		p.StopProducing()
		for i, f := range files {
			if f.Closed != 0 {
				t.Errorf("%d steps: file %d is closed while the form is held", steps, i)
			}
		}
		p.Release()
		for i, f := range files {
			if f.Closed != 1 {
				t.Errorf("%d steps: file %d was closed %d times", steps, i, f.Closed)
			}
		}
	}
}

// TestFormsThatAreNotSentAgain: one file that cannot be rewound is enough, and none is held
// then.
func TestFormsThatAreNotSentAgain(t *testing.T) {
	first := memfile.New("one")
	p, err := multipart.NewMultiPartProducer([]multipart.Field{
		{Name: "a", Value: multipart.FromReader("", first)},
		{Name: "b", Value: multipart.FromReader("", iotest.OneByteReader(strings.NewReader("two")))},
	}, multipart.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if request.Repeatable(p) || p.Hold() {
		t.Error("the form can be sent again")
	}
	p.StopProducing()
	if first.Closed != 1 {
		t.Errorf("the first file was closed %d times", first.Closed)
	}
}

// TestAFileThatChanges: the error names the field.
func TestAFileThatChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range map[string]func() multipart.File{
		"opened": func() multipart.File {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return multipart.FromFile(f)
		},
		"by path": func() multipart.File { return multipart.FromPath(path) },
	} {
		t.Run(name, func(t *testing.T) {
			write("text")
			p, err := multipart.NewMultiPartProducer([]multipart.Field{{Name: "f", Value: file()}}, multipart.Config{})
			if err != nil {
				t.Fatal(err)
			}
			p.Hold()
			defer p.Release()
			s := stepper.New()
			outcome.Of(p.StartProducing(s.Sink()))
			s.Drain()
			write("longer text")
			if err = p.Rewind(); err == nil {
				o := outcome.Of(p.StartProducing(s.Sink()))
				s.Drain()
				err = o.Err
			}
			var field *multipart.FieldError
			if !errors.Is(err, request.ErrChanged) || !errors.As(err, &field) || field.Name != "f" || !strings.Contains(err.Error(), path) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestAFormOfPathsHoldsOneDescriptor counts the descriptors at each step.
func TestAFormOfPathsHoldsOneDescriptor(t *testing.T) {
	var fields []multipart.Field
	folder := t.TempDir()
	for i := range 300 {
		path := filepath.Join(folder, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte("contents"), 0o600); err != nil {
			t.Fatal(err)
		}
		fields = append(fields, multipart.Field{Name: "f", Value: multipart.FromPath(path)})
	}
	p, err := multipart.NewMultiPartProducer(fields, multipart.Config{Boundary: "heyDavid"})
	if err != nil {
		t.Fatal(err)
	}
	p.Hold()
	s := stepper.New()
	var sent [2]string
	for i := range sent {
		to := s.Sink()
		o := outcome.Of(p.StartProducing(to))
		for s.Busy() {
			s.Step()
			if n := len(descriptors.In(t, folder)); n > 1 {
				t.Fatalf("%d descriptors are open", n)
			}
		}
		o.WantErr(t, nil)
		sent[i] = to.String()
		if err := p.Rewind(); err != nil {
			t.Fatal(err)
		}
	}
	if sent[0] != sent[1] || strings.Count(sent[0], "contents") != 300 {
		t.Errorf("sent %d bytes, then %d", len(sent[0]), len(sent[1]))
	}
	p.StopProducing()
	p.Release()
	if n := len(descriptors.In(t, folder)); n != 0 {
		t.Errorf("%d descriptors are left", n)
	}
}

// TestAWrongLengthStopsItsFile: a file that writes too much is stopped, also while the form
// is held.
func TestAWrongLengthStopsItsFile(t *testing.T) {
	steps := 0
	long := request.NewCooperativeProducer(1, func(to request.Consumer) (task.Wait, error) {
		steps++
		to.Write([]byte("xx"))
		return nil, nil
	}, nil)
	long.MakeRepeatable(func() error { return nil })
	p, err := multipart.NewMultiPartProducer([]multipart.Field{{Name: "f", Value: multipart.File{Body: long}}}, multipart.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p.Hold()
	defer p.Release()
	s := stepper.New()
	o := outcome.Of(p.StartProducing(s.Sink()))
	for range 10 {
		s.Step()
	}
	if !errors.Is(o.Err, multipart.ErrWrongLength) || steps != 1 {
		t.Errorf("%v after %d steps", o.Err, steps)
	}
}
