package client_test

import (
	"errors"
	"math"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	treqrequest "github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

const okHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// newClient returns a client and a server that gets all of its requests, whatever their
// host.
func newClient(t *testing.T) (*client.HTTPClient, *rawserver.Server, *memory.Reactor) {
	deferred.FailOnUnhandled(t)
	r := memory.New()
	pool := agent.NewPool(r, agent.PoolConfig{})
	s := rawserver.Listen(t, r, "80")
	t.Cleanup(func() {
		pool.CloseCachedConnections()
		r.Pump()
		s.WantNothingLeft()
	})
	return client.New(r, client.Config{Agent: agent.New(r, agent.Config{Pool: pool})}), s, r
}

type request func(c *client.HTTPClient) *deferred.Deferred[*response.Response]

// get returns a GET of rawURL with options.
func get(rawURL string, options ...client.Option) request {
	return func(c *client.HTTPClient) *deferred.Deferred[*response.Response] { return c.Get(rawURL, options...) }
}

// post returns a POST with options.
func post(options ...client.Option) request {
	return func(c *client.HTTPClient) *deferred.Deferred[*response.Response] {
		return c.Post("http://a.example/", options...)
	}
}

// TestRequests checks the bytes that the server gets for each option and method. In this
// table line ends are written as LF.
func TestRequests(t *testing.T) {
	type d = *deferred.Deferred[*response.Response]
	const host = "Host: a.example\n"
	url := "http://a.example/"
	tests := []struct {
		name    string
		request request
		want    string
	}{
		{"Get", func(c *client.HTTPClient) d { return c.Get(url) }, "GET / HTTP/1.1\n" + host + "\n"},
		{"Post", func(c *client.HTTPClient) d { return c.Post(url) }, "POST / HTTP/1.1\n" + host + "Content-Length: 0\n\n"},
		{"Put", func(c *client.HTTPClient) d { return c.Put(url) }, "PUT / HTTP/1.1\n" + host + "Content-Length: 0\n\n"},
		{"Patch", func(c *client.HTTPClient) d { return c.Patch(url) }, "PATCH / HTTP/1.1\n" + host + "Content-Length: 0\n\n"},
		{"Delete", func(c *client.HTTPClient) d { return c.Delete(url) }, "DELETE / HTTP/1.1\n" + host + "\n"},
		{"Request", func(c *client.HTTPClient) d { return c.Request("OPTIONS", url) }, "OPTIONS / HTTP/1.1\n" + host + "\n"},
		{"Request, in lower case", func(c *client.HTTPClient) d { return c.Request("get", url) }, "GET / HTTP/1.1\n" + host + "\n"},

		{"Params", get(url, client.Params{"b": {"1", "2"}, "a": {"&= é+"}}), "GET /?a=%26%3D+%C3%A9%2B&b=1&b=2 HTTP/1.1\n" + host + "\n"},
		{"Params, empty", get(url, client.Params{}), "GET / HTTP/1.1\n" + host + "\n"},
		{"Params after those of the URL", get(url+"?x=%7e;y", client.Params{"a": {"b"}}), "GET /?x=%7e;y&a=b HTTP/1.1\n" + host + "\n"},
		{"Params twice", get(url, client.Params{"b": {""}}, client.Params{"a": {"c"}}), "GET /?b=&a=c HTTP/1.1\n" + host + "\n"},
		{"Params before the fragment", get(url+"#f", client.Params{"a": {"b"}}), "GET /?a=b HTTP/1.1\n" + host + "\n"},

		{"ParamsOf single and many", get(url, client.ParamsOf(map[string]any{"foo": []string{"bar", "baz"}, "bax": "quux"})), "GET /?bax=quux&foo=bar&foo=baz HTTP/1.1\n" + host + "\n"},
		{"ParamsOf values that are not texts", get(url, client.ParamsOf(map[string]any{"a": 1, "b": []any{2.5, true, "x"}, "c": []byte("y"), "d": []int{}})), "GET /?a=1&b=2.5&b=true&b=x&c=y HTTP/1.1\n" + host + "\n"},
		{"ParamsOf a map of texts", get(url, client.ParamsOf(map[string]string{"b": "1", "a": "2"})), "GET /?a=2&b=1 HTTP/1.1\n" + host + "\n"},
		{"ParamsOf a list", get(url, client.ParamsOf([][2]string{{"b", "1"}, {"a", "2"}})), "GET /?b=1&a=2 HTTP/1.1\n" + host + "\n"},
		{"Data single and many", post(client.Data(map[string]any{"foo": []string{"bar", "baz"}, "bax": 7})),
			"POST / HTTP/1.1\n" + host + "Content-Length: 21\nContent-Type: application/x-www-form-urlencoded\n\nbax=7&foo=bar&foo=baz"},

		{"Headers", get(url, client.Headers{"x-b": {"1", "2"}, "ACCEPT": {"*/*"}}), "GET / HTTP/1.1\n" + host + "Accept: */*\nX-B: 1\nX-B: 2\n\n"},
		{"Headers twice", get(url, client.Headers{"A": {"1"}, "B": {"3"}}, client.Headers{"a": {"2"}}), "GET / HTTP/1.1\n" + host + "A: 2\nB: 3\n\n"},
		{"Headers that differ in case", get(url, client.Headers{"a-b": {"3"}, "A-b": {"2"}, "A-B": {"1"}}), "GET / HTTP/1.1\n" + host + "A-B: 1\nA-B: 2\nA-B: 3\n\n"},
		{"Headers with a Host", get(url, client.Headers{"host": {"b.example"}}), "GET / HTTP/1.1\nHost: b.example\n\n"},

		{"Body", post(client.Body("text")), "POST / HTTP/1.1\n" + host + "Content-Length: 4\n\ntext"},
		{"Body, empty", post(client.Body(nil)), "POST / HTTP/1.1\n" + host + "Content-Length: 0\n\n"},
		{"Body of a GET", get(url, client.Body("text")), "GET / HTTP/1.1\n" + host + "Content-Length: 4\n\ntext"},

		{"JSON", post(client.JSON(map[string]any{"b": []int{1, 2}, "a": nil})),
			"POST / HTTP/1.1\n" + host + "Content-Length: 20\nContent-Type: application/json; charset=UTF-8\n\n" + `{"a":null,"b":[1,2]}`},
		{"JSON with markup", post(client.JSON(map[string]string{"<a>": "b & c > d"})),
			"POST / HTTP/1.1\n" + host + "Content-Length: 19\nContent-Type: application/json; charset=UTF-8\n\n" + `{"<a>":"b & c > d"}`},
		{"JSON of a string that ends a line", post(client.JSON("a\n")),
			"POST / HTTP/1.1\n" + host + "Content-Length: 5\nContent-Type: application/json; charset=UTF-8\n\n" + `"a\n"`},
		{"JSON of nothing", post(client.JSON(nil)),
			"POST / HTTP/1.1\n" + host + "Content-Length: 4\nContent-Type: application/json; charset=UTF-8\n\nnull"},
		{"JSON with its own type", post(client.Headers{"content-type": {"application/vnd.api+json"}}, client.JSON(1)),
			"POST / HTTP/1.1\n" + host + "Content-Length: 1\nContent-Type: application/vnd.api+json\n\n1"},

		{"Timeout", get(url, client.Timeout(time.Second)), "GET / HTTP/1.1\n" + host + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, s, r := newClient(t)
			d := test.request(c)
			r.Pump()
			got, accepts := cutLine(strings.ReplaceAll(s.Conn(0).Got(), "\r\n", "\n"), "Accept-Encoding: gzip,deflate,br,zstd\n")
			got, named := cutLine(got, "User-Agent: "+client.DefaultUserAgent+"\n")
			if got != test.want || !accepts || !named {
				t.Errorf("the server got\n%q\nwant\n%q", got, test.want)
			}
			s.Conn(0).Send(okHello)
			text := deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text))
			if text != "hello" {
				t.Errorf("got %q", text)
			}
		})
	}
	t.Run("Head", func(t *testing.T) {
		c, s, r := newClient(t)
		d := c.Head(url)
		r.Pump()
		if got := s.Conn(0).Got(); got != "HEAD / HTTP/1.1\r\nHost: a.example\r\nAccept-Encoding: gzip,deflate,br,zstd\r\nUser-Agent: "+client.DefaultUserAgent+"\r\n\r\n" {
			t.Errorf("got %q", got)
		}
		s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
		if text := deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text)); text != "" {
			t.Errorf("got %q", text)
		}
	})
}

