package testing

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// NormalizeURL returns rawURL as all URLs that mean the same are written (RFC 3986,
// section 6.2): scheme and host in lower case, and the host in ASCII; no port that
// the scheme implies; a path, "/" if there was none, without dot segments; escapes
// in upper case, and only where there have to be some. What follows the path is
// left out. So http://Something:80 is http://something/, and
// http://something/page.html stays as it is.
//
// It fails for what is no URL with a scheme and a host.
func NormalizeURL(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", err
	}
	if u.Scheme == "" || u.Hostname() == "" {
		return "", fmt.Errorf("%q: a URL needs a scheme and a host", rawURL)
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil {
		host = u.Hostname() // an address, or a name that DNS would not have
	}
	host = strings.ToLower(host)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := u.Port()
	if port != "" && !(u.Scheme == "http" && port == "80") && !(u.Scheme == "https" && port == "443") {
		host += ":" + port
	}
	path := u.ResolveReference(u).EscapedPath() // that takes the dot segments out
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + host + normalizeEscapes(path), nil
}

// normalizeEscapes returns an escaped path with escapes where they are needed.
func normalizeEscapes(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		escape := path[i : i+3]
		i += 2
		switch c, err := url.PathUnescape(escape); {
		case err == nil && isUnreserved(c[0]):
			b.WriteByte(c[0])
		default:
			b.WriteString(strings.ToUpper(escape))
		}
	}
	return b.String()
}

// isUnreserved reports whether c means the same escaped or not (RFC 3986, section
// 2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
