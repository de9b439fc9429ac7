package agent_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/loopback"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file tests what passes through FromRoundTripper and NewRoundTripper besides the head
// and the body of a message: 100-continue, interim responses, a 101, trailers of a request.

// refusingServer answers the head of each request with answer, and sends what it got of the
// body, within a moment, to bodies.
func refusingServer(t *testing.T, answer string) (url string, heads chan string) {
	heads = make(chan string, 9)
	address := loopback.Serve(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		heads <- fmt.Sprintf("%s %q %d", req.Method, req.Header.Get("Expect"), r.Buffered())
		io.WriteString(c, answer)
		if strings.Contains(answer, " 100 ") {
			io.Copy(io.Discard, req.Body)
			io.WriteString(c, okHello)
		}
	})
	return "http://" + address, heads
}

// TestFromRoundTripperExpects checks that ExpectContinue and Informational pass through
// net/http.
func TestFromRoundTripperExpects(t *testing.T) {
	l := background.Loop(t, nil)
	a := agent.FromRoundTripper(l, &http.Transport{ExpectContinueTimeout: time.Minute, DisableKeepAlives: true})
	for _, test := range []struct {
		name, answer string
		code         int
		informed     string
	}{
		{"refused", "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", 413, ""},
		{"asked for", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", 200, "103a100"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base, heads := refusingServer(t, test.answer)
			u := urls.MustParse(base)
			var stopped atomic.Int32
			informed := ""
			resp, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
				return a.Request(&request.Request{
					Method: "POST", URL: u, ExpectContinue: time.Second,
					Body: request.NewFileBodyProducer(closeCounter{strings.NewReader("text"), &stopped}, request.FileBodyConfig{}),
					Informational: func(code int, header http.Header) {
						informed += fmt.Sprint(code, header.Get("Link"))
					},
				})
			})
			if err != nil || resp.Code != test.code {
				t.Fatalf("got %v, %v", resp, err)
			}
			if got := <-heads; got != `POST "100-continue" 0` {
				t.Errorf("the server got %s", got)
			}
			if informed != test.informed || stopped.Load() != 1 {
				t.Errorf("informed of %q, closed %d times", informed, stopped.Load())
			}
		})
	}
}

// TestFromRoundTripperUpgrade checks that a connection that speaks another protocol is an
// error, and closed: it cannot be handed over.
func TestFromRoundTripperUpgrade(t *testing.T) {
	l := background.Loop(t, nil)
	base, _ := refusingServer(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	a := agent.FromRoundTripper(l, http.DefaultTransport)
	u := urls.MustParse(base)
	resp, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
		return a.Request(&request.Request{Method: "GET", URL: u, Header: http.Header{"Connection": {"upgrade"}, "Upgrade": {"x"}}})
	})
	if !errors.Is(err, agent.ErrUpgradeLost) || !errors.As(err, new(*agent.RequestError)) {
		t.Errorf("got %v, %v", resp, err)
	}
}

// TestFromRoundTripperErrors checks that each error names the request, and that the body of a
// request is released although the RoundTripper does not close it.
func TestFromRoundTripperErrors(t *testing.T) {
	l := background.Loop(t, nil)
	var closed atomic.Int32
	for name, c := range map[string]struct {
		fail   func(*http.Request) error
		cancel bool
		want   string
	}{
		"an error":  {func(*http.Request) error { return errors.New("oh") }, false, "POST http://an.example/: oh"},
		"cancelled": {func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() }, true, "POST http://an.example/: cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			closed.Store(0)
			a := agent.FromRoundTripper(l, roundTripFunc(func(r *http.Request) (*http.Response, error) { return nil, c.fail(r) }))
			u := urls.MustParse("http://an.example/")
			_, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[*response.Response] {
				// Larger than what waits for the RoundTripper.
				body := closeCounter{strings.NewReader(strings.Repeat("x", 1<<20)), &closed}
				d := a.Request(&request.Request{Method: "POST", URL: u, Body: request.NewFileBodyProducer(body, request.FileBodyConfig{})})
				if c.cancel {
					l.CallLater(0, d.Cancel)
				}
				return d
			})
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			for deadline := time.Now().Add(5 * time.Second); closed.Load() == 0; { // on another goroutine
				if time.Now().After(deadline) {
					t.Fatal("the body was not closed")
				}
			}
		})
	}
}

