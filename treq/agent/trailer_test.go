package agent_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// describe returns the names of h, sorted, with their values.
func describe(h http.Header) string {
	if h == nil {
		return "nil"
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(&b, "%s%q ", name, h[name])
	}
	return strings.TrimSpace(b.String())
}

func TestTrailers(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
	for _, test := range []struct {
		name, head, body string
		before, after    string // the trailers before and after the end of the body
	}{
		{"none", chunked + "\r\n", "2\r\nhi\r\n0\r\n\r\n", "nil", "nil"},
		{"announced", chunked + "Trailer: x-sum, Other\r\n\r\n", "2\r\nhi\r\n0\r\nX-Sum: 5\r\nother: a\r\nOther: b\r\n\r\n", `Other[] X-Sum[]`, `Other["a" "b"] X-Sum["5"]`},
		{"announced in two lines", chunked + "Trailer: A\r\nTrailer: , B ,\r\n\r\n", "0\r\nA: 1\r\nB: 2\r\n\r\n", `A[] B[]`, `A["1"] B["2"]`},
		{"announced and missing", chunked + "Trailer: A\r\n\r\n", "0\r\n\r\n", `A[]`, `A[]`},
		{"not announced", chunked + "\r\n", "2\r\nhi\r\n0\r\nX-Sum: 5\r\n\r\n", "nil", `X-Sum["5"]`},
		{"one of two announced", chunked + "Trailer: A\r\n\r\n", "0\r\nB: 2\r\nA: 1\r\n\r\n", `A[]`, `A["1"] B["2"]`},
		{"forbidden", chunked + "Trailer: A, content-length, Transfer-Encoding, trailer\r\n\r\n",
			"0\r\nA: 1\r\nContent-Length: 7\r\nTransfer-Encoding: gzip\r\nTrailer: A\r\n\r\n", `A[]`, `A["1"]`},
		{"only forbidden", chunked + "Trailer: Content-Length\r\n\r\n", "0\r\nContent-Length: 7\r\n\r\n", `nil`, `nil`},
		{"announced, but the body has a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: A\r\n\r\n", "hi", `nil`, `nil`},
		{"announced, but there is no body", "HTTP/1.1 204 No Content\r\nTrailer: A\r\n\r\n", "", `nil`, `nil`},
	} {
		for _, bytewise := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				d := w.get("http://a.example/")
				w.Conn(0).Send(test.head)
				resp := deferredtest.SuccessResultOf(t, d)
				if got := describe(resp.Trailer); got != test.before {
					t.Errorf("before the body: %s, want %s", got, test.before)
				}
				atEnd := ""
				content := deferred.Map(resp.Content(), func(b []byte) (string, error) {
					atEnd = describe(resp.Trailer)
					return string(b), nil
				})
				if bytewise {
					w.Conn(0).SendBytewise(test.body)
				} else {
					w.Conn(0).Send(test.body)
				}
				deferredtest.SuccessResultOf(t, content)
				if atEnd != test.after {
					t.Errorf("at the end of the body: %s, want %s", atEnd, test.after)
				}
				w.exchange(newRequest("GET", "http://a.example/"), 0)
			})
		}
	}
	t.Run("the response was dropped", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example/")
		w.Conn(0).Send(chunked + "\r\n2\r\nhi\r\n")
		content := deferredtest.SuccessResultOf(t, d).Content()
		d = nil
		garbage.Collect()
		w.Conn(0).Send("0\r\nA: 1\r\n\r\n")
		if got := string(deferredtest.SuccessResultOf(t, content)); got != "hi" {
			t.Errorf("got %q", got)
		}
		runtime.KeepAlive(d)
	})
}

// TestTrailersWithoutContent: a response that has no content announces no trailers, since none follow it, whatever carries it.
func TestTrailersWithoutContent(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	for _, answer := range []struct {
		method string
		code   int
	}{{"HEAD", 200}, {"GET", 204}, {"GET", 304}} {
		check := func(name any, d *deferred.Deferred[*response.Response]) {
			t.Helper()
			if resp := deferredtest.SuccessResultOf(t, d); resp.Trailer != nil || resp.Header.Get("Trailer") != "A" {
				t.Errorf("%v, %q: got %v", answer, name, resp.Trailer)
			}
		}
		for _, head := range []string{"", "Transfer-Encoding: chunked\r\n", "Content-Length: 4\r\n"} {
			d := w.send(newRequest(answer.method, "http://a.example/"))
			w.Conn(0).Send(fmt.Sprintf("HTTP/1.1 %d OK\r\nTrailer: A\r\n%s\r\n", answer.code, head))
			check(head, d)
		}
		for _, early := range []bool{true, false} { // the head ends the stream
			for _, length := range []string{"", "4"} {
				w := newHTTP2World(t, agent.PoolConfig{})
				w.answer = func(s *http2Served) {
					headers := []string{"Trailer", "A", "Content-Length", length}
					s.respond(answer.code, early, headers[:2+2*len(length)]...)
					if !early {
						s.write("", true)
					}
				}
				check(fmt.Sprint("HTTP/2 ", early, length), w.send(newRequest(answer.method, "http://a.example/")))
			}
		}
	}
}

// TestTrailersAsInNetHTTP compares NewRoundTripper and FromRoundTripper with the Transport
// of net/http.
func TestTrailersAsInNetHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/announced", "/both":
			w.Header().Set("Trailer", "A, B")
		}
		w.Write([]byte("text"))
		w.(http.Flusher).Flush()
		switch r.URL.Path {
		case "/announced":
			w.Header().Set("A", "1")
		case "/both":
			w.Header().Set("A", "1")
			w.Header().Set(http.TrailerPrefix+"C", "3")
		case "/unannounced":
			w.Header().Set(http.TrailerPrefix+"C", "3")
		}
	}))
	defer server.Close()
	l := background.Loop(t, nil)
	ours := &http.Client{Transport: agent.NewRoundTripper(l, agent.New(l, agent.Config{}))}
	theirs := server.Client()
	get := func(c *http.Client, path string) string {
		resp, err := c.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		before := describe(resp.Trailer)
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Error(err)
		}
		return fmt.Sprintf("Trailer%q, %s, then %s", resp.Header["Trailer"], before, describe(resp.Trailer))
	}
	for _, path := range []string{"/", "/announced", "/both", "/unannounced"} {
		want := get(theirs, path)
		if got := get(ours, path); got != want {
			t.Errorf("%s: through NewRoundTripper %s, want %s", path, got, want)
		}
		inner := agent.FromRoundTripper(l, theirs.Transport)
		done := make(chan string)
		l.CallFromThread(func() {
			inner.Request(newRequest("GET", server.URL+path)).AddBoth(func(r *response.Response, err error) (*response.Response, error) {
				if err != nil {
					done <- err.Error()
					return nil, nil
				}
				before := describe(r.Trailer)
				r.Content().AddBoth(func([]byte, error) ([]byte, error) {
					names, after := r.Header["Trailer"], describe(r.Trailer)
					go func() { done <- fmt.Sprintf("Trailer%q, %s, then %s", names, before, after) }()
					return nil, nil
				})
				return nil, nil
			})
		})
		if got := <-done; got != want {
			t.Errorf("%s: through FromRoundTripper %s, want %s", path, got, want)
		}
	}
}
