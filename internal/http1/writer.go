package http1

// This file holds what goes out: heads and chunks, appended to a buffer. Nothing is written that the
// readers of this package would refuse, and nothing that a peer could take for more than one message.

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// CRLF ends a chunk begun with [AppendChunkHead].
const CRLF = "\r\n"

// AppendRequestHead appends the head of a request to buf: the request line, Host, what the body needs,
// then h.Header, with h.AcceptEncoding in its place, sorted by name, so that the same request gives the
// same bytes. The version is always HTTP/1.1.
//
// Content-Length and Transfer-Encoding are written from h.Length and h.Chunked; what h.Header has of
// them is left out. A length of 0 is written only for POST, PUT and PATCH (RFC 9110, 8.6). Unless
// h.KeepAlive is set, "Connection: close" is written; if h.Expect100 is, "Expect: 100-continue". Host is
// the one in h.Header, where there may be no second, or else h.Host; one of them has to be set.
//
// Any part that holds CR, LF or NUL, or is otherwise not what RFC 9110 allows in its place, is refused
// with an [*wire.Error]: wire.ErrMethod, wire.ErrTarget, wire.ErrHost, wire.ErrHeaderName, wire.ErrHeaderValue, or wire.ErrContentLength
// for a length that is negative without Chunked. buf is then given back as it was.
func AppendRequestHead(buf []byte, h *RequestHead) ([]byte, error) {
	if err := checkMethod(h.Method); err != nil {
		return buf, err
	}
	if err := checkTarget(h.Method, h.Target); err != nil {
		return buf, err
	}
	if h.Length < 0 && !h.Chunked {
		return buf, errorf(wire.ErrContentLength, "%d for a request that is not chunked", h.Length)
	}
	var names []string
	if len(h.Header) != 0 { // else the room need not be cleared
		var room [32]string
		names = sortedNames(room[:0], h.Header)
	}
	hosts := valuesOf(h.Header, names, "Host")
	if len(hosts) == 0 && h.Host != "" {
		hosts = []string{h.Host}
	}
	if err := checkHost(hosts, true); err != nil {
		return buf, err
	}
	b := append(buf, h.Method...)
	b = append(b, ' ')
	b = append(b, h.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, hosts[0]...)
	b = append(b, CRLF...)
	switch {
	case h.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case h.Length > 0 || h.Method == "POST" || h.Method == "PUT" || h.Method == "PATCH":
		b = appendLength(b, h.Length)
	}
	if !h.KeepAlive && !HasToken(h.Header["Connection"], "close") {
		b = append(b, "Connection: close\r\n"...)
	}
	if h.Expect100 && !HasToken(h.Header["Expect"], "100-continue") {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	var err error
	if h.AcceptEncoding != "" {
		before := upTo(names, "Accept-Encoding")
		if b, err = appendFields(b, h.Header, before, "Host"); err == nil {
			b, err = appendField(b, "Accept-Encoding", h.AcceptEncoding)
		}
		names = names[len(before):]
	}
	if err == nil {
		b, err = appendFields(b, h.Header, names, "Host")
	}
	if err != nil {
		return buf, err
	}
	return append(b, CRLF...), nil
}

// AppendResponseHead appends the head of a response to buf: the status line, what the body needs, then
// h.Header sorted by name. The version is always HTTP/1.1, the highest that the sender speaks
// (RFC 9110, 6.2); the phrase is the usual one if h.Phrase is empty.
//
// Content-Length and Transfer-Encoding are written from h.Length and h.Chunked; what h.Header has of
// them is left out, and neither is written if h.Length is negative and h.Chunked not set, nor for 1xx
// and 204, which have no body (RFC 9110, 8.6). For an answer to HEAD and for a 304, Length is that of
// the body that is not sent. "Connection: close" is written unless h.KeepAlive is set and
// h.UntilClose is not, or the code is 1xx; "Connection: keep-alive" is written if h.KeepAlive is set
// and h.Version is HTTP/1.0, which stands for the version of the request that is answered.
//
// Any part that holds CR, LF or NUL, or is otherwise not what RFC 9110 allows in its place, is refused
// with an [*wire.Error]: wire.ErrStatusLine for the code, wire.ErrPhrase, wire.ErrHeaderName, wire.ErrHeaderValue. buf is then
// given back as it was.
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
	interim := h.Code/100 == 1
	switch {
	case interim || h.Code == 204:
	case h.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case h.Length >= 0:
		b = appendLength(b, h.Length)
	}
	connection := h.Header["Connection"]
	switch {
	case interim:
	case !h.KeepAlive || h.UntilClose:
		if !HasToken(connection, "close") {
			b = append(b, "Connection: close\r\n"...)
		}
	case h.Version == http10 && !HasToken(connection, "keep-alive"):
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	var room [32]string
	b, err := appendFields(b, h.Header, sortedNames(room[:0], h.Header), "")
	if err != nil {
		return buf, err
	}
	return append(b, CRLF...), nil
}

// AppendChunk appends data as one chunk (RFC 9112, 7.1). Empty data appends nothing, since an empty
// chunk would be the last one.
func AppendChunk(buf, data []byte) []byte {
	if len(data) == 0 {
		return buf
	}
	buf = AppendChunkHead(buf, len(data))
	buf = append(buf, data...)
	return append(buf, CRLF...)
}

// AppendChunkHead appends the line before a chunk of n bytes, n > 0, for data that is to be written
// without a copy. After the data, [CRLF] has to follow.
func AppendChunkHead(buf []byte, n int) []byte {
	buf = strconv.AppendInt(buf, int64(n), 16)
	return append(buf, CRLF...)
}

// AppendLastChunk appends the end of a chunked body, with the trailer if it is not empty, sorted by
// name. A trailer may not have Content-Length, Transfer-Encoding or Host (RFC 9110, 6.5.1): they are
// left out. Names and values are checked as for [AppendRequestHead].
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

// appendFields appends the headers with these names, without those that frame the body and without
// omit.
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

// appendField appends one header, the name of which is good.
func appendField(b []byte, name, value string) ([]byte, error) {
	if i := fieldLength(value); i < len(value) {
		return b, errorf(wire.ErrHeaderValue, "byte %s in %s, in the header %s", quote(value[i:i+1]), quote(value), quote(name))
	}
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, CRLF...), nil
}

// upTo returns those of the sorted names that do not come after name.
func upTo(names []string, name string) []string {
	i, found := slices.BinarySearch(names, name)
	if found {
		i++
	}
	return names[:i]
}

// sortedNames appends the keys of h to names, which is empty, in order.
func sortedNames(names []string, h http.Header) []string {
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// valuesOf is h's values under a name in any case: the map may have been filled without Set and Add.
func valuesOf(h http.Header, names []string, name string) []string {
	var values []string
	for _, key := range names {
		if equalFold(key, name) {
			values = append(slices.Clip(h[key]), values...)
		}
	}
	return values
}
