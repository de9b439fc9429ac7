package web_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func hello(req *web.Request) { req.WriteString("hello") }

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

const helloResponse = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello"

func TestOneRequest(t *testing.T) {
	want(t, serveFunc(t, hello).get("/"), helloResponse)
}

func TestDate(t *testing.T) {
	s := serveFunc(t, hello)
	s.Advance(24 * time.Hour)
	want(t, header(s.get("/"), "Date"), "Fri, 02 Jan 1970 00:00:00 GMT")
	s.Advance(999 * time.Millisecond)
	want(t, header(s.get("/"), "Date"), "Fri, 02 Jan 1970 00:00:00 GMT")
	s.Advance(time.Millisecond)
	want(t, header(s.get("/"), "Date"), "Fri, 02 Jan 1970 00:00:01 GMT")
	want(t, header(s.ask("nonsense\r\n\r\n"), "Date"), "Fri, 02 Jan 1970 00:00:01 GMT")
	s = serveFunc(t, func(req *web.Request) { req.ResponseHeader["Date"] = nil })
	want(t, string(s.connect().send(get).got), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
}

func TestPersistence(t *testing.T) {
	s := serve(t, &web.Site{Root: web.RenderFunc(hello), MaxRequests: 3})
	for _, test := range []struct {
		request, connection string
		closed              bool
	}{
		{get, "", false},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "close", true},
		{"GET / HTTP/1.0\r\n\r\n", "close", true},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", false},
		{"\r\n" + get, "", false},
	} {
		p := s.connect().send(test.request)
		got := p.take()
		if header(got, "Connection") != test.connection || p.ended != test.closed || body(got) != "hello" {
			t.Errorf("%q: closed %v: %q", test.request, p.ended, got)
		}
	}
	p := s.connect().send(get).send(get)
	want(t, p.ended, false)
	p.take()
	want(t, header(p.send(get).take(), "Connection"), "close")
	want(t, p.ended, true)
	want(t, s.connect().send(strings.Repeat(get, 5)).take(), helloResponse+helloResponse+
		strings.Replace(helloResponse, "Length: 5\r\n", "Length: 5\r\nConnection: close\r\n", 1))
}

// TestSplitAnywhere checks that the same bytes give the same responses, however they are
// split.
func TestSplitAnywhere(t *testing.T) {
	requests := "GET /a HTTP/1.1\r\nHost: x\r\n\r\n" + post("", "0123456789") +
		"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n" +
		"HEAD /d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	roots := map[string]web.Resource{
		"resource": web.RenderFunc(func(req *web.Request) {
			fmt.Fprint(req, req.Method, req.Path)
			req.Content.WriteTo(req)
		}),
		"handler": &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Method, r.URL.Path)
			io.Copy(w, r.Body)
			fmt.Fprint(w, r.Trailer)
		})},
	}
	for name, root := range roots {
		s := serveRoot(t, root)
		whole := s.ask(requests)
		want(t, strings.Count(whole, "HTTP/1.1 200 OK"), 4)
		for _, step := range []int{1, 2, 3, 7, 50} {
			p := s.connect()
			for rest := requests; rest != ""; {
				n := min(step, len(rest))
				p.send(rest[:n])
				rest = rest[n:]
			}
			if got := p.take(); got != whole {
				t.Errorf("%s in pieces of %d: %q\nwant %q", name, step, got, whole)
			}
			want(t, p.ended, true)
		}
	}
}

// TestPipelineBackPressure checks that the server stops reading from a client that does
// not read the responses.
func TestPipelineBackPressure(t *testing.T) {
	answered := 0
	s := serveFunc(t, func(req *web.Request) {
		answered++
		req.Write(make([]byte, 1000))
	})
	p := s.connect()
	p.PauseProducing()
	producer := &pausable{}
	p.RegisterProducer(producer)
	sent := 0
	for !producer.paused && sent < 1_000_000 {
		p.send(strings.Repeat(get, 100))
		sent += 100
	}
	if answered > 1000 || sent > 50_000 {
		t.Errorf("%d requests were answered and %d received from a client that reads nothing", answered, sent)
	}
	p.ResumeProducing()
	s.Pump()
	want(t, answered, sent)
	want(t, bytes.Count(p.got, []byte("HTTP/1.1 200 OK")), sent)
}

