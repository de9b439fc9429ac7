package agent

// This file has the decoders of content codings. A reader needs much memory, so pools
// keep the readers for reuse. The readers for gzip and deflate are 1.8 times as fast as
// the standard library's.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// A Decoder decodes one content coding (RFC 9110, section 8.4.1).
type Decoder struct {
	// Name is the coding's name in Accept-Encoding and Content-Encoding. In a
	// response, a prefix x- is ignored.
	Name string
	// Open returns a reader of the decoded form of r. The reader returns io.EOF only
	// when it has read all of r. One goroutine at a time reads from it, and closes it
	// in the end.
	//
	// A Read of r waits until a byte is received. Only Open and the reader's methods
	// may read from r, and only on the goroutine that called them, before they
	// return. r is an [io.ByteReader].
	Open func(r io.Reader) (io.ReadCloser, error)
}

// The decoders. Most servers know gzip and br. Some servers send bytes after the end of a
// coded body, such as a line end or the padding of a file: these decoders ignore them, as
// browsers do. After 256 KiB of them the body ends, and its connection is closed: the server
// might send them for ever. For the same reason a body fails if 1 MiB of it, such as empty
// members, decodes to nothing.
var (
	// GzipDecoder decodes gzip (RFC 1952), with any number of members.
	GzipDecoder = Decoder{"gzip", openGzip}
	// DeflateDecoder decodes deflate: the zlib format (RFC 1950), and the bare deflate
	// format (RFC 1951), which many servers send instead.
	DeflateDecoder = Decoder{"deflate", openDeflate}
	// BrotliDecoder decodes br (RFC 7932).
	BrotliDecoder = Decoder{"br", openBrotli}
	// ZstdDecoder decodes zstd (RFC 8878), with any number of frames, and with a window
	// of at most 8 MB (RFC 9659).
	ZstdDecoder = Decoder{"zstd", openZstd}
)

// Decoders returns all decoders, in the order in which browsers name them.
func Decoders() []Decoder {
	return []Decoder{GzipDecoder, DeflateDecoder, BrotliDecoder, ZstdDecoder}
}

var gzips, deflates, brotlis, zstds sync.Pool

// members reads a coded body that has one compressed member after another.
type members struct {
	source barren
	in     *bufio.Reader
	ended  bool // no member is being read
	first  bool // no member has been read
}

func newMembers() members { return members{in: bufio.NewReader(nil)} }

// open begins to read r.
func (m *members) open(r io.Reader) {
	m.source = barren{Reader: r}
	m.in.Reset(&m.source)
	m.ended, m.first = true, true
}

