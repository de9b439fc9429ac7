package client_test

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	treqrequest "github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// configured returns a client with config and a server that answers each request with 200,
// except that /to/ redirects to the rest of the path.
func configured(t *testing.T, config client.Config) (*client.HTTPClient, *sentRequests) {
	deferred.FailOnUnhandled(t)
	r := memory.New()
	sent := &sentRequests{Reactor: r}
	s := rawserver.Listen(t, r, "80")
	s.Accept = func(c *rawserver.Conn) {
		c.Data = func(data []byte) {
			head := string(data)
			sent.heads = append(sent.heads, head)
			if _, to, ok := strings.Cut(strings.Fields(head)[1], "/to/"); ok {
				c.Write([]byte("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://" + to + "\r\n\r\n"))
				return
			}
			c.Write([]byte(okHello))
		}
	}
	return client.New(r, config), sent
}

// sentRequests are the requests that a server got.
type sentRequests struct {
	*memory.Reactor
	heads []string
}

// of returns the one request that was sent by d.
func (s *sentRequests) of(t *testing.T, d *deferred.Deferred[*response.Response]) *http.Request {
	t.Helper()
	s.heads = nil
	s.Pump()
	deferredtest.SuccessResultOf(t, d)
	if len(s.heads) == 0 {
		t.Fatal("nothing was sent")
	}
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(s.heads[len(s.heads)-1])))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestBaseURL resolves URLs of requests by RFC 3986, section 5.4, and by what programs write.
func TestBaseURL(t *testing.T) {
	rfc := "http://a.example/b/c/d;p?q"
	for _, test := range []struct{ base, url, want string }{
		{rfc, "g", "http://a.example/b/c/g"},
		{rfc, "./g", "http://a.example/b/c/g"},
		{rfc, "g/", "http://a.example/b/c/g/"},
		{rfc, "/g", "http://a.example/g"},
		{rfc, "//g", "http://g/"},
		{rfc, "?y", "http://a.example/b/c/d;p?y"},
		{rfc, "g?y", "http://a.example/b/c/g?y"},
		{rfc, "#s", "http://a.example/b/c/d;p?q"},
		{rfc, "g?y#s", "http://a.example/b/c/g?y"},
		{rfc, ";x", "http://a.example/b/c/;x"},
		{rfc, "", "http://a.example/b/c/d;p?q"},
		{rfc, ".", "http://a.example/b/c/"},
		{rfc, "..", "http://a.example/b/"},
		{rfc, "../g", "http://a.example/b/g"},
		{rfc, "../../../g", "http://a.example/g"},
		{rfc, "g;x=1/../y", "http://a.example/b/c/y"},
		{rfc, "g?y/../x", "http://a.example/b/c/g?y/../x"},
		{rfc, "1:2", "http://a.example/b/c/1:2"},
		{rfc, "./g:h", "http://a.example/b/c/g:h"},

		{"http://a.example", "users", "http://a.example/users"},
		{"http://a.example", "", "http://a.example/"},
		{"http://a.example/v1/", "users", "http://a.example/v1/users"},
		{"http://a.example/v1", "users", "http://a.example/users"},
		{"http://a.example/v1/", "users/é?ü=1", "http://a.example/v1/users/%C3%A9?%C3%BC=1"},
		{"http://a.example/v%2F1/é/", "a%2Fb/{c}", "http://a.example/v%2F1/%C3%A9/a%2Fb/%7Bc%7D"},
		{"HTTP://A.example:80/v1/#part", "users", "http://A.example:80/v1/users"},
		{"http://bücher.example/", "a", "http://xn--bcher-kva.example/a"},
		{"http://a.example/v1/", "http://b.example/x/../y", "http://b.example/x/../y"},
		{"http://a.example/v1/", "HTTP://b.example/x", "http://b.example/x"},
	} {
		c, sent := configured(t, client.Config{BaseURL: test.base})
		want := urls.MustParse(test.want)
		requests := map[string]request{"Get": get(test.url), "again": get(test.url)}
		if u, err := url.Parse(test.url); err == nil {
			requests["RequestURL"] = func(c *client.HTTPClient) *deferred.Deferred[*response.Response] { return c.RequestURL("GET", u) }
		}
		for name, request := range requests {
			got := sent.of(t, request(c))
			if !strings.EqualFold(got.Host, strings.TrimSuffix(want.Host, ":80")) || got.RequestURI != want.RequestURI() {
				t.Errorf("%s: %s from %s: got %s%s, want %s", name, test.url, test.base, got.Host, got.RequestURI, test.want)
			}
		}
	}
}

