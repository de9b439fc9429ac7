package auth_test

import (
	"crypto/md5"
	"fmt"
	"strings"
)

// md5Hex returns the MD5 hash, in hex, of the parts joined by colons.
func md5Hex(parts ...string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(parts, ":"))))
}
