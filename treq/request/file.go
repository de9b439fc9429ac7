package request

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/seed-7c003b53/gotreq/internal/pieces"
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
//
// It is a [RepeatableProducer] if the reader is an [io.Seeker] that can go back to where it
// was, except for an *os.File that is no regular file, or is a *bytes.Buffer. The body is
// sent again from the offset that the reader had in NewFileBodyProducer. While somebody
// holds the producer, the reader stays open.
type FileBodyProducer struct {
	*CooperativeProducer
	input    io.Reader
	readSize int
	idle     int   // reads in a row that returned no bytes
	err      error // why the input cannot be read, or nil

	start  int64  // the offset of the first byte, if the input can seek
	unread []byte // what the input had at first, if it is a *bytes.Buffer
	read   int64  // the number of bytes read since the start or the last rewind
	path   string // the file to open, if the input is opened at the start
}

// DefaultReadSize is the number of bytes that a FileBodyProducer reads at a time. It is
// also the maximum for ReadSize.
const DefaultReadSize = pieces.Max

// maxIdleReads bounds the reads in a row that return no bytes and no error.
const maxIdleReads = 100

// A FileBodyConfig sets how a [FileBodyProducer] reads.
type FileBodyConfig struct {
	// ReadSize is the number of bytes for one Read, at most [DefaultReadSize]. 0
	// means DefaultReadSize.
	ReadSize int
}

func (c FileBodyConfig) readSize() int {
	switch {
	case c.ReadSize == 0:
		return DefaultReadSize
	case c.ReadSize < 0 || c.ReadSize > DefaultReadSize:
		panic(fmt.Sprintf("request: FileBodyConfig.ReadSize is %d: not from 0 to %d", c.ReadSize, DefaultReadSize))
	}
	return c.ReadSize
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
	size := config.readSize()
	length, start, err := measure(input)
	p := &FileBodyProducer{input: input, readSize: size, err: err}
	p.CooperativeProducer = NewCooperativeProducer(length, p.produce, p.closeInput)
	if b, ok := input.(*bytes.Buffer); ok {
		p.unread = b.Bytes()
		p.MakeRepeatable(p.rewindBuffer)
	} else if start >= 0 && err == nil {
		p.start = start
		p.MakeRepeatable(p.seekBack)
	}
	return p
}

// NewPathBodyProducer returns a producer of the file of that name. The file is opened when
// it is its turn to be sent, and closed afterwards: many producers of one form hold one
// descriptor. It can be sent again.
//
// NewPathBodyProducer determines the length. It fails if there is no such file, or if it
// is not a regular file; the request fails if the file has another length when it is
// opened.
func NewPathBodyProducer(path string, config FileBodyConfig) (*FileBodyProducer, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("request: %s is not a regular file: open it, and use NewFileBodyProducer", path)
	}
	p := &FileBodyProducer{path: path, readSize: config.readSize()}
	p.CooperativeProducer = NewCooperativeProducer(info.Size(), p.produce, p.closeInput)
	p.MakeRepeatable(func() error {
		p.closeInput()
		return nil
	})
	return p, nil
}

// open opens the file at the path of p.
func (p *FileBodyProducer) open() error {
	f, err := os.Open(p.path)
	if err != nil {
		return err
	}
	p.input = f
	length, _, err := measure(f)
	if err == nil && length != p.Length() {
		err = p.changed(length)
	}
	return err
}

// changed returns the error of an input whose length is not the Length of p any more.
func (p *FileBodyProducer) changed(length int64) error {
	what := "it"
	if f, ok := p.input.(interface{ Name() string }); ok {
		what = f.Name()
	}
	return fmt.Errorf("%w: %s had %d bytes to send, and now has %d", ErrChanged, what, p.Length(), length)
}

// seekBack brings the input back to where it was at first.
func (p *FileBodyProducer) seekBack() error {
	p.idle = 0
	if _, err := p.input.(io.Seeker).Seek(p.start, io.SeekStart); err != nil {
		return fmt.Errorf("going back to the beginning of the body: %w", err)
	}
	length, _, err := measure(p.input)
	if err == nil && length != p.Length() {
		err = p.changed(length)
	}
	return err
}

// rewindBuffer makes p read the bytes again that its buffer had at first.
func (p *FileBodyProducer) rewindBuffer() error {
	if b, ok := p.input.(*bytes.Buffer); ok {
		if length := int64(b.Len()) + p.read; length != p.Length() {
			return p.changed(length)
		}
	}
	p.input, p.idle = bytes.NewReader(p.unread), 0
	return nil
}

// measure returns the number of unread bytes of r, and its offset, which is negative if r
// cannot go back there. It fails if it cannot restore the offset.
func measure(r io.Reader) (length, start int64, err error) {
	length, start = UnknownLength, -1
	if f, ok := r.(*os.File); ok {
		// A device may accept a seek and report a meaningless size.
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return length, start, nil
		}
	}
	s, seeks := r.(io.Seeker)
	if seeks {
		if start, err = s.Seek(0, io.SeekCurrent); err != nil {
			start, seeks = -1, false
		}
	}
	if r, ok := r.(interface{ Len() int }); ok {
		return int64(r.Len()), start, nil
	}
	if !seeks {
		return length, start, nil
	}
	end, endErr := s.Seek(0, io.SeekEnd)
	if _, err := s.Seek(start, io.SeekStart); err != nil {
		return length, -1, fmt.Errorf("going back after finding the length: %w", err)
	}
	if endErr == nil {
		length = max(0, end-start) // the offset may be beyond the end
	}
	return length, start, nil
}

// buffers are shared by all producers of all loops: a producer needs a buffer only
// while it reads and writes.
var buffers = sync.Pool{New: func() any { return new([DefaultReadSize]byte) }}

// produce reads and writes one piece.
func (p *FileBodyProducer) produce(to Consumer) (task.Wait, error) {
	if p.err != nil {
		return nil, p.err
	}
	if p.input == nil {
		if err := p.open(); err != nil {
			p.closePath()
			return nil, err
		}
	}
	buffer := buffers.Get().(*[DefaultReadSize]byte)
	defer buffers.Put(buffer)
	n, err := p.input.Read(buffer[:p.readSize])
	if n > 0 {
		p.idle = 0
		p.read += int64(n)
		to.Write(buffer[:n])
	} else if p.idle++; p.idle == maxIdleReads && err == nil {
		err = io.ErrNoProgress
	}
	if err != nil {
		p.closePath() // it may be long until nobody holds p
	}
	if err == io.EOF {
		err = task.Done
	}
	return nil, err
}

// closePath closes the file that p has opened.
func (p *FileBodyProducer) closePath() {
	if p.path != "" {
		p.closeInput()
	}
}

// closeInput closes the input. A file that p has opened can be opened again.
func (p *FileBodyProducer) closeInput() {
	if c, ok := p.input.(io.Closer); ok {
		c.Close() // an error does not matter: the input is read or not needed
	}
	if p.path != "" {
		p.input, p.idle = nil, 0
	}
}
