package web_test

import (
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

func hello(req *web.Request) { req.WriteString("hello") }

func TestOneRequest(t *testing.T) {
	s := serveFunc(t, hello)
	want(t, s.get("/"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello")
}

func TestDate(t *testing.T) {
	s := serveFunc(t, hello)
	s.Advance(36e11 * 24)
	want(t, header(s.get("/"), "Date"), "Fri, 02 Jan 1970 00:00:00 GMT")
}

func TestPipelining(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) { req.WriteString(req.Path) })
	p := s.connect()
	p.send(strings.Repeat("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n", 50))
	want(t, strings.Count(p.take(), "\r\n\r\n/aHTTP/1.1 200 OK"), 50)
}
