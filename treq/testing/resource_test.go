package testing_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has the cases of treq's own tests of StubTreq, with resources.

// teapot answers every request with a 418.
var teapot = web.RenderFunc(func(req *web.Request) {
	req.SetResponseCode(418)
	req.SetHeader("X-Teapot", "teapot!")
	req.WriteString("I'm a teapot")
})

// TestAnyRequest: the resource answers every kind of request, by every method of the
// client. The response to a HEAD has no body.
func TestAnyRequest(t *testing.T) { overBoth(t, testAnyRequest) }

func testAnyRequest(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewStubTreq(teapot, config)
	var c treq.Client = stub
	verbs := []struct {
		name string
		do   func(url string, options ...client.Option) *deferred.Deferred[*response.Response]
	}{
		{"GET", c.Get}, {"PUT", c.Put}, {"HEAD", c.Head}, {"PATCH", c.Patch},
		{"DELETE", c.Delete}, {"POST", c.Post}, {"OPTIONS", c.Options},
	}
	params := []client.All{nil, {client.Params{}}, {client.Params{"page": {"1"}}}}
	headers := []client.All{nil, {client.Headers{}}, {client.Headers{"x-random-header": {"value", "value2"}}}}
	data := []client.All{nil, {client.Body("")}, {client.Data("some data")}, {client.Data([]byte(`{"some": "json"}`))}}
	for _, verb := range verbs {
		for _, url := range []string{
			"http://supports-http.com",
			"https://supports-https.com",
			"http://this/has/a/path/and/invalid/domain/name",
			"https://supports-https.com:8080",
			"http://supports-http.com:8080",
		} {
			for _, p := range params {
				for _, h := range headers {
					for _, d := range data {
						for _, made := range []*deferred.Deferred[*response.Response]{
							c.Request(verb.name, url, p, h, d), verb.do(url, p, h, d),
						} {
							resp := deferredtest.SuccessResultOf(t, made)
							text := deferredtest.SuccessResultOf(t, resp.Text())
							want := "I'm a teapot"
							if verb.name == "HEAD" {
								want = ""
							}
							if resp.Code != 418 || resp.Header.Get("X-Teapot") != "teapot!" || text != want {
								t.Errorf("%s %s: %d %q %q", verb.name, url, resp.Code, resp.Header, text)
							}
						}
					}
				}
			}
		}
	}
}

// TestBadRequests: an invalid request fails, and the next one works.
func TestBadRequests(t *testing.T) { overBoth(t, testBadRequests) }

func testBadRequests(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewStubTreq(teapot, config)
	for _, test := range []struct {
		url  string
		data any
		want error
	}{
		{"x-unknown-1:", nil, agent.ErrSchemeNotSupported},
		{"x-unknown-1://host", nil, agent.ErrSchemeNotSupported},
		{"http://", nil, agent.ErrNoHost},
		{"http://url", struct{}{}, client.ErrOption},
		{"http://url", 5, client.ErrOption},
	} {
		if err := deferredtest.FailureResultOf(t, stub.Post(test.url, client.Data(test.data))); !errors.Is(err, test.want) {
			t.Errorf("%s with %v: got %v, want %v", test.url, test.data, err, test.want)
		}
		if code, _ := content(t, stub.Get("http://url.com")); code != 418 {
			t.Errorf("the next request: got %d", code)
		}
	}
}

// An openResource leaves its responses open, for the test to write.
type openResource struct {
	web.Leaf
	req *web.Request // the last one
}

func (o *openResource) Render(req *web.Request) {
	o.req = req
	req.NotDoneYet()
}

// TestCancelled: the client can cancel an unanswered request, and the server is notified.
func TestCancelled(t *testing.T) { overBoth(t, testCancelled) }

func testCancelled(t *testing.T, config treqtesting.Config) {
	server := &openResource{}
	stub := treqtesting.NewStubTreq(server, config)
	d := stub.Post("http://url", body("1234"))
	deferredtest.NoResult(t, d)
	gone := server.req.NotifyFinish()
	deferredtest.NoResult(t, gone)
	d.Cancel()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
		t.Errorf("got %v", err)
	}
	stub.Flush()
	deferredtest.FailureResultOf(t, gone)
}

// TestFinishedLater: a resource may finish a response after Render has returned.
func TestFinishedLater(t *testing.T) { overBoth(t, testFinishedLater) }

