package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// fileBody returns the body of r.
func fileBody(r io.Reader) request.BodyProducer {
	return request.NewFileBodyProducer(r, request.FileBodyConfig{})
}

// formBody returns a form of files.
func formBody(t *testing.T, files ...multipart.File) request.BodyProducer {
	t.Helper()
	var fields []multipart.Field
	for _, f := range files {
		fields = append(fields, multipart.Field{Name: "f", Value: f})
	}
	p, err := multipart.NewMultiPartProducer(fields, multipart.Config{Boundary: "heyDavid"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// seeking has bodies of sources that can seek. much is the number of bytes.
func seeking(t *testing.T, much int) map[string]request.BodyProducer {
	text := strings.Repeat("x", much)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	byPath, err := request.NewPathBodyProducer(path, request.FileBodyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // sending closes it
		if err := file.Close(); !errors.Is(err, os.ErrClosed) {
			t.Error("the file was not closed")
		}
	})
	return map[string]request.BodyProducer{
		"bytes":   request.Bytes(text),
		"reader":  fileBody(strings.NewReader(text)),
		"buffer":  fileBody(bytes.NewBufferString(text)),
		"section": fileBody(io.NewSectionReader(strings.NewReader("--"+text+"--"), 2, int64(much))),
		"file":    fileBody(file),
		"path":    byPath,
		"form":    formBody(t, multipart.FromReader("", memfile.Begun(text)), multipart.FromPath(path), multipart.File{Body: request.Bytes(text)}),
	}
}

const (
	challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 5\r\n\r\nno!!!"
	moved     = "HTTP/1.1 307 Moved\r\nLocation: http://%s.example/b\r\nContent-Length: 5\r\n\r\nmoved"
	moved308  = "HTTP/1.1 308 Moved\r\nLocation: /b\r\nContent-Length: 5\r\n\r\nmoved"
)

// repeats are the answers after which a request is sent again.
var repeats = map[string]string{
	"401":           challenge,
	"307":           fmt.Sprintf(moved, "a"),
	"307 elsewhere": fmt.Sprintf(moved, "b"),
	"308":           moved308,
}

// newHops returns an agent over w that answers challenges and follows all redirects.
func newHops(w *world) agent.Requester {
	return agent.NewBrowserLikeRedirectAgent(agent.NewAuthAgent(w.agent, auth.NewDigest("u", "p")), agent.RedirectConfig{})
}

// sentBody cuts the head off a request.
func sentBody(t *testing.T, got string) string {
	t.Helper()
	_, body, ok := strings.Cut(got, "\r\n\r\n")
	if !ok {
		t.Fatalf("no request was sent: %.200q", got)
	}
	return body
}

// TestBodiesAreSentAgain sends bodies of all kinds twice. The server answers at the end of
// the upload, or in the middle.
func TestBodiesAreSentAgain(t *testing.T) {
	for why, answer := range repeats {
		for when, much := range map[string]int{"whole": 5, "cut": 1 << 20} {
			t.Run(why+" "+when, func(t *testing.T) {
				for kind, body := range seeking(t, much) {
					w := newWorld(t, agent.PoolConfig{})
					if when == "cut" {
						w.Accept = func(c *rawConn) {
							if c.Number == 0 {
								c.PauseProducing()
							}
						}
					}
					req := newRequest("POST", "http://a.example/a")
					req.Body = body
					d := newHops(w).Request(req)
					w.r.Pump()
					first := w.Conn(0)
					want := first.Got()
					first.Send(answer)
					if when == "cut" {
						w.r.Advance(time.Second)
						first.ResumeProducing()
					}
					w.r.Pump()
					second := w.Conn(len(w.Conns) - 1)
					got := sentBody(t, second.Got())
					if int64(len(got)) != body.Length() || when == "whole" && got != sentBody(t, want) {
						t.Errorf("%s: the second body has %d bytes, want %d", kind, len(got), body.Length())
					}
					if one := when == "whole" && why != "307 elsewhere"; one != (first == second) {
						t.Errorf("%s: sent over %d connections", kind, len(w.Conns))
					}
					second.Send(okHello)
					w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
					if kind != "bytes" && req.Body != body {
						t.Errorf("%s: the request was changed", kind)
					}
					w.end()
				}
			})
		}
	}
}

// TestBodiesAreSentThreeTimes has two redirects and a challenge.
func TestBodiesAreSentThreeTimes(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	s := memfile.Begun("hello")
	req := newRequest("POST", "http://a.example/a")
	req.Body = fileBody(s)
	d := newHops(w).Request(req)
	w.r.Pump()
	for _, answer := range []string{repeats["308"], repeats["308"], challenge, okHello} {
		if got := sentBody(t, w.Conn(0).Got()); got != "hello" || s.Closed != 0 {
			t.Errorf("sent %q, closed %d times", got, s.Closed)
		}
		w.Conn(0).Send(answer)
	}
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	if s.Closed != 1 {
		t.Errorf("closed %d times", s.Closed)
	}
}

// TestBodiesThatAreNotSentAgain: the error says why, and has the response.
func TestBodiesThatAreNotSentAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for kind, test := range map[string]struct {
		body func() request.BodyProducer
		text string
		is   error
	}{
		"cannot seek": {func() request.BodyProducer { return fileBody(iotest.OneByteReader(strings.NewReader("x"))) }, "", nil},
		"a form of what cannot seek": {func() request.BodyProducer {
			return formBody(t, multipart.FromReader("", iotest.OneByteReader(strings.NewReader("x"))))
		}, "", nil},
		"a wrapper": {func() request.BodyProducer { return struct{ request.BodyProducer }{fileBody(strings.NewReader("x"))} }, "", nil},
		"a file that has grown": {func() request.BodyProducer {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return fileBody(f)
		}, path + " had 1 bytes to send, and now has 3", request.ErrChanged},
		"a form of a file that has grown": {func() request.BodyProducer {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return formBody(t, multipart.FromFile(f))
		}, `field "f": `, request.ErrChanged},
	} {
		for why, answer := range repeats {
			t.Run(kind+", "+why, func(t *testing.T) {
				if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
				w := newWorld(t, agent.PoolConfig{})
				req := newRequest("POST", "http://a.example/a")
				req.Body = test.body()
				d := newHops(w).Request(req)
				w.r.Pump()
				if err := os.WriteFile(path, []byte("xyz"), 0o600); err != nil {
					t.Fatal(err)
				}
				w.Conn(0).Send(answer)
				err := deferredtest.FailureResultOf(t, d)
				want, code := agent.ErrBodySpent, 307
				switch why {
				case "401":
					want, code = agent.ErrBodyNotRepeatable, 401
				case "308":
					code = 308
				}
				if !errors.Is(err, want) || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.text) {
					t.Errorf("the error is %v", err)
				}
				var failed *response.FailedError
				if !errors.As(err, &failed) || failed.Response == nil || failed.Response.Code != code {
					t.Errorf("the error has no response: %v", err)
				}
				if !strings.HasPrefix(err.Error(), "POST http://a.example/a: ") || strings.Count(err.Error(), "http://a.example/a") != 1 {
					t.Errorf("the error is %v", err)
				}
			})
		}
	}
}

