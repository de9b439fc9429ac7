package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// userKey is the key of a value that a middleware adds to the context.
type userKey struct{}

// recorder is a ResponseWriter as that of loggers: it only knows Unwrap.
type recorder struct {
	http.ResponseWriter
	code, bytes int
}

func (r *recorder) WriteHeader(code int)        { r.code = code; r.ResponseWriter.WriteHeader(code) }
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.ResponseWriter.Write(p)
	r.bytes += n
	return n, err
}

// gzipped is a ResponseWriter as that of compressing middlewares.
type gzipped struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (g gzipped) WriteHeader(code int) {
	g.Header().Del("Content-Length")
	g.ResponseWriter.WriteHeader(code)
}
func (g gzipped) Write(p []byte) (int, error) { return g.z.Write(p) }
func (g gzipped) Flush()                      { g.z.Flush(); http.NewResponseController(g.ResponseWriter).Flush() }

// counted is a body that a middleware wraps.
type counted struct {
	io.ReadCloser
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += n
	return n, err
}

type middleware = func(http.Handler) http.Handler

// wrap makes a middleware of a function.
func wrap(f func(next http.Handler, w http.ResponseWriter, r *http.Request)) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(next, w, r) })
	}
}

// middlewares are net/http's own, and one of each kind that programs use.
var middlewares = map[string]middleware{
	"none":                 func(h http.Handler) http.Handler { return h },
	"StripPrefix":          func(h http.Handler) http.Handler { return http.StripPrefix("/pre", h) },
	"MaxBytesHandler":      func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 10) },
	"AllowQuerySemicolons": http.AllowQuerySemicolons,
	"ServeMux": func(h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("POST /pre/", h)
		mux.Handle("GET /pre/a", h)
		return mux
	},
	"recorder": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		rec.Header().Set("Trailer", "X-Recorded")
		next.ServeHTTP(rec, r)
		rec.Header().Set("X-Recorded", fmt.Sprint(rec.code, " ", rec.bytes))
	}),
	"cors": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	}),
	"gzip": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "text/plain")
		z := gzip.NewWriter(w)
		next.ServeHTTP(gzipped{w, z}, r)
		z.Close()
	}),
	"context and body": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), userKey{}, "alice"), time.Hour)
		defer cancel()
		r = r.WithContext(ctx)
		body := &counted{ReadCloser: r.Body}
		r.Body = body
		w.Header().Set("Trailer", "X-Read")
		next.ServeHTTP(w, r)
		w.Header().Set("X-Read", fmt.Sprint(body.n))
	}),
	"recovery": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(w, "recovered", http.StatusTeapot)
			}
		}()
		if r.Method == "PUT" {
			panic("a bug")
		}
		next.ServeHTTP(w, r)
	}),
	"basic auth": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if user, _, ok := r.BasicAuth(); !ok || user != "alice" {
			w.Header().Set("Www-Authenticate", "Basic")
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	}),
	"method override": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		r.Method = "POST"
		next.ServeHTTP(w, r)
	}),
	"deadlines": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(&recorder{ResponseWriter: &recorder{ResponseWriter: w}})
		err := errors.Join(c.SetReadDeadline(time.Now().Add(time.Hour)), c.SetWriteDeadline(time.Now().Add(time.Hour)), c.EnableFullDuplex())
		w.Header().Set("X-Error", fmt.Sprint(err))
		next.ServeHTTP(w, r)
	}),
	"buffer": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		w.Write(bytes.ToUpper(rec.Body.Bytes()))
	}),
	"early hints": wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(http.StatusEarlyHints)
		next.ServeHTTP(w, r)
	}),
	"two of them": func(h http.Handler) http.Handler { return http.StripPrefix("/pre", http.MaxBytesHandler(h, 1000)) },
}

// echo answers with what it sees of the request.
func echo(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("X-Echo", "yes")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusAccepted)
	text := fmt.Sprintln(r.Method, r.URL.Path, r.URL.Query()["a"], r.Header.Get("X-Sent"), r.Host != "", string(content), r.Context().Value(userKey{}))
	io.WriteString(w, text)
	if r.URL.Query().Has("large") {
		http.NewResponseController(w).Flush()
		for range 100 {
			io.WriteString(w, strings.Repeat(text, 100))
		}
	}
}

