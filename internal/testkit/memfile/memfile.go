// Package memfile has files in memory, for tests of what reads and closes files.
package memfile

import (
	"io"
	"strings"
)

// A File counts the calls of Close.
type File struct {
	*strings.Reader
	Closed int
}

// New returns a File with text.
func New(text string) *File { return &File{Reader: strings.NewReader(text)} }

// Begun returns a File that stands before text, but not at its own beginning.
func Begun(text string) *File {
	const before = "--"
	f := New(before + text)
	f.Seek(int64(len(before)), io.SeekStart)
	return f
}

// Close counts the call.
func (f *File) Close() error { f.Closed++; return nil }
