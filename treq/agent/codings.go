package agent

// This file holds the content codings that there are decoders for. Opening one
// takes memory, so all of them are kept to be used again. Those for gzip and deflate
// are not the standard library's because these are 1.8 times as fast.

import (
	"bufio"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// A Decoder undoes one content coding (RFC 9110, section 8.4.1).
type Decoder struct {
	// Name is the name of the coding, as in Accept-Encoding and
	// Content-Encoding. An x- before it in a response makes no difference.
	Name string
	// Open returns a reader of what comes of the bytes that r gives, which ends
	// with io.EOF only when all of them have been read. It is read from one
	// goroutine, and closed when it is not read any more.
	//
	// r waits for bytes that have not come yet, and it, too, must be read only
	// from the goroutine that calls Open or the reader. It has a ReadByte.
	Open func(r io.Reader) (io.ReadCloser, error)
}

// The decoders. The servers that there are mostly know gzip and br.
var (
	// GzipDecoder undoes gzip (RFC 1952), of any number of members.
	GzipDecoder = Decoder{"gzip", openGzip}
	// DeflateDecoder undoes deflate: the zlib format (RFC 1950), and also what
	// many servers take it for, the bare deflate format (RFC 1951).
	DeflateDecoder = Decoder{"deflate", openDeflate}
	// BrotliDecoder undoes br (RFC 7932).
	BrotliDecoder = Decoder{"br", openBrotli}
	// ZstdDecoder undoes zstd (RFC 8878), with a window of no more than 8 MB, as
	// RFC 9659 has it.
	ZstdDecoder = Decoder{"zstd", openZstd}
)

// Decoders returns all of them, in the order that browsers name them.
func Decoders() []Decoder {
	return []Decoder{GzipDecoder, DeflateDecoder, BrotliDecoder, ZstdDecoder}
}

var gzips, deflates, brotlis, zstds sync.Pool

// A gzipReader reads one member after the other. A gzip.Reader can do that too,
// but keeps the end of one until the next begins.
type gzipReader struct {
	in *bufio.Reader
	gzip.Reader
	ended bool // the member has
}

func openGzip(r io.Reader) (io.ReadCloser, error) {
	z, ok := gzips.Get().(*gzipReader)
	if !ok {
		z = &gzipReader{in: bufio.NewReader(nil)}
	}
	z.in.Reset(r)
	z.ended = true
	return z, nil
}

func (z *gzipReader) Read(p []byte) (int, error) {
	for {
		if z.ended {
			if err := z.Reset(z.in); err != nil {
				return 0, err
			}
			z.Multistream(false)
		}
		n, err := z.Reader.Read(p)
		z.ended = err == io.EOF
		if z.ended {
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (z *gzipReader) Close() error {
	gzips.Put(z)
	return nil
}

// A deflateReader tells one format from the other by the first two bytes.
type deflateReader struct {
	in   *bufio.Reader
	zlib io.ReadCloser // nil before it is first used
	bare io.ReadCloser // likewise
	io.Reader
}

func openDeflate(r io.Reader) (io.ReadCloser, error) {
	z, ok := deflates.Get().(*deflateReader)
	if !ok {
		z = &deflateReader{in: bufio.NewReader(nil)}
	}
	z.in.Reset(r)
	if err := z.open(); err != nil {
		deflates.Put(z)
		return nil, err
	}
	return z, nil
}

func (z *deflateReader) open() (err error) {
	head, err := z.in.Peek(2)
	switch {
	case len(head) == 0:
		return err
	case len(head) < 2 || !isZlib(head[0], head[1]):
		z.bare, err = reset(z.bare, z.in, func() (io.ReadCloser, error) { return flate.NewReader(z.in), nil })
		z.Reader = z.bare
	default:
		z.zlib, err = reset(z.zlib, z.in, func() (io.ReadCloser, error) { return zlib.NewReader(z.in) })
		z.Reader = z.zlib
	}
	return err
}

// isZlib reports whether the first two bytes are a header of RFC 1950, section
// 2.2. No bare deflate begins so: it would be a stored block with bits set that
// are to be zero.
func isZlib(cmf, flg byte) bool {
	return cmf&0x0f == 8 && cmf>>4 <= 7 && (uint(cmf)<<8|uint(flg))%31 == 0
}

// reset has old, or a new reader if that is nil, read from in. What it returns is
// to be the old one next time, even if it failed.
func reset(old io.ReadCloser, in io.Reader, open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	if old == nil {
		r, err := open()
		if err != nil {
			return nil, err // r may be a nil pointer
		}
		return r, nil
	}
	return old, old.(flate.Resetter).Reset(in, nil)
}

func (z *deflateReader) Read(p []byte) (int, error) {
	n, err := z.Reader.Read(p)
	switch {
	case err != io.EOF:
	case n > 0:
		return n, nil // without waiting for what comes after it
	default:
		if _, more := z.in.Peek(1); more == nil {
			err = ErrTrailingData
		}
	}
	return n, err
}

func (z *deflateReader) Close() error {
	deflates.Put(z)
	return nil
}

type brotliReader struct{ brotli.Reader }

func openBrotli(r io.Reader) (io.ReadCloser, error) {
	z, ok := brotlis.Get().(*brotliReader)
	if !ok {
		z = new(brotliReader)
	}
	return z, z.Reset(r)
}

func (z *brotliReader) Close() error {
	brotlis.Put(z)
	return nil
}

const maxZstdWindow = 8 << 20

type zstdReader struct{ *zstd.Decoder }

func openZstd(r io.Reader) (io.ReadCloser, error) {
	if z, ok := zstds.Get().(*zstdReader); ok {
		return z, z.Reset(r)
	}
	// With a concurrency of 1 it starts no goroutine.
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow))
	return &zstdReader{d}, err
}

func (z *zstdReader) Close() error {
	zstds.Put(z)
	return nil
}
