package client_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	treqrequest "github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A stubbornAgent never answers, and gives its result when its request is cancelled.
type stubbornAgent struct {
	resp *response.Response
	err  error
}

func (a stubbornAgent) Request(*treqrequest.Request) *deferred.Deferred[*response.Response] {
	return deferred.NewCancellable(func(d *deferred.Deferred[*response.Response]) { d.Resolve(a.resp, a.err) })
}

// TestAnAgentThatAnswersItsCancel: a timeout keeps the response, or the error of its own,
// with which an agent answers the cancel.
func TestAnAgentThatAnswersItsCancel(t *testing.T) {
	boom := errors.New("boom")
	for name, option := range map[string]client.Option{
		"Timeout": client.Timeout(time.Second), "TotalTimeout": client.TotalTimeout(time.Second),
	} {
		r := memory.New()
		resp, body := bodytest.New(200)
		c := client.New(r, client.Config{Agent: stubbornAgent{resp: resp}})
		d := c.Get("http://a.example/", option)
		r.RunFor(time.Second)
		if got := deferredtest.SuccessResultOf(t, d); got != resp {
			t.Errorf("%s: got %v", name, got)
		}
		body.End(response.ErrDone)
		c = client.New(r, client.Config{Agent: stubbornAgent{err: boom}})
		d = c.Get("http://a.example/", option)
		r.RunFor(time.Second)
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, boom) || errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