// TestExpectContinue checks that the client sends the body when the server asks for it,
// or after a second.
func TestExpectContinue(t *testing.T) {
	for name, ask := range map[string]func(s *rawserver.Server, r *memory.Reactor){
		"asked": func(s *rawserver.Server, _ *memory.Reactor) { s.Conn(0).Send("HTTP/1.1 100 Continue\r\n\r\n") },
		"later": func(_ *rawserver.Server, r *memory.Reactor) { r.RunFor(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			c, s, r := newClient(t)
			d := c.Post("http://a.example/", client.Body("text"), client.ExpectContinue(time.Second))
			r.RunFor(time.Second - 1)
			if got := s.Conn(0).Got(); !strings.Contains(got, "\r\nExpect: 100-continue\r\n") || !strings.HasSuffix(got, "\r\n\r\n") {
				t.Errorf("before it asks, the server got %q", got)
			}
			ask(s, r)
			if got := s.Conn(0).Got(); got != "text" {
				t.Errorf("after that the server got %q", got)
			}
			s.Conn(0).Send(okHello)
			if text := deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text)); text != "hello" {
				t.Errorf("got %q", text)
			}
		})
	}
}

// TestNotARequest has requests that are not sent.
func TestNotARequest(t *testing.T) {
	tests := []struct {
		name    string
		request request
		is      error
		says    string
	}{
		{"an empty URL", get(""), agent.ErrSchemeNotSupported, "GET: empty URL"},
		{"a relative URL", get("/a"), agent.ErrSchemeNotSupported, `GET /a: "/a" has no scheme and no host`},
		{"no scheme", get("127.0.0.1/x"), agent.ErrSchemeNotSupported, `GET 127.0.0.1/x: "127.0.0.1/x" has no scheme: http://127.0.0.1/x?`},
		{"no scheme, but a password", get("user:secret@a.example"), client.ErrURL, "GET user:xxxxx@a.example: user: is not followed by //"},
		{"nothing but a password", get("secret@a.example:x"), client.ErrURL, "GET xxxxx@a.example:x: "},
		{"an address without brackets", get("http://::1/"), client.ErrURL, "GET http://::1/: an IPv6 address stands in brackets: http://[::1]/"},
		{"a bad URL", get("http://user:secret@%zz.example/"), client.ErrURL, `"%zz"`},
		{"a bad port", get("http://user:secret@a.example:port/"), client.ErrURL, "port"},
		{"a port above 65535", get("http://user:secret@a.example:65536/"), agent.ErrPort, "port 65536 is above 65535"},
		{"a scheme alone", get("http://"), agent.ErrNoHost, "GET http://: the URL names no host"},
		{"a scheme and a query", get("http://?q"), agent.ErrNoHost, "GET http://?q: the URL names no host"},
		{"a parsed scheme alone", func(c *client.HTTPClient) *deferred.Deferred[*response.Response] {
			return c.RequestURL("GET", &url.URL{Scheme: "http"})
		}, agent.ErrNoHost, "GET http://: the URL names no host"},
		{"a URL of two lines", get("http://a.example/\nb"), client.ErrURL, `GET http://a.example/\nb: `},
		{"a method of two lines", func(c *client.HTTPClient) *deferred.Deferred[*response.Response] {
			return c.Request("G\r\n", "http://a.example/")
		}, nil, `G\r\n http://a.example/: `},
		{"no method", func(c *client.HTTPClient) *deferred.Deferred[*response.Response] {
			return c.Request("", "http://a.example/")
		}, nil, `"" http://a.example/: `},
		{"another scheme", get("gopher://user:secret@a.example/"), agent.ErrSchemeNotSupported, "gopher"},
		{"two bodies", post(client.Body("a"), client.JSON(1)), client.ErrOptionsConflict, "Body and JSON"},
		{"invalid params", get("http://a.example/", client.ParamsOf(7)), client.ErrOption, "ParamsOf: a int"},
		{"an invalid param", get("http://a.example/", client.ParamsOf(map[string]any{"a": map[string]int{}})), client.ErrOption, `of "a"`},
		{"an invalid list of params", get("http://a.example/", client.ParamsOf(map[string]any{"a": [][]string{{"b"}, {"c", "d"}}})), client.ErrOption, `of "a"`},
		{"invalid data", post(client.Data(7)), client.ErrOption, "Data: a int"},
		{"an invalid field", post(client.Data(map[string]any{"a": nil})), client.ErrOption, `of "a"`},
		{"invalid JSON", post(client.JSON(math.NaN())), nil, "JSON"},
		{"an invalid timeout", get("http://a.example/", client.Timeout(0)), nil, "Timeout(0s)"},
		{"a nil option", get("http://a.example/", nil), nil, "nil"},
		{"a header of two lines", get("http://a.example/", client.Headers{"A": {"b\r\nC: d"}}), nil, "header"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, s, _ := newClient(t)
			err := deferredtest.FailureResultOf(t, test.request(c))
			t.Log(err)
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v, want %v", err, test.is)
			}
			var of *agent.RequestError
			if !errors.As(err, &of) {
				t.Errorf("%v is not a RequestError", err)
			}
			if text := err.Error(); !strings.Contains(text, test.says) || strings.Contains(text, "secret") {
				t.Errorf("got %s, want %s and no password", text, test.says)
			}
			if len(s.Conns) != 0 {
				t.Errorf("%d connections", len(s.Conns))
			}
		})
	}
}

