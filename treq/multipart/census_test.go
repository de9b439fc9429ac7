package multipart_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestNothingWaitsForAStoppedFile: a producer that is stopped does not fire its Deferred. When the form is stopped and its own
// Deferred is cancelled, nothing waits for that of the file.
func TestNothingWaitsForAStoppedFile(t *testing.T) {
	for _, test := range []struct {
		name string
		file func(form **multipart.MultiPartProducer) request.BodyProducer
	}{
		{"later", func(**multipart.MultiPartProducer) request.BodyProducer {
			return &maker{length: 9, start: func(request.Consumer) *deferred.Deferred[deferred.None] { return deferred.New[deferred.None]() }}
		}},
		{"with a canceller", func(**multipart.MultiPartProducer) request.BodyProducer {
			return &maker{length: 9, start: func(request.Consumer) *deferred.Deferred[deferred.None] {
				return deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) {})
			}}
		}},
		{"within its start", func(form **multipart.MultiPartProducer) request.BodyProducer {
			return &maker{length: 9, start: func(request.Consumer) *deferred.Deferred[deferred.None] {
				(*form).StopProducing()
				return deferred.New[deferred.None]()
			}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			census := deferred.OpenCensus()
			defer census.Close()
			var form *multipart.MultiPartProducer
			body := test.file(&form)
			form, err := multipart.NewMultiPartProducer([]multipart.Field{{Name: "f", Value: multipart.File{Body: body}}}, multipart.Config{Boundary: "heyDavid"})
			if err != nil {
				t.Fatal(err)
			}
			s := stepper.New()
			d := form.StartProducing(s.Sink())
			d.AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil })
			for len(body.(*maker).calls) == 0 {
				s.Step()
			}
			form.StopProducing()
			d.Cancel()
			for _, w := range census.Waiting() {
				t.Error(w)
			}
		})
	}
}