// echoResource answers the same.
func echoResource(req *web.Request) {
	content, _ := io.ReadAll(req.Content)
	req.SetHeader("X-Echo", "yes")
	req.SetHeader("Content-Type", "text/plain; charset=utf-8")
	req.SetResponseCode(http.StatusAccepted)
	text := fmt.Sprintln(req.Method, req.Path, req.Args["a"], req.GetHeader("X-Sent"), req.GetRequestHostname() != "", string(content), req.Context().Value(userKey{}))
	req.WriteString(text)
	if req.Args.Has("large") {
		for range 100 {
			req.WriteString(strings.Repeat(text, 100))
		}
	}
}

// asked are the requests to each middleware.
var asked = []struct{ method, path, body string }{
	{"GET", "/pre/a?a=1", ""},
	{"GET", "/pre/a?a=1;b=2", ""},
	{"GET", "/other", ""},
	{"HEAD", "/pre/a", ""},
	{"POST", "/pre/b%2Fc?a=x", "short"},
	{"POST", "/pre/a", "more than ten bytes"},
	{"PUT", "/pre/a", "x"},
	{"OPTIONS", "/pre/a", ""},
	{"POST", "/pre/a?large", "x"},
}

// TestMiddlewares puts middlewares around a handler and around a resource, and compares the
// responses with those of net/http's server.
func TestMiddlewares(t *testing.T) {
	for name, m := range middlewares {
		t.Run(name, func(t *testing.T) {
			logs(t)
			oracle := httptest.NewServer(m(http.HandlerFunc(echo)))
			defer oracle.Close()
			resource := &web.ResourceHandler{Root: web.RenderFunc(echoResource)}
			servers := map[string]string{
				"a handler":             listen(t, siteOf(m(http.HandlerFunc(echo)))),
				"a handler in a thread": listen(t, siteOfThreads(m(http.HandlerFunc(echo)))),
				"a resource":            listen(t, siteOf(m(resource))),
				"a resource, a thread":  listen(t, siteOfThreads(m(resource))),
			}
			for _, q := range asked {
				wanted := answerOf(t, oracle.URL, q.method, q.path, q.body)
				for kind, address := range servers {
					if strings.Contains(kind, "resource") && q.path == "/pre/a?a=1;b=2" && name != "AllowQuerySemicolons" {
						continue // a resource reads queries as browsers write them
					}
					if strings.Contains(kind, "resource") && q.path == "/pre/b%2Fc?a=x" {
						continue // the Path of a Request is still escaped
					}
					if got := answerOf(t, "http://"+address, q.method, q.path, q.body); got != wanted {
						if strings.Contains(kind, "resource") && strings.Contains(wanted, "http: request body too large") && strings.HasPrefix(got, "413 ") {
							continue // a resource does not see content that is too large
						}
						t.Errorf("%s, %s %s: %.500s\nwant %.500s", kind, q.method, q.path, got, wanted)
					}
				}
			}
		})
	}
}

func siteOfThreads(h http.Handler) func(reactor.Reactor) reactor.Factory {
	return func(reactor.Reactor) reactor.Factory {
		return &web.Site{Root: &web.HandlerResource{Handler: h, InThreads: true}}
	}
}

// answerOf returns what matters of a response.
func answerOf(t *testing.T, site, method, path, content string) string {
	t.Helper()
	req, err := http.NewRequest(method, site+path, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Sent", "sent")
	if path != "/other" {
		req.SetBasicAuth("alice", "secret")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	h := resp.Header
	for _, name := range []string{"Date", "Content-Length"} {
		h.Del(name)
	}
	return fmt.Sprint(resp.StatusCode, " ", h, " ", resp.Trailer, " ", err, " ", len(text), " ", string(text[:min(len(text), 200)]))
}

// TestTimeoutHandler checks the middleware that runs its handler on a goroutine of its own.
func TestTimeoutHandler(t *testing.T) {
	for _, kind := range []string{"handler", "resource"} {
		t.Run(kind, func(t *testing.T) {
			gone := make(chan error, 1)
			address := listen(t, func(r reactor.Reactor) reactor.Factory {
				var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/slow" {
						<-r.Context().Done()
						gone <- r.Context().Err()
						return
					}
					echo(w, r)
				})
				if kind == "resource" {
					h = &web.ResourceHandler{Root: web.RenderFunc(func(req *web.Request) {
						if req.Path == "/slow" {
							req.NotDoneYet()
							req.NotifyFinish().AddErrback(func(err error) (n struct{}, _ error) { gone <- err; return n, nil })
							return
						}
						echoResource(req)
					})}
				}
				return siteOfThreads(http.TimeoutHandler(h, 300*time.Millisecond, "too late"))(r)
			})
			got := answerOf(t, "http://"+address, "POST", "/pre/a?a=1", "x")
			if !strings.HasPrefix(got, "202 ") || !strings.Contains(got, "POST /pre/a [1] sent true x") {
				t.Error(got)
			}
			got = answerOf(t, "http://"+address, "GET", "/slow", "")
			if !strings.HasPrefix(got, "503 ") || !strings.HasSuffix(got, "too late") {
				t.Error(got)
			}
			select {
			case err := <-gone:
				if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Error("the handler was not told")
			}
		})
	}
}

