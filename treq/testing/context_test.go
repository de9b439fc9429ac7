package testing_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestStubContext: a test ends a context on its own goroutine, and the request fails with the
// next Flush, in the same order in each run.
func TestStubContext(t *testing.T) { overBoth(t, testStubContext) }

func testStubContext(t *testing.T, config treqtesting.Config) {
	run := func() string {
		gone := 0
		stub := treqtesting.NewStubTreq(web.RenderFunc(func(req *web.Request) {
			req.NotDoneYet()
			req.NotifyFinish().AddErrback(func(error) (deferred.None, error) {
				gone++
				return deferred.None{}, nil
			})
		}), config)
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("my patience")
		var order []int
		var last *deferred.Deferred[*response.Response]
		for i := range 10 {
			last = stub.Get("http://an.example/", client.Context(ctx))
			last.AddErrback(func(err error) (*response.Response, error) {
				order = append(order, i)
				return nil, err
			})
			if i < 9 {
				last.AddErrback(func(error) (*response.Response, error) { return nil, nil })
			}
		}
		deferredtest.NoResult(t, last)
		cancel(why)
		deferredtest.NoResult(t, last)
		stub.Flush()
		err := deferredtest.FailureResultOf(t, last)
		if !errors.Is(err, why) || err.Error() != "GET http://an.example/: cancelled: my patience" {
			t.Errorf("got %v", err)
		}
		if gone != 10 {
			t.Errorf("%d of 10 requests are gone at the server", gone)
		}
		return fmt.Sprint(order)
	}
	for range 3 {
		if got := run(); got != "[0 1 2 3 4 5 6 7 8 9]" {
			t.Errorf("the requests ended in the order %s", got)
		}
	}
}
