package multipart

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Boundary is the text that separates the fields: 1 to 70 letters, digits,
// spaces and '()+_,-./:=? without a space at the end (RFC 2046, section 5.1.1).
// It must not occur in what is sent. By default it is random: 128 bits from
// crypto/rand, as 32 hexadecimal digits. Give one to have the same bytes each
// time.
type Boundary string

func (b Boundary) apply(s *settings) error {
	for _, c := range []byte(b) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			strings.IndexByte(" '()+_,-./:=?", c) >= 0:
		default:
			return fmt.Errorf("multipart: Boundary(%q): %q cannot be in it", string(b), c)
		}
	}
	switch {
	case b == "":
		return fmt.Errorf("multipart: Boundary(%q): it is empty", string(b))
	case len(b) > 70:
		return fmt.Errorf("multipart: Boundary(%q): it is longer than 70 characters", string(b))
	case b[len(b)-1] == ' ':
		return fmt.Errorf("multipart: Boundary(%q): it ends with a space", string(b))
	}
	s.boundary = string(b)
	return nil
}

// Random has the boundary, if none is given, made of bytes that r gives. nil is
// crypto/rand.
func Random(r io.Reader) Option { return randomOption{r} }

type randomOption struct{ r io.Reader }

func (o randomOption) apply(s *settings) error {
	s.random = o.r
	return nil
}

// randomBoundary returns a boundary made of bytes from r, if it is not nil.
func randomBoundary(r io.Reader) (string, error) {
	if r == nil {
		r = rand.Reader
	}
	var b [16]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", fmt.Errorf("multipart: a boundary from Random: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
