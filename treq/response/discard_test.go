package response_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func TestDiscard(t *testing.T) {
	whole := make([]byte, response.DiscardLimit)
	for _, test := range []struct {
		name    string
		length  int64
		request *request.Request
		pieces  [][]byte
		end     error
		stopped int
		done    bool
	}{
		{"complete", 5, nil, [][]byte{[]byte("he"), []byte("llo")}, response.ErrDone, 0, true},
		{"cut short", 5, nil, [][]byte{[]byte("he")}, errors.New("cut"), 0, true},
		{"not ended", 5, nil, [][]byte{[]byte("he")}, nil, 0, false},
		{"as long as allowed", response.DiscardLimit, nil, [][]byte{whole}, response.ErrDone, 0, true},
		{"too long by its length", response.DiscardLimit + 1, nil, nil, nil, 1, true},
		{"too long by its length, to HEAD", response.DiscardLimit + 1, &request.Request{Method: "HEAD"}, nil, response.ErrDone, 0, true},
		{"too long without a length", response.UnknownLength, nil, [][]byte{whole, whole, whole}, nil, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, s := bodytest.New(200)
			r.Length, r.Request = test.length, test.request
			d := r.Discard()
			for _, piece := range test.pieces {
				s.Write(piece)
			}
			if test.end != nil {
				s.End(test.end)
			}
			if s.Stopped != test.stopped {
				t.Errorf("the connection was closed %d times, want %d", s.Stopped, test.stopped)
			}
			if !test.done {
				deferredtest.NoResult(t, d)
				d.Cancel()
				if s.Stopped != 1 {
					t.Error("cancelling did not close the connection")
				}
				deferredtest.FailureResultOf(t, d)
				return
			}
			deferredtest.SuccessResultOf(t, d)
		})
	}
}

func TestDiscardAfterAnotherReader(t *testing.T) {
	r, s := bodytest.New(200)
	got := ""
	collected := r.Collect(func(data []byte) error {
		got += string(data)
		return nil
	})
	deferredtest.SuccessResultOf(t, r.Discard())
	s.Write([]byte("hello"))
	s.End(response.ErrDone)
	deferredtest.SuccessResultOf(t, collected)
	if got != "hello" || s.Stopped != 0 {
		t.Errorf("the other reader got %q, and the connection was closed %d times", got, s.Stopped)
	}
}
