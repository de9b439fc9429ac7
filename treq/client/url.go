package client

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// This file makes of the URL that a program gives one that can go on the wire, as
// treq (by its hyperlink) does: what is percent-encoded stays so, what has to be
// is, and a host name becomes ASCII.

// ErrURL is the error of a URL that cannot be requested.
var ErrURL = errors.New("not a URL that can be requested")

// A urlCache has what the last URLs that were requested became: programs request
// the same ones over and over. Its URLs are shared, and not for anyone to change.
type urlCache map[string]*url.URL

// mostURLs bounds how many a urlCache has; when there are more it begins anew.
const mostURLs = 256

// parse is parseURL.
func (c *urlCache) parse(rawURL string) (*url.URL, error) {
	if u := (*c)[rawURL]; u != nil {
		return u, nil
	}
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if *c == nil || len(*c) == mostURLs {
		*c = make(urlCache)
	}
	(*c)[rawURL] = u
	return u, nil
}

// parseURL returns rawURL as a URL for the wire.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		var why *url.Error
		if errors.As(err, &why) {
			err = why.Err // it says the URL again, password and all
		}
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return wireURL(u)
}

// wireURL returns u for the wire: u itself, or a copy if something has to change.
func wireURL(u *url.URL) (*url.URL, error) {
	if u.Opaque != "" {
		return nil, fmt.Errorf("%w: %s: is not followed by //", ErrURL, u.Scheme)
	}
	host, err := wireHost(u)
	if err != nil {
		return nil, err
	}
	query := escapeIllegal(u.RawQuery)
	path := escapeIllegal(u.EscapedPath())
	rooted := path == "" || path[0] == '/'
	if rooted && host == u.Host && query == u.RawQuery && path == u.EscapedPath() {
		return u, nil
	}
	c := *u
	if !rooted { // as JoinPath leaves it, of a URL that had no path
		c.Path, path = "/"+c.Path, "/"+path
	}
	c.Host, c.RawQuery, c.RawPath = host, query, path
	return &c, nil
}

// wireHost returns u's host and port with the name in ASCII (RFC 5891).
func wireHost(u *url.URL) (string, error) {
	name := u.Hostname()
	if isASCII(name) {
		return u.Host, nil
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return u.Host, nil // of a zone with such a name
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return "", fmt.Errorf("%w: host name %q: %w", ErrURL, name, err)
	}
	if port := u.Port(); port != "" {
		ascii += ":" + port
	}
	return ascii, nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// illegal says of a byte that it may not stand in the path or the query of a URL
// (RFC 3986, sections 3.3 and 3.4). '%' may: what is encoded stays so.
func illegal(c byte) bool {
	return c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>[]\\^`{|}", c) >= 0
}

// escapeIllegal returns s with all bytes that are illegal in it percent-encoded.
func escapeIllegal(s string) string {
	n := 0
	for i := range len(s) {
		if illegal(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; illegal(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// addParams adds pairs to the query of u, behind what is there.
func addParams(u *url.URL, pairs [][2]string) {
	if len(pairs) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString(u.RawQuery)
	for _, pair := range pairs {
		if b.Len() != 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(pair[0]))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(pair[1]))
	}
	u.RawQuery = b.String()
}
