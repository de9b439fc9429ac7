package response_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestLimitBody checks that the reader gets as many bytes as it allows and one end.
func TestLimitBody(t *testing.T) {
	for _, test := range []struct {
		method    string
		code      int
		announced int64
		pieces    string // separated by spaces
		want      string // the bytes that the reader gets
		large     bool
	}{
		{"GET", 200, response.UnknownLength, "0123 4567 89", "0123456789", false},
		{"GET", 200, response.UnknownLength, "0123 4567 89a bcd", "0123456789", true},
		{"GET", 200, response.UnknownLength, "0123456789 a b", "0123456789", true},
		{"GET", 200, 10, "0123456789", "0123456789", false},
		{"GET", 200, 11, "0123456789a", "", true},
		{"HEAD", 200, 11, "", "", false},
		{"GET", 204, 11, "", "", false},
		{"GET", 304, 11, "", "", false},
	} {
		r, s := bodytest.New(test.code)
		r.Request = &request.Request{Method: test.method}
		r.Length = test.announced
		r.LimitBody(10)
		reader := new(bodytest.Reader)
		r.DeliverBody(reader)
		for piece := range strings.FieldsSeq(test.pieces) {
			s.Send(piece)
		}
		s.SendAll()
		got, err := string(reader.Got), reader.Err()
		var large *response.TooLargeError
		var failed *response.FailedError
		if got != test.want || len(reader.Lost) != 1 || errors.As(err, &large) != test.large || test.large && (!errors.As(err, &failed) || failed.Response != r) {
			t.Errorf("%+v: %q, then %v", test, got, reader.Lost)
		}
	}
}
