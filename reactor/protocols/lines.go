package protocols

import (
	"io"
	"iter"
	"slices"
)

// This file has the splitters of the receivers in direct style: over an io.Reader, such as
// that of [Direct] and of a response's Reader.

// A LineConfig says what a line is.
type LineConfig struct {
	// Delimiter ends each line. "" means "\r\n".
	Delimiter string
	// MaxLength is the largest length of a line, without its delimiter. 0 means 16384.
	MaxLength int
}

// Lines returns the lines that r has, without their delimiters. A line is valid until the next
// one. A line that is too long ends them with a [*TooLongError].
//
// The last pair has an error if r fails, or ends within a line: [io.ErrUnexpectedEOF]. Its
// bytes are what has come of that line, and for a text without a delimiter at its end that is
// the last line.
//
// A loop that ends early can be followed by another one, which gets the lines that follow.
func Lines(r io.Reader, config LineConfig) iter.Seq2[[]byte, error] {
	var lines lineSplitter
	size := len(delimiterOf(config.Delimiter))
	return split(r, func(rest []byte) (found []byte, used int, err error) {
		used, tooLong := lines.split(rest, config.Delimiter, config.MaxLength)
		switch {
		case tooLong:
			return nil, 0, lineTooLong(rest, config.MaxLength)
		case used == 0:
			return nil, 0, nil
		}
		return rest[:used-size], used, nil
	})
}

// Strings returns the strings that r has, each after its length of N bits, as an
// [IntNStringReceiver] does. maxLength is the largest length of a string, and 0 means 99999.
// Otherwise it is like [Lines].
func Strings[N uint8 | uint16 | uint32](r io.Reader, maxLength int) iter.Seq2[[]byte, error] {
	return split(r, func(rest []byte) (found []byte, used int, err error) {
		if used, err = splitString[N](rest, maxLength); used == 0 {
			return nil, 0, err
		}
		return rest[prefixSize[N]():used], used, nil
	})
}

// Netstrings returns the netstrings that r has, as a [NetstringReceiver] does: bytes that are
// no netstring end them with a [*NetstringError]. maxLength is the largest length of a string,
// and 0 means 99999. Otherwise it is like [Lines].
func Netstrings(r io.Reader, maxLength int) iter.Seq2[[]byte, error] {
	return split(r, func(rest []byte) (found []byte, used int, err error) {
		prefix, used, err := splitNetstring(rest, maxLength)
		if used == 0 {
			return nil, 0, err
		}
		return rest[prefix : used-1], used, nil
	})
}

// split returns what next finds in the bytes of r. next returns used 0 if it needs more.
func split(r io.Reader, next func(rest []byte) (found []byte, used int, err error)) iter.Seq2[[]byte, error] {
	in := &source{reader: r}
	return func(yield func([]byte, error) bool) {
		for {
			found, used, err := next(in.rest)
			switch {
			case used != 0:
				in.rest = in.rest[used:]
				if !yield(slices.Clip(found), nil) {
					return
				}
				continue
			case err == nil:
				err = in.read()
			}
			switch {
			case err == nil:
			case err != io.EOF:
				yield(in.rest, err)
				return
			case len(in.rest) == 0:
				return
			default:
				yield(in.rest, io.ErrUnexpectedEOF)
				return
			}
		}
	}
}

// A source holds the bytes of a reader that are not split yet.
type source struct {
	reader io.Reader
	rest   []byte
	memory []byte // that rest is a part of
	err    error  // the reader's
}

const (
	firstRead = 4 << 10
	// maxEmptyReads is how often a reader may return nothing before io.ErrNoProgress.
	maxEmptyReads = 100
)

// read adds bytes of the reader to rest, or returns its error.
func (s *source) read() error {
	if cap(s.rest) == len(s.rest) {
		if 2*len(s.rest) >= len(s.memory) {
			s.memory = make([]byte, max(firstRead, 2*len(s.memory)))
		}
		s.rest = s.memory[:copy(s.memory, s.rest)]
	}
	for range maxEmptyReads {
		if s.err != nil {
			return s.err
		}
		var n int
		n, s.err = s.reader.Read(s.rest[len(s.rest):cap(s.rest)])
		if s.rest = s.rest[:len(s.rest)+n]; n != 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}