// TestAnEarlierHopLetsTheBodyGo: what happens to the connection of an earlier hop does not
// matter to the body of a later one.
func TestAnEarlierHopLetsTheBodyGo(t *testing.T) {
	for name, happen := range map[string]func(w *world){
		"lost":            func(w *world) { w.Conn(0).Abort() },
		"closed":          func(w *world) { w.Conn(0).Close() },
		"reads":           func(w *world) { w.Conn(0).ResumeProducing(); w.r.Pump() },
		"ends its answer": func(w *world) { w.Conn(0).Send("moved") },
		"takes too long":  func(w *world) { w.r.Advance(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.Accept = func(c *rawConn) { c.PauseProducing() }
			s := memfile.Begun(strings.Repeat("x", 1<<20))
			req := newRequest("POST", "http://a.example/a")
			req.Body = fileBody(s)
			d := newHops(w).Request(req)
			w.r.Pump()
			w.Conn(0).Send(strings.TrimSuffix(repeats["307 elsewhere"], "moved"))
			second := w.Conn(1)
			happen(w)
			second.ResumeProducing()
			w.r.Pump()
			if got := sentBody(t, second.Got()); len(got) != 1<<20 || s.Closed != 0 {
				t.Errorf("the second body has %d bytes; closed %d times", len(got), s.Closed)
			}
			second.Send(okHello)
			w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
			if s.Closed != 1 {
				t.Errorf("closed %d times", s.Closed)
			}
			w.Conn(0).Abort()
		})
	}
}

