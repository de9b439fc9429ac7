package response_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A tap is the agent's end of a body.
type tap struct {
	body       *response.Body
	stopped    int
	cooperator *task.Cooperator
}

func newTap() (*tap, *response.Response) {
	t := &tap{cooperator: task.NewCooperator(task.NewClock(), task.CooperatorConfig{})}
	t.body = response.NewBody(t)
	return t, response.New(t.body)
}

func (t *tap) PauseProducing()  {}
func (t *tap) ResumeProducing() {}
func (t *tap) StopProducing()   { t.stopped++ }

func (t *tap) Cooperator() *task.Cooperator { return t.cooperator }

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
			tap, r := newTap()
			r.Length, r.Request = test.length, test.request
			d := r.Discard()
			for _, piece := range test.pieces {
				tap.body.Write(piece)
			}
			if test.end != nil {
				tap.body.End(test.end)
			}
			if tap.stopped != test.stopped {
				t.Errorf("the connection was closed %d times, want %d", tap.stopped, test.stopped)
			}
			if !test.done {
				deferredtest.NoResult(t, d)
				d.Cancel()
				if tap.stopped != 1 {
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
	tap, r := newTap()
	got := ""
	collected := r.Collect(func(data []byte) error {
		got += string(data)
		return nil
	})
	deferredtest.SuccessResultOf(t, r.Discard())
	tap.body.Write([]byte("hello"))
	tap.body.End(response.ErrDone)
	deferredtest.SuccessResultOf(t, collected)
	if got != "hello" || tap.stopped != 0 {
		t.Errorf("the other reader got %q, and the connection was closed %d times", got, tap.stopped)
	}
}