func TestTimeouts(t *testing.T) {
	const partial = "POST / HTTP/1.1\r\nHost: x\r\n"
	const whole = partial + "Content-Length: 10\r\n\r\n"
	site := func() *web.Site {
		return &web.Site{Root: web.RenderFunc(hello), HeaderTimeout: 5 * time.Second, ContentTimeout: 10 * time.Second, IdleTimeout: 20 * time.Second}
	}
	for _, test := range []struct {
		name  string
		sent  string
		after time.Duration
		want  string // the beginning of the received bytes
	}{
		{"nothing", "", 5 * time.Second, ""},
		{"half a head", partial, 5 * time.Second, "HTTP/1.1 408 Request Timeout\r\n"},
		{"half a content", whole + "abc", 10 * time.Second, "HTTP/1.1 408 Request Timeout\r\n"},
		{"between requests", get, 20 * time.Second, helloResponse},
		{"the next head", get + "G", 5 * time.Second, helloResponse + "HTTP/1.1 408 Request Timeout\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, site())
			p := s.connect().send(test.sent)
			s.Advance(test.after - time.Millisecond)
			want(t, p.ended, false)
			s.Advance(time.Millisecond)
			want(t, p.ended, true)
			if got := p.take(); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
				t.Errorf("%q; want %q", got, test.want)
			}
			s.Advance(time.Hour)
			want(t, len(s.DelayedCalls()), 0)
		})
	}
	t.Run("the next head, after a head in parts", func(t *testing.T) {
		s := serve(t, site())
		p := s.connect().send(get[:9]).send(get[9:])
		want(t, p.take(), helloResponse)
		p.send(get[:9])
		s.Advance(5 * time.Second)
		want(t, head(p.take()), "HTTP/1.1 408 Request Timeout")
		want(t, p.ended, true)
	})
	t.Run("a lost connection", func(t *testing.T) {
		s := serve(t, site())
		p := s.connect()
		p.AbortConnection()
		s.Pump()
		want(t, len(s.DelayedCalls()), 0)
	})
	t.Run("never", func(t *testing.T) {
		s := serve(t, &web.Site{Root: web.RenderFunc(hello), HeaderTimeout: -1, ContentTimeout: -1, IdleTimeout: -1, WriteTimeout: -1})
		p := s.connect()
		s.Advance(time.Hour)
		p.send(whole)
		s.Advance(time.Hour)
		want(t, body(p.send("0123456789").take()), "hello")
		s.Advance(time.Hour)
		want(t, p.ended, false)
	})
	t.Run("while a request is answered", func(t *testing.T) {
		var req *web.Request
		s := serveFunc(t, func(r *web.Request) { req = r; r.NotDoneYet() })
		p := s.connect().send(get)
		s.Advance(time.Hour)
		req.Finish()
		s.Pump()
		want(t, head(p.take()), "HTTP/1.1 200 OK")
	})
	t.Run("the Clock of the site", func(t *testing.T) {
		site, clock := site(), task.NewClock()
		site.Clock = clock
		s := serve(t, site)
		p := s.connect()
		s.Advance(time.Hour)
		want(t, p.ended, false)
		clock.Advance(5 * time.Second)
		s.Pump()
		want(t, p.ended, true)
	})
}

