package agent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A togetherRun makes one request that meets everything: a token that must be fetched and is
// refused, failures with and without Retry-After, bodies in pieces, redirects between two hosts
// and back, with one place in all limits for the request and for the requests for tokens.
type togetherRun struct {
	w       *world
	limiter *agent.Limiter
	file    *memfile.File
	fetches int
	ends    int
	d       *deferred.Deferred[*response.Response]
	resp    *response.Response
	err     error
}

func startTogether(t *testing.T, digest bool) *togetherRun {
	run := &togetherRun{w: newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1}), file: memfile.New("text of the body")}
	w := run.w
	seen := map[string]int{}
	w.Accept = func(c *rawConn) {
		c.Data = func(data []byte) {
			head, _, found := strings.Cut(string(data), "\r\n")
			if !found || !strings.HasSuffix(head, "HTTP/1.1") {
				return // a part of a body
			}
			path := strings.Fields(head)[1]
			authorized := strings.Contains(string(data), "Authorization: ")
			seen[path]++
			later := func(parts ...string) {
				for i, part := range parts {
					w.r.CallLater(time.Duration(i+1)*50*time.Millisecond, func() {
						if c.Lost == nil {
							c.Write([]byte(part))
						}
					})
				}
			}
			switch {
			case path == "/token":
				later("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nto", "ken")
			case path == "/a" && seen[path] == 1:
				later("HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nno", "no")
			case path == "/a" && seen[path] == 2 || digest && !authorized && path == "/a":
				later("HTTP/1.1 401 X\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 6\r\n\r\nno", "no", "no")
			case path == "/a" && seen[path] == 3:
				c.LoseConnection()
			case path == "/a":
				later("HTTP/1.1 307 X\r\nLocation: /b\r\nContent-Length: 4\r\n\r\ngo", "go")
			case path == "/b" && seen[path] == 1:
				later("HTTP/1.1 429 X\r\nRetry-After: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n", "0\r\n\r\n")
			case path == "/b":
				later("HTTP/1.1 307 X\r\nLocation: http://b.example/c\r\nContent-Length: 1000\r\n\r\ngo", "go")
			case path == "/c":
				later("HTTP/1.1 307 X\r\nLocation: http://a.example/d\r\n\r\n", "a body without an end")
			default:
				later("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "llo")
			}
		}
	}
	run.limiter = agent.NewLimiter(w.r, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1, Rate: 5}, Total: agent.Limit{Concurrent: 1, Rate: 10}})
	limited := agent.NewLimitAgent(w.agent, run.limiter)
	retried := agent.NewRetryAgent(w.r, limited, agent.RetryConfig{TryTimeout: 3 * time.Second, MoreMethods: []string{"POST"}})
	var credentials auth.Credentials = auth.NewDigest("u", "p")
	if !digest {
		credentials = auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
			run.fetches++
			text := deferred.Then(retried.Request(newRequest("GET", "http://a.example/token")), (*response.Response).Text)
			return deferred.Map(text, func(text string) (auth.Token, error) {
				return auth.Token{Value: fmt.Sprint(text, run.fetches)}, nil
			})
		})
	}
	stack := agent.Stack{Agent: retried, Credentials: credentials, Redirects: &agent.RedirectConfig{BrowserLike: true}, Buffered: true}
	req := newRequest("POST", "http://a.example/a")
	req.Body = request.NewFileBodyProducer(run.file, request.FileBodyConfig{})
	run.d = stack.Send(req)
	run.d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		run.ends++
		run.resp, run.err = resp, err
		return nil, nil
	})
	return run
}

