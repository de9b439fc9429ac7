package agent_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/loopback"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file has servers that answer before they have the whole request, and then close the
// connection. The bytes that they have not read make the system reset the connection.

// An earlyServer answers each request as soon as it has the head, and closes the connection
// without reading the body. It is also a proxy that opens tunnels to itself.
type earlyServer struct {
	answer string
	tls    *tls.Config  // nil: http
	second http.Handler // answers all connections but the first; nil: as the first

	conns atomic.Int32
}

func (s *earlyServer) serve(c net.Conn) {
	r := bufio.NewReader(c)
	if first, _ := r.Peek(len("CONNECT")); string(first) == "CONNECT" {
		readHead(r)
		io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	}
	if s.tls == nil && s.second != nil && s.conns.Add(1) > 1 {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		s.second.ServeHTTP(w, req)
		w.Result().Write(c)
		return
	}
	if s.tls == nil {
		readHead(r)
		io.WriteString(c, s.answer)
		return
	}
	secure := tls.Server(bufferedConn{c, r}, s.tls)
	readHead(bufio.NewReader(secure))
	io.WriteString(secure, s.answer)
	secure.CloseWrite() // the closing alert
}

type bufferedConn struct {
	net.Conn
	r io.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

func readHead(r *bufio.Reader) {
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			return
		}
	}
}

// earlyBodies are the bodies of uploads that are too large for the buffers of a socket.
var earlyBodies = []struct {
	name string
	make func() request.BodyProducer
}{
	{"bytes", func() request.BodyProducer { return request.Bytes(earlyBody) }},
	{"a file", func() request.BodyProducer {
		return request.NewFileBodyProducer(bytes.NewReader(earlyBody), request.FileBodyConfig{})
	}},
	{"chunks", func() request.BodyProducer {
		return request.NewFileBodyProducer(io.LimitReader(endless{}, earlySize), request.FileBodyConfig{})
	}},
	{"a form", func() request.BodyProducer {
		content := multipart.FromReader("x.txt", bytes.NewReader(earlyBody))
		body, err := multipart.NewMultiPartProducer([]multipart.Field{{Name: "f", Value: content}}, multipart.Config{})
		if err != nil {
			panic(err)
		}
		return body
	}},
}

const earlySize = 16 << 20

// earlyBody is shared: under the race detector, making it costs more than sending it.
var earlyBody = make([]byte, earlySize)

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// earlyWays are the ways to a server.
var earlyWays = []string{"http", "https", "tunnel"}

// An earlyWorld is an agent on a running loop, and the server that it sends to.
type earlyWorld struct {
	l     *reactor.Loop
	agent *agent.Agent
	url   string
}

func newEarlyWorld(t *testing.T, l *reactor.Loop, way, answer string) *earlyWorld {
	t.Helper()
	s := &earlyServer{answer: answer}
	var roots *x509.CertPool
	scheme := "http"
	if way != "http" {
		scheme = "https"
		s.tls = &tls.Config{Certificates: make([]tls.Certificate, 1)}
		s.tls.Certificates[0], roots = testcert.New("127.0.0.1")
	}
	w := &earlyWorld{l: l, url: scheme + "://" + loopback.Serve(t, s.serve) + "/"}
	on(l, func() {
		config := agent.Config{Pool: agent.NewPool(l, agent.PoolConfig{}), TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots})}
		if way != "tunnel" {
			w.agent = agent.New(l, config)
			return
		}
		var err error
		if w.agent, err = agent.NewProxyAgent(l, "http"+strings.TrimPrefix(w.url, scheme), config); err != nil {
			t.Error(err)
		}
	})
	return w
}

// on calls f on the loop's goroutine.
func on(l *reactor.Loop, f func()) {
	done := make(chan bool)
	l.CallFromThread(func() {
		defer close(done)
		f()
	})
	<-done
}

// post uploads body, and returns the code and the content of the response.
func (w *earlyWorld) post(body request.BodyProducer, expect time.Duration) (got string, err error) {
	req := newRequest("POST", w.url)
	req.Body, req.ExpectContinue = body, expect
	done := make(chan bool)
	w.l.CallFromThread(func() {
		deferred.Then(w.agent.Request(req), func(r *response.Response) *deferred.Deferred[string] {
			return deferred.Map(r.Content(), func(content []byte) (string, error) {
				return fmt.Sprintf("%d %s%s", r.Code, r.Header.Get("Location"), content), nil
			})
		}).AddBoth(func(s string, e error) (string, error) {
			got, err = s, e
			close(done)
			return "", nil
		})
	})
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		err = fmt.Errorf("no answer for 30 s")
	}
	return got, err
}

