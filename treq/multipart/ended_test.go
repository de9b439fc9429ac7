package multipart_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestAFormThatHasEnded: a form that nobody held at its end cannot be sent again, though all
// that it is made of could, and it holds none of that.
func TestAFormThatHasEnded(t *testing.T) {
	for name, end := range map[string]func(p *multipart.MultiPartProducer){
		"sent": func(p *multipart.MultiPartProducer) {
			s := stepper.New()
			outcome.Of(p.StartProducing(s.Sink()))
			s.Drain()
		},
		"stopped": (*multipart.MultiPartProducer).StopProducing,
	} {
		for what, value := range map[string]func(body request.BodyProducer) multipart.Value{
			"a text": func(request.BodyProducer) multipart.Value { return multipart.Text("text") },
			"a file": func(body request.BodyProducer) multipart.Value { return multipart.File{Body: body} },
		} {
			source := memfile.New("one")
			body := request.NewFileBodyProducer(source, request.FileBodyConfig{})
			p, err := multipart.NewMultiPartProducer([]multipart.Field{{Name: "a", Value: value(body)}}, multipart.Config{})
			if err != nil {
				t.Fatal(err)
			}
			body.Hold() // by somebody else
			if end(p); p.Hold() || request.Repeatable(p) {
				t.Errorf("%s, %s: it can be sent again", what, name)
			}
			body.StopProducing()
			if body.Release(); source.Closed != 1 {
				t.Errorf("%s, %s: the file was closed %d times", what, name, source.Closed)
			}
		}
	}
}
