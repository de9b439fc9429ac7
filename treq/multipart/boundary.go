package multipart

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/random"
)

// A Config sets how [NewMultiPartProducer] makes a body.
type Config struct {
	// Boundary is the text that separates the fields: 1 to 70 letters, digits, spaces
	// and '()+_,-./:=? without a space at the end (RFC 2046, section 5.1.1). It must
	// not occur in the values. "" means a random boundary of 128 bits, in 32
	// hexadecimal digits.
	Boundary string
	// Rand is the source of the random boundary. nil: the system's.
	Rand *rand.Rand
}

func (c *Config) boundary() (string, error) {
	b := c.Boundary
	if b == "" {
		var bits [16]byte
		random.Fill(bits[:], c.Rand)
		return hex.EncodeToString(bits[:]), nil
	}
	for _, c := range []byte(b) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			strings.IndexByte(" '()+_,-./:=?", c) >= 0:
		default:
			return "", fmt.Errorf("multipart: Boundary(%q): %q cannot be in it", b, c)
		}
	}
	switch {
	case len(b) > 70:
		return "", fmt.Errorf("multipart: Boundary(%q): it is longer than 70 characters", b)
	case b[len(b)-1] == ' ':
		return "", fmt.Errorf("multipart: Boundary(%q): it ends with a space", b)
	}
	return b, nil
}