// TestSlowLoris checks that the time limit of a head counts from its first byte: a byte
// each second does not extend it.
func TestSlowLoris(t *testing.T) {
	s := serveFunc(t, hello)
	p := s.connect()
	for i := range 30 {
		if p.ended {
			want(t, i, 20)
			return
		}
		p.send("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[i : i+1])
		s.Advance(time.Second)
	}
	t.Error("the connection is still open")
}

func TestContentTimeoutOfHandlers(t *testing.T) {
	var err error
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		_, err = io.ReadAll(r.Body)
		w.WriteHeader(408)
	})
	p := s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	s.Advance(time.Minute)
	want(t, fmt.Sprint(err), "the content of the request took too long")
	want(t, head(p.take()), "HTTP/1.1 408 Request Timeout")
	want(t, p.ended, true)

	// Content that the handler does not read has a time limit too.
	s = serveHandler(t, func(w http.ResponseWriter, r *http.Request) {})
	p = s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	want(t, head(p.take()), "HTTP/1.1 200 OK")
	s.Advance(time.Minute)
	want(t, p.ended, true)
}

// TestLingeringAfterBadContent checks that a client that may still be sending gets the
// whole response before the connection is closed.
func TestLingeringAfterBadContent(t *testing.T) {
	for name, sent := range map[string]string{
		"not HTTP": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"too slow": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
	} {
		s := serveFunc(t, hello)
		p := s.connect()
		p.halfOpen = true
		p.send(sent)
		if name == "too slow" {
			s.Advance(time.Minute)
		}
		want(t, p.ended, true)
		p.send(strings.Repeat("x", 100_000))
		want(t, p.lost, nil)
		s.Advance(5 * time.Second)
		p.send("x").send("x") // the answer to the first is a reset, which the second notices
		want(t, p.lost != nil, true)
	}
}

// TestWriteTimeout checks that the server aborts the connection of a client that does not
// read the response.
func TestWriteTimeout(t *testing.T) {
	for name, f := range map[string]func(*web.Request){
		"written":  func(req *web.Request) { req.Write(make([]byte, 1_000_000)) },
		"produced": func(req *web.Request) { req.RegisterPullProducer(&puller{req: req, left: 100}) },
		"the last": func(req *web.Request) { req.SetHeader("Connection", "close"); req.Write(make([]byte, 200_000)) },
	} {
		s := serveFunc(t, f)
		p := s.connect()
		p.PauseProducing()
		p.send(get)
		s.Advance(59 * time.Second)
		before := p.lost
		s.Advance(time.Second)
		p.ResumeProducing()
		s.Pump()
		if before != nil || !errors.Is(p.lost, reactor.ErrConnectionReset) || len(p.got) > 500_000 {
			t.Errorf("%s: before %v, then %v after %d bytes", name, before, p.lost, len(p.got))
		}
	}
}

