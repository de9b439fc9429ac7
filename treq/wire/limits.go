package wire

import "cmp"

// Limits bounds the size of the parts of a message, except its body. 0 means the default;
// math.MaxInt removes a limit.
type Limits struct {
	// StartLineBytes bounds the request line or status line, line end included; over
	// HTTP/2, the path of a request. Default 16 KiB.
	StartLineBytes int
	// HeaderBytes bounds the headers, the empty line after them included. Over HTTP/2,
	// it bounds the head as RFC 9113, section 6.5.2, counts it: each header has 32 bytes
	// more than its name and value. Default 128 KiB.
	HeaderBytes int
	// HeaderCount bounds the number of header lines, and of trailer lines. Default
	// 512.
	HeaderCount int
	// TrailerBytes bounds the trailers, counted as HeaderBytes counts. Default 16 KiB.
	TrailerBytes int
	// ChunkExtensionBytes bounds all chunk extensions of one body together. Default
	// 16 KiB.
	ChunkExtensionBytes int
	// Informational bounds the number of 1xx responses before a response. Default 64.
	Informational int
}

// OrDefault returns l with the default in place of each zero.
func (l Limits) OrDefault() Limits {
	return Limits{
		StartLineBytes:      cmp.Or(l.StartLineBytes, 16<<10),
		HeaderBytes:         cmp.Or(l.HeaderBytes, 128<<10),
		HeaderCount:         cmp.Or(l.HeaderCount, 512),
		TrailerBytes:        cmp.Or(l.TrailerBytes, 16<<10),
		ChunkExtensionBytes: cmp.Or(l.ChunkExtensionBytes, 16<<10),
		Informational:       cmp.Or(l.Informational, 64),
	}
}