func testFinishedLater(t *testing.T, config treqtesting.Config) {
	server := &openResource{}
	stub := treqtesting.NewStubTreq(server, config)
	d := stub.Post("http://example.com/", body("1234"))
	deferredtest.NoResult(t, d)
	server.req.Finish()
	stub.Flush()
	if code, text := content(t, d); code != 200 || text != "" {
		t.Errorf("got %d %q", code, text)
	}
}

// TestThreeParts: a response written in parts arrives part by part, each after a Flush.
func TestThreeParts(t *testing.T) { overBoth(t, testThreeParts) }

func testThreeParts(t *testing.T, config treqtesting.Config) {
	for _, scheme := range []string{"http", "https"} {
		server := &openResource{}
		stub := treqtesting.NewStubTreq(server, with(config, true))
		d := stub.Get(scheme + "://example.com/")
		deferredtest.NoResult(t, d)

		var got []string
		var collected *deferred.Deferred[deferred.None]
		for i, part := range []string{"spam ", "eggs", "\r\nspam\r\n"} {
			server.req.WriteString(part)
			if len(got) != i {
				t.Errorf("%s: %q arrived before the flush", scheme, got)
			}
			stub.Flush()
			if i == 0 {
				collected = deferredtest.SuccessResultOf(t, d).Collect(func(data []byte) error {
					got = append(got, string(data))
					return nil
				})
			}
			deferredtest.NoResult(t, collected)
			if len(got) != i+1 || got[i] != part {
				t.Errorf("%s: after part %d: %q", scheme, i+1, got)
			}
		}
		server.req.Finish()
		deferredtest.NoResult(t, collected)
		stub.Flush()
		deferredtest.SuccessResultOf(t, collected)
	}
}

// TestThreePartsOfAHandler: an http.Handler can wait on the clock of the test.
func TestThreePartsOfAHandler(t *testing.T) { overBoth(t, testThreePartsOfAHandler) }

func testThreePartsOfAHandler(t *testing.T, config treqtesting.Config) {
	var stub *treqtesting.StubTreq
	stub = treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "part %d;", i)
			w.(http.Flusher).Flush()
			pause := deferred.New[deferred.None]()
			stub.Reactor().CallLater(time.Second, func() { pause.Callback(deferred.None{}) })
			web.Await(r.Context(), pause)
		}
	}), config)
	var got strings.Builder
	collected := deferredtest.SuccessResultOf(t, stub.Get("http://an.example")).Collect(func(data []byte) error {
		got.Write(data)
		return nil
	})
	for i, want := range []string{"part 0;", "part 0;part 1;", "part 0;part 1;part 2;"} {
		deferredtest.NoResult(t, collected)
		if got.String() != want {
			t.Errorf("after %d s: got %q, want %q", i, got.String(), want)
		}
		stub.Advance(time.Second)
	}
	deferredtest.SuccessResultOf(t, collected)
}

// TestAdvance: all timeouts, the client's and the server's, use the clock of the test.
func TestAdvance(t *testing.T) { overBoth(t, testAdvance) }

func testAdvance(t *testing.T, config treqtesting.Config) {
	server := &openResource{}
	stub := treqtesting.NewStubTreq(server, config)
	d := stub.Get("http://an.example", client.Timeout(10*time.Second))
	stub.Advance(10*time.Second - 1)
	deferredtest.NoResult(t, d)
	stub.Advance(1)
	var timeout *deferred.TimeoutError
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &timeout) {
		t.Errorf("got %v, want a timeout", err)
	}

	// An idle connection closes, and the next request makes another.
	stub = treqtesting.NewStubTreq(teapot, config)
	connections := func() int { return len(stub.Reactor().TCPClients) }
	for _, step := range []struct {
		idle time.Duration
		want int
	}{{0, 1}, {30 * time.Second, 1}, {2 * time.Minute, 2}} {
		stub.Advance(step.idle)
		deferredtest.SuccessResultOf(t, stub.Get("http://an.example"))
		if got := connections(); got != step.want {
			t.Errorf("after %v without a request: %d connections, want %d", step.idle, got, step.want)
		}
	}

	// Site sets the limits of the server.
	stub = treqtesting.NewStubTreq(teapot, config)
	stub.Site().MaxContent = 3
	if code, _ := content(t, stub.Post("http://an.example", body("1234"))); code != 413 {
		t.Errorf("4 bytes where 3 are allowed: got %d", code)
	}
}

// TestPanic: a panic of a resource, a handler or a responder results in a 500 and a line in
// the log, and the next request works.
func TestPanic(t *testing.T) { overBoth(t, testPanic) }

