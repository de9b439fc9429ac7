package http1

// This file appends heads and chunks to a buffer. It must not write anything that the readers of this package
// refuse, or that a peer could take for more than one message.

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// CRLF ends a chunk that [AppendChunkHead] began.
const CRLF = "\r\n"

// AppendRequestHead appends the head of a request to buf: the request line, Host, the headers for the body, then
// h.Header, h.AcceptEncoding and h.UserAgent, sorted by name. The version is always HTTP/1.1.
//
// h.Length and h.Chunked decide what Content-Length and Transfer-Encoding say; those in h.Header are left out. A
// length of 0 is written only for POST, PUT and PATCH (RFC 9110, section 8.6). "Connection: close" is written
// unless h.KeepAlive is set, and "Expect: 100-continue" if h.Expect100 is. Host is that of h.Header, or else
// h.Host. There must be exactly one.
//
// AppendRequestHead refuses every part that holds CR, LF or NUL, or that RFC 9110 does not allow in its place. It
// then returns buf as it was and a [*wire.Error]: ErrMethod, ErrTarget, ErrHost, ErrHeaderName, ErrHeaderValue, or
// ErrContentLength for a negative length without Chunked.
func AppendRequestHead(buf []byte, h *RequestHead) ([]byte, error) {
	var names []string
	if len(h.Header) != 0 { // otherwise room need not be cleared
		var room [32]string
		names = sortedNames(room[:0], h.Header)
	}
	host, err := checkRequest(h, names)
	if err != nil {
		return buf, err
	}
	b := append(buf, h.Method...)
	b = append(b, ' ')
	b = append(b, h.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = append(b, CRLF...)
	switch {
	case h.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case h.Length > 0 || expectsBody(h.Method):
		b = appendLength(b, h.Length)
	}
	if !h.KeepAlive && !HasToken(h.Header["Connection"], "close") {
		b = append(b, "Connection: close\r\n"...)
	}
	if h.Expect100 && !HasToken(h.Header["Expect"], "100-continue") {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	for _, extra := range [...]struct{ name, value string }{
		{"Accept-Encoding", h.AcceptEncoding},
		{"User-Agent", h.userAgent(names)},
	} {
		if extra.value == "" {
			continue
		}
		before := upTo(names, extra.name)
		names = names[len(before):]
		if b, err = appendFields(b, h.Header, before, "Host"); err != nil {
			return buf, err
		}
		if b, err = appendField(b, extra.name, extra.value); err != nil {
			return buf, err
		}
	}
	if b, err = appendFields(b, h.Header, names, "Host"); err != nil {
		return buf, err
	}
	return append(b, CRLF...), nil
}

// userAgent returns the UserAgent to write: "" if the headers called names have a User-Agent.
func (h *RequestHead) userAgent(names []string) string {
	if slices.ContainsFunc(names, func(name string) bool { return equalFold(name, "User-Agent") }) {
		return ""
	}
	return h.UserAgent
}

// expectsBody reports whether a request with this method usually has a body.
func expectsBody(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH"
}

// checkRequest checks everything but the headers called names, and returns Host.
func checkRequest(h *RequestHead, names []string) (host string, err error) {
	if err := checkMethod(h.Method); err != nil {
		return "", err
	}
	if err := checkTarget(h.Method, h.Target, targetChar); err != nil {
		return "", err
	}
	if h.Length < 0 && !h.Chunked {
		return "", errorf(wire.ErrContentLength, "%d for a request that is not chunked", h.Length)
	}
	hosts := valuesOf(h.Header, names, "Host")
	if len(hosts) == 0 && h.Host != "" {
		hosts = []string{h.Host}
	}
	if err := checkHost(hosts, true); err != nil {
		return "", err
	}
	return hosts[0], nil
}

// AppendResponseHead appends the head of a response to buf: the status line, the headers for the body, then
// h.Header sorted by name. The version is always HTTP/1.1, the highest of the sender (RFC 9110, section 6.2). An
// empty h.Phrase stands for the usual one.
//
// h.Length and h.Chunked decide what Content-Length and Transfer-Encoding say; those in h.Header are left out.
// Neither is written if h.Length is negative and h.Chunked is not set, nor for 1xx and 204, which have no body
// (RFC 9110, section 8.6). For a response to HEAD and for a 304, Length is that of the body that is not sent.
//
// "Connection: close" is written unless h.KeepAlive is set and h.UntilClose is not, but never for 1xx.
// "Connection: keep-alive" is written if h.KeepAlive is set and h.Version, here the version of the request, is
// HTTP/1.0.
//
// AppendResponseHead refuses every part that holds CR, LF or NUL, or that RFC 9110 does not allow in its place. It
// then returns buf as it was and a [*wire.Error]: ErrStatusLine for the code, ErrPhrase, ErrHeaderName or
// ErrHeaderValue.
func AppendResponseHead(buf []byte, h *ResponseHead) ([]byte, error) {
	if h.Code < 100 || h.Code > 999 {
		return buf, errorf(wire.ErrStatusLine, "the code is %d", h.Code)
	}
	phrase := h.Phrase
	if phrase == "" {
		phrase = http.StatusText(h.Code)
	} else if notIn(phrase, fieldChar) >= 0 {
		return buf, errorf(wire.ErrPhrase, "%s", quote(phrase))
	}
	b := append(buf, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(h.Code), 10)
	b = append(b, ' ')
	b = append(b, phrase...)
	b = append(b, CRLF...)
	if h.Code/100 != 1 {
		b = appendFraming(b, h)
	}
	var room [32]string
	b, err := appendFields(b, h.Header, sortedNames(room[:0], h.Header), "")
	if err != nil {
		return buf, err
	}
	return append(b, CRLF...), nil
}

// appendFraming appends the headers that say where a response ends and whether the connection ends with it.
func appendFraming(b []byte, h *ResponseHead) []byte {
	switch {
	case h.Code == 204:
	case h.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case h.Length >= 0:
		b = appendLength(b, h.Length)
	}
	switch connection := h.Header["Connection"]; {
	case !h.KeepAlive || h.UntilClose:
		if !HasToken(connection, "close") {
			b = append(b, "Connection: close\r\n"...)
		}
	case h.Version == http10 && !HasToken(connection, "keep-alive"):
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return b
}

// AppendChunk appends data as one chunk (RFC 9112, section 7.1). It appends nothing for empty data, because an
// empty chunk is the last one.
func AppendChunk(buf, data []byte) []byte {
	if len(data) == 0 {
		return buf
	}
	buf = AppendChunkHead(buf, len(data))
	buf = append(buf, data...)
	return append(buf, CRLF...)
}

// AppendChunkHead appends the line before a chunk of n bytes, n > 0. It is for data that the caller writes without
// a copy. The caller writes [CRLF] after the data.
func AppendChunkHead(buf []byte, n int) []byte {
	buf = strconv.AppendInt(buf, int64(n), 16)
	return append(buf, CRLF...)
}

// AppendLastChunk appends the end of a chunked body with the trailers, sorted by name. Content-Length,
// Transfer-Encoding and Host may not be trailers and are left out (RFC 9110, section 6.5.1). Names and values are
// checked as in [AppendRequestHead].
func AppendLastChunk(buf []byte, trailer http.Header) ([]byte, error) {
	b := append(buf, "0\r\n"...)
	var room [32]string
	b, err := appendFields(b, trailer, sortedNames(room[:0], trailer), "Host")
	if err != nil {
		return buf, err
	}
	return append(b, CRLF...), nil
}

func appendLength(b []byte, length int64) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, length, 10)
	return append(b, CRLF...)
}

// appendFields appends the headers with these names, except omit and the headers that frame the body.
func appendFields(b []byte, h http.Header, names []string, omit string) ([]byte, error) {
	for _, name := range names {
		if name == "" || notIn(name, tokenChar) >= 0 {
			return b, errorf(wire.ErrHeaderName, "%s", quote(name))
		}
		if equalFold(name, omit) || equalFold(name, "Content-Length") || equalFold(name, "Transfer-Encoding") {
			continue
		}
		for _, value := range h[name] {
			var err error
			if b, err = appendField(b, name, value); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

// appendField appends one header. The caller has checked the name.
func appendField(b []byte, name, value string) ([]byte, error) {
	if i := fieldLength(value); i < len(value) {
		return b, errorf(wire.ErrHeaderValue, "byte %s in %s, in the header %s", quote(value[i:i+1]), quoteValue(name, value), quote(name))
	}
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, CRLF...), nil
}

// upTo returns the sorted names that are not greater than name.
func upTo(names []string, name string) []string {
	i, found := slices.BinarySearch(names, name)
	if found {
		i++
	}
	return names[:i]
}

// sortedNames appends the keys of h to names, which is empty, and sorts them.
func sortedNames(names []string, h http.Header) []string {
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// valuesOf returns the values of h under a name in any case: a caller may fill the map without Set.
func valuesOf(h http.Header, names []string, name string) []string {
	var values []string
	for _, key := range names {
		if equalFold(key, name) {
			values = append(slices.Clip(h[key]), values...)
		}
	}
	return values
}
