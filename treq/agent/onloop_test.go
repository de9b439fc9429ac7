package agent_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestBlockingOnTheLoop: what would wait for the loop on the loop's goroutine fails at
// once, in whatever coroutine it stands.
func TestBlockingOnTheLoop(t *testing.T) {
	var r *memory.Reactor
	calls := map[string]func() error{
		"BlockingCallFromThread": func() error {
			_, err := reactor.BlockingCallFromThread(context.Background(), r, func() *deferred.Deferred[int] { return deferred.Succeed(1) })
			return err
		},
		"http.Client": func() error {
			client := &http.Client{Transport: agent.NewRoundTripper(r, agent.New(r, agent.Config{})), Timeout: time.Minute}
			_, err := client.Get("http://127.0.0.1/")
			return err
		},
	}
	places := map[string]func(call func()){
		"a callback": func(call func()) {
			r.CallWhenRunning(func() { call(); r.Stop() })
			r.Run()
		},
		"deferred.Go": func(call func()) {
			task.ReactOn(r, func(r reactor.Reactor) *deferred.Deferred[int] {
				return deferred.Go(func(co *deferred.Co) (int, error) {
					deferred.Await(co, task.DeferLaterValue(r, time.Second, 1))
					call()
					return 0, nil
				})
			}, io.Discard)
		},
		"the function of React": func(call func()) {
			task.ReactOn(r, func(reactor.Reactor) *deferred.Deferred[int] { call(); return deferred.Succeed(1) }, io.Discard)
		},
		"a coroutine in the function of React": func(call func()) {
			task.ReactOn(r, func(reactor.Reactor) *deferred.Deferred[int] {
				return deferred.Go(func(*deferred.Co) (int, error) { call(); return 1, nil })
			}, io.Discard)
		},
		"a handler": func(call func()) {
			site := &web.Site{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { call() })}
			if _, err := r.ListenTCP("127.0.0.1:80", site); err != nil {
				t.Fatal(err)
			}
			agent.New(r, agent.Config{}).Request(newRequest("GET", "http://127.0.0.1/"))
			r.Pump()
		},
		"a callback of TLS": func(call func()) {
			secure, roots := secureSite(t)
			r = secure
			policy := agent.NewTLSPolicy(&tls.Config{RootCAs: roots, VerifyConnection: func(tls.ConnectionState) error {
				call()
				return nil
			}})
			agent.New(r, agent.Config{TLS: policy}).Request(newRequest("GET", "https://a.example/"))
			r.Pump()
		},
	}
	for place, in := range places {
		for what, call := range calls {
			t.Run(place+", "+what, func(t *testing.T) {
				r = memory.New()
				called := false
				in(func() {
					called = true
					if err := call(); !errors.Is(err, reactor.ErrOnLoop) {
						t.Errorf("got %v", err)
					}
				})
				if !called {
					t.Error("not called")
				}
			})
		}
	}
}
