package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests what does not depend on the version of HTTP with both versions.

// An exchange is a client in memory, and a note of what happens.
type exchange struct {
	*treqtesting.StubTreq
	shown []string // names of headers that are noted
	notes strings.Builder
}

func (x *exchange) note(format string, args ...any) { fmt.Fprintf(&x.notes, format+"\n", args...) }

// begin sends a request, and notes the response when it has come.
func (x *exchange) begin(method, path string, options ...client.Option) *deferred.Deferred[*response.Response] {
	d := x.Request(method, "http://an.example"+path, options...)
	d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		if err != nil {
			x.note("%s %s failed", method, path)
			return resp, nil
		}
		resp.Text().AddBoth(func(text string, err error) (string, error) {
			fmt.Fprintf(&x.notes, "%s %s %d", method, path, resp.Code)
			for _, name := range x.shown {
				if value := resp.Header.Get(name); value != "" {
					fmt.Fprintf(&x.notes, " %s:%s", name, value)
				}
			}
			switch {
			case err != nil:
				fmt.Fprint(&x.notes, " cut short")
			case len(text) > 200:
				fmt.Fprintf(&x.notes, " %d bytes", len(text))
			default:
				fmt.Fprintf(&x.notes, " %q", text)
			}
			if resp.Trailer != nil {
				fmt.Fprintf(&x.notes, " %v", map[string][]string(resp.Trailer))
			}
			x.note("")
			return "", nil
		})
		return resp, nil
	})
	x.Flush()
	return d
}

// ask is begin for several GETs.
func (x *exchange) ask(paths ...string) {
	for _, path := range paths {
		x.begin("GET", path)
	}
}

func withHeader(name, value string) client.Option { return client.Headers{name: {value}} }

