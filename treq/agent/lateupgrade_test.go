package agent_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestAnUpgradeThatComesTooLate: an agent answers with a 101 when the context of the request
// has ended already. Nobody gets the connection, so it is closed.
func TestAnUpgradeThatComesTooLate(t *testing.T) {
	ended := make(chan error, 1)
	url := upgradingServer(t, func(c net.Conn, r *bufio.Reader) {
		_, err := io.Copy(io.Discard, r)
		ended <- err
	})
	l := background.Loop(t, nil)
	inner := agent.New(l, agent.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rt := agent.NewRoundTripper(l, requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
		var late *response.Response
		d := deferred.NewCancellable(func(d *deferred.Deferred[*response.Response]) { d.Callback(late) })
		inner.Request(req).AddCallback(func(resp *response.Response) (*response.Response, error) {
			late = resp
			cancel()
			return resp, nil
		})
		return d
	}))
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "upgrade")
	req.Header.Set("Upgrade", "x")
	if resp, err := rt.RoundTrip(req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", resp, err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the server's reading ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the connection is open")
	}
}
