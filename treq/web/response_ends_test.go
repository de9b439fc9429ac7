package web_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests the ends of responses that net/http's server ends in the same way: after a panic, of a HEAD, and with
// trailers.

// TestFlushedBytesOutliveAPanic checks that what was flushed is sent, in order, though the response ends in the same turn, and
// that the client sees that it is not complete.
func TestFlushedBytesOutliveAPanic(t *testing.T) {
	large := strings.Repeat("x", 20_000)
	flushed := func(end func(), parts ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for _, part := range parts {
				io.WriteString(w, part)
				w.(http.Flusher).Flush()
			}
			io.WriteString(w, "not flushed")
			end()
		}
	}
	later := func(f func(*web.Request)) web.Resource {
		return web.RenderFunc(func(req *web.Request) {
			req.NotDoneYet()
			req.WriteString("a")
			f(req)
		})
	}
	abort := func() { panic(http.ErrAbortHandler) }
	coded := func(h http.Handler) web.Resource {
		return &web.EncodingResource{Resource: &web.HandlerResource{Handler: h}, Encoding: web.Encoding{Encoders: []web.Encoder{keeping}}}
	}
	for _, test := range []struct {
		name   string
		root   web.Resource
		header []string
		want   string // the body; over HTTP/1.1 in chunks
		length bool   // the body has a Content-Length
	}{
		{"a panic", &web.HandlerResource{Handler: flushed(func() { panic("oops") }, "a", "b")}, nil, "ab", false},
		{"an abort", &web.HandlerResource{Handler: flushed(abort, "a", "b")}, nil, "ab", false},
		{"large", &web.HandlerResource{Handler: flushed(abort, large, large)}, nil, large + large, false},
		{"a Content-Length", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			flushed(abort, "a", "b")(w, r)
		})}, nil, "ab", true},
		{"in a thread", &web.HandlerResource{Handler: flushed(abort, "a", "b"), InThreads: true}, nil, "ab", false},
		{"coded", coded(flushed(abort, "a", "b")), []string{"Accept-Encoding: identical"}, "ab", false},
		{"behind a handler", &web.HandlerResource{Handler: &web.ResourceHandler{Root: later(func(req *web.Request) {
			req.Clock().CallLater(0, func() { req.WriteString("b"); req.Fail(errors.New("oops")) })
		})}}, nil, "ab", false},
		{"Fail", later(func(req *web.Request) {
			req.Clock().CallLater(0, func() { req.WriteString("b"); req.Fail(errors.New("oops")) })
		}), nil, "ab", false},
		{"Fail with ErrAbortHandler", later(func(req *web.Request) {
			req.Clock().CallLater(0, func() { req.WriteString("b"); req.Fail(http.ErrAbortHandler) })
		}), nil, "ab", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs(t)
			ends := 0
			s := serve(t, &web.Site{Root: test.root, AccessLog: func(*web.Request) { ends++ }})
			p := s.connect()
			p.send("GET / HTTP/1.1\r\nHost: x\r\n" + lines(test.header) + "\r\n")
			got := body(p.take())
			if !test.length {
				text, err := chunks(got)
				want(t, fmt.Sprint(err), "unexpected EOF")
				got = text
			}
			want(t, got, test.want)
			want(t, p.ended, true)
			want(t, ends, 1)
			c := s.dial()
			a := c.get("/", test.header...).wait()
			want(t, string(a.body), test.want)
			want(t, a.reset != nil, true)
			want(t, ends, 2)
			c.gone(t)
		})
	}
}

// TestAbortOfABodyUntilTheEnd checks that the client of a body that ends with the connection sees by a reset that it is not
// complete.
func TestAbortOfABodyUntilTheEnd(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "some")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	p := s.connect().send("GET / HTTP/1.0\r\n\r\n")
	want(t, errors.Is(p.lost, reactor.ErrConnectionReset), true)
}

// chunks reads a body in chunks.
func chunks(s string) (string, error) {
	resp, err := http.ReadResponse(newReader(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+s)), nil)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// keeping is an Encoder that changes nothing, but keeps everything back until Flush.