// check checks that nothing of the run is left.
func (run *togetherRun) check(t *testing.T, when string) {
	t.Helper()
	run.w.r.RunFor(time.Second) // for what an abandoned body may take
	if run.ends != 1 || run.file.Closed != 1 {
		t.Errorf("%s: ended %d times, the file was closed %d times", when, run.ends, run.file.Closed)
	}
	if run.resp != nil {
		run.resp.Discard()
		run.w.r.Pump()
	}
	run.w.r.RunFor(time.Minute) // for the Rates
	if n := run.limiter.Waiting(); n != 0 {
		t.Errorf("%s: %d requests wait", when, n)
	}
	run.w.pool.CloseCachedConnections()
	run.w.r.Pump()
	if calls := run.w.r.DelayedCalls(); len(calls) != 0 {
		t.Errorf("%s: %d delayed calls are left", when, len(calls))
	}
	// All places are free: another request leaves at once.
	sent := 0
	agent.NewLimitAgent(requesterFunc(func(*request.Request) *deferred.Deferred[*response.Response] {
		sent++
		return deferred.Succeed(whole(200, ""))
	}), run.limiter).Request(newRequest("GET", "http://a.example/"))
	if sent != 1 {
		t.Errorf("%s: a place is not free", when)
	}
}

// TestEverythingTogether runs the request to its end, and then cancels it in each turn of the
// reactor.
func TestEverythingTogether(t *testing.T) {
	for _, digest := range []bool{false, true} {
		const step = 10 * time.Millisecond
		steps := 0
		run := startTogether(t, digest)
		for ; run.ends == 0 && steps < 10_000; steps++ {
			run.w.r.RunFor(step)
		}
		if run.resp == nil || run.resp.Code != 200 || run.resp.Request.URL.Path != "/d" {
			t.Fatalf("digest %v: %v, %v after %d steps", digest, run.resp, run.err, steps)
		}
		run.check(t, "uncancelled")
		for n := range steps {
			run := startTogether(t, digest)
			run.w.r.RunFor(time.Duration(n) * step)
			run.d.Cancel()
			if run.ends != 1 {
				t.Errorf("step %d: ended %d times", n, run.ends)
			}
			if run.check(t, fmt.Sprintf("digest %v, step %d", digest, n)); t.Failed() {
				return
			}
		}
	}
}

// TestRetryCancelledByTheEndOfABody cancels a request when the agent gives up the body of a
// failed try. The wait that would follow leaves no error unhandled (see TestMain) and no timer.
func TestRetryCancelledByTheEndOfABody(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	var d *deferred.Deferred[*response.Response]
	d = agent.NewRetryAgent(w.r, requesterFunc(func(*request.Request) *deferred.Deferred[*response.Response] {
		resp, _ := reply(503)
		resp.Length = response.UnknownLength
		resp.OnEnd(func() { d.Cancel() })
		later := deferred.New[*response.Response]()
		w.r.CallLater(0, func() { later.Callback(resp) })
		return later
	}), agent.RetryConfig{}).Request(newRequest("GET", "http://a.example/"))
	w.r.Pump()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
		t.Errorf("got %v", err)
	}
	if n := len(w.r.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left", n)
	}
}

// TestConcurrentAroundTheCorner has two requests, each of which is redirected to the other's
// host, where one request at a time is allowed. The redirects have long bodies, which keep
// their places for a limited time only.
func TestConcurrentAroundTheCorner(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.Accept = func(c *rawConn) {
		c.Data = func(data []byte) {
			switch text := string(data); {
			case strings.HasPrefix(text, "GET /there"):
				c.Write([]byte(okHello))
			case strings.Contains(text, "Host: a."):
				c.Write([]byte("HTTP/1.1 307 X\r\nLocation: http://b.example/there\r\nContent-Length: 1000\r\n\r\nand"))
			default:
				c.Write([]byte("HTTP/1.1 307 X\r\nLocation: http://a.example/there\r\nContent-Length: 1000\r\n\r\nand"))
			}
		}
	}
	limiter := agent.NewLimiter(w.r, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1}, Total: agent.Limit{Concurrent: 2}})
	stack := agent.Stack{Agent: agent.NewLimitAgent(w.agent, limiter), Redirects: &agent.RedirectConfig{}}
	one, two := stack.Send(newRequest("GET", "http://a.example/")), stack.Send(newRequest("GET", "http://b.example/"))
	w.r.RunFor(time.Second)
	for _, d := range []*deferred.Deferred[*response.Response]{one, two} {
		w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	}
}