// TestBadBaseURL: each request fails with the reason, whatever its URL.
func TestBadBaseURL(t *testing.T) {
	for base, want := range map[string]string{
		"an.example":                 `BaseURL: "an.example" has no scheme: http://an.example?`,
		"/v1":                        `BaseURL: "/v1" has no scheme and no host`,
		"ftp://an.example/":          `BaseURL: the scheme of the URL is not supported: "ftp"`,
		"http://":                    "BaseURL: the URL names no host",
		"http:an.example":            "BaseURL: http: is not followed by //",
		"http://an.example:x/":       "BaseURL: the URL has an invalid port",
		"http://me:secret@an ex\x7f": "BaseURL: ",
	} {
		c, sent := configured(t, client.Config{BaseURL: base})
		body := &closer{Reader: strings.NewReader("body")}
		for name, d := range map[string]*deferred.Deferred[*response.Response]{
			"relative":   c.Get("/a", client.Data(body)),
			"absolute":   c.Get("http://an.example/a"),
			"RequestURL": c.RequestURL("GET", urls.MustParse("http://an.example/a")),
		} {
			err := deferredtest.FailureResultOf(t, d)
			var failed *agent.RequestError
			if !errors.Is(err, client.ErrURL) || !errors.As(err, &failed) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q, %s: got %v, want %s", base, name, err, want)
			}
		}
		if len(sent.heads) != 0 || body.closed != 1 {
			t.Errorf("%q: sent %q, the body was closed %d times", base, sent.heads, body.closed)
		}
	}
}

// TestURLsWithABaseURL: a URL that cannot be resolved.
func TestURLsWithABaseURL(t *testing.T) {
	c, _ := configured(t, client.Config{BaseURL: "http://an.example/v1/"})
	for rawURL, want := range map[string]string{
		"documents:batch": `a relative URL whose first segment has a colon begins with "./"`,
		"mailto:me@x":     `begins with "./"`,
		"ftp://x/":        "the scheme of the URL is not supported",
		"//":              "the URL names no host",
		"//x:99999/":      "port 99999 is above 65535",
	} {
		err := deferredtest.FailureResultOf(t, c.Get(rawURL))
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "BaseURL:") {
			t.Errorf("%q: got %v, want %s", rawURL, err, want)
		}
	}
}

// TestDefaults: an option of a request replaces a default for the same thing, and nothing else.
func TestDefaults(t *testing.T) {
	defaults := []client.Option{
		client.Headers{"A": {"1"}, "B": {"2"}}, client.Params{"a": {"1"}, "b": {"2"}}, client.BasicAuth("u", "p"),
		client.Cookies{"c": "1", "d": "2"}, client.Persistent(false),
	}
	c, sent := configured(t, client.Config{BaseURL: "http://a.example/", Defaults: defaults, NewJar: func() http.CookieJar { return &cookies.Jar{} }})
	for range 2 { // the first request changes nothing for the second
		got := sent.of(t, c.Get("x", client.Headers{"a": {"3"}}, client.Params{"b": {"4"}}, client.Cookies{"c": "5"}, client.BasicAuth("v", "q"), client.Persistent(true)))
		user, password, _ := got.BasicAuth()
		if got.RequestURI != "/x?a=1&b=4" || got.Header.Get("A") != "3" || got.Header.Get("B") != "2" || user+password != "vq" ||
			got.Header.Get("Cookie") != "c=5; d=2" || got.Close {
			t.Errorf("with options: %s %v", got.RequestURI, got.Header)
		}
		got = sent.of(t, c.Get("x"))
		user, password, _ = got.BasicAuth()
		if got.RequestURI != "/x?a=1&b=2" || got.Header.Get("A") != "1" || got.Header.Get("B") != "2" || user+password != "up" ||
			got.Header.Get("Cookie") != "c=1; d=2" || !got.Close {
			t.Errorf("without options: %s %v", got.RequestURI, got.Header)
		}
	}
}

// TestBadDefaults: each request fails, and a body in the defaults is released.
func TestBadDefaults(t *testing.T) {
	file := &closer{Reader: strings.NewReader("")}
	for name, test := range map[string]struct {
		option client.Option
		want   string
	}{
		"Body":    {client.Body("x"), "Defaults: bad option: Body: a default cannot make a body"},
		"JSON":    {client.JSON(1), "Defaults: bad option: JSON: a default cannot make a body"},
		"Data":    {client.Data(file), "Defaults: bad option: Data: a default cannot make a body"},
		"a form":  {client.Data(map[string]string{"a": "b"}), "Defaults: bad option: Data: a default cannot make a body"},
		"Files":   {client.Files{{Name: "a", Value: multipart.Text("b")}}, "Defaults: bad option: Files: a default cannot make a body"},
		"in All":  {client.All{client.Persistent(true), client.Body("x")}, "Defaults: bad option: Body: a default cannot make a body"},
		"nil":     {nil, "Defaults: bad option: nil"},
		"Timeout": {client.Timeout(-1), "Defaults: bad option: Timeout(-1ns): not positive"},
	} {
		c, sent := configured(t, client.Config{Defaults: []client.Option{test.option}})
		for range 2 {
			err := deferredtest.FailureResultOf(t, c.Get("http://a.example/"))
			if !errors.Is(err, client.ErrOption) || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("%s: got %v, want %s", name, err, test.want)
			}
		}
		if len(sent.heads) != 0 {
			t.Errorf("%s: sent %q", name, sent.heads)
		}
	}
	if file.closed != 1 {
		t.Errorf("the file was closed %d times", file.closed)
	}
}

