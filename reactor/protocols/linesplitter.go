package protocols

import (
	"bytes"
	"fmt"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A lineSplitter finds lines. It looks at each byte once, although a line may come in many
// pieces.
type lineSplitter struct {
	delimiter []byte // what ended the last line
	searched  int    // the number of bytes in which there is no delimiter
}

// split returns the size of the line at the beginning of rest, with its delimiter: 0 if it is
// incomplete. tooLong says that it is longer than maxLength.
func (s *lineSplitter) split(rest []byte, delimiter string, maxLength int) (size int, tooLong bool) {
	delimiter, maxLength = delimiterOf(delimiter), limitOf(maxLength, defaultLineLength)
	if string(s.delimiter) != delimiter {
		s.delimiter, s.searched = []byte(delimiter), 0
	}
	// A line that is not too long ends within window.
	window := rest
	if len(rest)-len(delimiter) > maxLength {
		window = rest[:maxLength+len(delimiter)]
	}
	from := max(0, min(s.searched, len(window))-len(delimiter)+1)
	s.searched = 0
	switch i := bytes.Index(window[from:], s.delimiter); {
	case i >= 0:
		return from + i + len(delimiter), false
	case len(window)-len(delimiter) >= maxLength:
		return 0, true
	}
	s.searched = len(rest)
	return 0, false
}

// restart is for bytes that are not those of the last call.
func (s *lineSplitter) restart() { s.searched = 0 }

const (
	defaultDelimiter  = "\r\n"
	defaultLineLength = 16384
)

func delimiterOf(delimiter string) string {
	if delimiter == "" {
		return defaultDelimiter
	}
	return delimiter
}

// limitOf returns maxLength, or unset if it is 0.
func limitOf(maxLength, unset int) int {
	if maxLength < 0 {
		panic(fmt.Sprintf("protocols: MaxLength is %d", maxLength))
	}
	if maxLength == 0 {
		return unset
	}
	return maxLength
}

// lineTooLong returns the error for the line at the beginning of data.
func lineTooLong(data []byte, maxLength int) error {
	return &TooLongError{What: "line", Length: -1, Limit: limitOf(maxLength, defaultLineLength), Data: excerpt(data)}
}

// giveUp closes the connection, because the peer breaks the protocol.
func giveUp(in *inbox, t reactor.Transport) {
	in.close()
	connected(t).LoseConnection()
}

// connected returns t, the transport of a receiver.
func connected(t reactor.Transport) reactor.Transport {
	if t == nil {
		panic("protocols: the receiver has no Transport: call its ConnectionMade")
	}
	return t
}

// call calls f, the function in the field name.
func call(f func([]byte), name string, data []byte) {
	if f == nil {
		panic(fmt.Sprintf("protocols: %q has come, and %s is nil: set it before the connection is made", excerpt(data), name))
	}
	f(data)
}

// sendLine writes line and delimiter as one.
func sendLine(t reactor.Transport, line, delimiter string) {
	delimiter = delimiterOf(delimiter)
	connected(t).Write(append(append(make([]byte, 0, len(line)+len(delimiter)), line...), delimiter...))
}
