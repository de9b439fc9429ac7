package auth

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
)

// An algorithm computes digests: RFC 7616, section 6.1.
type algorithm struct {
	new      func() hash.Hash
	strength int
	session  bool // "-sess": the hash of the password includes the nonces
}

// algorithmNamed returns the algorithm of a challenge. The default is MD5.
func algorithmNamed(name string) (algorithm, bool) {
	name = strings.ToUpper(name)
	base, session := strings.CutSuffix(name, "-SESS")
	switch base {
	case "":
		return algorithm{md5.New, 1, false}, !session
	case "MD5":
		return algorithm{md5.New, 1, session}, true
	case "SHA-256":
		return algorithm{sha256.New, 2, session}, true
	case "SHA-512-256":
		return algorithm{sha512.New512_256, 3, session}, true
	}
	return algorithm{}, false
}

// h returns H or KD of the RFC: the hash, in hex, of the parts joined by colons.
func (a algorithm) h(parts ...string) string {
	hash := a.new()
	hash.Write([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(hash.Sum(nil))
}
