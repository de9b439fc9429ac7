package web_test

import (
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

// wantInspected checks what the site shows, in lines without their indentation.
func (s *server) wantInspected(wanted ...string) {
	s.t.Helper()
	var got []string
	for _, text := range reactor.Inspect(s) {
		for line := range strings.Lines(text) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want(s.t, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
}

// Each phase of a request has a line, over HTTP/1.1 and HTTP/2.
func TestInspectPhases(t *testing.T) {
	var gate *deferred.Deferred[deferred.None]
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/await":
			web.Await(r.Context(), gate)
		case "/content":
			io.ReadAll(r.Body)
		case "/begun":
			io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			web.Await(r.Context(), gate)
		}
	}
	root := web.RenderFunc(func(r *web.Request) {
		switch r.Path {
		case "/resource":
			r.NotDoneYet()
		case "/begun":
			r.NotDoneYet()
			io.WriteString(r, "hello")
		}
	})
	for _, test := range []struct {
		name, method, target, content string // of 100 bytes
		root                          bool
		phase                         string
	}{
		{"a handler that waits", "GET", "/await?page=2&token=abc", "", false,
			"GET an.example/await?page=2&token=xxxxx: its handler waits, 0 bytes so far"},
		{"a handler that reads", "POST", "/content", "hello", false,
			"POST an.example/content: its handler waits, 0 bytes so far, its content of 100 bytes is not complete"},
		{"a handler that has begun to answer", "GET", "/begun", "", false,
			"GET an.example/begun: its handler waits, 5 bytes so far"},
		{"a resource that takes its time", "GET", "/resource", "", true,
			"GET an.example/resource: waiting for its resource to answer"},
		{"a resource that has begun to answer", "GET", "/begun", "", true,
			"GET an.example/begun: answering, 5 bytes so far"},
		{"content of a resource", "POST", "/resource", "hello", true,
			"POST an.example/resource: waiting for its content, 5 bytes so far, its content of 100 bytes is not complete"},
	} {
		site := func() *web.Site {
			if test.root {
				return &web.Site{Root: root}
			}
			return &web.Site{Handler: http.HandlerFunc(handler)}
		}
		from := ", 1.5s old, from 10.0.0.1:49152"
		t.Run(test.name+"/HTTP1", func(t *testing.T) {
			gate = deferred.New[deferred.None]()
			s := serve(t, site())
			s.wantInspected()
			p := s.connect()
			length := ""
			if test.content != "" {
				length = "Content-Length: 100\r\n"
			}
			p.send(test.method + " " + test.target + " HTTP/1.1\r\nHost: an.example\r\n" + length + "\r\n" + test.content)
			s.Advance(1500 * time.Millisecond)
			s.wantInspected("requests to a site (1)", test.phase+from, "connections to a site (1): 1 busy, 0 idle, 0 shaking hands")
			p.AbortConnection()
			s.Pump()
			gate.Callback(deferred.None{})
			s.Pump()
			s.wantInspected()
		})
		t.Run(test.name+"/HTTP2", func(t *testing.T) {
			gate = deferred.New[deferred.None]()
			s := serve(t, site())
			c := s.dial()
			length, end := int64(0), true
			if test.content != "" {
				length, end = 100, false
			}
			a := c.begin(test.method, test.target, nil, length, end)
			if test.content != "" {
				a.send(test.content, false)
			}
			a.wait()
			s.Advance(1500 * time.Millisecond)
			s.wantInspected("requests to a site (1)", test.phase+from+", stream 1", "connections to a site (1): 1 busy, 0 idle, 0 shaking hands")
			c.transport.AbortConnection()
			s.Pump()
			gate.Callback(deferred.None{})
			s.Pump()
			s.wantInspected()
		})
	}
}

// A response that the client does not take, and the connections without a request.
func TestInspectConnections(t *testing.T) {
	s := serveFunc(t, func(r *web.Request) { r.Write(make([]byte, 1<<20)) })
	idle := s.connect()
	s.wantInspected("connections to a site (1): 0 busy, 1 idle, 0 shaking hands")
	begun := s.connect()
	begun.send("GET / HT")
	s.wantInspected("connections to a site (2): 1 busy, 1 idle, 0 shaking hands", "connections to a site without a request (1)",
		"10.0.0.1:49153: the head of a request is coming")
	begun.AbortConnection()
	slow := s.connect()
	slow.PauseProducing()
	slow.send("GET /" + strings.Repeat("x", 600) + " HTTP/1.1\r\nHost: an.example\r\n\r\n")
	s.wantInspected("requests to a site (1)", "GET an.example/"+strings.Repeat("x", 489)+"...: answered, 1048576 bytes, not yet taken by the client, 0s old, from 10.0.0.1:49154",
		"connections to a site (2): 1 busy, 1 idle, 0 shaking hands")
	slow.AbortConnection()
	idle.AbortConnection()
	s.Pump()
	s.wantInspected()
}

// A target of a client that sends control characters harms no terminal.
func TestInspectHostileTarget(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) { web.Await(r.Context(), deferred.New[deferred.None]()) })
	p := s.connect()
	p.send("GET /\u009b1m HTTP/1.1\r\nHost: an.example\r\n\r\n")
	text := fmt.Sprint(reactor.Inspect(s))
	if strings.Contains(text, "\u009b") {
		t.Errorf("got %q", text)
	}
	p.AbortConnection()
	s.Pump()
}
