package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	treqrequest "github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestTheLastOptionWins checks that an option replaces an earlier option for the same
// thing, and nothing else. A program can thus put its defaults first.
func TestTheLastOptionWins(t *testing.T) {
	const url = "http://a.example/?u=0"
	const host = "Host: a.example\n"
	form := func(name, value string) client.Option { return client.Data(map[string]string{name: value}) }
	for name, test := range map[string]struct {
		options []client.Option
		want    string
	}{
		"Params":                   {[]client.Option{client.Params{"a": {"1", "2"}, "b": {"3"}}, client.Params{"a": {"4"}}}, "GET /?u=0&b=3&a=4 HTTP/1.1\n" + host + "\n"},
		"Params of the URL's name": {[]client.Option{client.Params{"u": {"1"}}}, "GET /?u=0&u=1 HTTP/1.1\n" + host + "\n"},
		"ParamList":                {[]client.Option{client.ParamsOf(map[string]any{"a": 1, "b": 2}), client.ParamList{{"b", "3"}, {"b", "4"}}}, "GET /?u=0&a=1&b=3&b=4 HTTP/1.1\n" + host + "\n"},
		"Headers":                  {[]client.Option{client.Headers{"A": {"1"}, "B": {"2"}}, client.Headers{"a": {"3", "4"}}}, "GET /?u=0 HTTP/1.1\n" + host + "A: 3\nA: 4\nB: 2\n\n"},
		"Headers without values":   {[]client.Option{client.Headers{"A": {"1"}, "B": {"2"}}, client.Headers{"a": nil}}, "GET /?u=0 HTTP/1.1\n" + host + "B: 2\n\n"},
		"Auth":                     {[]client.Option{client.BasicAuth("a", "b"), client.BasicAuth("u", "p")}, "GET /?u=0 HTTP/1.1\n" + host + "Authorization: Basic dTpw\n\n"},
		"Cookies":                  {[]client.Option{client.Cookies{"a": "1", "b": "2"}, client.Cookies{"a": "3"}}, "GET /?u=0 HTTP/1.1\n" + host + "Cookie: a=3; b=2\n\n"},
		"Persistent":               {[]client.Option{client.Persistent(false), client.Persistent(true)}, "GET /?u=0 HTTP/1.1\n" + host + "\n"},
		"Body":                     {[]client.Option{client.Body("one"), client.Body("two")}, "GET /?u=0 HTTP/1.1\n" + host + "Content-Length: 3\n\ntwo"},
		"JSON":                     {[]client.Option{client.JSON(1), client.JSON(22)}, "GET /?u=0 HTTP/1.1\n" + host + "Content-Length: 2\nContent-Type: application/json; charset=UTF-8\n\n22"},
		"Data":                     {[]client.Option{client.Data("text"), form("a", "b")}, "GET /?u=0 HTTP/1.1\n" + host + "Content-Length: 3\nContent-Type: application/x-www-form-urlencoded\n\na=b"},
		"Data, a form first":       {[]client.Option{form("a", "b"), client.Data("text")}, "GET /?u=0 HTTP/1.1\n" + host + "Content-Length: 4\n\ntext"},
		"Data, nil":                {[]client.Option{client.Data("text"), client.Data(nil)}, "GET /?u=0 HTTP/1.1\n" + host + "\n"},
		"within All":               {[]client.Option{client.All{client.Headers{"A": {"1"}}, client.Persistent(false)}, client.Headers{"A": {"2"}}, client.Persistent(true)}, "GET /?u=0 HTTP/1.1\n" + host + "A: 2\n\n"},
		"ExpectContinue":           {[]client.Option{client.ExpectContinue(time.Hour), client.ExpectContinue(1), client.Body("x")}, "GET /?u=0 HTTP/1.1\n" + host + "Content-Length: 1\nExpect: 100-continue\n\nx"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s, r := newClient(t)
			d := c.Get(url, test.options...)
			r.RunFor(2) // the end of the second ExpectContinue
			if got := strings.NewReplacer("\r\n", "\n", "Accept-Encoding: gzip,deflate,br,zstd\r\n", "", "User-Agent: "+client.DefaultUserAgent+"\r\n", "").Replace(s.Conn(0).Got()); got != test.want {
				t.Errorf("sent\n%q, want\n%q", got, test.want)
			}
			s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			deferredtest.SuccessResultOf(t, d)
		})
	}
}

// TestTheLastOfTheOthersWins checks the agent, the jar, the decoding and the kind of
// redirects.
func TestTheLastOfTheOthersWins(t *testing.T) {
	c, s, r := newClient(t)
	unused, _ := cookiejar.New(nil)
	jar, _ := cookiejar.New(nil)
	s.Respond("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /b\r\nSet-Cookie: a=1\r\n\r\n")
	d := c.Post("http://a.example/",
		client.Agent(refusing{}), client.Agent(agent.New(r, agent.Config{})),
		client.CookieJar(unused), client.CookieJar(jar),
		client.AllowRedirects(true), client.BrowserLikeRedirects(true), client.AllowRedirects(false),
		client.Decoding(agent.DecoderConfig{}), client.Decoding(agent.DecoderConfig{Decoders: []agent.Decoder{agent.BrotliDecoder}}))
	r.Pump()
	resp := deferredtest.SuccessResultOf(t, d)
	if resp.Code != 302 || len(jar.Cookies(resp.Request.URL)) != 1 || len(unused.Cookies(resp.Request.URL)) != 0 || resp.Jar != http.CookieJar(jar) {
		t.Errorf("got %v, jars %v and %v", resp, unused, jar)
	}
	if got := s.Conn(0).Got(); !strings.Contains(got, "Accept-Encoding: br\r\n") {
		t.Errorf("sent %q", got)
	}
}

