package http1

// This file holds the client's side: the status line, which responses have a body, and what may come before
// a response. It must not read headers or bodies: the machine does.

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A ResponseHead is a response without its body. A [ResponseReader] reuses its ResponseHead, but makes a new
// Header for each response, which the caller may keep and change.
type ResponseHead struct {
	Version Version
	// Chunked: the body comes in chunks (RFC 9112, section 7.1). Length is -1.
	Chunked bool
	// UntilClose: the body ends with the connection. Length is -1, KeepAlive false.
	UntilClose bool
	// KeepAlive: the connection may be used again after the response (RFC 9112, section 9.3). A body
	// that is dubious clears it, so that its final value is known at End.
	KeepAlive bool
	// Code is the status code, 100 to 999 (RFC 9110, section 15).
	Code int
	// Phrase is the reason phrase as received, often empty, possibly not UTF-8.
	Phrase string
	// Header has the headers under their canonical names, values in the order received. It is never
	// nil. Bytes above 127 are as received, and so is a name that is no token.
	Header http.Header
	// Length is the number of body bytes to come, 0 if the response has no body whatever its headers
	// say, -1 if unknown.
	Length int64
}

// A ResponseReader reads the responses on one connection, one after another. The zero value is idle; Start
// makes it expect a response.
//
// It reads as leniently as curl, browsers and package net/http. RFC 9112 lets a client accept an LF alone as the
// end of a line in heads and trailers, a header that continues on the next line, a status line without a phrase or
// with more than one space between its parts, empty lines before it, and control characters other than NUL, CR and
// LF in phrases and values.
//
// The reader accepts more, but another reader of the same bytes may find another end of the response. It is
// dubious, and KeepAlive is not set, after
//
//   - a Transfer-Encoding together with a Content-Length: the coding counts, and the length is removed from Header;
//   - the transfer coding identity, which means nothing, or empty elements in Transfer-Encoding;
//   - whitespace between the name of a header and its colon, and a name that is empty or no token. Header has it
//     as it came;
//   - a phrase that follows the code without a space;
//   - an LF alone at the end of a chunk or of the line before it.
type ResponseReader struct {
	machine
	toHead    bool   // the request is a HEAD
	toConnect bool   // the request is a CONNECT
	interim   uint32 // number of interim responses before this one
	head      ResponseHead
}

// Start makes the reader expect the response to a request with this method. HEAD and CONNECT change how a
// response is read (RFC 9112, section 6.3).
func (r *ResponseReader) Start(method string) {
	r.start(true)
	r.toHead = method == "HEAD"
	r.toConnect = method == "CONNECT"
	r.interim = 0
	r.head = ResponseHead{}
}

// Head returns the head that belongs to the last Informational, Head or Upgraded event. The pointer is the
// same each time: copy what must outlive the next Informational, Head or Start.
func (r *ResponseReader) Head() *ResponseHead { return &r.head }

// Next reads the first n bytes of in and reports what they complete. Call it again with the bytes after
// them, even if there are none, until it returns NeedMore (then n is len(in)), End or Upgraded (the bytes
// after n do not belong to this response), or an error, which is always a [*wire.Error].
func (r *ResponseReader) Next(in []byte) (n int, ev Event, err error) {
	n, ev, err = r.next(in, r)
	if r.dubious {
		r.head.KeepAlive = false
	}
	return n, ev, err
}

// Finish reports what the end of the connection means. It returns End if the connection ends the response or
// no response was expected, and otherwise a [*wire.Error], such as ErrNoResponse if no byte arrived since
// Start, ErrPartialHead or ErrPartialBody.
func (r *ResponseReader) Finish() (Event, error) { return r.finish(r) }

// missing implements side.
func (r *ResponseReader) missing() error {
	switch {
	case r.interim > 0:
		return errorf(wire.ErrPartialHead, "after %s", r.describe())
	case r.emptyLines > 0:
		return errorf(wire.ErrPartialHead, "after empty lines")
	}
	return &wire.Error{Kind: wire.ErrNoResponse}
}

// bodyLength implements side.
func (r *ResponseReader) bodyLength() int64 { return r.head.Length }

// describe implements side.
func (r *ResponseReader) describe() string { return "a " + strconv.Itoa(r.head.Code) }

// sniff implements side.
func (r *ResponseReader) sniff(text []byte) error {
	const begin = "HTTP/"
	if n := min(len(text), len(begin)); string(text[:n]) != begin[:n] {
		return notHTTP(wire.ErrStatusLine, text)
	}
	return nil
}

// startLine implements side. It parses HTTP-version SP 3DIGIT [SP phrase] (RFC 9112, section 4), with any number
// of spaces.
func (r *ResponseReader) startLine(text []byte) error {
	const versionLen, codeLen = len("HTTP/1.1"), len("200")
	version, err := parseVersion(text[:min(len(text), versionLen)], text)
	if err != nil {
		return err
	}
	rest := text[versionLen:]
	spaces := len(rest) - len(bytes.TrimLeft(rest, " "))
	if spaces == 0 || len(rest) < spaces+codeLen {
		return errorf(wire.ErrStatusLine, "%s", quote(text))
	}
	rest = rest[spaces:]
	code, digits := parseDecimal(rest[:codeLen])
	phrase := rest[codeLen:]
	switch {
	case !digits, len(phrase) > 0 && isDigit(phrase[0]):
		return errorf(wire.ErrStatusLine, "the code is not three digits in %s", quote(text))
	case code < 100:
		return errorf(wire.ErrStatusLine, "the code is below 100 in %s", quote(text))
	case notIn(phrase, fieldChar|controlChar) >= 0:
		return errorf(wire.ErrStatusLine, "control character in %s", quote(text))
	}
	r.dubious = r.dubious || len(phrase) > 0 && !isBlank(phrase[0])
	phrase = bytes.Trim(phrase, " \t")
	r.head = ResponseHead{Version: version, Code: int(code)}
	// The usual phrase needs no allocation.
	if usual := http.StatusText(r.head.Code); string(phrase) == usual {
		r.head.Phrase = usual
	} else {
		r.head.Phrase = string(phrase)
	}
	return nil
}

// headDone implements side. It chooses the kind of body (RFC 9112, section 6.3).
func (r *ResponseReader) headDone(fields http.Header) (Event, error) {
	h := &r.head
	h.Header = fields
	h.KeepAlive = r.keepsAlive(h.Version, fields)
	switch {
	case h.Code == 101, r.toConnect && h.Code/100 == 2:
		h.KeepAlive = false
		r.state = upgraded
		return Upgraded, nil
	case h.Code/100 == 1:
		if r.interim++; int(r.interim) > r.limits.Informational {
			return 0, errorf(wire.ErrTooManyInformational, "more than %d", r.limits.Informational)
		}
		r.state = startLine
		return Informational, nil
	case r.toHead, h.Code == 204, h.Code == 304:
		r.state = idle
		return Head, nil
	}
	var err error
	if h.Length, h.Chunked, err = r.bodyHeaders(fields); err != nil {
		return 0, err
	}
	h.UntilClose = h.Length < 0 && !h.Chunked
	// HTTP/1.0 has no transfer codings. RFC 9112, section 6.1, lets a client read such a body, but not
	// use the connection again.
	if h.UntilClose || h.Chunked && h.Version == http10 {
		h.KeepAlive = false
	}
	r.beginBody(h.Length, h.Chunked)
	return Head, nil
}