// TestTimeout checks that the timeout covers every stage until the head of the response,
// and ends the stage under way.
func TestTimeout(t *testing.T) {
	stages := map[string]func(c *client.HTTPClient, s *rawserver.Server, r *memory.Reactor){
		"connecting": func(_ *client.HTTPClient, _ *rawserver.Server, r *memory.Reactor) { r.HoldConnects() },
		"waiting":    nil,
		"in the head": func(_ *client.HTTPClient, s *rawserver.Server, _ *memory.Reactor) {
			s.Respond("HTTP/1.1 200 OK\r\n")
		},
	}
	for name, prepare := range stages {
		t.Run(name, func(t *testing.T) {
			c, s, r := newClient(t)
			if prepare != nil {
				prepare(c, s, r)
			}
			d := c.Get("http://a.example/", client.Timeout(5*time.Second))
			r.RunFor(5*time.Second - 1)
			deferredtest.NoResult(t, d)
			r.RunFor(1)
			err := deferredtest.FailureResultOf(t, d)
			var timeout *deferred.TimeoutError
			var of *agent.RequestError
			if !errors.As(err, &timeout) || timeout.After != 5*time.Second || !errors.As(err, &of) || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			if s.Open() != 0 {
				t.Error("the connection is open")
			}
		})
	}
	t.Run("not the body", func(t *testing.T) {
		c, s, r := newClient(t)
		d := c.Get("http://a.example/", client.Timeout(5*time.Second))
		r.Pump()
		s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
		resp := deferredtest.SuccessResultOf(t, d)
		if calls := r.DelayedCalls(); len(calls) != 0 {
			t.Errorf("%d delayed calls are left", len(calls))
		}
		r.RunFor(time.Hour)
		s.Conn(0).Send("hello")
		if got := deferredtest.SuccessResultOf(t, resp.Text()); got != "hello" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("with a request that is refused", func(t *testing.T) {
		c, _, _ := newClient(t)
		deferredtest.FailureResultOf(t, c.Get("ftp://a.example/", client.Timeout(5*time.Second)))
	})
}

// TestBuffered checks that the body of a response can be read more than once.
func TestBuffered(t *testing.T) {
	c, s, r := newClient(t)
	d := c.Get("http://a.example/")
	r.Pump()
	s.Conn(0).Send(okHello)
	resp := deferredtest.SuccessResultOf(t, d)
	for range 2 {
		var got []byte
		deferredtest.SuccessResultOf(t, resp.Collect(func(data []byte) error {
			got = append(got, data...)
			return nil
		}))
		if string(got) != "hello" {
			t.Errorf("got %q", got)
		}
	}
}

// TestCancel checks that cancelling a request closes its connection.
func TestCancel(t *testing.T) {
	c, s, r := newClient(t)
	d := c.Get("http://a.example/", client.Timeout(time.Second))
	r.Pump()
	d.Cancel()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
		t.Error(err)
	}
	r.Pump()
	if s.Open() != 0 {
		t.Error("the connection is open")
	}
}

// cutLine returns text without line, and whether text had the line exactly once.
func cutLine(text, line string) (rest string, once bool) {
	return strings.Replace(text, line, "", 1), strings.Count(text, line) == 1
}

// TestDataToBodyProducer checks that the function makes the body from the values it
// accepts, and that Data makes the others.
func TestDataToBodyProducer(t *testing.T) {
	type words []string
	made := func(data any) (treqrequest.BodyProducer, bool) {
		w, ok := data.(words)
		return treqrequest.Bytes(strings.Join(w, " ")), ok
	}
	_, s, r := newClient(t)
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{}), DataToBodyProducer: made})
	for _, test := range []struct {
		data any
		want string
	}{{words{"a", "b"}, "a b"}, {"text", "text"}, {map[string]string{"c": "d"}, "c=d"}} {
		d := c.Post("http://a.example/", client.Data(test.data))
		r.Pump()
		conn := s.Conn(len(s.Conns) - 1)
		if got := conn.Got(); !strings.HasSuffix(got, "\r\n\r\n"+test.want) {
			t.Errorf("%v: sent %q, want %q at its end", test.data, got, test.want)
		}
		conn.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		deferredtest.SuccessResultOf(t, d)
	}
}

