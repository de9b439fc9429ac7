package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// prose is a text that compresses well. It is longer than a burst and than a piece.
var prose = strings.Repeat("It was a bright cold day in April, and the clocks were striking thirteen.\n", 5000)

// unchunked returns as much of a chunked body as has come, and whether it is complete.
func unchunked(t *testing.T, body string) (got []byte, complete bool) {
	t.Helper()
	for {
		var size int
		line, rest, found := strings.Cut(body, "\r\n")
		if !found {
			return got, false
		}
		if _, err := fmt.Sscanf(line, "%x", &size); err != nil {
			t.Fatalf("%v in %.100q", err, body)
		}
		if size == 0 {
			return got, true
		}
		if len(rest) < size {
			return append(got, rest...), false
		}
		got = append(got, rest[:size]...)
		body = strings.TrimPrefix(rest[size:], "\r\n")
	}
}

// decoded decodes a body, as much of it as can be decoded.
func decoded(t *testing.T, coding string, coded []byte) (string, error) {
	t.Helper()
	var r io.Reader = bytes.NewReader(coded)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1)); err == nil {
			defer d.Close()
			r = d
		}
	default:
		return string(coded), nil
	}
	if err != nil {
		return "", err
	}
	var all bytes.Buffer
	_, err = io.Copy(&all, r)
	return all.String(), err
}

// plain returns the decoded body of a whole response.
func plain(t *testing.T, response string) string {
	t.Helper()
	coded := []byte(body(response))
	if header(response, "Transfer-Encoding") == "chunked" {
		var complete bool
		if coded, complete = unchunked(t, body(response)); !complete {
			t.Errorf("the body is not complete")
		}
	}
	text, err := decoded(t, header(response, "Content-Encoding"), coded)
	if err != nil {
		t.Errorf("decoding %s: %v", header(response, "Content-Encoding"), err)
	}
	return text
}

// TestAcceptEncoding checks which coding is chosen.
func TestAcceptEncoding(t *testing.T) {
	s := serve(t, &web.Site{Encoding: &web.Encoding{}, Root: web.RenderFunc(func(req *web.Request) { req.WriteString(prose[:5000]) })})
	for _, test := range []struct {
		accept string // "" for no header
		want   string
	}{
		{"", ""},
		{"Accept-Encoding:", ""},
		{"Accept-Encoding: gzip", "gzip"},
		{"Accept-Encoding: x-gzip", "gzip"},
		{"Accept-Encoding: GZip", "gzip"},
		{"Accept-Encoding: br", "br"},
		{"Accept-Encoding: zstd", "zstd"},
		{"Accept-Encoding: deflate", ""},
		{"Accept-Encoding: gzip, deflate, br, zstd", "zstd"},
		{"Accept-Encoding: gzip, deflate, br", "br"},
		{"Accept-Encoding: gzip;q=1.0, br;q=0.9", "gzip"},
		{"Accept-Encoding: gzip;q=0.5, br ; Q=0.500", "br"},
		{"Accept-Encoding: gzip;q=0.001, br;q=0", "gzip"},
		{"Accept-Encoding: gzip;q=0", ""},
		{"Accept-Encoding: *", "zstd"},
		{"Accept-Encoding: *, zstd;q=0", "br"},
		{"Accept-Encoding: *;q=0.5, gzip", "gzip"},
		{"Accept-Encoding: *;q=0", ""},
		{"Accept-Encoding: identity", ""},
		{"Accept-Encoding: identity, gzip", "gzip"},
		{"Accept-Encoding: identity;q=0.5, gzip;q=0.4", ""},
		{"Accept-Encoding: identity;q=0, gzip;q=0.1", "gzip"},
		{"Accept-Encoding: identity;q=0", ""},
		{"Accept-Encoding: gzip;q=2", ""},
		{"Accept-Encoding: gzip;q=", ""},
		{"Accept-Encoding: gzip;q=0.1234", ""},
		{"Accept-Encoding: gzip;q=-1", ""},
		{"Accept-Encoding: gzip;q=1.001", ""},
		{"Accept-Encoding: gzip;level=9", ""},
		{"Accept-Encoding: ;q=1, ,, gzip", "gzip"},
		{"Accept-Encoding: br;q=0.1\r\nAccept-Encoding: gzip", "gzip"},
	} {
		got := s.ask("GET / HTTP/1.1\r\nHost: x\r\n" + strings.TrimPrefix(test.accept+"\r\n", "\r\n") + "\r\n")
		if coding := header(got, "Content-Encoding"); coding != test.want {
			t.Errorf("%s: %q; want %q", test.accept, coding, test.want)
		}
		want(t, header(got, "Vary"), "Accept-Encoding")
		want(t, header(got, "Content-Length") == "", test.want != "")
		want(t, plain(t, got), prose[:5000])
	}
}

