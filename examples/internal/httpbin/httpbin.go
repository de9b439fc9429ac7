// Package httpbin gives the examples a server to talk to.
package httpbin

import (
	"net/http/httptest"
	"os"
	"sync"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// URL returns the program's first argument or, if there is none, the URL of path
// on an httpbin that it starts on a loopback port, for as long as the program
// runs.
func URL(path string) string {
	if len(os.Args) > 1 {
		return os.Args[1]
	}
	return start() + path
}

// Host returns the scheme and host of an httpbin, for a program that has several
// things to ask of one: what the first argument says, or one that it starts.
func Host() string { return URL("") }

// start starts the server, the first time, and returns its URL.
var start = sync.OnceValue(func() string { return httptest.NewServer(httpbin.New(httpbin.WithMaxBodySize(64 << 20))).URL })
