package auth

import (
	"fmt"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Bearer returns the credentials of RFC 6750, which send token with every request. Use them
// over https.
//
// A token consists of visible ASCII characters. These are more than RFC 6750 has in a header,
// since servers give out tokens such as 1|abc; but a quote, a comma or a backslash cannot be
// sent. Requests then fail with [ErrInvalid].
func Bearer(token string) Credentials {
	if err := checkToken(token); err != nil {
		return fixed{scheme: "Bearer", err: err}
	}
	return fixed{scheme: "Bearer", value: "Bearer " + token}
}

// checkToken returns an error, which does not show token, if token cannot be sent.
func checkToken(token string) error {
	const why = "%w: bearer: the token %s"
	bad := strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`",\`, r) })
	switch {
	case token == "":
		return fmt.Errorf(why, ErrInvalid, "is empty")
	case bad >= 0:
		return fmt.Errorf(why, ErrInvalid, fmt.Sprintf("has a character that a header cannot have in it, at byte %d of %d", bad, len(token)))
	}
	return nil
}

// fixed is credentials whose Authorization is the same for every request.
type fixed struct {
	scheme string
	value  string // of Authorization
	err    error  // why there is none
}

func (f fixed) Authorize(req *request.Request) *deferred.Deferred[deferred.None] {
	if f.err != nil {
		return deferred.Fail[deferred.None](f.err)
	}
	req.Header.Set("Authorization", f.value)
	return nil
}

func (fixed) Answered(*request.Request, *response.Response) (bool, error) { return false, nil }

// String does not show the secret.
func (f fixed) String() string   { return f.scheme + " xxxxx" }
func (f fixed) GoString() string { return f.String() }