// TestWhatIsCoded checks which responses are coded, and their headers, of GET and of HEAD.
func TestWhatIsCoded(t *testing.T) {
	text := prose[:2000]
	for _, test := range []struct {
		name    string
		headers string // of the response
		code    int
		body    string
		request string // more headers of the request
		coded   bool
		vary    string
		more    string // a header that is expected
	}{
		{name: "text", body: text, coded: true, vary: "Accept-Encoding"},
		{name: "short", body: text[:1023], vary: "Accept-Encoding"},
		{name: "just long enough", body: text[:1024], coded: true, vary: "Accept-Encoding"},
		{name: "short, but nothing else accepted", body: "short", request: "Accept-Encoding: identity;q=0\r\n", coded: true, vary: "Accept-Encoding"},
		{name: "short, but the rest is refused", body: "short", request: "Accept-Encoding: *;q=0\r\n", coded: true, vary: "Accept-Encoding"},
		{name: "an image, but nothing else accepted", headers: "Content-Type: image/png", body: text, request: "Accept-Encoding: identity;q=0\r\n", coded: true, vary: "Accept-Encoding"},
		{name: "json", headers: "Content-Type: Application/JSON; charset=utf-8", body: text, coded: true, vary: "Accept-Encoding"},
		{name: "a suffix", headers: "Content-Type: application/problem+json", body: text, coded: true, vary: "Accept-Encoding"},
		{name: "svg", headers: "Content-Type: image/svg+xml", body: text, coded: true, vary: "Accept-Encoding"},
		{name: "image", headers: "Content-Type: image/png", body: text},
		{name: "zip", headers: "Content-Type: application/zip", body: text},
		{name: "woff2", headers: "Content-Type: font/woff2", body: text},
		{name: "epub", headers: "Content-Type: application/epub+zip", body: text},
		{name: "video", headers: "Content-Type: video/mp4", body: text},
		{name: "unknown bytes", headers: "Content-Type: application/octet-stream", body: text},
		{name: "an invalid type", headers: "Content-Type: te xt/plain", body: text},
		{name: "a sniffed image", body: "\x89PNG\r\n\x1a\n" + text},
		{name: "coded already", headers: "Content-Encoding: br", body: text},
		{name: "identity", headers: "Content-Encoding: identity", body: text},
		{name: "no-transform", headers: "Cache-Control: public, No-Transform", body: text},
		{name: "a digest", headers: "Content-Digest: sha-256=:AAAA:", body: text},
		{name: "Vary", headers: "Vary: Cookie", body: text, coded: true, vary: "Cookie Accept-Encoding"},
		{name: "Vary, the same", headers: "Vary: accept-encoding, Cookie", body: text, coded: true, vary: "accept-encoding, Cookie"},
		{name: "Vary, all", headers: "Vary: *", body: text, coded: true, vary: "*"},
		{name: "a tag", headers: `Etag: "a"`, body: text, coded: true, vary: "Accept-Encoding", more: `ETag: W/"a"`},
		{name: "a weak tag", headers: `Etag: W/"a"`, body: text, coded: true, vary: "Accept-Encoding", more: `ETag: W/"a"`},
		{name: "a tag, not coded", headers: `Etag: "a"`, body: "short", vary: "Accept-Encoding", more: `ETag: "a"`},
		{name: "ranges", headers: "Accept-Ranges: bytes", body: text, coded: true, vary: "Accept-Encoding", more: "Accept-Ranges:"},
		{name: "a length", headers: "Content-Length: 2000", body: text, coded: true, vary: "Accept-Encoding"},
		{name: "an error", code: 404, body: text, coded: true, vary: "Accept-Encoding"},
		{name: "204", code: 204},
		{name: "304", code: 304, headers: `Etag: "a"`, vary: "Accept-Encoding", more: `ETag: "a"`},
		{name: "304 of a coded one", code: 304, headers: `Etag: "a"`, request: "If-None-Match: \"b\", W/\"a\"\r\n", vary: "Accept-Encoding", more: `ETag: W/"a"`},
		{name: "206", code: 206, headers: "Content-Range: bytes 0-1999/9999", body: text, vary: "Accept-Encoding"},
		{name: "416", code: 416, body: text, vary: "Accept-Encoding"},
		{name: "a Range", request: "Range: bytes=0-\r\n", body: text, vary: "Accept-Encoding"},
		{name: "empty", headers: "Content-Type: text/plain", vary: "Accept-Encoding"},
	} {
		t.Run(test.name, func(t *testing.T) {
			name, value, _ := strings.Cut(test.headers, ": ")
			code := max(test.code, 200)
			roots := map[string]web.Resource{
				"resource": web.RenderFunc(func(req *web.Request) {
					if name != "" {
						req.ResponseHeader[name] = []string{value}
					}
					req.SetResponseCode(code)
					req.WriteString(test.body)
				}),
				"handler": &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if name != "" {
						w.Header()[name] = []string{value}
					}
					w.WriteHeader(code)
					io.WriteString(w, test.body)
				})},
			}
			for kind, root := range roots {
				s := serve(t, &web.Site{Root: root, Encoding: &web.Encoding{}})
				rest := " / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n" + test.request + "\r\n"
				got := s.ask("GET" + rest)
				if (header(got, "Content-Encoding") == "gzip") != test.coded || header(got, "Content-Encoding") == "identity" {
					t.Errorf("%s: Content-Encoding %q", kind, header(got, "Content-Encoding"))
				}
				if header(got, "Content-Encoding") != "br" {
					want(t, plain(t, got), test.body)
				}
				vary := strings.ReplaceAll(strings.Join(http.Header(heads(got)).Values("Vary"), " "), "\r\n", "")
				want(t, vary, test.vary)
				if name, value, _ := strings.Cut(test.more, ":"); name != "" {
					want(t, header(got, name), strings.TrimPrefix(value, " "))
				}
				top, _, _ := strings.Cut(got, "\r\n\r\n")
				if test.name == "empty" {
					continue // a HEAD has no length then, coded or not
				}
				want(t, strings.TrimSuffix(s.ask("HEAD"+rest), "\r\n\r\n"), strings.Replace(top, "Transfer-Encoding: chunked\r\n", "", 1))
			}
		})
	}
}

