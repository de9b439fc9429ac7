package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// raised makes a request whose error status is an error: by the option, or by the method of
// the response.
var raised = map[string]func(c *client.HTTPClient, url string, options ...client.Option) *deferred.Deferred[*response.Response]{
	"option": func(c *client.HTTPClient, url string, options ...client.Option) *deferred.Deferred[*response.Response] {
		return c.Get(url, append(options, client.RaiseForStatus(true))...)
	},
	"method": func(c *client.HTTPClient, url string, options ...client.Option) *deferred.Deferred[*response.Response] {
		return deferred.Then(c.Get(url, options...), (*response.Response).RaiseForStatus)
	},
}

// TestRaiseForStatus: a status of 400 or above is an error, and no other is. The error names
// the request, without the password, and the status, and shows the body. Either way the body
// can be read.
func TestRaiseForStatus(t *testing.T) {
	for _, test := range []struct {
		code  string
		error string // "" if the response is no error
	}{
		{"200 OK", ""},
		{"201 Created", ""},
		{"299 Odd", ""},
		{"300 Multiple Choices", ""},
		{"302 Found", ""},
		{"399 Odd", ""},
		{"400 Bad Request", "400 Bad Request: hello"},
		{"404 Not Found", "404 Not Found: hello"},
		{"404 ", "404: hello"},
		{"418 I'm a \x1b[31mteapot", `418 I'm a \x1b[31mteapot: hello`},
		{"500 Internal Server Error", "500 Internal Server Error: hello"},
		{"599 Odd", "599 Odd: hello"},
		{"600 Odd", "600 Odd: hello"},
		{"999 Request denied", "999 Request denied: hello"},
	} {
		for how, request := range raised {
			t.Run(fmt.Sprintf("%s by %s", test.code, how), func(t *testing.T) {
				c, s, r := newClient(t)
				s.Respond("HTTP/1.1 " + test.code + "\r\nContent-Length: 5\r\n\r\nhello")
				d := request(c, "http://me:secret@a.example/x?y", client.AllowRedirects(false))
				r.Pump()
				var resp *response.Response
				if test.error == "" {
					resp = deferredtest.SuccessResultOf(t, d)
				} else {
					err := deferredtest.FailureResultOf(t, d)
					var status *response.StatusError
					if !errors.As(err, &status) {
						t.Fatalf("%T: %v", err, err)
					}
					if want := "GET http://me:xxxxx@a.example/x?y: " + test.error; err.Error() != want {
						t.Errorf("got  %v\nwant %s", err, want)
					}
					resp = status.Response
					if status.Method != "GET" || status.URL != "http://me:xxxxx@a.example/x?y" || status.Code != resp.Code ||
						status.Phrase != resp.Phrase || string(status.Body) != "hello" || status.Err != nil {
						t.Errorf("%+v", status)
					}
				}
				if got := string(deferredtest.SuccessResultOf(t, resp.Content())); got != "hello" {
					t.Errorf("the body: %q", got)
				}
				if n := len(r.DelayedCalls()); n > 1 { // the idle connection has one
					t.Errorf("%d delayed calls are left", n)
				}
			})
		}
	}
}

