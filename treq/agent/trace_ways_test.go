package agent_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"reflect"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestHookOnEachWay cancels a request, and panics, in the nth call of a hook, on each way to the
// server. Nothing is left.
func TestHookOnEachWay(t *testing.T) {
	for _, way := range []string{"", "http://u:secret@p.example:3128", "https://u:secret@p.example:3129", "socks5://p.example:1081", "socks5h://u:secret@p.example"} {
		for i := range 4 {
			panics, target := i%2 == 0, []string{"http://a.example/", "https://a.example/"}[i/2]
			for n := 1; ; n++ {
				name := fmt.Sprintf("%s by %q, panic %v, call %d", target, way, panics, n)
				p := newProxies(t)
				p.r.StartTrace()
				config := agent.Config{TLS: p.policy, Pool: agent.NewPool(p.r, agent.PoolConfig{})}
				if way != "" {
					config.Proxy = agent.ProxyURL(way)
				}
				var d *deferred.Deferred[*response.Response]
				calls, hook := 0, ""
				trace := &httptrace.ClientTrace{}
				hooks := reflect.ValueOf(trace).Elem()
				for i := range hooks.NumField() {
					f := hooks.Field(i)
					f.Set(reflect.MakeFunc(f.Type(), func([]reflect.Value) []reflect.Value {
						if calls++; calls == n {
							hook = hooks.Type().Field(i).Name
							if panics {
								panic("boom")
							}
							if d != nil {
								d.Cancel()
							}
						}
						if f.Type().NumOut() == 1 {
							return []reflect.Value{reflect.Zero(f.Type().Out(0))}
						}
						return nil
					}))
				}
				body := &trickle{r: p.r}
				req := newRequest("POST", target)
				req.Body = body
				req.Context = httptrace.WithClientTrace(context.Background(), trace)
				p.r.CallLater(0, func() {
					d = agent.New(p.r, config).Request(req)
					d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
						if err != nil && !errors.Is(err, deferred.ErrCancelled) && !errors.As(err, new(*deferred.PanicError)) {
							t.Errorf("%s, %s: %v", name, hook, err)
						}
						if resp != nil {
							resp.Discard().AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil })
						}
						return nil, nil
					})
				})
				p.r.Pump()
				deferredtest.SuccessResultOf(t, d)
				config.Pool.CloseCachedConnections()
				p.r.RunFor(time.Second)
				if k := len(p.r.DelayedCalls()); k != 0 {
					t.Errorf("%s, %s: %d delayed calls", name, hook, k)
				}
				wantClosedConnections(t, name+hook, p.r)
				if body.started+body.stopped == 0 || body.started > 1 || body.stopped > 1 {
					t.Errorf("%s, %s: the body was started %d times, stopped %d times", name, hook, body.started, body.stopped)
				}
				if calls < n {
					break
				}
			}
		}
	}
}