// TestUncodedConnections checks that what is not a body is not coded: the other protocol after a
// 101 or a CONNECT.
func TestUncodedConnections(t *testing.T) {
	s := serve(t, &web.Site{Encoding: &web.Encoding{}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if r.Method == "CONNECT" {
			w.WriteHeader(http.StatusOK)
		} else {
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(c, "hello")
	})})
	for _, line := range []string{"GET / HTTP/1.1", "CONNECT an.example:1 HTTP/1.1"} {
		got := s.ask(line + "\r\nHost: an.example:1\r\nAccept-Encoding: gzip, identity;q=0\r\n\r\n")
		want(t, header(got, "Content-Encoding"), "")
		want(t, strings.HasSuffix(body(got), "hello"), true)
	}
}

// TestLateProducer checks a push producer that is registered while bytes wait to be coded.
func TestLateProducer(t *testing.T) {
	var p *pushedProse
	var s *server
	s = serveFunc(t, func(req *web.Request) {
		req.SetHeader("Content-Type", "text/plain")
		req.NotDoneYet()
		req.Clock().CallLater(0, func() {
			req.Write(random(1 << 20))
			p = &pushedProse{req: req, rest: prose, reactor: s}
			req.RegisterProducer(p)
		})
	})
	s.site.Encoding = &web.Encoding{}
	c := s.connect()
	c.PauseProducing()
	c.send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
	want(t, p.written, 0)
	c.ResumeProducing()
	s.Pump()
	text := plain(t, c.take())
	want(t, len(text), 1<<20+len(prose))
}

// TestHijackedCodedBody checks that all that was written before Hijack can be decoded.
func TestHijackedCodedBody(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, prose[:5000])
		if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
			t.Error(err)
		}
	})
	s.site.Encoding = &web.Encoding{}
	coded, complete := unchunked(t, body(s.get("/", "Accept-Encoding: gzip")))
	text, err := decoded(t, "gzip", coded)
	want(t, text, prose[:5000])
	want(t, errors.Is(err, io.ErrUnexpectedEOF), true) // neither the body nor its coded form has an end
	want(t, complete, false)
}

