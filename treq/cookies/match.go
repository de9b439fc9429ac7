package cookies

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"golang.org/x/net/publicsuffix"
)

// This file matches hosts, paths and ports: RFC 6265, sections 5.1.2 to 5.1.4.

// canonicalHost returns a host name in the form in which domains are compared.
func canonicalHost(name string) (string, error) {
	host, err := origin.Host(name)
	if err != nil || strings.ContainsAny(host, ";,") {
		return "", invalid("the domain %.100q", name)
	}
	return host, nil
}

func isIP(host string) bool {
	// Most hosts are names. ParseAddr would allocate an error for them.
	if last := host[len(host)-1]; (last < '0' || '9' < last) && !strings.Contains(host, ":") {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isPublicSuffix reports whether anyone may register names below host. Such names must
// not share cookies.
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

// domainOf returns the domain of a cookie that host set with that Domain attribute; ""
// means no attribute (RFC 6265, section 5.3, steps 4 to 6).
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

// defaultPath returns the path of a cookie that a response at path set without one.
func defaultPath(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 || path[0] != '/' {
		return "/"
	}
	return path[:i]
}

func pathMatches(path, cookiePath string) bool {
	if path == "" {
		path = "/"
	}
	if !strings.HasPrefix(path, cookiePath) {
		return false
	}
	return len(path) == len(cookiePath) || strings.HasSuffix(cookiePath, "/") || path[len(cookiePath)] == '/'
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
