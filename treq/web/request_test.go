package web_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// post returns a POST request.
func post(headers, content string) string {
	return "POST /x?a=1&b=2 HTTP/1.1\r\nHost: x\r\n" + headers + "Content-Length: " + itoa(len(content)) + "\r\n\r\n" + content
}

func TestArgs(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) { fmt.Fprint(req, req.Args) })
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	const parts = "Content-Type: multipart/form-data; boundary=xx\r\n"
	for _, test := range []struct{ name, request, want string }{
		{"none", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "map[]"},
		{"query", "GET /?a=1&a=&b=%20&c HTTP/1.1\r\nHost: x\r\n\r\n", "map[a:[1 ] b:[ ] c:[]]"},
		{"query with an invalid escape", "GET /?a=1&b=%zz&c=3 HTTP/1.1\r\nHost: x\r\n\r\n", "map[a:[1] b:[%zz] c:[3]]"},
		{"query with semicolons", "GET /?delete=all;confirm=yes&+=%+ HTTP/1.1\r\nHost: x\r\n\r\n", "map[ :[% ] delete:[all;confirm=yes]]"},
		{"form", post(form, "a=5&c=6"), "map[a:[5] b:[2] c:[6]]"},
		{"form with what is not strict", post(form, "a=1;2&&=x&c=100%&d"), "map[:[x] a:[1;2] b:[2] c:[100%] d:[]]"},
		{"form with a charset", post(strings.Replace(form, "\r\n", "; charset=utf-8\r\n", 1), "c=6"), "map[a:[1] b:[2] c:[6]]"},
		{"multipart", post(parts, "--xx\r\nContent-Disposition: form-data; name=c\r\n\r\nfield\r\n--xx\r\n"+
			"Content-Disposition: form-data; name=d; filename=f\r\n\r\nfile\r\n--xx--\r\n"), "map[a:[1] b:[2] c:[field] d:[file]]"},
		{"multipart with an odd boundary and disposition", post("Content-Type: multipart/form-data; boundary=x=/:?(x y\r\n", "--x=/:?(x y\r\n"+
			"Content-Disposition: form-data; name=\"c\"; filename=\"f\\\"\r\n\r\n1\r\n--x=/:?(x y\r\n\r\n2\r\n--x=/:?(x y--"), "map[:[2] a:[1] b:[2] c:[1]]"},
		{"multipart without a boundary", post("Content-Type: multipart/form-data\r\n", "--xx--\r\n"), ""},
		{"multipart without its last boundary", post(parts, "--xx\r\nContent-Disposition: form-data; name=c\r\n\r\nfield\r\n"), ""},
		{"not a form", post("Content-Type: text/plain\r\n", "c=6"), "map[a:[1] b:[2]]"},
		{"not multipart", post(parts, "--yy"), ""},
	} {
		got := s.ask(test.request)
		if test.want == "" {
			want(t, head(got), "HTTP/1.1 400 Bad Request")
			want(t, strings.HasPrefix(body(got), "the form that was posted: multipart/form-data without "), true)
		} else if body(got) != test.want {
			t.Errorf("%s: %s; want %s", test.name, body(got), test.want)
		}
	}
}

