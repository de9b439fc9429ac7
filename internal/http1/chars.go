package http1

// This file holds the character classes of RFC 9110, section 5.6, and RFC 3986. It must not know where in a
// message a class is allowed.

const (
	tokenChar   = 1 << iota // in a method or a header name: tchar
	fieldChar               // in a header value or a phrase: HTAB, SP, VCHAR, obs-text
	controlChar             // a control character without a meaning in a message: all but NUL, HTAB, CR, LF
	targetChar              // in a request target: VCHAR but "#"
	rawChar                 // above 127
	hostChar                // in the name of a host
	schemeChar              // in the scheme of a URI
	hexChar                 // in a chunk size
	upperChar               // A to Z
	lowerChar               // a to z
)

// classes holds the set of classes of each byte.
var classes = func() (t [256]uint16) {
	add := func(class uint16, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= class
		}
	}
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	add(tokenChar, alphanumeric+"!#$%&'*+-.^_`|~")
	add(hostChar, alphanumeric+"-._~%!$&'()*+,;=")
	add(schemeChar, alphanumeric+"+-.")
	add(hexChar, "0123456789ABCDEFabcdef")
	add(upperChar, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	add(lowerChar, "abcdefghijklmnopqrstuvwxyz")
	for c := range t {
		switch {
		case c == 0 || c == '\r' || c == '\n':
		case c < ' ' && c != '\t' || c == 0x7f:
			t[c] |= controlChar
		default:
			t[c] |= fieldChar
		}
		if c > ' ' && c < 0x7f && c != '#' {
			t[c] |= targetChar
		}
		if c > 0x7f {
			t[c] |= rawChar
		}
	}
	return t
}()

// notIn returns the index of the first byte of text that is in none of the classes, or -1.
func notIn[T string | []byte](text T, class uint16) int {
	for i := range len(text) {
		if classes[text[i]]&class == 0 {
			return i
		}
	}
	return -1
}

// fieldLength returns the number of bytes at the beginning of s that are in fieldChar. Parsing a head spends
// most of its time here, so fieldLength skips eight bytes at a time while none of them is a control character.
func fieldLength(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		word := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		if hasControl(word) {
			break
		}
	}
	for i < len(s) && classes[s[i]]&fieldChar != 0 {
		i++
	}
	return i
}

// hasControl reports whether one of the eight bytes of word is below 0x20 or is 0x7f. Subtracting 0x20 from
// each byte sets the high bit of a byte below 0x20 that did not have it. The same test with 1 in place of 0x20
// finds 0x7f, which XOR turns into 0.
func hasControl(word uint64) bool {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	flipped := word ^ 0x7f*ones
	return ((word-0x20*ones)&^word|(flipped-ones)&^flipped)&high != 0
}

// isBlank reports whether c is a space or a tab.
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// unhex returns the value of a byte in hexChar.
func unhex(c byte) int64 {
	if c <= '9' {
		return int64(c - '0')
	}
	return int64(c|0x20-'a') + 10
}

// trim cuts spaces and tabs off both ends of s: OWS of RFC 9110, section 5.6.3, and no other space of Unicode.
func trim(s string) string {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold is strings.EqualFold for ASCII. Unicode's folding would make "chun\u212aed", with a kelvin sign,
// chunked for us but not for a peer.
func equalFold(a, b string) bool { return len(a) == len(b) && lowerEqual(a, b) }

func lowerEqual(a, b string) bool {
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
