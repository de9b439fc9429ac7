package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

const ok = "HTTP/1.1 200 OK\r\n"

func TestHandlerResponses(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		request string // the bytes of the request; "" for a plain GET
		want    string
	}{
		{"nothing", func(w http.ResponseWriter, r *http.Request) {}, "",
			ok + "Content-Length: 0\r\n\r\n"},
		{"small", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<p>hi") }, "",
			ok + "Content-Length: 5\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hi"},
		{"given length", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			w.(http.Flusher).Flush()
			io.WriteString(w, "hello")
		}, "", ok + "Content-Length: 5\r\n\r\nhello"},
		{"flushed", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "x/y")
			io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			io.WriteString(w, "two")
			w.(http.Flusher).Flush()
			w.(http.Flusher).Flush()
		}, "", ok + "Transfer-Encoding: chunked\r\nContent-Type: x/y\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"},
		{"flushed for HTTP/1.0", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "x/y")
			io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			io.WriteString(w, "two")
		}, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ok + "Connection: close\r\nContent-Type: x/y\r\n\r\nonetwo"},
		{"HTTP/1.0 kept alive", func(w http.ResponseWriter, r *http.Request) {},
			"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ok + "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n"},
		{"HEAD", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") },
			"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", ok + "Content-Length: 5\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"},
		{"204", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(204)
			if _, err := io.WriteString(w, "hello"); err != http.ErrBodyNotAllowed {
				t.Error(err)
			}
		}, "", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"header after WriteHeader", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", "1")
			w.WriteHeader(404)
			w.Header().Set("X", "2")
		}, "", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX: 1\r\n\r\n"},
		{"no Content-Type", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, "x")
		}, "", ok + "Content-Length: 1\r\n\r\nx"},
		{"encoded", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "x")
		}, "", ok + "Content-Length: 1\r\nContent-Encoding: gzip\r\n\r\nx"},
		{"closing", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Connection", "close") }, "",
			ok + "Content-Length: 0\r\nConnection: close\r\n\r\n"},
		{"trailers", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-A, X-B")
			w.WriteHeader(200)
			w.Header().Set("X-A", "1")
			w.Header().Set("X-C", "not sent")
			w.Header().Set(http.TrailerPrefix+"X-D", "4")
		}, "", ok + "Transfer-Encoding: chunked\r\nTrailer: X-A, X-B\r\n\r\n0\r\nX-A: 1\r\nX-D: 4\r\n\r\n"},
		{"early hints", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</x>")
			w.WriteHeader(103)
			w.Header().Del("Link")
			io.WriteString(w, "x")
		}, "", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok + "Content-Length: 1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx"},
		{"no early hints for HTTP/1.0", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(103) },
			"GET / HTTP/1.0\r\n\r\n", ok + "Content-Length: 0\r\nConnection: close\r\n\r\n"},
		{"a header with a line break", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", "a\r\nSet-Cookie: b")
			w.Header()["Bad Name"] = []string{"x"}
		}, "", ok + "Content-Length: 0\r\nX: a  Set-Cookie: b\r\n\r\n"},
		{"bad length", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "-1") }, "",
			ok + "Content-Length: 0\r\n\r\n"},
		{"too much", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "2")
			io.WriteString(w, "ab")
			if _, err := io.WriteString(w, "c"); err != http.ErrContentLength {
				t.Error(err)
			}
		}, "", ok + "Content-Length: 2\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nab"},
		{"OPTIONS *", nil, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", ok + "Content-Length: 0\r\n\r\n"},
		{"bad escape", nil, "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request\r\nContent-Length: 75\r\nConnection: close\r\n" +
			"Content-Type: text/plain; charset=utf-8\r\n\r\nthe target of the request: parse \"/%zz\": invalid URL escape \"%zz\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs(t)
			s := serveHandler(t, test.handler)
			request := test.request
			if request == "" {
				request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
			}
			got := s.ask(request)
			if strings.Contains(test.want, "Content-Length: 75") {
				want(t, body(got), body(test.want))
				return
			}
			want(t, got, test.want)
		})
	}
}

