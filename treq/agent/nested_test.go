package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestNestedStacksShareABody nests agents that may send a body again. The file is sent whole
// and closed once, however the hops end.
func TestNestedStacksShareABody(t *testing.T) {
	jar := func(a agent.Requester) agent.Requester { return agent.NewCookieAgent(a, &cookies.Jar{}) }
	follow := func(a agent.Requester) agent.Requester {
		return agent.NewBrowserLikeRedirectAgent(a, agent.RedirectConfig{})
	}
	authorize := func(a agent.Requester) agent.Requester { return agent.NewAuthAgent(a, auth.NewDigest("u", "p")) }
	decode := func(a agent.Requester) agent.Requester {
		return agent.NewContentDecoderAgent(a, agent.DecoderConfig{})
	}
	// over returns a client over a, as an agent.
	over := func(w *world, a agent.Requester) agent.Requester {
		c := client.New(w.r, client.Config{Agent: a})
		return requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
			options := []client.Option{
				client.Data(req.Body), client.BrowserLikeRedirects(true), client.Auth(auth.NewDigest("u", "p")),
			}
			if req.ExpectContinue > 0 {
				options = append(options, client.ExpectContinue(req.ExpectContinue))
			}
			return c.Request(req.Method, req.URL.String(), options...)
		})
	}
	text := strings.Repeat("x", 256<<10) // more than the buffers on the way hold
	for nesting, wrap := range map[string]func(w *world) agent.Requester{
		"redirect, auth":           func(w *world) agent.Requester { return follow(authorize(w.agent)) },
		"redirect, auth, cookie":   func(w *world) agent.Requester { return follow(authorize(jar(w.agent))) },
		"auth, redirect, cookie":   func(w *world) agent.Requester { return authorize(follow(jar(w.agent))) },
		"redirect, redirect, auth": func(w *world) agent.Requester { return follow(follow(authorize(w.agent))) },
		"client, cookie":           func(w *world) agent.Requester { return over(w, jar(w.agent)) },
		"client, decoder":          func(w *world) agent.Requester { return over(w, decode(w.agent)) },
		"client, redirect":         func(w *world) agent.Requester { return over(w, follow(w.agent)) },
		"client, auth, cookie":     func(w *world) agent.Requester { return over(w, authorize(jar(w.agent))) },
	} {
		for name, test := range map[string]struct {
			answer string // to the first request
			last   bool   // there is no second request
			expect bool   // the answer comes before a 100
			early  bool   // the answer comes during the upload
			dead   bool   // no answer: the first connection is a reused one, which is lost
		}{
			"200":                    {answer: okHello, last: true},
			"early 200":              {answer: okHello, last: true, early: true},
			"200 to an Expect":       {answer: okHello, last: true, expect: true},
			"307":                    {answer: repeats["307"]},
			"early 307":              {answer: repeats["307"], early: true},
			"307 to an Expect":       {answer: repeats["307"], expect: true},
			"307 elsewhere":          {answer: repeats["307 elsewhere"]},
			"early 307 elsewhere":    {answer: repeats["307 elsewhere"], early: true},
			"308":                    {answer: moved308},
			"early 308":              {answer: moved308, early: true},
			"401":                    {answer: challenge},
			"early 401":              {answer: challenge, early: true},
			"401 to an Expect":       {answer: challenge, expect: true},
			"dead":                   {dead: true},
			"dead during the upload": {dead: true, early: true},
			"417 to an Expect":       {answer: expectationFailed, expect: true},
		} {
			t.Run(nesting+"/"+name, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				if test.dead {
					w.exchange(newRequest("GET", "http://a.example/"), 0)
				}
				if test.early && test.dead {
					w.Conn(0).PauseProducing()
				} else if test.early {
					w.Accept = func(c *rawConn) {
						if c.Number == 0 {
							c.PauseProducing()
						}
					}
				}
				s := memfile.Begun(text)
				req := newRequest("PUT", "http://a.example/a")
				req.Body = fileBody(s)
				if test.expect {
					req.ExpectContinue = time.Minute
				}
				d := wrap(w).Request(req)
				w.r.Pump()
				first := w.Conn(0)
				sent := first.Got()
				if test.dead {
					first.Abort()
				} else {
					first.Send(test.answer)
				}
				w.r.Pump()
				if test.early && !test.dead && !test.last {
					w.r.Advance(time.Second)
					first.ResumeProducing()
					w.r.Pump()
				}
				if !test.last {
					second := w.Conn(len(w.Conns) - 1)
					sent = second.Got()
					if strings.Contains(sent, "Expect: 100-continue") {
						second.Send("HTTP/1.1 100 Continue\r\n\r\n")
						w.r.Pump()
						sent += second.Got()
					}
					if s.Closed != 0 {
						t.Error("the file was closed before the last answer")
					}
					second.Send(okHello)
				}
				if partly := test.last && (test.early || test.expect); !partly && sentBody(t, sent) != text {
					t.Errorf("sent %d bytes", len(sent))
				}
				w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
				first.ResumeProducing() // so that it learns that its connection is closed
				w.r.Pump()
				if s.Closed != 1 {
					t.Errorf("the file was closed %d times", s.Closed)
				}
			})
		}
	}
}

// A repeatableProducer can be sent again.
type repeatableProducer struct{ *producer }

func (p repeatableProducer) Hold() bool    { return true }
func (p repeatableProducer) Rewind() error { return nil }
func (p repeatableProducer) Release()      {}

