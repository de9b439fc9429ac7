package auth

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Basic returns the credentials of RFC 7617. They send user and password, practically in
// clear, with every request, in UTF-8 and Normalization Form C. Basic is treq's
// add_basic_auth.
//
// A user name with a colon, or a user name or password with a control character, cannot
// be sent: requests then fail with [ErrInvalid].
func Basic(user, password string) Credentials {
	for _, s := range []string{user, password} {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			return fixed{scheme: "Basic", err: fmt.Errorf("%w: basic: the user name or the password has a control character or is not UTF-8", ErrInvalid)}
		}
	}
	return BasicBytes(norm.NFC.Bytes([]byte(user)), norm.NFC.Bytes([]byte(password)))
}

// BasicBytes is Basic for a server that expects another encoding. It sends the bytes
// unchanged.
func BasicBytes(user, password []byte) Credentials {
	pair := string(user) + ":" + string(password)
	if strings.Contains(string(user), ":") {
		return fixed{scheme: "Basic", err: fmt.Errorf("%w: basic: the user name has a colon", ErrInvalid)}
	}
	return fixed{scheme: "Basic", value: "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}
}

// FromURL returns the user name and password in u as Basic credentials, or nil if u has
// none.
func FromURL(u *url.URL) Credentials {
	if u.User == nil || u.User.String() == "" {
		return nil
	}
	password, _ := u.User.Password()
	return Basic(u.User.Username(), password)
}
