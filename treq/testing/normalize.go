package testing

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/origin"
)

// NormalizeURL returns the form in which URLs are compared (RFC 3986, section 6.2): the
// scheme, the host as in a Host header, and the path, at least "/", without dot segments and
// needless escapes. Escapes are in upper case. User, query and fragment are left out. For
// example,
// http://Something:80 becomes http://something/.
//
// It fails if rawURL cannot be requested.
func NormalizeURL(rawURL string) (string, error) {
	u, err := origin.Parse(rawURL)
	if err != nil {
		return "", err
	}
	if u.Scheme == "" || u.Hostname() == "" {
		return "", fmt.Errorf("%q: a URL needs a scheme and a host", rawURL)
	}
	server, err := origin.ServerOf(u)
	if err != nil {
		return "", fmt.Errorf("%q: %w", rawURL, err)
	}
	path := u.ResolveReference(u).EscapedPath() // without dot segments
	if path == "" {
		path = "/"
	}
	return server.Scheme + "://" + server.HostHeader() + normalizeEscapes(path), nil
}

// normalizeEscapes decodes the escapes that path does not need.
func normalizeEscapes(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' { // a % is always followed by two digits
			b.WriteByte(path[i])
			continue
		}
		escape := path[i : i+3]
		i += 2
		if c, err := url.PathUnescape(escape); err == nil && isUnreserved(c[0]) {
			b.WriteByte(c[0])
		} else {
			b.WriteString(strings.ToUpper(escape))
		}
	}
	return b.String()
}

// isUnreserved reports whether c never needs an escape (RFC 3986, section 2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
