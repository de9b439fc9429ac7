package http1

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func freshRequest() reader {
	r := new(RequestReader)
	r.Start()
	return r
}

// cannedRequests are read whole, split at every position, and byte by byte. In wire, \n stands for CRLF and ¶ for
// an LF alone.
var cannedRequests = []struct {
	name string
	wire string
	want []string
}{
	{"GET", "GET /a?b=c HTTP/1.1\nHost: an.example\n\n", []string{
		`Head GET /a?b=c HTTP/1.1 map["Host":["an.example"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"the next request is left", "GET / HTTP/1.1\nHost: a\n\nGET /b HTTP/1.1\n", []string{
		`Head GET / HTTP/1.1 map["Host":["a"]] length=0 keep-alive`, `End map[]`, `left 17`}},
	{"POST with length", "POST / HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello!", []string{
		`Head POST / HTTP/1.1 map["Content-Length":["5"] "Host":["a"]] length=5 keep-alive`,
		`Data "hello"`, `End map[]`, `left 1`}},
	{"POST of nothing", "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n", []string{
		`Head POST / HTTP/1.1 map["Content-Length":["0"] "Host":["a"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"equal lengths", "POST / HTTP/1.1\nHost: a\nContent-Length: 1,1\nContent-Length: 1\n\nx", []string{
		`Head POST / HTTP/1.1 map["Content-Length":["1,1" "1"] "Host":["a"]] length=1 keep-alive`,
		`Data "x"`, `End map[]`, `left 0`}},
	{"chunked with trailers", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n5;x=y\nhello\n1 ;z\n!\n0\nSum: 1\n\nGET", []string{
		`Head POST / HTTP/1.1 map["Host":["a"] "Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`,
		`Data "hello!"`, `End map["Sum":["1"]]`, `left 3`}},
	{"a body with GET", "GET / HTTP/1.1\nHost: a\nContent-Length: 1\n\nx", []string{
		`Head GET / HTTP/1.1 map["Content-Length":["1"] "Host":["a"]] length=1 keep-alive`, `Data "x"`, `End map[]`, `left 0`}},
	{"expect", "PUT /f HTTP/1.1\nHost: a\nContent-Length: 1\nExpect: 100-Continue\n\nx", []string{
		`Head PUT /f HTTP/1.1 map["Content-Length":["1"] "Expect":["100-Continue"] "Host":["a"]] length=1 keep-alive expect-100`,
		`Data "x"`, `End map[]`, `left 0`}},
	{"expect in HTTP/1.0", "PUT /f HTTP/1.0\nContent-Length: 1\nExpect: 100-continue\n\nx", []string{
		`Head PUT /f HTTP/1.0 map["Content-Length":["1"] "Expect":["100-continue"]] length=1`,
		`Data "x"`, `End map[]`, `left 0`}},
	{"close", "GET / HTTP/1.1\nHost: a\nConnection: close\n\n", []string{
		`Head GET / HTTP/1.1 map["Connection":["close"] "Host":["a"]] length=0`, `End map[]`, `left 0`}},
	{"HTTP/1.0 without Host", "GET / HTTP/1.0\n\n", []string{
		`Head GET / HTTP/1.0 map[] length=0`, `End map[]`, `left 0`}},
	{"HTTP/1.0 keep-alive", "GET / HTTP/1.0\nConnection: Keep-Alive\n\n", []string{
		`Head GET / HTTP/1.0 map["Connection":["Keep-Alive"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"absolute form", "GET http://an.example:80/a HTTP/1.1\nHost: other\n\n", []string{
		`Head GET http://an.example:80/a HTTP/1.1 map["Host":["other"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"asterisk form", "OPTIONS * HTTP/1.1\nHost: a\n\n", []string{
		`Head OPTIONS * HTTP/1.1 map["Host":["a"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"authority form", "CONNECT [::1]:443 HTTP/1.1\nHost: [::1]:443\n\n\x16\x03", []string{
		`Head CONNECT [::1]:443 HTTP/1.1 map["Host":["[::1]:443"]] length=0 keep-alive`, `End map[]`, `left 2`}},
	{"method of no RFC", "M-SEARCH! /x HTTP/1.1\nHost: a\n\n", []string{
		`Head M-SEARCH! /x HTTP/1.1 map["Host":["a"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"empty lines before", "\n\nGET / HTTP/1.1\nHost: a\n\n", []string{
		`Head GET / HTTP/1.1 map["Host":["a"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"empty Host", "GET / HTTP/1.1\nHost:\n\n", []string{
		`Head GET / HTTP/1.1 map["Host":[""]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"HTTP/1.2", "GET / HTTP/1.2\nHost: a\n\n", []string{
		`Head GET / HTTP/1.2 map["Host":["a"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"upgrade", "GET / HTTP/1.1\nHost: a\nconnection: keep-alive, Upgrade\nupgrade: websocket\n\n\x81\x00", []string{
		`Head GET / HTTP/1.1 map["Connection":["keep-alive, Upgrade"] "Host":["a"] "Upgrade":["websocket"]] length=0 keep-alive`, `End map[]`, `left 2`}},
	{"the connection ends between requests", "", []string{`finish: End`}},
	{"the connection ends after empty lines", "\n\n", []string{`finish: End`}},
}

func TestRequests(t *testing.T) {
	for _, c := range cannedRequests {
		t.Run(c.name, func(t *testing.T) {
			got := sameHoweverSplit(t, freshRequest, bytesOf(c.wire))
			if !slices.Equal(got, c.want) {
				t.Errorf("\n got  %s\n want %s", strings.Join(got, "\n      "), strings.Join(c.want, "\n      "))
			}
		})
	}
}

const get = "GET / HTTP/1.1\nHost: a\n"

const postChunked = "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"

// badRequests end in an error, which is the same however they are split.
var badRequests = []struct {
	name   string
	wire   string
	kind   wire.Kind
	status int // of the server's answer
	text   string
}{
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefg", wire.ErrRequestLine, 400, `not HTTP: "\x16\x03`},
	{"one word", "GET\n\n", wire.ErrRequestLine, 400, `"GET"`},
	{"HTTP/0.9", "GET /\n\n", wire.ErrRequestLine, 400, `"GET /"`},
	{"two spaces", "GET  / HTTP/1.1\n\n", wire.ErrRequestLine, 400, `"GET  / HTTP/1.1"`},
	{"space in the target", "GET /a b HTTP/1.1\n\n", wire.ErrRequestLine, 400, `"GET /a b HTTP/1.1"`},
	{"space after the version", "GET / HTTP/1.1 \n\n", wire.ErrRequestLine, 400, `"GET / HTTP/1.1 "`},
	{"tabs", "GET\t/\tHTTP/1.1\n\n", wire.ErrRequestLine, 400, `"GET\t/\tHTTP/1.1"`},
	{"leading space", " GET / HTTP/1.1\nHost: a\n\n", wire.ErrRequestLine, 400, `" GET / HTTP/1.1`},
	{"HTTP/2 preface", "PRI * HTTP/2.0\n\nSM\n\n", wire.ErrVersion, 505, "HTTP/2.0"},
	{"version in lower case", "GET / http/1.1\n\n", wire.ErrVersion, 505, "http/1.1"},
	{"method not a token", "G(T / HTTP/1.1\n\n", wire.ErrMethod, 400, `"G(T"`},
	{"empty target", "GET  HTTP/1.1\n\n", wire.ErrTarget, 400, "empty"},
	{"target without slash", "GET a/b HTTP/1.1\n\n", wire.ErrTarget, 400, `"a/b"`},
	{"asterisk for GET", "GET * HTTP/1.1\n\n", wire.ErrTarget, 400, `"*" for "GET"`},
	{"path for CONNECT", "CONNECT /a HTTP/1.1\n\n", wire.ErrTarget, 400, `"/a"`},
	{"CONNECT without port", "CONNECT a.example HTTP/1.1\n\n", wire.ErrTarget, 400, `"a.example"`},
	{"CONNECT without host", "CONNECT :443 HTTP/1.1\n\n", wire.ErrTarget, 400, `":443"`},
	{"CONNECT with user", "CONNECT u@a.example:1 HTTP/1.1\n\n", wire.ErrTarget, 400, `"u@a.example:1"`},
	{"absolute form without host", "GET http:///a HTTP/1.1\n\n", wire.ErrTarget, 400, `"http:///a"`},
	{"absolute form of nothing", "GET http:// HTTP/1.1\n\n", wire.ErrTarget, 400, `"http://"`},
	{"absolute form without a scheme", "GET ://an.example/ HTTP/1.1\n\n", wire.ErrTarget, 400, `"://an.example/"`},
	{"absolute form with a bad scheme", "GET 1http://an.example/ HTTP/1.1\n\n", wire.ErrTarget, 400, `"1http://an.example/"`},
	{"absolute form with a bad byte in the scheme", "GET ht_tp://an.example/ HTTP/1.1\n\n", wire.ErrTarget, 400, `"ht_tp://an.example/"`},
	{"absolute form with a query in place of a host", "GET http://?a HTTP/1.1\n\n", wire.ErrTarget, 400, `"http://?a"`},
	{"NUL in the target", "GET /a\x00b HTTP/1.1\n\n", wire.ErrTarget, 400, `"\x00"`},
	{"CR in the target", "GET /a\rb HTTP/1.1\n\n", wire.ErrTarget, 400, `"\r"`},
	{"fragment", "GET /a#b HTTP/1.1\n\n", wire.ErrTarget, 400, `"#"`},
	{"LF in place of CRLF after the request line", "GET / HTTP/1.1¶Host: a\n\n", wire.ErrLineEnd, 400, "LF without CR"},
	{"LF in place of CRLF after a header", "GET / HTTP/1.1\nHost: a¶B: c\n\n", wire.ErrLineEnd, 400, "LF without CR"},
	{"LF in place of the empty line", get + "¶GET /evil HTTP/1.1\n\n", wire.ErrLineEnd, 400, "LF without CR"},
	{"CR in a value", get + "A: b\rc\n\n", wire.ErrLineEnd, 400, "CR without LF"},
	{"fold", get + "A: b\n c\n\n", wire.ErrFold, 400, `" c" continues the header "A"`},
	{"fold before the first header", "GET / HTTP/1.1\n Host: a\n\n", wire.ErrFold, 400, "before the first header"},
	{"space before the colon", get + "Content-Length : 5\n\nhello", wire.ErrHeaderName, 400, "whitespace before the colon"},
	{"NUL in a value", get + "A: \x00\n\n", wire.ErrHeaderValue, 400, `"\x00"`},

	{"no Host", "GET / HTTP/1.1\nA: b\n\n", wire.ErrHost, 400, "missing"},
	{"no header", "GET / HTTP/1.1\n\n", wire.ErrHost, 400, "missing"},
	{"two Hosts", "GET / HTTP/1.1\nHost: a\nHost: a\n\n", wire.ErrHost, 400, `"a, a"`},
	{"two Hosts in HTTP/1.0", "GET / HTTP/1.0\nHost: a\nhost: b\n\n", wire.ErrHost, 400, `"a, b"`},
	{"Host with a path", "GET / HTTP/1.1\nHost: a/b\n\n", wire.ErrHost, 400, `"a/b"`},
	{"Host with a user", "GET / HTTP/1.1\nHost: u@a\n\n", wire.ErrHost, 400, `"u@a"`},
	{"Host that begins with a slash", "GET / HTTP/1.1\nHost: /a\n\n", wire.ErrHost, 400, `"/a"`},
	{"Host with a space", "GET / HTTP/1.1\nHost: a b\n\n", wire.ErrHost, 400, `"a b"`},

	{"Host with a port of letters", "GET / HTTP/1.1\nHost: x:y\n\n", wire.ErrHost, 400, `"x:y"`},
	{"absolute form with a user", "GET http://u@an.example/ HTTP/1.1\nHost: a\n\n", wire.ErrTarget, 400, `"http://u@an.example/"`},
	{"absolute form with a bad port", "GET http://an.example:y/ HTTP/1.1\nHost: a\n\n", wire.ErrTarget, 400, `"http://an.example:y/"`},
	{"absolute form with a port alone", "GET http://:80/ HTTP/1.1\nHost: a\n\n", wire.ErrTarget, 400, `"http://:80/"`},
	{"CONNECT with a bad address", "CONNECT [::1:443 HTTP/1.1\nHost: a\n\n", wire.ErrTarget, 400, `"[::1:443"`},
	{"CONNECT with a high port", "CONNECT a:65536 HTTP/1.1\nHost: a\n\n", wire.ErrTarget, 400, `"a:65536"`},

	{"length and coding", get + "Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n", wire.ErrLengthAndCoding, 400, `"5" and "chunked"`},
	{"coding in HTTP/1.0", "POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n", wire.ErrTransferCoding, 501, "HTTP/1.0"},
	{"unknown coding", get + "Transfer-Encoding: xchunked\n\n", wire.ErrTransferCoding, 501, `"xchunked"`},
	{"coding after chunked", get + "Transfer-Encoding: chunked, identity\n\n", wire.ErrTransferCoding, 501, `"chunked, identity"`},
	{"coding with vertical tab", get + "Transfer-Encoding: \x0bchunked\n\n", wire.ErrHeaderValue, 400, `"\v"`},
	{"differing lengths", get + "Content-Length: 5\nContent-Length: 6\n\n", wire.ErrContentLengthsDiffer, 400, `"5, 6"`},
	{"length with plus", get + "Content-Length: +5\n\n", wire.ErrContentLength, 400, `"+5"`},
	{"chunk size ended by LF", postChunked + "5¶hello\n0\n\n", wire.ErrChunkSize, 400, `"\n"`},
	{"chunk extension ended by LF", postChunked + "2;¶xx\n4c\n0\n\n", wire.ErrChunkExtension, 400, `"\n"`},
	{"trailer ended by LF", postChunked + "0\nA: b¶\n", wire.ErrLineEnd, 400, "LF without CR"},
	{"trailers ended by LF", postChunked + "0\n¶", wire.ErrLineEnd, 400, "LF without CR"},
	{"fold in a trailer", postChunked + "0\nA: b\n c\n\n", wire.ErrFold, 400, `" c"`},

	{"empty lines for ever", strings.Repeat("\n", 17), wire.ErrEmptyLines, 400, "16"},
	{"cut in the request line", "GET / HT", wire.ErrPartialHead, 400, `"GET / HT"`},
	{"garbage without end", "\x01\x02", wire.ErrRequestLine, 400, "not HTTP"},
	{"cut after a CR", "\r", wire.ErrPartialHead, 400, `after "\r"`},
	{"cut after many CRs", strings.Repeat("\r", 20), wire.ErrPartialHead, 400, `after "\r`},
	{"CR before CRLF", "\r\n" + get + "\n", wire.ErrRequestLine, 400, `"\r"`},
	{"CRs for ever", strings.Repeat("\r", 20<<10), wire.ErrStartLineTooLong, 414, "16384"},
	{"LF alone", "¶" + get + "\n", wire.ErrLineEnd, 400, "LF without CR"},
	{"cut in the headers", get + "A", wire.ErrPartialHead, 400, `headers of "GET" "/"`},
	{"cut in the body", get + "Content-Length: 5\n\nhe", wire.ErrPartialBody, 400, "2 of 5"},
	{"cut in a chunk", postChunked + "5\nhe", wire.ErrPartialBody, 400, "3 bytes of a chunk"},
	{"endless request line", "GET /" + strings.Repeat("a", 20<<10), wire.ErrStartLineTooLong, 414, "16384"},
	{"endless headers", get + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\n", 200), wire.ErrHeadersTooLarge, 431, "131072"},
	{"too many headers", get + strings.Repeat("A: b\n", 600) + "\n", wire.ErrTooManyHeaders, 431, "512"},
}

func TestBadRequests(t *testing.T) {
	for _, c := range badRequests {
		t.Run(c.name, func(t *testing.T) {
			input := bytesOf(c.wire)
			if len(input) < 2000 { // splitting at each byte of the long ones takes too long
				sameHoweverSplit(t, freshRequest, input)
			}
			if got, want := transcript(t, freshRequest(), bytewise(input)...), transcript(t, freshRequest(), input); !slices.Equal(got, want) {
				t.Errorf("byte by byte: %q, want %q", got, want)
			}
			err := errorOf(freshRequest(), input)
			wantKind(t, err, c.kind)
			if err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("the message is %q, want %q in it", err, c.text)
			}
			if got := c.kind.Status(); got != c.status {
				t.Errorf("the status is %d, want %d", got, c.status)
			}
		})
	}
}

func TestRequestsOneAfterAnother(t *testing.T) {
	in := bytesOf("GET /1 HTTP/1.1\nHost: a\n\nPOST /2 HTTP/1.1\nHost: a\nContent-Length: 2\n\nhi\nGET /3 HTTP/1.1\nHost: a\n\n")
	r := new(RequestReader)
	var got []string
	for len(in) > 0 {
		r.Start()
		for {
			n, ev, err := r.Next(in)
			if err != nil {
				t.Fatal(err)
			}
			if in = in[n:]; ev == Head {
				got = append(got, r.Head().Target)
			} else if ev == End {
				break
			}
		}
	}
	if want := []string{"/1", "/2", "/3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheHeaderBelongsToTheCaller(t *testing.T) {
	in := bytesOf(get + "A: b\n\n")
	r := freshRequest().(*RequestReader)
	if _, _, err := r.Next(in); err != nil {
		t.Fatal(err)
	}
	target, h := r.Head().Target, r.Head().Header
	clear(in)
	r.Start()
	r.Next(bytesOf("PUT /other HTTP/1.1\nHost: x\n\n"))
	if target != "/" || h.Get("A") != "b" || len(h) != 2 {
		t.Errorf("the first request became %q, %q", target, h)
	}
}

func TestCanonicalNamesAreNetHTTPs(t *testing.T) {
	for _, name := range []string{"host", "HOST", "x-y", "X--y", "-a", "a-", "x_yZ", "1a", "sec-WEBSOCKET-key", "!a", strings.Repeat("ab-", 50)} {
		got, rest, err := new(machine).cutName(name + ":x")
		if want := http.CanonicalHeaderKey(name); got != want || rest != "x" || err != nil {
			t.Errorf("cutName(%q) gave %q, %q, %v, want %q", name, got, rest, err, want)
		}
	}
	for c := range 256 {
		if classes[c]&tokenChar == 0 {
			continue
		}
		// The last letter of each name is out of place, so that cutName does not take the name as it is.
		for _, name := range []string{"a" + string(rune(c)) + "-x", string(rune(c)) + "-x", "X-" + string(rune(c)) + "X"} {
			if got, want := canonicalName(name), http.CanonicalHeaderKey(name); got != want {
				t.Errorf("canonicalName(%q) gave %q, want %q", name, got, want)
			}
		}
	}
	for name := range commonNames {
		if want := http.CanonicalHeaderKey(name); name != want {
			t.Errorf("%q is in the table, its canonical form is %q", name, want)
		}
	}
}

func TestFieldLength(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := []byte(strings.Repeat("\xff~ a", 5))
			text[at] = byte(c)
			want := len(text)
			if c < ' ' && c != '\t' || c == 0x7f {
				want = at
			}
			if got := fieldLength(string(text)); got != want {
				t.Errorf("byte %#x at %d: got %d, want %d", c, at, got, want)
			}
		}
	}
}
