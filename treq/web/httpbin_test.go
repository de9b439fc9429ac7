package web_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// listen makes a site listen on a real port, on a new loop, until the test ends. It
// returns the address.
func listen(t testing.TB, factory func(r reactor.Reactor) reactor.Factory) string {
	t.Helper()
	var address string
	background.Loop(t, func(l *reactor.Loop) {
		port, err := l.ListenTCP("127.0.0.1:0", factory(l))
		if err != nil {
			t.Fatal(err)
		}
		address = port.Addr().String()
	})
	return address
}

func siteOf(h http.Handler) func(reactor.Reactor) reactor.Factory {
	return func(reactor.Reactor) reactor.Factory { return &web.Site{Handler: h} }
}

// A question is a request.
type question struct {
	method, path string
	headers      []string
	body         string
}

// questions are the requests sent to httpbin.
var questions = []question{
	{method: "GET", path: "/"},
	{method: "GET", path: "/get"},
	{method: "GET", path: "/get?a=1&a=2&b=%20x"},
	{method: "HEAD", path: "/get"},
	{method: "HEAD", path: "/"},
	{method: "OPTIONS", path: "/get"},
	{method: "OPTIONS", path: "*"},
	{method: "POST", path: "/get"},
	{method: "POST", path: "/post", body: "hello"},
	{method: "POST", path: "/post", headers: []string{"Content-Type: application/json"}, body: `{"a":[1,2]}`},
	{method: "POST", path: "/post", headers: []string{"Content-Type: application/x-www-form-urlencoded"}, body: "a=1&b=2"},
	{method: "POST", path: "/post", headers: []string{"Content-Type: multipart/form-data; boundary=xx"},
		body: "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n\r\nfile\r\n--xx--\r\n"},
	{method: "POST", path: "/post", headers: []string{"Transfer-Encoding: chunked"}, body: "5\r\nhello\r\n0\r\n\r\n"},
	{method: "POST", path: "/post", body: strings.Repeat("large ", 5_000)},
	{method: "PUT", path: "/put", body: "x"},
	{method: "PATCH", path: "/patch", body: "x"},
	{method: "DELETE", path: "/delete"},
	{method: "GET", path: "/anything/some/thing?x=y"},
	{method: "GET", path: "/headers", headers: []string{"X-One: 1", "x-two: 2", "X-Two: 3"}},
	{method: "GET", path: "/ip"},
	{method: "GET", path: "/user-agent", headers: []string{"User-Agent: someone"}},
	{method: "GET", path: "/status/204"},
	{method: "GET", path: "/status/304"},
	{method: "GET", path: "/status/418"},
	{method: "GET", path: "/status/500"},
	{method: "GET", path: "/status/abc"},
	{method: "GET", path: "/gzip"},
	{method: "GET", path: "/deflate"},
	{method: "GET", path: "/bytes/100?seed=1"},
	{method: "GET", path: "/bytes/90000?seed=1"},
	{method: "HEAD", path: "/bytes/90000?seed=1"},
	{method: "GET", path: "/stream-bytes/20000?seed=1&chunk_size=3000"},
	{method: "GET", path: "/stream/5"},
	{method: "GET", path: "/range/1000", headers: []string{"Range: bytes=10-20"}},
	{method: "GET", path: "/range/1000", headers: []string{"Range: bytes=990-"}},
	{method: "GET", path: "/range/1000", headers: []string{"Range: bytes=2000-"}},
	{method: "GET", path: "/redirect/2"},
	{method: "GET", path: "/redirect-to?url=http%3A%2F%2Fan.example%2F&status_code=307"},
	{method: "GET", path: "/relative-redirect/3"},
	{method: "GET", path: "/cookies", headers: []string{"Cookie: a=1; b=2"}},
	{method: "GET", path: "/cookies/set?a=1"},
	{method: "GET", path: "/basic-auth/u/p"},
	{method: "GET", path: "/basic-auth/u/p", headers: []string{"Authorization: Basic dTpw"}},
	{method: "GET", path: "/bearer", headers: []string{"Authorization: Bearer token"}},
	{method: "GET", path: "/etag/abc", headers: []string{`If-None-Match: "abc"`}},
	{method: "GET", path: "/cache", headers: []string{"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"}},
	{method: "GET", path: "/cache/60"},
	{method: "GET", path: "/response-headers?X-A=1&Content-Type=text/plain"},
	{method: "GET", path: "/html"},
	{method: "GET", path: "/json"},
	{method: "GET", path: "/xml"},
	{method: "GET", path: "/robots.txt"},
	{method: "GET", path: "/encoding/utf8"},
	{method: "GET", path: "/image/png"},
	{method: "GET", path: "/image/svg"},
	{method: "GET", path: "/base64/aGVsbG8="},
	{method: "GET", path: "/links/3/1"},
	{method: "GET", path: "/trailers?X-T=done"},
	{method: "GET", path: "/drip?duration=0.01s&numbytes=5&delay=0s"},
	{method: "GET", path: "/sse?duration=0.01s&count=2&delay=0s"},
	{method: "GET", path: "/problem/unknown"},
	{method: "GET", path: "/deny"},
	{method: "GET", path: "/get", headers: []string{"Connection: close"}},
	{method: "GET", path: "http://other.example/get"},
	{method: "GET", path: "/../get"},
	{method: "GET", path: "//get"},
	{method: "GET", path: "/websocket/echo"},
}

