package agent

// This file decodes zstd. It finds the end of each frame (RFC 8878, section 3.1), because
// the zstd package does not tell other bytes after the last frame from an error in it.

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/zstd"
)

const maxZstdWindow = 8 << 20

const (
	zstdMagic      = "\x28\xb5\x2f\xfd"
	skippableMagic = "\x2a\x4d\x18" // after a byte from 0x50 to 0x5f
	magicLen       = len(zstdMagic)
)

// A zstdReader decodes one frame after another.
type zstdReader struct {
	members
	*zstd.Decoder
	frame zstdFrame
}

func openZstd(r io.Reader) (io.ReadCloser, error) {
	z, ok := zstds.Get().(*zstdReader)
	if !ok {
		// With a concurrency of 1 the decoder starts no goroutine.
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, err
		}
		z = &zstdReader{members: newMembers(), Decoder: d}
	}
	z.open(r)
	return z, nil
}

func (z *zstdReader) Read(p []byte) (int, error) { return z.read(p, z.Decoder, z.next) }

// next begins the next frame. It skips skippable frames.
func (z *zstdReader) next() error {
	for {
		magic, err := z.in.Peek(magicLen)
		switch {
		case err == nil && magic[0]&0xf0 == 0x50 && string(magic[1:]) == skippableMagic:
			z.first = false
			if err := z.skip(); err != nil {
				return err
			}
			continue
		case z.first && len(magic) == 0:
			return err
		case !z.first && string(magic) != zstdMagic:
			return skipRest(z.in, err, magic, zstdMagic)
		}
		z.ended, z.first = false, false
		z.frame = zstdFrame{in: z.in}
		return z.Reset(&z.frame)
	}
}

// skip reads a skippable frame.
func (z *zstdReader) skip() error {
	head, err := z.in.Peek(magicLen + 4)
	if err == nil {
		size := int64(head[4]) | int64(head[5])<<8 | int64(head[6])<<16 | int64(head[7])<<24
		_, err = io.CopyN(io.Discard, z.in, int64(len(head))+size)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (z *zstdReader) Close() error {
	zstds.Put(z)
	return nil
}

// A zstdFrame reads the bytes of one frame. It does not check them: the decoder does.
type zstdFrame struct {
	in       *bufio.Reader
	left     int   // bytes of the current part
	begun    bool  // the header was read
	last     bool  // the last block was read
	checksum bool  // a checksum follows the last block
	err      error // ends the input
}

func (f *zstdFrame) Read(p []byte) (int, error) {
	if f.left == 0 && f.err == nil {
		f.left, f.err = f.part()
	}
	if f.left == 0 {
		return 0, f.err
	}
	n, err := f.in.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

// part returns the length of the next part: the header, a block or the checksum.
func (f *zstdFrame) part() (int, error) {
	switch {
	case !f.begun:
		f.begun = true
		head, err := f.in.Peek(magicLen + 1)
		if err != nil {
			return len(head), err
		}
		descriptor := head[magicLen]
		f.checksum = descriptor&4 != 0
		return len(head) + zstdHeaderLen(descriptor), nil
	case !f.last:
		head, err := f.in.Peek(3)
		if err != nil {
			return len(head), err
		}
		block := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		f.last = block&1 != 0
		const repeated = 1 // a block of one byte, which is repeated
		if block>>1&3 == repeated {
			return len(head) + 1, nil
		}
		return len(head) + block>>3, nil
	case f.checksum:
		f.checksum = false
		return 4, nil
	}
	return 0, io.EOF
}

// zstdHeaderLen returns the length of the fields that a Frame_Header_Descriptor announces
// (RFC 8878, section 3.1.1.1).
func zstdHeaderLen(descriptor byte) int {
	single := descriptor&0x20 != 0
	n := [4]int{0, 1, 2, 4}[descriptor&3] + [4]int{0, 2, 4, 8}[descriptor>>6]
	if !single {
		n++ // Window_Descriptor
	} else if descriptor>>6 == 0 {
		n++ // Frame_Content_Size of one byte
	}
	return n
}