// TestTheConsumerOfAnEarlierHopLetsGo redirects a request during its upload. The first
// agent's StartProducing ends, so that the agent does not wait for the body.
func TestTheConsumerOfAnEarlierHopLetsGo(t *testing.T) {
	for name, wrap := range map[string]func(a agent.Requester) agent.Requester{
		"one": func(a agent.Requester) agent.Requester { return a },
		"two": func(a agent.Requester) agent.Requester { return agent.NewAuthAgent(a, auth.NewDigest("u", "p")) },
	} {
		t.Run(name, func(t *testing.T) {
			var uploads []*deferred.Deferred[deferred.None]
			below := requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
				uploads = append(uploads, req.Body.StartProducing(nil))
				if len(uploads) == 1 {
					return succeed(req, redirect(307, "http://b.example/"))
				}
				return succeed(req, whole(200, ""))
			})
			req := newRequest("POST", "http://a.example/")
			body := &producer{length: 4, open: true}
			req.Body = repeatableProducer{body}
			d := agent.NewBrowserLikeRedirectAgent(wrap(below), agent.RedirectConfig{}).Request(req)
			deferredtest.SuccessResultOf(t, d)
			if len(uploads) != 2 {
				t.Fatalf("%d uploads", len(uploads))
			}
			deferredtest.FailureResultOf(t, uploads[0])
			deferredtest.NoResult(t, uploads[1])
			body.done.Callback(deferred.None{})
			deferredtest.SuccessResultOf(t, uploads[1])
		})
	}
}

// TestAHeldBodyIsHeldOnce sends a body again over a reused connection, after it waited in
// the queue.
func TestAHeldBodyIsHeldOnce(t *testing.T) {
	for name, test := range map[string]struct {
		answer string // to the first PUT; "" if its connection is lost
		expect time.Duration
	}{
		"dead": {}, "417": {expectationFailed, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
			w.exchange(newRequest("GET", "http://a.example/"), 0)
			s := memfile.Begun("hello")
			req := newRequest("PUT", "http://a.example/")
			req.Body, req.ExpectContinue = fileBody(s), test.expect
			put := w.send(req)
			get := w.get("http://a.example/")
			if test.answer == "" {
				w.Conn(0).Abort()
			} else {
				w.Conn(0).Send(test.answer)
			}
			w.r.Pump()
			if got := w.Conn(1).Got(); !strings.HasPrefix(got, "GET ") {
				t.Fatalf("sent %q", got)
			}
			w.Conn(1).Send(okHello)
			w.wantBody(deferredtest.SuccessResultOf(t, get), "hello")
			if got := sentBody(t, w.Conn(1).Got()); got != "hello" {
				t.Errorf("sent %q", got)
			}
			w.Conn(1).Send(okHello)
			w.wantBody(deferredtest.SuccessResultOf(t, put), "hello")
			if s.Closed != 1 {
				t.Errorf("the file was closed %d times", s.Closed)
			}
		})
	}
}

// TestALateExpectationFailed answers 417 after the time to wait for a 100.
func TestALateExpectationFailed(t *testing.T) {
	for name, test := range map[string]struct {
		body  func() request.BodyProducer
		early bool // during the upload
		once  bool // the body cannot be sent again
	}{
		"bytes":      {body: func() request.BodyProducer { return request.Bytes("text") }},
		"many bytes": {body: func() request.BodyProducer { return request.Bytes(make([]byte, 1<<20)) }, early: true},
		"file":       {body: func() request.BodyProducer { return fileBody(memfile.Begun("text")) }},
		"large file": {body: func() request.BodyProducer { return fileBody(memfile.Begun(strings.Repeat("x", 1<<20))) }, early: true},
		"once":       {body: func() request.BodyProducer { return &producer{length: 4, writes: []string{"text"}} }, once: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			if test.early {
				w.Accept = func(c *rawConn) {
					if c.Number == 0 {
						c.PauseProducing()
					}
				}
			}
			req := newRequest("POST", "http://a.example/")
			req.Body, req.ExpectContinue = test.body(), time.Second
			length := int(req.Body.Length())
			d := w.send(req)
			w.r.Advance(time.Second)
			w.r.Pump()
			w.Conn(0).Send(expectationFailed)
			w.r.Pump()
			if test.once {
				if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 417 {
					t.Errorf("got %v", resp)
				}
				return
			}
			got := w.Conn(1).Got()
			if strings.Contains(got, "Expect") || len(sentBody(t, got)) != length {
				t.Errorf("then sent %.200q of %d bytes", got, len(got))
			}
			w.Conn(1).Send(okHello)
			w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
			w.Conn(0).ResumeProducing() // so that it learns that its connection is closed
			w.r.Pump()
			w.wantClosed(0)
		})
	}
}

// TestCancelledByTheNextUpload cancels a request when its response is complete and its
// connection already carries the next request.
func TestCancelledByTheNextUpload(t *testing.T) {
	for name, answer := range map[string]string{
		"no body": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "a body": okHello,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
			first := deferred.Then(w.get("http://a.example/"), (*response.Response).Content)
			req := newRequest("PUT", "http://a.example/")
			req.Body = &producer{length: 4, writes: []string{"text"}, start: func(*producer) { first.Cancel() }}
			second := w.send(req)
			w.Conn(0).Got()
			w.Conn(0).Send(answer)
			w.r.Pump()
			if !first.Called() {
				t.Error("the first request has not ended")
			}
			first.AddErrback(func(error) ([]byte, error) { return nil, nil })
			if got := sentBody(t, w.Conn(0).Got()); got != "text" {
				t.Errorf("sent %q", got)
			}
			w.Conn(0).Send(okHello)
			w.wantBody(deferredtest.SuccessResultOf(t, second), "hello")
		})
	}
}