// onPollers runs f on a loop over each poller of this system.
func onPollers(t *testing.T, f func(t *testing.T, l *reactor.Loop)) {
	for _, poller := range []struct {
		name string
		new  func() *reactor.Loop
	}{{"system", reactor.New}, {"portable", reactor.NewPortable}} {
		t.Run(poller.name, func(t *testing.T) { f(t, background.Run(t, poller.new(), nil)) })
	}
}

func TestEarlyAnswer(t *testing.T) {
	onPollers(t, func(t *testing.T, l *reactor.Loop) {
		for _, way := range earlyWays {
			t.Run(way, func(t *testing.T) {
				w := newEarlyWorld(t, l, way, "HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much")
				seen := 0
				for i := range 100 {
					body := earlyBodies[i%len(earlyBodies)]
					got, err := w.post(body.make(), 0)
					if got == "413 too much" {
						seen++
					} else if i-seen < 3 {
						t.Logf("%s: got %q, %v", body.name, got, err)
					}
				}
				if seen != 100 {
					t.Errorf("%d of 100 requests saw the answer", seen)
				}
			})
		}
	})
}

// TestEarlyAnswers has the kinds of answers that come early.
func TestEarlyAnswers(t *testing.T) {
	l := background.Loop(t, nil)
	for _, answer := range []struct{ name, text, want string }{
		{"413", "HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo much", "413 too much"},
		{"413 in chunks", "HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n", "413 too much"},
		{"413 without a body", "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "413 "},
		{"401", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=r\r\nContent-Length: 2\r\n\r\nno", "401 no"},
		{"100, then 413", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo much", "413 too much"},
		{"103, then 413", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo much", "413 too much"},
		{"a redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", "307 /b"},
		{"a long answer", "HTTP/1.1 413 Too Large\r\nContent-Length: 30000\r\n\r\n" + strings.Repeat("0123456789", 3000), "413 " + strings.Repeat("0123456789", 3000)},
	} {
		for _, way := range earlyWays {
			w := newEarlyWorld(t, l, way, answer.text)
			for _, body := range earlyBodies {
				for _, expect := range []time.Duration{0, time.Minute} {
					t.Run(fmt.Sprintf("%s, %s, %s, %v", answer.name, way, body.name, expect), func(t *testing.T) {
						if got, err := w.post(body.make(), expect); got != answer.want {
							t.Errorf("got %.100q, %v; want %.100q", got, err, answer.want)
						}
					})
				}
			}
		}
	}
}

// TestEarlyAnswerThenTheBodyAgain checks that an upload that an early answer cuts short is
// sent again, whole, where the answer asks for it.
func TestEarlyAnswerThenTheBodyAgain(t *testing.T) {
	onPollers(t, func(t *testing.T, l *reactor.Loop) {
		for name, answer := range map[string]string{
			"307": "HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			"401": "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
		} {
			for _, body := range earlyBodies {
				if body.name == "chunks" {
					continue // what cannot seek is sent once
				}
				t.Run(name+", "+body.name, func(t *testing.T) {
					s := &earlyServer{answer: answer, second: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						n, err := io.Copy(io.Discard, r.Body)
						fmt.Fprint(w, n == r.ContentLength, err)
					})}
					url := "http://" + loopback.Serve(t, s.serve) + "/"
					done := make(chan string)
					l.CallFromThread(func() {
						stack := agent.Stack{
							Agent:       agent.New(l, agent.Config{Pool: agent.NewPool(l, agent.PoolConfig{})}),
							Credentials: auth.NewDigest("u", "p"),
							Redirects:   &agent.RedirectConfig{BrowserLike: true},
						}
						req := newRequest("PUT", url)
						req.Body = body.make()
						deferred.Then(stack.Send(req), (*response.Response).Text).AddBoth(func(text string, err error) (string, error) {
							go func() { done <- fmt.Sprint(text, " ", err) }()
							return "", nil
						})
					})
					if got := <-done; got != "true <nil> <nil>" {
						t.Errorf("got %s", got)
					}
				})
			}
		}
	})
}
