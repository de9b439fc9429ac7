package web

import (
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// This file has the content codings of responses. A writer needs much memory, so pools keep
// the writers for reuse.

// An Encoder writes one content coding (RFC 9110, section 8.4.1). It is Twisted's
// GzipEncoderFactory.
type Encoder struct {
	// Name is the coding's name in Accept-Encoding and Content-Encoding, in lower case.
	Name string
	// Open returns a writer that writes the coded form of what is written to it to w. It
	// may keep bytes back until Flush or Close. Close is always called in the end. All
	// calls come from the goroutine of the reactor, which waits for them.
	Open func(w io.Writer) EncodingWriter
}

// An EncodingWriter writes the coded form of a body.
type EncodingWriter interface {
	io.WriteCloser
	// Flush writes what was kept back, so that everything up to here can be decoded.
	Flush() error
}

// The encoders, with the levels that suit responses made for one request each: in the time
// of one KiB of network, they save most of what can be saved.
var (
	// GzipEncoder writes gzip (RFC 1952), at level 5.
	GzipEncoder = Encoder{"gzip", openGzip}
	// BrotliEncoder writes br (RFC 7932), at level 4 with a window of 256 KiB.
	BrotliEncoder = Encoder{"br", openBrotli}
	// ZstdEncoder writes zstd (RFC 8878), at its fastest level with a window of 256 KiB.
	ZstdEncoder = Encoder{"zstd", openZstd}
)

var defaultEncoders = []Encoder{ZstdEncoder, BrotliEncoder, GzipEncoder}

const encoderWindow = 18 // the window's size in bits

var gzips, brotlis, zstds sync.Pool

type gzipWriter struct{ *gzip.Writer }

func openGzip(w io.Writer) EncodingWriter {
	z, ok := gzips.Get().(*gzip.Writer)
	if ok {
		z.Reset(w)
	} else {
		z, _ = gzip.NewWriterLevel(w, 5) // the level is valid
	}
	return gzipWriter{z}
}

func (w gzipWriter) Close() error {
	err := w.Writer.Close()
	w.Reset(io.Discard) // lets go of the response
	gzips.Put(w.Writer)
	return err
}

type brotliWriter struct{ *brotli.Writer }

func openBrotli(w io.Writer) EncodingWriter {
	z, ok := brotlis.Get().(*brotli.Writer)
	if ok {
		z.Reset(w)
	} else {
		z = brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 4, LGWin: encoderWindow})
	}
	return brotliWriter{z}
}

func (w brotliWriter) Close() error {
	err := w.Writer.Close()
	w.Reset(io.Discard)
	brotlis.Put(w.Writer)
	return err
}

type zstdWriter struct{ *zstd.Encoder }

func openZstd(w io.Writer) EncodingWriter {
	z, ok := zstds.Get().(*zstd.Encoder)
	if ok {
		z.Reset(w)
	} else {
		// One at a time means: no goroutine. The options are valid.
		z, _ = zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<encoderWindow), zstd.WithLowerEncoderMem(true))
	}
	return zstdWriter{z}
}

func (w zstdWriter) Close() error {
	err := w.Encoder.Close()
	w.Reset(io.Discard)
	zstds.Put(w.Encoder)
	return err
}
