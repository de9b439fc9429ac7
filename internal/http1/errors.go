package http1

// This file holds every way in which a message can be wrong. A kind is what a program asks for, the
// detail is for the person who reads it. Nothing here decides that something is wrong.

import (
	"fmt"
	"net/http"
	"strconv"
)

// An Error is a message that cannot be read or may not be written. errors.Is finds its Kind:
//
//	errors.Is(err, http1.ErrTransferCoding)
//
// After one from a reader the connection is of no more use: where the next message begins is not
// known. The reader returns the same error from then on, until Start.
type Error struct {
	Kind Kind
	// Detail says what was found and where; text of the peer's is shortened and quoted in it.
	Detail string
}

// Error is the kind, then the detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Kind.Error()
	}
	return e.Kind.Error() + ": " + e.Detail
}

// Unwrap is the Kind, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Kind }

// A Kind is a way in which a message can be wrong. It is itself an error, so that errors.Is can be
// asked for it.
type Kind uint8

const (
	// ErrStatusLine: the status line is not one (RFC 9112, 4), or its code is below 100.
	ErrStatusLine Kind = iota + 1
	// ErrRequestLine: the request line is not a method, a target and a version with one space
	// between (RFC 9112, 3).
	ErrRequestLine
	// ErrVersion: the version is malformed or is not HTTP/1.x (RFC 9112, 2.3).
	ErrVersion
	// ErrMethod: the method is not a token (RFC 9110, 9.1).
	ErrMethod
	// ErrTarget: the request target is none of the four forms, or not one for its method
	// (RFC 9112, 3.2).
	ErrTarget
	// ErrPhrase: the reason phrase to be written holds a control character (RFC 9112, 4).
	ErrPhrase
	// ErrHost: Host is missing, there is more than one, or it is not a host and a port
	// (RFC 9112, 3.2).
	ErrHost
	// ErrEmptyLines: too many empty lines before a start line (RFC 9112, 2.2).
	ErrEmptyLines
	// ErrStartLineTooLong: Limits.StartLineBytes was exceeded.
	ErrStartLineTooLong
	// ErrHeadersTooLarge: Limits.HeaderBytes was exceeded.
	ErrHeadersTooLarge
	// ErrTooManyHeaders: Limits.HeaderCount was exceeded.
	ErrTooManyHeaders
	// ErrTooManyInformational: Limits.Informational was exceeded.
	ErrTooManyInformational
	// ErrHeaderName: a header's name is empty or not a token, has whitespace before its colon, or
	// has no colon (RFC 9112, 5.1).
	ErrHeaderName
	// ErrHeaderValue: a header's value holds NUL or another control character (RFC 9110, 5.5).
	ErrHeaderValue
	// ErrLineEnd: a CR without an LF after it, or, where that is not allowed, an LF without a CR
	// before it (RFC 9112, 2.2).
	ErrLineEnd
	// ErrFold: a header goes on in the next line where that is not allowed, or there is whitespace
	// before the first header (RFC 9112, 2.2 and 5.2).
	ErrFold
	// ErrContentLength: Content-Length is not a decimal number that fits 63 bits (RFC 9110, 8.6).
	ErrContentLength
	// ErrContentLengthsDiffer: Content-Length is there more than once, with different values
	// (RFC 9112, 6.3).
	ErrContentLengthsDiffer
	// ErrLengthAndCoding: both Content-Length and Transfer-Encoding are there (RFC 9112, 6.3).
	ErrLengthAndCoding
	// ErrTransferCoding: a transfer coding other than chunked, or chunked more than once, or any in
	// an HTTP/1.0 request (RFC 9112, 6.1 and 7).
	ErrTransferCoding
	// ErrChunkSize: the line before a chunk does not begin with a hexadecimal number that fits 63
	// bits, or does not end in CRLF (RFC 9112, 7.1).
	ErrChunkSize
	// ErrChunkExtension: a chunk extension holds a control character, or all of them exceed
	// Limits.ChunkExtensionBytes (RFC 9112, 7.1.1).
	ErrChunkExtension
	// ErrChunkEnd: a chunk's data is not followed by CRLF (RFC 9112, 7.1).
	ErrChunkEnd
	// ErrTrailersTooLarge: Limits.TrailerBytes was exceeded.
	ErrTrailersTooLarge
	// ErrNoResponse: the connection ended before the first byte of the response.
	ErrNoResponse
	// ErrPartialHead: the connection ended after the first byte of the message and before the end
	// of its head (RFC 9112, 8).
	ErrPartialHead
	// ErrPartialBody: the connection ended in the body, before what Content-Length or the chunks
	// said would be its end (RFC 9112, 8).
	ErrPartialBody
)

var kindTexts = [...]string{
	ErrStatusLine:           "malformed status line",
	ErrRequestLine:          "malformed request line",
	ErrVersion:              "unsupported HTTP version",
	ErrMethod:               "invalid method",
	ErrTarget:               "invalid request target",
	ErrPhrase:               "invalid reason phrase",
	ErrHost:                 "invalid Host",
	ErrEmptyLines:           "too many empty lines before the start line",
	ErrStartLineTooLong:     "start line too long",
	ErrHeadersTooLarge:      "headers too large",
	ErrTooManyHeaders:       "too many headers",
	ErrTooManyInformational: "too many informational responses",
	ErrHeaderName:           "invalid header name",
	ErrHeaderValue:          "invalid header value",
	ErrLineEnd:              "invalid line end",
	ErrFold:                 "line begins with whitespace",
	ErrContentLength:        "invalid Content-Length",
	ErrContentLengthsDiffer: "differing Content-Lengths",
	ErrLengthAndCoding:      "both Content-Length and Transfer-Encoding",
	ErrTransferCoding:       "unsupported transfer coding",
	ErrChunkSize:            "invalid chunk size",
	ErrChunkExtension:       "invalid chunk extension",
	ErrChunkEnd:             "chunk data not followed by CRLF",
	ErrTrailersTooLarge:     "trailers too large",
	ErrNoResponse:           "connection ended before the response",
	ErrPartialHead:          "connection ended within the head",
	ErrPartialBody:          "connection ended within the body",
}

// Error is what was wrong, in a few words.
func (k Kind) Error() string {
	if int(k) < len(kindTexts) && kindTexts[k] != "" {
		return "http1: " + kindTexts[k]
	}
	return "http1: Kind(" + strconv.Itoa(int(k)) + ")"
}

// Status is the status code with which a server answers a request that is wrong in this way
// (RFC 9110, 15.5 and 15.6; RFC 6585, 5).
func (k Kind) Status() int {
	switch k {
	case ErrStartLineTooLong:
		return http.StatusRequestURITooLong
	case ErrHeadersTooLarge, ErrTooManyHeaders, ErrTrailersTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge
	case ErrTransferCoding:
		return http.StatusNotImplemented
	case ErrVersion:
		return http.StatusHTTPVersionNotSupported
	}
	return http.StatusBadRequest
}

func errorf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// quote is a peer's text fit for a message: ASCII, escaped, and at most a line of it.
func quote[T string | []byte](text T) string {
	const most = 48
	if len(text) > most {
		return strconv.QuoteToASCII(string(text[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(text))
}
