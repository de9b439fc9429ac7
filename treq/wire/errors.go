package wire

import "net/http"

// An Error reports a message that breaks HTTP. errors.Is finds its Kind:
//
//	errors.Is(err, wire.ErrChunkSize)
//
// After an Error from reading, the connection is useless: the beginning of the next
// message is unknown.
type Error struct {
	Kind Kind
	// Detail says what is wrong and where. It quotes the peer's bytes, escaped and
	// shortened.
	Detail string
	// Begin has the first bytes, at most 16, of something that is no message of
	// HTTP/1.x, as they came. They tell which protocol the peer speaks. Begin is
	// empty in every other error.
	Begin string
}

// Error returns the text of the kind and the detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Kind)
	}
	return string(e.Kind) + ": " + e.Detail
}

// Unwrap returns the Kind, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Kind }

// A Kind is one way in which a message can be wrong. A Kind is itself an error, and its
// value is its text. The text may change from version to version: compare with the
// constants.
type Kind string

// Error returns the text of the kind.
func (k Kind) Error() string { return string(k) }

// Status returns the status code with which a server answers a request with this error
// (RFC 9110, sections 15.5 and 15.6; RFC 6585, section 5).
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

// Kinds of errors in a request.
const (
	// ErrMethod: the method is not a token (RFC 9110, section 9.1).
	ErrMethod Kind = "invalid method"
	// ErrTarget: the request target has none of the four forms, or not the form for
	// its method, or the URL holds a byte that cannot be in a request line (RFC 9112,
	// section 3.2).
	ErrTarget Kind = "invalid request target"
	// ErrHost: Host is missing, repeated, or not a host and a port (RFC 9112, section
	// 3.2).
	ErrHost Kind = "invalid Host"
	// ErrRequestLine: the request line is not a method, a target and a version,
	// separated by one space each (RFC 9112, section 3).
	ErrRequestLine Kind = "malformed request line"
)

// Kinds of errors in a response.
const (
	// ErrStatusLine: the status line is malformed, or its code is not 100 to 999 (RFC
	// 9112, section 4).
	ErrStatusLine Kind = "malformed status line"
	// ErrPhrase: the reason phrase to be written holds a control character (RFC 9112,
	// section 4).
	ErrPhrase Kind = "invalid reason phrase"
	// ErrTooManyInformational: the response exceeds Limits.Informational.
	ErrTooManyInformational Kind = "too many informational responses"
	// ErrNoResponse: the connection ended before the first byte of the response.
	ErrNoResponse Kind = "connection ended before the response"
)

// Kinds of errors in a head.
const (
	// ErrVersion: the version is malformed or is not HTTP/1.x (RFC 9112, section
	// 2.3).
	ErrVersion Kind = "unsupported HTTP version"
	// ErrEmptyLines: too many empty lines come before the start line (RFC 9112,
	// section 2.2).
	ErrEmptyLines Kind = "too many empty lines before the start line"
	// ErrLineEnd: a CR without an LF after it; in a request, also an LF without a CR
	// before it (RFC 9112, section 2.2).
	ErrLineEnd Kind = "invalid line end"
	// ErrFold: whitespace before the first header; in a request, also a header that
	// continues on the next line (RFC 9112, sections 2.2 and 5.2).
	ErrFold Kind = "line begins with whitespace"
	// ErrHeaderName: a header has no colon, or its name holds NUL or CR; in a
	// request, and in what is written, also a name that is empty, is not a token or
	// has whitespace before its colon (RFC 9112, section 5.1).
	ErrHeaderName Kind = "invalid header name"
	// ErrHeaderValue: the value of a header holds NUL; in a request, and in what is
	// written, also another control character (RFC 9110, section 5.5).
	ErrHeaderValue Kind = "invalid header value"
	// ErrStartLineTooLong: the message exceeds Limits.StartLineBytes.
	ErrStartLineTooLong Kind = "start line too long"
	// ErrHeadersTooLarge: the message exceeds Limits.HeaderBytes.
	ErrHeadersTooLarge Kind = "headers too large"
	// ErrTooManyHeaders: the message exceeds Limits.HeaderCount.
	ErrTooManyHeaders Kind = "too many headers"
	// ErrPartialHead: the connection ended within the head (RFC 9112, section 8).
	ErrPartialHead Kind = "connection ended within the head"
)

// Kinds of errors in the length of a body.
const (
	// ErrContentLength: Content-Length is not a decimal number of at most 63 bits
	// (RFC 9110, section 8.6); or, in HTTP/2, more content came than it says (RFC 9113,
	// section 8.1.1).
	ErrContentLength Kind = "invalid Content-Length"
	// ErrContentLengthsDiffer: Content-Length is repeated with different values (RFC
	// 9112, section 6.3).
	ErrContentLengthsDiffer Kind = "differing Content-Lengths"
	// ErrLengthAndCoding: the request has both Content-Length and Transfer-Encoding
	// (RFC 9112, section 6.3).
	ErrLengthAndCoding Kind = "both Content-Length and Transfer-Encoding"
	// ErrTransferCoding: the transfer coding is not chunked, exactly once, or in a
	// response identity; or an HTTP/1.0 request has a transfer coding (RFC 9112,
	// sections 6.1 and 7).
	ErrTransferCoding Kind = "unsupported transfer coding"
)

// Kinds of errors in a body.
const (
	// ErrChunkSize: the line before a chunk does not begin with a hexadecimal number
	// of at most 63 bits, or has a CR without an LF, or in a request an LF without a
	// CR (RFC 9112, section 7.1).
	ErrChunkSize Kind = "invalid chunk size"
	// ErrChunkExtension: a chunk extension holds NUL, or in a request another control
	// character, or all extensions of a body together exceed
	// Limits.ChunkExtensionBytes (RFC 9112, section 7.1.1).
	ErrChunkExtension Kind = "invalid chunk extension"
	// ErrChunkEnd: no CRLF, nor in a response an LF, follows the data of a chunk (RFC
	// 9112, section 7.1).
	ErrChunkEnd Kind = "chunk data not followed by CRLF"
	// ErrTrailersTooLarge: the trailers exceed Limits.TrailerBytes.
	ErrTrailersTooLarge Kind = "trailers too large"
	// ErrPartialBody: the connection, or in HTTP/2 the stream, ended in the body, before
	// the end that Content-Length or the chunks announce (RFC 9112, section 8; RFC 9113,
	// section 8.1.1).
	ErrPartialBody Kind = "connection ended within the body"
)