func TestHandlerRequest(t *testing.T) {
	var got *http.Request
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) { got = r })
	s.ask("GET http://other.example/a%2Fb?c=d HTTP/1.1\r\nHost: an.example\r\nX: 1\r\nX: 2\r\nConnection: close\r\n\r\n")
	want(t, got.Host, "other.example")
	want(t, got.URL.String(), "http://other.example/a%2Fb?c=d")
	want(t, got.RequestURI, "http://other.example/a%2Fb?c=d")
	want(t, got.RemoteAddr, "10.0.0.1:49152")
	want(t, fmt.Sprint(got.Header), "map[Connection:[close] X:[1 2]]")
	want(t, got.Close, true)
	want(t, got.Body, io.ReadCloser(http.NoBody))
	want(t, fmt.Sprint(got.Context().Value(http.LocalAddrContextKey)), siteAddress)
	want(t, web.FromContext(got.Context()).Method, "GET")
	want(t, web.FromContext(context.Background()) == nil, true)
	want(t, got.Context().Err(), context.Canceled)

	s.ask("CONNECT other.example:443 HTTP/1.1\r\nHost: other.example\r\n\r\n")
	want(t, got.URL.Host, "other.example:443")
	want(t, got.URL.String(), "//other.example:443")
	want(t, got.Method, "CONNECT")
}

// TestHandlerReadsWhatComes checks that a handler waits for each piece of the body.
func TestHandlerReadsWhatComes(t *testing.T) {
	var got []string
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 4)
		for {
			n, err := r.Body.Read(buffer)
			got = append(got, string(buffer[:n]))
			if err != nil {
				got = append(got, err.Error())
				break
			}
		}
		fmt.Fprint(w, r.Trailer)
	})
	p := s.connect()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
	want(t, len(got), 0)
	p.send("6\r\nabcdef\r\n")
	p.send("1\r\ng\r\n2\r\nhi\r\n")
	p.send("0\r\nX-Sum: 9\r\n\r\n")
	want(t, strings.Join(got, " "), "abcd ef g hi  EOF")
	want(t, body(p.take()), "map[X-Sum:[9]]")
}

func TestHandlerBodyIsCut(t *testing.T) {
	for name, end := range map[string]func(p *peer){
		"by the client's end": func(p *peer) { p.LoseWriteConnection() },
		"by a reset":          func(p *peer) { p.AbortConnection() },
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			var data []byte
			s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) { data, err = io.ReadAll(r.Body) })
			p := s.connect()
			p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
			end(p)
			s.Pump()
			want(t, err, io.ErrUnexpectedEOF)
			want(t, string(data), "abc")
		})
	}
}

func TestHandlerBodyIsNotHTTP(t *testing.T) {
	var err error
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		_, err = io.ReadAll(r.Body)
		http.Error(w, "bad", 400)
	})
	p := s.connect()
	p.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	if err == nil || !strings.Contains(err.Error(), "invalid chunk size") {
		t.Error(err)
	}
	got := p.take()
	want(t, head(got), "HTTP/1.1 400 Bad Request")
	want(t, header(got, "Connection"), "close")
	want(t, p.ended, true)
}

func TestExpectContinue(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(403)
			return
		}
		data, _ := io.ReadAll(r.Body)
		w.Write(data)
	})
	const rest = " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
	p := s.connect().send("POST /yes" + rest)
	want(t, p.take(), "HTTP/1.1 100 Continue\r\n\r\n")
	p.send("hi")
	want(t, body(p.take()), "hi")
	want(t, p.ended, false)

	p = s.connect().send("POST /no" + rest)
	want(t, p.take(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	want(t, p.ended, true)
}

// TestContinueIsSentOnce checks that a 100 Continue is sent once, and never after the
// head of the response.
func TestContinueIsSentOnce(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/late":
			io.WriteString(w, "late")
			w.(http.Flusher).Flush()
		case "/by-hand":
			w.WriteHeader(100)
		}
		io.Copy(w, r.Body)
	})
	for path, count := range map[string]int{"/late": 0, "/by-hand": 1, "/": 1} {
		p := s.connect().send("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n").send("hi")
		got := p.take()
		want(t, strings.Count(got, "HTTP/1.1 100 Continue\r\n\r\n"), count)
		want(t, strings.Contains(got, "hi"), true)
	}
}

