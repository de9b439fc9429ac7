package web

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// This file keeps the content of requests whose resources do not stream, in memory or in
// temporary files.

// A Content is the whole content of a request, from which it can be read. It is in memory
// or in a temporary file; see [Site.MemoryContent]. It can be read until the response is
// finished or the connection is lost; the file is removed then.
//
// A Content belongs to the loop's goroutine.
type Content struct {
	memory []byte   // the content, or the end of it that is not yet in file
	file   *os.File // nil if the content is in memory
	remove string   // the name of the file, if it could not be removed while open
	size   int64
	offset int64 // of the next Read
}

// Size returns the length of the content in bytes.
func (c *Content) Size() int64 { return c.size }

// Len returns the number of bytes that Read has not read yet.
func (c *Content) Len() int { return int(max(0, c.size-c.offset)) }

// Read implements [io.Reader].
func (c *Content) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err = c.ReadAt(p, c.offset)
	c.offset += int64(n)
	if n != 0 {
		err = nil
	}
	return n, err
}

// ReadAt implements [io.ReaderAt].
func (c *Content) ReadAt(p []byte, offset int64) (n int, err error) {
	switch {
	case offset < 0:
		return 0, errors.New("web: ReadAt before the content")
	case offset >= c.size:
		return 0, io.EOF
	case c.file != nil:
		return io.NewSectionReader(c.file, 0, c.size).ReadAt(p, offset)
	}
	if n = copy(p, c.memory[offset:]); n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Seek implements [io.Seeker].
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.offset
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 || whence < io.SeekStart || whence > io.SeekEnd {
		return 0, errors.New("web: Seek before the content")
	}
	c.offset = offset
	return offset, nil
}

// WriteTo implements [io.WriterTo].
func (c *Content) WriteTo(w io.Writer) (n int64, err error) {
	if c.file == nil {
		written, err := w.Write(c.memory[min(c.offset, c.size):])
		c.offset += int64(written)
		return int64(written), err
	}
	n, err = io.Copy(w, io.NewSectionReader(c.file, c.offset, max(0, c.size-c.offset)))
	c.offset += n
	return n, err
}

// keptAlways is the number of bytes of a request's content that are in memory in any case,
// about what a connection costs. It is also the buffer before a file, so that content in
// small chunks does not become small writes.
const keptAlways = 8 << 10

// errNoFiles is the error of content that finds too little room in files.
var errNoFiles = errors.New("the site is receiving too much content at once")

// errKeeping is the error of a file that keeps content.
var errKeeping = errors.New("keeping the content of a request")

func keeping(err error) error {
	if err != nil {
		err = fmt.Errorf("%w: %w", errKeeping, err)
	}
	return err
}

// keepContent adds data to the content of r.
func (r *Request) keepContent(data []byte) error {
	c := &r.kept
	c.size += int64(len(data))
	switch {
	case c.file != nil:
		if !r.holdFile(int64(len(data))) {
			return errNoFiles
		}
	case c.size <= keptAlways, c.size <= r.Site.memoryContent() && r.hold(int64(len(data))):
		c.memory = append(c.memory, data...)
		return nil
	case !r.holdFile(c.size):
		return errNoFiles
	default:
		if err := c.open(r.Site.TempDir); err != nil {
			return err
		}
	}
	if len(c.memory)+len(data) > keptAlways {
		if err := c.flush(); err != nil {
			return err
		}
		r.letGo()
	}
	if len(data) > keptAlways {
		_, err := c.file.Write(data)
		return keeping(err)
	}
	c.memory = append(c.memory, data...)
	return nil
}

// whole returns all bytes of the content, which has ended.
func (c *Content) whole() ([]byte, error) {
	if c.file == nil {
		return c.memory, nil
	}
	all := make([]byte, c.size)
	_, err := c.ReadAt(all, 0)
	return all, keeping(err)
}

// open creates the file. Where the system allows it, the file has no name from then on,
// so that it goes away with the process.
func (c *Content) open(dir string) (err error) {
	if c.file, err = os.CreateTemp(dir, "gotreq-content-"); err != nil {
		return keeping(err)
	}
	if os.Remove(c.file.Name()) != nil {
		c.remove = c.file.Name()
	}
	return nil
}

// flush writes what is in memory to the file.
func (c *Content) flush() error {
	if c.file == nil {
		return nil
	}
	_, err := c.file.Write(c.memory)
	c.memory = nil
	return keeping(err)
}

// close removes the file.
func (c *Content) close() {
	if c.file == nil {
		return
	}
	c.file.Close()
	if c.remove != "" {
		os.Remove(c.remove)
	}
}

// hold counts n bytes of r's content as being in memory, unless all requests then hold more
// than [Site.MemoryContentTotal].
func (r *Request) hold(n int64) (ok bool) {
	if r.Site.heldContent+n > r.Site.memoryContentTotal() {
		return false
	}
	r.held += n
	r.Site.heldContent += n
	return true
}

// holdFile counts n bytes of r's content as being in a file, unless all files then hold more
// than [Site.FileContentTotal].
func (r *Request) holdFile(n int64) (ok bool) {
	if n > r.Site.fileContentTotal()-r.Site.heldFiles {
		return false
	}
	r.heldFile += n
	r.Site.heldFiles += n
	return true
}

// letGo undoes all calls of hold.
func (r *Request) letGo() {
	r.Site.heldContent -= r.held
	r.held = 0
}

// closeContent removes the file of the content, and counts its bytes and those of the form's
// values no more, at the end of r. The program may still be reading what is in memory.
func (r *Request) closeContent() {
	r.letGo()
	r.Site.heldValues -= r.heldValues
	r.Site.heldFiles -= r.heldFile
	r.heldValues, r.heldFile = 0, 0
	r.kept.close()
}

// dropContent frees the memory of the content, too.
func (r *Request) dropContent() {
	r.closeContent()
	r.kept = Content{}
}
