package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestEarlyAnswerTellsTheTruth checks that an answer that is sent before the end of the request's content says
// "Connection: close" if the connection ends with it, and that the next request is answered otherwise.
func TestEarlyAnswerTellsTheTruth(t *testing.T) {
	const chunked, known = "Transfer-Encoding: chunked", "Content-Length: "
	const small, end = "5\r\nabcde\r\n", "0\r\n\r\n"
	large := "8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n"
	long := strings.Repeat("x", 5000) // more than a handler's ResponseWriter keeps
	refuse := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(413) }
	refuseAtLength := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(413); io.WriteString(w, long) }
	flush := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(413); w.(http.Flusher).Flush() }
	readSome := func(w http.ResponseWriter, r *http.Request) { r.Body.Read(make([]byte, 100)); refuse(w, r) }
	readSomeAtLength := func(w http.ResponseWriter, r *http.Request) {
		r.Body.Read(make([]byte, 100))
		refuseAtLength(w, r)
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(413)
		w.(http.Flusher).Flush()
		io.Copy(w, r.Body)
	}
	duplex := func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		echo(w, r)
	}
	many := func(s string, n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = s
		}
		return all
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		length  string
		sent    []string // one after another
		at      int      // the answer comes after so many of them, the head included
		closes  bool
	}{
		{"the end is with the head", refuse, chunked, []string{small + end}, 1, false},
		{"the end follows", refuse, chunked, []string{"", small, end}, 3, false},
		{"the end follows at length", refuseAtLength, chunked, []string{"", small, end}, 1, true},
		{"the end is there, at length", refuseAtLength, chunked, []string{small + end}, 1, false},
		{"the end of what is read follows", readSome, chunked, []string{small, end}, 2, false},
		{"the end of what is read is there, at length", readSomeAtLength, chunked, []string{small + end}, 1, false},
		{"the client waits", refuse, chunked, []string{small, "wait"}, 2, true},
		{"the client sends slowly", refuse, chunked, []string{"", small, "wait a little", small, "wait a little"}, 5, true},
		{"as much as is dropped", refuse, chunked, append(many(large, 8), end), 9, false},
		{"more than is dropped", refuse, chunked, many(large, 9), 9, true},
		{"not chunks", refuse, chunked, []string{"", small, "what?\r\n"}, 3, true},
		{"the client ends its side", refuse, chunked, []string{"", small, "eof"}, 3, true},
		{"a head", flush, chunked, []string{"", small, end}, 1, true},
		{"a head, the end is there", flush, chunked, []string{small + end}, 1, false},
		{"a head, short content", flush, known + "5", []string{"", "abcde"}, 1, false},
		{"a head, long content", flush, known + "262145", []string{""}, 1, true},
		{"short content", refuse, known + "5", []string{"", "abcde"}, 1, false},
		{"long content", refuse, known + "262145", []string{""}, 1, true},
		{"an echo", echo, chunked, []string{"", small, end}, 1, true},
		{"full duplex", duplex, chunked, []string{"", small, end}, 1, false},
		{"full duplex, long content", duplex, known + "262145", append([]string{""}, many(strings.Repeat("x", 52429), 5)...), 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs(t)
			s := serve(t, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "POST" {
					test.handler(w, r)
				}
			})})
			p := s.connect()
			p.halfOpen = true
			answeredAt, answer := 0, ""
			for i, part := range test.sent {
				head := ""
				if i == 0 {
					head = "POST / HTTP/1.1\r\nHost: x\r\n" + test.length + "\r\n\r\n"
				}
				switch part {
				case "wait":
					s.Advance(200 * time.Millisecond)
				case "wait a little":
					s.Advance(100 * time.Millisecond)
				case "eof":
					p.LoseWriteConnection()
					s.Pump()
				default:
					p.send(head + part)
				}
				answer += p.take()
				if answeredAt == 0 && answer != "" {
					answeredAt = i + 1
				}
			}
			want(t, head(answer), "HTTP/1.1 413 Request Entity Too Large")
			want(t, answeredAt, test.at)
			want(t, header(answer, "Connection") == "close", test.closes)
			want(t, p.ended, test.closes)
			if !test.closes {
				want(t, head(p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").take()), "HTTP/1.1 200 OK")
			}
			p.AbortConnection()
			s.Pump()
			want(t, len(s.DelayedCalls()), 0)
		})
	}
}
