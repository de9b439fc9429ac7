package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestEndOfHandlerContext: the context of a request ends with its handler, whether it was waited for before,
// after or never, and so do the contexts that are made from it.
func TestEndOfHandlerContext(t *testing.T) {
	cause := errors.New("enough")
	for name, use := range map[string]func(ctx context.Context) (derived context.Context){
		"nobody waits":   func(ctx context.Context) context.Context { return ctx },
		"somebody waits": func(ctx context.Context) context.Context { ctx.Done(); return ctx },
		"a value":        func(ctx context.Context) context.Context { return context.WithValue(ctx, http.ServerContextKey, 2) },
		"a timeout": func(ctx context.Context) context.Context {
			ctx, end := context.WithTimeout(ctx, time.Hour)
			t.Cleanup(end)
			return ctx
		},
		"a cause": func(ctx context.Context) context.Context {
			ctx, end := context.WithCancelCause(ctx)
			t.Cleanup(func() { end(nil) })
			return ctx
		},
		"a cause, at once": func(ctx context.Context) context.Context {
			ctx, end := context.WithCancelCause(ctx)
			end(cause)
			return ctx
		},
	} {
		t.Run(name, func(t *testing.T) {
			var outer, derived context.Context
			var during, duringCause error
			s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
				outer, derived = r.Context(), use(r.Context())
				during, duringCause = outer.Err(), context.Cause(derived)
				if web.FromContext(derived) == nil {
					t.Error("the request is not in the context")
				}
			})
			s.connect().Write([]byte("GET / HTTP/1.1\r\nHost: an.example\r\n\r\n"))
			s.Pump()
			want := context.Canceled
			if name == "a cause, at once" {
				want = cause
			}
			if during != nil || (duringCause != nil) != (want == cause) {
				t.Errorf("during the handler: %v, %v", during, duringCause)
			}
			if outer.Err() != context.Canceled || context.Cause(derived) != want {
				t.Errorf("after the handler: %v, %v", outer.Err(), context.Cause(derived))
			}
			for _, ctx := range []context.Context{outer, derived} {
				select {
				case <-ctx.Done():
				default:
					t.Error("the context has not ended")
				}
			}
		})
	}
}

// TestEndOfHandlerContextInGoroutines: several goroutines may be the first to wait for the end.
func TestEndOfHandlerContextInGoroutines(t *testing.T) {
	const waiters = 8
	ended := make(chan error, waiters)
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		for range waiters {
			go func() {
				<-r.Context().Done()
				ended <- r.Context().Err()
			}()
		}
	})
	s.connect().Write([]byte("GET / HTTP/1.1\r\nHost: an.example\r\n\r\n"))
	s.Pump()
	for range waiters {
		if err := <-ended; err != context.Canceled {
			t.Error(err)
		}
	}
}

// TestURLOfHandlers: the URL of a request is what package url makes of the target.
func TestURLOfHandlers(t *testing.T) {
	for _, target := range []string{
		"/", "//", "///a//b", "/a/b.c", "/a-b_c~d/0..9", "/?", "/a?", "/a??", "/a?b=c?", "/a?b=%20+c", "/%41%2f", "/a:b", "/a@b",
		"/a;b=c", "/a+b", "/a,b", "/a!b", "/a'b", "/(a)", "/a*b", "/[a]", "/$&=", "/a%20b?c", "/|", "/\x80", "http://an.example/a?b",
	} {
		want, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		var got *url.URL
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) { got = r.URL })
		s.connect().Write([]byte("GET " + target + " HTTP/1.1\r\nHost: an.example\r\n\r\n"))
		s.Pump()
		if got == nil || *got != *want {
			t.Errorf("%s: %#v, want %#v", target, got, want)
		}
	}
}
