package request_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestClone: a copy equals the request, and has a Header of its own, even if the request has none.
func TestClone(t *testing.T) {
	for name, header := range map[string]http.Header{"with a Header": {"A": {"1", "2"}}, "empty": {}, "nil": nil} {
		r := &request.Request{
			Method: "POST", URL: &url.URL{Scheme: "http", Host: "an.example"}, Header: header, AcceptEncoding: "gzip",
			Body: request.Bytes("text"), ExpectContinue: time.Second, Informational: func(int, http.Header) {},
		}
		c := r.Clone()
		if c == r || c.Informational == nil {
			t.Errorf("%s: not a copy of everything", name)
		}
		ignore := cmpopts.IgnoreFields(request.Request{}, "Informational")
		if diff := cmp.Diff(r, c, ignore, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		c.Header.Set("A", "changed")
		c.Header.Set("B", "new")
		if got := r.Header.Get("A"); got == "changed" || r.Header.Get("B") != "" {
			t.Errorf("%s: a change of the copy's Header changed the request's: %v", name, r.Header)
		}
	}
}

// TestRepeatable: a body that is read while it is sent can be sent again if its reader can
// seek.
func TestRepeatable(t *testing.T) {
	s := stepper.New()
	sent := request.Bytes("text")
	sent.StartProducing(s.Sink())
	for _, test := range []struct {
		name string
		body request.BodyProducer
		want bool
	}{
		{"none", nil, true},
		{"bytes", request.Bytes("text"), true},
		{"no bytes", request.Bytes(nil), true},
		{"bytes that were sent", sent, true},
		{"a form", request.Form(request.Pairs{{"a", "1"}}), true},
		{"a file", request.NewFileBodyProducer(memfile.New("text"), request.FileBodyConfig{}), true},
		{"a reader that cannot seek", request.NewFileBodyProducer(iotest.HalfReader(memfile.New("text")), request.FileBodyConfig{}), false},
	} {
		if got := request.Repeatable(test.body); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