// put sends the question to the server at address. It returns the response and its body.
func (q question) put(t *testing.T, address, version string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var b bytes.Buffer
	b.WriteString(q.method + " " + q.path + " " + version + "\r\nHost: an.example\r\n" + lines(q.headers))
	if q.body != "" && !slices.Contains(q.headers, "Transfer-Encoding: chunked") {
		b.WriteString("Content-Length: " + itoa(len(q.body)) + "\r\n")
	}
	b.WriteString("\r\n" + q.body)
	if _, err := conn.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	resp, err := http.ReadResponse(newReader(conn), &http.Request{Method: q.method})
	if err != nil {
		t.Fatalf("%s %s: %v", q.method, q.path, err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s %s: %v", q.method, q.path, err)
	}
	return resp, string(text)
}

// differ has the headers that may differ, because they contain the time.
var differ = []string{"Date"}

// times matches the parts of a body that contain the time or the client's address.
var times = regexp.MustCompile(`"(timestamp|duration|id)": ?[^,}\n]*|"origin": "[^"]*"|[a-z_]+;dur=[0-9.]*|ip": ?"[^"]*"|127\.0\.0\.1:[0-9]+`)

func TestHTTPBinAsUnderNetHTTP(t *testing.T) {
	bin := httpbin.New(httpbin.WithHostname("bin"))
	theirs := httptest.NewServer(bin)
	defer theirs.Close()
	ours := listen(t, siteOf(bin))
	inThreads := listen(t, func(reactor.Reactor) reactor.Factory {
		return &web.Site{Root: &web.HandlerResource{InThreads: true, Handler: bin}}
	})
	for _, version := range []string{"HTTP/1.1", "HTTP/1.0"} {
		for _, q := range questions {
			if version == "HTTP/1.0" && (slices.Contains(q.headers, "Transfer-Encoding: chunked")) {
				continue
			}
			t.Run(version+" "+q.method+" "+q.path, func(t *testing.T) {
				wanted, wantedBody := q.put(t, theirs.Listener.Addr().String(), version)
				for name, address := range map[string]string{"loop": ours, "threads": inThreads} {
					got, gotBody := q.put(t, address, version)
					compare(t, name, got, gotBody, wanted, wantedBody)
				}
			})
		}
	}
}

func compare(t *testing.T, name string, got *http.Response, gotBody string, wanted *http.Response, wantedBody string) {
	t.Helper()
	if got.StatusCode != wanted.StatusCode || got.Close != wanted.Close {
		t.Errorf("%s: status %d, close %v; want %d, %v", name, got.StatusCode, got.Close, wanted.StatusCode, wanted.Close)
	}
	if !slices.Equal(got.TransferEncoding, wanted.TransferEncoding) || got.ContentLength != wanted.ContentLength {
		t.Errorf("%s: framing %v %d; want %v %d", name, got.TransferEncoding, got.ContentLength, wanted.TransferEncoding, wanted.ContentLength)
	}
	for _, pair := range [][2]http.Header{{got.Header, wanted.Header}, {wanted.Header, got.Header}, {got.Trailer, wanted.Trailer}, {wanted.Trailer, got.Trailer}} {
		for header, values := range pair[0] {
			if slices.Contains(differ, header) {
				continue
			}
			a, b := times.ReplaceAllString(strings.Join(values, "\n"), ""), times.ReplaceAllString(strings.Join(pair[1][header], "\n"), "")
			if a != b {
				t.Errorf("%s: %s: %q and %q", name, header, a, b)
			}
		}
	}
	if gotBody == wantedBody {
		return
	}
	if a, b := times.ReplaceAllString(gotBody, ""), times.ReplaceAllString(wantedBody, ""); a != b {
		t.Errorf("%s: body\n%.300q\nwant\n%.300q", name, a, b)
	}
}

// TestWebSocket uses httpbin's WebSocket, which hijacks the connection and uses it in the
// coroutine.
func TestWebSocket(t *testing.T) {
	s := serve(t, &web.Site{Handler: httpbin.New()})
	p := s.connect().send("GET /websocket/echo HTTP/1.1\r\nHost: an.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	got := p.take()
	want(t, head(got), "HTTP/1.1 101 Switching Protocols")
	want(t, header(got, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	for range 3 {
		p.send("\x81\x82\x00\x00\x00\x00hi") // a text frame, masked with zeros
		want(t, p.take(), "\x81\x02hi")
	}
	p.send("\x88\x82\x00\x00\x00\x00\x03\xe8") // close
	want(t, strings.HasPrefix(p.take(), "\x88"), true)
	want(t, p.ended, true)
}
