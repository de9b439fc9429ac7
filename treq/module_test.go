package treq_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// The short names are the same type, so that a program may mix them.
var _, _ *deferred.Deferred[*response.Response] = (*treq.Deferred)(nil), (*response.Deferred)(nil)

// TestModuleSharesConnections: requests on one reactor share connections. Requests that are
// not persistent, or on another reactor, do not.
func TestModuleSharesConnections(t *testing.T) {
	deferred.FailOnUnhandled(t)
	const reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	get := func(r *memory.Reactor, options ...treq.Option) {
		t.Helper()
		d := treq.Get("http://a.example/", append(options, treq.Reactor(r))...)
		r.Pump()
		deferredtest.SuccessResultOf(t, d)
	}
	r, other := memory.New(), memory.New()
	s, apart := rawserver.Listen(t, r, "80"), rawserver.Listen(t, other, "80")
	s.Respond(reply)
	apart.Respond(reply)
	get(r)
	get(r)
	if len(s.Conns) != 1 {
		t.Errorf("two requests took %d connections", len(s.Conns))
	}
	get(r, treq.Persistent(false))
	get(r)
	if len(s.Conns) != 2 {
		t.Errorf("four requests, one not persistent, took %d connections, want 2", len(s.Conns))
	}
	get(other)
	if len(s.Conns) != 2 || len(apart.Conns) != 1 {
		t.Errorf("a request on another reactor took %d connections here, %d there", len(s.Conns)-2, len(apart.Conns))
	}
	get(r, treq.Agent(agent.New(r, agent.Config{}))) // without a pool
	if len(s.Conns) != 3 {
		t.Errorf("a request by another agent took %d connections, want 1", len(s.Conns)-2)
	}
}

// TestModuleKeepsNoCookies: a request does not send the cookies that an earlier response
// set.
func TestModuleKeepsNoCookies(t *testing.T) {
	r := memory.New()
	s := rawserver.Listen(t, r, "80")
	s.Respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\n\r\n")
	for range 2 {
		d := treq.Get("http://a.example/", treq.Reactor(r))
		r.Pump()
		if got, err := deferredtest.SuccessResultOf(t, d).Cookies().Get("a"); got != "1" {
			t.Errorf("the response has the cookie %q, %v", got, err)
		}
	}
	if got := s.Conn(0).Got(); strings.Contains(got, "Cookie") {
		t.Errorf("a cookie was sent:\n%s", got)
	}
}

// An echo is an agent that answers without a network. The body is the method and the URL.
type echo struct{ last *request.Request }

func (e *echo) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	e.last = req
	r, body := bodytest.New(200)
	r.Request = req
	body.SendAll(req.Method + " " + req.URL.String())
	return deferred.Succeed(r)
}

// TestModuleMethods: each function uses its method, and passes its options on.
func TestModuleMethods(t *testing.T) {
	u := urls.MustParse("http://a.example/x")
	type result = *deferred.Deferred[*response.Response]
	for want, request := range map[string]func(...treq.Option) result{
		"GET http://a.example/x?a=b":     func(o ...treq.Option) result { return treq.Get(u.String(), o...) },
		"HEAD http://a.example/x?a=b":    func(o ...treq.Option) result { return treq.Head(u.String(), o...) },
		"POST http://a.example/x?a=b":    func(o ...treq.Option) result { return treq.Post(u.String(), o...) },
		"PUT http://a.example/x?a=b":     func(o ...treq.Option) result { return treq.Put(u.String(), o...) },
		"PATCH http://a.example/x?a=b":   func(o ...treq.Option) result { return treq.Patch(u.String(), o...) },
		"DELETE http://a.example/x?a=b":  func(o ...treq.Option) result { return treq.Delete(u.String(), o...) },
		"OPTIONS http://a.example/x?a=b": func(o ...treq.Option) result { return treq.Options(u.String(), o...) },
		"FROB http://a.example/x?a=b":    func(o ...treq.Option) result { return treq.Request("frob", u.String(), o...) },
		"TRACE http://a.example/x?a=b":   func(o ...treq.Option) result { return treq.RequestURL("TRACE", u, o...) },
	} {
		e := &echo{}
		d := request(treq.Agent(e), treq.Params{"a": {"b"}}, treq.Headers{"X": {"y"}}, client.BasicAuth("u", "p"))
		text := deferredtest.SuccessResultOf(t, deferred.Then(d, func(r *response.Response) *deferred.Deferred[string] {
			return treq.TextContent(r, "utf-8")
		}))
		if text != want || e.last.Header.Get("X") != "y" || e.last.Header.Get("Authorization") != "Basic dTpw" {
			t.Errorf("requested %s with %v, want %s", text, e.last.Header, want)
		}
	}
}