// passing is a middleware that does nothing but hide what is below.
func passing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&recorder{ResponseWriter: w}, r)
	})
}

// TestResourceHandlerLater checks responses that are made over time, and their end.
func TestResourceHandlerLater(t *testing.T) {
	var s *server
	var inner *web.Request
	var result error
	root := &web.Node{}
	root.PutChild("later", web.RenderFunc(func(req *web.Request) {
		inner = req
		req.NotDoneYet()
		req.NotifyFinish().AddBoth(func(n struct{}, err error) (struct{}, error) { result = err; return n, nil })
		req.WriteString("one ")
		s.CallLater(time.Second, func() { req.WriteString("two ") })
		s.CallLater(2*time.Second, func() { req.WriteString("three"); req.Finish() })
	}))
	root.PutChild("pulled", web.RenderFunc(func(req *web.Request) {
		req.RegisterPullProducer(&pulledProse{req: req, rest: prose, size: 1000})
	}))
	root.PutChild("pushed", web.RenderFunc(func(req *web.Request) {
		p := &pushedProse{req: req, rest: prose, reactor: s}
		req.RegisterProducer(p)
		p.ResumeProducing()
	}))
	root.PutChild("fails", web.RenderFunc(func(req *web.Request) { panic("a bug") }))
	root.PutChild("fails-later", web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		req.WriteString("begun")
		s.CallLater(time.Second, func() { req.Fail(errors.New("broken")) })
	}))
	root.PutChild("handler", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Await(r.Context(), task.Sleep(s, time.Second))
		echo(w, r)
	})})
	root.PutChild("stream", &echoStream{})
	root.PutChild("file", &web.File{Path: "doc.go"})
	root.PutChild("session", web.RenderFunc(func(req *web.Request) { req.GetSession() }))
	var logged []string
	s = serve(t, &web.Site{Handler: passing(&web.ResourceHandler{Root: root}), AccessLog: func(req *web.Request) {
		logged = append(logged, fmt.Sprint(req.URI, " ", web.LoggedStatus(req)))
	}})
	ask := func(path string) string {
		p := s.connect().send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		s.RunFor(5 * time.Second)
		return p.take()
	}

	p := s.connect().send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
	for i, text := range []string{"one ", "one two ", "one two three"} {
		got, complete := unchunked(t, body(string(p.got)))
		if string(got) != text || complete != (i == 2) {
			t.Errorf("%q, %v", got, complete)
		}
		s.RunFor(time.Second)
	}
	want(t, result, nil)
	want(t, inner.Err(), nil)

	p = s.connect().send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
	p.AbortConnection()
	s.Pump()
	want(t, errors.Is(result, reactor.ErrConnectionLost), true)
	s.RunFor(5 * time.Second)

	want(t, plain(t, ask("/pulled")), prose)
	want(t, plain(t, ask("/pushed")), prose)
	want(t, plain(t, ask("/none")) != "", true)
	want(t, strings.HasPrefix(header(ask("/session"), "Set-Cookie"), "GOTREQ_SESSION="), true)
	want(t, header(ask("/file"), "Content-Length") != "", true)
	want(t, body(ask("/handler?a=3")), "GET /handler [3]  true  <nil>\n")
	log := logs(t)
	want(t, head(ask("/fails")), "HTTP/1.1 500 Internal Server Error")
	got, complete := unchunked(t, body(ask("/fails-later")))
	want(t, fmt.Sprint(string(got), complete), "begunfalse")
	want(t, strings.Contains(log(), "a bug") && strings.Contains(log(), "broken"), true)

	// A resource that answers while it reads.
	p = s.connect().send("POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
	got, _ = unchunked(t, body(string(p.got)))
	want(t, string(got), "ABC")
	p.send("def")
	got, complete = unchunked(t, body(string(p.got)))
	want(t, fmt.Sprint(string(got), complete), "ABCDEFtrue")

	want(t, strings.Join(logged, ", "), "/later 200, /later 499, /pulled 200, /pushed 200, /none 404, /session 200, /file 200, /handler?a=3 202, /fails 500, /fails-later 500, /stream 200")
	s.Advance(time.Hour)
	want(t, len(s.DelayedCalls()), 0)
}

