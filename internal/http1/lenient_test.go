package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// oddities are texts that a client reads and a server refuses. In a response they come after a status line, or are
// all of it if they begin with HTTP/; in a request they come after the request line and Host, or request is all of
// it. \n stands for CRLF and ¶ for an LF alone.
var oddities = []struct {
	name    string
	text    string
	want    []string // of the response
	request string   // if it is not the same text
	kind    wire.Kind
}{
	{name: "spaces before the code", text: "HTTP/1.1   200 OK\nContent-Length: 2\n\nhi",
		want:    []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		request: "GET  / HTTP/1.1\nHost: a\n\n", kind: wire.ErrRequestLine},
	{name: "blanks around the phrase", text: "HTTP/1.1 200 \t OK \nContent-Length: 2\n\nhi",
		want:    []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		request: "GET / HTTP/1.1 \nHost: a\n\n", kind: wire.ErrRequestLine},
	{name: "no phrase, many spaces", text: "HTTP/1.1 200  \nContent-Length: 2\n\nhi",
		want:    []string{`Head HTTP/1.1 200 "" map["Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		request: "GET /  \nHost: a\n\n", kind: wire.ErrRequestLine},
	{name: "a tab after the code", text: "HTTP/1.1 200\tOK\nContent-Length: 2\n\nhi",
		want:    []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		request: "GET\t/ HTTP/1.1\nHost: a\n\n", kind: wire.ErrRequestLine},
	{name: "no space after the code", text: "HTTP/1.1 200OK\nContent-Length: 2\n\nhi",
		want:    []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		request: "GET/ HTTP/1.1\nHost: a\n\n", kind: wire.ErrRequestLine},
	{name: "control characters in a phrase", text: "HTTP/1.1 200 O\x01\x0b\x1bK\x7f\nContent-Length: 2\n\nhi",
		want:    []string{`Head HTTP/1.1 200 "O\x01\v\x1bK\x7f" map["Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		request: "GET /\x01 HTTP/1.1\nHost: a\n\n", kind: wire.ErrTarget},
	{name: "control characters in a value", text: "A: \x01b\x08\x0b\x0c\x1b\x7fc\x0c\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["A":["\x01b\b\v\f\x1b\x7fc\f"] "Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderValue},
	{name: "control character in a fold", text: "A: b\n \x01c\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["A":["b \x01c"] "Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrFold},
	{name: "control character in another header than that of the body", text: "Connection: \x0bclose\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Connection":["\vclose"] "Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderValue},

	{name: "space before the colon", text: "A : b\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["A":["b"] "Content-Length":["2"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "blanks before the colon of the length", text: "content-length \t : 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "tab before the colon of the coding", text: "transfer-encoding\t: chunked\n\n2\nhi\n0\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "two lengths, one with a space before the colon", text: "Content-Length : 2\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2" "2"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "space in a name", text: "x y: z\nContent Length: 3\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Content Length":["3"] "Content-Length":["2"] "x y":["z"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "tab in a name", text: "x\ty: z\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"] "x\ty":["z"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "names of separators", text: "x(y): 1\nx[1]: 2\n\"x\": 3\nx@y/z=1;?: 4\n{x},<y>\\ : 5\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["\"x\"":["3"] "Content-Length":["2"] "x(y)":["1"] "x@y/z=1;?":["4"] "x[1]":["2"] "{x},<y>\\":["5"]] length=2`,
			`Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "control and raw bytes in a name", text: "x\x01y\x7f: 1\ncaf\xe9: 2\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"] "caf\xe9":["2"] "x\x01y\x7f":["1"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "empty name", text: ": z\n :\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["":["z :"] "Content-Length":["2"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "a coding whose name is odd does not count", text: "Transfer-Encoding\x0b: chunked\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"] "Transfer-Encoding\v":["chunked"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "odd name in an interim response", text: "HTTP/1.1 103 Early Hints\nA : b\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
		want: []string{`Informational HTTP/1.1 103 "Early Hints" map["A":["b"]] length=0`,
			`Head HTTP/1.1 200 "OK" map["Content-Length":["2"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		request: get + "A : b\n\n", kind: wire.ErrHeaderName},
	{name: "odd name without a body", text: "HTTP/1.1 204 No Content\nA : b\n\n",
		want:    []string{`Head HTTP/1.1 204 "No Content" map["A":["b"]] length=0`, `End map[]`, `left 0`},
		request: get + "A : b\n\n", kind: wire.ErrHeaderName},

	{name: "length and coding", text: "Content-Length: 5\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\nmore",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked`, `Data "hi"`, `End map[]`, `left 4`},
		kind: wire.ErrLengthAndCoding},
	{name: "coding and bad lengths", text: "Transfer-Encoding: Chunked\nContent-Length: abc\nContent-Length: 2\n\n2\nhi\n0\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["Chunked"]] length=-1 chunked`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrLengthAndCoding},
	{name: "length and coding in HTTP/1.0", text: "HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 5\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n",
		want:    []string{`Head HTTP/1.0 200 "OK" map["Connection":["keep-alive"] "Transfer-Encoding":["chunked"]] length=-1 chunked`, `Data "hi"`, `End map[]`, `left 0`},
		request: "POST / HTTP/1.0\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n", kind: wire.ErrLengthAndCoding},
	{name: "identity", text: "Transfer-Encoding: identity\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["identity"]] length=-1 until-close`, `Data "hi"`, `finish: End`},
		kind: wire.ErrTransferCoding},
	{name: "identity and length", text: "Transfer-Encoding: Identity\nContent-Length: 2\n\nhi",
		want: []string{`Head HTTP/1.1 200 "OK" map["Content-Length":["2"] "Transfer-Encoding":["Identity"]] length=2`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrLengthAndCoding},
	{name: "identity and chunked", text: "Transfer-Encoding: identity\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["identity" "chunked"]] length=-1 chunked`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrTransferCoding},
	{name: "chunked, identity", text: "Transfer-Encoding: chunked, identity\n\n2\nhi\n0\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked, identity"]] length=-1 chunked`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrTransferCoding},
	{name: "empty elements around chunked", text: "Transfer-Encoding: , chunked ,\n\n2\nhi\n0\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":[", chunked ,"]] length=-1 chunked`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrTransferCoding},

	{name: "LF after a chunk's size", text: "Transfer-Encoding: chunked\n\n2¶hi\n0¶\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrChunkSize},
	{name: "LF after blanks and an extension", text: "Transfer-Encoding: chunked\n\n2 \t¶hi\n0;a=b¶¶",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrChunkSize},
	{name: "LF after a chunk", text: "Transfer-Encoding: chunked\n\n2\nhi¶1;x\n!¶0\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`, `Data "hi!"`, `End map[]`, `left 0`},
		kind: wire.ErrChunkEnd},
	{name: "control characters in a chunk extension", text: "Transfer-Encoding: chunked\n\n2;\x01a\x0b\x7f\nhi\n0\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrChunkExtension},
	{name: "odd trailer", text: "Transfer-Encoding: chunked\n\n2\nhi\n0\nA b: \x01c\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`, `Data "hi"`, `End map["A b":["\x01c"]]`, `left 0`},
		kind: wire.ErrHeaderName},
	{name: "fold in a trailer", text: "Transfer-Encoding: chunked\n\n2\nhi\n0\nA: b\n c\n\n",
		want: []string{`Head HTTP/1.1 200 "OK" map["Transfer-Encoding":["chunked"]] length=-1 chunked keep-alive`, `Data "hi"`, `End map["A":["b c"]]`, `left 0`},
		kind: wire.ErrFold},
	{name: "LF alone and a fold in the head", text: "A: b¶ c¶Content-Length: 2¶¶hi",
		want: []string{`Head HTTP/1.1 200 "OK" map["A":["b c"] "Content-Length":["2"]] length=2 keep-alive`, `Data "hi"`, `End map[]`, `left 0`},
		kind: wire.ErrLineEnd},
}

func TestOddTextIsReadInAResponseOnly(t *testing.T) {
	for _, c := range oddities {
		t.Run(c.name, func(t *testing.T) {
			response, request := c.text, c.request
			if !strings.HasPrefix(response, "HTTP/") {
				response = ok + c.text
			}
			if request == "" {
				request = "POST / HTTP/1.1\nHost: a\n" + c.text
			}
			got := sameHoweverSplit(t, freshResponse("GET"), bytesOf(response))
			if !slices.Equal(got, c.want) {
				t.Errorf("\n got  %s\n want %s", strings.Join(got, "\n      "), strings.Join(c.want, "\n      "))
			}
			sameHoweverSplit(t, freshRequest, bytesOf(request))
			wantKind(t, errorOf(freshRequest(), bytesOf(request)), c.kind)
		})
	}
}

// TestADubiousBodyIsTheLastOfItsConnection: what is found only in the body clears KeepAlive until End.
func TestADubiousBodyIsTheLastOfItsConnection(t *testing.T) {
	for body, want := range map[string]bool{
		"2\nhi\n0\n\n":               true,
		"2;\x01\nhi\n0\nA: \x01\n\n": true,
		"2\nhi\n0\nA: b\n c\n¶":      true,
		"2¶hi\n0\n\n":                false,
		"2;a¶hi\n0\n\n":              false,
		"2\nhi¶0\n\n":                false,
		"2\nhi\n0¶\n":                false,
		"2\nhi\n0\nA : b\n\n":        false,
	} {
		for _, pieces := range [][][]byte{{bytesOf(okChunked + body)}, bytewise(bytesOf(okChunked + body))} {
			r := new(ResponseReader)
			r.Start("GET")
			transcript(t, r, pieces...)
			if got := r.Head().KeepAlive; got != want {
				t.Errorf("%q: KeepAlive is %v after End, want %v", body, got, want)
			}
			r.Start("GET")
			transcript(t, r, bytesOf(okChunked+"0\n\n"))
			if !r.Head().KeepAlive {
				t.Errorf("the response after %q is dubious", body)
			}
		}
	}
}

// TestNULAndCRAreRefusedEverywhere: no client lets them through, wherever they are.
func TestNULAndCRAreRefusedEverywhere(t *testing.T) {
	for _, bad := range []string{"\x00", "\r"} {
		for place, kinds := range map[string][]wire.Kind{
			"HTTP/1.1 200 O@K\n\n":          {wire.ErrStatusLine},
			"HTTP/1.1 @200 OK\n\n":          {wire.ErrStatusLine},
			ok + "A@B: c\n\n":               {wire.ErrHeaderName},
			ok + "A @: c\n\n":               {wire.ErrHeaderName},
			ok + "@: c\n\n":                 {wire.ErrHeaderName, wire.ErrLineEnd},
			ok + "A: \x01b@c\n\n":           {wire.ErrHeaderValue, wire.ErrLineEnd},
			ok + "A: b\n \x01c@d\n\n":       {wire.ErrHeaderValue, wire.ErrLineEnd},
			okChunked + "1;a@b\nx\n0\n\n":   {wire.ErrChunkExtension, wire.ErrChunkSize},
			okChunked + "1@\nx\n0\n\n":      {wire.ErrChunkSize},
			okChunked + "0\nA@: b\n\n":      {wire.ErrHeaderName},
			okChunked + "0\nA: b\x7f@c\n\n": {wire.ErrHeaderValue, wire.ErrLineEnd},
		} {
			input := bytesOf(strings.Replace(place, "@", bad, 1))
			sameHoweverSplit(t, freshResponse("GET"), input)
			err := errorOf(freshResponse("GET")(), input)
			if !slices.ContainsFunc(kinds, func(k wire.Kind) bool { e, ok := err.(*wire.Error); return ok && e.Kind == k }) {
				t.Errorf("%q: got %v, want one of %q", input, err, kinds)
			}
		}
	}
}

// TestRawBytesInATarget: curl sends bytes above 127 as they are, and a server takes them, but not in a host. Ours
// does not send them.
func TestRawBytesInATarget(t *testing.T) {
	for target, want := range map[string]bool{
		"/caf\xc3\xa9?q=\xe9\x80\xff": true,
		"http://a/caf\xe9":            true,
		"http://a?\xe9":               true,
		"http://caf\xe9/":             false,
		"http://a\xe9":                false,
		"*\xe9":                       false,
		"\xe9":                        false,
		"/a\x01":                      false,
		"/a\x7f":                      false,
		"/a#\xe9":                     false,
	} {
		in := bytesOf("GET " + target + " HTTP/1.1\nHost: a\n\n")
		sameHoweverSplit(t, freshRequest, in)
		r := freshRequest().(*RequestReader)
		_, ev, err := r.Next(in)
		if got := ev == Head && r.Head().Target == target; got != want {
			t.Errorf("%q: %v, %v", target, ev, err)
		}
		if !want {
			wantKind(t, err, wire.ErrTarget)
		}
		_, err = AppendRequestHead(nil, &RequestHead{Method: "GET", Target: target, Host: "a"})
		wantKind(t, err, wire.ErrTarget)
	}
	wantKind(t, errorOf(freshRequest(), bytesOf("CONNECT caf\xe9:443 HTTP/1.1\nHost: a\n\n")), wire.ErrTarget)
}

// FuzzLikeNetHTTP compares the readers with package net/http: the client reads each response that net/http reads, to
// the same body, and net/http reads each request that the server reads, to the same meaning.
func FuzzLikeNetHTTP(f *testing.F) {
	for _, c := range cannedResponses {
		f.Add(bytesOf(c.wire))
	}
	for _, c := range cannedRequests {
		f.Add(bytesOf(c.wire))
	}
	for _, c := range oddities {
		f.Add(bytesOf(ok + c.text))
		f.Add(bytesOf("POST / HTTP/1.1\nHost: a\n" + c.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 4096 {
			likeNetHTTPsResponse(t, data)
			likeNetHTTPsRequest(t, data)
		}
	})
}

func likeNetHTTPsResponse(t *testing.T, data []byte) {
	their, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), nil)
	if err != nil {
		return
	}
	body, err := io.ReadAll(their.Body)
	switch {
	case err != nil,
		their.StatusCode < 200, // which net/http's client skips like ours, but ReadResponse does not
		their.ProtoMajor != 1,
		their.ProtoMinor == 0 && bytes.Contains(bytes.ToLower(data), []byte("transfer-encoding")), // which net/http ignores
		strings.ContainsAny(their.Status, "\r\x00"):
		return
	}
	for name := range their.Header {
		// net/http does not take a header with a space before its colon for the one that it is.
		if strings.HasSuffix(name, " ") {
			return
		}
	}
	r := new(ResponseReader)
	r.Start("GET")
	got, err := bodyOf(r, data)
	if err != nil || r.Head().Code != their.StatusCode || !bytes.Equal(got, body) {
		t.Errorf("%q: got %v %q, %v, want %v %q", data, r.Head().Code, got, err, their.StatusCode, body)
	}
	if r.Head().KeepAlive && their.Close {
		t.Errorf("%q: the connection is used again", data)
	}
}

func likeNetHTTPsRequest(t *testing.T, data []byte) {
	r := new(RequestReader)
	r.Start()
	body, err := bodyOf(r, data)
	h := r.Head()
	if err != nil || h.Method == "" || h.Method == "CONNECT" {
		return
	}
	for len(data) > 1 && data[0] == '\r' { // empty lines, which http.ReadRequest does not skip
		data = data[2:]
	}
	their, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		if strings.Contains(err.Error(), "parse ") || strings.Contains(err.Error(), "Content-Length") || strings.Contains(err.Error(), "HTTP version") {
			return // of the URL, which this package does not read; a list of lengths; HTTP/1.2
		}
		t.Errorf("%q: net/http says %v", data, err)
		return
	}
	got, err := io.ReadAll(their.Body)
	if err != nil && strings.Contains(err.Error(), "chunk length") {
		return // whitespace before an extension
	}
	if err != nil || !bytes.Equal(got, body) || their.Method != h.Method || their.RequestURI != h.Target {
		t.Errorf("%q: got %v %q %q, net/http reads %v %q %q, %v", data, h.Method, h.Target, body, their.Method, their.RequestURI, got, err)
	}
}

// bodyOf returns the body of the first message in data, which ends the connection.
func bodyOf(r reader, data []byte) ([]byte, error) {
	var body []byte
	for {
		n, ev, err := r.Next(data)
		data = data[n:]
		switch {
		case err != nil:
			return body, err
		case ev == Data:
			body = append(body, r.Data()...)
		case ev == NeedMore:
			_, err := r.Finish()
			return body, err
		case ev == End || ev == Upgraded:
			return body, nil
		}
	}
}