// TestUnreadBody checks that the server drops content that the handler does not read, and
// keeps the connection unless the content is too long.
func TestUnreadBody(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	p := s.connect().send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	want(t, body(p.take()), "/a")
	p.send(strings.Repeat("x", 1000) + "GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, body(p.take()), "/b")

	p.send("POST /most HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n")
	want(t, header(p.take(), "Connection"), "")
	p.send(strings.Repeat("x", 262144))
	want(t, p.ended, false)
	more := s.connect().send("POST /more HTTP/1.1\r\nHost: x\r\nContent-Length: 262145\r\n\r\n")
	want(t, header(more.take(), "Connection"), "close")

	p.send("POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
	got := p.take()
	want(t, header(got, "Connection"), "close")
	want(t, p.ended, true)

	// The same for content of unknown length.
	p = s.connect().send("POST /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	s.Advance(200 * time.Millisecond)
	want(t, body(p.take()), "/d")
	for range 20 {
		p.send("8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n")
	}
	want(t, p.ended, true)
}

// TestLingering checks that the server ends only its side after the last response, and
// drops the client's bytes for a while. A reset could lose the response.
func TestLingering(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(413) })
	p := s.connect()
	p.halfOpen = true
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
	want(t, p.ended, true)
	p.send(strings.Repeat("x", 100_000))
	want(t, p.lost, nil)
	s.Advance(4 * time.Second)
	want(t, p.lost, nil)
	s.Advance(time.Second)
	p.send("x").send("x") // the answer to the first is a reset, which the second notices
	if p.lost == nil {
		t.Error("the connection is still open")
	}

	p = s.connect()
	p.halfOpen = true
	p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
	p.send(strings.Repeat("x", 5_000_000))
	if p.lost == nil {
		t.Error("the server reads without a bound")
	}
}

func TestHandlerPanics(t *testing.T) {
	logged := logs(t)
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/early":
			w.Header().Set("X", "1")
			io.WriteString(w, "something")
			panic("early")
		case "/late":
			io.WriteString(w, "something")
			w.(http.Flusher).Flush()
			panic(errors.New("late"))
		case "/abort":
			io.WriteString(w, "something")
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "fine")
	})
	p := s.connect()
	p.send("GET /early HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, p.take(), "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 22\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\r\nInternal Server Error\n")
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, body(p.take()), "fine")
	want(t, strings.Count(logged(), "panic in a handler"), 1)
	if !strings.Contains(logged(), "handler_test.go") || !strings.Contains(logged(), "panic=early") {
		t.Errorf("the log does not name the place of the panic: %s", logged())
	}
	p.send("GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
	if p.lost == nil || strings.HasSuffix(p.take(), "0\r\n\r\n") {
		t.Error("an incomplete response ended like a complete one")
	}
	want(t, strings.Count(logged(), "panic in a handler"), 2)
	p = s.connect().send("GET /abort HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, p.take(), "")
	if p.lost == nil {
		t.Error("the connection was not aborted")
	}
	want(t, strings.Count(logged(), "panic in a handler"), 2)
}

func TestHandlerContext(t *testing.T) {
	var err error
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		_, err = web.Await(r.Context(), deferred.New[int]())
		want(t, r.Context().Err(), context.Canceled)
	})
	for name, end := range map[string]func(p *peer){
		"reset": func(p *peer) { p.AbortConnection() },
		"close": func(p *peer) { p.LoseConnection() },
	} {
		err = nil
		p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		end(p)
		s.Pump()
		if !errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAwait checks that other handlers run while one waits.
func TestAwait(t *testing.T) {
	var s *server
	s = serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			web.Await(r.Context(), task.Sleep(s, time.Second))
		}
		n, err := web.Await(r.Context(), deferred.Succeed(7))
		fmt.Fprint(w, r.URL.Path, n, err)
	})
	slow := s.connect().send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, body(s.get("/quick")), "/quick7 <nil>")
	want(t, slow.take(), "")
	s.Advance(time.Second)
	got := slow.take()
	want(t, strings.Count(got, ok), 2)
	if strings.Index(got, "/slow") > strings.Index(got, "/next") {
		t.Errorf("the responses are not in order: %q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("Await outside a handler did not panic")
		}
	}()
	web.Await(context.Background(), deferred.New[int]())
}

// TestHandlerBackPressure checks that a handler waits while the connection accepts no
// more bytes.
func TestHandlerBackPressure(t *testing.T) {
	const size = 10 << 20
	written, done := 0, false
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 10_000)
		for written < size {
			n, err := w.Write(piece)
			if err != nil {
				return
			}
			written += n
		}
		done = true
	})
	p := s.connect()
	p.PauseProducing()
	p.send("GET / HTTP/1.0\r\n\r\n")
	if written > 300_000 || written == 0 {
		t.Errorf("%d bytes were written to a client that reads nothing", written)
	}
	p.ResumeProducing()
	s.Pump()
	want(t, done, true)
	want(t, len(body(p.take())), written)

	// The client disconnects while the handler waits.
	written, done = 0, false
	p = s.connect()
	p.PauseProducing()
	p.send("GET / HTTP/1.0\r\n\r\n")
	p.AbortConnection()
	s.Pump()
	want(t, done, false)
}

