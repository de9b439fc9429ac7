package web_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests handlers that write more than their clients take.

// TestHijackedWriteWaits checks that one large Write to a hijacked connection is handed on
// as the client takes it, and that its deadline tells how much was written.
func TestHijackedWriteWaits(t *testing.T) {
	content := random(4 << 20)
	for _, reads := range []bool{true, false} {
		var n int
		var err error
		returned := false
		s := serveHandler(t, func(w http.ResponseWriter, req *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			defer conn.Close()
			conn.SetWriteDeadline(time.Unix(60, 0))
			n, err = conn.Write(content)
			returned = true
		})
		p := s.connect()
		p.PauseProducing()
		p.send(get)
		want(t, returned, false)
		if reads {
			p.ResumeProducing()
			s.Pump()
			want(t, returned, true)
			if n != len(content) || err != nil || !bytes.Equal(p.got, content) {
				t.Errorf("%d bytes were written, %v; %d were received, or others", n, err, len(p.got))
			}
			continue
		}
		s.Advance(59 * time.Second)
		want(t, returned, false)
		s.Advance(time.Second)
		want(t, returned, true)
		if n == 0 || n > 300_000 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes were written, %v", n, err)
		}
	}
}

// TestAHandlerThatWritesMuchRests checks that a handler whose client takes everything at
// once gives the others a turn of the loop after some of its bytes.
func TestAHandlerThatWritesMuchRests(t *testing.T) {
	const piece, pieces, burst = 10_000, 200, 256 << 10
	r := memory.New()
	transport := &memory.StringTransport{On: r}
	returned := false
	channel := (&web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for range pieces {
			w.Write(make([]byte, piece))
		}
		returned = true
	})}).BuildProtocol(nil)
	channel.ConnectionMade(transport)
	turns, before := 0, 0
	for channel.DataReceived([]byte(get)); ; r.Iterate(0) {
		turns++
		n := len(transport.Value())
		if n-before > burst+2*piece {
			t.Errorf("turn %d: %d bytes", turns, n-before)
		}
		if before = n; returned || turns == 1000 {
			break
		}
	}
	want(t, returned, true)
	want(t, turns, 1+pieces*piece/(burst+piece))
}

// TestAWaitingHandlerLearnsOfTheLoss checks that a handler that waits for room is told when
// the connection is lost, though the client had ended its side before.
func TestAWaitingHandlerLearnsOfTheLoss(t *testing.T) {
	for name, write := range map[string]func(http.ResponseWriter) error{
		"a large write": func(w http.ResponseWriter) error {
			_, err := w.Write(make([]byte, 1<<20))
			return err
		},
		"small writes": func(w http.ResponseWriter) (err error) {
			for err == nil {
				_, err = w.Write(make([]byte, 10_000))
			}
			return err
		},
	} {
		var err error
		s := serveHandler(t, func(w http.ResponseWriter, req *http.Request) { err = write(w) })
		s.site.WriteTimeout = -1
		p := s.connect()
		p.halfOpen = true
		p.PauseProducing()
		p.send(get)
		p.LoseWriteConnection()
		s.Pump()
		if err != nil {
			t.Fatalf("%s: %v before the loss", name, err)
		}
		p.AbortConnection()
		s.Pump()
		if !errors.Is(err, web.ErrConnectionLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
