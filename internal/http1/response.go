package http1

// This file holds the client's side: the status line, which responses have a body, and in what order
// events come. Headers and bodies are read by what both sides share.

import (
	"bytes"
	"net/http"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A ResponseHead is a response without its body. As given by a [ResponseReader], what it refers to
// is the caller's to keep and to change; the struct itself is the reader's, and is used again.
type ResponseHead struct {
	Version Version
	// Code is the status code, 100 to 999 (RFC 9110, 15).
	Code int
	// Phrase is the reason phrase as received, often empty, possibly not UTF-8.
	Phrase string
	// Header has all headers under their canonical names, values in the order received, and is
	// never nil. Bytes above 127 are as received.
	Header http.Header
	// Length is the number of body bytes to come, 0 if the response has no body whatever its
	// headers say, -1 if it is not known.
	Length int64
	// Chunked: the body comes in chunks (RFC 9112, 7.1). Length is -1.
	Chunked bool
	// UntilClose: the body ends with the connection. Length is -1, KeepAlive false.
	UntilClose bool
	// KeepAlive: the connection may be used again once the response has ended (RFC 9112, 9.3).
	KeepAlive bool
}

// A ResponseReader reads the responses on one connection, one after another. The zero value is idle;
// Start has it expect a response. It forgives what RFC 9112 lets a client forgive: a lone LF for a
// line end in the head and the trailers, folded headers, a missing phrase, empty lines before the
// status line.
type ResponseReader struct {
	machine
	toHead    bool
	toConnect bool
	informed  int // interim responses so far
	head      ResponseHead
}

// Start makes the reader expect the response to a request with this method. HEAD and CONNECT change
// how a response is read (RFC 9112, 6.3).
func (r *ResponseReader) Start(method string) {
	r.start()
	r.lenient = true
	r.toHead = method == "HEAD"
	r.toConnect = method == "CONNECT"
	r.informed = 0
	r.head = ResponseHead{}
}

// Head is the head that came with the last Informational, Head or Upgraded. The pointer is the same
// each time: copy what is to outlive the next Informational, Head or Start.
func (r *ResponseReader) Head() *ResponseHead { return &r.head }

// Data is the part of the body that came with the last Data: a part of the slice given to Next.
func (r *ResponseReader) Data() []byte { return r.data }

// Trailer is the trailer section of a chunked body, after End; nil if there was none.
func (r *ResponseReader) Trailer() http.Header { return r.trailer }

// Next uses the first n bytes of in and says what they make. It is to be called again with the rest,
// even if that is empty, until it gives NeedMore (then n is len(in)), End or Upgraded (then what is
// left is not this response's), or an error, which is always an [*wire.Error].
func (r *ResponseReader) Next(in []byte) (n int, ev Event, err error) {
	if len(in) > 0 {
		r.began = true
	}
	for {
		switch r.state {
		case idle:
			return n, End, nil
		case upgraded:
			return n, Upgraded, nil
		case failed:
			return 0, NeedMore, r.err

		case startLine:
			line, used, tooLong := r.takeLine(in[n:], r.limits.StartLineBytes)
			if line == nil {
				if err := r.checkStart(sniffLen); err != nil {
					return r.fail(err)
				}
				if tooLong {
					return r.fail(errorf(wire.ErrStartLineTooLong, "more than %d bytes: %s", r.limits.StartLineBytes, quote(r.buf)))
				}
				return len(in), NeedMore, nil
			}
			text, _ := r.trimLineEnd(line)
			if len(text) == 0 {
				err = r.skipEmptyLine()
			} else if err = r.parseStatusLine(text); err == nil {
				r.state = fields
			}
			if err != nil {
				return r.fail(err)
			}
			r.forget()
			n += used

		case fields:
			limit := r.limits.HeaderBytes
			section, used, tooLong := r.takeSection(in[n:], limit)
			switch {
			case tooLong:
				return r.fail(errorf(wire.ErrHeadersTooLarge, "more than %d bytes", limit))
			case section == nil:
				return len(in), NeedMore, nil
			}
			if r.head.Header, err = parseFields(section, r.lines, r.limits.HeaderCount, true); err == nil {
				ev, err = r.headDone()
			}
			if err != nil {
				return r.fail(err)
			}
			r.forget()
			return n + used, ev, nil

		case inBody:
			used, ev, err := r.nextBody(in[n:])
			return n + used, ev, err
		}
	}
}

// Finish says what it means that the connection has ended. End: the response ended with it, or none
// was expected. Otherwise an [*wire.Error]: wire.ErrNoResponse if not one byte came since Start, wire.ErrPartialHead
// or wire.ErrPartialBody by where it was cut, wire.ErrStatusLine if what came was not HTTP.
func (r *ResponseReader) Finish() (Event, error) {
	switch r.state {
	case idle:
		return End, nil
	case upgraded:
		return Upgraded, nil
	case failed:
		return NeedMore, r.err
	case inBody:
		return r.finishBody()
	}
	err := r.checkStart(1)
	switch {
	case err != nil:
	case !r.began:
		err = &wire.Error{Kind: wire.ErrNoResponse}
	case r.state == fields:
		err = errorf(wire.ErrPartialHead, "in the headers of a %d", r.head.Code)
	case len(r.buf) > 0:
		err = errorf(wire.ErrPartialHead, "after %s", quote(r.buf))
	case r.informed > 0:
		err = errorf(wire.ErrPartialHead, "after a %d", r.head.Code)
	default:
		err = errorf(wire.ErrPartialHead, "after empty lines")
	}
	r.fail(err)
	return NeedMore, err
}

// checkStart judges the gathered part of a status line once it has atLeast as many bytes.
func (r *ResponseReader) checkStart(atLeast int) error {
	if r.state != startLine || len(r.buf) < atLeast {
		return nil
	}
	return looksLikeStatus(r.buf)
}

// looksLikeStatus tells a response from what another protocol sends. It sees no more than sniffLen
// bytes, so that what it says does not depend on how many more were there.
func looksLikeStatus(text []byte) error {
	text = bytes.TrimRight(text[:min(len(text), sniffLen)], "\r")
	const begin = "HTTP/"
	if n := min(len(text), len(begin)); string(text[:n]) != begin[:n] {
		return errorf(wire.ErrStatusLine, "not HTTP: %s", quote(text))
	}
	return nil
}

// parseStatusLine reads HTTP-version SP 3DIGIT [SP phrase] (RFC 9112, 4). The space before the phrase
// is not optional in the grammar, but is left out by servers that have no phrase.
func (r *ResponseReader) parseStatusLine(text []byte) error {
	if err := looksLikeStatus(text); err != nil {
		return err
	}
	const codeAt, phraseAt = len("HTTP/1.1 "), len("HTTP/1.1 200 ")
	version, err := parseVersion(text[:min(len(text), codeAt-1)])
	if err != nil {
		return errorf(wire.ErrVersion, "in %s", quote(text))
	}
	if len(text) < phraseAt-1 || text[codeAt-1] != ' ' {
		return errorf(wire.ErrStatusLine, "%s", quote(text))
	}
	code := 0
	for _, c := range text[codeAt : codeAt+3] {
		if !isDigit(c) {
			return errorf(wire.ErrStatusLine, "the code is not three digits in %s", quote(text))
		}
		code = code*10 + int(c-'0')
	}
	var phrase []byte
	if len(text) >= phraseAt {
		phrase = text[phraseAt:]
	}
	switch {
	case code < 100:
		return errorf(wire.ErrStatusLine, "the code is below 100 in %s", quote(text))
	case len(text) >= phraseAt && text[phraseAt-1] != ' ':
		return errorf(wire.ErrStatusLine, "the code is not three digits in %s", quote(text))
	case notIn(phrase, fieldChar) >= 0:
		return errorf(wire.ErrStatusLine, "control character in %s", quote(text))
	}
	r.head = ResponseHead{Version: version, Code: code}
	// The usual phrase is not worth an allocation.
	if usual := http.StatusText(code); string(phrase) == usual {
		r.head.Phrase = usual
	} else {
		r.head.Phrase = string(phrase)
	}
	return nil
}

// headDone decides what follows the head (RFC 9112, 6.3).
func (r *ResponseReader) headDone() (Event, error) {
	h := &r.head
	if h.Header == nil {
		h.Header = http.Header{}
	}
	h.KeepAlive = keepsAlive(h.Version, h.Header)
	switch {
	case h.Code == 101, r.toConnect && h.Code/100 == 2:
		h.KeepAlive = false
		r.state = upgraded
		return Upgraded, nil
	case h.Code/100 == 1:
		if r.informed++; r.informed > r.limits.Informational {
			return 0, errorf(wire.ErrTooManyInformational, "more than %d", r.limits.Informational)
		}
		r.state = startLine
		return Informational, nil
	case r.toHead, h.Code == 204, h.Code == 304:
		r.state = idle
		return Head, nil
	}
	var err error
	if h.Length, h.Chunked, err = bodyHeaders(h.Header); err != nil {
		return 0, err
	}
	h.UntilClose = h.Length < 0 && !h.Chunked
	// HTTP/1.0 has no transfer codings: RFC 9112, 6.1 would have such a body read and the connection
	// not trusted any further.
	if h.UntilClose || h.Chunked && h.Version == http10 {
		h.KeepAlive = false
	}
	r.beginBody(h.Length, h.Chunked)
	return Head, nil
}