// TestEncodingOfTooMuch checks that a coded body has no more bytes than its Content-Length.
func TestEncodingOfTooMuch(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) {
		req.SetHeader("Content-Length", "2000")
		req.NotDoneYet()
		req.WriteString(prose[:1500])
		req.Clock().CallLater(0, func() {
			_, err := req.WriteString(prose[1500:2001])
			want(t, err, http.ErrContentLength)
			_, err = req.WriteString(prose[1500:2000])
			want(t, err, nil)
			req.Finish()
		})
	})
	s.site.Encoding = &web.Encoding{}
	want(t, plain(t, s.get("/", "Accept-Encoding: gzip")), prose[:2000])
}

// heads returns the headers of a response.
func heads(response string) http.Header {
	h := http.Header{}
	top, _, _ := strings.Cut(response, "\r\n\r\n")
	for _, line := range strings.Split(top, "\r\n")[1:] {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// encodingTree has a resource for each way to make a body of prose.
func encodingTree(t *testing.T, s func() reactor.Reactor) web.Resource {
	root := &web.Node{}
	file := filepath.Join(t.TempDir(), "prose.txt")
	if err := os.WriteFile(file, []byte(prose), 0o600); err != nil {
		t.Fatal(err)
	}
	pieces := func() []string {
		var all []string
		for rest := prose; rest != ""; {
			n := min(len(rest), 1+len(rest)/3)
			all, rest = append(all, rest[:n]), rest[n:]
		}
		return all
	}
	root.PutChild("at-once", web.RenderFunc(func(req *web.Request) { req.WriteString(prose) }))
	root.PutChild("pieces", web.RenderFunc(func(req *web.Request) {
		for _, p := range pieces() {
			req.WriteString(p)
		}
	}))
	root.PutChild("data", &web.Data{Content: []byte(prose), Type: "text/plain"})
	root.PutChild("file", &web.File{Path: file})
	root.PutChild("later", web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		rest := pieces()
		var next func()
		next = func() {
			if len(rest) == 0 {
				req.Finish()
				return
			}
			req.WriteString(rest[0])
			rest = rest[1:]
			s().CallLater(time.Millisecond, next)
		}
		next()
	}))
	root.PutChild("pulled", web.RenderFunc(func(req *web.Request) {
		req.SetHeader("Content-Type", "text/plain")
		req.RegisterPullProducer(&pulledProse{req: req, rest: prose, size: 100})
	}))
	root.PutChild("pushed", web.RenderFunc(func(req *web.Request) {
		req.SetHeader("Content-Type", "text/plain")
		p := &pushedProse{req: req, rest: prose, reactor: s()}
		req.RegisterProducer(p)
		p.ResumeProducing()
	}))
	root.PutChild("handler", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, p := range pieces() {
			io.WriteString(w, p)
		}
	})})
	root.PutChild("handler-thread", &web.HandlerResource{InThreads: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, p := range pieces() {
			io.WriteString(w, p)
		}
	})})
	root.PutChild("handler-at-once", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.txt", time.Unix(1, 0), strings.NewReader(prose))
	})})
	return root
}

var encodingPaths = []string{"at-once", "pieces", "data", "file", "later", "pulled", "pushed", "handler", "handler-thread", "handler-at-once"}

type pulledProse struct {
	req  *web.Request
	rest string
	size int
}

func (p *pulledProse) ResumeProducing() {
	n := min(len(p.rest), p.size)
	p.req.WriteString(p.rest[:n])
	if p.rest = p.rest[n:]; p.rest == "" {
		p.req.UnregisterProducer()
		p.req.Finish()
	}
}
func (p *pulledProse) StopProducing() {}

// pushedProse writes 1,000 bytes in each turn.
type pushedProse struct {
	req     *web.Request
	rest    string
	reactor reactor.Reactor
	paused  bool
	call    reactor.DelayedCall
	written int
}

func (p *pushedProse) PauseProducing() {
	p.paused = true
	if p.call != nil && p.call.Active() {
		p.call.Cancel()
	}
}
func (p *pushedProse) ResumeProducing() {
	p.paused = false
	p.call = p.reactor.CallLater(0, p.next)
}
func (p *pushedProse) StopProducing() { p.PauseProducing() }
func (p *pushedProse) next() {
	n := min(len(p.rest), 10_000)
	p.req.WriteString(p.rest[:n])
	p.written += n
	if p.rest = p.rest[n:]; p.rest == "" {
		p.req.UnregisterProducer()
		p.req.Finish()
	} else if !p.paused {
		p.call = p.reactor.CallLater(0, p.next)
	}
}

