package auth

import (
	"errors"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Credentials prove to a server who is asking. They belong to the reactor's
// goroutine, and may be used for many requests, at the same time too.
type Credentials interface {
	// Authorize adds to req, which is its own to change, what is to be sent with
	// it; that may be nothing yet. It may leave alone an Authorization that is
	// there: Answered is then not called.
	Authorize(req *request.Request) error
	// Answered is called with the response to a request that Authorize was called
	// with, before its body is read. It reports whether the request should be
	// authorized anew and sent again. An error means that the response is not to
	// be trusted.
	Answered(req *request.Request, resp *response.Response) (again bool, err error)
}

// ErrInvalid is the error of a user name or password that cannot be sent.
var ErrInvalid = errors.New("not credentials that can be sent")

// An Origin is what credentials are for: a scheme, a host and a port.
type Origin struct{ scheme, host, port string }

// OriginOf returns the origin of u. Origins can be compared by ==.
func OriginOf(u *url.URL) Origin {
	o := Origin{
		strings.ToLower(u.Scheme),
		strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")),
		u.Port(),
	}
	if o.port == "" {
		switch o.scheme {
		case "http":
			o.port = "80"
		case "https":
			o.port = "443"
		}
	}
	return o
}

// hasControl reports whether s has a control character, which neither Basic (RFC
// 7617, section 2) nor Digest can carry.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 })
}
