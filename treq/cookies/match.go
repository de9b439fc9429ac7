package cookies

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// This file holds which hosts, paths and ports a cookie is for: RFC 6265,
// sections 5.1.2 to 5.1.4.

// canonicalHost returns host as domains are compared: in ASCII and lower case,
// and without the dot that may end it.
func canonicalHost(host string) (string, error) {
	canonical := strings.ToLower(strings.TrimSuffix(host, "."))
	if strings.ContainsFunc(canonical, func(r rune) bool { return r >= 0x80 }) {
		ascii, err := idna.Lookup.ToASCII(canonical)
		if err != nil {
			return "", invalid("the domain %.100q: %v", host, err)
		}
		canonical = ascii
	}
	empty := canonical == "" || canonical[0] == '.' || strings.Contains(canonical, "..") || strings.HasSuffix(canonical, ".")
	if empty || hasControl(canonical) || strings.ContainsAny(canonical, " ;,/?#@[]\\") {
		return "", invalid("the domain %.100q", host)
	}
	return canonical, nil
}

func isIP(host string) bool {
	// Names are most of what comes, and errors cost.
	if last := host[len(host)-1]; (last < '0' || '9' < last) && !strings.Contains(host, ":") {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isPublicSuffix reports whether anyone may register names below host, so that
// those names must not share cookies.
func isPublicSuffix(host string) bool {
	suffix, _ := publicsuffix.PublicSuffix(host)
	return suffix == host
}

// isBelow reports whether host is domain or one of its subdomains.
func isBelow(host, domain string) bool {
	n := len(host) - len(domain)
	if n <= 0 {
		return host == domain
	}
	return host[n-1] == '.' && host[n:] == domain && !isIP(host)
}

// domainOf returns which domain a cookie is for that host set with a Domain of
// attribute, which may be empty. It is steps 4 to 6 of RFC 6265, section 5.3.
func domainOf(host, attribute string) (domain string, subdomains bool, err error) {
	attribute = strings.TrimPrefix(attribute, ".")
	if attribute == "" {
		return host, false, nil
	}
	domain, err = canonicalHost(attribute)
	switch {
	case err != nil:
		return "", false, err
	case strings.HasSuffix(attribute, "."):
		return "", false, invalid("the domain %.100q ends with a dot", attribute)
	case !isBelow(host, domain):
		return "", false, invalid("%s may not set one for %.100q", host, domain)
	case isIP(domain):
		return domain, false, nil
	case isPublicSuffix(domain):
		if domain != host {
			return "", false, invalid("%.100q is a public suffix", domain)
		}
		return domain, false, nil
	}
	return domain, true, nil
}

// defaultPath returns the path of a cookie that was set without one at path.
func defaultPath(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 || path[0] != '/' {
		return "/"
	}
	return path[:i]
}

// pathMatches reports whether a cookie of path within is sent to path.
func pathMatches(path, within string) bool {
	if path == "" {
		path = "/"
	}
	if !strings.HasPrefix(path, within) {
		return false
	}
	return len(path) == len(within) || strings.HasSuffix(within, "/") || path[len(within)] == '/'
}

// portOf returns the port that u says, or implies.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	switch strings.ToLower(u.Scheme) {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// portMatches reports whether a cookie with ports is sent to port.
func portMatches(ports, port string) bool {
	return ports == "" || slices.Contains(strings.Split(ports, ","), port)
}

func validPorts(ports string) bool {
	if ports == "" {
		return true
	}
	for port := range strings.SplitSeq(ports, ",") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
			return false
		}
	}
	return true
}