// TestModuleKeepsNoReactor: the module's clients do not keep their reactors from collection.
func TestModuleKeepsNoReactor(t *testing.T) {
	const reactors = 50
	var freed garbage.Count
	for range reactors {
		func() {
			r := memory.New()
			s := rawserver.Listen(t, r, "80")
			s.Respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			garbage.Watch(&freed, r)
			d := treq.Get("http://a.example/", treq.Reactor(r))
			r.Pump()
			deferredtest.SuccessResultOf(t, d)
			r.Stop()
			r.Close()
		}()
	}
	if n := freed.Collect(); n < reactors-1 { // one may still be on the stack
		t.Errorf("%d of %d reactors were not collected", reactors-n, reactors)
	}
}

// TestModuleOnManyReactors: requests on several reactors share nothing, so each goroutine
// may have its own reactor. The race detector finds shared data.
func TestModuleOnManyReactors(t *testing.T) {
	var goroutines sync.WaitGroup
	for range 4 {
		goroutines.Go(func() {
			r := memory.New()
			s := rawserver.Listen(t, r, "80")
			s.Respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			for range 3 {
				treq.Get("http://a.example/", treq.All{treq.Timeout(time.Second), treq.Reactor(r)}).
					AddErrback(func(err error) (*response.Response, error) { t.Error(err); return nil, nil })
				r.Pump()
			}
			if len(s.Conns) != 1 {
				t.Errorf("%d connections", len(s.Conns))
			}
		})
	}
	goroutines.Wait()
}

// TestModuleClock: a request uses the clock and the randomness of its reactor.
func TestModuleClock(t *testing.T) {
	upload := func() (string, *cookies.Jar) {
		r := memory.New()
		r.Advance(40 * 365 * 24 * time.Hour) // in the system's time, the cookie has expired
		s := rawserver.Listen(t, r, "80")
		s.Respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1; Expires=" + r.Now().Add(time.Hour).Format(http.TimeFormat) + "\r\n\r\n")
		d := treq.Post("http://a.example/", treq.Reactor(r), treq.Files{{Name: "a", Value: multipart.Text("b")}})
		r.Pump()
		return s.Conn(0).Got(), deferredtest.SuccessResultOf(t, d).Jar.(*cookies.Jar)
	}
	first, jar := upload()
	second, _ := upload()
	if first != second || !strings.Contains(first, "boundary=") {
		t.Errorf("sent\n%s\nand\n%s", first, second)
	}
	if jar.Len() != 1 {
		t.Errorf("the jar has %d cookies", jar.Len())
	}
}

// TestClientFunc: each method of a ClientFunc calls the function, with its method and what it was given.
func TestClientFunc(t *testing.T) {
	var got string
	var given []treq.Option
	answer := deferred.New[*response.Response]()
	var c treq.Client = treq.ClientFunc(func(method, url string, options ...treq.Option) *treq.Deferred {
		got, given = method+" "+url, options
		return answer
	})
	request := func(url string, options ...treq.Option) *treq.Deferred { return c.Request("odd", url, options...) }
	for want, call := range map[string]func(url string, options ...treq.Option) *treq.Deferred{
		"odd": request, "GET": c.Get, "HEAD": c.Head, "POST": c.Post, "PUT": c.Put, "PATCH": c.Patch, "DELETE": c.Delete, "OPTIONS": c.Options,
	} {
		d := call("http://an.example", treq.Timeout(1), treq.MaxSize(2))
		if got != want+" http://an.example" || d != answer || len(given) != 2 || given[0] != treq.Timeout(1) {
			t.Errorf("%s: called with %s and %v", want, got, given)
		}
	}
}
