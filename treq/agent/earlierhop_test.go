package agent_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestTheBodyOfAnEarlierHop: an agent that keeps the request of a hop can do nothing with its
// body after the next hop has it: it cannot be held, rewound or started, and stopping it has
// no effect.
func TestTheBodyOfAnEarlierHop(t *testing.T) {
	s, file := stepper.New(), memfile.Begun("hello")
	below := &script{t: t}
	req := newRequest("POST", "http://a.example/a")
	req.Body = fileBody(file)
	d := agent.NewBrowserLikeRedirectAgent(below, agent.RedirectConfig{}).Request(req)
	earlier := below.last().Body
	outcome.Of(earlier.StartProducing(s.Sink()))
	below.answer(redirect(307, "/b"))
	later, to := below.last().Body, s.Sink()
	if request.Repeatable(earlier) || !request.Repeatable(later) {
		t.Errorf("the body of the earlier hop can be sent again: %v; that of the later: %v", request.Repeatable(earlier), request.Repeatable(later))
	}
	o := outcome.Of(later.StartProducing(to))
	if err := request.Rewind(earlier); !errors.Is(err, request.ErrNotRepeatable) {
		t.Errorf("rewinding it gives %v", err)
	}
	for _, body := range []request.BodyProducer{earlier, later} { // the second start of each
		outcome.Of(body.StartProducing(s.Sink())).WantErr(t, request.ErrProduced)
	}
	earlier.PauseProducing()
	earlier.StopProducing()
	s.Drain()
	o.WantErr(t, nil)
	to.Want(t, "hello")
	later.PauseProducing()
	below.answer(whole(200, ""))
	deferredtest.SuccessResultOf(t, d)
	if file.Closed != 1 {
		t.Errorf("the file was closed %d times", file.Closed)
	}
}