func testPanic(t *testing.T, config treqtesting.Config) {
	log := logtest.Capture(t)
	for _, test := range []struct {
		name string
		root web.Resource
	}{
		{"resource", web.RenderFunc(func(req *web.Request) {
			if req.Path == "/bad" {
				panic("boom")
			}
			req.WriteString("good")
		})},
		{"handler", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/bad" {
				panic("boom")
			}
			fmt.Fprint(w, "good")
		})}},
		{"responder", treqtesting.StringStubbingResource(treqtesting.ResponderFunc(func(req treqtesting.Received) treqtesting.Reply {
			if req.URL == "http://an.example/bad" {
				panic("boom")
			}
			return treqtesting.Reply{Body: "good"}
		}))},
	} {
		stub := treqtesting.NewStubTreq(test.root, config)
		for range 2 {
			log.Take()
			if code, _ := content(t, stub.Get("http://an.example/bad")); code != 500 {
				t.Errorf("%s: got %d", test.name, code)
			}
			if !strings.Contains(log.String(), "boom") || !strings.Contains(log.String(), "resource_test.go") {
				t.Errorf("%s: the log lacks the panic or its place: %s", test.name, log)
			}
			if code, text := content(t, stub.Get("http://an.example/good")); code != 200 || text != "good" {
				t.Errorf("%s: the next request: %d %q", test.name, code, text)
			}
		}
	}
}

// A sessionResource answers with the ID of the session.
type sessionResource struct {
	web.Leaf
	all []*web.Session // one for each request
}

func (s *sessionResource) Render(req *web.Request) {
	session := req.GetSession()
	s.all = append(s.all, session)
	req.WriteString(session.ID())
}

// TestSessions: a session lasts until it expires or times out, over http and https.
func TestSessions(t *testing.T) { overBoth(t, testSessions) }

func testSessions(t *testing.T, config treqtesting.Config) {
	for _, scheme := range []string{"http", "https"} {
		server := &sessionResource{}
		stub := treqtesting.NewStubTreq(server, config)
		id := func() string {
			t.Helper()
			_, text := content(t, stub.Get(scheme+"://example.com/"))
			return text
		}
		first := id()
		if second := id(); second != first {
			t.Errorf("%s: %s, then %s", scheme, first, second)
		}
		for _, s := range server.all {
			s.Expire()
		}
		third := id()
		if third == first {
			t.Errorf("%s: %s again after it expired", scheme, third)
		}
		if fourth := id(); fourth != third {
			t.Errorf("%s: %s, then %s", scheme, third, fourth)
		}
		stub.Advance(15 * time.Minute)
		if fifth := id(); fifth == third {
			t.Errorf("%s: %s again after it timed out", scheme, fifth)
		}
	}
}

// TestCookies: the cookies of a request are sent to its own origin only.
func TestCookies(t *testing.T) { overBoth(t, testCookies) }

func testCookies(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewStubTreq(web.RenderFunc(func(req *web.Request) {
		if !strings.Contains(req.URI, "redirected") {
			req.Redirect("https://example.org/redirected")
		}
		req.WriteString(req.Header.Get("Cookie"))
	}), config)
	for _, test := range []struct{ url, want string }{
		{"http://example.com/", ""},
		{"https://example.org/", "a=b"},
		{"http://example.org:8080/redirected", "a=b"},
		{"https://example.org:8443/redirected", "a=b"},
	} {
		stub := treqtesting.NewStubTreq(stub.Site().Root, config) // with its own jar
		if _, got := content(t, stub.Get(test.url, client.Cookies{"a": "b"})); got != test.want {
			t.Errorf("%s: got %q, want %q", test.url, got, test.want)
		}
	}
}

// TestFiles: unlike treq's, a StubTreq can send files.
func TestFiles(t *testing.T) { overBoth(t, testFiles) }

func testFiles(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, header, err := r.FormFile("photo")
		if err != nil {
			t.Error(err)
			return
		}
		var b bytes.Buffer
		b.ReadFrom(f)
		fmt.Fprintf(w, "%s %s: %d bytes, %s", header.Filename, header.Header.Get("Content-Type"), b.Len(), r.FormValue("title"))
	}), config)
	_, got := content(t, stub.Post("http://an.example",
		client.Files{{Name: "photo", Value: multipart.FromReader("a.png", strings.NewReader(large))}},
		client.Data(map[string]string{"title": "A photo"})))
	if want := "a.png image/png: 1048576 bytes, A photo"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSecure: a request to an https URL is secure, both with real TLS and without.