// TestMaxFields checks that a query or a form with too many fields is refused, and not
// cut short.
func TestMaxFields(t *testing.T) {
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	const parts = "Content-Type: multipart/form-data; boundary=xx\r\n"
	root := web.RenderFunc(func(req *web.Request) { fmt.Fprint(req, len(req.Args)) })
	query := func(query string) string { return "GET /?" + query + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	for _, test := range []struct {
		most    int
		request string
		want    string // the number of names; "" for a 413
	}{
		{3, query("a&b&c"), "3"},
		{3, query("&a&&&b&c&"), "3"},
		{3, query("a&a&a&a"), ""},
		{3, post(form, "a&b&c"), "3"},
		{3, post(form, "c&c&c&c"), ""},
		{1, query("a"), "1"},
		{0, post(form, strings.Repeat("a&", 10_000)), "2"},
		{0, post(form, strings.Repeat("a&", 10_001)), ""},
		{-1, post(form, strings.Repeat("a&", 10_001)), "2"},
		{2, post(parts, "--xx\r\n\r\n\r\n--xx\r\n\r\n\r\n--xx--"), "3"},
		{2, post(parts, "--xx\r\n\r\n\r\n--xx\r\n\r\n\r\n--xx\r\n\r\n\r\n--xx--"), ""},
	} {
		got := serve(t, &web.Site{Root: root, MaxFields: test.most}).ask(test.request)
		if test.want == "" {
			want(t, head(got), "HTTP/1.1 413 Request Entity Too Large")
			want(t, strings.Contains(body(got), "too many fields: more than"), true)
		} else {
			want(t, body(got), test.want)
		}
	}
}

func TestContent(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) {
		fmt.Fprintf(req, "%d %d %v ", req.ContentLength(), req.Content.Len(), req.Trailer)
		req.Content.WriteTo(req)
	})
	p := s.connect()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
	want(t, p.take(), "HTTP/1.1 100 Continue\r\n\r\n")
	p.send("abc")
	want(t, p.take(), "")
	p.send("def")
	want(t, body(p.take()), "6 6 map[] abcdef")
	p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n")
	want(t, body(p.take()), "-1 3 map[X:[y]] abc")
}

func TestMaxContent(t *testing.T) {
	s := serve(t, &web.Site{Root: web.RenderFunc(hello), MaxContent: 10})
	want(t, head(s.ask(post("", "0123456789"))), "HTTP/1.1 200 OK")
	got := s.ask(post("", "0123456789x"))
	want(t, head(got), "HTTP/1.1 413 Request Entity Too Large")
	want(t, body(got), "the content of the request is more than 10 bytes\n")
	p := s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n")
	want(t, p.take(), "")
	p.send("8\r\n01234567\r\n0\r\n\r\n")
	want(t, head(p.take()), "HTTP/1.1 413 Request Entity Too Large")
	want(t, p.ended, true)
	// A client that waits for a 100 Continue is refused before it sends the content.
	p = s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
	want(t, head(p.take()), "HTTP/1.1 413 Request Entity Too Large")
	// The default is 10 MiB.
	s = serveFunc(t, hello)
	want(t, head(s.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n")), "")
	want(t, head(s.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485761\r\n\r\n")), "HTTP/1.1 413 Request Entity Too Large")
	s = serve(t, &web.Site{Root: web.RenderFunc(hello), MaxContent: -1})
	want(t, head(s.ask(post("", strings.Repeat("x", 11<<20)))), "HTTP/1.1 200 OK")
}

func TestContentIsCut(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) { t.Error("rendered") })
	p := s.connect()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
	p.LoseWriteConnection()
	s.Pump()
	want(t, head(p.take()), "HTTP/1.1 400 Bad Request")
	p = s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	got := p.take()
	want(t, head(got), "HTTP/1.1 400 Bad Request")
	want(t, strings.Contains(body(got), "invalid chunk size"), true)
	p = s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
	p.AbortConnection()
	s.Pump()
}

func TestAccessors(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) {
		user, password := req.GetUser(), req.GetPassword()
		a, found := req.GetCookie("a")
		_, missing := req.GetCookie("c")
		fmt.Fprintln(req, req.URI, req.Path, req.Version, user, password, a, found, missing)
		fmt.Fprintln(req, req.GetHeader("x-many"), req.GetHeader("x-none") == "", req.GetClientAddress(), req.GetHost(), req.IsSecure())
		fmt.Fprintln(req, req.GetRequestHostname(), req.PrePathURL(), req.URLPath().Path, req.Started().Unix(), req.Clock() != nil)
		req.AddCookie(&http.Cookie{Name: "c", Value: "d", HttpOnly: true})
		req.AddCookie(&http.Cookie{Name: "bad name", Value: "d"})
	})
	logs(t)
	got := s.get("/a%2Fb?q", "X-Many: 1", "X-Many: 2", "Cookie: a=1; b=2", "Authorization: Basic dTpw")
	want(t, body(got), "/a%2Fb?q /a%2Fb HTTP/1.1 u p 1 true false\n"+
		"2 true 10.0.0.1:49152 192.0.2.1:80 false\n"+
		"an.example http://an.example/ / 0 true\n")
	want(t, header(got, "Set-Cookie"), "c=d; HttpOnly")

	root := &web.Node{}
	root.PutChild("a/b", web.RenderFunc(func(req *web.Request) { req.WriteString(req.PrePathURL() + " " + req.Postpath[0]) }))
	s = serveRoot(t, root)
	want(t, body(s.ask("GET /a%2Fb/c HTTP/1.0\r\n\r\n")), "http://192.0.2.1:80/a%2Fb c")
	want(t, body(s.ask("GET /a%2Fb/c HTTP/1.1\r\nHost: h:81\r\n\r\n")), "http://h:81/a%2Fb c")
}

