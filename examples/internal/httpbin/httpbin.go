// Package httpbin gives the examples a server to talk to.
package httpbin

import (
	"net/http/httptest"
	"os"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// URL returns the program's first argument or, if there is none, the URL of path
// on an httpbin that it starts on a loopback port, for as long as the program
// runs.
func URL(path string) string {
	if len(os.Args) > 1 {
		return os.Args[1]
	}
	return httptest.NewServer(httpbin.New()).URL + path
}
