package web_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestLogFormats checks every field of the three formats.
func TestLogFormats(t *testing.T) {
	for _, test := range []struct{ name, request, combined string }{
		{"plain", "GET /a?b=c HTTP/1.1\r\nHost: x\r\nUser-Agent: me/1 (you)\r\nReferer: http://there/\r\n\r\n",
			`"GET /a?b=c HTTP/1.1" 200 5 "http://there/" "me/1 (you)"`},
		{"no headers", "GET / HTTP/1.0\r\n\r\n", `"GET / HTTP/1.0" 200 5 "-" "-"`},
		{"empty headers", "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent:\r\nReferer: \r\n\r\n", `"GET / HTTP/1.1" 200 5 "" ""`},
		{"no body", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", `"HEAD / HTTP/1.1" 200 - "-" "-"`},
		{"quotes", "GET /a\"b\\c HTTP/1.1\r\nHost: x\r\nUser-Agent: q\"u\\o\r\n\r\n", `"GET /a\"b\\c HTTP/1.1" 200 5 "-" "q\"u\\o"`},
		{"controls", "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: a\tb\r\n\r\n", `"GET / HTTP/1.1" 200 5 "-" "a\x09b"`},
		{"not ASCII", "GET /\xc3\xbc HTTP/1.1\r\nHost: x\r\nUser-Agent: \xc3\xbc\x80\xff\r\n\r\n", `"GET /\xC3\xBC HTTP/1.1" 200 5 "-" "\xC3\xBC\x80\xFF"`},
		{"secrets", "GET /a?token=abc&b=c HTTP/1.1\r\nHost: x\r\nReferer: http://u:p@there/?api_key=abc\r\n\r\n",
			`"GET /a?token=xxxxx&b=c HTTP/1.1" 200 5 "http://u:xxxxx@there/?api_key=xxxxx" "-"`},
		{"a user", "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YSBiOmM=\r\n\r\n", `"GET / HTTP/1.1" 200 5 "-" "-"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var common, combined string
			s := serve(t, &web.Site{Root: web.RenderFunc(hello), AccessLog: func(req *web.Request) {
				common, combined = string(web.CommonLog(req)), string(web.CombinedLog(req))
			}})
			s.Advance(time.Hour)
			s.ask(test.request)
			const before = "10.0.0.1 - - [01/Jan/1970:01:00:00 +0000] "
			want(t, combined, before+test.combined+"\n")
			fields := strings.Split(test.combined, " ") // the values above have no spaces before the 7th
			at := strings.Index(test.combined, `" `+fields[3]) + len(`" `+fields[3]+" "+fields[4])
			want(t, common, before+test.combined[:at]+"\n")
		})
	}
}

// TestSlogAccessLog checks the attributes, and that the times are the reactor's.
func TestSlogAccessLog(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	site := &web.Site{AccessLog: web.SlogAccessLog(logger)}
	var later *web.Request
	site.Root = web.RenderFunc(func(req *web.Request) {
		switch req.Path {
		case "/fail":
			req.SetResponseCode(http.StatusInternalServerError)
		case "/id":
			req.SetHeader("X-Request-Id", "ours")
		default:
			later = req
			req.NotDoneYet()
		}
	})
	s := serve(t, site)
	s.Advance(time.Hour)
	p := s.connect().send("GET /a?b&password=c HTTP/1.1\r\nHost: an.example:81\r\nReferer: r r\r\nUser-Agent: u\r\nX-Request-Id: theirs\r\n\r\n")
	s.Advance(1500 * time.Millisecond)
	later.WriteString("hello")
	later.Finish()
	s.Pump()
	s.get("/fail")
	s.get("/id", "X-Request-Id: theirs")
	p.send("GET /gone HTTP/1.1\r\nHost: x\r\n\r\n")
	p.AbortConnection()
	s.Pump()
	want(t, log.String(), `time=1970-01-01T01:00:01.500Z level=INFO msg=request method=GET uri="/a?b&password=xxxxx" proto=HTTP/1.1 host=an.example:81 status=200 bytes=5 duration=1.5s client=10.0.0.1:49152 referer="r r" agent=u id=theirs
time=1970-01-01T01:00:01.500Z level=ERROR msg=request method=GET uri=/fail proto=HTTP/1.1 host=an.example status=500 bytes=0 duration=0s client=10.0.0.1:49153
time=1970-01-01T01:00:01.500Z level=INFO msg=request method=GET uri=/id proto=HTTP/1.1 host=an.example status=200 bytes=0 duration=0s client=10.0.0.1:49154 id=ours
time=1970-01-01T01:00:01.500Z level=INFO msg=request method=GET uri=/gone proto=HTTP/1.1 host=x status=499 bytes=0 duration=0s client=10.0.0.1:49152 error="connection was reset by the peer"
`)
	log.Reset()
	site.AccessLog = web.SlogAccessLog(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})))
	s.get("/id")
	want(t, log.String(), "")
}

// TestLoggedStatus checks the status of each way in which a response can end.
func TestLoggedStatus(t *testing.T) {
	for _, test := range []struct {
		name string
		path string
		end  func(s *server, p *peer) // after the request was received
		want string                   // the status and the bytes
	}{
		{"whole", "/", nil, "200 5"},
		{"gone before the head", "/later", func(s *server, p *peer) { p.AbortConnection() }, "499 0"},
		{"closed before the head", "/wait", func(s *server, p *peer) { p.LoseConnection() }, "499 22"},
		{"gone in the body", "/begun", func(s *server, p *peer) { p.AbortConnection() }, "499 5"},
		{"gone in what waits", "/large", func(s *server, p *peer) { p.AbortConnection() }, "499 1000000"},
		{"too slow", "/large", func(s *server, p *peer) { s.Advance(time.Minute) }, "408 1000000"},
		{"shut down", "/begun", func(s *server, p *peer) { s.site.Shutdown(); s.Advance(10 * time.Second) }, "503 5"},
		{"failed", "/fail", nil, "500 22"},
		{"failed in the body", "/cut", nil, "500 5"},
		{"ended its side before the end", "/soon", func(s *server, p *peer) { p.LoseWriteConnection(); s.Pump(); s.Advance(time.Second) }, "499 4"},
		{"handler, gone", "/handler", func(s *server, p *peer) { p.AbortConnection() }, "499 0"},
		{"half the content", "/content", func(s *server, p *peer) { p.send("ab"); p.LoseConnection() }, "400 55"},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs(t)
			var s *server
			var logged []string
			s = serveFunc(t, func(req *web.Request) {
				switch req.Path {
				case "/later":
					req.NotDoneYet()
				case "/wait":
					web.FinishWhen(req, task.Sleep(s, time.Hour))
				case "/begun", "/cut":
					req.NotDoneYet()
					req.WriteString("begun")
					if req.Path == "/cut" {
						s.CallLater(0, func() { req.Fail(fmt.Errorf("broken")) })
					}
				case "/large":
					req.Write(make([]byte, 1_000_000))
				case "/soon":
					req.NotDoneYet()
					s.CallLater(time.Second, func() { req.WriteString("soon"); req.Finish() })
				case "/fail":
					req.Fail(fmt.Errorf("broken"))
				default:
					hello(req)
				}
			})
			if test.path == "/handler" {
				s.site.Root = &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					d := make([]byte, 1)
					r.Body.Read(d)
				})}
			}
			s.site.AccessLog = func(req *web.Request) {
				logged = append(logged, fmt.Sprint(web.LoggedStatus(req), " ", req.Sent()))
			}
			p := s.connect()
			p.halfOpen = true
			if test.path == "/large" {
				p.PauseProducing()
			}
			method, headers := "GET ", ""
			if test.path == "/content" || test.path == "/handler" {
				method, headers = "POST ", "Content-Length: 9\r\n"
			}
			p.send(method + test.path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n")
			if test.end != nil {
				want(t, len(logged), 0)
				test.end(s, p)
				s.Pump()
			}
			want(t, strings.Join(logged, ", "), test.want)
		})
	}
}
