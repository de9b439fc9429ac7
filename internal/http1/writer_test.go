package http1

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func TestAppendRequestHead(t *testing.T) {
	host := http.Header{"Host": {"a"}}
	for _, c := range []struct {
		name string
		head RequestHead
		want string
	}{
		{"simplest", RequestHead{Method: "GET", Target: "/", Header: host, KeepAlive: true}, "GET / HTTP/1.1\nHost: a\n\n"},
		{"Host beside the headers", RequestHead{Method: "GET", Target: "/", Host: "b", KeepAlive: true}, "GET / HTTP/1.1\nHost: b\n\n"},
		{"Host in the headers goes first", RequestHead{Method: "GET", Target: "/", Host: "b", Header: host, KeepAlive: true}, "GET / HTTP/1.1\nHost: a\n\n"},
		{"not kept alive", RequestHead{Method: "GET", Target: "/", Header: host}, "GET / HTTP/1.1\nHost: a\nConnection: close\n\n"},
		{"headers sorted, Host first", RequestHead{Method: "GET", Target: "/a?b", KeepAlive: true, Header: http.Header{
			"X-B": {"1", "2"}, "Accept": {"*/*"}, "Host": {"a"}, "x-raw": {""}}},
			"GET /a?b HTTP/1.1\nHost: a\nAccept: */*\nX-B: 1\nX-B: 2\nx-raw: \n\n"},
		{"length", RequestHead{Method: "POST", Target: "/", Header: host, Length: 10, KeepAlive: true}, "POST / HTTP/1.1\nHost: a\nContent-Length: 10\n\n"},
		{"length of 0 for POST", RequestHead{Method: "POST", Target: "/", Header: host, KeepAlive: true}, "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n"},
		{"length of 0 for PUT", RequestHead{Method: "PUT", Target: "/", Header: host, KeepAlive: true}, "PUT / HTTP/1.1\nHost: a\nContent-Length: 0\n\n"},
		{"length of 0 for PATCH", RequestHead{Method: "PATCH", Target: "/", Header: host, KeepAlive: true}, "PATCH / HTTP/1.1\nHost: a\nContent-Length: 0\n\n"},
		{"chunked", RequestHead{Method: "POST", Target: "/", Header: host, Length: -1, Chunked: true, KeepAlive: true}, "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"},
		{"expect", RequestHead{Method: "PUT", Target: "/", Header: host, Length: 1, KeepAlive: true, Expect100: true}, "PUT / HTTP/1.1\nHost: a\nContent-Length: 1\nExpect: 100-continue\n\n"},
		{"framing is not taken from the headers", RequestHead{Method: "GET", Target: "/", KeepAlive: true, Header: http.Header{
			"Host": {"a"}, "Content-Length": {"5"}, "transfer-encoding": {"chunked"}}}, "GET / HTTP/1.1\nHost: a\n\n"},
		{"Connection as given", RequestHead{Method: "GET", Target: "/", Header: http.Header{"Host": {"a"}, "Connection": {"TE, close"}}},
			"GET / HTTP/1.1\nHost: a\nConnection: TE, close\n\n"},
		{"Host under another key", RequestHead{Method: "GET", Target: "/", KeepAlive: true, Header: http.Header{"host": {"a"}}}, "GET / HTTP/1.1\nHost: a\n\n"},
		{"Accept-Encoding in its place", RequestHead{Method: "GET", Target: "/", Host: "a", KeepAlive: true, AcceptEncoding: "gzip", Header: http.Header{
			"Accept": {"*/*"}, "Accept-Language": {"en"}}}, "GET / HTTP/1.1\nHost: a\nAccept: */*\nAccept-Encoding: gzip\nAccept-Language: en\n\n"},
		{"Accept-Encoding behind another", RequestHead{Method: "GET", Target: "/", Host: "a", KeepAlive: true, AcceptEncoding: "gzip", Header: http.Header{
			"Accept-Encoding": {"br"}}}, "GET / HTTP/1.1\nHost: a\nAccept-Encoding: br\nAccept-Encoding: gzip\n\n"},
		{"Accept-Encoding alone", RequestHead{Method: "GET", Target: "/", Host: "a", KeepAlive: true, AcceptEncoding: "gzip"},
			"GET / HTTP/1.1\nHost: a\nAccept-Encoding: gzip\n\n"},
		{"User-Agent in its place", RequestHead{Method: "GET", Target: "/", Host: "a", KeepAlive: true, AcceptEncoding: "gzip", UserAgent: "me/1", Header: http.Header{
			"Accept": {"*/*"}, "Te": {"trailers"}, "Via": {"b"}}},
			"GET / HTTP/1.1\nHost: a\nAccept: */*\nAccept-Encoding: gzip\nTe: trailers\nUser-Agent: me/1\nVia: b\n\n"},
		{"User-Agent alone", RequestHead{Method: "GET", Target: "/", Host: "a", KeepAlive: true, UserAgent: "me/1"},
			"GET / HTTP/1.1\nHost: a\nUser-Agent: me/1\n\n"},
		{"User-Agent of the headers", RequestHead{Method: "GET", Target: "/", Host: "a", KeepAlive: true, UserAgent: "me/1", Header: http.Header{
			"User-Agent": {"you/2"}}}, "GET / HTTP/1.1\nHost: a\nUser-Agent: you/2\n\n"},
		{"User-Agent of the headers, another key", RequestHead{Method: "GET", Target: "/", Host: "a", KeepAlive: true, UserAgent: "me/1", Header: http.Header{
			"user-agent": {"you/2"}}}, "GET / HTTP/1.1\nHost: a\nuser-agent: you/2\n\n"},
		{"User-Agent left out", RequestHead{Method: "GET", Target: "/", Host: "a", KeepAlive: true, UserAgent: "me/1", Header: http.Header{
			"User-Agent": {}}}, "GET / HTTP/1.1\nHost: a\n\n"},
		{"proxy", RequestHead{Method: "GET", Target: "http://a/", Header: host, KeepAlive: true}, "GET http://a/ HTTP/1.1\nHost: a\n\n"},
		{"tunnel", RequestHead{Method: "CONNECT", Target: "a:443", Header: host, KeepAlive: true}, "CONNECT a:443 HTTP/1.1\nHost: a\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendRequestHead([]byte("before "), &c.head)
			if want := "before " + crlf(c.want); string(got) != want || err != nil {
				t.Errorf("got %q, %v\nwant %q", got, err, want)
			}
		})
	}
}

