package agent_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// zstdFrame returns a frame of plain (RFC 8878, section 3.1.1). single, idFlag, sizeFlag and
// checksum choose the fields of its header. If plain has more than 256 bytes, the last 256 are
// equal, and are a block that repeats one byte.
func zstdFrame(plain []byte, single bool, idFlag, sizeFlag int, checksum bool) []byte {
	descriptor := byte(sizeFlag<<6 | idFlag)
	if single {
		descriptor |= 0x20
	}
	if checksum {
		descriptor |= 4
	}
	frame := append([]byte("\x28\xb5\x2f\xfd"), descriptor)
	if !single {
		frame = append(frame, 0x08) // a window of 2 KB
	}
	frame = append(frame, make([]byte, [4]int{0, 1, 2, 4}[idFlag])...) // no dictionary
	size := uint64(len(plain))
	switch sizeFlag {
	case 0:
		if single {
			frame = append(frame, byte(size))
		}
	case 1:
		frame = binary.LittleEndian.AppendUint16(frame, uint16(size-256))
	case 2:
		frame = binary.LittleEndian.AppendUint32(frame, uint32(size))
	case 3:
		frame = binary.LittleEndian.AppendUint64(frame, size)
	}
	block := func(kind, size, last int) {
		head := binary.LittleEndian.AppendUint32(nil, uint32(size<<3|kind<<1|last))
		frame = append(frame, head[:3]...)
	}
	raw := plain
	if len(plain) > 256 {
		raw = plain[:len(plain)-256]
		block(0, len(raw), 0)
		frame = append(frame, raw...)
		block(1, 256, 1)
		frame = append(frame, plain[len(plain)-1])
	} else {
		block(0, len(raw), 0)
		frame = append(frame, raw...)
		block(0, 0, 1)
	}
	if checksum { // that of any other frame of the same bytes
		other := coded("zstd", plain)
		frame = append(frame, other[len(other)-4:]...)
	}
	return frame
}

// wantDecoded fails the test unless data, in pieces of that size, decodes to plain.
func wantDecoded(t *testing.T, name string, data []byte, piece int, plain string) {
	t.Helper()
	r, body := decoding(t, "zstd", agent.DecoderConfig{})
	p := new(bodytest.Reader)
	r.DeliverBody(p)
	for part := range slices.Chunk(data, piece) {
		body.Write(bytes.Clone(part))
	}
	body.End(response.ErrDone)
	isDone(t, p, response.ErrDone)
	if string(p.Got) != plain {
		t.Errorf("%s, in pieces of %d: got %d bytes %.20q, want %d", name, piece, len(p.Got), p.Got, len(plain))
	}
}

// TestZstdFrames has all forms of the header of a frame, and each kind of block. A byte that
// is no frame follows: its place shows where the frame ends.
func TestZstdFrames(t *testing.T) {
	short, long := []byte("hello"), []byte("hello"+strings.Repeat("a", 256))
	for _, single := range []bool{true, false} {
		for idFlag := range 4 {
			for sizeFlag := range 4 {
				for _, checksum := range []bool{true, false} {
					for _, plain := range [][]byte{short, long} {
						if len(plain) >= 256 && sizeFlag == 0 && single || len(plain) < 256 && sizeFlag == 1 {
							continue // the length has no such form
						}
						frame := zstdFrame(plain, single, idFlag, sizeFlag, checksum)
						name := fmt.Sprintf("single %v, id %d, size %d, checksum %v, %d bytes", single, idFlag, sizeFlag, checksum, len(plain))
						for _, piece := range []int{1, 1000} {
							wantDecoded(t, name, append(bytes.Clone(frame), '\n'), piece, string(plain))
							wantDecoded(t, name+", twice", append(bytes.Clone(frame), frame...), piece, string(plain)+string(plain))
						}
					}
				}
			}
		}
	}
}

// TestSkippableFrames has skippable frames whose lengths take one byte, two and three.
func TestSkippableFrames(t *testing.T) {
	frame := coded("zstd", []byte("hello"))
	for _, size := range []int{0, 1, 255, 256, 0x1234, 0xffff, 0x10000, 0x34567} {
		skippable := binary.LittleEndian.AppendUint32([]byte("\x5f\x2a\x4d\x18"), uint32(size))
		skippable = append(skippable, bytes.Repeat([]byte("x"), size)...)
		data := slices.Concat(skippable, frame, skippable, frame, skippable)
		wantDecoded(t, fmt.Sprint(size), data, 1000, "hellohello")
	}
}
