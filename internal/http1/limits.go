package http1

// This file holds how much a peer may send before it is refused. What each limit guards against is
// said here; what happens at the limit is with the reader's code.

import "cmp"

// Limits bounds the parts of a message that are not its body. A field that is zero stands for its
// default; math.MaxInt lifts a limit.
type Limits struct {
	// StartLineBytes bounds the status line or request line with its line end. Default 16 KiB.
	StartLineBytes int
	// HeaderBytes bounds the header section, from the first header to the empty line that ends
	// it, both included. Default 128 KiB.
	HeaderBytes int
	// HeaderCount bounds the lines of a header section, and those of a trailer section.
	// Default 512.
	HeaderCount int
	// TrailerBytes bounds the trailer section of a chunked body. Default 16 KiB.
	TrailerBytes int
	// ChunkExtensionBytes bounds the chunk extensions of one body, all added up. Default 16 KiB.
	ChunkExtensionBytes int
	// Informational bounds the interim responses before a response. Default 64.
	Informational int
}

func (l *Limits) startLineBytes() int      { return cmp.Or(l.StartLineBytes, 16<<10) }
func (l *Limits) headerBytes() int         { return cmp.Or(l.HeaderBytes, 128<<10) }
func (l *Limits) headerCount() int         { return cmp.Or(l.HeaderCount, 512) }
func (l *Limits) trailerBytes() int        { return cmp.Or(l.TrailerBytes, 16<<10) }
func (l *Limits) chunkExtensionBytes() int { return cmp.Or(l.ChunkExtensionBytes, 16<<10) }
func (l *Limits) informational() int       { return cmp.Or(l.Informational, 64) }

const (
	// maxEmptyLines is how many empty lines are skipped before a start line. RFC 9112, 2.2 asks
	// for at least one; a peer that sends nothing else must not go on for ever.
	maxEmptyLines = 16
	// maxChunkSizeDigits is what an int64 has in hexadecimal; more can only be leading zeros or
	// too much.
	maxChunkSizeDigits = 16
	// judgedAfter is after how many bytes without a line end a start line is judged: garbage from
	// a peer that speaks another protocol is told at once, with enough of it to quote.
	judgedAfter = 16
	// keptBuffer is the largest buffer kept for the connection's next message. A connection that
	// waits should cost little.
	keptBuffer = 2 << 10
)