// TestEveryBodyOfATripIsReleased ends a trip at each of its stages, and in each way.
func TestEveryBodyOfATripIsReleased(t *testing.T) {
	type call = *deferred.Deferred[*response.Response]
	for name, test := range map[string]struct {
		answers []string
		end     func(w *world, d call)
		sent    bool // the body is sent to its end
	}{
		"cancelled at once":       {nil, func(w *world, d call) { d.Cancel() }, true},
		"lost":                    {nil, func(w *world, d call) { w.Conn(0).Abort() }, true},
		"answered":                {[]string{okHello}, nil, true},
		"the body is left out":    {[]string{"HTTP/1.1 303 See\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", okHello}, nil, true},
		"a bad redirect":          {[]string{"HTTP/1.1 307 Moved\r\nContent-Length: 0\r\n\r\n"}, nil, true},
		"while a redirect ends":   {[]string{strings.TrimSuffix(moved308, "moved")}, func(w *world, d call) { d.Cancel() }, true},
		"on the second hop":       {[]string{moved308}, func(w *world, d call) { d.Cancel() }, true},
		"lost on the second hop":  {[]string{moved308}, func(w *world, d call) { w.Conn(0).Abort() }, true},
		"answered after 401":      {[]string{challenge, okHello}, nil, true},
		"too many redirects":      {[]string{moved308, moved308, moved308}, nil, true},
		"to nowhere":              {[]string{"HTTP/1.1 307 Moved\r\nLocation: http://none.test:81/\r\nContent-Length: 0\r\n\r\n"}, nil, true},
		"refused before the body": {[]string{"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"}, nil, true},
	} {
		for _, expect := range []time.Duration{0, time.Minute} {
			t.Run(fmt.Sprint(name, " ", expect), func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				s := memfile.Begun("hello")
				req := newRequest("POST", "http://a.example/a")
				req.Body, req.ExpectContinue = fileBody(s), expect
				a := agent.NewBrowserLikeRedirectAgent(agent.NewAuthAgent(w.agent, auth.NewDigest("u", "p")), agent.RedirectConfig{Limit: 2})
				d := a.Request(req)
				w.r.Pump()
				for _, answer := range test.answers {
					w.Conn(len(w.Conns) - 1).Send(answer)
				}
				if test.end != nil {
					test.end(w, d)
				}
				w.r.Pump()
				for _, c := range w.Conns {
					c.Abort()
				}
				d.AddBoth(func(*response.Response, error) (*response.Response, error) { return nil, nil })
				if !d.Called() {
					t.Fatal("the request has not ended")
				}
				if s.Closed != 1 {
					t.Errorf("the body was closed %d times", s.Closed)
				}
			})
		}
	}
}

