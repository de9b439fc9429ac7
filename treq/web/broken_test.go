package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestClientGoneWhilePaused: the server has paused a client that sends more content than
// the handler reads. When sending to that client fails, the handler learns of it, although
// the content that came is never read.
func TestClientGoneWhilePaused(t *testing.T) {
	const posts = "POST / HTTP/1.1\r\nHost: an.example\r\nContent-Length: 1000000\r\n\r\n"
	for name, write := range map[string]func(w http.ResponseWriter, piece []byte) error{
		"writes": func(w http.ResponseWriter, piece []byte) error {
			_, err := w.Write(piece)
			return err
		},
		"flushes": func(w http.ResponseWriter, piece []byte) error {
			w.Write(piece)
			return http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			ended := false
			s := serve(t, &web.Site{WriteTimeout: -1, ContentTimeout: -1, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				defer func() { ended = true }()
				for range 1000 { // a client that reads gets the handler to its end
					if write(w, make([]byte, 10_000)) != nil || req.Context().Err() != nil {
						return
					}
				}
			})})
			p := s.connect()
			p.PauseProducing()
			p.send(posts)
			for range 10 {
				p.send(strings.Repeat("x", 50_000))
			}
			if ended {
				t.Fatal("the handler ended before the client was gone")
			}
			s.FailWrites("", "", reactor.ErrConnectionReset)
			p.ResumeProducing()
			s.RunFor(time.Minute)
			if !ended {
				t.Error("the handler still runs")
			}
		})
	}
}

// TestHijackedWriteFails: a hijacked connection that can send no more fails to write, and
// can still be read.
func TestHijackedWriteFails(t *testing.T) {
	var got string
	var readErr, writeErr error
	s := serveHandler(t, func(w http.ResponseWriter, req *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for writeErr == nil {
			_, writeErr = conn.Write(make([]byte, 10_000))
		}
		var b []byte
		b, readErr = io.ReadAll(conn)
		got = string(b)
	})
	p := s.connect()
	p.PauseProducing()
	p.send("GET / HTTP/1.1\r\nHost: an.example\r\n\r\n")
	want := strings.Repeat("x", 100_000)
	p.send(want)
	s.FailWrites("", "", reactor.ErrConnectionReset)
	p.ResumeProducing()
	s.RunFor(time.Minute)
	if writeErr == nil || readErr == nil || got != want {
		t.Errorf("writing failed with %v; %d bytes were read, then %v", writeErr, len(got), readErr)
	}
}
