package request

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// A FileBodyProducer produces a body from an [io.Reader]: a file, or anything
// else that can be read. It is Twisted's FileBodyProducer.
//
// It reads on the loop's goroutine, one piece at a time, and the loop waits for each
// Read. That suits a reader in memory and a file on a disk; a pipe, a terminal, a socket
// or a file on a slow network would block the loop. Between reads the producer holds no
// buffer, however slow the connection is.
//
// It closes a reader that is an [io.Closer] at the reader's end, after a read error, and
// when the producer is stopped. So every producer must be started or stopped.
type FileBodyProducer struct {
	*CooperativeProducer
	input    io.Reader
	readSize int
	idle     int   // reads in a row that returned no bytes
	err      error // why the input cannot be read, or nil
}

// DefaultReadSize is the number of bytes that a FileBodyProducer reads at a time. It is
// also the maximum for ReadSize.
const DefaultReadSize = 64 << 10

// maxIdleReads bounds the reads in a row that return no bytes and no error.
const maxIdleReads = 100

// A FileBodyConfig sets how a [FileBodyProducer] reads.
type FileBodyConfig struct {
	// ReadSize is the number of bytes for one Read, at most [DefaultReadSize]. 0
	// means DefaultReadSize.
	ReadSize int
}

// NewFileBodyProducer returns a producer of the unread bytes of input.
//
// Its Length is known if input is a regular [*os.File], has a method Len() int, as
// [*bytes.Reader], [*bytes.Buffer] and [*strings.Reader] do, or is another [io.Seeker]
// that knows its size. NewFileBodyProducer determines the length; if input later has a
// different number of bytes, the request fails.
//
// It panics if input is nil or the config is out of range.
func NewFileBodyProducer(input io.Reader, config FileBodyConfig) *FileBodyProducer {
	if input == nil {
		panic("request: NewFileBodyProducer with a nil reader")
	}
	size := config.ReadSize
	switch {
	case size == 0:
		size = DefaultReadSize
	case size < 0 || size > DefaultReadSize:
		panic(fmt.Sprintf("request: FileBodyConfig.ReadSize is %d: not from 0 to %d", size, DefaultReadSize))
	}
	length, err := lengthOf(input)
	p := &FileBodyProducer{input: input, readSize: size, err: err}
	p.CooperativeProducer = NewCooperativeProducer(length, p.produce, p.closeInput)
	return p
}

// lengthOf returns the number of unread bytes of r. It fails if it cannot restore the
// offset of r.
func lengthOf(r io.Reader) (int64, error) {
	switch r := r.(type) {
	case interface{ Len() int }:
		return int64(r.Len()), nil
	case *os.File:
		// A device may accept a seek and report a meaningless size.
		if info, err := r.Stat(); err != nil || !info.Mode().IsRegular() {
			return UnknownLength, nil
		}
		return lengthBySeeking(r)
	case io.Seeker:
		return lengthBySeeking(r)
	}
	return UnknownLength, nil
}

func lengthBySeeking(s io.Seeker) (int64, error) {
	here, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return UnknownLength, nil
	}
	end, endErr := s.Seek(0, io.SeekEnd)
	if _, err := s.Seek(here, io.SeekStart); err != nil {
		return UnknownLength, fmt.Errorf("going back after finding the length: %w", err)
	}
	if endErr != nil {
		return UnknownLength, nil
	}
	return max(0, end-here), nil // the offset may be beyond the end
}

// buffers are shared by all producers of all loops: a producer needs a buffer only
// while it reads and writes.
var buffers = sync.Pool{New: func() any { return new([DefaultReadSize]byte) }}

// produce reads and writes one piece.
func (p *FileBodyProducer) produce(to Consumer) (task.Wait, error) {
	if p.err != nil {
		return nil, p.err
	}
	buffer := buffers.Get().(*[DefaultReadSize]byte)
	defer buffers.Put(buffer)
	n, err := p.input.Read(buffer[:p.readSize])
	if n > 0 {
		p.idle = 0
		to.Write(buffer[:n])
	} else if p.idle++; p.idle == maxIdleReads && err == nil {
		err = io.ErrNoProgress
	}
	if err == io.EOF {
		err = task.Done
	}
	return nil, err
}

func (p *FileBodyProducer) closeInput() {
	if c, ok := p.input.(io.Closer); ok {
		c.Close() // an error does not matter: the input is read or not needed
	}
}