// TestDefaultsWithSecrets: secrets among the defaults stay with the origin of the BaseURL.
func TestDefaultsWithSecrets(t *testing.T) {
	defaults := []client.Option{
		client.BasicAuth("u", "p"), client.Cookies{"c": "1"}, client.SensitiveHeaders{"X-Token"},
		client.Headers{"Authorization": {"Bearer t"}, "Host": {"front.example"}, "X-Token": {"t"}, "X-Key": {"k"}, "X-Api-Key": {"k"}, "X-Open": {"o"}},
		client.Params{"access_token": {"t"}, "page": {"2"}},
	}
	secrets := []string{"Authorization", "Cookie", "X-Token", "X-Key", "X-Api-Key"}
	redirects := agent.RedirectConfig{SensitiveHeaders: []string{"x-key"}}
	for _, test := range []struct {
		base, url string
		secret    bool
	}{
		{"http://a.example/v1/", "x", true},
		{"http://a.example/v1/", "http://A.example.:80/", true},
		{"http://a.example/v1/", "http://b.example/", false},
		{"http://a.example/v1/", "//b.example/", false},
		{"http://b.example@a.example/v1/", "//b.example:80/", false},
		{"http://a.example/v1/", "\\\\b.example/", true},
		{"http://a.example/v1/", "/\\b.example/", true},
		{"http://a.example/v1/", ":80/x", true},
		{"http://a.example/v1/", "///b.example/", true},
		{"http://a.example/v1/", "/.//b.example/", true},
		{"http://a.example/v1/", "/%2e%2e//b.example/", true},
		{"http://a.example/v1/", "/to/b.example/", false},
		{"", "http://b.example/", true},
	} {
		c, sent := configured(t, client.Config{BaseURL: test.base, Defaults: defaults, Redirects: redirects})
		got := sent.of(t, c.Get(test.url))
		for _, name := range secrets {
			if (got.Header.Get(name) != "") != test.secret {
				t.Errorf("%s from %q: %s: %q", test.url, test.base, name, got.Header.Get(name))
			}
		}
		if (got.Host == "front.example") != test.secret || got.Header.Get("X-Open") != "o" {
			t.Errorf("%s from %q: Host %s, header %v", test.url, test.base, got.Host, got.Header)
		}
		if redirected := strings.Contains(test.url, "/to/"); !redirected && (got.FormValue("access_token") != "") != test.secret || !redirected && got.FormValue("page") != "2" {
			t.Errorf("%s from %q: %s", test.url, test.base, got.RequestURI)
		}
		if test.secret {
			continue
		}
		got = sent.of(t, c.Get("http://b.example/", client.BasicAuth("v", "q"), client.Headers{"X-Token": {"mine"}}))
		if user, _, _ := got.BasicAuth(); user != "v" || got.Header.Get("X-Token") != "mine" || got.Header.Get("X-Key") != "" {
			t.Errorf("options of the request: %v", got.Header)
		}
	}
	// The user of the BaseURL goes to its origin only.
	c, sent := configured(t, client.Config{BaseURL: "http://u:p@a.example/"})
	if user, password, _ := sent.of(t, c.Get("x")).BasicAuth(); user+password != "up" {
		t.Errorf("the user of the BaseURL: %q %q", user, password)
	}
	for _, rawURL := range []string{"//b.example/", "http://b.example/", "/to/b.example/"} {
		if _, _, ok := sent.of(t, c.Get(rawURL)).BasicAuth(); ok {
			t.Errorf("%s got the user of the BaseURL", rawURL)
		}
	}
}