// TestAppendRequestHeadRefuses has text that would write a second header or request.
func TestAppendRequestHeadRefuses(t *testing.T) {
	type h = http.Header
	for _, c := range []struct {
		name string
		head RequestHead
		kind wire.Kind
	}{
		{"method with CRLF", RequestHead{Method: "GET / HTTP/1.1\r\nA:", Target: "/", Header: h{"Host": {"a"}}}, wire.ErrMethod},
		{"method with space", RequestHead{Method: "GET /", Target: "/", Header: h{"Host": {"a"}}}, wire.ErrMethod},
		{"empty method", RequestHead{Target: "/", Header: h{"Host": {"a"}}}, wire.ErrMethod},
		{"target with CRLF", RequestHead{Method: "GET", Target: "/\r\nA: b", Header: h{"Host": {"a"}}}, wire.ErrTarget},
		{"target with LF", RequestHead{Method: "GET", Target: "/\nb", Header: h{"Host": {"a"}}}, wire.ErrTarget},
		{"target with space", RequestHead{Method: "GET", Target: "/ HTTP/1.1", Header: h{"Host": {"a"}}}, wire.ErrTarget},
		{"target with NUL", RequestHead{Method: "GET", Target: "/\x00", Header: h{"Host": {"a"}}}, wire.ErrTarget},
		{"target not ASCII", RequestHead{Method: "GET", Target: "/é", Header: h{"Host": {"a"}}}, wire.ErrTarget},
		{"target with fragment", RequestHead{Method: "GET", Target: "/#a", Header: h{"Host": {"a"}}}, wire.ErrTarget},
		{"empty target", RequestHead{Method: "GET", Header: h{"Host": {"a"}}}, wire.ErrTarget},
		{"no Host", RequestHead{Method: "GET", Target: "/"}, wire.ErrHost},
		{"two Hosts", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a", "b"}}}, wire.ErrHost},
		{"two Hosts under two keys", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "host": {"b"}}}, wire.ErrHost},
		{"Host with CRLF", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a\r\nB: c"}}}, wire.ErrHost},
		{"Host beside the headers with CRLF", RequestHead{Method: "GET", Target: "/", Host: "a\r\nB: c"}, wire.ErrHost},
		{"name with CRLF", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "A: b\r\nC": {"d"}}}, wire.ErrHeaderName},
		{"name with colon", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "A:": {"d"}}}, wire.ErrHeaderName},
		{"name with space", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "A ": {"d"}}}, wire.ErrHeaderName},
		{"empty name", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "": {"d"}}}, wire.ErrHeaderName},
		{"value with CRLF", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "A": {"b\r\nC: d"}}}, wire.ErrHeaderValue},
		{"value with a fold", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "A": {"b\r\n c"}}}, wire.ErrHeaderValue},
		{"value with CR", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "A": {"b\rc"}}}, wire.ErrHeaderValue},
		{"value with LF at the end", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "A": {"b\n"}}}, wire.ErrHeaderValue},
		{"value with NUL", RequestHead{Method: "GET", Target: "/", Header: h{"Host": {"a"}, "A": {"b\x00"}}}, wire.ErrHeaderValue},
		{"Accept-Encoding with CRLF", RequestHead{Method: "GET", Target: "/", Host: "a", AcceptEncoding: "gzip\r\nA: b"}, wire.ErrHeaderValue},
		{"User-Agent with CRLF", RequestHead{Method: "GET", Target: "/", Host: "a", UserAgent: "a\r\nA: b"}, wire.ErrHeaderValue},
		{"length not known", RequestHead{Method: "POST", Target: "/", Header: h{"Host": {"a"}}, Length: -1}, wire.ErrContentLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendRequestHead([]byte("before"), &c.head)
			wantKind(t, err, c.kind)
			if string(got) != "before" {
				t.Errorf("the buffer is %q, want it as it was", got)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("the message is not escaped: %q", err)
			}
		})
	}
}