// TestWithJar checks that the client uses the Jar of its Config.
func TestWithJar(t *testing.T) {
	_, s, r := newClient(t)
	jar := &cookies.Jar{}
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{}), Jar: jar})
	d := c.Get("http://a.example/", client.Cookies{"b": "2"})
	r.Pump()
	s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\n\r\n")
	deferredtest.SuccessResultOf(t, d)
	if got := jar.Map(); c.Jar() != jar || got["a"] != "1" || got["b"] != "2" {
		t.Errorf("the jar has %v", got)
	}
}

// TestURLIsTheUsers checks that a program may change the URL of an old request, or a URL
// that it passed, without an effect on the next request.
func TestURLIsTheUsers(t *testing.T) {
	c, s, r := newClient(t)
	u := urls.MustParse("http://a.example/foo")
	for i, ask := range []func() *deferred.Deferred[*response.Response]{
		func() *deferred.Deferred[*response.Response] { return c.Get("http://a.example/foo") },
		func() *deferred.Deferred[*response.Response] { return c.RequestURL("GET", u) },
		func() *deferred.Deferred[*response.Response] { return c.RequestURL("GET", u) },
		func() *deferred.Deferred[*response.Response] { return c.Get("http://a.example/foo") },
	} {
		s.Respond(okHello)
		d := ask()
		r.Pump()
		if got, _, _ := strings.Cut(s.Conn(0).Got(), "\r\n"); got != "GET /foo HTTP/1.1" {
			t.Errorf("request %d is %q", i, got)
		}
		deferredtest.SuccessResultOf(t, d).Request.URL.Path = "/changed"
	}
}
