package auth_test

import (
	"crypto/md5"
	"fmt"
	"strings"
)

func md5Hex(parts ...string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(parts, ":"))))
}