// read reads from decoder, which decodes one member. next begins the next member.
func (m *members) read(p []byte, decoder io.Reader, next func() error) (int, error) {
	for {
		if m.ended {
			if err := next(); err != nil {
				return 0, err
			}
		}
		n, err := m.source.decoded(decoder.Read(p))
		m.ended = err == io.EOF
		if m.ended {
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// A gzipReader reads one member after another. A gzip.Reader does so too, but does not
// report the end of a member before the next member begins, and fails if other bytes
// follow.
type gzipReader struct {
	members
	gzip.Reader
}

const gzipMagic = "\x1f\x8b\x08"

func openGzip(r io.Reader) (io.ReadCloser, error) {
	z, ok := gzips.Get().(*gzipReader)
	if !ok {
		z = &gzipReader{members: newMembers()}
	}
	z.open(r)
	return z, nil
}

func (z *gzipReader) Read(p []byte) (int, error) { return z.read(p, &z.Reader, z.next) }

// next begins the next member.
func (z *gzipReader) next() error {
	head, err := z.in.Peek(len(gzipMagic))
	switch {
	case z.first && len(head) == 0:
		return err
	case !z.first && string(head) != gzipMagic:
		return skipRest(z.in, err, head, gzipMagic)
	}
	z.first = false
	err = z.Reset(z.in)
	if err == io.EOF { // within the name or the comment
		return io.ErrUnexpectedEOF
	}
	z.Multistream(false)
	return err
}

func (z *gzipReader) Close() error {
	gzips.Put(z)
	return nil
}

// skipRest returns the error, usually io.EOF, after the end of a coded body. head is what
// follows: all there is if err is not nil. skipRest reads the rest of in, unless head is
// the beginning of something that starts with magic and is cut short.
func skipRest(in io.Reader, err error, head []byte, magic string) error {
	switch {
	case err != nil && err != io.EOF:
		return err
	case err != nil && len(head) != 0 && strings.HasPrefix(magic, string(head)):
		return io.ErrUnexpectedEOF
	}
	if _, err := io.CopyN(io.Discard, in, maxTail); err != nil {
		return err
	}
	return errTail
}

// maxTail bounds the bytes after the end of a coded body, and errTail says that there are
// more. maxBarren bounds the bytes that decode to nothing.
const (
	maxTail   = 256 << 10
	maxBarren = 1 << 20
)

var (
	errTail   = errors.New("very many bytes follow the coded body")
	errBarren = fmt.Errorf("%d bytes decoded to nothing", maxBarren)
)

// A barren reader reads a coded body. It fails after maxBarren bytes without a decoded one.
type barren struct {
	io.Reader
	n int // bytes read since the last decoded one
}

func (b *barren) Read(p []byte) (int, error) {
	if b.n >= maxBarren {
		return 0, errBarren
	}
	n, err := b.Reader.Read(p)
	b.n += n
	return n, err
}

// decoded returns n and err, the results of a Read. Bytes that were decoded begin a new count.
func (b *barren) decoded(n int, err error) (int, error) {
	if n > 0 {
		b.n = 0
	}
	return n, err
}

// A deflateReader tells the zlib format from the bare one by the first two bytes.
type deflateReader struct {
	source barren
	in     *bufio.Reader
	zlib   io.ReadCloser // nil before its first use
	bare   io.ReadCloser // nil before its first use
	io.Reader
}

func openDeflate(r io.Reader) (io.ReadCloser, error) {
	z, ok := deflates.Get().(*deflateReader)
	if !ok {
		z = &deflateReader{in: bufio.NewReader(nil)}
	}
	z.source = barren{Reader: r}
	z.in.Reset(&z.source)
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

// isZlib reports whether the first two bytes are a zlib header (RFC 1950, section 2.2).
// No encoder begins a bare deflate body with such bytes: they would mean a stored block
// with padding other than zero.
func isZlib(cmf, flg byte) bool {
	return cmf&0x0f == 8 && cmf>>4 <= 7 && (uint(cmf)<<8|uint(flg))%31 == 0
}

// reset makes old, or a new reader if old is nil, read from in. The caller passes the
// result as old the next time, even if reset fails.
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
	n, err := z.source.decoded(z.Reader.Read(p))
	switch {
	case err != io.EOF:
	case n > 0:
		return n, nil // skipRest might wait for more
	default:
		err = skipRest(z.in, nil, nil, "")
	}
	return n, err
}

func (z *deflateReader) Close() error {
	deflates.Put(z)
	return nil
}

// A brotliReader takes no bytes at all for an empty body.
type brotliReader struct {
	brotli.Reader
	in    barren
	any   bool // a byte was read from in
	ended bool // bytes follow the end of the body
}

func openBrotli(r io.Reader) (io.ReadCloser, error) {
	z, ok := brotlis.Get().(*brotliReader)
	if !ok {
		z = new(brotliReader)
	}
	z.in, z.any, z.ended = barren{Reader: r}, false, false
	return z, z.Reset(brotliSource{z})
}

// errAfterBrotli returns the error of a brotli.Reader for bytes after the end, which
// package brotli does not export.
func errAfterBrotli() error {
	const emptyBody = "\x06"
	_, err := brotli.NewReader(strings.NewReader(emptyBody + "after")).Read(make([]byte, 1))
	return err
}

func (z *brotliReader) Read(p []byte) (int, error) {
	if z.ended {
		return 0, skipRest(&z.in, nil, nil, "")
	}
	n, err := z.in.decoded(z.Reader.Read(p))
	switch {
	case err == nil || err == io.EOF:
	case err == io.ErrUnexpectedEOF && !z.any:
		err = io.EOF
	case err == errAfterBrotli():
		z.ended, err = true, nil
	}
	return n, err
}

// A brotliSource is what the brotli.Reader in a brotliReader reads.
type brotliSource struct{ *brotliReader }

func (s brotliSource) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	s.any = s.any || n > 0
	return n, err
}

func (z *brotliReader) Close() error {
	brotlis.Put(z)
	return nil
}