// TestFromRoundTripperOddities has RoundTrippers that do what they must not.
func TestFromRoundTripperOddities(t *testing.T) {
	l := background.Loop(t, nil)
	for name, c := range map[string]struct {
		do   func() (*http.Response, error)
		want string // the error; "": none
	}{
		"no body":                 {func() (*http.Response, error) { return &http.Response{StatusCode: 204}, nil }, ""},
		"a 101, no body":          {func() (*http.Response, error) { return &http.Response{StatusCode: 101}, nil }, "GET http://an.example/: " + agent.ErrUpgradeLost.Error()},
		"nothing":                 {func() (*http.Response, error) { return nil, nil }, "GET http://an.example/: the agent_test.roundTripFunc returned neither a response nor an error"},
		"an error and a response": {func() (*http.Response, error) { return &http.Response{}, errors.New("oh") }, "GET http://an.example/: oh"},
		"a panic":                 {func() (*http.Response, error) { panic("oh") }, "GET http://an.example/: panic: oh"},
	} {
		t.Run(name, func(t *testing.T) {
			a := agent.FromRoundTripper(l, roundTripFunc(func(*http.Request) (*http.Response, error) { return c.do() }))
			u := urls.MustParse("http://an.example/")
			body, err := reactor.BlockingCallFromThread(t.Context(), l, func() *deferred.Deferred[[]byte] {
				return deferred.Then(a.Request(&request.Request{Method: "GET", URL: u}), (*response.Response).Content)
			})
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want || len(body) != 0 {
				t.Errorf("got %q, %v", body, err)
			}
		})
	}
}

// TestFromRoundTripperStopsBodies checks that the body of a request is released when the
// reactor stops, before the response and after it. The RoundTripper reads nothing of it.
func TestFromRoundTripperStopsBodies(t *testing.T) {
	for name, answers := range map[string]bool{"before the response": false, "after the response": true} {
		for kind, wrap := range map[string]func(io.Reader) io.Reader{
			"a reader": func(r io.Reader) io.Reader { return r },
			"a seeker": func(r io.Reader) io.Reader {
				return struct {
					io.Reader
					io.Seeker
					io.Closer
				}{r, strings.NewReader(""), r.(io.Closer)}
			},
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				r := reactor.New()
				defer r.Close()
				var closed atomic.Int32
				a := agent.FromRoundTripper(r, roundTripFunc(func(req *http.Request) (*http.Response, error) {
					r.CallFromThread(func() { r.CallLater(0, func() { r.Stop() }) })
					if answers {
						body := &stuckBody{closed: make(chan bool)}
						return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", Header: http.Header{}, Body: body, ContentLength: -1}, nil
					}
					<-req.Context().Done()
					return nil, req.Context().Err()
				}))
				r.CallWhenRunning(func() {
					c := client.New(r, client.Config{Agent: a})
					body := wrap(closeCounter{strings.NewReader(strings.Repeat("x", 1<<20)), &closed})
					c.Put("http://an.example/", client.Data(body), client.BasicAuth("u", "p")).
						AddErrback(func(error) (*response.Response, error) { return nil, nil })
				})
				if err := r.Run(); err != nil {
					t.Fatal(err)
				}
				if n := closed.Load(); n != 1 {
					t.Errorf("closed %d times", n)
				}
			})
		}
	}
}

// TestNewRoundTripperExpects checks that a body waits for the 100 that its request expects,
// and that a ClientTrace gets the interim responses.
func TestNewRoundTripperExpects(t *testing.T) {
	l := background.Loop(t, nil)
	client := &http.Client{Transport: agent.NewRoundTripper(l, agent.New(l, agent.Config{}))}
	hint := errors.New("enough")
	for _, test := range []struct {
		name, answer string
		code         int
		informed     string
		abort        error
	}{
		{"refused", "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", 413, "", nil},
		{"asked for", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", 200, "103a100", nil},
		{"aborted", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", 0, "103a", hint},
	} {
		t.Run(test.name, func(t *testing.T) {
			base, heads := refusingServer(t, test.answer)
			informed := ""
			ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
				Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
					informed += fmt.Sprint(code, header.Get("Link"))
					return test.abort
				},
			})
			req, _ := http.NewRequestWithContext(ctx, "POST", base, strings.NewReader("text"))
			req.Header.Set("Expect", "100-continue")
			resp, err := client.Do(req)
			switch {
			case test.abort != nil:
				if !errors.Is(err, test.abort) {
					t.Errorf("got %v", err)
				}
			case err != nil || resp.StatusCode != test.code:
				t.Fatalf("got %v, %v", resp, err)
			default:
				resp.Body.Close()
			}
			if got := <-heads; got != `POST "100-continue" 0` {
				t.Errorf("the server got %s", got)
			}
			if informed != test.informed {
				t.Errorf("informed of %q", informed)
			}
		})
	}
}

// TestNewRoundTripperTrailer checks that the trailers of a request are sent. Its body sets them
// at its end.
func TestNewRoundTripperTrailer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
		fmt.Fprint(w, " ", r.Trailer)
	}))
	defer server.Close()
	l := background.Loop(t, nil)
	rt := agent.NewRoundTripper(l, agent.New(l, agent.Config{}))
	var closed atomic.Int32
	req, _ := http.NewRequest("POST", server.URL, nil)
	req.Trailer = http.Header{"X-Sum": nil}
	end := readerFunc(func([]byte) (int, error) {
		req.Trailer.Set("X-Sum", "7")
		return 0, io.EOF
	})
	req.Body = closeCounter{io.MultiReader(strings.NewReader("text"), end), &closed}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); string(text) != "text map[X-Sum:[7]]" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	eventually(t, "the close of the request's body", func() bool { return closed.Load() == 1 }) // on another goroutine
}