func TestRedirect(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) { req.Redirect("/there") })
	got := s.get("/")
	want(t, got, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /there\r\n\r\n")
}

// TestNotModified checks that a 304 has no body and no Content-Length.
func TestNotModified(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) {
		req.SetResponseCode(304)
		req.WriteString("x")
	})
	want(t, s.get("/"), "HTTP/1.1 304 Not Modified\r\n\r\n")
}

// TestWritesTakeEverything checks that every write reports all of its bytes as written,
// as io.Copy expects: while the resource is rendered, as the first or a later write, and
// in a response without a body.
func TestWritesTakeEverything(t *testing.T) {
	for _, test := range []struct {
		method string
		code   int
		sent   string
	}{{"GET", 200, "hellohellohellohello"}, {"HEAD", 200, ""}, {"GET", 204, ""}, {"GET", 304, ""}} {
		var req *web.Request
		copies := func() {
			for _, r := range []io.Reader{strings.NewReader("hello"), io.MultiReader(strings.NewReader("hello"))} {
				if n, err := io.Copy(req, r); n != 5 || err != nil {
					t.Errorf("%s %d: %d, %v", test.method, test.code, n, err)
				}
			}
		}
		s := serveFunc(t, func(r *web.Request) {
			req = r
			req.SetResponseCode(test.code)
			if req.Path == "/rendering" {
				copies()
			}
			req.NotDoneYet()
		})
		for _, path := range []string{"/rendering", "/later"} {
			p := s.connect().send(test.method + " " + path + " HTTP/1.0\r\n\r\n")
			copies()
			if path == "/later" {
				copies()
			}
			req.Finish()
			s.Pump()
			got := p.take()
			want(t, strings.Fields(got)[1], itoa(test.code))
			want(t, body(got), test.sent)
		}
	}
}

func TestPhrase(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) { req.SetResponseCodeAndPhrase(404, "Not here") })
	want(t, head(s.get("/")), "HTTP/1.1 404 Not here")
}

