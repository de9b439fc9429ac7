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
// It reads on the loop's goroutine, a piece at a time, so the loop does nothing
// else while a Read takes. That is as it should be for what is in memory and
// hardly noticed for files on a disk; a pipe, a terminal, a socket or a file on a
// slow network would hold everything up. It holds no memory between its reads,
// however slow the connection is.
//
// A reader that is an [io.Closer] is closed at its end, when reading fails, and
// when the producer is stopped: a producer that was made is one that has to be
// started or stopped.
type FileBodyProducer struct {
	*CooperativeProducer
	input    io.Reader
	readSize int
	idle     int   // how many reads in a row gave nothing
	err      error // why it cannot be read
}

// DefaultReadSize is how many bytes a FileBodyProducer reads at a time, and the
// most it can be told to.
const DefaultReadSize = 64 << 10

// maxIdleReads is how many reads in a row may give neither bytes nor an error.
const maxIdleReads = 100

// A FileBodyOption changes what [NewFileBodyProducer] makes: a [ReadSize].
type FileBodyOption interface{ apply(*fileBodySettings) }

type fileBodySettings struct {
	readSize int
}

// ReadSize is how many bytes are read at a time, from 1 to [DefaultReadSize].
type ReadSize int

func (n ReadSize) apply(s *fileBodySettings) { s.readSize = int(n) }

// NewFileBodyProducer returns a producer of what is left to read of input.
//
// Its Length is known if input is a regular [*os.File], has a method Len() int,
// as [*bytes.Reader], [*bytes.Buffer] and [*strings.Reader] do, or is another
// [io.Seeker] that can tell. It is determined here: what is read later is to be
// just as long, or the request fails.
//
// It panics if input is nil or an option is out of range.
func NewFileBodyProducer(input io.Reader, options ...FileBodyOption) *FileBodyProducer {
	s := fileBodySettings{readSize: DefaultReadSize}
	for _, o := range options {
		o.apply(&s)
	}
	if input == nil {
		panic("request: NewFileBodyProducer with a nil reader")
	}
	if s.readSize < 1 || s.readSize > DefaultReadSize {
		panic(fmt.Sprintf("request: ReadSize(%d): not from 1 to %d", s.readSize, DefaultReadSize))
	}
	p := &FileBodyProducer{input: input, readSize: s.readSize}
	length, err := lengthOf(input)
	p.err = err
	p.CooperativeProducer = NewCooperativeProducer(length, p.produce, p.closeInput)
	return p
}

// lengthOf returns how much is left to read of r. It fails if it cannot leave r
// as it was.
func lengthOf(r io.Reader) (int64, error) {
	switch r := r.(type) {
	case interface{ Len() int }:
		return int64(r.Len()), nil
	case *os.File:
		// What is not a regular file may let itself be sought and tell nonsense.
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
	return max(0, end-here), nil // reading from beyond the end gives nothing
}

// buffers are shared by all producers of all loops: one needs a buffer only while
// it reads and writes.
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
		c.Close() // all that was wanted of it has been read
	}
}
