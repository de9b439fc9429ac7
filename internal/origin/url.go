package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// This file repairs URLs. Escapes stay, characters that need an escape get one, and a host
// name becomes ASCII. URLs of callers and of servers get the same repairs.

// Parse returns rawURL as a URL that can be sent. A scheme or host that is missing is not
// an error here, but in [Of]. The text of an error does not repeat the URL, which may have
// a password.
func Parse(rawURL string) (*url.URL, error) {
	u, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	return Wire(u)
}

// Wire returns u in a form that can be sent: u itself, or a copy if it needs a repair.
func Wire(u *url.URL) (*url.URL, error) {
	if u.Opaque != "" {
		return nil, fmt.Errorf("%s: is not followed by //", u.Scheme)
	}
	host, err := wireHost(u)
	if err != nil {
		return nil, err
	}
	query := escape(u.RawQuery, illegal)
	path := escapedPath(u)
	rooted := path == "" || path[0] == '/'
	if rooted && host == u.Host && query == u.RawQuery && path == u.EscapedPath() {
		return u, nil
	}
	c := *u
	if !rooted { // JoinPath makes such a path from a URL that has none
		c.Path, path = "/"+c.Path, "/"+path
	}
	c.Host, c.RawQuery, c.RawPath = host, query, path
	return &c, nil
}

// escapedPath returns the path of u, escaped. Unlike u.EscapedPath it keeps the escapes of a
// path that also has characters to be escaped: "%2F" does not become a slash because of
// an "é".
func escapedPath(u *url.URL) string {
	path := u.EscapedPath()
	if u.RawPath != "" && u.RawPath != path {
		if decoded, err := url.PathUnescape(u.RawPath); err == nil && decoded == u.Path {
			path = u.RawPath
		}
	}
	return escape(path, illegal)
}

// Resolve returns the URL that location, the Location of a response from base, refers to.
// A location without a fragment inherits that of base (RFC 9110, section 10.2.2).
//
// The error is [ErrSchemeNotSupported], [ErrNoHost], [ErrPort] or [ErrHost], or says why
// location is not a URL.
func Resolve(base *url.URL, location string) (*url.URL, error) {
	if isPlainPath(location) { // the usual case, for which nothing is parsed
		u := *base
		u.Opaque, u.Path, u.RawPath, u.RawQuery, u.ForceQuery, u.OmitHost = "", location, "", "", false, false
		return sendable(&u)
	}
	if end := strings.IndexAny(location, ":/?#"); end >= 0 && location[end] == ':' && !HasScheme(location) {
		location = "./" + location // a relative path with a colon (RFC 3986, section 4.2)
	}
	ref, err := parse(location)
	if err != nil {
		return nil, err
	}
	if ref.Host == "" && strings.HasPrefix(location, "//") && !strings.HasPrefix(location, "///") {
		return nil, ErrNoHost // to ResolveReference, the authority is missing, not empty
	}
	u, err := ResolveURL(base, ref)
	if err != nil {
		return nil, err
	}
	u.Fragment, u.RawFragment = base.Fragment, base.RawFragment
	if strings.Contains(location, "#") { // even if the fragment is empty
		u.Fragment, u.RawFragment = ref.Fragment, ref.RawFragment
	}
	return u, nil
}

// ResolveURL returns a new URL, the one that ref refers to from base (RFC 3986, section 5.2),
// in a form that can be sent. The errors are those of Resolve.
func ResolveURL(base, ref *url.URL) (*url.URL, error) {
	escaped := *ref
	escaped.RawPath = escapedPath(ref) // ResolveReference would lose escapes
	return sendable(base.ResolveReference(&escaped))
}

// sendable returns u, a reference that is resolved, in a form that can be sent.
func sendable(u *url.URL) (*url.URL, error) {
	if _, err := Of(u); err != nil {
		return nil, err
	}
	u.Scheme = strings.ToLower(u.Scheme) // that of a base may be in upper case
	u, err := Wire(u)
	if err != nil {
		return nil, err
	}
	if !isASCII(u.Host) { // a zone, which url.Parse would not read again
		return nil, fmt.Errorf("%w: %.200q", ErrHost, u.Host)
	}
	return u, nil
}