// TestUserAgent: the default, another one, and none.
func TestUserAgent(t *testing.T) {
	none := client.Headers{"User-Agent": {}}
	for name, test := range map[string]struct {
		config  client.Config
		options []client.Option
		want    string // "" for none
	}{
		"default":                       {client.Config{}, nil, "gotreq/" + client.Version},
		"of the config":                 {client.Config{UserAgent: "me/1"}, nil, "me/1"},
		"of the request":                {client.Config{UserAgent: "me/1"}, []client.Option{client.Headers{"user-agent": {"you/2"}}}, "you/2"},
		"of the defaults":               {client.Config{UserAgent: "me/1", Defaults: []client.Option{client.Headers{"User-agent": {"we/3"}}}}, nil, "we/3"},
		"left out by the request":       {client.Config{UserAgent: "me/1"}, []client.Option{none}, ""},
		"left out by the request, nil":  {client.Config{}, []client.Option{client.Headers{"USER-AGENT": nil}}, ""},
		"left out by the defaults":      {client.Config{Defaults: []client.Option{none}}, nil, ""},
		"put back by the request":       {client.Config{Defaults: []client.Option{none}}, []client.Option{client.Headers{"User-Agent": {"x"}}}, "x"},
		"with another header":           {client.Config{}, []client.Option{client.Headers{"A": {"b"}}}, "gotreq/" + client.Version},
		"left out, with another header": {client.Config{}, []client.Option{client.Headers{"A": {"b"}}, none}, ""},
	} {
		for _, path := range []string{"x", "to/b.example/x", "to/a.example/to/b.example/"} {
			c, sent := configured(t, test.config)
			got := sent.of(t, c.Get("http://a.example/"+path, test.options...))
			values := got.Header["User-Agent"]
			if strings.Join(values, "|") != test.want || len(values) != min(1, len(test.want)) {
				t.Errorf("%s, %s: got %q, want %q", name, path, values, test.want)
			}
		}
	}
	c, _ := configured(t, client.Config{UserAgent: "me\r\nX: y"})
	if err := deferredtest.FailureResultOf(t, c.Get("http://a.example/")); !strings.Contains(err.Error(), "User-Agent") {
		t.Errorf("a User-Agent of two lines: %v", err)
	}
}

// TestUserAgentThroughAgents: an agent that clones requests keeps the User-Agent.
func TestUserAgentThroughAgents(t *testing.T) {
	r := memory.New()
	server := rawserver.Listen(t, r, "80")
	inner := agent.New(r, agent.Config{})
	c := client.New(r, client.Config{UserAgent: "me/1", Agent: requesterFunc(func(req *treqrequest.Request) *deferred.Deferred[*response.Response] {
		req = req.Clone()
		req.Header.Set("X-Trace", "1")
		return inner.Request(req)
	})})
	d := c.Get("http://a.example/")
	r.Pump()
	got := server.Conn(0).Got()
	server.Conn(0).Send(okHello)
	deferredtest.SuccessResultOf(t, d)
	if !strings.Contains(got, "\r\nUser-Agent: me/1\r\nX-Trace: 1\r\n") {
		t.Errorf("sent %q", got)
	}
}

// TestUserAgentThroughARoundTripper: package net/http sends the User-Agent, or none.
func TestUserAgentThroughARoundTripper(t *testing.T) {
	agents := make(chan []string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { agents <- req.Header["User-Agent"] }))
	defer server.Close()
	r := background.Loop(t, nil)
	for want, options := range map[string][]client.Option{
		"gotreq/" + client.Version: nil,
		"you/2":                    {client.Headers{"User-Agent": {"you/2"}}},
		"":                         {client.Headers{"User-Agent": {}}},
	} {
		_, err := reactor.BlockingCallFromThread(t.Context(), r, func() *deferred.Deferred[[]byte] {
			c := client.New(r, client.Config{Agent: agent.FromRoundTripper(r, server.Client().Transport)})
			return deferred.Then(c.Get(server.URL, options...), (*response.Response).Content)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(<-agents, "|"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestAgentConfig: the client's own agent works as AgentConfig says.
func TestAgentConfig(t *testing.T) {
	r := memory.New()
	server := rawserver.Listen(t, r, "80")
	server.Respond(okHello)
	for name, test := range map[string]struct {
		config agent.Config
		conns  int // for two requests
	}{
		"none":            {agent.Config{}, 1},
		"a local address": {agent.Config{LocalAddress: "127.0.0.9:0"}, 1},
		"a pool":          {agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{DisablePersistent: true})}, 2},
	} {
		before := len(server.Conns)
		c := client.New(r, client.Config{AgentConfig: test.config})
		for range 2 {
			d := c.Get("http://a.example/")
			r.Pump()
			deferredtest.SuccessResultOf(t, d)
		}
		if got := len(server.Conns) - before; got != test.conns {
			t.Errorf("%s: %d connections, want %d", name, got, test.conns)
		}
		local := server.Conns[before].Peer().String()
		if want := test.config.LocalAddress != ""; strings.HasPrefix(local, "127.0.0.9:") != want {
			t.Errorf("%s: connected from %s", name, local)
		}
	}
	defer func() {
		if v := recover(); v == nil || !strings.Contains(v.(string), "AgentConfig") {
			t.Errorf("with an Agent: panic %v", v)
		}
	}()
	client.New(r, client.Config{Agent: agent.New(r, agent.Config{}), AgentConfig: agent.Config{LocalAddress: "x"}})
}
