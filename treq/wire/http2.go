package wire

import (
	"fmt"
	"strconv"
)

// This file has the errors of HTTP/2: of a connection, and of one stream of it.

// A Code is an error code of HTTP/2, which tells a peer why a stream or a connection ends (RFC 9113, section 7).
// A Code is itself an error, so that errors.Is finds it in a [StreamError] and a [ConnectionError].
type Code uint32

// The error codes of RFC 9113, section 7.
const (
	NoError            Code = 0x0
	ProtocolError      Code = 0x1
	InternalError      Code = 0x2
	FlowControlError   Code = 0x3
	SettingsTimeout    Code = 0x4
	StreamClosed       Code = 0x5
	FrameSizeError     Code = 0x6
	RefusedStream      Code = 0x7
	Cancel             Code = 0x8
	CompressionError   Code = 0x9
	ConnectError       Code = 0xa
	EnhanceYourCalm    Code = 0xb
	InadequateSecurity Code = 0xc
	HTTP11Required     Code = 0xd
)

var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// String returns the name of the code in RFC 9113.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "error code " + strconv.FormatUint(uint64(c), 10)
}

// Error returns the name of the code.
func (c Code) Error() string { return c.String() }

// A StreamError ended one stream of an HTTP/2 connection, which is one request with its response (RFC 9113, section
// 5.4.2). Other streams go on. errors.Is finds its Code and its Kind.
type StreamError struct {
	Stream uint32 // the number of the stream
	Code   Code
	Kind   Kind // what the peer did wrong; "" if the peer ended the stream
	Detail string
	Remote bool // the peer ended the stream
	// NotProcessed says that the server surely did nothing with the request: its code is RefusedStream, or its GOAWAY
	// left the stream out (RFC 9113, section 8.7). It may be sent again, whatever its method is.
	NotProcessed bool
}

func (e *StreamError) Error() string {
	who := "stream"
	if e.Remote {
		who = "the peer reset stream"
	}
	return fmt.Sprintf("%s %d: %v%s", who, e.Stream, e.Code, detail(e.Kind, e.Detail))
}

// Unwrap returns the code, and the kind if there is one.
func (e *StreamError) Unwrap() []error { return unwrapped(e.Code, e.Kind) }

// A ConnectionError ended an HTTP/2 connection with all its streams (RFC 9113, section 5.4.1). errors.Is finds its
// Code and its Kind.
type ConnectionError struct {
	Code   Code
	Kind   Kind // what the peer did wrong; "" if the peer ended the connection
	Detail string
	Remote bool // the peer ended the connection, by GOAWAY
}

func (e *ConnectionError) Error() string {
	who := "the HTTP/2 connection failed"
	if e.Remote {
		who = "the peer ended the HTTP/2 connection"
	}
	return fmt.Sprintf("%s: %v%s", who, e.Code, detail(e.Kind, e.Detail))
}

// Unwrap returns the code, and the kind if there is one.
func (e *ConnectionError) Unwrap() []error { return unwrapped(e.Code, e.Kind) }

func detail(kind Kind, detail string) string {
	text := ""
	if kind != "" {
		text = ", " + string(kind)
	}
	if detail != "" {
		text += ": " + detail
	}
	return text
}

func unwrapped(code Code, kind Kind) []error {
	if kind == "" {
		return []error{code}
	}
	return []error{code, kind}
}

// Kinds of errors of HTTP/2 only. The kinds of messages in general apply as well: a request over HTTP/2 can have an
// invalid method, too.
const (
	// ErrPreface: what the peer sent first is not the connection preface of HTTP/2 (RFC 9113, section 3.4).
	ErrPreface Kind = "invalid connection preface"
	// ErrFrameSize: a frame is larger than what was announced, or has not the size of its type (RFC 9113, section
	// 4.2).
	ErrFrameSize Kind = "invalid frame size"
	// ErrFrame: a frame is not allowed here, or a part of it is invalid: its padding, its stream, a number in it
	// (RFC 9113, section 6).
	ErrFrame Kind = "invalid frame"
	// ErrStreamState: a frame is not allowed in the state of its stream (RFC 9113, section 5.1).
	ErrStreamState Kind = "frame in a wrong state of its stream"
	// ErrFlowControl: the peer sent more than its window, or a window grew too large (RFC 9113, section 6.9).
	ErrFlowControl Kind = "flow control violated"
	// ErrSettings: the value of a setting is not allowed (RFC 9113, section 6.5.2).
	ErrSettings Kind = "invalid setting"
	// ErrHeaderBlock: a header block cannot be decompressed (RFC 9113, section 4.3; RFC 7541).
	ErrHeaderBlock Kind = "malformed header block"
	// ErrPseudoHeader: a pseudo-header is missing, repeated, unknown, or not before the headers (RFC 9113, section 8.3).
	ErrPseudoHeader Kind = "invalid pseudo-header"
	// ErrConnectionHeader: a header is about the connection, such as Connection or Transfer-Encoding (RFC 9113, section
	// 8.2.2).
	ErrConnectionHeader Kind = "connection-specific header"
	// ErrFlood: the peer sent too much that does no work, such as PINGs, empty frames and cancelled streams (RFC 9113,
	// section 10.5).
	ErrFlood Kind = "too much traffic that does no work"
	// ErrPartialFrame: the connection ended within a frame.
	ErrPartialFrame Kind = "connection ended within a frame"
)
