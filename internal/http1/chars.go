package http1

// This file holds which bytes may stand where: the character classes of RFC 9110, 5.6 and RFC 3986,
// as one table. What is made of them is elsewhere.

const (
	tokenChar  = 1 << iota // in a method or a header name: tchar
	fieldChar              // in a header value or a phrase: HTAB, SP, VCHAR, obs-text
	targetChar             // in a request target: VCHAR but "#"
	hostChar               // in Host: what a host and a port are made of
	hexChar                // in a chunk size
	upperChar              // A to Z
	lowerChar              // a to z
)

// classes has for each byte the classes that it is in.
var classes = func() (t [256]uint8) {
	add := func(class uint8, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= class
		}
	}
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	add(tokenChar, alphanumeric+"!#$%&'*+-.^_`|~")
	add(hostChar, alphanumeric+"-._~%!$&'()*+,;=:[]")
	add(hexChar, "0123456789ABCDEFabcdef")
	add(upperChar, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	add(lowerChar, "abcdefghijklmnopqrstuvwxyz")
	t['\t'] |= fieldChar
	for c := ' '; c <= 0xff; c++ {
		if c != 0x7f {
			t[c] |= fieldChar
		}
		if c > ' ' && c < 0x7f && c != '#' {
			t[c] |= targetChar
		}
	}
	return t
}()

// notIn is the index of the first byte of text that is not in class, or -1.
func notIn[T string | []byte](text T, class uint8) int {
	for i := range len(text) {
		if classes[text[i]]&class == 0 {
			return i
		}
	}
	return -1
}

// fieldLength is how many bytes at the beginning of s are in fieldChar. It is most of the work on a
// head, and so takes eight bytes at a time while none of them is a control character.
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

// hasControl says whether one of the eight bytes of word is below 0x20 or is 0x7f. To take 0x20 from
// each byte sets the high bit of one that was below, unless it was set before; 0x7f is told in the same
// way, as what is below 1 once all its bits are turned.
func hasControl(word uint64) bool {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	turned := word ^ 0x7f*ones
	return ((word-0x20*ones)&^word|(turned-ones)&^turned)&high != 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// unhex is the value of a byte in hexChar.
func unhex(c byte) int64 {
	if c <= '9' {
		return int64(c - '0')
	}
	return int64(c|0x20-'a') + 10
}

// trim is s without the spaces and tabs around it: OWS of RFC 9110, 5.6.3, and nothing more of what
// Unicode takes for a space.
func trim(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold is strings.EqualFold for ASCII alone. With Unicode's folding "chun\u212aed", written with the
// sign for kelvin, would be chunked here and nothing to a peer.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
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
