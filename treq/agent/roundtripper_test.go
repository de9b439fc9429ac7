package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// echoServer starts a server that answers with the request's body. Some paths have other
// answers.
func echoServer(t *testing.T) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("X-Length", r.Header.Get("Content-Length"))
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("part"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/hang":
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/large":
			for range 512 {
				w.Write(make([]byte, 16<<10))
			}
		case "/redirect":
			http.Redirect(w, r, "/there", http.StatusFound)
		default:
			body, _ := io.ReadAll(r.Body) // net/http's server stops reading when it answers
			w.Write(body)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestNewRoundTripper(t *testing.T) {
	l := background.Loop(t, nil)
	base := echoServer(t)
	client := &http.Client{Transport: agent.NewRoundTripper(l, agent.New(l, agent.Config{Pool: agent.NewPool(l, agent.PoolConfig{})}))}
	large := strings.Repeat("0123456789abcdef", 1<<16)
	for _, c := range []struct {
		name, method, path string
		body               io.Reader
		code               int
		want               string
	}{
		{"get", "GET", "/", nil, 200, ""},
		{"sized body", "POST", "/", strings.NewReader("text"), 200, "text"},
		{"body in chunks", "POST", "/", io.MultiReader(strings.NewReader("te"), strings.NewReader("xt")), 200, "text"},
		{"large body, both ways", "PUT", "/", strings.NewReader(large), 200, large},
		{"large body in chunks", "PUT", "/", io.MultiReader(strings.NewReader(large)), 200, large},
		{"redirect", "GET", "/redirect", nil, 200, ""},
		{"large answer", "GET", "/large", nil, 200, string(make([]byte, 8<<20))},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest(c.method, base+c.path, c.body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.code || string(got) != c.want || resp.Header.Get("X-Method") != c.method {
				t.Errorf("got %s, %d bytes, %v; want %d, %d bytes", resp.Status, len(got), err, c.code, len(c.want))
			}
		})
	}

	t.Run("cut short", func(t *testing.T) {
		resp, err := client.Get(base + "/cut")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if string(got) != "part" || !errors.As(err, new(*response.FailedError)) {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		if _, err := client.Get("http://127.0.0.1:1/"); !errors.Is(err, reactor.ErrConnectionRefused) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		req, _ := http.NewRequestWithContext(ctx, "GET", base+"/hang", nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("closed early", func(t *testing.T) {
		for range 3 {
			resp, err := client.Get(base + "/large")
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			if _, err := resp.Body.Read(make([]byte, 1)); err != io.ErrClosedPipe {
				t.Errorf("got %v", err)
			}
		}
	})
	t.Run("on the loop", func(t *testing.T) {
		result := make(chan error)
		l.CallFromThread(func() {
			_, err := client.Get(base)
			go func() { result <- err }()
		})
		if err := <-result; !errors.Is(err, reactor.ErrOnLoop) {
			t.Errorf("got %v", err)
		}
	})
}

// A fullAgent is an agent whose connection is full when it starts a body.
type fullAgent struct {
	to    request.Consumer
	clock reactor.Clock
	again *deferred.Deferred[deferred.None] // the result of starting the body a second time
}

func (a *fullAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	req.Body.PauseProducing()
	done := req.Body.StartProducing(a.to)
	a.again = req.Body.StartProducing(a.to)
	a.clock.CallLater(0, req.Body.ResumeProducing)
	return deferred.Map(done, func(deferred.None) (*response.Response, error) { return whole(200, ""), nil })
}

// TestRoundTripperBody checks that the body of a net/http request may be paused before it
// is started, and cannot be started twice.
func TestRoundTripperBody(t *testing.T) {
	l := background.Loop(t, nil)
	to := &bufferConsumer{}
	a := &fullAgent{to: to, clock: l}
	client := &http.Client{Transport: agent.NewRoundTripper(l, a)}
	if _, err := client.Post("http://an.example/", "", strings.NewReader("text")); err != nil {
		t.Error(err)
	}
	if to.String() != "text" {
		t.Errorf("the body is %q", to)
	}
	if err := deferredtest.FailureResultOf(t, a.again); err != request.ErrProduced {
		t.Errorf("started again: %v", err)
	}
}

// A bufferConsumer is a Consumer that keeps the bytes.
type bufferConsumer struct{ bytes.Buffer }

func (c *bufferConsumer) Write(data []byte)            { c.Buffer.Write(data) }
func (c *bufferConsumer) Cooperator() *task.Cooperator { return nil }

// A slowBody is a body of unknown length that writes one piece per turn.
type slowBody struct {
	clock  reactor.Clock
	pieces []string
	to     request.Consumer
	done   *deferred.Deferred[deferred.None]
}

func (b *slowBody) Length() int64 { return request.UnknownLength }

func (b *slowBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	b.to, b.done = to, deferred.New[deferred.None]()
	b.clock.CallLater(0, b.next)
	return b.done
}

func (b *slowBody) next() {
	if len(b.pieces) == 0 {
		b.done.Callback(deferred.None{})
		return
	}
	b.to.Write([]byte(b.pieces[0]))
	b.pieces = b.pieces[1:]
	b.clock.CallLater(0, b.next)
}

func (b *slowBody) PauseProducing()  {}
func (b *slowBody) ResumeProducing() {}
func (b *slowBody) StopProducing()   { b.pieces = nil }

func TestFromRoundTripper(t *testing.T) {
	l := background.Loop(t, nil)
	base := echoServer(t)
	a := agent.FromRoundTripper(l, http.DefaultTransport)
	get := func(method, path string, body request.BodyProducer) (*response.Response, []byte, error) {
		t.Helper()
		u := urls.MustParse(base + path)
		var resp *response.Response
		data, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[[]byte] {
			d := a.Request(&request.Request{Method: method, URL: u, Header: http.Header{"X-Test": {"1"}}, Body: body})
			return deferred.Then(d, func(r *response.Response) *deferred.Deferred[[]byte] {
				resp = r
				return r.Content()
			})
		})
		return resp, data, err
	}

	resp, data, err := get("POST", "/", request.Bytes("text"))
	if err != nil || resp.Code != 200 || resp.Phrase != "OK" || resp.Version != "HTTP/1.1" || string(data) != "text" {
		t.Errorf("got %v, %q, %v", resp, data, err)
	}
	_, data, err = get("POST", "/", &slowBody{clock: l, pieces: []string{"a", "bc", "d"}})
	if err != nil || string(data) != "abcd" {
		t.Errorf("got %q, %v", data, err)
	}
	// The file is read on l, which is not the default reactor.
	_, data, err = get("POST", "/", request.NewFileBodyProducer(strings.NewReader("a file"), request.FileBodyConfig{}))
	if err != nil || string(data) != "a file" {
		t.Errorf("got %q, %v", data, err)
	}
	_, data, err = get("GET", "/large", nil)
	if err != nil || !bytes.Equal(data, make([]byte, 8<<20)) {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
	resp, _, err = get("GET", "/redirect", nil)
	if err != nil || resp.Code != 302 {
		t.Errorf("got %v, %v", resp, err)
	}
	if _, _, err = get("GET", "/cut", nil); !errors.As(err, new(*response.FailedError)) {
		t.Errorf("got %v", err)
	}

	t.Run("a body that panics", func(t *testing.T) {
		_, _, err := get("POST", "/", &producer{length: 1, start: func(*producer) { panic("oh") }})
		if !errors.As(err, new(*deferred.PanicError)) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("Accept-Encoding", func(t *testing.T) {
		var sent http.Header
		a := agent.FromRoundTripper(l, roundTrip(func(req *http.Request) (*http.Response, error) {
			sent = req.Header
			return nil, errors.New("not sent")
		}))
		u := urls.MustParse(base)
		reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
			return a.Request(&request.Request{Method: "GET", URL: u, AcceptEncoding: "gzip"})
		})
		if got := sent.Get("Accept-Encoding"); got != "gzip" {
			t.Errorf("Accept-Encoding: %q", got)
		}
	})

	t.Run("cancelled before the response", func(t *testing.T) {
		cancelled := make(chan struct{})
		a := agent.FromRoundTripper(l, roundTrip(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			close(cancelled)
			return nil, req.Context().Err()
		}))
		u := urls.MustParse(base)
		_, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
			d := a.Request(&request.Request{Method: "GET", URL: u})
			l.CallLater(0, d.Cancel)
			return d
		})
		if !errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("got %v", err)
		}
		select {
		case <-cancelled:
		case <-time.After(10 * time.Second):
			t.Error("the RoundTripper's context was not cancelled")
		}
	})

	t.Run("cancelled while the body is read", func(t *testing.T) {
		u := urls.MustParse(base + "/hang")
		_, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[[]byte] {
			d := a.Request(&request.Request{Method: "GET", URL: u})
			return deferred.Then(d, func(r *response.Response) *deferred.Deferred[[]byte] {
				content := r.Content()
				l.CallLater(0, content.Cancel)
				return content
			})
		})
		if !errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestRoundTripperRepeats: a body with a GetBody is sent again, and each that was opened is
// closed.
func TestRoundTripperRepeats(t *testing.T) {
	for _, withGetBody := range []bool{true, false} {
		t.Run(fmt.Sprint(withGetBody), func(t *testing.T) {
			l := background.Loop(t, nil)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			bodies := make(chan string, 9)
			go func() { // closes the first connection after the second request
				for first := true; ; first = false {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					r := bufio.NewReader(c)
					for n := 1; ; n++ {
						req, err := http.ReadRequest(r)
						if err != nil {
							break
						}
						body, _ := io.ReadAll(req.Body)
						bodies <- string(body)
						if first && n == 2 {
							break
						}
						io.WriteString(c, okHello)
					}
					c.Close()
				}
			}()
			rt := agent.NewRoundTripper(l, agent.New(l, agent.Config{Pool: agent.NewPool(l, agent.PoolConfig{})}))
			var opened, closed atomic.Int32
			open := func() (io.ReadCloser, error) {
				opened.Add(1)
				return closeCounter{strings.NewReader("text"), &closed}, nil
			}
			send := func(req *http.Request) error {
				resp, err := rt.RoundTrip(req)
				if err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				return err
			}
			get, _ := http.NewRequest("GET", "http://"+listener.Addr().String(), nil)
			if err := send(get); err != nil {
				t.Fatal(err)
			}
			put, _ := http.NewRequest("PUT", get.URL.String(), nil)
			put.Body, _ = open()
			put.ContentLength = 4
			want := []string{"", "text"}
			if withGetBody {
				put.GetBody = open
				want = append(want, "text")
			}
			if err := send(put); (err == nil) != withGetBody {
				t.Errorf("got %v", err)
			}
			for _, body := range want {
				select {
				case got := <-bodies:
					if got != body {
						t.Errorf("sent %q, want %q", got, body)
					}
				case <-time.After(5 * time.Second):
					t.Fatal("no request")
				}
			}
			if int(opened.Load()) != len(want)-1 {
				t.Errorf("%d bodies were opened", opened.Load())
			}
			for deadline := time.Now().Add(5 * time.Second); closed.Load() < opened.Load(); { // on other goroutines
				if runtime.Gosched(); time.Now().After(deadline) {
					t.Fatalf("%d bodies were opened, %d closed", opened.Load(), closed.Load())
				}
			}
		})
	}
}

// A closeCounter is a body that counts its first Close.
type closeCounter struct {
	io.Reader
	closed *atomic.Int32
}

func (c closeCounter) Close() error { c.closed.Add(1); return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A stuckBody never has anything to read. Close ends a Read.
type stuckBody struct {
	closed chan bool
	once   sync.Once
}

func (b *stuckBody) Read([]byte) (int, error) { <-b.closed; return 0, io.ErrClosedPipe }
func (b *stuckBody) Close() error             { b.once.Do(func() { close(b.closed) }); return nil }

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestFromRoundTripperWhenTheReactorStops: a request in progress fails with ErrStopped, and
// so does the body of a response. The RoundTripper learns of it from the request's context.
func TestFromRoundTripperWhenTheReactorStops(t *testing.T) {
	for name, answers := range map[string]bool{"request": false, "body": true} {
		t.Run(name, func(t *testing.T) {
			r := reactor.New()
			defer r.Close()
			ended := make(chan bool)
			body := &stuckBody{closed: make(chan bool)}
			a := agent.FromRoundTripper(r, roundTripFunc(func(req *http.Request) (*http.Response, error) {
				if answers {
					go func() { <-req.Context().Done(); close(ended) }()
					r.CallFromThread(func() { r.CallLater(10*time.Millisecond, func() { r.Stop() }) })
					return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", Header: http.Header{}, Body: body, ContentLength: -1}, nil
				}
				r.Stop()
				<-req.Context().Done()
				close(ended)
				return nil, req.Context().Err()
			}))
			fired := 0
			var got error
			r.CallWhenRunning(func() {
				req := &request.Request{Method: "GET", URL: urls.MustParse("http://an.example/"), Header: http.Header{}}
				deferred.Then(a.Request(req), (*response.Response).Content).AddBoth(func(_ []byte, err error) ([]byte, error) {
					fired++
					got = err
					return nil, nil
				})
			})
			if err := r.Run(); err != nil {
				t.Fatal(err)
			}
			var withRequest *agent.RequestError
			if fired != 1 || !errors.Is(got, reactor.ErrStopped) || !answers && !errors.As(got, &withRequest) {
				t.Errorf("fired %d times, with %v", fired, got)
			}
			<-ended
			if answers {
				<-body.closed
			}
		})
	}
}
