package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"

	"net/url"
)

// onLoop runs a loop and calls begin once for each connection of the task. begin starts a
// sequence of requests, which calls ended after the last one.
func onLoop(t *task, begin func(a *agent.Agent, r reactor.Reactor, ended func())) error {
	r := reactor.New()
	config := agent.Config{
		Pool:      agent.NewPool(r, agent.PoolConfig{MaxPersistentPerHost: t.Connections}),
		Protocols: protocols(t),
	}
	if secure := tlsConfig(t); secure != nil {
		config.TLS = agent.NewTLSPolicy(secure)
	}
	a := agent.New(r, config)
	left := t.Connections
	r.CallWhenRunning(func() {
		for range t.Connections {
			begin(a, r, func() {
				if left--; left == 0 {
					r.Stop()
				}
			})
		}
	})
	return r.Run()
}

// gotreqRequests makes requests through an HTTPClient with its defaults: it follows
// redirects, keeps cookies, and decodes and buffers bodies.
func gotreqRequests(t *task, m *meter) error {
	var c *client.HTTPClient
	return onLoop(t, func(a *agent.Agent, r reactor.Reactor, ended func()) {
		if c == nil {
			c = client.New(r, client.Config{Agent: a})
		}
		var next func()
		finish := func(n int64, err error) {
			switch {
			case err != nil:
				fail(err)
			case m.done(n):
				next()
			default:
				ended()
			}
		}
		next = func() {
			d := c.Request(t.Method, t.URL, gotreqOptions(t)...)
			if t.Stream {
				var n int64
				deferred.Then(d, func(resp *response.Response) *deferred.Deferred[deferred.None] {
					return resp.Collect(func(data []byte) error {
						n += int64(len(data))
						return nil
					})
				}).AddBoth(func(none deferred.None, err error) (deferred.None, error) {
					finish(n, err)
					return none, nil
				})
				return
			}
			deferred.Then(d, (*response.Response).Content).AddBoth(func(body []byte, err error) ([]byte, error) {
				if err == nil {
					checkReceived(t, body)
				}
				finish(int64(len(body)), err)
				return nil, nil
			})
		}
		next()
	})
}

func gotreqOptions(t *task) (options []client.Option) {
	if t.JSON != "" {
		options = append(options, client.JSON(richValue))
	}
	if t.Upload != 0 {
		file := multipart.FromReader("zeros", io.NewSectionReader(zerosAt{}, 0, t.Upload))
		if t.File != "" {
			file = multipart.FromPath(t.File)
		}
		options = append(options, client.Files{{Name: "file", Value: file}})
	}
	if t.Stream {
		options = append(options, client.Unbuffered(true))
	}
	return options
}

// agentRequests makes requests through an Agent.
func agentRequests(t *task, m *meter) error {
	u, err := url.Parse(t.URL)
	if err != nil {
		return err
	}
	return onLoop(t, func(a *agent.Agent, r reactor.Reactor, ended func()) {
		var next func()
		next = func() {
			var n int64
			d := a.Request(&request.Request{Method: t.Method, URL: u})
			deferred.Then(d, func(resp *response.Response) *deferred.Deferred[deferred.None] {
				return resp.Collect(func(data []byte) error {
					n += int64(len(data))
					return nil
				})
			}).AddBoth(func(none deferred.None, err error) (deferred.None, error) {
				switch {
				case err != nil:
					fail(err)
				case m.done(n):
					next()
				default:
					ended()
				}
				return none, nil
			})
		}
		next()
	})
}

// gotreqHold opens responses that never end, and reads their first bytes.
func gotreqHold(t *task, m *meter) error {
	var c *client.HTTPClient
	begun := 0
	return onLoop(t, func(a *agent.Agent, r reactor.Reactor, ended func()) {
		if c == nil {
			c = client.New(r, client.Config{Agent: a})
			m.beforeHold()
		}
		deferred.Then(c.Get(t.URL, client.Unbuffered(true)), func(resp *response.Response) *deferred.Deferred[deferred.None] {
			return resp.Collect(func(data []byte) error {
				if string(data) != smallBody {
					fail(fmt.Errorf("received %q", data))
				}
				if begun++; begun == t.Connections {
					m.whileHeld()
					r.Crash()
				}
				return nil
			})
		})
	})
}

// gotreqStub makes requests through a StubTreq.
func gotreqStub(t *task, m *meter) error {
	stub := testing.NewStubTreq(&web.HandlerResource{Handler: http.HandlerFunc(sayHello)}, testing.Config{})
	for more := true; more; {
		deferred.Then(stub.Get("http://an.example/small"), (*response.Response).Content).AddBoth(func(body []byte, err error) ([]byte, error) {
			if err != nil {
				fail(err)
			}
			more = m.done(int64(len(body)))
			return nil, nil
		})
	}
	return nil
}

func sayHello(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = []string{"text/plain"}
	io.WriteString(w, smallBody)
}
