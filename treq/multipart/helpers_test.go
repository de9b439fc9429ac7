package multipart_test

import (
	"io"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

var _ request.BodyProducer = (*multipart.MultiPartProducer)(nil)

// A file is a reader that counts the calls of Close.
type file struct {
	io.Reader
	closed int
}

func (f *file) Close() error { f.closed++; return nil }

func (f *file) wantClosed(t *testing.T, want int) {
	t.Helper()
	if f.closed != want {
		t.Errorf("the file was closed %d times; want %d", f.closed, want)
	}
}

// A sized is a reader with a length.
type sized struct {
	*file
	length int
}

func (s sized) Len() int { return s.length }

// A result is the result of a producer's Deferred.
type result = *outcome.Result[deferred.None]

// produce makes the body of fields, with the boundary heyDavid, and returns all of its
// bytes.
func produce(t *testing.T, fields []multipart.Field) (*multipart.MultiPartProducer, string) {
	t.Helper()
	s := stepper.New()
	to := s.Sink()
	p, err := multipart.NewMultiPartProducer(fields, multipart.Config{Boundary: "heyDavid"})
	if err != nil {
		t.Fatal(err)
	}
	length := p.Length()
	o := outcome.Of(p.StartProducing(to))
	s.Drain()
	o.WantErr(t, nil)
	if length != request.UnknownLength && length != int64(to.Len()) {
		t.Errorf("Length() = %d; the producer wrote %d bytes", length, to.Len())
	}
	return p, to.String()
}