func TestHostile(t *testing.T) {
	for _, test := range []struct{ name, sent, want string }{
		{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01", "400"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
		{"length and chunked", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{"other coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
		{"hidden coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"},
		{"negative", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"},
		{"bare LF", "GET / HTTP/1.1\nHost: x\n\n", "400"},
		{"fold", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "400"},
		{"NUL", "GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", "400"},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", "400"},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
		{"bad Host", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", "400"},
		{"version", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
		{"long line", "GET /" + strings.Repeat("a", 20_000) + " HTTP/1.1\r\n", "414"},
		{"long headers", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 200), "431"},
		{"many headers", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 600) + "\r\n", "431"},
		{"empty lines", strings.Repeat("\r\n", 100), "400"},
		{"an invalid path", "GET http://[x/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", "400"},
		{"huge chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n", "400"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rendered := false
			s := serveFunc(t, func(req *web.Request) { rendered = true })
			// The request after it must not be answered.
			p := s.connect().send(test.sent + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
			got := p.take()
			if !strings.HasPrefix(got, "HTTP/1.1 "+test.want+" ") || strings.Count(got, "HTTP/1.1 ") != 1 || header(got, "Connection") != "close" {
				t.Errorf("%.300q; want %s", got, test.want)
			}
			want(t, rendered, false)
			want(t, p.ended, true)
		})
	}
}

func TestGarbageAfterARequest(t *testing.T) {
	s := serveFunc(t, hello)
	p := s.connect().send(get + "nonsense\r\n\r\n")
	got := p.take()
	want(t, strings.HasPrefix(got, helloResponse+"HTTP/1.1 400 Bad Request"), true)
	want(t, p.ended, true)
}

func TestLimits(t *testing.T) {
	s := serve(t, &web.Site{Root: web.RenderFunc(hello), Limits: wire.Limits{HeaderCount: 2}})
	want(t, head(s.get("/")), "HTTP/1.1 200 OK")
	want(t, head(s.get("/", "A: b", "C: d")), "HTTP/1.1 431 Request Header Fields Too Large")
}

func TestHalfClose(t *testing.T) {
	s := serveFunc(t, hello)
	for _, sent := range []string{get + get, "", "GET /"} {
		p := s.connect()
		p.halfOpen = true
		p.Write([]byte(sent))
		p.LoseWriteConnection()
		s.Pump()
		want(t, strings.Count(p.take(), "hello"), strings.Count(sent, "HTTP"))
		want(t, p.lost == nil, false)
	}
}

// TestStringTransport checks that a channel works without a network.
func TestStringTransport(t *testing.T) {
	r := memory.New()
	transport := &memory.StringTransport{On: r}
	channel := (&web.Site{Root: web.RenderFunc(hello)}).BuildProtocol(nil)
	channel.ConnectionMade(transport)
	channel.DataReceived([]byte(get))
	want(t, strings.Replace(transport.Value(), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "", 1), helloResponse)
	transport.Clear()
	channel.DataReceived([]byte("nonsense\r\n\r\n"))
	r.RunFor(5 * time.Second) // until the channel stops waiting for the client to close
	want(t, head(transport.Value()), "HTTP/1.1 400 Bad Request")
	want(t, transport.Disconnecting(), true)
	channel.ConnectionLost(reactor.ErrConnectionDone)
}

func TestTLS(t *testing.T) {
	certificate, roots := testcert.New("an.example")
	r := memory.New()
	site := &web.Site{Root: web.RenderFunc(func(req *web.Request) {
		fmt.Fprint(req, req.IsSecure(), " ", req.PrePathURL(), " ", req.GetSession().ID() != "")
	})}
	r.ListenTCP(siteAddress, reactor.TLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{certificate}}}, site))
	p := &peer{}
	r.ConnectTCP(siteAddress, reactor.TLSClient(r, reactor.TLSConfig{Config: &tls.Config{RootCAs: roots, ServerName: "an.example"}},
		reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })), reactor.ConnectConfig{})
	r.Pump()
	p.Write([]byte("GET / HTTP/1.1\r\nHost: an.example\r\n\r\n"))
	r.Pump()
	got := p.take()
	want(t, body(got), "true https://an.example/ true")
	want(t, strings.HasPrefix(header(got, "Set-Cookie"), "GOTREQ_SECURE_SESSION="), true)
	want(t, strings.Contains(header(got, "Set-Cookie"), "; Secure"), true)
	r.Advance(time.Minute)
	want(t, p.ended, true)

	// A handler whose body is larger than the transport's buffer.
	var state *tls.ConnectionState
	r.ListenTCP("192.0.2.1:81", reactor.TLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{certificate}}}, &web.Site{Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			state = r.TLS
			for range 100 {
				w.Write(make([]byte, 10_000))
			}
		})}))
	p = &peer{}
	r.ConnectTCP("192.0.2.1:81", reactor.TLSClient(r, reactor.TLSConfig{Config: &tls.Config{RootCAs: roots, ServerName: "an.example"}},
		reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })), reactor.ConnectConfig{})
	r.Pump()
	p.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	r.Pump()
	want(t, len(body(p.take())), 1_000_000)
	want(t, state.HandshakeComplete, true)
}

// TestDeterminism checks that the same program makes the same trace each time.
func TestDeterminism(t *testing.T) {
	run := func() string {
		s := serveRoot(t, tree())
		s.StartTrace()
		for _, path := range []string{"/", "/a", "/none", "/to", "/all"} {
			s.get(path)
		}
		s.RunFor(2 * time.Minute)
		return s.Trace().String()
	}
	first := run()
	for range 20 {
		want(t, run(), first)
	}
}