type refusing struct{}

func (refusing) Request(*treqrequest.Request) *deferred.Deferred[*response.Response] {
	panic("not the last agent")
}

// A closer is a reader that counts the calls of Close.
type closer struct {
	io.Reader
	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

// TestABodyThatIsNotSentIsReleased checks that a file is closed if another option
// replaces it, or if another option of the request is bad.
func TestABodyThatIsNotSentIsReleased(t *testing.T) {
	for name, options := range map[string]func(body, file client.Option) []client.Option{
		"replaced":                 func(body, file client.Option) []client.Option { return []client.Option{body, client.Data("x")} },
		"replaced by nil":          func(body, file client.Option) []client.Option { return []client.Option{body, client.Data(nil)} },
		"files replaced":           func(body, file client.Option) []client.Option { return []client.Option{file, textFile} },
		"a bad option":             func(body, file client.Option) []client.Option { return []client.Option{body, client.Timeout(0)} },
		"after a bad option":       func(body, file client.Option) []client.Option { return []client.Option{client.Timeout(0), body} },
		"files after a bad option": func(body, file client.Option) []client.Option { return []client.Option{client.Timeout(0), file} },
		"a conflict":               func(body, file client.Option) []client.Option { return []client.Option{client.JSON(1), body} },
		"files in conflict":        func(body, file client.Option) []client.Option { return []client.Option{client.JSON(1), file} },
		"body and files":           func(body, file client.Option) []client.Option { return []client.Option{textFile, body} },
		"bad cookies": func(body, file client.Option) []client.Option {
			return []client.Option{body, client.Cookies{"a": "b\r\nc"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, r := newClient(t)
			body, file := &closer{Reader: strings.NewReader("body")}, &closer{Reader: strings.NewReader("file")}
			given := options(client.Data(body), client.Files{{Name: "f", Value: multipart.FromReader("f", file)}})
			d := c.Post("http://a.example/", given...)
			r.Pump()
			if body.closed+file.closed != 1 {
				t.Errorf("closed %d and %d times", body.closed, file.closed)
			}
			d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
			d.Cancel()
		})
	}
}

// TestABodyForABadURLIsReleased checks that the body is released if the URL or a header is
// bad: no agent gets the request.
func TestABodyForABadURLIsReleased(t *testing.T) {
	for name, send := range map[string]func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response]{
		"no scheme": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.Post("a.example", body)
		},
		"no URL": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.Post("", body)
		},
		"no host": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.Post("http://", body)
		},
		"a bad host": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.Post("http://%zz/", body)
		},
		"a bad port": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.Post("http://a:x/", body)
		},
		"gopher": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.Post("gopher://a/", body)
		},
		"a nil URL": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.RequestURL("POST", nil, body)
		},
		"an empty URL": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.RequestURL("POST", &url.URL{}, body)
		},
		"an opaque URL": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.RequestURL("POST", &url.URL{Scheme: "http", Opaque: "a"}, body)
		},
		"a bad header": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.Post("http://a.example/", body, client.Headers{"A": {"\r\n"}})
		},
		"a bad URL, and credentials": func(c *client.HTTPClient, body client.Option) *deferred.Deferred[*response.Response] {
			return c.Post("http://", body, client.BasicAuth("u", "p"))
		},
	} {
		for kind, body := range map[string]func(f *closer) client.Option{
			"Data":  func(f *closer) client.Option { return client.Data(f) },
			"Files": func(f *closer) client.Option { return client.Files{{Name: "f", Value: multipart.FromReader("f", f)}} },
			"All":   func(f *closer) client.Option { return client.All{client.Data(f)} },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				c, _, _ := newClient(t)
				f := &closer{Reader: strings.NewReader("body")}
				deferredtest.FailureResultOf(t, send(c, body(f)))
				if f.closed != 1 {
					t.Errorf("closed %d times", f.closed)
				}
			})
		}
	}
}

var textFile = client.Files{{Name: "f", Value: multipart.Text("text")}}

// TestErrorsNameTheRequest checks that the error of an agent from outside the module
// names the request too.
func TestErrorsNameTheRequest(t *testing.T) {
	c, _, _ := newClient(t)
	err := deferredtest.FailureResultOf(t, c.Get("http://a.example/", client.Agent(broken{})))
	if !errors.Is(err, io.ErrNoProgress) || !strings.HasPrefix(err.Error(), "GET http://a.example/: ") {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

func (broken) Request(*treqrequest.Request) *deferred.Deferred[*response.Response] {
	return deferred.Fail[*response.Response](io.ErrNoProgress)
}

// TestNewJar checks that each request has a new jar, and that the client has none.
func TestNewJar(t *testing.T) {
	r := memory.New()
	s := rawserver.Listen(t, r, "80")
	s.Respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\n\r\n")
	made := 0
	c := client.New(r, client.Config{NewJar: func() http.CookieJar { made++; return &cookies.Jar{Now: r.Now} }})
	for i := range 2 {
		d := c.Get("http://a.example/", client.Cookies{"b": "2"})
		r.Pump()
		resp := deferredtest.SuccessResultOf(t, d)
		if got, err := resp.Cookies().Get("a"); got != "1" || err != nil || made != i+1 {
			t.Errorf("request %d: cookie %q, %v, of %d jars", i, got, err, made)
		}
	}
	if got := s.Conn(0).Got(); strings.Contains(got, "a=1") || strings.Count(got, "Cookie: b=2") != 2 {
		t.Errorf("the requests are %q", got)
	}
	if c.Jar() != nil {
		t.Errorf("the client has the jar %v", c.Jar())
	}
}