// TestRaiseForStatusIsOverridden: the last of two options counts.
func TestRaiseForStatusIsOverridden(t *testing.T) {
	c, s, r := newClient(t)
	s.Respond("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
	defaults := client.All{client.RaiseForStatus(true)}
	for _, options := range []client.All{{}, {client.RaiseForStatus(false)}, {defaults, client.RaiseForStatus(false)}} {
		d := c.Get("http://a.example/", options...)
		r.Pump()
		deferredtest.SuccessResultOf(t, d)
	}
	d := c.Get("http://a.example/", client.RaiseForStatus(false), defaults)
	r.Pump()
	deferredtest.FailureResultOf(t, d)
}

// TestStatusErrorAfterRedirects: the error names the last request, and the History is there.
func TestStatusErrorAfterRedirects(t *testing.T) {
	for how, request := range raised {
		t.Run(how, func(t *testing.T) {
			c, s, r := newClient(t)
			d := request(c, "http://a.example/first")
			r.Pump()
			s.Conn(0).Send("HTTP/1.1 302 Found\r\nLocation: /second\r\nContent-Length: 0\r\n\r\n")
			r.Pump()
			s.Conn(0).Send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			r.Pump()
			err := deferredtest.FailureResultOf(t, d)
			var status *response.StatusError
			if !errors.As(err, &status) || err.Error() != "GET http://a.example/second: 404 Not Found" || len(status.Response.History()) != 1 {
				t.Error(err)
			}
		})
	}
}

// statusBodies are error responses whose bodies are read in part.
var statusBodies = []struct {
	name    string
	says    string // by the server, at once
	later   string // 100 ms later
	options client.All
	after   time.Duration // when the request fails
	body    int           // the bytes of StatusError.Body
	text    string        // the text of the error, after the request
	is      any           // the type that errors.As finds as well; or nil
	whole   bool          // the connection is kept
}{
	{name: "whole", says: "Content-Length: 9\r\n\r\nnine here", body: 9, text: "500 No: nine here", whole: true},
	{name: "in two pieces", says: "Content-Length: 9\r\n\r\nnine", later: " here", after: 100 * time.Millisecond, body: 9, text: "500 No: nine here", whole: true},
	{name: "chunked", says: "Transfer-Encoding: chunked\r\n\r\n4\r\nnine\r\n", later: "5\r\n here\r\n0\r\n\r\n", after: 100 * time.Millisecond,
		body: 9, text: "500 No: nine here", whole: true},
	{name: "to the end of the connection", says: "Connection: close\r\n\r\nnine here", after: 250 * time.Millisecond, body: 9, text: "500 No: nine here"},
	{name: "empty", says: "Content-Length: 0\r\n\r\n", text: "500 No", whole: true},
	{name: "silent", says: "Content-Length: 9\r\n\r\n", after: 250 * time.Millisecond, text: "500 No"},
	{name: "without an end", says: "Content-Length: 99\r\n\r\nnine here", after: 250 * time.Millisecond, body: 9, text: "500 No: nine here"},
	{name: "long", says: "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100000), body: 16 << 10, text: "500 No: " + strings.Repeat("x", 200) + "..."},
	{name: "longer than is read", says: "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 300000), body: 16 << 10, text: "500 No: " + strings.Repeat("x", 200) + "..."},
	{name: "a page", says: "Content-Type: text/html\r\nContent-Length: 36\r\n\r\n<html>\n\n\t<body>\r\n Sorry\x1b[0m\xff </html>", body: 36,
		text: `500 No: <html> <body> Sorry\x1b[0m\xff </html>`, whole: true},
	{name: "in a charset", says: "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Length: 4\r\n\r\ncaf\xe9", body: 4, text: "500 No: café", whole: true},
	{name: "in UTF-8", says: "Content-Length: 5\r\n\r\ncaf\xc3\xa9", body: 5, text: "500 No: café", whole: true},
	{name: "in an unknown charset", says: "Content-Type: text/plain; charset=x-no\r\nContent-Length: 4\r\n\r\ncaf\xe9", body: 4, text: `500 No: caf\xe9`, whole: true},
	{name: "coded", says: "Content-Encoding: gzip\r\nContent-Length: " + fmt.Sprint(len(zipped("nine here"))) + "\r\n\r\n" + zipped("nine here"),
		body: 9, text: "500 No: nine here", whole: true},
	{name: "not coded", says: "Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnine here", text: "500 No (", is: new(*agent.DecodeError), whole: true},
	{name: "too large", says: "Content-Length: 99\r\n\r\nnine", options: client.All{client.MaxSize(10)}, text: "500 No (the response failed: the body has 99 bytes, more than 10 (MaxSize))", is: new(*response.TooLargeError)},
	{name: "too large in the end", says: "Transfer-Encoding: chunked\r\n\r\n9\r\nnine here\r\n9\r\nnine here\r\n", options: client.All{client.MaxSize(9)}, body: 9,
		text: "500 No: nine here (the response failed: the body has more than 9 bytes (MaxSize))", is: new(*response.TooLargeError)},
	{name: "ReadTimeout", says: "Content-Length: 99\r\n\r\nnine", options: client.All{client.ReadTimeout(50 * time.Millisecond)}, after: 50 * time.Millisecond, body: 4,
		text: "500 No: nine (no data for 50ms (ReadTimeout))", is: new(*agent.TimeoutError)},
	{name: "TotalTimeout", says: "Content-Length: 99\r\n\r\nnine", options: client.All{client.TotalTimeout(50 * time.Millisecond)}, after: 50 * time.Millisecond, body: 4,
		text: "500 No: nine (not complete after 50ms (TotalTimeout))", is: new(*agent.TimeoutError)},
	{name: "Timeout is over before", says: "Content-Length: 99\r\n\r\nnine", options: client.All{client.Timeout(50 * time.Millisecond)}, after: 250 * time.Millisecond, body: 4,
		text: "500 No: nine"},
	{name: "unbuffered", says: "Content-Length: 9\r\n\r\nnine", later: " here", options: client.All{client.Unbuffered(true)}, after: 100 * time.Millisecond,
		body: 9, text: "500 No: nine here", whole: true},
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

// TestStatusErrorHasTheBeginning: the error comes in time with what came of the body by then,
// however the body goes on, and the connection does not stay open for a body that nobody
// reads.
func TestStatusErrorHasTheBeginning(t *testing.T) {
	for _, test := range statusBodies {
		for how, request := range raised {
			t.Run(test.name+" by "+how, func(t *testing.T) {
				c, s, r := newClient(t)
				d := request(c, "http://a.example/", test.options...)
				start := r.Now()
				var failed time.Duration = -1
				d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
					failed = r.Now().Sub(start)
					return resp, err
				})
				r.Pump()
				s.Conn(0).Send("HTTP/1.1 500 No\r\n" + test.says)
				r.Pump()
				if test.later != "" {
					r.RunFor(100 * time.Millisecond)
					s.Conn(0).Send(test.later)
				}
				r.RunFor(time.Second)
				err := deferredtest.FailureResultOf(t, d)
				var status *response.StatusError
				if !errors.As(err, &status) {
					t.Fatalf("%T: %v", err, err)
				}
				if failed != test.after {
					t.Errorf("it failed after %v, want %v", failed, test.after)
				}
				if len(status.Body) != test.body {
					t.Errorf("%d bytes: %.99q", len(status.Body), status.Body)
				}
				if want := "GET http://a.example/: " + test.text; !strings.HasPrefix(err.Error(), want) || test.is == nil && err.Error() != want {
					t.Errorf("got  %v\nwant %s", err, want)
				}
				if test.is != nil && !errors.As(err, test.is) {
					t.Errorf("no %T in %v", test.is, err)
				}
				if open := s.Open() == 1; open != test.whole {
					t.Errorf("the connection is open: %v", open)
				}
				if test.whole && test.is == nil {
					if got := deferredtest.SuccessResultOf(t, status.Response.Content()); string(got) != string(status.Body) {
						t.Errorf("the body: %q", got)
					}
				}
			})
		}
	}
}

// TestStatusErrorLeavesTheBody: a program that reads the body when it gets the error has all of
// it, however long and slow it is.
func TestStatusErrorLeavesTheBody(t *testing.T) {
	for _, unbuffered := range []bool{false, true} {
		for how, request := range raised {
			t.Run(fmt.Sprintf("%s, unbuffered %v", how, unbuffered), func(t *testing.T) {
				c, s, r := newClient(t)
				const size = 1000000
				var content *deferred.Deferred[[]byte]
				request(c, "http://a.example/", client.Unbuffered(unbuffered)).AddErrback(func(err error) (*response.Response, error) {
					var status *response.StatusError
					if !errors.As(err, &status) {
						t.Fatal(err)
					}
					content = status.Response.Content()
					return nil, nil
				})
				r.Pump()
				s.Conn(0).Send(fmt.Sprintf("HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\nslow", size))
				r.RunFor(10 * time.Second)
				s.Conn(0).Send(strings.Repeat("x", size-len("slow")))
				r.RunFor(time.Second)
				if got := deferredtest.SuccessResultOf(t, content); len(got) != size {
					t.Errorf("%d bytes", len(got))
				}
			})
		}
	}
}

// TestStatusErrorGivesTheBodyUp: a program that comes too late for the rest of the body is told
// so, with what came.
func TestStatusErrorGivesTheBodyUp(t *testing.T) {
	for how, request := range raised {
		for _, read := range []time.Duration{0, 400 * time.Millisecond, time.Second} {
			c, s, r := newClient(t)
			d := request(c, "http://a.example/")
			r.Pump()
			s.Conn(0).Send("HTTP/1.1 500 No\r\nContent-Length: 14\r\n\r\nnine here")
			r.RunFor(250*time.Millisecond + read)
			var status *response.StatusError
			if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &status) {
				t.Fatal(err)
			}
			content := status.Response.Content()
			r.RunFor(time.Second)
			if read == 0 {
				s.Conn(0).Send(" more")
				r.Pump()
				if got := string(deferredtest.SuccessResultOf(t, content)); got != "nine here more" {
					t.Errorf("%s: %q", how, got)
				}
				continue
			}
			const want = `GET http://a.example/: the response failed: the rest of the body was not read soon after the error of its status, after 9 bytes: "nine here"`
			var failed *response.FailedError
			if err := deferredtest.FailureResultOf(t, content); err.Error() != want || !errors.As(err, &failed) || failed.Response != status.Response {
				t.Errorf("%s: %v", how, err)
			}
		}
	}
}

// TestJSONOrOfSlowErrors: JSON is waited for; what is surely no JSON is not.
func TestJSONOrOfSlowErrors(t *testing.T) {
	type refusal struct{ Message string }
	for kind, result := range map[string]bool{"application/json": true, "application/problem+json": true, "text/plain": true, "text/html": false, "image/png": false} {
		c, s, r := newClient(t)
		d := deferred.Then(c.Get("http://a.example/"), response.JSONOr[deferred.None, refusal])
		r.Pump()
		s.Conn(0).Send("HTTP/1.1 502 Bad Gateway\r\nContent-Type: " + kind + "\r\nContent-Length: 17\r\n\r\n{\"message\"")
		r.RunFor(time.Second)
		if result {
			deferredtest.NoResult(t, d)
			s.Conn(0).Send(`: "no"}`)
			r.Pump()
		}
		err := deferredtest.FailureResultOf(t, d)
		var status *response.StatusError
		var typed *response.ResultError[refusal]
		if !errors.As(err, &status) || errors.As(err, &typed) != result || !strings.HasPrefix(err.Error(), `GET http://a.example/: 502 Bad Gateway: {"message"`) || status.Err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestRaiseForStatusIsCancelled: in every state the Deferred fails with ErrCancelled, and
// nothing is left.
func TestRaiseForStatusIsCancelled(t *testing.T) {
	for name, says := range map[string]string{
		"before the head": "",
		"in the body":     "HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nnine",
	} {
		for how, request := range raised {
			t.Run(name+" by "+how, func(t *testing.T) {
				c, s, r := newClient(t)
				d := request(c, "http://a.example/")
				r.Pump()
				s.Conn(0).Send(says)
				r.Pump()
				d.Cancel()
				err := deferredtest.FailureResultOf(t, d)
				var named *agent.RequestError
				if !errors.Is(err, deferred.ErrCancelled) || how == "option" && !errors.As(err, &named) {
					t.Errorf("%T: %v", err, err)
				}
				r.Pump()
				if s.Open() != 0 || len(r.DelayedCalls()) != 0 {
					t.Errorf("%d connections and %d delayed calls are left", s.Open(), len(r.DelayedCalls()))
				}
			})
		}
	}
}

// TestStatusErrorOfATakenBody: without its body, the error still has the status.
func TestStatusErrorOfATakenBody(t *testing.T) {
	c, s, r := newClient(t)
	s.Respond("HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nnine")
	d := c.Get("http://a.example/", client.Unbuffered(true))
	r.Pump()
	resp := deferredtest.SuccessResultOf(t, d)
	deferredtest.SuccessResultOf(t, resp.Collect(func([]byte) error { return nil }))
	err := deferredtest.FailureResultOf(t, resp.RaiseForStatus())
	var status *response.StatusError
	if !errors.As(err, &status) || !errors.Is(err, response.ErrBodyTaken) || status.Code != 500 {
		t.Error(err)
	}
}

// TestHangingStatus: with the option, nothing that hangs does so for ever, as in
// TestNothingHangs.
func TestHangingStatus(t *testing.T) {
	for name, says := range stalls {
		says = strings.Replace(says, "200 OK", "500 No", 1)
		t.Run(name, func(t *testing.T) {
			c, s, r := newClient(t)
			d := c.Get("http://a.example/", client.RaiseForStatus(true), client.TotalTimeout(time.Minute))
			r.Pump()
			send(s, r, says)
			r.RunFor(2 * time.Minute)
			deferredtest.FailureResultOf(t, d)
		})
	}
}

// send sends says on the first connection.
func send(s *rawserver.Server, r *memory.Reactor, says string) {
	s.Conn(0).Send(says)
	r.Pump()
}
