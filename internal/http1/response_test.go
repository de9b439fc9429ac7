package http1

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func freshResponse(method string) func() reader {
	return func() reader {
		r := new(ResponseReader)
		r.Start(method)
		return r
	}
}

// cannedResponses are read whole, split at every position, and byte by byte. In wire, \n stands for CRLF and ¶ for
// an LF alone.
var cannedResponses = []struct {
	name   string
	method string
	wire   string
	want   []string
}{
	{"content length", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Type: text/plain\n\nhello", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["5"] "Content-Type":["text/plain"]] length=5 keep-alive`,
		`Data "hello"`, `End map[]`, `left 0`}},
	{"bytes after the response are left", "GET", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhiHTTP/1.1 200", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["2"]] length=2 keep-alive`,
		`Data "hi"`, `End map[]`, `left 12`}},
	{"zero content length", "GET", "HTTP/1.1 200 OK\nContent-Length: 0\n\nx", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["0"]] length=0 keep-alive`, `End map[]`, `left 1`}},
	{"equal content lengths", "GET", "HTTP/1.1 200 OK\nContent-Length: 2, 2\ncontent-length: 02\n\nhi", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["2, 2" "02"]] length=2 keep-alive`,
		`Data "hi"`, `End map[]`, `left 0`}},
	{"chunked", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n00a\n, world, h\n1\ni\n0\n\nmore", []string{
		`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`,
		`Data "hello, world, hi"`, `End map[]`, `left 4`}},
	{"chunk extensions and trailers", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: ChunkeD\n\n5;a=\"b;c\"\nhello\n6 ; x\n world\n1  \n!\n0;last\nX-Sum: 1\nx-sum: 2\nexpires: never\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["ChunkeD"]] length=-1 chunked keep-alive`,
		`Data "hello world!"`, `End map["Expires":["never"] "X-Sum":["1" "2"]]`, `left 0`}},
	{"empty chunked body", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`,
		`End map[]`, `left 0`}},
	{"until close", "GET", "HTTP/1.1 200 OK\nServer: x\n\nsome\nbody", []string{
		`Head HTTP/1.1 200 "OK" map["Server":["x"]] length=-1 until-close`,
		`Data "some\r\nbody"`, `finish: End`}},
	{"until close, empty", "GET", "HTTP/1.1 200 OK\n\n", []string{
		`Head HTTP/1.1 200 "OK" map[] length=-1 until-close`, `finish: End`}},
	{"HEAD with length", "HEAD", "HTTP/1.1 200 OK\nContent-Length: 5\n\nextra", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["5"]] length=0 keep-alive`, `End map[]`, `left 5`}},
	{"HEAD with coding", "HEAD", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 3\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["3"] "Transfer-Encoding":["chunked"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"204", "GET", "HTTP/1.1 204 No Content\nContent-Length: 5\n\n", []string{
		`Head HTTP/1.1 204 "No Content" map["Content-Length":["5"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"304", "GET", "HTTP/1.1 304 Not Modified\nTransfer-Encoding: chunked\n\n", []string{
		`Head HTTP/1.1 304 "Not Modified" map["Transfer-Encoding":["chunked"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"interim responses", "GET", "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: </a>\nlink: </b>\n\nHTTP/1.1 200 OK\nContent-Length: 1\n\nx", []string{
		`Informational HTTP/1.1 100 "Continue" map[] length=0 keep-alive`,
		`Informational HTTP/1.1 103 "Early Hints" map["Link":["</a>" "</b>"]] length=0 keep-alive`,
		`Head HTTP/1.1 200 "OK" map["Content-Length":["1"]] length=1 keep-alive`,
		`Data "x"`, `End map[]`, `left 0`}},
	{"101", "GET", "HTTP/1.1 101 Switching Protocols\nUpgrade: foo\nConnection: upgrade\n\n\x00\x01", []string{
		`Upgraded HTTP/1.1 101 "Switching Protocols" map["Connection":["upgrade"] "Upgrade":["foo"]] length=0`, `left 2`}},
	{"CONNECT accepted", "CONNECT", "HTTP/1.1 200 OK\nContent-Length: 5\n\n\x16\x03", []string{
		`Upgraded HTTP/1.1 200 "OK" map["Content-Length":["5"]] length=0`, `left 2`}},
	{"CONNECT refused", "CONNECT", "HTTP/1.1 407 No\nContent-Length: 2\n\nno", []string{
		`Head HTTP/1.1 407 "No" map["Content-Length":["2"]] length=2 keep-alive`, `Data "no"`, `End map[]`, `left 0`}},
	{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\nContent-Length: 1\n\nx", []string{
		`Head HTTP/1.0 200 "OK" map["Content-Length":["1"]] length=1`, `Data "x"`, `End map[]`, `left 0`}},
	{"HTTP/1.0 keep-alive", "GET", "HTTP/1.0 200 OK\nConnection: foo,\tKeep-Alive\nContent-Length: 1\n\nx", []string{
		`Head HTTP/1.0 200 "OK" map["Connection":["foo,\tKeep-Alive"] "Content-Length":["1"]] length=1 keep-alive`, `Data "x"`, `End map[]`, `left 0`}},
	{"HTTP/1.0 chunked is read, but the connection not kept", "GET", "HTTP/1.0 200 OK\nConnection: keep-alive\nTransfer-Encoding: chunked\n\n1\nx\n0\n\n", []string{
		`Head HTTP/1.0 200 "OK" map["Connection":["keep-alive"] "Transfer-Encoding":["chunked"]] length=-1 chunked`, `Data "x"`, `End map[]`, `left 0`}},
	{"HTTP/1.7", "GET", "HTTP/1.7 200 OK\nContent-Length: 0\n\n", []string{
		`Head HTTP/1.7 200 "OK" map["Content-Length":["0"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"close wins over keep-alive", "GET", "HTTP/1.1 200 OK\nConnection: keep-alive\nConnection: x, ClosE ,y\nContent-Length: 0\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Connection":["keep-alive" "x, ClosE ,y"] "Content-Length":["0"]] length=0`, `End map[]`, `left 0`}},
	{"close as a part of a token", "GET", "HTTP/1.1 200 OK\nConnection: closed\nContent-Length: 0\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Connection":["closed"] "Content-Length":["0"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"folded header", "GET", "HTTP/1.1 200 OK\nX-Folded: one\n  two\t\n\t\n three\nContent-Length:\n 1\n\nx", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["1"] "X-Folded":["one two  three"]] length=1 keep-alive`, `Data "x"`, `End map[]`, `left 0`}},
	{"lone LF", "GET", "HTTP/1.1 200 OK¶Content-Length: 3¶A: b\nTransfer-Foo: c¶¶x\ny", []string{
		`Head HTTP/1.1 200 "OK" map["A":["b"] "Content-Length":["3"] "Transfer-Foo":["c"]] length=3 keep-alive`, `Data "x\r\n"`, `End map[]`, `left 1`}},
	{"empty lines before the status line", "GET", "\n\n¶HTTP/1.1 200 OK\nContent-Length: 0\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["0"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"no phrase", "GET", "HTTP/1.1 200 \nContent-Length: 0\n\n", []string{
		`Head HTTP/1.1 200 "" map["Content-Length":["0"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"no phrase and no space", "GET", "HTTP/1.1 299\nContent-Length: 0\n\n", []string{
		`Head HTTP/1.1 299 "" map["Content-Length":["0"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"bytes above 127", "GET", "HTTP/1.1 200 \xe9t\xc3\xa9\nX-Name: caf\xe9\nContent-Length: 0\n\n", []string{
		`Head HTTP/1.1 200 "\xe9té" map["Content-Length":["0"] "X-Name":["caf\xe9"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"spaces and tabs after a chunk's size", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1 \t \nx\n1\t\t;a\ny\n0\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`,
		`Data "xy"`, `End map[]`, `left 0`}},
	{"whitespace around values", "GET", "HTTP/1.1 200 OK\nA: \t b c \t\nB:\nC:d\nContent-Length: 0\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["A":["b c"] "B":[""] "C":["d"] "Content-Length":["0"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"names in any case", "GET", "HTTP/1.1 200 OK\nETag: 1\nx-CUSTOM-thing: 2\nWWW-Authenticate: 3\nx_y: 4\nContent-length: 0\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["0"] "Etag":["1"] "Www-Authenticate":["3"] "X-Custom-Thing":["2"] "X_y":["4"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"repeated headers keep apart", "GET", "HTTP/1.1 200 OK\nSet-Cookie: a=1\nX: y\nSet-Cookie: b=2\nX: z\nSet-Cookie: c=3\nContent-Length: 0\n\n", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["0"] "Set-Cookie":["a=1" "b=2" "c=3"] "X":["y" "z"]] length=0 keep-alive`, `End map[]`, `left 0`}},
	{"cut in the body", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhel", []string{
		`Head HTTP/1.1 200 "OK" map["Content-Length":["5"]] length=5 keep-alive`,
		`Data "hel"`, `finish: connection ended within the body: 3 of 5 bytes arrived`}},
	{"garbage", "GET", "SSH-2.0-OpenSSH_9.2\n", []string{
		`error: malformed status line: not HTTP: "SSH-2.0-OpenSSH_"`}},
	{"garbage of sniffLen bytes, with CR", "GET", "unexpected 1234\n", []string{
		`error: malformed status line: not HTTP: "unexpected 1234"`}},
	{"garbage without a line end", "GET", "\x15\x03\x01\x00\x02\x02\x50", []string{
		`finish: malformed status line: not HTTP: "\x15\x03\x01\x00\x02\x02P"`}},
}

func bytesOf(s string) []byte {
	return []byte(strings.ReplaceAll(crlf(s), "¶", "\n"))
}

func TestResponses(t *testing.T) {
	for _, c := range cannedResponses {
		t.Run(c.name, func(t *testing.T) {
			got := sameHoweverSplit(t, freshResponse(c.method), bytesOf(c.wire))
			if !slices.Equal(got, c.want) {
				t.Errorf("\n got  %s\n want %s", strings.Join(got, "\n      "), strings.Join(c.want, "\n      "))
			}
		})
	}
}

const ok = "HTTP/1.1 200 OK\n"

const okChunked = ok + "Transfer-Encoding: chunked\n\n"

// badResponses end in an error, which is the same however they are split.
var badResponses = []struct {
	name string
	wire string
	kind wire.Kind
	text string // a part of the error's text
}{
	{"status line of another protocol", "ICY 200 OK\n", wire.ErrStatusLine, `"ICY 200 OK"`},
	{"status line in lower case", "http/1.1 200 OK\n\n", wire.ErrStatusLine, `"http/1.1`},
	{"one word", "HTTP/1.1\n\n", wire.ErrStatusLine, `"HTTP/1.1"`},
	{"no code", "HTTP/1.1 \n\n", wire.ErrStatusLine, `"HTTP/1.1 "`},
	{"version of one digit", "HTTP/1 200 OK\n\n", wire.ErrVersion, `"HTTP/1 200 OK"`},
	{"HTTP/2", "HTTP/2.0 200 OK\n\n", wire.ErrVersion, `"HTTP/2.0 200 OK"`},
	{"HTTP/0.9", "HTTP/0.9 200 OK\n\n", wire.ErrVersion, `"HTTP/0.9 200 OK"`},
	{"version of letters", "HTTP/a.b 200 OK\n\n", wire.ErrVersion, `"HTTP/a.b 200 OK"`},
	{"version of two digits", "HTTP/1.10 200 OK\n\n", wire.ErrStatusLine, `"HTTP/1.10 200 OK"`},
	{"code of letters", "HTTP/1.1 abc OK\n\n", wire.ErrStatusLine, "three digits"},
	{"code of two digits", "HTTP/1.1 20 OK\n\n", wire.ErrStatusLine, "three digits"},
	{"code of four digits", "HTTP/1.1 2000 OK\n\n", wire.ErrStatusLine, "three digits"},
	{"code of four digits and no phrase", "HTTP/1.1 2000\n\n", wire.ErrStatusLine, "three digits"},
	{"code with sign", "HTTP/1.1 +20 OK\n\n", wire.ErrStatusLine, "three digits"},
	{"code below 100", "HTTP/1.1 099 OK\n\n", wire.ErrStatusLine, "below 100"},
	{"NUL in the phrase", "HTTP/1.1 200 O\x00K\n\n", wire.ErrStatusLine, `O\x00K`},
	{"NUL first in the phrase", "HTTP/1.1 200 \x00\n\n", wire.ErrStatusLine, `200 \x00`},
	{"CR in the phrase", "HTTP/1.1 200 O\rK\n\n", wire.ErrStatusLine, `O\rK`},
	{"empty lines for ever", strings.Repeat("\n", 17), wire.ErrEmptyLines, "16"},

	{"no colon", ok + "Content-Length\n\n", wire.ErrHeaderName, `no colon in "Content-Length"`},
	{"NUL in a name", ok + "A\x00B: 5\n\n", wire.ErrHeaderName, `"\x00"`},
	{"NUL in a value", ok + "A: b\x00c\n\n", wire.ErrHeaderValue, `in the header "A"`},
	{"CR in a value", ok + "A: b\rContent-Length: 5\n\n", wire.ErrLineEnd, "CR without LF"},
	{"CR before CRLF", ok + "A: b\r\n\n", wire.ErrLineEnd, "CR without LF"},
	{"CR at the start of a line", ok + "\rA: b\n\n", wire.ErrLineEnd, "CR without LF"},
	{"NUL in a fold", ok + "A: b\n \x00c\n\n", wire.ErrHeaderValue, `in the header "A"`},
	{"whitespace before the first header", ok + " A: b\n\n", wire.ErrFold, "before the first header"},

	{"differing lengths", ok + "Content-Length: 5\nContent-Length: 6\n\nhello!", wire.ErrContentLengthsDiffer, `"5, 6"`},
	{"differing lengths in one header", ok + "Content-Length: 5, 6\n\nhello!", wire.ErrContentLengthsDiffer, `"5, 6"`},
	{"length with plus", ok + "Content-Length: +5\n\nhello", wire.ErrContentLength, `"+5"`},
	{"negative length", ok + "Content-Length: -5\n\nhello", wire.ErrContentLength, `"-5"`},
	{"length in hexadecimal", ok + "Content-Length: 0x5\n\nhello", wire.ErrContentLength, `"0x5"`},
	{"length of letters", ok + "Content-Length: five\n\nhello", wire.ErrContentLength, `"five"`},
	{"length with a space in it", ok + "Content-Length: 1 0\n\nhello", wire.ErrContentLength, `"1 0"`},
	{"length with underscore", ok + "Content-Length: 1_0\n\nhello", wire.ErrContentLength, `"1_0"`},
	{"length in other digits", ok + "Content-Length: \xd9\xa5\n\nhello", wire.ErrContentLength, `"\u0665"`},
	{"empty length", ok + "Content-Length:\n\nhello", wire.ErrContentLength, `""`},
	{"empty element", ok + "Content-Length: 5,\n\nhello", wire.ErrContentLength, `"5,"`},
	{"length over 63 bits", ok + "Content-Length: 9223372036854775808\n\n", wire.ErrContentLength, "9223372036854775808"},
	{"length far over 63 bits", ok + "Content-Length: 99999999999999999999999999\n\n", wire.ErrContentLength, "9999"},
	{"unknown coding", ok + "Transfer-Encoding: rot13\n\n", wire.ErrTransferCoding, `"rot13"`},
	{"chunked not last", ok + "Transfer-Encoding: chunked, gzip\n\n", wire.ErrTransferCoding, `"chunked, gzip"`},
	{"chunked after another", ok + "Transfer-Encoding: gzip, chunked\n\n", wire.ErrTransferCoding, `"gzip, chunked"`},
	{"chunked twice", ok + "Transfer-Encoding: chunked, chunked\n\n", wire.ErrTransferCoding, `"chunked, chunked"`},
	{"chunked twice in two headers", ok + "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n", wire.ErrTransferCoding, `"chunked, chunked"`},
	{"chunked in quotes", ok + "Transfer-Encoding: \"chunked\"\n\n", wire.ErrTransferCoding, "chunked"},
	{"empty coding", ok + "Transfer-Encoding:\n\n", wire.ErrTransferCoding, `""`},
	{"chunked with a kelvin sign", ok + "Transfer-Encoding: chun\xe2\x84\xaaed\n\n", wire.ErrTransferCoding, "chun"},

	{"chunk size not hexadecimal", okChunked + "x\nhello", wire.ErrChunkSize, `"x"`},
	{"chunk size empty", okChunked + "\nhello", wire.ErrChunkSize, `"\r"`},
	{"chunk size with 0x", okChunked + "0x5\nhello", wire.ErrChunkSize, `"x" after 0`},
	{"chunk size with sign", okChunked + "-5\nhello", wire.ErrChunkSize, `"-"`},
	{"chunk size after space", okChunked + " 5\nhello", wire.ErrChunkSize, `" "`},
	{"chunk size of two numbers", okChunked + "5 5\nhello", wire.ErrChunkSize, `"5" after 5 and whitespace`},
	{"chunk size over 63 bits", okChunked + "8000000000000000\n", wire.ErrChunkSize, "63 bits"},
	{"chunk size far over 63 bits", okChunked + "fffffffffffffffff\n", wire.ErrChunkSize, "63 bits"},
	{"chunk size of many zeros", okChunked + "00000000000000005\nhello\n0\n\n", wire.ErrChunkSize, "63 bits"},
	{"CR in a chunk extension", okChunked + "5;a\rb\nhello\n0\n\n", wire.ErrChunkSize, `"b" in place of LF`},
	{"NUL in a chunk extension", okChunked + "5;a\x00b\nhello\n0\n\n", wire.ErrChunkExtension, `"\x00"`},
	{"NUL in a chunk extension that is cut", okChunked + "5;" + strings.Repeat("a", 20) + "\x00b", wire.ErrChunkExtension, `"\x00"`},
	{"chunk longer than its size", okChunked + "4\nhello\n0\n\n", wire.ErrChunkEnd, `"o" in place of CR`},
	{"bad trailer", okChunked + "0\nA\x00b: c\n\n", wire.ErrHeaderName, `"A\x00b: c"`},
	{"chunk ended by CR", okChunked + "5\nhello\r0\n\n", wire.ErrChunkEnd, `"0" in place of LF`},

	{"nothing", "", wire.ErrNoResponse, "before the response"},
	{"cut in the version", "HTT", wire.ErrPartialHead, `"HTT"`},
	{"cut in the status line", "HTTP/1.1 200 O", wire.ErrPartialHead, `"HTTP/1.1 200 O"`},
	{"cut after empty lines", "\n\n", wire.ErrPartialHead, "empty lines"},
	{"cut after CR", "\r", wire.ErrPartialHead, `"\r"`},
	{"cut after the status line", ok, wire.ErrPartialHead, "headers of a 200"},
	{"cut in the headers", ok + "Content-Len", wire.ErrPartialHead, "headers of a 200"},
	{"cut before the empty line", ok + "Content-Length: 5\n", wire.ErrPartialHead, "headers of a 200"},
	{"cut after an interim response", "HTTP/1.1 100 Continue\n\n", wire.ErrPartialHead, "after a 100"},
	{"cut before the body", ok + "Content-Length: 5\n\n", wire.ErrPartialBody, "0 of 5"},
	{"cut in the body", ok + "Content-Length: 5\n\nhell", wire.ErrPartialBody, "4 of 5"},
	{"cut in a chunk's size", okChunked + "5", wire.ErrPartialBody, "last chunk"},
	{"cut in a chunk", okChunked + "5\nhe", wire.ErrPartialBody, "3 bytes of a chunk"},
	{"cut between chunks", okChunked + "5\nhello\n", wire.ErrPartialBody, "last chunk"},
	{"cut before the trailers", okChunked + "5\nhello\n0\n", wire.ErrPartialBody, "trailers"},
	{"cut in the trailers", okChunked + "5\nhello\n0\nA: b\n", wire.ErrPartialBody, "trailers"},
}

func TestBadResponses(t *testing.T) {
	for _, c := range badResponses {
		t.Run(c.name, func(t *testing.T) {
			input := bytesOf(c.wire)
			sameHoweverSplit(t, freshResponse("GET"), input)
			err := errorOf(freshResponse("GET")(), input)
			wantKind(t, err, c.kind)
			if err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("the message is %q, want %q in it", err, c.text)
			}
		})
	}
}

// errorOf returns the error that a reader reports for the input, followed by the end of the connection.
func errorOf(r reader, in []byte) error {
	for {
		n, ev, err := r.Next(in)
		in = in[n:]
		switch {
		case err != nil:
			return err
		case ev == End || ev == Upgraded:
			return nil
		case ev == NeedMore:
			_, err := r.Finish()
			return err
		}
	}
}

func TestNotHTTPIsReportedBeforeALineEnds(t *testing.T) {
	r := freshResponse("GET")()
	_, _, err := r.Next([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdef"))
	wantKind(t, err, wire.ErrStatusLine)
}

// TestNotHTTPHasItsBeginning: the error has the bytes that tell the protocol, here a SETTINGS frame of HTTP/2.
func TestNotHTTPHasItsBeginning(t *testing.T) {
	const settings = "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00"
	for in, want := range map[string]string{settings + "\x04\x00": settings, settings[:9]: settings[:9], "HTTP/2.0 200\r\n": ""} {
		for _, pieces := range [][][]byte{{[]byte(in)}, bytewise([]byte(in))} {
			r := freshResponse("GET")()
			transcript(t, r, pieces...)
			_, err := r.Finish()
			var e *wire.Error
			if !errors.As(err, &e) || e.Begin != want {
				t.Errorf("%q: %#v, want the beginning %q", in, err, want)
			}
		}
	}
}

func TestABadChunkIsReportedBeforeItsLineEnds(t *testing.T) {
	for begin, kind := range map[string]wire.Kind{"z": wire.ErrChunkSize, "5 5": wire.ErrChunkSize, "5;\x00": wire.ErrChunkExtension,
		"1\nyz": wire.ErrChunkEnd, "1\ny\r\r": wire.ErrChunkEnd, "1\ny\nz": wire.ErrChunkSize} {
		r := freshResponse("GET")()
		for _, in := range bytewise(bytesOf(okChunked + begin)) {
			if _, _, err := r.Next(in); err != nil {
				wantKind(t, err, kind)
				kind = ""
			}
		}
		if kind != "" {
			t.Errorf("%q gave no error", begin)
		}
	}
}

func TestAStatusLineIsCheckedBeforeTheHeaders(t *testing.T) {
	r := freshResponse("GET")()
	_, _, err := r.Next([]byte("HTTP/1.1 banana\r\n"))
	wantKind(t, err, wire.ErrStatusLine)
}

func TestResponsesOneAfterAnother(t *testing.T) {
	r := new(ResponseReader)
	if n, ev, err := r.Next([]byte("HTTP")); n != 0 || ev != End || err != nil {
		t.Errorf("idle: Next gave %d, %v, %v, want 0, End, nil", n, ev, err)
	}
	in := bytesOf(ok + "Content-Length: 2\n\nhi" + okChunked + "2\nho\n0\nA: b\n\n" + ok + "\nrest")
	var got []string
	for range 3 {
		r.Start("GET")
		var body string
		for done := false; !done; {
			n, ev, err := r.Next(in)
			if err != nil {
				t.Fatal(err)
			}
			in = in[n:]
			switch ev {
			case Data:
				body += string(r.Data())
			case End, NeedMore:
				done = true
			}
		}
		got = append(got, body+" "+trailerText(r))
	}
	want := []string{"hi map[]", `ho map["A":["b"]]`, "rest map[]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEmptyLinesAreCountedForEachMessage(t *testing.T) {
	r := new(ResponseReader)
	for range 2 {
		r.Start("GET")
		in := bytesOf(strings.Repeat("\n", maxEmptyLines) + ok + "Content-Length: 0\n\n")
		if _, ev, err := r.Next(in); ev != Head || err != nil {
			t.Errorf("Next gave %v, %v, want Head", ev, err)
		}
	}
}

func TestHeaderIsNeverNil(t *testing.T) {
	r := freshResponse("GET")().(*ResponseReader)
	if r.Next(bytesOf(ok + "\n")); r.Head().Header == nil {
		t.Error("the headers are nil")
	}
}

func TestALargeBufferIsNotKept(t *testing.T) {
	r := freshResponse("GET")().(*ResponseReader)
	in := bytesOf(ok + "A: " + strings.Repeat("x", 2*keptBuffer) + "\n\n")
	for _, in := range [][]byte{in[:len(in)-1], in[len(in)-1:]} {
		for ev := Head; ev != NeedMore && len(in) > 0; {
			var n int
			n, ev, _ = r.Next(in)
			in = in[n:]
		}
	}
	if r.Head().Header.Get("A") == "" || cap(r.buf) > keptBuffer {
		t.Errorf("the head has %d headers, and %d bytes are kept", len(r.Head().Header), cap(r.buf))
	}
}

// TestSecretsAreNotQuoted: an error quotes a start line that is too long, but no headers.
func TestSecretsAreNotQuoted(t *testing.T) {
	for in, quoted := range map[string]bool{
		"HTTP/1.1 200 secret" + strings.Repeat("x", 20<<10):        true,
		ok + "Set-Cookie: a=secret" + strings.Repeat("x", 200<<10): false,
		okChunked + "0\nA: secret" + strings.Repeat("x", 20<<10):   false,
	} {
		err := errorOf(freshResponse("GET")(), bytesOf(in))
		if err == nil || strings.Contains(err.Error(), "secret") != quoted {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestLimitsCanBeRemoved(t *testing.T) {
	r := new(ResponseReader)
	r.SetLimits(&wire.Limits{StartLineBytes: math.MaxInt, HeaderBytes: math.MaxInt, HeaderCount: math.MaxInt,
		TrailerBytes: math.MaxInt, ChunkExtensionBytes: math.MaxInt, Informational: math.MaxInt})
	r.Start("GET")
	in := bytesOf(okChunked + "1\ny\n1;" + strings.Repeat("x", 20<<10) + "\nz\n0\n\n")
	if err := errorOf(r, in); err != nil {
		t.Error(err)
	}
}

func TestStartForgetsAnError(t *testing.T) {
	r := new(ResponseReader)
	r.Start("GET")
	_, _, first := r.Next([]byte("garbage\r\n"))
	_, _, again := r.Next(bytesOf(ok + "\n"))
	if first == nil || again != first {
		t.Errorf("after %v Next gave %v, want the same", first, again)
	}
	r.Start("GET")
	if _, ev, err := r.Next(bytesOf(ok + "\n")); ev != Head || err != nil {
		t.Errorf("after Start Next gave %v, %v, want Head", ev, err)
	}
}

func TestDataIsNotCopied(t *testing.T) {
	in := bytesOf(ok + "Content-Length: 5\n\nhello")
	r := freshResponse("GET")().(*ResponseReader)
	n, _, _ := r.Next(in)
	if _, ev, _ := r.Next(in[n:]); ev != Data || &r.Data()[0] != &in[n] {
		t.Errorf("%v: the data are not those of the input", ev)
	}
}

func TestHeaderValuesDoNotOverlap(t *testing.T) {
	r := freshResponse("GET")().(*ResponseReader)
	r.Next(bytesOf(ok + "A: 1\nB: 2\n\n"))
	h := r.Head().Header
	h.Add("A", "3")
	if got := h.Get("B"); got != "2" {
		t.Errorf("after an Add to A, B is %q, want 2", got)
	}
}

func TestResponseLimits(t *testing.T) {
	small := wire.Limits{StartLineBytes: 32, HeaderBytes: 64, HeaderCount: 3, TrailerBytes: 20, ChunkExtensionBytes: 10, Informational: 2}
	interim := "HTTP/1.1 102 Processing\n\n"
	for _, c := range []struct {
		name string
		wire string
		kind wire.Kind // "": within the limit
	}{
		{"status line at the limit", "HTTP/1.1 200 " + strings.Repeat("x", 32-15) + "\nContent-Length: 0\n\n", ""},
		{"status line above", "HTTP/1.1 200 " + strings.Repeat("x", 32-14) + "\nContent-Length: 0\n\n", wire.ErrStartLineTooLong},
		{"status line without end", "HTTP/1.1 200 " + strings.Repeat("x", 100), wire.ErrStartLineTooLong},
		{"headers at the limit", ok + "Content-Length: 0\nA: " + strings.Repeat("x", 64-19-5-2) + "\n\n", ""},
		{"headers above", ok + "Content-Length: 0\nA: " + strings.Repeat("x", 64-19-5-1) + "\n\n", wire.ErrHeadersTooLarge},
		{"headers without end", ok + strings.Repeat("A: b\n", 100), wire.ErrHeadersTooLarge},
		{"one header without end", ok + "A: " + strings.Repeat("x", 200), wire.ErrHeadersTooLarge},
		{"count at the limit", ok + "A: 1\nB: 1\nContent-Length: 0\n\n", ""},
		{"count above", ok + "A: 1\nB: 1\nC: 1\nContent-Length: 0\n\n", wire.ErrTooManyHeaders},
		{"trailers at the limit", okChunked + "0\nA: " + strings.Repeat("x", 20-7) + "\n\n", ""},
		{"trailers above", okChunked + "0\nA: " + strings.Repeat("x", 20-6) + "\n\n", wire.ErrTrailersTooLarge},
		{"trailers without end", okChunked + "0\n" + strings.Repeat("A: b\n", 100), wire.ErrTrailersTooLarge},
		{"trailer count above", okChunked + "0\nA:\nB:\nC:\nD:\n\n", wire.ErrTooManyHeaders},
		{"extensions at the limit", okChunked + "1;" + strings.Repeat("x", 4) + "\ny\n0;xx\n\n", ""},
		{"one extension above", okChunked + "1;" + strings.Repeat("x", 10) + "\ny\n0\n\n", wire.ErrChunkExtension},
		{"extensions above in all", okChunked + strings.Repeat("1;x\ny\n", 10) + "0\n\n", wire.ErrChunkExtension},
		{"extensions at the limit of many chunks", okChunked + "1;xxxx\ny\n0000000000000001;xxxx\ny\n0\n\n", ""},
		{"extensions above in a later chunk", okChunked + "1;xxxx\ny\n0000000000000001;xxxxx\ny\n0\n\n", wire.ErrChunkExtension},
		{"whitespace for ever", okChunked + "1" + strings.Repeat(" ", 100), wire.ErrChunkExtension},
		{"interim at the limit", interim + interim + ok + "Content-Length: 0\n\n", ""},
		{"interim above", interim + interim + interim + ok + "Content-Length: 0\n\n", wire.ErrTooManyInformational},
	} {
		t.Run(c.name, func(t *testing.T) {
			fresh := func() reader {
				r := new(ResponseReader)
				r.SetLimits(&small)
				r.Start("GET")
				return r
			}
			input := bytesOf(c.wire)
			sameHoweverSplit(t, fresh, input)
			err := errorOf(fresh(), input)
			if c.kind == "" && err != nil {
				t.Errorf("got %v, want none", err)
			}
			if c.kind != "" {
				wantKind(t, err, c.kind)
			}
		})
	}
}

// TestDefaultLimits checks the defaults that wire.Limits documents.
func TestDefaultLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		of     func(size int) string // returns a response with a part of this size
		limit  int
		kind   wire.Kind
		format string
	}{
		{"start line", func(n int) string { return "HTTP/1.1 200 " + strings.Repeat("x", n-15) + "\n\n" }, 16 << 10, wire.ErrStartLineTooLong, "more than 16384 bytes"},
		{"headers", func(n int) string { return ok + "A: " + strings.Repeat("x", n-7) + "\n\n" }, 128 << 10, wire.ErrHeadersTooLarge, "more than 131072 bytes"},
		{"header count", func(n int) string { return ok + strings.Repeat("A:\n", n) + "\n" }, 512, wire.ErrTooManyHeaders, "512 are allowed"},
		{"trailers", func(n int) string { return okChunked + "0\nA: " + strings.Repeat("x", n-7) + "\n\n" }, 16 << 10, wire.ErrTrailersTooLarge, "more than 16384 bytes"},
		{"trailer count", func(n int) string { return okChunked + "0\n" + strings.Repeat("A:\n", n) + "\n" }, 512, wire.ErrTooManyHeaders, "512 are allowed"},
		{"chunk extensions", func(n int) string { return okChunked + "0;" + strings.Repeat("x", n-1) + "\n\n" }, 16 << 10, wire.ErrChunkExtension, "more than 16384 bytes"},
		{"interim responses", func(n int) string { return strings.Repeat("HTTP/1.1 102 Processing\n\n", n) + ok + "\n" }, 64, wire.ErrTooManyInformational, "more than 64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := errorOf(freshResponse("GET")(), bytesOf(c.of(c.limit))); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			err := errorOf(freshResponse("GET")(), bytesOf(c.of(c.limit+1)))
			wantKind(t, err, c.kind)
			if err != nil && !strings.Contains(err.Error(), c.format) {
				t.Errorf("the message is %q, want %q in it", err, c.format)
			}
		})
	}
}

// TestStartForgetsAnUnfinishedMessage calls Start in the middle of a message.
func TestStartForgetsAnUnfinishedMessage(t *testing.T) {
	for name, before := range map[string]string{
		"in the status line": "HTTP/1.1 40",
		"in the headers":     "HTTP/1.1 404 Not Found\nA: b",
		"in a chunk's size":  okChunked + "5",
		"in the trailers":    okChunked + "0\nA: b\nC",
	} {
		r := freshResponse("GET")().(*ResponseReader)
		errorOf(partOf{r}, bytesOf(before))
		r.Start("GET")
		got := transcript(t, r, bytesOf(ok+"Content-Length: 1\n\nx"))
		want := []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["1"]] length=1 keep-alive`, `Data "x"`, `End map[]`, `left 0`}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// partOf is a reader whose connection does not end.
type partOf struct{ *ResponseReader }

func (partOf) Finish() (Event, error) { return NeedMore, nil }

// TestFinishIsFinal checks that a reader repeats an error of Finish.
func TestFinishIsFinal(t *testing.T) {
	for name, in := range map[string]string{
		"in the head":     "HTTP/1.1 200 O",
		"in the body":     ok + "Content-Length: 5\n\nhel",
		"in a chunk":      okChunked + "5\nhel",
		"in the trailers": okChunked + "0\nA: b\n",
	} {
		r := freshResponse("GET")()
		first := errorOf(r, bytesOf(in))
		n, ev, err := r.Next([]byte("lo"))
		if first == nil || n != 0 || ev != NeedMore || err != first {
			t.Errorf("%s: after %v, Next gave %d, %v, %v, want 0, NeedMore and the same error", name, first, n, ev, err)
		}
		if _, err := r.Finish(); err != first {
			t.Errorf("%s: after %v, Finish gave %v, want the same error", name, first, err)
		}
	}
}

// TestEndlessInputIsNotKept sends 10 MB of a line or section that does not end.
func TestEndlessInputIsNotKept(t *testing.T) {
	piece := []byte(strings.Repeat("x", 4096))
	for name, begin := range map[string]string{
		"status line": "HTTP/1.1 200 ",
		"header":      "HTTP/1.1 200 OK\r\nA: ",
		"trailer":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ",
	} {
		t.Run(name, func(t *testing.T) {
			r := freshResponse("GET")().(*ResponseReader)
			in := []byte(begin)
			for sent := 0; sent < 10<<20; sent += len(piece) {
				for {
					n, ev, err := r.Next(in)
					if err != nil {
						var e *wire.Error
						if !errors.As(err, &e) || sent > 256<<10 || len(err.Error()) > 200 {
							t.Errorf("after %d bytes: %v", sent, err)
						}
						return
					}
					if in = in[n:]; ev == NeedMore {
						break
					}
				}
				if cap(r.buf) > 256<<10 {
					t.Fatalf("%d bytes are kept", cap(r.buf))
				}
				in = piece
			}
			t.Error("10 MB were taken")
		})
	}
}
