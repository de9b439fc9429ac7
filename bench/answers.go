package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// This file has the answers of the server. Their bytes are made in advance, so that a client
// never waits for the server.
//
//	/small       13 bytes
//	/fresh       the same, and the connection closes
//	/rich        30 headers, 3 of them cookies, and 4 KiB of JSON in gzip
//	/bytes/N     N zeros; N is one of sizes
//	/count       the length of the request's body, in 13 digits
//	/hold        13 bytes, and no end
//	/redirect/N  a redirect to /redirect/N-1; 0 is /small

// An answer is a response of bytes, followed by zeros.
type answer struct {
	bytes []byte
	zeros int64
	close bool // the connection closes after it
}

const (
	mib          = 1 << 20
	maxRedirects = 5
	richLength   = 4 << 10
)

// sizes are the values of N in /bytes/N.
var sizes = []int64{mib, 64 * mib, 1024 * mib}

var answers = makeAnswers()

// richBody is the compressed body of /rich.
var richBody []byte

func makeAnswers() map[string]answer {
	answers := map[string]answer{
		"/small":      {bytes: respond(200, smallBody)},
		"/redirect/0": {bytes: respond(200, smallBody)},
		"/fresh":      {bytes: respond(200, smallBody, "Connection: close"), close: true},
		"/hold": {bytes: []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n", len(smallBody), smallBody))},
	}
	for _, n := range sizes {
		path := "/bytes/" + strconv.FormatInt(n, 10)
		answers[path] = answer{bytes: head(200, n), zeros: n}
	}
	for n := range maxRedirects {
		path := fmt.Sprintf("/redirect/%d", n+1)
		answers[path] = answer{bytes: respond(302, smallBody, fmt.Sprintf("Location: /redirect/%d", n))}
	}
	richBody = compressed(richJSON())
	var headers []string
	for i := range 23 { // 7 more come from head and from below
		headers = append(headers, fmt.Sprintf("X-Header-Number-%d: the value of header %d", i, i))
	}
	for i := range 3 {
		headers = append(headers, fmt.Sprintf("Set-Cookie: cookie%d=value%d; Path=/", i, i))
	}
	headers = append(headers, "Content-Encoding: gzip")
	answers["/rich"] = answer{bytes: respond(200, string(richBody), headers...)}
	return answers
}

func respond(code int, body string, headers ...string) []byte {
	return append(head(code, int64(len(body)), headers...), body...)
}

func head(code int, length int64, headers ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nServer: bench\r\nDate: Sun, 01 Feb 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n",
		code, http.StatusText(code))
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", length)
	return []byte(b.String())
}

func richJSON() []byte {
	var b bytes.Buffer
	b.WriteString(`{"items": [`)
	for i := 0; b.Len() < richLength-80; i++ {
		fmt.Fprintf(&b, `{"id": %d, "name": "item %d", "price": %d},`, i, i, i*i)
	}
	fmt.Fprintf(&b, `{"last": "%s"}]}`, strings.Repeat("x", richLength-b.Len()-14))
	return b.Bytes()
}

func compressed(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// A conversation reads the requests of one connection and finds their answers.
type conversation struct {
	head []byte // the received part of an incomplete head
	left int64  // bytes of a request's body still to be received
	size int64  // the length of that body
}

var headEnd = []byte("\r\n\r\n")

// take reads data, and passes the answers of complete requests to give.
func (c *conversation) take(data []byte, give func(answer)) {
	for len(data) != 0 {
		if c.left != 0 {
			n := min(c.left, int64(len(data)))
			c.left -= n
			data = data[n:]
			if c.left == 0 {
				give(countAnswer(c.size))
			}
			continue
		}
		head := data
		if len(c.head) != 0 {
			before := len(c.head)
			c.head = append(c.head, data...)
			end := bytes.Index(c.head, headEnd)
			if end < 0 {
				return
			}
			head, data = c.head[:end], data[end+4-before:]
			c.head = nil
		} else {
			end := bytes.Index(data, headEnd)
			if end < 0 {
				c.head = append(c.head, data...)
				return
			}
			head, data = data[:end], data[end+4:]
		}
		_, rest, _ := bytes.Cut(head, space)
		path, _, _ := bytes.Cut(rest, space)
		if string(path) == "/count" {
			c.size = contentLength(head)
			c.left = c.size
			continue
		}
		a, ok := answers[string(path)]
		if !ok {
			a = answer{bytes: respond(404, ""), close: true}
		}
		give(a)
	}
}

var space = []byte(" ")

func countAnswer(n int64) answer {
	return answer{bytes: respond(200, fmt.Sprintf("%0*d", len(smallBody), n))}
}

// contentLength returns the Content-Length of head, or 0.
func contentLength(head []byte) int64 {
	for line := range bytes.Lines(head) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			return n
		}
	}
	return 0
}