// isPlainPath reports whether location is an absolute path without a query, a fragment, an escape
// or a dot segment, so that it is the path of the URL that it refers to.
func isPlainPath(location string) bool {
	if location == "" || location[0] != '/' {
		return false
	}
	for i := range len(location) {
		switch c := location[i]; {
		case c == '/':
			if i+1 < len(location) && (location[i+1] == '/' || location[i+1] == '.') {
				return false
			}
		case !isUnreserved(c):
			return false
		}
	}
	return true
}

// wireHost returns the host and port of u with the name in ASCII.
func wireHost(u *url.URL) (string, error) {
	name := u.Hostname()
	if isASCII(name) {
		return u.Host, nil
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return u.Host, nil // the zone of an address is not ASCII
	}
	host, err := canonical(name)
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return host, err
}

// parse is url.Parse. If it fails, parse adds missing escapes and tries again.
func parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err == nil {
		return u, nil
	}
	rest, fragment, hasFragment := strings.Cut(rawURL, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	scheme, authority, path := splitAuthority(rest)
	user, host := "", authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, host = escape(authority[:at], illegalInUser)+"@", authority[at+1:]
	}
	if err := bareIPv6(scheme, host); err != nil {
		return nil, err
	}
	if colon := strings.LastIndexByte(host, ':'); strings.Trim(host[colon+1:], "0123456789") != "" && colon > strings.LastIndexByte(host, ']') {
		return nil, ErrPort // without the text, which may be a part of the password
	}
	repaired := scheme + user + unescapeHost(escapeZone(host)) + escape(path, strayPercent)
	if hasQuery {
		repaired += "?" + query
	}
	if hasFragment {
		repaired += "#" + escape(fragment, strayPercent)
	}
	u, err = url.Parse(repaired)
	var why *url.Error
	if errors.As(err, &why) {
		err = why.Err // without the URL
	}
	return u, err
}

// bareIPv6 returns an error if host is an IPv6 address without brackets. scheme includes
// "://".
func bareIPv6(scheme, host string) error {
	if _, err := netip.ParseAddr(host); err != nil || !strings.Contains(host, ":") {
		return nil
	}
	host = strings.Replace(host, "%", "%25", 1) // RFC 6874
	return &urlError{ErrHost, fmt.Sprintf("an IPv6 address stands in brackets: %s[%.100s]/", scheme, host)}
}

// CheckScheme returns an error if rawURL, which a caller gave, is empty or has no scheme. The
// error is [ErrSchemeNotSupported]; its text says what the caller probably meant, and has no
// password.
func CheckScheme(rawURL string) error {
	if rawURL == "" {
		return &urlError{ErrSchemeNotSupported, "empty URL"}
	}
	if strings.Contains(rawURL, "://") {
		return nil
	}
	if scheme, _, ok := strings.Cut(rawURL, ":"); ok && standardPort(strings.ToLower(scheme)) != "" {
		return nil // but the two slashes are missing
	}
	if meant, err := url.Parse("http://" + strings.TrimPrefix(rawURL, "//")); err == nil {
		_, err := Of(meant)
		_, ambiguous := meant.User.Password() // mailto:me@an.example looks like one
		if err == nil && !ambiguous {
			text := Redacted(meant)
			return &urlError{ErrSchemeNotSupported, fmt.Sprintf("%.200q has no scheme: %.200s?", strings.TrimPrefix(text, "http://"), text)}
		}
	}
	if u, err := url.Parse(rawURL); err == nil && u.Scheme == "" {
		return &urlError{ErrSchemeNotSupported, fmt.Sprintf("%.200q has no scheme and no host", Redacted(u))}
	}
	return nil
}

