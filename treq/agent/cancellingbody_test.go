package agent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A cancellingBody is a body that can be sent again, and that calls cancel when it is stopped
// or released, as its on says.
type cancellingBody struct {
	request.Bytes
	on     string
	cancel func()
}

func (b *cancellingBody) Hold() bool     { return true }
func (b *cancellingBody) Rewind() error  { return nil }
func (b *cancellingBody) Release()       { b.call("Release") }
func (b *cancellingBody) StopProducing() { b.call("StopProducing") }

func (b *cancellingBody) call(method string) {
	if b.on == method {
		b.on = "" // once
		b.cancel()
	}
}

// TestABodyThatCancelsItsRequest: the answer makes the agent stop or release the body, which
// cancels the request at that time. The request fails once, and its connection is closed,
// even if the answer has just given it to another protocol.
func TestABodyThatCancelsItsRequest(t *testing.T) {
	for name, answer := range map[string]string{
		"200":              okHello,
		"200 without body": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"401":              challenge,
		"417":              "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n",
		"101":              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"101 with bytes":   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhi",
	} {
		for _, on := range []string{"StopProducing", "Release"} {
			if name == "417" && on == "StopProducing" {
				continue // the body is not stopped: the request goes out again
			}
			t.Run(name+" "+on, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				req := newRequest("PUT", "http://a.example/", "Connection", "upgrade", "Upgrade", "x")
				var d *deferred.Deferred[*response.Response]
				req.Body = &cancellingBody{Bytes: request.Bytes("text"), on: on, cancel: func() { d.Cancel() }}
				req.ExpectContinue = time.Minute
				d = w.send(req)
				w.Conn(0).Send(answer)
				if name == "417" {
					w.Conn(1).Send(okHello)
				}
				if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
					t.Errorf("got %v", err)
				}
				w.wantOpen()
			})
		}
	}
}
