package http1

// This file holds which bytes may stand where: the character classes of RFC 9110, 5.6 and RFC 3986,
// as one table. What is made of them is elsewhere.

const (
	tokenChar  = 1 << iota // in a method or a header name: tchar
	fieldChar              // in a header value or a phrase: HTAB, SP, VCHAR, obs-text
	targetChar             // in a request target: VCHAR but "#"
	hostChar               // in Host: what a host and a port are made of
	hexChar                // in a chunk size
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
