package cookies

import (
	"iter"
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

// domainsAbove iterates over host and the domains above it.
func domainsAbove(host string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(host) || isIP(host) {
			return
		}
		for i := range len(host) {
			if host[i] == '.' && !yield(host[i+1:]) {
				return
			}
		}
	}
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

// isSecure reports whether nobody on the way can read or change what is sent to o, or comes
// from there: over https, or within this machine. So decide browsers, curl and net/http.
func isSecure(o origin.Origin) bool {
	if o.Scheme == "https" || o.Host == "localhost" {
		return true
	}
	if !isIP(o.Host) {
		return false
	}
	addr, err := netip.ParseAddr(o.Host)
	return err == nil && addr.IsLoopback()
}

// A prefix of a name says which attributes its cookie has.
type prefix struct {
	secure   bool // Secure
	host     bool // no Domain, and Path=/
	httpOnly bool // HttpOnly
}

// prefixOf returns what the prefix of name says (RFC 6265bis, sections 4.1.3 and 5.7). The
// two prefixes with Http are those of its successor, draft-ietf-httpbis-layered-cookies.
func prefixOf(name string) prefix {
	switch {
	case !strings.HasPrefix(name, "__"): // nearly all
		return prefix{}
	case hasPrefixFold(name, "__Host-Http-"):
		return prefix{secure: true, host: true, httpOnly: true}
	case hasPrefixFold(name, "__Host-"):
		return prefix{secure: true, host: true}
	case hasPrefixFold(name, "__Http-"):
		return prefix{secure: true, httpOnly: true}
	case hasPrefixFold(name, "__Secure-"):
		return prefix{secure: true}
	}
	return prefix{}
}

// hasPrefixFold is strings.HasPrefix, but ignores case.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// defaultPath returns the path of a cookie that a response at path set without one. Like
// a Path, it has at most maxAttribute bytes, which bounds the work for its cookies: a
// longer one is "/".
func defaultPath(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 || i > maxAttribute || path[0] != '/' {
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

// pathsAbove iterates over the paths of cookies that path matches.
func pathsAbove(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(path) {
			if path[i] != '/' {
				continue
			}
			if i > 0 && path[i-1] != '/' && !yield(path[:i]) {
				return
			}
			if i+1 < len(path) && !yield(path[:i+1]) {
				return
			}
		}
		yield(path)
	}
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
