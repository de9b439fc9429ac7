package web_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestHandlerWritesOfAllSizes checks that a handler's bytes arrive complete and in order,
// however its writes fill the buffer of 2048 bytes.
func TestHandlerWritesOfAllSizes(t *testing.T) {
	for _, sizes := range [][]int{
		{2047}, {2048}, {2049}, {2047, 1}, {2047, 2}, {2048, 1}, {1, 2048}, {1, 4095}, {1, 4096}, {1, 10_000},
		{10_000, 1}, {2048, 2048, 2048}, {100, 1948, 1}, {1, 100_000, 1}, {2047, 5000, 2047, 3},
	} {
		for name, write := range map[string]func(http.ResponseWriter, []byte) (int, error){
			"Write":       func(w http.ResponseWriter, p []byte) (int, error) { return w.Write(p) },
			"WriteString": func(w http.ResponseWriter, p []byte) (int, error) { return w.(io.StringWriter).WriteString(string(p)) },
		} {
			var sent strings.Builder
			s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
				for i, size := range sizes {
					piece := strings.Repeat(string(rune('a'+i)), size)
					sent.WriteString(piece)
					if n, err := write(w, []byte(piece)); n != size || err != nil {
						t.Errorf("%s %v: %d, %v for %d bytes", name, sizes, n, err, size)
					}
				}
			})
			if got := body(s.ask("GET / HTTP/1.0\r\n\r\n")); got != sent.String() {
				t.Errorf("%s %v: %d bytes arrived, which are not the %d bytes written", name, sizes, len(got), sent.Len())
			}
		}
	}
}

// TestHandlersBodyHasALength checks that a body which fits into the buffer is sent with its
// length, and a longer one in chunks.
func TestHandlersBodyHasALength(t *testing.T) {
	for size, length := range map[int]string{0: "0", 1: "1", 2047: "2047", 2048: "2048", 2049: ""} {
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			for range size {
				w.Write([]byte("x"))
			}
		})
		got := s.get("/")
		want(t, header(got, "Content-Length"), length)
		want(t, header(got, "Transfer-Encoding") == "chunked", length == "")
	}
}

// TestHandlerWritesAfterTheLoss checks that a write fails after the connection was lost,
// at the latest when the buffer is full.
func TestHandlerWritesAfterTheLoss(t *testing.T) {
	for _, size := range []int{1, 1000, 2048, 2049, 10_000} {
		var err error
		written := 0
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			io.ReadAll(r.Body) // waits for the loss
			for err == nil && written < 100_000 {
				var n int
				n, err = w.Write(make([]byte, size))
				written += n
			}
		})
		p := s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
		p.AbortConnection()
		s.Pump()
		if err != web.ErrConnectionLost || written > 4096 {
			t.Errorf("writes of %d: %v after %d bytes", size, err, written)
		}
	}
}

// TestAnnouncedTrailersOfAHandlersRequest checks that a handler knows the names of the
// announced trailers before it reads the body.
func TestAnnouncedTrailersOfAHandlersRequest(t *testing.T) {
	for _, test := range []struct{ headers, before, after string }{
		{"", "map[]", "map[X-A:[1] X-B:[2]]"},
		{"Trailer: X-A\r\n", "map[X-A:[]]", "map[X-A:[1] X-B:[2]]"},
		{"Trailer: x-a ,X-C\r\n", "map[X-A:[] X-C:[]]", "map[X-A:[1] X-B:[2] X-C:[]]"},
		{"Trailer: X-A\r\nTrailer: X-B\r\n", "map[X-A:[] X-B:[]]", "map[X-A:[1] X-B:[2]]"},
	} {
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			before := fmt.Sprint(r.Trailer)
			io.ReadAll(r.Body)
			fmt.Fprint(w, before, " then ", r.Trailer, " in ", r.Header)
		})
		got := s.ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + test.headers + "\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n")
		want(t, body(got), test.before+" then "+test.after+" in map[]")
	}
}