func TestAppendResponseHead(t *testing.T) {
	for _, c := range []struct {
		name string
		head ResponseHead
		want string
		kind wire.Kind
	}{
		{"length", ResponseHead{Code: 200, Length: 5, KeepAlive: true}, "HTTP/1.1 200 OK\nContent-Length: 5\n\n", ""},
		{"no body", ResponseHead{Code: 404, KeepAlive: true}, "HTTP/1.1 404 Not Found\nContent-Length: 0\n\n", ""},
		{"chunked", ResponseHead{Code: 200, Length: -1, Chunked: true, KeepAlive: true}, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", ""},
		{"until close", ResponseHead{Code: 200, Length: -1, UntilClose: true, KeepAlive: true}, "HTTP/1.1 200 OK\nConnection: close\n\n", ""},
		{"not kept alive", ResponseHead{Code: 200}, "HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close\n\n", ""},
		{"kept alive for HTTP/1.0", ResponseHead{Version: Version{1, 0}, Code: 200, KeepAlive: true}, "HTTP/1.1 200 OK\nContent-Length: 0\nConnection: keep-alive\n\n", ""},
		{"204", ResponseHead{Code: 204, KeepAlive: true}, "HTTP/1.1 204 No Content\n\n", ""},
		{"100", ResponseHead{Code: 100}, "HTTP/1.1 100 Continue\n\n", ""},
		{"101", ResponseHead{Code: 101, Header: http.Header{"Upgrade": {"x"}, "Connection": {"upgrade"}}}, "HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n", ""},
		{"phrase", ResponseHead{Code: 299, Phrase: "Fine \xe9", KeepAlive: true}, "HTTP/1.1 299 Fine \xe9\nContent-Length: 0\n\n", ""},
		{"no phrase", ResponseHead{Code: 299, KeepAlive: true}, "HTTP/1.1 299 \nContent-Length: 0\n\n", ""},
		{"headers", ResponseHead{Code: 200, KeepAlive: true, Length: -1, Header: http.Header{"B": {"2"}, "A": {"1", "3"}, "Content-Length": {"9"}}}, "HTTP/1.1 200 OK\nA: 1\nA: 3\nB: 2\n\n", ""},
		{"code", ResponseHead{Code: 99}, "", wire.ErrStatusLine},
		{"long code", ResponseHead{Code: 1000}, "", wire.ErrStatusLine},
		{"phrase with CRLF", ResponseHead{Code: 200, Phrase: "OK\r\nA: b"}, "", wire.ErrPhrase},
		{"value with LF", ResponseHead{Code: 200, Header: http.Header{"A": {"b\nc"}}}, "", wire.ErrHeaderValue},
		{"name with space", ResponseHead{Code: 200, Header: http.Header{"A b": {"c"}}}, "", wire.ErrHeaderName},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendResponseHead(nil, &c.head)
			if c.kind != "" {
				wantKind(t, err, c.kind)
			} else if err != nil {
				t.Error(err)
			}
			if string(got) != crlf(c.want) {
				t.Errorf("got  %q\nwant %q", got, crlf(c.want))
			}
		})
	}
}

func TestAppendChunks(t *testing.T) {
	b := AppendChunk(nil, []byte("hello"))
	b = AppendChunk(b, nil)
	b = AppendChunkHead(b, 26)
	b = append(b, strings.Repeat("x", 26)+CRLF...)
	b, err := AppendLastChunk(b, http.Header{"Sum": {"1"}, "Content-Length": {"5"}})
	if want := "5\r\nhello\r\n1a\r\n" + strings.Repeat("x", 26) + "\r\n0\r\nSum: 1\r\n\r\n"; string(b) != want || err != nil {
		t.Errorf("got %q, %v, want %q", b, err, want)
	}
	b, err = AppendLastChunk([]byte("before"), http.Header{"Sum": {"1\r\n\r\nGET"}})
	wantKind(t, err, wire.ErrHeaderValue)
	if string(b) != "before" {
		t.Errorf("the buffer is %q, want it as it was", b)
	}
}

// TestWrittenIsRead reads a request that the client's side writes.
func TestWrittenIsRead(t *testing.T) {
	b, err := AppendRequestHead(nil, &RequestHead{Method: "POST", Target: "/a", Length: -1, Chunked: true, Expect100: true,
		Header: http.Header{"Host": {"an.example:8080"}, "Cookie": {"a=b", "c=d"}}})
	if err != nil {
		t.Fatal(err)
	}
	b, _ = AppendLastChunk(AppendChunk(b, []byte("hello")), nil)
	got := strings.Join(sameHoweverSplit(t, freshRequest, b), "\n")
	want := `Head POST /a HTTP/1.1 map["Connection":["close"] "Cookie":["a=b" "c=d"] "Expect":["100-continue"] "Host":["an.example:8080"] "Transfer-Encoding":["chunked"]] length=-1 chunked expect-100
Data "hello"
End map[]
left 0`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