var keeping = web.Encoder{Name: "identical", Open: func(w io.Writer) web.EncodingWriter { return &keepingWriter{w: w} }}

type keepingWriter struct {
	w    io.Writer
	kept []byte
}

func (w *keepingWriter) Write(p []byte) (int, error) {
	w.kept = append(w.kept, p...)
	return len(p), nil
}
func (w *keepingWriter) Close() error { return w.Flush() }
func (w *keepingWriter) Flush() error {
	_, err := w.w.Write(w.kept)
	w.kept = nil
	return err
}

// TestHeadEndsWithItsHead checks that the response to a HEAD is complete for the client with its head, while the resource goes
// on: what it writes is dropped, and it learns of the end, or of the connection's loss.
func TestHeadEndsWithItsHead(t *testing.T) {
	for _, test := range []struct {
		name    string
		content int    // of the request; -1: it ends later
		end     string // how the response ends
		want    string // what NotifyFinish says
	}{
		{"finished", 0, "finish", "<nil>"},
		{"with content", 5, "finish", "<nil>"},
		{"with content that ends later", -1, "finish", "<nil>"},
		{"failed", 0, "fail", "connection was aborted"},
		{"lost", 0, "lose", "connection was reset by the peer"},
		{"lost with content", -1, "lose", "connection was reset by the peer"},
		{"the client ends its side", 0, "eof", "connection was closed cleanly"},
		{"a shutdown", 0, "shutdown", "<nil>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs(t)
			var req *web.Request
			var notes []string
			s := serveRoot(t, &streamingFunc{render: func(r *web.Request) {
				req = r
				r.NotDoneYet()
				r.NotifyFinish().AddBoth(func(n deferred.None, err error) (deferred.None, error) {
					notes = append(notes, fmt.Sprint(err))
					return n, nil
				})
				r.WriteString("some")
				r.DeliverContent(&contentNotes{&notes})
			}})
			c := s.dial()
			a := c.begin("HEAD", "/", nil, int64(test.content), test.content == 0)
			if test.content > 0 {
				a.send("abcde", true)
			}
			a.wait()
			want(t, fmt.Sprint(a.code, a.ended, a.reset, len(a.body)), "200 true <nil> 0")
			if test.content < 0 {
				a.send("fghij", true).wait()
			}
			want(t, strings.Join(notes, " "), "content <nil>")
			notes = nil
			_, err := req.WriteString("more")
			want(t, err, nil)
			shut := false
			switch test.end {
			case "finish":
				req.Finish()
			case "fail":
				req.Fail(errors.New("oops"))
			case "lose":
				c.transport.AbortConnection()
			case "eof":
				c.halfOpen = true
				c.transport.LoseWriteConnection()
			case "shutdown":
				s.site.Shutdown().AddCallback(func(n deferred.None) (deferred.None, error) { shut = true; return n, nil })
				s.Pump()
				want(t, shut, false)
				req.Finish()
			}
			s.Pump()
			want(t, strings.Join(notes, " "), test.want)
			if test.end == "eof" {
				req.Finish()
				s.Pump()
				want(t, c.ended, true)
			}
			want(t, shut, test.end == "shutdown")
			if test.end == "finish" {
				s.Advance(30 * time.Second) // the connection is idle, and open
				next := c.get("/").wait()
				want(t, next.code, 200)
			}
			c.gone(t)
		})
	}
}

// A streamingFunc is a resource that streams.
type streamingFunc struct {
	web.Leaf
	render func(*web.Request)
}

func (*streamingFunc) StreamsContent() bool      { return true }
func (r *streamingFunc) Render(req *web.Request) { r.render(req) }

type contentNotes struct{ notes *[]string }

func (c *contentNotes) ContentReceived([]byte) {}
func (c *contentNotes) ContentEnded(err error) {
	*c.notes = append(*c.notes, fmt.Sprint("content ", err))
}

