package agent_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/loopback"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file tests what foreign code may do to FromRoundTripper and NewRoundTripper: it waits
// for the loop, panics, calls runtime.Goexit, or forgets to close a body.

// soon fails the test if f has not returned after some seconds.
func soon(t *testing.T, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it hangs")
	}
}

// eventually waits until f returns true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !f(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("not in time: " + what)
		}
	}
}

// requester is a Requester that is a function.
type requester func(*request.Request) *deferred.Deferred[*response.Response]

func (f requester) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	return f(req)
}

// traced returns a GET whose interim responses hook gets.
func traced(url string, hook func(code int, header textproto.MIMEHeader) error) *http.Request {
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{Got1xxResponse: hook})
	req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	return req
}

// TestTraceWaitsForTheLoop: the hook for interim responses may wait for the loop. It gets
// them in order, before the response, with headers of its own.
func TestTraceWaitsForTheLoop(t *testing.T) {
	l := background.Loop(t, nil)
	informs := func(req *request.Request) {
		h := http.Header{"Link": {"a"}}
		req.Informational(103, h)
		h["Link"][0] = "changed"
		req.Informational(102, http.Header{})
	}
	for name, a := range map[string]requester{
		"before Request returns": func(req *request.Request) *deferred.Deferred[*response.Response] {
			informs(req)
			return deferred.Succeed(whole(200, "hello"))
		},
		"later": func(req *request.Request) *deferred.Deferred[*response.Response] {
			d := deferred.New[*response.Response]()
			l.CallLater(0, func() {
				informs(req)
				l.CallLater(0, func() {
					req.Informational(103, nil)
					d.Callback(whole(200, "hello"))
				})
			})
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			req := traced("http://an.example/", func(code int, header textproto.MIMEHeader) error {
				_, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[int] { return deferred.Succeed(1) })
				got = append(got, fmt.Sprint(code, header.Get("Link"), err))
				return err
			})
			soon(t, func() {
				resp, err := agent.NewRoundTripper(l, a).RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if body, err := io.ReadAll(resp.Body); string(body) != "hello" || err != nil {
					t.Errorf("got %q, %v", body, err)
				}
			})
			want := []string{"103a<nil>", "102<nil>"}
			if name == "later" {
				want = append(want, "103<nil>")
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestTraceEndsARequest: after an error, a panic or an exit of the hook it is not called
// again. The request is cancelled, or its response dropped.
func TestTraceEndsARequest(t *testing.T) {
	l := background.Loop(t, nil)
	enough := errors.New("enough")
	for how, hook := range map[string]func() error{
		"an error": func() error { return enough },
		"a panic":  func() error { panic(enough) },
		"an exit":  func() error { runtime.Goexit(); return nil },
	} {
		for when, respond := range map[string]bool{"before the response": false, "after the response": true} {
			t.Run(how+", "+when, func(t *testing.T) {
				var cancelled, dropped, called atomic.Int32
				a := requester(func(req *request.Request) *deferred.Deferred[*response.Response] {
					req.Informational(103, nil)
					req.Informational(103, nil)
					if respond {
						r, transport := reply(200)
						transport.OnStop = func() { dropped.Add(1); transport.End(errAborted) }
						return deferred.Succeed(r)
					}
					return deferred.NewCancellable(func(*deferred.Deferred[*response.Response]) { cancelled.Add(1) })
				})
				var err error
				soon(t, func() {
					defer func() {
						if v := recover(); v != nil {
							err = v.(error)
						}
					}()
					_, err = agent.NewRoundTripper(l, a).RoundTrip(traced("http://an.example/", func(int, textproto.MIMEHeader) error {
						called.Add(1)
						return hook()
					}))
				})
				if how != "an exit" && err != enough || called.Load() != 1 {
					t.Errorf("got %v, called %d times", err, called.Load())
				}
				eventually(t, "the end of the request", func() bool { return cancelled.Load()+dropped.Load() == 1 })
				if dropped.Load() == 1 != respond {
					t.Errorf("dropped %d", dropped.Load())
				}
			})
		}
	}
}

// TestTraceOnTheLoop: RoundTrip on the loop fails at once.
func TestTraceOnTheLoop(t *testing.T) {
	l := background.Loop(t, nil)
	rt := agent.NewRoundTripper(l, agent.New(l, agent.Config{}))
	result := make(chan error, 1)
	l.CallFromThread(func() {
		deferred.Go(func(*deferred.Co) (int, error) {
			_, err := rt.RoundTrip(traced("http://an.example/", func(int, textproto.MIMEHeader) error { return nil }))
			result <- err
			return 0, nil
		})
	})
	if err := <-result; err != reactor.ErrOnLoop {
		t.Errorf("got %v", err)
	}
}

// send sends req through rt, and returns the body of the response.
func send(t *testing.T, l *reactor.Loop, rt roundTripFunc, req *request.Request) (body []byte, err error) {
	t.Helper()
	a := agent.FromRoundTripper(l, rt)
	req.Method, req.URL = "POST", urls.MustParse("http://an.example/")
	soon(t, func() {
		body, err = reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[[]byte] {
			return deferred.Then(a.Request(req), (*response.Response).Content)
		})
	})
	return body, err
}

// answer is a response with body.
func answer(code int, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: code, Proto: "HTTP/1.1", Header: http.Header{}, ContentLength: -1, Body: body}
}

// A wildBody calls functions in Read and Close.
type wildBody struct {
	read  func() (int, error)
	close func()
}

func (b wildBody) Read([]byte) (int, error) { return b.read() }
func (b wildBody) Close() error             { b.close(); return nil }

// TestWildRoundTrippers: whatever a RoundTripper and its body do, the request or its body has
// an end, and the program goes on.
func TestWildRoundTrippers(t *testing.T) {
	l := background.Loop(t, nil)
	eof := func() (int, error) { return 0, io.EOF }
	calm, panics, exits := func() {}, func() { panic("oh") }, runtime.Goexit
	for name, c := range map[string]struct {
		do     func() (*http.Response, error)
		want   string // what the error contains; "": none
		logged string // "": nothing
	}{
		"RoundTrip exits":          {func() (*http.Response, error) { runtime.Goexit(); return nil, nil }, "POST http://an.example/: the function called runtime.Goexit", ""},
		"RoundTrip fails the test": {func() (*http.Response, error) { new(testing.T).FailNow(); return nil, nil }, "runtime.Goexit", ""},
		"RoundTrip panics":         {func() (*http.Response, error) { panic("oh") }, "POST http://an.example/: panic: oh", ""},
		"Close of a 101 panics":    {func() (*http.Response, error) { return answer(101, wildBody{eof, panics}), nil }, agent.ErrUpgradeLost.Error(), "panic=oh"},
		"Close of a 101 exits":     {func() (*http.Response, error) { return answer(101, wildBody{eof, exits}), nil }, agent.ErrUpgradeLost.Error(), "runtime.Goexit"},
		"Close panics":             {func() (*http.Response, error) { return answer(200, wildBody{eof, panics}), nil }, "", "panic=oh at=roundtripper_foreign_test.go:"},
		"Close exits":              {func() (*http.Response, error) { return answer(200, wildBody{eof, exits}), nil }, "", "runtime.Goexit"},
		"Read panics": {func() (*http.Response, error) {
			return answer(200, wildBody{func() (int, error) { panic("oh") }, calm}), nil
		}, "panic: oh", ""},
		"Read exits": {func() (*http.Response, error) {
			return answer(200, wildBody{func() (int, error) { runtime.Goexit(); return 0, nil }, calm}), nil
		}, "runtime.Goexit", ""},
		"Read exits, Close panics": {func() (*http.Response, error) {
			return answer(200, wildBody{func() (int, error) { runtime.Goexit(); return 0, nil }, panics}), nil
		}, "runtime.Goexit", "panic=oh"},
		"Read returns -1": {func() (*http.Response, error) {
			return answer(200, wildBody{func() (int, error) { return -1, nil }, calm}), nil
		}, "panic: runtime error: slice bounds", ""},
		"Read returns too much": {func() (*http.Response, error) {
			return answer(200, wildBody{func() (int, error) { return 1 << 30, nil }, calm}), nil
		}, "panic: runtime error: slice bounds", ""},
	} {
		t.Run(name, func(t *testing.T) {
			log := logtest.Capture(t)
			body, err := send(t, l, func(*http.Request) (*http.Response, error) { return c.do() }, &request.Request{})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || len(body) != 0 {
				t.Errorf("got %q, %v, want %s", body, err, c.want)
			}
			if c.logged != "" {
				eventually(t, "the log", func() bool { return strings.Contains(log.String(), c.logged) })
			} else if got := log.Take(); got != "" {
				t.Errorf("logged %s", got)
			}
		})
	}

	t.Run("Close of a response that nobody wants panics", func(t *testing.T) {
		log := logtest.Capture(t)
		a := agent.FromRoundTripper(l, roundTripFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return answer(200, wildBody{eof, panics}), nil
		}))
		u := urls.MustParse("http://an.example/")
		_, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
			d := a.Request(&request.Request{Method: "GET", URL: u})
			l.CallLater(0, d.Cancel)
			return d
		})
		if !errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("got %v", err)
		}
		eventually(t, "the log", func() bool { return strings.Contains(log.String(), "panic=oh") })
	})
}