// TestBothVersions checks that a Site does the same over HTTP/1.1 and HTTP/2. What the access log
// says follows the responses.
func TestBothVersions(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "f.txt"), []byte("0123456789"), 0o600)
	os.Chtimes(filepath.Join(dir, "f.txt"), time.Unix(1e9, 0), time.Unix(1e9, 0))
	file := &web.File{Path: dir}
	long := strings.Repeat("all work and no play ", 50_000)
	proxies := func(site *web.Site) {
		site.Proxies = web.Proxies{Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	}
	gzip := func(site *web.Site) { site.Encoding = &web.Encoding{Encoders: []web.Encoder{web.GzipEncoder}} }
	node := func(children map[string]web.Resource) web.Resource {
		n := &web.Node{}
		for name, child := range children {
			n.PutChild(name, child)
		}
		return n
	}
	for _, test := range []struct {
		name  string
		site  func(*web.Site)
		shown string // headers
		// root returns the root of the site: a web.Resource, a func(*web.Request) or an http.HandlerFunc.
		root func(x *exchange) any
		run  func(x *exchange)
		want string // VERSION stands for the version
	}{
		{"a resource", nil, "Content-Type Content-Length",
			func(x *exchange) any { return hello }, func(x *exchange) { x.ask("/"); x.begin("HEAD", "/") },
			`GET / 200 Content-Type:text/plain; charset=utf-8 Content-Length:5 "hello"
GET / VERSION 200 5[]
HEAD / 200 Content-Type:text/plain; charset=utf-8 Content-Length:5 ""
HEAD / VERSION 200 0[]`},
		{"a form", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) { fmt.Fprint(req, req.Args, req.GetHeader("Content-Type")) }
			},
			func(x *exchange) {
				x.begin("POST", "/?q=1", client.Data(url.Values{"a": {"1", "2"}, "b": {"ü"}}))
			}, `POST /?q=1 200 "map[a:[1 2] b:[ü] q:[1]]application/x-www-form-urlencoded"
POST /?q=1 VERSION 200 58[]`},
		{"a form in parts", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) { fmt.Fprint(req, req.Args, req.Content.Size() > 0) }
			},
			func(x *exchange) {
				x.begin("POST", "/", client.Data(map[string]string{"a": "1"}), client.Files{{Name: "f", Value: multipart.FromReader("f.txt", strings.NewReader("text"))}})
			}, `POST / 200 "map[a:[1] f:[text]] true"
POST / VERSION 200 24[]`},
		{"a session", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) {
					s := req.GetSession()
					n, _ := s.Values["n"].(int)
					s.Values["n"] = n + 1
					fmt.Fprint(req, n)
				}
			}, func(x *exchange) { x.ask("/", "/", "/") }, `GET / 200 "0"
GET / 200 "1"
GET / 200 "2"
GET / VERSION 200 1[]
GET / VERSION 200 1[]
GET / VERSION 200 1[]`},
		{"cookies", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) { fmt.Fprintf(req, "%q", req.Header["Cookie"]) }
			}, func(x *exchange) { x.begin("GET", "/", client.Cookies{"a": "1", "b": "2", "c": "3"}) }, `GET / 200 "[\"a=1; b=2; c=3\"]"
GET / VERSION 200 17[]`},
		{"authorization", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) { fmt.Fprint(req, req.GetUser(), req.GetPassword()) }
			}, func(x *exchange) { x.begin("GET", "/", withHeader("Authorization", "Basic dTpw")) }, `GET / 200 "up"
GET / VERSION 200 2[]`},
		{"the request", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) {
					fmt.Fprint(req, req.Method, req.URI, req.Path, req.Args, req.GetRequestHostname(), req.IsSecure(), req.PrePathURL(), req.ContentLength())
				}
			}, func(x *exchange) { x.begin("PATCH", "/a%2Fb/c;d?x=y", client.Data("content")) }, `PATCH /a%2Fb/c;d?x=y 200 "PATCH/a%2Fb/c;d?x=y/a%2Fb/c;dmap[x:[y]]an.examplefalsehttp://an.example/7"
PATCH /a%2Fb/c;d?x=y VERSION 200 73[]`},
		{"a file", nil, "Content-Length Content-Range Content-Type Last-Modified",
			func(x *exchange) any { return file },
			func(x *exchange) {
				x.ask("/f.txt", "/none")
				x.begin("HEAD", "/f.txt")
				x.begin("GET", "/f.txt", withHeader("Range", "bytes=2-4"))
				x.begin("HEAD", "/f.txt", withHeader("Range", "bytes=2-4"))
				x.begin("GET", "/f.txt", withHeader("Range", "bytes=20-"))
				x.begin("GET", "/f.txt", withHeader("If-Modified-Since", "Sun, 09 Sep 2001 01:46:40 GMT"))
				x.begin("GET", "/f.txt", withHeader("If-None-Match", "*"))
				x.begin("HEAD", "/f.txt", withHeader("If-None-Match", "*"))
				x.begin("GET", "/f.txt", withHeader("If-Match", `"other"`))
			}, `GET /f.txt 200 Content-Length:10 Content-Type:text/plain; charset=utf-8 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT "0123456789"
GET /f.txt 206 Content-Length:3 Content-Range:bytes 2-4/10 Content-Type:text/plain; charset=utf-8 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT "234"
GET /f.txt 304 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT ""
GET /f.txt 304 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT ""
GET /f.txt 412 Content-Length:0 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT ""
GET /f.txt 416 Content-Length:0 Content-Range:bytes */10 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT ""
GET /f.txt VERSION 200 10[]
GET /f.txt VERSION 206 3[]
GET /f.txt VERSION 304 0[]
GET /f.txt VERSION 304 0[]
GET /f.txt VERSION 412 0[]
GET /f.txt VERSION 416 0[]
GET /none 404 Content-Length:150 Content-Type:text/html; charset=utf-8 "<!DOCTYPE html>\n<html>\n<head><title>404 - Not Found</title></head>\n<body>\n<h1>Not Found</h1>\n<p>There is nothing at this address.</p>\n</body>\n</html>\n"
GET /none VERSION 404 150[]
HEAD /f.txt 200 Content-Length:10 Content-Type:text/plain; charset=utf-8 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT ""
HEAD /f.txt 200 Content-Length:10 Content-Type:text/plain; charset=utf-8 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT ""
HEAD /f.txt 304 Last-Modified:Sun, 09 Sep 2001 01:46:40 GMT ""
HEAD /f.txt VERSION 200 0[]
HEAD /f.txt VERSION 200 0[]
HEAD /f.txt VERSION 304 0[]`},
		{"an encoding", gzip, "Vary",
			func(x *exchange) any { return func(req *web.Request) { req.WriteString(long) } },
			func(x *exchange) {
				x.ask("/")
				x.begin("HEAD", "/")
				x.begin("GET", "/", withHeader("Accept-Encoding", "identity"))
			}, `GET / 200 Vary:Accept-Encoding 1050000 bytes
GET / 200 Vary:Accept-Encoding 1050000 bytes
GET / VERSION 200 2649[gzip]
GET / VERSION 200 2649[gzip]
HEAD / 200 Vary:Accept-Encoding ""
HEAD / VERSION 200 0[gzip]`},
		{"an encoding and trailers", gzip, "",
			func(x *exchange) any {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Trailer", "X-Sum")
					io.WriteString(w, long)
					w.Header().Set("X-Sum", "1")
				})
			}, func(x *exchange) { x.ask("/") }, `GET / 200 1050000 bytes map[X-Sum:[1]]
GET / VERSION 200 2654[gzip]`},
		{"proxies", proxies, "",
			func(x *exchange) any {
				return func(req *web.Request) {
					fmt.Fprint(req, req.GetClientAddress(), " ", req.IsSecure(), " ", req.GetRequestHostname(), " ", req.PrePathURL())
				}
			},
			func(x *exchange) {
				x.begin("GET", "/a", client.Headers{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"seen.example"}})
			}, `GET /a 200 "192.0.2.7:0 true an.example https://an.example/"
GET /a VERSION 200 47[]`},
		{"logs", nil, "",
			func(x *exchange) any {
				x.Site().AccessLog = func(req *web.Request) {
					x.note("%s", web.CommonLog(req))
					x.note("%s", web.CombinedLog(req))
					web.SlogAccessLog(slog.New(slog.NewTextHandler(&x.notes, nil)))(req)
				}
				return hello
			}, func(x *exchange) { x.begin("GET", "/?token=secret", withHeader("User-Agent", "me")) }, `

127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "GET /?token=xxxxx VERSION" 200 5
127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "GET /?token=xxxxx VERSION" 200 5 "-" "me"
GET /?token=secret 200 "hello"
time=1970-01-01T00:00:00.000Z level=INFO msg=request method=GET uri="/?token=xxxxx" proto=VERSION host=an.example status=200 bytes=5 duration=0s client=127.0.0.1:49152 agent=me`},
		{"pages", nil, "Location Allow",
			func(x *exchange) any {
				return node(map[string]web.Resource{"teapot": web.ErrorPage(418, "Teapot", "short"), "from": web.Redirect("/to"), "to": web.RenderFunc(hello),
					"data": &web.Data{Content: []byte("data"), Type: "text/x"}})
			},
			func(x *exchange) {
				x.ask("/teapot", "/from", "/none", "/data")
				x.begin("GET", "/from", client.AllowRedirects(false))
				x.begin("DELETE", "/data")
				x.begin("OPTIONS", "/data")
			}, `DELETE /data 405 Allow:GET, HEAD "<!DOCTYPE html>\n<html>\n<head><title>405 - Method Not Allowed</title></head>\n<body>\n<h1>Method Not Allowed</h1>\n<p>The method DELETE cannot be used here.</p>\n</body>\n</html>\n"
DELETE /data VERSION 405 173[]
GET /data 200 "data"
GET /data VERSION 200 4[]
GET /from 200 "hello"
GET /from 302 Location:/to "<!DOCTYPE html>\n<title>Found</title>\n<a href=\"/to\">/to</a>\n"
GET /from VERSION 302 59[]
GET /from VERSION 302 59[]
GET /none 404 "<!DOCTYPE html>\n<html>\n<head><title>404 - Not Found</title></head>\n<body>\n<h1>Not Found</h1>\n<p>There is nothing at this address.</p>\n</body>\n</html>\n"
GET /none VERSION 404 150[]
GET /teapot 418 "<!DOCTYPE html>\n<html>\n<head><title>418 - Teapot</title></head>\n<body>\n<h1>Teapot</h1>\n<p>short</p>\n</body>\n</html>\n"
GET /teapot VERSION 418 116[]
GET /to VERSION 200 5[]
OPTIONS /data 405 Allow:GET, HEAD "<!DOCTYPE html>\n<html>\n<head><title>405 - Method Not Allowed</title></head>\n<body>\n<h1>Method Not Allowed</h1>\n<p>The method OPTIONS cannot be used here.</p>\n</body>\n</html>\n"
OPTIONS /data VERSION 405 174[]`},
		{"too much content", func(site *web.Site) { site.MaxContent = 10 }, "",
			func(x *exchange) any { return hello },
			func(x *exchange) {
				x.begin("POST", "/", client.Data("much too long"))
				x.begin("POST", "/", client.Data(io.MultiReader(strings.NewReader("much "), strings.NewReader("too long"))))
				x.ask("/")
			}, `GET / 200 "hello"
GET / VERSION 200 5[]
POST / 413 "the content of the request is more than 10 bytes\n"
POST / 413 "the content of the request is more than 10 bytes\n"
POST / VERSION 413 49[]
POST / VERSION 413 49[]`},
		{"too many fields", func(site *web.Site) { site.MaxFields = 2 }, "",
			func(x *exchange) any { return hello }, func(x *exchange) { x.ask("/?a&b&c", "/?a&b") }, `GET /?a&b 200 "hello"
GET /?a&b VERSION 200 5[]
GET /?a&b&c 413 "the query of the request: too many fields: more than 2\n"
GET /?a&b&c VERSION 413 55[]`},
		{"Expect: 100-continue", nil, "",
			func(x *exchange) any { return func(req *web.Request) { io.Copy(req, req.Content) } },
			func(x *exchange) {
				x.begin("POST", "/", client.Data("content"), client.ExpectContinue(time.Minute))
			}, `POST / 200 "content"
POST / VERSION 200 7[]`},
		{"producers", nil, "Content-Length",
			func(x *exchange) any {
				return func(req *web.Request) {
					if req.Path == "/pull" {
						req.RegisterPullProducer(&portions{req, []byte(long), 10_000})
					} else {
						p := &untilPaused{req: req, left: []byte(long)}
						req.RegisterProducer(p)
						p.write()
					}
				}
			}, func(x *exchange) {
				x.begin("GET", "/pull")
				x.begin("HEAD", "/pull")
				x.begin("GET", "/push")
			}, `GET /pull 200 1050000 bytes
GET /pull VERSION 200 1050000[]
GET /push 200 Content-Length:1050000 1050000 bytes
GET /push VERSION 200 1050000[]
HEAD /pull 200 ""
HEAD /pull VERSION 200 0[]`},
		{"a large write", nil, "Content-Length",
			func(x *exchange) any {
				return func(req *web.Request) { req.WriteString(long); req.WriteString("!"); req.WriteString(long) }
			}, func(x *exchange) { x.ask("/") }, `GET / 200 Content-Length:2100001 2100001 bytes
GET / VERSION 200 2100001[]`},
		{"in other turns", nil, "Content-Length",
			func(x *exchange) any {
				return func(req *web.Request) {
					req.NotDoneYet()
					for i := range 3 {
						x.Reactor().CallLater(time.Duration(i)*time.Second, func() { fmt.Fprint(req, i) })
					}
					x.Reactor().CallLater(3*time.Second, req.Finish)
				}
			}, func(x *exchange) { x.ask("/"); x.Advance(3 * time.Second) }, `GET / 200 "012"
GET / VERSION 200 3[]`},
		{"NotifyFinish", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) {
					req.NotifyFinish().AddBoth(func(n deferred.None, err error) (deferred.None, error) {
						x.note("finished %v", err == nil)
						return n, nil
					})
					if req.Path == "/wait" {
						req.NotDoneYet()
					}
				}
			}, func(x *exchange) { x.ask("/"); x.begin("GET", "/wait").Cancel(); x.Flush() }, `GET / 200 ""
GET / VERSION 200 0[]
GET /wait VERSION 499 0[]
GET /wait failed
finished false
finished true`},
		{"FinishWhen", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) {
					d := deferred.NewCancellable(func(*deferred.Deferred[int]) { x.note("cancelled") })
					web.FinishWhen(req, d)
					switch req.Path {
					case "/done":
						d.Callback(1)
					case "/fails":
						d.Errback(errors.New("oops"))
					}
				}
			}, func(x *exchange) { x.ask("/done", "/fails"); x.begin("GET", "/wait").Cancel(); x.Flush() }, `GET /done 200 ""
GET /done VERSION 200 0[]
GET /fails 500 "Internal Server Error\n"
GET /fails VERSION 500 22[]
GET /wait VERSION 499 0[]
GET /wait failed
cancelled`},
		{"Fail", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) {
					req.NotDoneYet()
					if req.Path == "/late" {
						req.WriteString("some")
						x.Reactor().CallLater(time.Second, func() { req.Fail(errors.New("oops")) })
					} else {
						req.Fail(errors.New("oops"))
					}
				}
			}, func(x *exchange) { x.ask("/", "/late"); x.Advance(time.Second) }, `GET / 500 "Internal Server Error\n"
GET / VERSION 500 22[]
GET /late 200 cut short
GET /late VERSION 500 4[]`},
		{"a short body", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) { req.SetHeader("Content-Length", "10"); req.WriteString("short") }
			}, func(x *exchange) { x.ask("/") }, `GET / 200 cut short
GET / VERSION 200 5[]`},
		{"codes without a body", nil, "",
			func(x *exchange) any {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(map[string]int{"/204": 204, "/304": 304}[r.URL.Path])
					_, err := io.WriteString(w, "x")
					x.note("%v", err)
				})
			}, func(x *exchange) { x.ask("/204", "/304") }, `GET /204 204 ""
GET /204 VERSION 204 0[]
GET /304 304 ""
GET /304 VERSION 304 0[]
http: request method or response status code does not allow body
http: request method or response status code does not allow body`},
		{"a handler's request", nil, "",
			func(x *exchange) any {
				return node(map[string]web.Resource{"app": &web.HandlerResource{InThreads: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprint(w, r.Method, r.URL, r.Host, r.Proto, r.ContentLength, r.RemoteAddr != "", r.RequestURI, r.TLS == nil, r.FormValue("a"))
				})}})
			}, func(x *exchange) { x.begin("POST", "/app/x?y=z", client.Data(url.Values{"a": {"1"}})) }, `POST /app/x?y=z 200 "POST/app/x?y=zan.exampleVERSION3 true/app/x?y=ztrue1"
POST /app/x?y=z VERSION 200 53[]`},
		{"a ResourceHandler", nil, "",
			func(x *exchange) any {
				return http.StripPrefix("/api", &web.ResourceHandler{Root: node(map[string]web.Resource{"hello": web.RenderFunc(hello)})}).(http.HandlerFunc)
			}, func(x *exchange) { x.ask("/api/hello", "/api/none", "/hello"); x.begin("HEAD", "/api/hello") }, `GET /api/hello 200 "hello"
GET /api/hello VERSION 200 5[]
GET /api/none 404 "<!DOCTYPE html>\n<html>\n<head><title>404 - Not Found</title></head>\n<body>\n<h1>Not Found</h1>\n<p>There is nothing at this address.</p>\n</body>\n</html>\n"
GET /api/none VERSION 404 150[]
GET /hello 404 "404 page not found\n"
GET /hello VERSION 404 19[]
HEAD /api/hello 200 ""
HEAD /api/hello VERSION 200 0[]`},
		{"trailers", nil, "",
			func(x *exchange) any {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Trailer", "X-Announced")
					io.WriteString(w, "body")
					w.(http.Flusher).Flush()
					w.Header().Set("X-Announced", "1")
					w.Header().Set(http.TrailerPrefix+"X-Late", "2")
				})
			}, func(x *exchange) { x.ask("/") }, `GET / 200 "body" map[X-Announced:[1] X-Late:[2]]
GET / VERSION 200 4[]`},
		{"both ways at once", nil, "",
			func(x *exchange) any {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					http.NewResponseController(w).EnableFullDuplex()
					io.Copy(w, r.Body)
				})
			}, func(x *exchange) { x.begin("POST", "/", client.Data(strings.NewReader(long))) }, `POST / 200 1050000 bytes
POST / VERSION 200 1050000[]`},
		{"Flush", nil, "",
			func(x *exchange) any {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "a")
					w.(http.Flusher).Flush()
					web.Await(r.Context(), task.Sleep(x.Reactor(), time.Second))
					io.WriteString(w, "b")
				})
			}, func(x *exchange) {
				x.begin("GET", "/").AddCallback(func(resp *response.Response) (*response.Response, error) {
					x.note("the head")
					return resp, nil
				})
				x.Advance(time.Second)
			}, `GET / 200 "ab"
GET / VERSION 200 2[]
the head`},
		{"panics", nil, "",
			func(x *exchange) any {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/" {
						panic("oops")
					}
					io.WriteString(w, "some")
					w.(http.Flusher).Flush()
					web.Await(r.Context(), task.Sleep(x.Reactor(), time.Second))
					if r.URL.Path == "/abort" {
						panic(http.ErrAbortHandler)
					}
					panic("oops")
				})
			}, func(x *exchange) { x.ask("/", "/late", "/abort"); x.Advance(time.Second) }, `GET / 500 "Internal Server Error\n"
GET / VERSION 500 22[]
GET /abort 200 cut short
GET /abort VERSION 500 4[]
GET /late 200 cut short
GET /late VERSION 500 4[]`},
		{"MaxBytesReader", nil, "",
			func(x *exchange) any {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10))
					http.Error(w, fmt.Sprint(err), http.StatusRequestEntityTooLarge)
				})
			}, func(x *exchange) { x.begin("POST", "/", client.Data(long)); x.ask("/") }, `GET / 413 "<nil>\n"
GET / VERSION 413 6[]
POST / 413 "http: request body too large\n"
POST / VERSION 413 29[]`},
		{"the context", nil, "",
			func(x *exchange) any {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() { x.note("%v %v", r.Context().Err(), context.Cause(r.Context())) }()
					web.Await(r.Context(), deferred.New[int]())
				})
			}, func(x *exchange) { x.begin("GET", "/").Cancel(); x.Flush() }, `GET / VERSION 499 0[]
GET / failed
context canceled context canceled`},
		{"cancelled in the body", nil, "",
			func(x *exchange) any {
				return func(req *web.Request) {
					req.NotDoneYet()
					req.WriteString("some")
					x.Reactor().CallLater(2*time.Second, func() {
						_, err := req.WriteString("more")
						x.note("%v", err)
						req.Finish()
					})
				}
			}, func(x *exchange) {
				x.begin("GET", "/", client.TotalTimeout(time.Second))
				x.Advance(time.Second)
				x.Advance(time.Second)
			}, `GET / 200 cut short
GET / VERSION 499 4[]
web: the connection was lost`},
	} {
		for _, http2 := range []bool{false, true} {
			version := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[http2]
			t.Run(test.name+" "+version, func(t *testing.T) {
				logs(t)
				x := &exchange{shown: strings.Fields(test.shown)}
				var root web.Resource
				x.StubTreq = treqtesting.NewStubTreq(web.RenderFunc(hello), treqtesting.Config{HTTP2: http2})
				site := x.Site()
				site.AccessLog = func(req *web.Request) {
					x.note("%s %s %s %d %d%s", req.Method, req.URI, req.Version, web.LoggedStatus(req), req.Sent(), req.ResponseHeader["Content-Encoding"])
				}
				switch r := test.root(x).(type) {
				case func(*web.Request):
					root = web.RenderFunc(r)
				case http.HandlerFunc:
					root = &web.HandlerResource{Handler: r}
				case web.Resource:
					root = r
				}
				site.Root = root
				if test.site != nil {
					test.site(site)
				}
				test.run(x)
				x.Flush()
				got := strings.Split(strings.TrimSpace(strings.ReplaceAll(x.notes.String(), version, "VERSION")), "\n")
				slices.Sort(got) // the log may come before the response, or after it
				if text := strings.Join(got, "\n"); text != test.want {
					t.Errorf("got\n%s\nwant\n%s", text, test.want)
				}
			})
		}
	}
}

// An untilPaused producer writes until it is paused.
type untilPaused struct {
	req    *web.Request
	left   []byte
	paused bool
}

func (p *untilPaused) PauseProducing()  { p.paused = true }
func (p *untilPaused) StopProducing()   { p.left = nil }
func (p *untilPaused) ResumeProducing() { p.paused = false; p.write() }
func (p *untilPaused) write() {
	for !p.paused && len(p.left) != 0 {
		n := min(10_000, len(p.left))
		p.req.Write(p.left[:n])
		p.left = p.left[n:]
	}
	if len(p.left) == 0 {
		p.req.UnregisterProducer()
		p.req.Finish()
	}
}