// TestHeadsThatGoOnHaveABound checks that resources which go on after the head of a HEAD do not add up, and keep no other
// request from being answered: the oldest are told to end.
func TestHeadsThatGoOnHaveABound(t *testing.T) {
	running, told := 0, 0
	c := serveH2(t, &web.Site{HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 5}, Root: web.RenderFunc(func(req *web.Request) {
		running++
		req.NotDoneYet()
		req.WriteString("x")
		req.NotifyFinish().AddErrback(func(error) (deferred.None, error) { told++; return deferred.None{}, nil })
	})})
	for range 30 {
		want(t, c.begin("HEAD", "/", nil, 0, true).wait().reset == nil, true)
	}
	want(t, running, 30)
	want(t, told, 25)
	want(t, c.get("/").wait().code, 200)
	c.gone(t)
	want(t, told, 31)
}

// TestTrailersAndContentLength checks that trailers of a body whose length is known are sent over HTTP/2, and are left out with
// a word in the log over HTTP/1.1.
func TestTrailersAndContentLength(t *testing.T) {
	set := func(length string, flush, explicit bool, names ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			for _, name := range names {
				if !strings.HasPrefix(name, http.TrailerPrefix) {
					w.Header().Add("Trailer", name)
				}
			}
			if explicit {
				w.WriteHeader(200)
			}
			io.WriteString(w, "body")
			if flush {
				w.(http.Flusher).Flush()
			}
			for _, name := range names {
				w.Header().Set(name, "1")
			}
		}
	}
	const late = http.TrailerPrefix + "X-Late"
	for _, test := range []struct {
		name     string
		handler  http.HandlerFunc
		method   string
		trailers string // over HTTP/2
		http1    bool   // over HTTP/1.1 too
		logged   bool   // over HTTP/1.1
	}{
		{"announced", set("4", false, false, "X-A"), "GET", "map[X-A:[1]]", false, true},
		{"announced and flushed", set("4", true, false, "X-A"), "GET", "map[X-A:[1]]", false, true},
		{"announced, with a code", set("4", false, true, "X-A"), "GET", "map[X-A:[1]]", false, true},
		{"late", set("4", false, false, late), "GET", "map[X-Late:[1]]", false, true},
		{"late and flushed", set("4", true, false, late), "GET", "map[X-Late:[1]]", false, true},
		{"late, with a code", set("4", false, true, late), "GET", "map[X-Late:[1]]", false, true},
		{"both", set("4", false, false, "X-A", late), "GET", "map[X-A:[1] X-Late:[1]]", false, true},
		{"no length", set("", false, false, "X-A", late), "GET", "map[X-A:[1] X-Late:[1]]", true, false},
		{"no length, late, with a code", set("", false, true, late), "GET", "map[X-Late:[1]]", true, false},
		{"none", set("4", false, false), "GET", "map[]", false, false},
		{"none, flushed", set("4", true, false), "GET", "map[]", false, false},
		{"HEAD", set("4", false, false, "X-A"), "HEAD", "map[]", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := logs(t)
			s := serveHandler(t, test.handler)
			p := s.connect().send(test.method + " / HTTP/1.1\r\nHost: x\r\n\r\n")
			got := p.take()
			resp, err := http.ReadResponse(newReader(strings.NewReader(got)), &http.Request{Method: test.method})
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			if err != nil || string(text) != map[string]string{"GET": "body", "HEAD": ""}[test.method] {
				t.Errorf("%q, %v", text, err)
			}
			want(t, strings.Contains(fmt.Sprint(resp.Trailer), "[1]"), test.http1)
			want(t, strings.Contains(log(), "trailers are left out"), test.logged)
			want(t, p.ended, false)
			before := log()
			c := s.dial()
			a := c.begin(test.method, "/", nil, 0, true).wait()
			want(t, fmt.Sprint(a.ended, a.reset == nil, len(a.body) == len(text)), "true true true")
			want(t, fmt.Sprint(map[string][]string(a.trailer)), test.trailers)
			want(t, log(), before)
			p.AbortConnection()
			c.gone(t)
		})
	}
}