// TestWildRequestBodies: what a body of net/http does in Read fails its request.
func TestWildRequestBodies(t *testing.T) {
	l := background.Loop(t, nil)
	base := echoServer(t)
	for name, c := range map[string]struct {
		read func() (int, error)
		want string
	}{
		"panics": {func() (int, error) { panic("oh") }, "panic: oh"},
		"exits":  {func() (int, error) { runtime.Goexit(); return 0, nil }, "runtime.Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequest("POST", base, wildBody{c.read, func() {}})
			soon(t, func() {
				_, err := agent.NewRoundTripper(l, agent.New(l, agent.Config{})).RoundTrip(req)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

// TestPanicOfInformational: the request fails with the panic, through an Agent and through
// net/http. The connection is not used again.
func TestPanicOfInformational(t *testing.T) {
	const answers = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	check := func(t *testing.T, err error, url string) {
		t.Helper()
		var p *deferred.PanicError
		if !errors.As(err, &p) || err.Error() != "GET "+url+": panic: oh" || !strings.HasPrefix(p.Place(), "roundtripper_foreign_test.go:") {
			t.Errorf("got %v, at %v", err, p)
		}
	}
	t.Run("Agent", func(t *testing.T) {
		log := logtest.Capture(t)
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("GET", "http://a.example/")
		req.Informational = func(int, http.Header) { panic("oh") }
		d := w.send(req)
		w.Conn(0).Send(answers)
		check(t, deferredtest.FailureResultOf(t, d), "http://a.example/")
		if w.Conn(0).Lost == nil {
			t.Error("the connection is still open")
		}
		d = w.get("http://a.example/")
		w.Conn(1).Send(okHello)
		w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
		if got := log.Take(); got != "" {
			t.Errorf("logged %s", got)
		}
	})
	t.Run("Agent, with a body", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("POST", "http://a.example/")
		req.Body, req.ExpectContinue = request.Bytes("text"), time.Second
		req.Informational = func(int, http.Header) { panic("oh") }
		d := w.send(req)
		w.Conn(0).Send("HTTP/1.1 100 Continue\r\n\r\n")
		if err := deferredtest.FailureResultOf(t, d); !errors.As(err, new(*deferred.PanicError)) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("Agent, cancelled", func(t *testing.T) {
		log := logtest.Capture(t)
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("GET", "http://a.example/")
		var d *deferred.Deferred[*response.Response]
		req.Informational = func(int, http.Header) { d.Cancel(); panic("oh") }
		d = w.send(req)
		w.Conn(0).Send(answers)
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) || !strings.Contains(log.Take(), "panic=oh") {
			t.Errorf("got %v, or no log", err)
		}
	})
	t.Run("FromRoundTripper", func(t *testing.T) {
		log := logtest.Capture(t)
		l := background.Loop(t, nil)
		base, heads := keptServer(t, answers)
		a := agent.FromRoundTripper(l, &http.Transport{})
		u := urls.MustParse(base)
		get := func(inform func(int, http.Header)) (*response.Response, error) {
			return reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
				return a.Request(&request.Request{Method: "GET", URL: u, Informational: inform})
			})
		}
		_, err := get(func(int, http.Header) { panic("oh") })
		check(t, err, base)
		if resp, err := get(nil); err != nil || resp.Code != 200 {
			t.Errorf("got %v, %v", resp, err)
		}
		if first, second := <-heads, <-heads; first == second {
			t.Errorf("the connection of %s was used again", first)
		}
		if got := log.Take(); got != "" {
			t.Errorf("logged %s", got)
		}
	})
	t.Run("FromRoundTripper, a hook that is called on the loop", func(t *testing.T) {
		l := background.Loop(t, nil)
		_, err := send(t, l, func(r *http.Request) (*http.Response, error) {
			result := make(chan error, 1)
			l.CallFromThread(func() { result <- httptrace.ContextClientTrace(r.Context()).Got1xxResponse(103, nil) })
			return nil, <-result
		}, &request.Request{Informational: func(int, http.Header) { panic("oh") }})
		if !errors.As(err, new(*deferred.PanicError)) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("FromRoundTripper over NewRoundTripper on one loop", func(t *testing.T) {
		l := background.Loop(t, nil)
		var codes []int
		under := agent.NewRoundTripper(l, requester(func(req *request.Request) *deferred.Deferred[*response.Response] {
			req.Informational(103, nil)
			return deferred.Succeed(whole(200, "hello"))
		}))
		body, err := send(t, l, under.RoundTrip, &request.Request{Informational: func(code int, _ http.Header) { codes = append(codes, code) }})
		if string(body) != "hello" || err != nil || !slices.Equal(codes, []int{103}) {
			t.Errorf("got %q, %v, informed of %d", body, err, codes)
		}
	})
}

// TestUploadOfAStub: a RoundTripper that neither reads nor closes the request's body does
// not keep it open when the response has ended, or nobody wants it.
func TestUploadOfAStub(t *testing.T) {
	l := background.Loop(t, nil)
	text := func(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }
	for name, c := range map[string]struct {
		do   func(*http.Request) (*http.Response, error)
		read func(*response.Response) *deferred.Deferred[[]byte] // nil: the body is not read
	}{
		"the body is read": {func(*http.Request) (*http.Response, error) { return answer(200, text("hello")), nil }, (*response.Response).Content},
		"the body fails": {func(*http.Request) (*http.Response, error) {
			return answer(200, wildBody{func() (int, error) { return 0, errors.New("oh") }, func() {}}), nil
		}, (*response.Response).Content},
		"the body is dropped": {func(*http.Request) (*http.Response, error) { return answer(200, text("hello")), nil },
			func(r *response.Response) *deferred.Deferred[[]byte] {
				d := r.Content()
				d.Cancel()
				return d
			}},
		"no body":       {func(*http.Request) (*http.Response, error) { return answer(204, nil), nil }, nil},
		"an empty body": {func(*http.Request) (*http.Response, error) { return answer(204, http.NoBody), nil }, nil},
		"an error":      {func(*http.Request) (*http.Response, error) { return nil, errors.New("oh") }, nil},
		"an exit":       {func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil }, nil},
		"a 101":         {func(*http.Request) (*http.Response, error) { return answer(101, text("")), nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var closed atomic.Int32
			a := agent.FromRoundTripper(l, roundTripFunc(c.do))
			u := urls.MustParse("http://an.example/")
			soon(t, func() {
				reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[[]byte] {
					body := closeCounter{strings.NewReader(strings.Repeat("x", 1<<20)), &closed}
					d := a.Request(&request.Request{Method: "POST", URL: u, Body: request.NewFileBodyProducer(body, request.FileBodyConfig{})})
					if c.read != nil {
						return deferred.Then(d, c.read)
					}
					return deferred.Map(d, func(*response.Response) ([]byte, error) { return nil, nil })
				})
			})
			eventually(t, "the close of the request's body", func() bool { return closed.Load() != 0 })
			if n := closed.Load(); n != 1 {
				t.Errorf("closed %d times", n)
			}
		})
	}

	t.Run("cancelled, and the RoundTripper does not care", func(t *testing.T) {
		var closed atomic.Int32
		ends := make(chan bool)
		defer close(ends)
		a := agent.FromRoundTripper(l, roundTripFunc(func(*http.Request) (*http.Response, error) { <-ends; return nil, nil }))
		u := urls.MustParse("http://an.example/")
		reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
			body := closeCounter{strings.NewReader(strings.Repeat("x", 1<<20)), &closed}
			d := a.Request(&request.Request{Method: "POST", URL: u, Body: request.NewFileBodyProducer(body, request.FileBodyConfig{})})
			l.CallLater(0, d.Cancel)
			return d
		})
		eventually(t, "the close of the request's body", func() bool { return closed.Load() == 1 })
	})

	t.Run("full duplex", func(t *testing.T) {
		const size = 1 << 20
		body, err := send(t, l, func(r *http.Request) (*http.Response, error) {
			return answer(200, r.Body), nil // what is sent comes back
		}, &request.Request{Body: request.NewFileBodyProducer(strings.NewReader(strings.Repeat("x", size)), request.FileBodyConfig{})})
		if len(body) != size || err != nil {
			t.Errorf("got %d bytes, %v", len(body), err)
		}
	})
}

// keptServer answers each request with answer and keeps the connection. It sends the address
// of the client of each request to clients.
func keptServer(t *testing.T, answer string) (url string, clients chan string) {
	clients = make(chan string, 9)
	address := loopback.Serve(t, func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			clients <- c.RemoteAddr().String()
			io.WriteString(c, answer)
		}
	})
	return "http://" + address, clients
}

// A wildRewind is a body in memory whose Rewind panics.
type wildRewind struct{ slowBody }

func (wildRewind) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	to.Write([]byte("text"))
	return deferred.Succeed(deferred.None{})
}

func (wildRewind) Hold() bool    { return true }
func (wildRewind) Release()      {}
func (wildRewind) Rewind() error { panic("oh") }

// TestPanicOfRewind: a body that panics when it is to be sent again fails its request. The
// GetBody of a net/http request is called there.
func TestPanicOfRewind(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	first := w.get("http://a.example/")
	w.Conn(0).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, first), "hello")
	req := newRequest("PUT", "http://a.example/")
	req.Body = &wildRewind{}
	d := w.send(req)
	w.Conn(0).Close()
	w.r.Pump()
	var generation *agent.GenerationError
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &generation) || !errors.As(err, new(*deferred.PanicError)) {
		t.Errorf("got %v", err)
	}
}
