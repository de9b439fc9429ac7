//go:build unix

package agent_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestClosedWhileTheLoopIsBusy has a server that closes a connection after its response,
// without saying so, while the loop is in a callback. The next POST, which must not be sent
// twice, goes over another connection. The system knows that the connection is closed, and
// the loop's poller has not asked.
func TestClosedWhileTheLoopIsBusy(t *testing.T) { onPollers(t, closedWhileTheLoopIsBusy) }

func closedWhileTheLoopIsBusy(t *testing.T, l *reactor.Loop) {
	post := func(a *agent.Agent, url string) *deferred.Deferred[*response.Response] {
		return a.Request(&request.Request{Method: "POST", URL: urls.MustParse(url), Body: request.Bytes("text")})
	}
	for name, c := range map[string]struct {
		config agent.PoolConfig
		send   func(a *agent.Agent, url string, busy func()) (second *deferred.Deferred[*response.Response])
	}{
		"an unused connection": {agent.PoolConfig{}, func(a *agent.Agent, url string, busy func()) *deferred.Deferred[*response.Response] {
			first := deferred.Then(post(a, url), (*response.Response).Content)
			return deferred.Then(first, func([]byte) *deferred.Deferred[*response.Response] {
				busy()
				return post(a, url)
			})
		}},
		"a request that waits": {agent.PoolConfig{MaxConnectionsPerHost: 1}, func(a *agent.Agent, url string, busy func()) *deferred.Deferred[*response.Response] {
			first := post(a, url)
			second := post(a, url)
			first.AddCallback(func(r *response.Response) (*response.Response, error) {
				busy()
				r.Content()
				return r, nil
			})
			return second
		}},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			busy, closed := make(chan bool), make(chan bool)
			go func() {
				for first := true; ; first = false {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
						io.Copy(io.Discard, req.Body)
						io.WriteString(c, okHello)
					}
					if first {
						<-busy
						c.Close()
						closed <- true
					} else {
						defer c.Close()
					}
				}
			}()
			resp, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
				a := agent.New(l, agent.Config{Pool: agent.NewPool(l, c.config)})
				return c.send(a, "http://"+listener.Addr().String()+"/", func() {
					busy <- true
					<-closed
				})
			})
			if err != nil || resp.Code != 200 {
				t.Errorf("got %v, %v", resp, err)
			}
		})
	}
}