// TestEncodingRoundTrips checks that our client gets every body back, of every coding, and
// that the connection can be used again.
func TestEncodingRoundTrips(t *testing.T) {
	for _, encoder := range []web.Encoder{web.GzipEncoder, web.BrotliEncoder, web.ZstdEncoder} {
		t.Run(encoder.Name, func(t *testing.T) {
			var s *server
			var sent int64
			site := &web.Site{Encoding: &web.Encoding{Encoders: []web.Encoder{encoder}}, AccessLog: func(req *web.Request) { sent = req.Sent() }}
			site.Root = encodingTree(t, func() reactor.Reactor { return s })
			s = serve(t, site)
			c := client.New(s, client.Config{Agent: agent.New(s, agent.Config{})})
			for _, path := range encodingPaths {
				d := c.Get("http://" + siteAddress + "/" + path)
				s.RunFor(10 * time.Second)
				resp := deferredtest.SuccessResultOf(t, d)
				text := resp.Text()
				s.RunFor(10 * time.Second)
				if got := deferredtest.SuccessResultOf(t, text); got != prose {
					t.Errorf("%s: %d bytes; want %d", path, len(got), len(prose))
				}
				if most := int64(len(prose) / 4); sent > most || sent == 0 {
					t.Errorf("%s: %d bytes were sent; want at most %d", path, sent, most)
				}
				if calls := s.DelayedCalls(); len(calls) > 2 { // of the idle connection, at both ends
					t.Errorf("%s: %d delayed calls are left", path, len(calls))
				}
			}
		})
	}
}

// TestEncodingStreams checks that what was written can be decoded at the end of the turn.
func TestEncodingStreams(t *testing.T) {
	for _, coding := range []string{"gzip", "br", "zstd"} {
		for _, kind := range []string{"resource", "handler"} {
			t.Run(coding+" "+kind, func(t *testing.T) {
				var s *server
				events := 0
				write := func(w io.Writer) { fmt.Fprintf(w, "data: %d\n\n", events); events++ }
				site := &web.Site{Encoding: &web.Encoding{}, Root: web.RenderFunc(func(req *web.Request) {
					req.NotDoneYet()
					req.SetHeader("Content-Type", "text/event-stream")
					var next func()
					next = func() {
						write(req)
						if events == 3 {
							req.Finish()
							return
						}
						s.CallLater(time.Second, next)
					}
					next()
				})}
				if kind == "handler" {
					site.Root = &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Type", "text/event-stream")
						for range 3 {
							write(w)
							w.(http.Flusher).Flush()
							if events < 3 {
								web.Await(r.Context(), task.Sleep(s, time.Second))
							}
						}
					})}
				}
				s = serve(t, site)
				p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: " + coding + "\r\n\r\n")
				want := ""
				for i := range 3 {
					want += fmt.Sprintf("data: %d\n\n", i)
					coded, complete := unchunked(t, body(string(p.got)))
					got, err := decoded(t, coding, coded)
					if got != want || complete != (i == 2) || (err == nil) != (i == 2) {
						t.Errorf("after %d events: %q, %v, %v", i+1, got, complete, err)
					}
					s.Advance(time.Second)
				}
				s.Advance(time.Hour)
				if calls := s.DelayedCalls(); len(calls) != 0 {
					t.Errorf("%d delayed calls are left", len(calls))
				}
			})
		}
	}
}

// noise returns 3 MiB that do not compress.
func noise() string { return string(random(3 << 20)) }