// TestBodiesOnADeadConnection loses a reused connection during the upload. The body is
// closed once, at the end, and a body that has changed is not sent.
func TestBodiesOnADeadConnection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	text := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		paused  bool // the server does not read before the connection is lost
		changed bool
		cancel  bool // while it is sent again
		stack   bool // a Stack that may send it too is above
	}{
		"whole":                {},
		"cut":                  {paused: true},
		"changed":              {changed: true},
		"cut and cancelled":    {paused: true, cancel: true},
		"whole in a Stack":     {stack: true},
		"cut in a Stack":       {stack: true, paused: true},
		"cancelled in a Stack": {stack: true, paused: true, cancel: true},
		"changed in a Stack":   {stack: true, changed: true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, agent.PoolConfig{})
			w.exchange(newRequest("GET", "http://a.example/"), 0)
			if test.paused {
				w.Conn(0).PauseProducing()
			}
			req := newRequest("PUT", "http://a.example/")
			req.Body = fileBody(f)
			var a agent.Requester = w.agent
			if test.stack {
				a = newHops(w)
			}
			d := a.Request(req)
			w.r.Pump()
			if test.changed {
				if err := os.WriteFile(path, []byte("less"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w.Conn(0).Abort()
			switch {
			case test.changed:
				var generating *agent.GenerationError
				if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, request.ErrChanged) || !errors.As(err, &generating) {
					t.Errorf("got %v", err)
				}
			case test.cancel:
				d.Cancel()
				w.r.Pump()
				if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
					t.Errorf("got %v", err)
				}
			default:
				if got := sentBody(t, w.Conn(1).Got()); got != text {
					t.Errorf("sent %d bytes", len(got))
				}
				w.Conn(1).Send(okHello)
				w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
			}
			if err := f.Close(); !errors.Is(err, os.ErrClosed) {
				t.Error("the file is open")
			}
		})
	}
}

// TestCredentialsDoNotReturn: on the way A, B, A the second request to A has no credentials
// of any kind, and its challenge is not answered.
func TestCredentialsDoNotReturn(t *testing.T) {
	for kind, credentials := range map[string]auth.Credentials{
		"basic": auth.Basic("u", "p"), "digest": auth.NewDigest("u", "p"), "none": nil,
	} {
		for _, side := range []string{"one stack", "below", "above"} {
			t.Run(kind+", "+side, func(t *testing.T) {
				seen := map[string]string{}
				below := requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
					seen[req.URL.String()] += "[" + req.Header.Get("Authorization") + req.Header.Get("Cookie") + req.Header.Get("X-Key") + "]"
					authorized := req.Header.Get("Authorization") != ""
					switch url := req.URL.String(); {
					case url == "http://a.example/1" && authorized:
						return succeed(req, redirect(307, "http://b.example/2"))
					case url == "http://b.example/2":
						return succeed(req, redirect(307, "http://a.example/3"))
					case url == "http://a.example/3":
						return succeed(req, redirect(307, "http://a.example/4"))
					}
					return succeed(req, whole(401, "", "WWW-Authenticate", "Digest realm=r, nonce=n"))
				})
				config := agent.RedirectConfig{SensitiveHeaders: []string{"x-key"}}
				req := newRequest("GET", "http://a.example/1", "Cookie", "c=1", "X-Key", "k")
				if credentials == nil {
					req.Header.Set("Authorization", "mine")
				}
				var a agent.Requester
				switch {
				case credentials == nil:
					a = agent.NewRedirectAgent(below, config)
				case side == "one stack":
					stack := agent.Stack{Agent: below, Credentials: credentials, Redirects: &config}
					a = requesterFunc(stack.Send)
				case side == "below":
					a = agent.NewRedirectAgent(agent.NewAuthAgent(below, credentials), config)
				default:
					a = agent.NewAuthAgent(agent.NewRedirectAgent(below, config), credentials)
				}
				d := a.Request(req)
				if side == "above" && kind == "digest" { // the AuthAgent sees the 401 of the first request only
					deferredtest.SuccessResultOf(t, d)
				} else if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 401 || resp.Request.URL.Path != "/4" {
					t.Errorf("got %d of %s", resp.Code, resp.Request.URL)
				}
				if first := seen["http://a.example/1"]; !strings.Contains(first, "c=1k") {
					t.Errorf("the first request had %q", first)
				}
				for _, url := range []string{"http://b.example/2", "http://a.example/3", "http://a.example/4"} {
					if got := seen[url]; got != "[]" {
						t.Errorf("%s got %q", url, got)
					}
				}
			})
		}
	}
}

// succeed fires with r, the response to req.
func succeed(req *request.Request, r *response.Response) *deferred.Deferred[*response.Response] {
	r.Request = req
	return deferred.Succeed(r)
}

