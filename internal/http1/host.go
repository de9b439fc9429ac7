package http1

// This file holds the syntax of a host with a port (RFC 9110, section 7.2; RFC 3986, section 3.2). It must not
// know which part of a message has one.

import (
	"net/netip"
	"strings"
)

// IsHostAndPort reports whether s is a host with an optional port. The host is a name or an IPv4 address, or an
// IPv6 address in brackets, with a zone or without.
func IsHostAndPort(s string) bool {
	_, _, ok := cutPort(s)
	return ok
}

// cutPort splits s at the colon before the port. ok is false if s is not a host with an optional port.
func cutPort(s string) (host, port string, ok bool) {
	rest, found := "", false
	if strings.HasPrefix(s, "[") {
		host, rest, found = strings.Cut(s, "]")
		if !found || !isIPLiteral(host[1:]) || rest != "" && rest[0] != ':' {
			return "", "", false
		}
		port = strings.TrimPrefix(rest, ":")
	} else {
		host, port, _ = strings.Cut(s, ":")
		if !isRegName(host) {
			return "", "", false
		}
	}
	return host, port, port == "" || isPort(port)
}

// isRegName reports whether s is a name or an IPv4 address.
func isRegName(s string) bool {
	if s == "" || notIn(s, hostChar) >= 0 {
		return false
	}
	for {
		at := strings.IndexByte(s, '%')
		if at < 0 {
			return true
		}
		if s = s[at+1:]; len(s) < 2 || notIn(s[:2], hexChar) >= 0 {
			return false
		}
		s = s[2:]
	}
}

// isIPLiteral reports whether s, which was in brackets, is an IPv6 address, or an address of a later version.
func isIPLiteral(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == 'v' || s[0] == 'V' {
		version, address, _ := strings.Cut(s[1:], ".")
		return version != "" && notIn(version, hexChar) < 0 && address != "" && notIn(strings.ReplaceAll(address, ":", ""), hostChar) < 0
	}
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is6() && notIn(ip.Zone(), hostChar) < 0
}

// isPort reports whether s is a decimal number of at most 16 bits.
func isPort(s string) bool {
	n, ok := parseDecimal(s)
	return ok && n < 1<<16
}
