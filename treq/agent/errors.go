package agent

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/internal/http1"
)

// This file holds the names of what can be wrong with a message on the wire, and how
// much of one there may be.

// A ProtocolError says that a response is not HTTP/1.1 as RFC 9112 has it, or that a
// request cannot be written as that: its Kind says in which way, and its Detail what
// was found where. errors.Is finds the Kind:
//
//	errors.Is(err, agent.ErrContentLengthsDiffer)
//
// What the server sent is the reason in a [*response.FailedError], and its connection
// is not used again. What cannot be written is the reason in a [*RequestError], and
// nothing was sent.
type ProtocolError = http1.Error

// A ProtocolErrorKind is a way in which a message can be wrong, itself an error.
type ProtocolErrorKind = http1.Kind

// The kinds of a [ProtocolError] for a request that cannot be written.
const (
	// ErrMethod: the method is not a token (RFC 9110, section 9.1).
	ErrMethod = http1.ErrMethod
	// ErrTarget: the URL has a byte that cannot be on the request line (RFC 9112,
	// section 3.2).
	ErrTarget = http1.ErrTarget
	// ErrHost: Host is there twice, or is not a host and a port (RFC 9112, section
	// 3.2).
	ErrHost = http1.ErrHost
)

// The kinds of a [ProtocolError] for requests and responses.
const (
	// ErrHeaderName: a header's name is empty or not a token, has whitespace before its
	// colon, or no colon (RFC 9112, section 5.1).
	ErrHeaderName = http1.ErrHeaderName
	// ErrHeaderValue: a header's value has a CR, LF, NUL or another control character
	// in it (RFC 9110, section 5.5).
	ErrHeaderValue = http1.ErrHeaderValue
)

// The kinds of a [ProtocolError] for a response.
const (
	// ErrStatusLine: the status line is not one (RFC 9112, section 4).
	ErrStatusLine = http1.ErrStatusLine
	// ErrVersion: the version is not HTTP/1.x (RFC 9112, section 2.3).
	ErrVersion = http1.ErrVersion
	// ErrEmptyLines: there are too many empty lines before the status line (RFC 9112,
	// section 2.2).
	ErrEmptyLines = http1.ErrEmptyLines
	// ErrStartLineTooLong: [Limits].StartLineBytes was exceeded.
	ErrStartLineTooLong = http1.ErrStartLineTooLong
	// ErrHeadersTooLarge: [Limits].HeaderBytes was exceeded.
	ErrHeadersTooLarge = http1.ErrHeadersTooLarge
	// ErrTooManyHeaders: [Limits].HeaderCount was exceeded.
	ErrTooManyHeaders = http1.ErrTooManyHeaders
	// ErrTooManyInformational: [Limits].Informational was exceeded.
	ErrTooManyInformational = http1.ErrTooManyInformational
	// ErrLineEnd: a CR without an LF after it (RFC 9112, section 2.2).
	ErrLineEnd = http1.ErrLineEnd
	// ErrFold: there is whitespace before the first header (RFC 9112, section 2.2).
	ErrFold = http1.ErrFold
	// ErrContentLength: Content-Length is not a decimal number that fits 63 bits (RFC
	// 9110, section 8.6).
	ErrContentLength = http1.ErrContentLength
	// ErrContentLengthsDiffer: there are Content-Lengths that differ (RFC 9112, section
	// 6.3).
	ErrContentLengthsDiffer = http1.ErrContentLengthsDiffer
	// ErrLengthAndCoding: there are Content-Length and Transfer-Encoding (RFC 9112,
	// section 6.3).
	ErrLengthAndCoding = http1.ErrLengthAndCoding
	// ErrTransferCoding: a transfer coding is not chunked, or is that more than once
	// (RFC 9112, section 6.1).
	ErrTransferCoding = http1.ErrTransferCoding
	// ErrChunkSize: a chunk does not begin with its size (RFC 9112, section 7.1).
	ErrChunkSize = http1.ErrChunkSize
	// ErrChunkExtension: a chunk extension has a control character in it, or all of
	// them exceed [Limits].ChunkExtensionBytes (RFC 9112, section 7.1.1).
	ErrChunkExtension = http1.ErrChunkExtension
	// ErrChunkEnd: a chunk is longer than its size (RFC 9112, section 7.1).
	ErrChunkEnd = http1.ErrChunkEnd
	// ErrTrailersTooLarge: [Limits].TrailerBytes was exceeded.
	ErrTrailersTooLarge = http1.ErrTrailersTooLarge
	// ErrNoResponse: the connection ended before the first byte of the response.
	ErrNoResponse = http1.ErrNoResponse
	// ErrPartialHead: the connection ended within the head of the response (RFC 9112,
	// section 8).
	ErrPartialHead = http1.ErrPartialHead
	// ErrPartialBody: the connection ended before what Content-Length or the chunks said
	// would be the end of the body (RFC 9112, section 8).
	ErrPartialBody = http1.ErrPartialBody
)

// ErrNotUpgraded says that the server switched to another protocol, with a 101, which
// the request had not asked for. It is the reason in a [*response.FailedError].
var ErrNotUpgraded = errors.New("the server switched to another protocol, which was not asked for")

// Limits bound how much a server may send beside bodies. A field that is zero stands
// for its default; math.MaxInt lifts a limit.
//
//	StartLineBytes       the status line                        16 KiB
//	HeaderBytes          all headers of a response              128 KiB
//	HeaderCount          how many those are                     512
//	TrailerBytes         the trailers of a chunked body         16 KiB
//	ChunkExtensionBytes  all chunk extensions of a body         16 KiB
//	Informational        how many 1xx come before a response    64
type Limits = http1.Limits

// WithLimits has the agent's connections hold servers to limits. How much may come of
// a coded body is for a [ContentDecoderAgent] to say.
func WithLimits(limits Limits) Option { return func(a *Agent) { a.limits = limits } }
