// Package httpbin starts a server for the examples.
package httpbin

import (
	"net/http/httptest"
	"os"
	"sync"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// URL returns the program's first argument. Without one, it returns the URL of path on an
// httpbin, which it starts on a loopback port until the program ends.
func URL(path string) string {
	if len(os.Args) > 1 {
		return os.Args[1]
	}
	return start() + path
}

// Host returns [URL] without a path, for a program that adds several.
func Host() string { return URL("") }

// start returns the URL of the server. The first call starts it.
var start = sync.OnceValue(func() string { return httptest.NewServer(httpbin.New(httpbin.WithMaxBodySize(64 << 20))).URL })