// TestEncodingBackPressure checks that a client that does not read stops the source of the body,
// and that a large body is not coded at once.
func TestEncodingBackPressure(t *testing.T) {
	text := noise()
	for _, kind := range []string{"pushed", "pulled", "handler", "at once"} {
		t.Run(kind, func(t *testing.T) {
			var s *server
			written := func() int { return 0 }
			site := &web.Site{Encoding: &web.Encoding{Encoders: []web.Encoder{web.ZstdEncoder}}}
			render := func(req *web.Request) {
				req.SetHeader("Content-Type", "text/plain")
				switch kind {
				case "pushed":
					p := &pushedProse{req: req, rest: text, reactor: s}
					req.RegisterProducer(p)
					p.ResumeProducing()
					written = func() int { return p.written }
				case "pulled":
					p := &pulledProse{req: req, rest: text, size: 10_000}
					req.RegisterPullProducer(p)
					written = func() int { return len(text) - len(p.rest) }
				case "at once":
					req.WriteString(text)
					written = func() int { return int(req.Sent()) }
				}
			}
			site.Root = web.RenderFunc(render)
			if kind == "handler" {
				site.Root = &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					n := 0
					written = func() int { return n }
					for n < len(text) {
						m, _ := io.WriteString(w, text[n:n+1<<16])
						n += m
					}
				})}
			}
			s = serve(t, site)
			p := s.connect()
			p.PauseProducing()
			p.send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: zstd\r\n\r\n")
			for range 1000 {
				s.turn()
			}
			if n := written(); n > 1<<20 || n == 0 {
				t.Errorf("%d bytes were made for a client that reads nothing", n)
			}
			p.ResumeProducing()
			s.Pump()
			if got := plain(t, p.take()); got != text {
				t.Errorf("%d bytes came; want %d", len(got), len(text))
			}
		})
	}
}

// TestEncodingIsFair checks that other requests are answered while a large body is coded.
func TestEncodingIsFair(t *testing.T) {
	large := strings.Repeat(prose, 100)
	s := serve(t, &web.Site{Encoding: &web.Encoding{}, Root: web.RenderFunc(func(req *web.Request) {
		if req.Path == "/large" {
			req.WriteString(large)
		}
	})})
	slow, fast := s.connect(), s.connect()
	slow.Write([]byte("GET /large HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"))
	for len(slow.got) == 0 {
		s.turn()
	}
	fast.Write([]byte(get))
	for range 10 {
		s.turn()
	}
	want(t, head(fast.take()), "HTTP/1.1 200 OK")
	if _, complete := unchunked(t, body(string(slow.got))); complete {
		t.Error("the large body was coded at once")
	}
	s.Pump()
	want(t, len(plain(t, slow.take())), len(large))
}

// TestEncodingEnds checks what is left behind by responses that end early.
func TestEncodingEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		render func(s *server, req *web.Request)
		then   func(s *server, p *peer)
		status int
	}{
		{"lost", func(s *server, req *web.Request) { req.NotDoneYet(); req.WriteString(prose) }, func(s *server, p *peer) { p.AbortConnection() }, 499},
		{"lost at the end", func(s *server, req *web.Request) {
			req.SetHeader("Content-Type", "text/plain")
			req.WriteString(noise())
		}, func(s *server, p *peer) { p.AbortConnection() }, 499},
		{"failed", func(s *server, req *web.Request) {
			req.NotDoneYet()
			req.WriteString(prose)
			s.CallLater(time.Second, func() { req.Fail(errors.New("broken")) })
		}, func(s *server, p *peer) { s.Advance(time.Second) }, 500},
		{"too short", func(s *server, req *web.Request) { req.SetHeader("Content-Length", "99999999"); req.WriteString(prose) }, nil, 500},
		{"shut down", func(s *server, req *web.Request) { req.NotDoneYet(); req.WriteString(prose) }, func(s *server, p *peer) { s.site.Shutdown(); s.Advance(time.Minute) }, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs(t)
			var s *server
			status, closed, opened := 0, 0, 0
			counting := web.Encoder{Name: "gzip", Open: func(w io.Writer) web.EncodingWriter {
				opened++
				return countingWriter{web.GzipEncoder.Open(w), &closed}
			}}
			s = serve(t, &web.Site{
				Encoding:  &web.Encoding{Encoders: []web.Encoder{counting}, MaxOpen: 1},
				Root:      web.RenderFunc(func(req *web.Request) { test.render(s, req) }),
				AccessLog: func(req *web.Request) { status = web.LoggedStatus(req) },
			})
			p := s.connect()
			if test.then != nil {
				p.PauseProducing()
			}
			p.send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
			if test.then != nil {
				test.then(s, p)
				s.Pump()
			}
			want(t, status, test.status)
			want(t, opened, 1)
			want(t, closed, 1)
			if _, complete := unchunked(t, body(string(p.got))); complete {
				t.Error("the client takes the body for complete")
			}
			s.Advance(time.Hour)
			want(t, len(s.DelayedCalls()), 0)
		})
	}
}

