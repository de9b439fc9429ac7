package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	treqrequest "github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// site returns a stub whose server answers with a description of the request. Some paths
// have other answers.
func site() *treqtesting.StubTreq {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s%s cookie=%q auth=%q type=%q length=%d close=%v %s", r.Method, r.Host, r.URL,
			r.Header.Get("Cookie"), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), r.ContentLength, r.Close, body)
	})
	mux.HandleFunc("/set/{name}/{value}", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: r.PathValue("name"), Value: r.PathValue("value"), Path: "/"})
	})
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes", Path: "/"})
		http.Redirect(w, r, r.FormValue("url"), http.StatusFound)
	})
	return treqtesting.NewHandlerStubTreq(mux, treqtesting.Config{})
}

func text(t *testing.T, d *deferred.Deferred[*response.Response]) string {
	t.Helper()
	return deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text))
}

func wantText(t *testing.T, d *deferred.Deferred[*response.Response], want string) {
	t.Helper()
	if got := text(t, d); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCookies(t *testing.T) {
	s := site()
	text(t, s.Get("http://a.example/set/a/1"))
	wantText(t, s.Get("http://a.example/"), `GET a.example/ cookie="a=1" auth="" type="" length=0 close=false `)
	wantText(t, s.Get("http://b.example/"), `GET b.example/ cookie="" auth="" type="" length=0 close=false `)
	wantText(t, s.Get("http://b.example/", client.Cookies{"b": "2", "c": "3"}), `GET b.example/ cookie="b=2; c=3" auth="" type="" length=0 close=false `)
	// The jar has the cookies of b.example now, for that origin.
	wantText(t, s.Get("http://b.example/"), `GET b.example/ cookie="b=2; c=3" auth="" type="" length=0 close=false `)
	wantText(t, s.Get("http://a.example/"), `GET a.example/ cookie="a=1" auth="" type="" length=0 close=false `)

	// A redirect to another host gets the cookies of that host, not those of the
	// first host.
	d := s.Get("http://a.example/to?url=http://b.example/x")
	resp := deferredtest.SuccessResultOf(t, d)
	wantText(t, deferred.Succeed(resp), `GET b.example/x cookie="b=2; c=3" auth="" type="" length=0 close=false `)
	if got, err := resp.Cookies().Get("seen"); got != "yes" {
		t.Errorf("got %q, %v", got, err)
	}
	if len(resp.History()) != 1 || resp.History()[0].Code != 302 {
		t.Errorf("history %v", resp.History())
	}

	// A jar of net/http replaces the client's jar.
	jar, _ := cookiejar.New(nil)
	resp = deferredtest.SuccessResultOf(t, s.Get("http://a.example/set/d/4", client.CookieJar(jar), client.Cookies{"e": "5"}))
	u := urls.MustParse("http://a.example/")
	if got := jar.Cookies(u); len(got) != 2 {
		t.Errorf("the jar has %v", got)
	}
	if got, err := resp.Cookies().Get("d"); got != "4" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := deferredtest.SuccessResultOf(t, s.Get("http://a.example/")).Cookies().Get("d"); err == nil {
		t.Error("the client's jar has the cookie too")
	}
}

// TestUserInURL checks that a user and password in the URL are Basic credentials for its
// origin, and for no other.
func TestUserInURL(t *testing.T) {
	s := site()
	const authorized = `auth="Basic bWU6cyBl"` // me:s e
	for _, c := range []struct {
		name, url string
		options   client.All
		want      string
	}{
		{"alone", "http://me:s%20e@a.example/", nil, authorized},
		{"without a password", "http://me@a.example/", nil, `auth="Basic bWU6"`},
		{"empty", "http://@a.example/", nil, `auth=""`},
		{"redirect to the same origin", "http://me:s%20e@a.example/to?url=/x", nil, authorized},
		{"redirect to another host", "http://me:s%20e@a.example/to?url=http://b.example/", nil, `auth=""`},
		{"redirect to another port", "http://me:s%20e@a.example/to?url=http://a.example:8080/", nil, `auth=""`},
		{"redirect to another scheme", "https://me:s%20e@a.example/to?url=http://a.example/", nil, `auth=""`},
		{"redirect to a URL with a user", "http://a.example/to?url=http://me:se@a.example/", nil, `auth=""`},
		{"and Auth", "http://me:s%20e@a.example/", client.All{client.BasicAuth("u", "p")}, `auth="Basic dTpw"`},
		{"and a header", "http://me:s%20e@a.example/", client.All{client.Headers{"Authorization": {"mine"}}}, `auth="mine"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text(t, s.Get(c.url, c.options...)); !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			u := urls.MustParse(c.url)
			if got := text(t, s.RequestURL("GET", u, c.options...)); !strings.Contains(got, c.want) {
				t.Errorf("by RequestURL: got %s, want %s", got, c.want)
			}
		})
	}
	for name, bad := range map[string]string{
		"control character": "http://me:s\u0001ecret@a.example/",
		"escaped one":       "http://me:secret%01@a.example/",
		"no host":           "http://me:secret@/",
		"bad scheme":        "gopher://me:secret@a.example/",
		"bad port":          "http://me:secret@a.example:99999/",
	} {
		if err := deferredtest.FailureResultOf(t, s.Get(bad)); strings.Contains(err.Error(), "ecret") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

// TestDecodingOptions checks that a request can bound the size of its decoded body.
func TestDecodingOptions(t *testing.T) {
	s := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		z.Write(make([]byte, 1000))
		z.Close()
	}), treqtesting.Config{})
	for _, c := range []struct {
		most int64
		want error
	}{{999, agent.ErrDecodedTooLarge}, {1000, nil}} {
		d := deferred.Then(s.Get("http://a.example/", client.Decoding(agent.DecoderConfig{MaxSize: c.most})), (*response.Response).Content)
		if c.want == nil {
			deferredtest.SuccessResultOf(t, d)
		} else if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, c.want) {
			t.Errorf("at most %d: got %v, want %v", c.most, err, c.want)
		}
	}
}

func TestAuth(t *testing.T) {
	s := site()
	const authorized = `auth="Basic dTpw"`
	for _, c := range []struct{ url, want string }{
		{"http://a.example/", authorized},
		{"http://a.example/to?url=/x", authorized},
		{"http://a.example/to?url=http://b.example/", `auth=""`},
		{"http://a.example/to?url=http://a.example:8080/", `auth=""`},
	} {
		if got := text(t, s.Get(c.url, client.BasicAuth("u", "p"))); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.url, got, c.want)
		}
	}
	err := deferredtest.FailureResultOf(t, s.Get("http://a.example/", client.BasicAuth("a:b", "p")))
	if !errors.Is(err, auth.ErrInvalid) || !errors.As(err, new(*agent.RequestError)) {
		t.Errorf("got %v", err)
	}
}

func TestRedirectOptions(t *testing.T) {
	s := site()
	const to = "http://a.example/to?url=/x"
	if resp := deferredtest.SuccessResultOf(t, s.Get(to, client.AllowRedirects(false))); resp.Code != 302 || resp.PreviousResponse != nil {
		t.Errorf("got %v", resp)
	}
	err := deferredtest.FailureResultOf(t, s.Post(to, client.Body("text")))
	if !errors.As(err, new(*agent.RedirectError)) {
		t.Errorf("got %v", err)
	}
	wantText(t, s.Post(to, client.Body("text"), client.BrowserLikeRedirects(true)),
		`GET a.example/x cookie="seen=yes" auth="" type="" length=0 close=false `)
}

func TestData(t *testing.T) {
	s := site()
	file, err := os.CreateTemp(t.TempDir(), "*.txt")
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString("of a file")
	file.Seek(0, io.SeekStart)
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name string
		data any
		want string
	}{
		{"bytes", []byte("text"), `type="" length=4 close=false text`},
		{"string", "text", `type="" length=4 close=false text`},
		{"nothing", nil, `type="" length=0 close=false `},
		{"reader of a known length", strings.NewReader("text"), `type="" length=4 close=false text`},
		{"reader", io.MultiReader(strings.NewReader("te"), strings.NewReader("xt")), `type="" length=-1 close=false text`},
		{"file", file, `type="" length=9 close=false of a file`},
		{"sized reader at", sizedAt{strings.NewReader("text")}, `type="" length=4 close=false text`},
		{"producer", treqrequest.Bytes("text"), `type="" length=4 close=false text`},
		{"values", url.Values{"b": {"1", "2"}, "a": {"&"}}, `type="` + form + `" length=13 close=false a=%26&b=1&b=2`},
		{"map", map[string]string{"b": "1", "a": "2"}, `type="` + form + `" length=7 close=false a=2&b=1`},
		{"pairs", treqrequest.Pairs{{"b", "1"}, {"a", "2"}}, `type="` + form + `" length=7 close=false b=1&a=2`},
		{"empty form", url.Values{}, `type="` + form + `" length=0 close=false `},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text(t, s.Post("http://a.example/", client.Data(c.data))); !strings.HasSuffix(got, " "+c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// sizedAt is an io.ReaderAt that is no io.Reader.
type sizedAt struct{ r *strings.Reader }

func (s sizedAt) ReadAt(p []byte, off int64) (int, error) { return s.r.ReadAt(p, off) }
func (s sizedAt) Size() int64                             { return s.r.Size() }

func TestFiles(t *testing.T) {
	var got string
	s := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
			return
		}
		f, h, err := r.FormFile("photo")
		if err != nil {
			t.Error(err)
			return
		}
		body, _ := io.ReadAll(f)
		got = fmt.Sprint(r.PostForm, h.Filename, h.Header.Get("Content-Type"), string(body))
	}), treqtesting.Config{})
	deferredtest.SuccessResultOf(t, s.Post("http://a.example/",
		client.Files{{Name: "photo", Value: multipart.FromReader("a.png", strings.NewReader("pixels"))}},
		client.Data(map[string]string{"title": "Ü"}), client.Headers{"Content-Type": {"text/plain"}}))
	if want := "map[title:[Ü]]a.pngimage/pngpixels"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOptionsRefused(t *testing.T) {
	files := client.Files{{Name: "a", Value: multipart.Text("b")}}
	for _, c := range []struct {
		options []client.Option
		is      error
		text    string
	}{
		{[]client.Option{client.JSON(1), client.Data("x")}, client.ErrOptionsConflict, "JSON and Data"},
		{[]client.Option{client.Data("x"), client.Body("y")}, client.ErrOptionsConflict, "Data and Body"},
		{[]client.Option{files, client.JSON(1)}, client.ErrOptionsConflict, "Files and JSON"},
		{[]client.Option{client.JSON(1), files}, client.ErrOptionsConflict, "JSON and Files"},
		{[]client.Option{files, client.Data("x")}, client.ErrOptionsConflict, "Files and Data"},
		{[]client.Option{client.Data(7)}, client.ErrOption, "a int is nothing"},
		{[]client.Option{client.JSON(func() {})}, client.ErrOption, "JSON: json: unsupported type"},
		{[]client.Option{client.Auth(nil)}, client.ErrOption, "Auth: nil"},
		{[]client.Option{client.CookieJar(nil)}, client.ErrOption, "CookieJar: nil"},
		{[]client.Option{client.Agent(nil)}, client.ErrOption, "Agent: nil"},
		{[]client.Option{client.Reactor(nil)}, client.ErrOption, "Reactor: nil"},
		{[]client.Option{client.Cookies{"a": "b\r\nC: d"}}, client.ErrOption, "Cookies:"},
		{[]client.Option{client.Auth((*auth.Digest)(nil))}, client.ErrOption, "Auth: a nil *auth.Digest"},
		{[]client.Option{client.CookieJar((*cookiejar.Jar)(nil))}, client.ErrOption, "CookieJar: a nil *cookiejar.Jar"},
		{[]client.Option{client.Agent((*agent.Agent)(nil))}, client.ErrOption, "Agent: a nil *agent.Agent"},
		{[]client.Option{client.Reactor((*memory.Reactor)(nil))}, client.ErrOption, "Reactor: a nil *memory.Reactor"},
		{[]client.Option{client.Informational(nil)}, client.ErrOption, "Informational: a nil func"},
		{[]client.Option{client.Data((*os.File)(nil))}, client.ErrOption, "Data: a nil *os.File"},
		{[]client.Option{client.Data((*bytes.Buffer)(nil))}, client.ErrOption, "Data: a nil *bytes.Buffer"},
		{[]client.Option{client.Data(struct{ io.ReaderAt }{})}, client.ErrOption, "is nothing that can be sent"},
		{[]client.Option{client.MaxSize(-1)}, client.ErrOption, "MaxSize(-1): negative"},
		{[]client.Option{client.SensitiveHeaders{"X-Key:"}}, client.ErrOption, `SensitiveHeaders: "X-Key:" is not the name of a header`},
		{[]client.Option{client.SensitiveHeaders{""}}, client.ErrOption, `SensitiveHeaders: ""`},
		{[]client.Option{client.Files{{Value: multipart.Text("b")}}}, client.ErrOption, "bad option: Files[0] has no name"},
		{[]client.Option{client.Data(map[string]string{"a": "b"}), client.Files{files[0], {Name: "c"}}}, client.ErrOption, `bad option: Files[1] "c": it has no value`},
		{[]client.Option{client.Data(map[string]string{"": "b"}), files}, client.ErrOption, "bad option: Data[0] has no name"},
		{[]client.Option{client.Data(map[string]string{"a\x00": "b"}), files}, client.ErrOption, `bad option: Data[0] "a\x00": its name is not UTF-8, or has NUL in it`},
		{[]client.Option{client.Files{{Name: "a", Value: multipart.FromPath("no/file")}}}, client.ErrOption, `bad option: Files[0] "a": its file cannot be sent: stat no/file: no such file`},
		{[]client.Option{client.Timeout(0)}, client.ErrOption, "Timeout(0s): not positive"},
		{[]client.Option{client.ReadTimeout(-1)}, client.ErrOption, "ReadTimeout(-1ns)"},
		{[]client.Option{client.TotalTimeout(0)}, client.ErrOption, "TotalTimeout(0s)"},
		{[]client.Option{client.ExpectContinue(0)}, client.ErrOption, "ExpectContinue(0s)"},
		{[]client.Option{client.All{client.Params{}, nil}}, client.ErrOption, "nil"},
	} {
		t.Run(c.text, func(t *testing.T) {
			err := deferredtest.FailureResultOf(t, site().Get("http://a.example/", c.options...))
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) || !strings.HasPrefix(err.Error(), "GET http://a.example/: ") {
				t.Errorf("got %v, want %s", err, c.text)
			}
		})
	}
}

func TestPersistent(t *testing.T) {
	s := site()
	for range 3 {
		wantText(t, s.Get("http://a.example/", client.Persistent(false)), `GET a.example/ cookie="" auth="" type="" length=0 close=true `)
	}
	if n := len(s.Reactor().TCPClients); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

func TestUnbuffered(t *testing.T) {
	s := site()
	resp := deferredtest.SuccessResultOf(t, s.Get("http://a.example/", client.Unbuffered(true)))
	n := 0
	count := func(data []byte) error { n += len(data); return nil }
	deferredtest.SuccessResultOf(t, resp.Collect(count))
	if err := deferredtest.FailureResultOf(t, resp.Collect(count)); !errors.Is(err, response.ErrBodyTaken) || n == 0 {
		t.Errorf("%d bytes, then %v", n, err)
	}
	resp = deferredtest.SuccessResultOf(t, s.Get("http://a.example/"))
	for range 2 {
		deferredtest.SuccessResultOf(t, resp.Collect(count))
	}
}

func TestRequestURL(t *testing.T) {
	s := site()
	u := &url.URL{Scheme: "http", Host: "bücher.example", Path: "/ü", RawQuery: "a b"}
	wantText(t, s.RequestURL("get", u, client.Params{"c": {"d"}}), `GET xn--bcher-kva.example/%C3%BC?a%20b&c=d cookie="" auth="" type="" length=0 close=false `)
	if u.Host != "bücher.example" || u.RawQuery != "a b" {
		t.Errorf("the URL was changed to %v", u)
	}
	if err := deferredtest.FailureResultOf(t, s.RequestURL("GET", nil)); !errors.Is(err, client.ErrURL) {
		t.Errorf("got %v", err)
	}
}

func TestReactorOption(t *testing.T) {
	clock := memory.New()
	c, s, r := newClient(t)
	d := c.Get("http://a.example/", client.Reactor(clock), client.Timeout(time.Second))
	r.Pump()
	clock.Advance(time.Second)
	r.Pump()
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, new(*deferred.TimeoutError)) || s.Conn(0).Lost == nil {
		t.Errorf("got %v", err)
	}
}

const head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

func TestReadTimeout(t *testing.T) {
	c, s, r := newClient(t)
	d := c.Get("http://a.example/", client.ReadTimeout(time.Second))
	r.Pump()
	r.RunFor(time.Minute) // waiting for the head does not count
	s.Conn(0).Send(head)
	r.RunFor(time.Minute) // nor does time without a reader
	content := deferredtest.SuccessResultOf(t, d).Content()
	for range 5 {
		r.RunFor(time.Second - 1)
		s.Conn(0).Send("x")
	}
	r.RunFor(time.Second - 1)
	deferredtest.NoResult(t, content)
	r.RunFor(1)
	if err := deferredtest.FailureResultOf(t, content); !errors.As(err, new(*deferred.TimeoutError)) {
		t.Errorf("got %v", err)
	}
	if s.Conn(0).Lost == nil {
		t.Error("the connection is still open")
	}
	if n := len(r.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left", n)
	}
}

// TestReadTimeoutPaused checks that time does not count while the reader has paused the
// body.
func TestReadTimeoutPaused(t *testing.T) {
	c, s, r := newClient(t)
	d := c.Get("http://a.example/", client.ReadTimeout(time.Second), client.Unbuffered(true))
	r.Pump()
	s.Conn(0).Send(head + "01234")
	p := new(bodytest.Reader)
	p.OnData = func(string) { p.PauseProducing() }
	if err := deferredtest.SuccessResultOf(t, d).DeliverBody(p); err != nil {
		t.Fatal(err)
	}
	r.RunFor(time.Hour)
	if p.Err() != nil {
		t.Fatalf("lost for %v while the reader had paused", p.Err())
	}
	p.ResumeProducing()
	s.Conn(0).Send("56789")
	if string(p.Got) != "0123456789" || p.Err() != response.ErrDone {
		t.Errorf("got %q, %v", p.Got, p.Err())
	}
	// A reader that does not pause gets the timeout.
	d = c.Get("http://a.example/", client.ReadTimeout(time.Second), client.Unbuffered(true))
	r.Pump()
	s.Conn(0).Send(head)
	p = new(bodytest.Reader)
	p.OnData = func(string) { p.PauseProducing() }
	deferredtest.SuccessResultOf(t, d).DeliverBody(p)
	r.RunFor(time.Second)
	if !errors.As(p.Err(), new(*deferred.TimeoutError)) {
		t.Errorf("lost for %v", p.Err())
	}
}

func TestTotalTimeout(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, s server, r runner, d *deferred.Deferred[*response.Response]) error
	}{
		{"before the head", func(t *testing.T, s server, r runner, d *deferred.Deferred[*response.Response]) error {
			r.RunFor(10 * time.Second)
			return deferredtest.FailureResultOf(t, d)
		}},
		{"in the body", func(t *testing.T, s server, r runner, d *deferred.Deferred[*response.Response]) error {
			r.RunFor(5 * time.Second)
			s.Conn(0).Send(head)
			content := deferredtest.SuccessResultOf(t, d).Content()
			for range 5 {
				deferredtest.NoResult(t, content)
				s.Conn(0).Send("x")
				r.RunFor(time.Second)
			}
			return deferredtest.FailureResultOf(t, content)
		}},
		{"nobody reads", func(t *testing.T, s server, r runner, d *deferred.Deferred[*response.Response]) error {
			s.Conn(0).Send(head)
			r.RunFor(10 * time.Second)
			return deferredtest.FailureResultOf(t, deferredtest.SuccessResultOf(t, d).Content())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, s, r := newClient(t)
			d := client.Get("http://a.example/", totalTimeout)
			r.Pump()
			if err := c.do(t, s, r, d); !errors.As(err, new(*deferred.TimeoutError)) || !strings.Contains(err.Error(), "10s") {
				t.Errorf("got %v", err)
			}
			if s.Conn(0).Lost == nil {
				t.Error("the connection is still open")
			}
			if n := len(r.DelayedCalls()); n != 0 {
				t.Errorf("%d delayed calls are left", n)
			}
		})
	}
	t.Run("in time", func(t *testing.T) {
		c, s, r := newClient(t)
		d := c.Get("http://a.example/", totalTimeout)
		r.Pump()
		s.Conn(0).Send(head + "0123456789")
		deferredtest.SuccessResultOf(t, d)
		if n := len(r.DelayedCalls()); n != 1 { // the pool's
			t.Errorf("%d delayed calls, want 1", n)
		}
	})
}

const totalTimeout = client.TotalTimeout(10 * time.Second)

type (
	server = *rawserver.Server
	runner = *memory.Reactor
)

// TestCookiesOfForeignJar checks that cookies for an https URL are not sent over http,
// even by a jar of net/http.
func TestCookiesOfForeignJar(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	deferredtest.SuccessResultOf(t, site().Get("https://a.example/x/y", client.CookieJar(jar), client.Cookies{"e": "5"}))
	for rawURL, want := range map[string]int{"https://a.example/": 1, "http://a.example/": 0, "https://b.example/": 0} {
		u := urls.MustParse(rawURL)
		if got := jar.Cookies(u); len(got) != want {
			t.Errorf("%s: got %v, want %d", rawURL, got, want)
		}
	}
}
