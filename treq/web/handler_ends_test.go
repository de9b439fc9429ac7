package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestGoexitInAHandler: a handler that exits its goroutine costs its connection and is
// logged. The server goes on.
func TestGoexitInAHandler(t *testing.T) {
	waits := deferred.New[int]()
	handlers := map[string]http.HandlerFunc{
		"at once": func(http.ResponseWriter, *http.Request) { runtime.Goexit() },
		"after the head": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "part")
			w.(http.Flusher).Flush()
			runtime.Goexit()
		},
		"after a wait": func(w http.ResponseWriter, r *http.Request) {
			web.Await(r.Context(), waits)
			runtime.Goexit()
		},
		"FailNow": func(http.ResponseWriter, *http.Request) { new(testing.T).FailNow() },
		"hijacked": func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Hijack()
			runtime.Goexit()
		},
	}
	for name, handler := range handlers {
		for _, inThreads := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", in threads ", inThreads), func(t *testing.T) {
				log := logtest.Capture(t)
				ended := false
				s := serveRoot(t, &web.HandlerResource{InThreads: inThreads, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/fine" {
						io.WriteString(w, "fine")
						return
					}
					defer func() { ended = true }()
					handler(w, r)
				})})
				p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				if !waits.Called() {
					waits.Callback(1)
				}
				s.Pump()
				if strings.Contains(p.take(), "0\r\n\r\n") || !p.ended || !ended {
					t.Errorf("the response is complete, or the connection %v or the handler %v has not ended", p.ended, ended)
				}
				if got := log.Take(); strings.Count(got, "runtime.Goexit") != 1 || !strings.Contains(got, "uri=/") {
					t.Errorf("logged %q", got)
				}
				want(t, body(s.get("/fine")), "fine")
			})
		}
	}
}

func TestGoexitInAHandlerInAThread(t *testing.T) {
	log := logtest.Capture(t)
	address := listen(t, threaded(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fine" {
			io.WriteString(w, "fine")
			return
		}
		runtime.Goexit()
	}))
	if resp, err := http.Get("http://" + address + "/"); err == nil {
		t.Errorf("got %v", resp)
	}
	resp, err := http.Get("http://" + address + "/fine")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	want(t, string(text), "fine")
	if got := log.Take(); !strings.Contains(got, "runtime.Goexit") {
		t.Errorf("logged %q", got)
	}
}

// TestAHandlerWhoseClientIsGoneEnds: the handlers go on whatever Await returns.
func TestAHandlerWhoseClientIsGoneEnds(t *testing.T) {
	for _, test := range []struct {
		name  string
		loop  func(await func())
		waits int // Awaits after the one at which the client went
		log   string
	}{
		{"a poller", func(await func()) {
			for {
				await()
			}
		}, 6, ""},
		{"one that recovers", func(await func()) {
			for {
				func() {
					defer func() { recover() }()
					await()
				}()
			}
		}, 101, "runtime.Goexit"},
		{"one that ends by itself", func(await func()) {
			for range 6 {
				await()
			}
		}, 5, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := logtest.Capture(t)
			cleaning := deferred.New[int]()
			cleaned, waits, stopped := 0, -1, 0
			s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
				defer func() { cleaned, _ = web.Await(context.WithoutCancel(r.Context()), cleaning) }()
				test.loop(func() {
					waits++
					web.Await(r.Context(), deferred.NewCancellable(func(*deferred.Deferred[int]) { stopped++ }))
				})
			})
			p := s.connect().send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			want(t, waits, 0)
			p.AbortConnection()
			s.Pump()
			want(t, waits, test.waits)
			want(t, stopped, test.waits+1)
			want(t, cleaned, 0)
			cleaning.Callback(3)
			want(t, cleaned, 3)
			if got := log.Take(); (got == "") != (test.log == "") || !strings.Contains(got, test.log) {
				t.Errorf("logged %q", got)
			}
		})
	}
}

// Awaits in a context of the handler's own, which has ended, unwind nothing.
func TestAwaitInAnEndedContext(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		for range 200 {
			if _, err := web.Await(ctx, deferred.New[int]()); err != deferred.ErrCancelled {
				t.Error(err)
			}
		}
		io.WriteString(w, "done")
	})
	want(t, body(s.get("/")), "done")
}
