// Package origin decides which server a URL names. The agent, the cookie jar, the
// credentials and the client all ask it, so that they agree.
//
// An [Origin] is what cookies, credentials and redirects compare. A [Server] is what a
// connection is made to. The two differ in a trailing dot: "an.example." and "an.example"
// are one origin, but the resolver looks them up differently and the Host header repeats
// the spelling.
//
// [Parse], [Wire] and [Resolve] repair URLs, so that they can be requested.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Errors of a URL that names no server. Package agent exports them under the same names,
// except ErrHost, which it turns into a wire.Error of kind wire.ErrHost.
var (
	ErrSchemeNotSupported = errors.New("the scheme of the URL is not supported")
	ErrNoHost             = errors.New("the URL names no host")
	ErrPort               = errors.New("the URL has an invalid port")
	ErrHost               = errors.New("the URL has an invalid host name")
)

// An urlError is an error with a text of its own, which says what to do.
type urlError struct {
	kind error // one of the errors above
	text string
}

func (e *urlError) Error() string { return e.text }
func (e *urlError) Unwrap() error { return e.kind }

// An Origin is a scheme, a host and a port (RFC 6454). Origins are compared with ==.
type Origin struct {
	Scheme string // "http" or "https"
	Host   string // in canonical form; see [Host]
	Port   string // never empty
}

// Of returns the origin of u. The error is one of the errors above.
func Of(u *url.URL) (Origin, error) {
	s, err := ServerOf(u)
	return s.Origin(), err
}

// A Server is what a request connects to. Two requests may share a connection only if
// their Servers are equal.
type Server struct {
	Scheme string // "http" or "https"
	Host   string // the name or address to connect to, with its zone and its trailing dot
	Port   string // never empty
}

// ServerOf returns the server of u. The error is one of the errors above. It allocates
// only for a host that is not in canonical form.
func ServerOf(u *url.URL) (Server, error) {
	if u == nil {
		return Server{}, ErrNoHost
	}
	s := Server{Scheme: strings.ToLower(u.Scheme), Port: u.Port()}
	standard := standardPort(s.Scheme)
	if standard == "" {
		return Server{}, fmt.Errorf("%w: %q", ErrSchemeNotSupported, u.Scheme)
	}
	name := u.Hostname()
	if name == "" {
		return Server{}, ErrNoHost
	}
	// A URL that was not parsed may have an address without brackets, or brackets
	// around a name.
	if strings.HasPrefix(u.Host, "[") != strings.Contains(name, ":") {
		if err := bareIPv6(u.Scheme+"://", u.Host); err != nil {
			return Server{}, err
		}
		return Server{}, fmt.Errorf("%w: %.200q", ErrHost, u.Host)
	}
	var err error
	if s.Host, err = canonical(name); err != nil {
		return Server{}, err
	}
	if s.Port == "" {
		s.Port = standard
		return s, nil
	}
	if _, err := strconv.ParseUint(s.Port, 10, 16); err != nil {
		return Server{}, &urlError{ErrPort, fmt.Sprintf("port %.20s is above 65535", s.Port)}
	}
	for len(s.Port) > 1 && s.Port[0] == '0' {
		s.Port = s.Port[1:]
	}
	return s, nil
}

// standardPort returns the port that a scheme implies, or "" for an unknown scheme.
func standardPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// Origin returns the origin that s belongs to.
func (s Server) Origin() Origin {
	return Origin{s.Scheme, strings.TrimSuffix(s.Host, "."), s.Port}
}

// HostHeader returns the Host header for s. The port is left out if the scheme implies
// it, and so is the zone of an IPv6 address, which has a meaning on one machine only.
func (s Server) HostHeader() string {
	host := s.Host
	if strings.Contains(host, ":") {
		host, _, _ = strings.Cut(host, "%")
		host = "[" + host + "]"
	}
	if s.Port == standardPort(s.Scheme) {
		return host
	}
	return host + ":" + s.Port
}

// TLSName returns the name that the server's certificate must have. It has no trailing
// dot (RFC 6066, section 3) and no zone.
func (s Server) TLSName() string {
	name, _, _ := strings.Cut(s.Host, "%")
	return strings.TrimSuffix(name, ".")
}

// Host returns the canonical form of a host name or an IP address without brackets: a
// name in lower case and ASCII (RFC 5891) without a trailing dot, an IPv6 address as
// RFC 5952 writes it, with its zone. The error is [ErrHost].
func Host(name string) (string, error) {
	host, err := canonical(name)
	return strings.TrimSuffix(host, "."), err
}

// names is idna.Lookup, but lets a name have underscores, as a name in ASCII may have them.
// What else it lets through is forbidden.
var names = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false))

// canonical is Host, but keeps a trailing dot.
func canonical(name string) (string, error) {
	if isPlainName(name) { // the usual case
		return name, nil
	}
	if strings.Contains(name, ":") {
		return canonicalIPv6(name)
	}
	host := name
	if !isASCII(name) {
		ascii, err := names.ToASCII(name)
		if err == nil && !utf8.ValidString(name) {
			err = errors.New("not UTF-8")
		}
		if err != nil {
			return "", fmt.Errorf("%w: %.200q: %w", ErrHost, name, err)
		}
		host = ascii
	}
	host = strings.ToLower(host)
	if host == "" || host[0] == '.' || strings.Contains(host, "..") || strings.ContainsFunc(host, forbidden) {
		return "", fmt.Errorf("%w: %.200q", ErrHost, name)
	}
	return host, nil
}

// isPlainName reports whether name, which may be an IPv4 address, has labels of small letters,
// digits, - and _ only, so that it is canonical as it is.
func isPlainName(name string) bool {
	afterLabel := false
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			afterLabel = true
		case c == '.' && afterLabel:
			afterLabel = false
		default:
			return false
		}
	}
	return name != ""
}

// canonicalIPv6 returns the shortest form of an address and its zone.
func canonicalIPv6(name string) (string, error) {
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return "", fmt.Errorf("%w: %.200q", ErrHost, name)
	}
	var buf [64]byte
	if short := addr.AppendTo(buf[:0]); string(short) != name {
		return string(short), nil
	}
	return name, nil
}

// forbidden reports whether a host name cannot have r: no resolver would find the name,
// or r would change the meaning of the URL.
func forbidden(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.IndexByte("\"#%/:<>?@[\\]^`{|}", byte(r)) >= 0
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