// TestNotDoneYet checks that each part of a response reaches the client at once.
func TestNotDoneYet(t *testing.T) {
	var req *web.Request
	s := serveFunc(t, func(r *web.Request) {
		req = r
		req.NotDoneYet()
		req.SetHeader("Content-Type", "x/y")
		req.WriteString("one")
	})
	p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, p.take(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: x/y\r\n\r\n3\r\none\r\n")
	req.WriteString("two")
	s.Pump()
	want(t, p.take(), "3\r\ntwo\r\n")
	req.Write(nil)
	req.Write([]byte("three"))
	req.Finish()
	s.Pump()
	want(t, p.take(), "5\r\nthree\r\n0\r\n\r\n")
	want(t, req.Sent(), int64(11))

	// A response without a write before Finish has a length.
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	p.take()
	req.Finish()
	p.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
	req.WriteString("unseen")
	req.Finish()
	s.Pump()
	want(t, p.take(), "0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: x/y\r\n\r\n")
}

func TestMisuse(t *testing.T) {
	logged := logs(t)
	var req *web.Request
	s := serveFunc(t, func(r *web.Request) { req = r })
	s.get("/")
	texts := map[string]string{
		"Write":           "web: Write after Finish",
		"WriteString":     "web: Write after Finish",
		"Finish":          "web: Finish a second time",
		"SetResponseCode": "web: SetResponseCode after the head of the response was sent",
		"DeliverContent":  "web: DeliverContent a second time, or for a resource that does not stream",
		"GetSession":      "web: GetSession makes a session after the head of the response was sent",
	}
	for name, f := range map[string]func(){
		"Write":           func() { req.Write(nil) },
		"WriteString":     func() { req.WriteString("x") },
		"Finish":          func() { req.Finish() },
		"SetResponseCode": func() { req.SetResponseCode(200) },
		"DeliverContent":  func() { req.DeliverContent(nil) },
		"GetSession":      func() { req.GetSession() },
	} {
		func() {
			defer func() {
				if got := recover(); got != texts[name] {
					t.Errorf("%s after Finish panicked with %v", name, got)
				}
			}()
			f()
		}()
	}
	req.Fail(errors.New("not logged"))
	s = serveFunc(t, func(r *web.Request) { r.Fail(http.ErrAbortHandler) })
	want(t, s.get("/"), "")
	want(t, logged(), "")
	s = serveFunc(t, func(r *web.Request) { r.Finish(); panic("after Finish") })
	want(t, head(s.get("/")), "HTTP/1.1 200 OK")
	s = serveFunc(t, func(r *web.Request) { panic(http.ErrAbortHandler) })
	want(t, s.get("/"), "")
	s = serve(t, &web.Site{})
	s.connect()
	want(t, strings.Contains(logged(), "a Site needs either a Root or a Handler"), true)
}

// TestResponseCodeRange checks that only final codes of three digits can be set.
func TestResponseCodeRange(t *testing.T) {
	for code, allowed := range map[int]bool{-1: false, 0: false, 100: false, 199: false, 200: true, 999: true, 1000: false} {
		var recovered any
		s := serveFunc(t, func(req *web.Request) {
			defer func() { recovered = recover() }()
			req.SetResponseCode(code)
		})
		got := s.get("/")
		if allowed {
			want(t, recovered, nil)
			want(t, strings.Fields(got)[1], itoa(code))
		} else {
			want(t, recovered, any("web: SetResponseCode("+itoa(code)+")"))
			want(t, head(got), "HTTP/1.1 200 OK")
		}
	}
}

// TestAnnouncedContentTakesNoMemory checks that the memory for a request's content grows
// with the bytes received, not with the announced length.
func TestAnnouncedContentTakesNoMemory(t *testing.T) {
	s := serveFunc(t, hello)
	p := s.connect()
	p.send(post("", "x")) // allocates everything that connections share
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 50 {
		s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 5_000_000 {
		t.Errorf("50 requests that announced a million bytes and sent one took %d bytes", took)
	}
}

func TestContentLengthGiven(t *testing.T) {
	logged := logs(t)
	var req *web.Request
	s := serveFunc(t, func(r *web.Request) {
		req = r
		r.SetHeader("Content-Length", "4")
		r.SetHeader("Content-Type", "x/y")
		r.NotDoneYet()
		r.WriteString("ab")
	})
	p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if n, err := req.WriteString("cde"); n != 0 || err != http.ErrContentLength {
		t.Error(n, err)
	}
	req.WriteString("c")
	req.Finish()
	s.Pump()
	want(t, p.take(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: x/y\r\n\r\nabc")
	want(t, p.ended, true)
	want(t, strings.Contains(logged(), "shorter than its Content-Length"), true)
	s = serveFunc(t, func(r *web.Request) {
		r.SetHeader("Content-Length", "4")
		r.WriteString("abcdef")
	})
	want(t, body(s.get("/")), "abcd")
	want(t, strings.Contains(logged(), "longer than its Content-Length"), true)
}

func TestNotifyFinish(t *testing.T) {
	var req *web.Request
	s := serveFunc(t, func(r *web.Request) { req = r; r.NotDoneYet() })
	var results []string
	watch := func() {
		deferred.MapBoth(req.NotifyFinish(), func(_ deferred.None, err error) (deferred.None, error) {
			results = append(results, fmt.Sprint(err))
			return deferred.None{}, nil
		})
	}
	check := func(wanted string) {
		t.Helper()
		want(t, strings.Join(results, ", "), wanted)
		results = nil
	}
	p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	watch()
	watch()
	check("")
	req.Finish()
	check("<nil>, <nil>")
	watch()
	check("<nil>")

	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	watch()
	p.AbortConnection()
	s.Pump()
	check("connection was reset by the peer")
	watch()
	check("connection was reset by the peer")
	if _, err := req.Write([]byte("x")); err != web.ErrConnectionLost {
		t.Error(err)
	}
	req.Finish()
	req.Fail(errors.New("x"))

	// A client that has ended its side still gets the response.
	p = s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	watch()
	p.halfOpen = true
	p.LoseWriteConnection()
	s.Pump()
	check("connection was closed cleanly")
	req.WriteString("late")
	req.Finish()
	s.Pump()
	got := p.take()
	want(t, strings.Contains(got, "late"), true)
	want(t, header(got, "Connection"), "close")
	want(t, p.ended, true)
}

func TestFinishWhen(t *testing.T) {
	logged := logs(t)
	var d *deferred.Deferred[int]
	begun := false
	s := serveFunc(t, func(r *web.Request) {
		if begun {
			r.NotDoneYet()
			r.WriteString("begun")
		}
		web.FinishWhen(r, d.AddCallback(func(n int) (int, error) {
			fmt.Fprint(r, n)
			return n, nil
		}))
	})
	d = deferred.Succeed(1)
	want(t, body(s.get("/")), "1")
	d = deferred.New[int]()
	p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, p.take(), "")
	d.Callback(2)
	s.Pump()
	want(t, strings.HasSuffix(p.take(), "1\r\n2\r\n0\r\n\r\n"), true)
	d = deferred.New[int]()
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	d.Errback(errors.New("out of luck"))
	s.Pump()
	want(t, head(p.take()), "HTTP/1.1 500 Internal Server Error")
	want(t, strings.Contains(logged(), "out of luck"), true)
	cancelled := false
	d = deferred.NewCancellable(func(*deferred.Deferred[int]) { cancelled = true })
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	p.AbortConnection()
	s.Pump()
	want(t, cancelled, true)

	begun = true
	d = deferred.New[int]()
	p = s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	d.Errback(errors.New("too late"))
	s.Pump()
	want(t, p.lost != nil, true)
}

// A puller writes a piece each time it is resumed.
type puller struct {
	req     *web.Request
	left    int
	stopped bool
}

func (p *puller) ResumeProducing() {
	if p.left == 0 {
		p.req.UnregisterProducer()
		p.req.Finish()
		return
	}
	p.left--
	p.req.Write(make([]byte, 50_000))
}
func (p *puller) StopProducing() { p.stopped = true }

func TestPullProducer(t *testing.T) {
	var p *puller
	s := serveFunc(t, func(r *web.Request) {
		p = &puller{req: r, left: 100}
		if err := r.RegisterPullProducer(p); err != nil {
			t.Error(err)
		}
		want(t, r.RegisterPullProducer(p), reactor.ErrProducerRegistered)
		want(t, r.RegisterProducer(&pausable{}), reactor.ErrProducerRegistered)
	})
	c := s.connect()
	c.PauseProducing()
	c.send("GET / HTTP/1.0\r\n\r\n")
	if p.left < 90 || p.left == 100 {
		t.Errorf("%d pieces are left while the client reads nothing", p.left)
	}
	c.ResumeProducing()
	s.Pump()
	want(t, p.left, 0)
	want(t, len(body(c.take())), 5_000_000)

	c = s.connect()
	c.PauseProducing()
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	c.AbortConnection()
	s.Pump()
	want(t, p.stopped, true)
}

// TestPullProducerOfASlowClient checks that the time limit of a produced response
// restarts with each piece that the client receives.
func TestPullProducerOfASlowClient(t *testing.T) {
	s := serveFunc(t, func(r *web.Request) { r.RegisterPullProducer(&puller{req: r, left: 1000}) })
	c := s.connect()
	c.send("GET / HTTP/1.0\r\n\r\n"[:1])
	c.PauseProducing()
	c.send("GET / HTTP/1.0\r\n\r\n"[1:])
	for range 5 {
		before := len(c.got)
		s.Advance(40 * time.Second)
		c.ResumeProducing()
		for range 20 {
			s.Iterate(0)
		}
		c.PauseProducing()
		want(t, c.lost, nil)
		want(t, len(c.got) > before && len(c.got) < 50_000_000, true)
	}
	s.Advance(time.Minute)
	c.ResumeProducing()
	s.Pump()
	want(t, c.lost != nil && len(c.got) < 50_000_000, true)
}

// TestPullProducerInBetween checks that a producer may make a part of a response, and
// that the remaining response has no time limit.
func TestPullProducerInBetween(t *testing.T) {
	var req *web.Request
	s := serveFunc(t, func(r *web.Request) {
		req = r
		if r.Path == "/next" {
			return
		}
		r.NotDoneYet()
		r.ResponseHeader["Content-Length"] = []string{"250000"}
	})
	c := s.connect()
	c.PauseProducing()
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n")
	req.Write(make([]byte, 200_000))
	s.Pump()
	first := req
	req.RegisterPullProducer(&once{req: req})
	c.ResumeProducing()
	s.Pump()
	s.Advance(time.Hour)
	want(t, c.lost, nil)
	first.Finish()
	s.Pump()
	got := c.take()
	want(t, strings.Count(got, "HTTP/1.1 200 OK\r\n"), 2)
	want(t, c.ended, false)
}

// A once producer writes one piece and unregisters itself.
type once struct{ req *web.Request }

func (p *once) ResumeProducing() {
	p.req.Write(make([]byte, 50_000))
	p.req.UnregisterProducer()
}
func (p *once) StopProducing() {}

// TestFailWithAProducer checks that a response that fails stops its producer, and logs
// only its error.
func TestFailWithAProducer(t *testing.T) {
	logged := logs(t)
	s := serveFunc(t, func(r *web.Request) {
		r.RegisterProducer(&pausable{})
		r.Fail(errors.New("out of luck"))
	})
	want(t, head(s.get("/")), "HTTP/1.1 500 Internal Server Error")
	want(t, strings.Contains(logged(), "out of luck"), true)
	want(t, strings.Contains(logged(), "not unregistered"), false)
}

func TestPushProducer(t *testing.T) {
	logged := logs(t)
	producer := &pausable{}
	var req *web.Request
	s := serveFunc(t, func(r *web.Request) {
		req = r
		r.RegisterProducer(producer)
	})
	c := s.connect()
	c.PauseProducing()
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	for range 100 {
		if producer.paused {
			break
		}
		req.Write(make([]byte, 10_000))
	}
	want(t, producer.paused, true)
	c.ResumeProducing()
	s.Pump()
	want(t, producer.paused, false)
	req.Finish()
	want(t, strings.Contains(logged(), "a producer that was not unregistered"), true)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	c.AbortConnection()
	s.Pump()
	want(t, producer.stopped, true)
	producer = &pausable{}
	req.RegisterProducer(producer)
	want(t, producer.stopped, true)
	p := &puller{}
	req.RegisterPullProducer(p)
	want(t, p.stopped, true)
}

// A streaming resource records its content as it arrives.
type streaming struct {
	web.Leaf
	req   *web.Request
	got   []string
	later bool
}

func (*streaming) StreamsContent() bool { return true }
func (s *streaming) Render(req *web.Request) {
	s.req = req
	req.NotDoneYet()
	if !s.later {
		req.DeliverContent(s)
	}
}
func (s *streaming) ContentReceived(data []byte) { s.got = append(s.got, string(data)) }
func (s *streaming) ContentEnded(err error)      { s.got = append(s.got, fmt.Sprint(err)) }

func TestStreamingResource(t *testing.T) {
	r := &streaming{}
	s := serveRoot(t, r)
	p := s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
	want(t, p.take(), "HTTP/1.1 100 Continue\r\n\r\n")
	p.send("ab")
	r.req.PauseContent()
	p.send("cd")
	want(t, strings.Join(r.got, " "), "ab")
	r.req.ResumeContent()
	p.send("ef")
	want(t, strings.Join(r.got, " "), "ab cd ef <nil>")
	r.req.Finish()

	*r = streaming{later: true}
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
	want(t, len(r.got), 0)
	r.req.DeliverContent(r)
	want(t, strings.Join(r.got, " "), "abc")
	p.AbortConnection()
	s.Pump()
	want(t, strings.Join(r.got, " "), "abc connection was reset by the peer")

	*r = streaming{later: true}
	p = s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
	p.AbortConnection()
	s.Pump()
	r.req.DeliverContent(r)
	want(t, strings.Join(r.got, " "), "connection was reset by the peer")
	r.req.ResumeContent()

	// The end is told once, though the connection is lost after it.
	*r = streaming{}
	p = s.connect().send(post("", "abc"))
	p.AbortConnection()
	s.Pump()
	want(t, strings.Join(r.got, " "), "abc <nil>")

	*r = streaming{}
	s.get("/")
	want(t, strings.Join(r.got, " "), "<nil>")

	// Paused content has no time limit.
	*r = streaming{}
	p = s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
	r.req.PauseContent()
	s.Advance(time.Hour)
	p.send("def")
	r.req.ResumeContent()
	want(t, strings.Join(r.got, " "), "abc def <nil>")
}

func TestSessions(t *testing.T) {
	expired := 0
	site := &web.Site{}
	site.Root = web.RenderFunc(func(req *web.Request) {
		session := req.GetSession()
		if req.GetSession() != session {
			t.Error("another session")
		}
		if session.Values["n"] == nil {
			session.Values["n"] = 0
			session.NotifyOnExpire(func() { expired++ })
		}
		session.Values["n"] = session.Values["n"].(int) + 1
		fmt.Fprint(req, session.ID(), " ", session.Values["n"])
		switch req.Path {
		case "/logout":
			session.Expire()
			session.Expire()
			if req.GetSession() == session {
				t.Error("the request still has the expired session")
			}
			req.GetSession().Expire()
			session.Touch()
		case "/short":
			session.SetTimeout(time.Minute)
		}
	})
	s := serve(t, site)
	ask := func(path, id string) (cookie, gotID, n string) {
		got := s.get(path, "Cookie: GOTREQ_SESSION="+id)
		gotID, n, _ = strings.Cut(body(got), " ")
		return header(got, "Set-Cookie"), gotID, n
	}
	cookie, id1, _ := ask("/", "")
	want(t, cookie, "GOTREQ_SESSION="+id1+"; Path=/; HttpOnly; SameSite=Lax")
	want(t, len(id1), 64)
	s.Advance(14 * time.Minute)
	cookie, id, n := ask("/", id1)
	want(t, cookie+id+n, id1+"2")
	s.Advance(14 * time.Minute)
	_, id, n = ask("/short", id1)
	want(t, id+n, id1+"3")
	s.Advance(time.Minute)
	want(t, expired, 1)
	_, id2, n := ask("/", id1)
	want(t, n, "1")
	want(t, id2 != id1, true)
	want(t, site.GetSession(id1) == nil, true)
	ask("/logout", id2)
	want(t, expired, 2)
	_, id3, n := ask("/", id2)
	want(t, n, "1")
	want(t, id3 != id2, true)
	s.Advance(15*time.Minute - 1)
	want(t, expired, 2)
	s.Advance(1)
	want(t, expired, 3)

	site.SessionTimeout = time.Second
	ask("/", "")
	s.Advance(time.Second)
	want(t, expired, 4)
	site.SessionTimeout = -1
	ask("/", "")
	s.Advance(1000 * time.Hour)
	want(t, expired, 4)
}

// TestSessionNames checks that the names of sessions come from the reactor's randomness.
func TestSessionNames(t *testing.T) {
	names := func(seed uint64) string {
		s := serveFunc(t, func(req *web.Request) { req.WriteString(req.GetSession().ID()) })
		s.Seed(seed)
		return body(s.get("/")) + body(s.get("/"))
	}
	want(t, names(1), names(1))
	want(t, names(1) != names(2), true)
	want(t, names(1)[:64] != names(1)[64:], true)
}

// A streamed resource answers before the content.
type streamed struct{ web.Leaf }

func (*streamed) StreamsContent() bool    { return true }
func (*streamed) Render(req *web.Request) {}

func TestAccessLog(t *testing.T) {
	var log strings.Builder
	var later *web.Request
	site := &web.Site{Root: web.RenderFunc(func(req *web.Request) {
		if req.Path == "/later" {
			later = req
			req.NotDoneYet()
			return
		}
		req.WriteString("hello")
	}), AccessLog: func(req *web.Request) { log.Write(web.CombinedLog(req)) }}
	s := serve(t, site)
	s.get("/a\"b", "User-Agent: me", "Referer: http://there/")
	s.ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
	p := s.connect().send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
	p.AbortConnection()
	s.Pump()
	later.Finish()
	site.Root = &streamed{} // answers before the content; then the connection is lost
	p = s.connect().send("POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
	p.AbortConnection()
	s.Pump()
	want(t, log.String(), `10.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "GET /a\"b HTTP/1.1" 200 5 "http://there/" "me"
10.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "HEAD / HTTP/1.1" 200 - "-" "-"
10.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "GET /later HTTP/1.1" 499 - "-" "-"
10.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "POST /early HTTP/1.1" 200 - "-" "-"
`)
}

func TestConditions(t *testing.T) {
	modified := time.Unix(1000, 5e8)
	s := serveFunc(t, func(req *web.Request) {
		tag := `"a,b"`
		switch req.Path {
		case "/weak":
			tag = `W/"a,b"`
		case "/empty":
			tag = `""`
		}
		done := false
		if req.Path != "/time" {
			done = req.SetETag(tag)
		}
		if req.SetLastModified(modified) || done {
			return
		}
		req.SetLastModified(time.Unix(10, 0)) // earlier, so it has no effect
		req.WriteString("new")
	})
	at := func(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(http.TimeFormat) }
	for _, test := range []struct {
		path, header, method string
		code                 string
	}{
		{"/", "X: y", "GET", "200"},
		{"/", `If-None-Match: "a,b"`, "GET", "304"},
		{"/", `If-None-Match: "x", W/"a,b"`, "GET", "304"},
		{"/", `If-None-Match: "x", "y"`, "GET", "200"},
		{"/", `If-None-Match: *`, "HEAD", "304"},
		{"/", `If-None-Match: "a,b"`, "PUT", "412"},
		{"/", `If-None-Match: nonsense`, "GET", "200"},
		{"/", `If-None-Match: "unfinished`, "GET", "200"},
		{"/weak", `If-None-Match: "a,b"`, "GET", "304"},
		{"/", `If-None-Match: "", "a,b"`, "GET", "304"},
		{"/empty", `If-None-Match: ""`, "GET", "304"},
		{"/empty", `If-None-Match: "x"`, "GET", "200"},
		{"/empty", `If-Match: ""`, "PUT", "200"},
		{"/", `If-Match: "a,b"`, "PUT", "200"},
		{"/", `If-Match: "x"`, "PUT", "412"},
		{"/", `If-Match: W/"a,b"`, "PUT", "412"},
		{"/weak", `If-Match: W/"a,b"`, "PUT", "412"},
		{"/", `If-Match: *`, "PUT", "200"},
		{"/", "If-Modified-Since: " + at(1000), "GET", "304"},
		{"/time", "If-Modified-Since: " + at(2000), "HEAD", "304"},
		{"/", "If-Modified-Since: " + at(999), "GET", "200"},
		{"/", "If-Modified-Since: " + at(1000), "POST", "200"},
		{"/", "If-Modified-Since: yesterday", "GET", "200"},
		{"/", "If-Modified-Since: " + at(1000) + "\r\nIf-None-Match: \"x\"", "GET", "200"},
		{"/", "If-Unmodified-Since: " + at(1000), "PUT", "200"},
		{"/", "If-Unmodified-Since: " + at(999), "PUT", "412"},
		{"/", "If-Unmodified-Since: " + at(999) + "\r\nIf-Match: \"a,b\"", "PUT", "200"},
	} {
		got := s.ask(test.method + " " + test.path + " HTTP/1.1\r\nHost: x\r\n" + test.header + "\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 "+test.code) || test.code != "200" && body(got) != "" {
			t.Errorf("%s %s %s: %q; want %s", test.method, test.path, test.header, got, test.code)
		}
		want(t, header(got, "Last-Modified"), at(1000))
	}
}

func TestAsynchronousResource(t *testing.T) {
	var s *server
	s = serveFunc(t, func(req *web.Request) {
		web.FinishWhen(req, task.Sleep(s, time.Second).AddCallback(func(n deferred.None) (deferred.None, error) {
			req.WriteString("slept")
			return n, nil
		}))
	})
	p := s.connect().send("GET / HTTP/1.0\r\n\r\n")
	s.Advance(time.Second)
	want(t, body(p.take()), "slept")
}
