package auth

import (
	"errors"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Credentials authorize requests. They can be used for many requests, also concurrently,
// but only on the goroutine of one reactor.
type Credentials interface {
	// Authorize adds Authorization to req, or nothing if no challenge is known yet. It
	// may change req. If it keeps an Authorization that req already has, Answered is not
	// called.
	Authorize(req *request.Request) error
	// Answered handles the response to an authorized request, before the body is read.
	// again means that the request is to be authorized and sent once more. An error
	// means that the response cannot be trusted.
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