// TestHandlerUploadBackPressure checks that the client must stop sending while the
// handler does not read.
func TestHandlerUploadBackPressure(t *testing.T) {
	gate := deferred.New[deferred.None]()
	read := 0
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 100)
		n, _ := r.Body.Read(buffer)
		read += n
		web.Await(r.Context(), gate)
		rest, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, read+int(rest), err)
	})
	p := s.connect()
	producer := &pausable{}
	p.RegisterProducer(producer)
	p.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"))
	sent := 0
	for range 100 {
		if producer.paused {
			break
		}
		p.send(strings.Repeat("x", 40_000))
		sent += 40_000
	}
	if sent > 1_000_000 {
		t.Errorf("%d bytes were received for a handler that reads nothing", sent)
	}
	gate.Callback(deferred.None{})
	s.Pump()
	p.send(strings.Repeat("x", 4_000_000-sent))
	want(t, body(p.take()), "4000000 <nil>")
}

type pausable struct{ paused, stopped bool }

func (p *pausable) PauseProducing()  { p.paused = true }
func (p *pausable) ResumeProducing() { p.paused = false }
func (p *pausable) StopProducing()   { p.stopped = true }

func TestResponseController(t *testing.T) {
	var s *server
	s = serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if err := errors.Join(c.EnableFullDuplex(), c.Flush(), c.SetReadDeadline(s.Now().Add(time.Second)), c.SetWriteDeadline(s.Now().Add(time.Minute))); err != nil {
			t.Error(err)
		}
		_, err := r.Body.Read(make([]byte, 1))
		fmt.Fprint(w, err)
	})
	p := s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
	want(t, body(p.take()), "")
	s.Advance(time.Second)
	want(t, strings.Contains(p.take(), "i/o timeout"), true)
	want(t, len(s.DelayedCalls()) <= 1, true)
}

func TestWriteDeadline(t *testing.T) {
	var s *server
	var err error
	s = serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetWriteDeadline(s.Now().Add(time.Second))
		for err == nil {
			_, err = w.Write(make([]byte, 50_000))
		}
	})
	p := s.connect()
	p.PauseProducing()
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	s.Advance(time.Second)
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestHijack(t *testing.T) {
	var s *server
	s = serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := w.Write([]byte("x")); err != http.ErrHijacked {
			t.Error(err)
		}
		if _, _, err := w.(http.Hijacker).Hijack(); err != http.ErrHijacked {
			t.Error(err)
		}
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n\r\n")
		rw.Flush()
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				fmt.Fprintf(conn, "%v %v %v", err, conn.LocalAddr(), conn.RemoteAddr())
				return
			}
			switch line {
			case "deadline\n":
				conn.SetDeadline(s.Now().Add(time.Second))
			case "close\n":
				conn.Close()
				_, err := conn.Write([]byte("x"))
				_, err2 := conn.Read(make([]byte, 1))
				want(t, fmt.Sprint(err, err2), "use of closed network connection use of closed network connection")
				return
			default:
				fmt.Fprintf(conn, "you said %s", line)
			}
		}
	})
	p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\none\ntw")
	want(t, p.take(), "HTTP/1.1 101 Switching Protocols\r\n\r\nyou said one\n")
	p.send("o\n")
	want(t, p.take(), "you said two\n")
	p.LoseWriteConnection()
	s.Pump()
	want(t, p.take(), "EOF 192.0.2.1:80 10.0.0.1:49152")
	want(t, p.ended, true)

	p = s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\ndeadline\n")
	p.take()
	s.Advance(time.Second)
	want(t, p.ended, true)

	p = s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\nclose\n")
	want(t, p.ended, true)
	p = s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	p.AbortConnection()
	s.Pump()
	want(t, len(s.DelayedCalls()), 0)
}

// TestHijackAfterWriteHeader checks that a response written before the hijack is sent
// first.
func TestHijackAfterWriteHeader(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "upgrade")
		w.WriteHeader(101)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, "switched")
	})
	want(t, s.get("/"), "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\nswitched")

	// A 101 without a hijack ends the connection.
	s = serveHandler(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(101) })
	p := s.connect().send(get)
	want(t, head(p.take()), "HTTP/1.1 101 Switching Protocols")
	want(t, p.ended, true)
}

// TestHijackEndsTheBody checks that the body of a request ends when the connection is
// hijacked.
func TestHijackEndsTheBody(t *testing.T) {
	for name, before := range map[string]func(*http.Request){
		"unread":    func(*http.Request) {},
		"half read": func(r *http.Request) { r.Body.Read(make([]byte, 10)) },
	} {
		var err error
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			before(r)
			w.(http.Hijacker).Hijack()
			_, err = r.Body.Read(make([]byte, 10))
		})
		p := s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\nabc")
		if err != http.ErrHijacked {
			t.Errorf("%s: %v", name, err)
		}
		want(t, p.ended, true)
		want(t, strings.Contains(p.take(), "100 Continue"), name == "half read")
	}
}