// TestCredentialsLikeNetHTTPs sends the same chains of redirects through net/http, and
// compares which hops get the credentials that the caller gave as a header. net/http lets a
// subdomain have them, so the chains have none.
func TestCredentialsLikeNetHTTPs(t *testing.T) {
	for _, chain := range [][]string{
		{"http://a.test/1", "http://a.test/2"},
		{"http://a.test/1", "http://b.test/2"},
		{"http://a.test/1", "http://b.test/2", "http://a.test/3"},
		{"http://a.test/1", "http://b.test/2", "http://a.test/3", "http://a.test/4"},
		{"http://a.test/1", "http://a.test/2", "http://b.test/3", "http://b.test/4", "http://a.test/5"},
	} {
		headers := []string{"Authorization", "Cookie", "Www-Authenticate", "Cookie2", "X-Other"}
		next := func(url string) string {
			for i, u := range chain[:len(chain)-1] {
				if u == url {
					return chain[i+1]
				}
			}
			return ""
		}
		var theirs, ours []string
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			theirs = append(theirs, seenHeaders(r.URL.String(), r.Header, headers))
			resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}
			if to := next(r.URL.String()); to != "" {
				resp.StatusCode = 302
				resp.Header.Set("Location", to)
			}
			return resp, nil
		})}
		r, _ := http.NewRequest("GET", chain[0], nil)
		a := agent.NewRedirectAgent(requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
			ours = append(ours, seenHeaders(req.URL.String(), req.Header, headers))
			if to := next(req.URL.String()); to != "" {
				return succeed(req, redirect(302, to))
			}
			return succeed(req, whole(200, ""))
		}), agent.RedirectConfig{})
		req := newRequest("GET", chain[0])
		for _, h := range headers {
			r.Header.Set(h, "x")
			req.Header.Set(h, "x")
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		deferredtest.SuccessResultOf(t, a.Request(req))
		if fmt.Sprint(ours) != fmt.Sprint(theirs) {
			t.Errorf("we send\n%q\nnet/http sends\n%q", ours, theirs)
		}
	}
}

func seenHeaders(url string, h http.Header, names []string) string {
	for _, name := range names {
		if h.Get(name) != "" {
			url += " " + name
		}
	}
	return url
}

// TestNothingWaitsForAStoppedBody: a producer that is stopped does not fire its Deferred (Twisted's rule), and nothing is left
// that waits for it, in a client with redirects or credentials too.
func TestNothingWaitsForAStoppedBody(t *testing.T) {
	for name, make := range map[string]func(inner agent.Requester) agent.Requester{
		"an agent": func(inner agent.Requester) agent.Requester { return inner },
		"redirects": func(inner agent.Requester) agent.Requester {
			return agent.NewBrowserLikeRedirectAgent(inner, agent.RedirectConfig{})
		},
		"credentials": func(inner agent.Requester) agent.Requester {
			return agent.NewAuthAgent(inner, auth.Basic("u", "secret"))
		},
		"a Stack of a Stack": func(inner agent.Requester) agent.Requester {
			return agent.NewBrowserLikeRedirectAgent(agent.NewAuthAgent(inner, auth.Basic("u", "secret")), agent.RedirectConfig{})
		},
	} {
		for when, start := range map[string]func(p *producer){
			"later":            nil,
			"within its start": func(p *producer) { p.to.Write([]byte("too long")) },
		} {
			p := &producer{length: 3, open: true, start: start}
			t.Run(name+", "+when, func(t *testing.T) {
				census := deferred.OpenCensus()
				defer census.Close()
				r := memory.New()
				server := &memory.Recorder{}
				if _, err := r.ListenTCP("192.0.2.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return server })); err != nil {
					t.Fatal(err)
				}
				req := newRequest("POST", "http://192.0.2.1/")
				req.Body = p
				d := make(agent.New(r, agent.Config{})).Request(req)
				r.Pump()
				server.Transport.AbortConnection()
				r.Pump()
				deferredtest.FailureResultOf(t, d)
				p.wantTold(t, "stop")
				for _, w := range census.Waiting() {
					t.Error(w)
				}
			})
		}
	}
}