// TestEncodersAreClosedOnce checks that a writer is closed exactly once: a pool that had it twice would
// give it to two responses.
func TestEncodersAreClosedOnce(t *testing.T) {
	for _, in := range []string{"none", "Write", "Flush", "Close", "panic Write", "panic Flush", "panic Close"} {
		logs(t)
		opened, closed := 0, 0
		s := serve(t, &web.Site{
			Encoding: &web.Encoding{Encoders: []web.Encoder{{Name: "gzip", Open: func(io.Writer) web.EncodingWriter {
				opened++
				return countingWriter{brokenWriter{in}, &closed}
			}}}},
			Root: web.RenderFunc(func(req *web.Request) { req.WriteString(prose) }),
		})
		s.get("/", "Accept-Encoding: gzip")
		if opened != 1 || closed != 1 {
			t.Errorf("%s: opened %d times, closed %d times", in, opened, closed)
		}
	}
}

type countingWriter struct {
	web.EncodingWriter
	closed *int
}

func (w countingWriter) Close() error { *w.closed++; return w.EncodingWriter.Close() }

// brokenWriter is an encoder that fails.
type brokenWriter struct{ in string }

func (w brokenWriter) fail(in string) error {
	switch w.in {
	case in:
		return errors.New("broken")
	case "panic " + in:
		panic("broken")
	}
	return nil
}
func (w brokenWriter) Write(p []byte) (int, error) { return len(p), w.fail("Write") }
func (w brokenWriter) Flush() error                { return w.fail("Flush") }
func (w brokenWriter) Close() error                { return w.fail("Close") }

// TestBrokenEncoder checks that an encoder that fails ends its response only.
func TestBrokenEncoder(t *testing.T) {
	for _, in := range []string{"Write", "Flush", "Close", "Open", "panic Write", "panic Flush", "panic Close"} {
		t.Run(in, func(t *testing.T) {
			log := logs(t)
			status, sent := 0, int64(0)
			s := serve(t, &web.Site{
				Encoding: &web.Encoding{Encoders: []web.Encoder{{Name: "gzip", Open: func(io.Writer) web.EncodingWriter {
					if in == "Open" {
						panic("broken")
					}
					return brokenWriter{in}
				}}}},
				AccessLog: func(req *web.Request) { status, sent = web.LoggedStatus(req), req.Sent() },
			})
			s.site.Root = web.RenderFunc(func(req *web.Request) {
				req.NotDoneYet()
				req.WriteString(prose[:5000])
				s.CallLater(time.Second, func() { req.Finish() })
			})
			p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
			s.Advance(time.Second)
			want(t, p.ended, true)
			want(t, status, 500)
			want(t, sent, 0) // nothing of the plain body either
			want(t, strings.Contains(log(), "the encoder of a response failed"), true)
			s.Advance(time.Hour)
			want(t, len(s.DelayedCalls()), 0)
			want(t, head(s.get("/")), "HTTP/1.1 200 OK")
		})
	}
}