// HasScheme reports whether rawURL begins with a scheme, as an absolute URL does.
func HasScheme(rawURL string) bool {
	end := strings.IndexAny(rawURL, ":/?#")
	return end >= 0 && rawURL[end] == ':' && isScheme(rawURL[:end])
}

// SplitPath splits rawURL into the part before its path, the path, and the query with the
// fragment.
func SplitPath(rawURL string) (before, path, after string) {
	end := strings.IndexAny(rawURL, "?#")
	if end < 0 {
		end = len(rawURL)
	}
	scheme, authority, path := splitAuthority(rawURL[:end])
	return scheme + authority, path, rawURL[end:]
}

// EscapeAll returns s with each byte percent-encoded that is not unreserved (RFC 3986,
// section 2.3).
func EscapeAll(s string) string {
	return escape(s, func(s string, i int) bool { return !isUnreserved(s[i]) })
}

// splitAuthority splits the part of a URL before the query. The scheme includes "://".
func splitAuthority(s string) (scheme, authority, path string) {
	start := strings.Index(s, "//")
	if start < 0 || start > 0 && strings.IndexAny(s, ":/") != start-1 {
		return "", "", s
	}
	start += len("//")
	end := strings.IndexByte(s[start:], '/')
	if end < 0 {
		return s[:start], s[start:], ""
	}
	return s[:start], s[start : start+end], s[start+end:]
}

// isScheme reports whether s has the form of a scheme (RFC 3986, section 3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != ""
}

// unescapeHost decodes the escapes of letters, digits, '-', '.', '_' and '~', which a host may have
// (RFC 3986, section 2.3), but url.Parse does not expect.
func unescapeHost(host string) string {
	var b []byte
	done := 0
	for i := 0; i+2 < len(host); i++ {
		if host[i] != '%' || !isHex(host[i+1]) || !isHex(host[i+2]) {
			continue
		}
		if c := unhex(host[i+1])<<4 | unhex(host[i+2]); isUnreserved(c) {
			b = append(append(b, host[done:i]...), c)
			done = i + 3
		}
		i += 2
	}
	return string(append(b, host[done:]...))
}

// escapeZone escapes the % before the zone of an IPv6 address in brackets (RFC 6874). curl and
// Python read it as it is. The first % after a whole address begins the zone, even if hex
// digits follow: "%35" is the zone 35 there, not the digit 5.
func escapeZone(host string) string {
	if !strings.HasPrefix(host, "[") {
		return host
	}
	for i := range len(host) {
		if host[i] != '%' {
			continue
		}
		if address, err := netip.ParseAddr(unescapeHost(host[1:i])); err != nil || !address.Is6() {
			continue // an escape of a digit
		}
		if zone := host[i+1:]; !strings.HasPrefix(zone, "25") {
			host = host[:i] + "%25" + zone
		}
		break
	}
	return host
}

func isUnreserved(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// illegal reports whether s[i] is not allowed in a path or a query (RFC 3986, sections 3.3
// and 3.4). '%' is allowed: it usually begins an escape.
func illegal(s string, i int) bool {
	return s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte("\"<>[]\\^`{|}", s[i]) >= 0
}

// strayPercent reports whether s[i] is a '%' that begins no escape.
func strayPercent(s string, i int) bool {
	return s[i] == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]))
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// illegalInUser reports whether s[i] must be escaped in a user name and password. A
// backslash is not escaped and remains an error: to a browser it ends the authority.
func illegalInUser(s string, i int) bool {
	return strayPercent(s, i) || s[i] >= ' ' && s[i] != 0x7f && s[i] != '\\' && illegal(s, i)
}

// escape returns s with each byte percent-encoded for which illegal returns true.
func escape(s string, illegal func(s string, i int) bool) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	done := 0
	for i := range len(s) {
		if illegal(s, i) {
			b = append(append(b, s[done:i]...), '%', hex[s[i]>>4], hex[s[i]&15])
			done = i + 1
		}
	}
	if done == 0 {
		return s
	}
	return string(append(b, s[done:]...))
}
