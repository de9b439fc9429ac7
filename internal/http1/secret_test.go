package http1

import (
	"net/http"
	"strings"
	"testing"
)

// TestErrorsHideSecrets: the text of an error quotes no secret of the message, neither of one
// that is read nor of one that is written.
func TestErrorsHideSecrets(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nSet-Cookie: session=s3cret\x00\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX-Auth-Token: s3cret\x00\r\n\r\n",
		"HTTP/1.1 200 OK\r\nLocation: http://u:s3cret@a/?token=s3cret\x00\r\n\r\n",
		"HTTP/1.1 200 OK\r\n Set-Cookie: session=s3cret\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSet-Cookie : session=s3cret\x00\r\n\r\n",
		"HTTP/1.1 99 http://a/?token=s3cret\r\n\r\n",
		"Set-Cookie: session=s3cret\r\n\r\n",
	} {
		var r ResponseReader
		r.Start("GET")
		_, event, err := r.Next([]byte(text))
		for ; err == nil && event != NeedMore; _, event, err = r.Next(nil) {
		}
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, text := range []string{
		"GET / HTTP/1.1\r\nAuthorization: Basic s3cret\x00\r\n\r\n",
		"GET / HTTP/1.1\r\nCookie: a=s3cret\nX: y\r\n\r\n",
		"GET / HTTP/1.1\r\nCookie: a=b;\r\n c=s3cret\r\n\r\n",
		"GET /?token=s3cret\x00 HTTP/1.1\r\n\r\n",
		"GET /?token=s3cret  HTTP/1.1\r\n\r\n",
		"GET /?token=s3cret HTTP/9.1\r\n\r\n",
	} {
		var r RequestReader
		r.Start()
		_, event, err := r.Next([]byte(text))
		for ; err == nil && event != NeedMore; _, event, err = r.Next(nil) {
		}
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, head := range []RequestHead{
		{Method: "GET", Target: "/?token=s3cret\n", Host: "a"},
		{Method: "GET", Target: "/", Host: "a", Header: http.Header{"Authorization": {"Bearer s3cret\n"}}},
		{Method: "GET", Target: "/", Host: "a", Header: http.Header{"X-Api-Key": {"s3cret" + long + "\n"}}},
	} {
		if _, err := AppendRequestHead(nil, &head); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v: got %v", head, err)
		}
	}
}