// TestHijackUploadBackPressure checks that the client must stop sending while the handler
// does not read from the hijacked connection.
func TestHijackUploadBackPressure(t *testing.T) {
	request := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	for name, requests := range map[string]string{
		"at once":            request("/hijack"),
		"after a while":      request("/late-hijack"),
		"behind a request":   request("/wait") + request("/hijack"),
		"behind a large one": request("/wait") + strings.Replace(request("/"), "Host", "X: "+strings.Repeat("x", 70_000)+"\r\nHost", 1) + request("/hijack"),
	} {
		t.Run(name, func(t *testing.T) {
			gate, late := deferred.New[deferred.None](), deferred.New[deferred.None]()
			s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/":
					return
				case "/wait":
					web.Await(r.Context(), gate)
					return
				case "/late-hijack":
					web.Await(r.Context(), gate)
				}
				conn, _, _ := w.(http.Hijacker).Hijack()
				web.Await(r.Context(), late)
				n, err := io.CopyN(io.Discard, conn, 2_000_000)
				fmt.Fprint(conn, n, err)
			})
			p := s.connect()
			producer := &pausable{}
			p.RegisterProducer(producer)
			p.send(requests)
			sent := 0
			send := func() {
				for !producer.paused && sent < 2_000_000 {
					p.send(strings.Repeat("x", min(40_000, 2_000_000-sent)))
					sent += min(40_000, 2_000_000-sent)
				}
				s.Pump()
			}
			send()
			gate.Callback(deferred.None{})
			s.Pump()
			send()
			if sent > 1_000_000 {
				t.Errorf("%d bytes were received for a handler that reads nothing", sent)
			}
			late.Callback(deferred.None{})
			s.Pump()
			send()
			want(t, strings.HasSuffix(p.take(), "2000000 <nil>"), true)
		})
	}
}

func TestHijackBackPressure(t *testing.T) {
	written := 0
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		for range 100 {
			n, err := conn.Write(make([]byte, 10_000))
			if err != nil {
				return
			}
			written += n
		}
		n, err := io.CopyN(io.Discard, bufio.NewReader(conn), 1_000_000)
		fmt.Fprint(conn, n, err)
	})
	p := s.connect()
	p.PauseProducing()
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if written == 0 || written > 300_000 {
		t.Error(written)
	}
	p.send(strings.Repeat("x", 1_000_000))
	p.ResumeProducing()
	s.Pump()
	want(t, strings.HasSuffix(p.take(), "1000000 <nil>"), true)
}

// TestHandlerInATree checks that a handler in a tree of resources sees the whole path.
func TestHandlerInATree(t *testing.T) {
	root := &web.Node{}
	root.PutChild("app", &web.HandlerResource{Handler: http.StripPrefix("/app", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.URL.Path, " ", string(data))
	}))})
	s := serveRoot(t, root)
	want(t, body(s.ask("POST /app/x/y HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")), "/x/y hi")
	want(t, head(s.get("/other")), "HTTP/1.1 404 Not Found")
}

// TestSiteNeedsOneRoot checks that a Site needs a Root or a Handler, but not both.
func TestSiteNeedsOneRoot(t *testing.T) {
	for name, site := range map[string]*web.Site{
		"none": {},
		"both": {Root: &web.Node{}, Handler: http.NotFoundHandler()},
	} {
		func() {
			defer func() {
				if recover() != "web: a Site needs either a Root or a Handler" {
					t.Errorf("%s: no panic", name)
				}
			}()
			site.BuildProtocol(nil)
		}()
	}
	logged := logs(t)
	root := &web.Node{}
	root.PutChild("", &web.HandlerResource{})
	want(t, head(serveRoot(t, root).get("/")), "HTTP/1.1 500 Internal Server Error")
	want(t, strings.Contains(logged(), "a HandlerResource without a Handler"), true)
}

func TestHandlerMisuse(t *testing.T) {
	logged := logs(t)
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.WriteHeader(300)
		defer func() {
			if recover() == nil {
				t.Error("WriteHeader(7) did not panic")
			}
		}()
		w.WriteHeader(7)
	})
	want(t, head(s.get("/")), "HTTP/1.1 200 OK")
	want(t, strings.Contains(logged(), "WriteHeader a second time"), true)
}