// TestMaxOpen checks that there is a bound of the responses that are coded at a time.
func TestMaxOpen(t *testing.T) {
	var open []*web.Request
	s := serve(t, &web.Site{Encoding: &web.Encoding{MaxOpen: 2}, Root: web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		req.WriteString(prose[:2000])
		open = append(open, req)
	})})
	ask := func() string {
		return header(string(s.connect().send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n").got), "Content-Encoding")
	}
	want(t, ask()+ask()+ask(), "gzipgzip")
	open[0].Finish()
	s.Pump()
	want(t, ask()+ask(), "gzip")
	// Also for a client that refuses what else there is: the bound is for hostile ones.
	got := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, identity;q=0\r\n\r\n").take()
	want(t, header(got, "Content-Encoding"), "")
	want(t, head(got), "HTTP/1.1 200 OK")
}

// TestEncodingResource checks which resources are coded, and by which Encoding.
func TestEncodingResource(t *testing.T) {
	page := func() web.Resource {
		return web.RenderFunc(func(req *web.Request) { req.WriteString(prose[:2000]) })
	}
	inner := &web.Node{}
	inner.PutChild("page", page())
	inner.PutChild("br", &web.EncodingResource{Resource: page(), Encoding: web.Encoding{Encoders: []web.Encoder{web.BrotliEncoder}}})
	inner.PutChild("handler", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
		io.WriteString(w, prose[:2000])
	})})
	root := &web.Node{}
	root.PutChild("coded", &web.EncodingResource{Resource: inner})
	root.PutChild("plain", page())
	s := serveRoot(t, root)
	for path, coding := range map[string]string{"/plain": "", "/coded/page": "gzip", "/coded/br": "br", "/coded/handler": "gzip", "/coded/none": ""} {
		got := s.get(path, "Accept-Encoding: gzip, br;q=0.5")
		want(t, header(got, "Content-Encoding"), coding)
		if path != "/coded/none" {
			want(t, plain(t, got), prose[:2000])
		}
	}
	got := s.ask("POST /coded/page HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nAccept-Encoding: gzip\r\n\r\nabc")
	want(t, plain(t, got), prose[:2000])
	want(t, header(s.ask("DELETE /coded/br HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br\r\n\r\n"), "Content-Encoding"), "br")

	// At the root, around a handler.
	s = serveRoot(t, &web.EncodingResource{Resource: &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, prose[:2000])
	})}})
	want(t, header(s.get("/any", "Accept-Encoding: gzip"), "Content-Encoding"), "gzip")
	want(t, head(s.ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")), "HTTP/1.1 200 OK")
}

// TestEncodingTrailers checks that trailers follow a coded body.
func TestEncodingTrailers(t *testing.T) {
	s := serve(t, &web.Site{Encoding: &web.Encoding{}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, prose)
		w.Header().Set("X-Sum", "13")
	})})
	got := s.get("/", "Accept-Encoding: gzip")
	want(t, plain(t, got), prose)
	want(t, strings.HasSuffix(got, "\r\n0\r\nX-Sum: 13\r\n\r\n"), true)
}

// TestEncodingOf10 checks a client without chunks.
func TestEncodingOf10(t *testing.T) {
	s := serve(t, &web.Site{Encoding: &web.Encoding{}, Root: web.RenderFunc(func(req *web.Request) { req.WriteString(prose) })})
	p := s.connect().send("GET / HTTP/1.0\r\nConnection: keep-alive\r\nAccept-Encoding: gzip\r\n\r\n")
	want(t, p.ended, true)
	got := p.take()
	want(t, header(got, "Transfer-Encoding"), "")
	want(t, plain(t, got), prose)
}

// TestEncodersArePooled checks that responses one after another share an encoder.
func TestEncodersArePooled(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	s := serve(t, &web.Site{Encoding: &web.Encoding{}, Root: web.RenderFunc(func(req *web.Request) { req.WriteString(prose[:2000]) })})
	for _, coding := range []string{"gzip", "br", "zstd"} {
		p := s.connect()
		ask := func() { p.send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: " + coding + "\r\n\r\n").take() }
		ask()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const n = 50
		for range n {
			ask()
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 100<<10 {
			t.Errorf("%s: a response allocates %d bytes", coding, each)
		}
	}
}

// TestEncodingInOrder checks that the next request of a connection waits for the end of a coded
// body, also if it or its content has come before.
func TestEncodingInOrder(t *testing.T) {
	root := &web.Node{}
	root.PutChild("large", web.RenderFunc(func(req *web.Request) { req.WriteString(prose) }))
	root.PutChild("early", &early{})
	s := serve(t, &web.Site{Root: root, Encoding: &web.Encoding{}})
	const accept = " HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
	rest := func(got string) (text, next string) {
		t.Helper()
		coded, complete := unchunked(t, body(got))
		text, err := decoded(t, "gzip", coded)
		if !complete || err != nil {
			t.Fatalf("complete %v, %v", complete, err)
		}
		_, next, _ = strings.Cut(got, "\r\n0\r\n\r\n")
		return text, next
	}
	got := s.ask(strings.Repeat("GET /large"+accept+"\r\n", 3))
	for range 3 {
		text := ""
		text, got = rest(got)
		want(t, text == prose, true)
	}
	want(t, got, "")

	p := s.connect().send("POST /early" + accept + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000))
	text, next := rest(p.take())
	want(t, text == prose, true)
	want(t, next, "")
	text, next = rest(p.send(strings.Repeat("x", 50_000) + "GET /large" + accept + "\r\n").take())
	want(t, text == prose, true)
	want(t, next, "")
}

// early answers before it has the content.
type early struct{ web.Leaf }

func (*early) StreamsContent() bool    { return true }
func (*early) Render(req *web.Request) { req.WriteString(prose) }