// echoStream writes its content in upper case as it comes, a turn later.
type echoStream struct{ web.Leaf }

func (*echoStream) StreamsContent() bool { return true }
func (*echoStream) Render(req *web.Request) {
	req.NotDoneYet()
	req.DeliverContent(&upper{req})
}

type upper struct{ req *web.Request }

func (u *upper) ContentReceived(p []byte) {
	text := strings.ToUpper(string(p))
	u.req.Clock().CallLater(0, func() { u.req.WriteString(text) })
}
func (u *upper) ContentEnded(err error) { u.req.Clock().CallLater(0, u.req.Finish) }

// TestResourceHandlerGivenUp checks a middleware that ends the context of its request.
func TestResourceHandlerGivenUp(t *testing.T) {
	var s *server
	var result error
	resource := &web.ResourceHandler{Root: web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		req.NotifyFinish().AddErrback(func(err error) (n struct{}, _ error) { result = err; return n, nil })
	})}
	given := errors.New("given up")
	s = serve(t, &web.Site{Handler: wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancelCause(r.Context())
		s.CallLater(time.Second, func() { cancel(given) })
		next.ServeHTTP(w, r.WithContext(ctx))
		http.Error(w, "later", http.StatusServiceUnavailable)
	})(resource)})
	p := s.connect().send(get)
	want(t, len(p.got), 0)
	s.RunFor(2 * time.Second)
	want(t, head(p.take()), "HTTP/1.1 503 Service Unavailable")
	want(t, errors.Is(result, given), true)
	s.Advance(time.Hour)
	want(t, len(s.DelayedCalls()), 0)
}

// TestResourceHandlerBackPressure checks that a client that does not read stops the source of
// the body through a middleware.
func TestResourceHandlerBackPressure(t *testing.T) {
	text := noise()
	var s *server
	var p *pushedProse
	s = serve(t, &web.Site{Handler: passing(&web.ResourceHandler{Root: web.RenderFunc(func(req *web.Request) {
		p = &pushedProse{req: req, rest: text, reactor: s}
		req.RegisterProducer(p)
		p.ResumeProducing()
	})})})
	c := s.connect()
	c.PauseProducing()
	c.send(get)
	for range 1000 {
		s.turn()
	}
	if p.written > 1<<20 || p.written == 0 {
		t.Errorf("%d bytes were made for a client that reads nothing", p.written)
	}
	c.ResumeProducing()
	s.Pump()
	want(t, plain(t, c.take()) == text, true)
}

// TestResourceHandlerElsewhere checks that a ResourceHandler says what it needs.
func TestResourceHandlerElsewhere(t *testing.T) {
	defer func() {
		want(t, fmt.Sprint(recover()), "web: a ResourceHandler answers only requests that a web.Site has received")
	}()
	(&web.ResourceHandler{Root: &web.Node{}}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

// TestResourceHandlerHeaders checks that the headers of a middleware and those of a resource
// meet as those of two http.Handlers do.
func TestResourceHandlerHeaders(t *testing.T) {
	logs(t)
	page := func(f func(http.Header)) web.Resource {
		return web.RenderFunc(func(req *web.Request) {
			if f != nil {
				f(req.ResponseHeader)
			}
			req.WriteString(prose[:2000])
		})
	}
	root := &web.Node{}
	root.PutChild("plain", page(nil))
	root.PutChild("adds", page(func(h http.Header) { h.Add("Set-Cookie", "b=2"); h.Add("Vary", "Cookie") }))
	root.PutChild("sets", page(func(h http.Header) { h.Set("Vary", "Cookie"); h.Set("Content-Type", "text/css") }))
	root.PutChild("deletes", page(func(h http.Header) { h.Del("X-Frame-Options") }))
	root.PutChild("trailer", page(func(h http.Header) { h.Set("Trailer", "X-B"); h.Set("X-B", "2") }))
	root.PutChild("coded", &web.EncodingResource{Resource: page(nil)})
	root.PutChild("panics", page(func(h http.Header) { h.Set("X-Own", "1"); h.Del("Vary"); panic("a bug") }))
	s := serve(t, &web.Site{Handler: wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Set-Cookie", "a=1")
		h.Set("Vary", "Origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Type", "application/json")
		if r.URL.Path == "/trailer" {
			h.Set("Trailer", "X-A")
		}
		next.ServeHTTP(w, r)
		h.Set("X-A", "1")
	})(&web.ResourceHandler{Root: root})})
	const common = "map[Content-Length:[2000] Content-Type:[application/json] Set-Cookie:[a=1] Vary:[Origin] X-Frame-Options:[DENY]]"
	for path, wanted := range map[string]string{
		"/plain":   common,
		"/adds":    strings.NewReplacer("a=1", "a=1 b=2", "Origin", "Origin Cookie").Replace(common),
		"/sets":    strings.NewReplacer("Origin", "Cookie", "application/json", "text/css").Replace(common),
		"/deletes": strings.Replace(common, " X-Frame-Options:[DENY]", "", 1),
		"/trailer": strings.NewReplacer("Content-Length:[2000] ", "", "Vary", "Trailer:[X-A X-B] Transfer-Encoding:[chunked] Vary").Replace(common),
		"/coded":   strings.NewReplacer("Content-Length:[2000]", "Content-Encoding:[gzip] Content-Length:[LENGTH]", "Origin", "Origin Accept-Encoding").Replace(common),
		"/panics":  strings.NewReplacer("2000", "22", "application/json", "text/plain; charset=utf-8", "X-Frame", "X-Content-Type-Options:[nosniff] X-Frame").Replace(common),
	} {
		got := s.get(path, "Accept-Encoding: gzip")
		if path == "/coded" {
			wanted = strings.Replace(wanted, "LENGTH", header(got, "Content-Length"), 1)
		}
		want(t, path+" "+fmt.Sprint(heads(got)), path+" "+wanted)
		if path == "/trailer" {
			want(t, strings.HasSuffix(got, "\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n"), true)
		}
	}
}