func TestSecure(t *testing.T) { overBoth(t, testSecure) }

func testSecure(t *testing.T, config treqtesting.Config) {
	root := &web.Node{}
	root.PutChild("resource", web.RenderFunc(func(req *web.Request) {
		fmt.Fprintf(req, "%v %s", req.IsSecure(), req.URLPath())
	}))
	root.PutChild("handler", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%v %s", r.TLS != nil && r.TLS.HandshakeComplete, r.Host)
	})})
	root.PutChild("redirect", web.Redirect("https://an.example/handler"))
	for _, realTLS := range []bool{false, true} {
		stub := treqtesting.NewStubTreq(root, with(config, realTLS))
		for range 2 { // on a new connection, then on the same one
			for _, test := range []struct{ url, want string }{
				{"http://an.example/resource", "false http://an.example/resource"},
				{"https://an.example/resource", "true https://an.example/resource"},
				{"https://other.example:8443/resource", "true https://other.example:8443/resource"},
				{"https://192.0.2.1/handler", "true 192.0.2.1"},
				{"https://192.0.2.2/handler", "true 192.0.2.2"},
				{"https://[2001:db8::1]/handler", "true [2001:db8::1]"},
				{"http://an.example/handler", "false an.example"},
				{"https://an.example/handler", "true an.example"},
				{"http://an.example/redirect", "true an.example"},
			} {
				if _, got := content(t, stub.Get(test.url)); got != test.want {
					t.Errorf("RealTLS %v: %s: got %q, want %q", realTLS, test.url, got, test.want)
				}
			}
		}
	}
}

// TestRealTLS: with real TLS, the bytes on the connection are encrypted.
func TestRealTLS(t *testing.T) { overBoth(t, testRealTLS) }

func testRealTLS(t *testing.T, config treqtesting.Config) {
	for _, realTLS := range []bool{false, true} {
		stub := treqtesting.NewStubTreq(teapot, with(config, realTLS))
		stub.Reactor().StartTrace()
		deferredtest.SuccessResultOf(t, stub.Post("https://an.example", body(large)))
		stub.Advance(10 * 365 * 24 * time.Hour) // the next connection checks the certificate again
		if _, got := content(t, stub.Get("https://an.example")); got != "I'm a teapot" {
			t.Errorf("got %q", got)
		}
		if readable := strings.Contains(stub.Reactor().Trace().String(), " HTTP/"); readable == realTLS {
			t.Errorf("RealTLS is %v, readable is %v:\n%s", realTLS, readable, stub.Reactor().Trace())
		}
	}
}

// TestStringStubbing: the responder receives the parts of the request, and the client the
// parts of the reply.
func TestStringStubbing(t *testing.T) { overBoth(t, testStringStubbing) }

func testStringStubbing(t *testing.T, config treqtesting.Config) {
	var got treqtesting.Received
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(treqtesting.ResponderFunc(func(req treqtesting.Received) treqtesting.Reply {
		got = req
		headers := http.Header{"x-response": {"four", "five"}, "X-RESPONSE": {"one"}, "X-Response": {"two"}, "X-response": {"three"}}
		return treqtesting.Reply{Code: 418, Headers: headers, Body: "response body"}
	})), config)
	resp := deferredtest.SuccessResultOf(t, stub.Delete("http://What:80/a/%7ething/", client.Headers{"x-header": {"eh", "ah"}},
		client.Params{"page": {"2", "1"}, "empty": {""}}, body("datastr")))
	if got.Method != "DELETE" || got.URL != "http://what/a/~thing/" || got.Data != "datastr" ||
		fmt.Sprint(got.Params) != "map[empty:[] page:[1 2]]" || fmt.Sprint(got.Headers["X-Header"]) != "[ah eh]" ||
		got.Headers.Get("Host") != "what" {
		t.Errorf("the request: %v", got)
	}
	text := deferredtest.SuccessResultOf(t, resp.Text())
	if resp.Code != 418 || fmt.Sprint(resp.Header["X-Response"]) != "[one two three four five]" || text != "response body" {
		t.Errorf("the response: %d %q %q", resp.Code, resp.Header, text)
	}
	// A form is data, not parameters.
	deferredtest.SuccessResultOf(t, stub.Post("http://what?a=b", client.Data(map[string]string{"c": "d"})))
	if fmt.Sprint(got.Params) != "map[a:[b]]" || got.Data != "c=d" {
		t.Errorf("the form: %v", got)
	}
}