// TestResourceHandlerTarget checks URLs of which http.StripPrefix leaves no slash.
func TestResourceHandlerTarget(t *testing.T) {
	s := serve(t, &web.Site{Handler: http.StripPrefix("/api/", &web.ResourceHandler{Root: web.RenderFunc(func(req *web.Request) {
		fmt.Fprint(req, req.Path, " ", req.Args, " ", req.GetRequestHostname())
	})})})
	for target, wanted := range map[string]string{
		"/api/":                                "/ map[] an.example",
		"/api/a?b=c":                           "/a map[b:[c]] an.example",
		"/api/*":                               "/* map[] an.example",
		"/api/http://evil.example/a":           "/http://evil.example/a map[] an.example",
		"http://an.example/api/a":              "/a map[] an.example",
		"http://b.example/api/?u=http://a/b/c": "/ map[u:[http://a/b/c]] b.example",
	} {
		want(t, body(s.get(target)), wanted)
	}
}

// TestResourceHandlerForwarded checks what resources see behind a proxy and a middleware that
// changes the request.
func TestResourceHandlerForwarded(t *testing.T) {
	for host, wanted := range map[string]string{
		"":              "192.0.2.7:0 https://b.example:8443 b.example",
		"other.example": "192.0.2.7:0 https://other.example other.example",
	} {
		s := serve(t, &web.Site{Proxies: named(forAll...), Handler: wrap(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
			if host != "" {
				r.Host = host
			}
			clear(r.Header)
			next.ServeHTTP(w, r)
		})(&web.ResourceHandler{Root: web.RenderFunc(seen)})})
		want(t, body(s.get("/", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: b.example", "X-Forwarded-Port: 8443")), wanted)
	}
}

// TestResourceHandlerEncoding checks that an EncodingResource below a ResourceHandler replaces the
// Encoding of the Site, also by no coding.
func TestResourceHandlerEncoding(t *testing.T) {
	never := func(string) bool { return false }
	root := &web.Node{}
	root.PutChild("site", web.RenderFunc(func(req *web.Request) { req.WriteString(prose[:2000]) }))
	root.PutChild("never", &web.EncodingResource{Resource: root, Encoding: web.Encoding{Types: never}})
	root.PutChild("br", &web.EncodingResource{Resource: root, Encoding: web.Encoding{Encoders: []web.Encoder{web.BrotliEncoder}}})
	for _, encoding := range []*web.Encoding{{}, nil} {
		s := serve(t, &web.Site{Encoding: encoding, Handler: &web.ResourceHandler{Root: root}})
		for path, coding := range map[string]string{"/site": "gzip", "/never/site": "", "/br/site": "br"} {
			if encoding == nil && path == "/site" {
				coding = ""
			}
			got := s.get(path, "Accept-Encoding: gzip, br;q=0.5")
			want(t, header(got, "Content-Encoding"), coding)
			want(t, plain(t, got), prose[:2000])
		}
	}
}
