package web

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
)

// This file has the proxies in front of a site: which ones it trusts, and what they say of
// the clients whose requests they pass on.

// Proxies names the proxies whose word a [Site] takes: what they say of a request in
// headers replaces the client's address, scheme and host. The zero value trusts nobody: the
// headers are then headers like all others, since any client can send them.
//
//	site.Proxies = web.Proxies{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
//
// Behind a named proxy, [Request.GetClientAddress] and http.Request.RemoteAddr are the client's
// address, with port 0 if the proxy does not tell the port. [Request.IsSecure] tells
// whether the client uses https: so sessions have their Secure cookie, and
// [Request.PrePathURL] the right scheme. [Request.GetRequestHostname] and http.Request.Host
// are the host that the client named. Access logs have the client's address and host.
// http.Request.TLS and [Request.GetHost] remain those of the connection.
type Proxies struct {
	// Addresses are the addresses of the proxies. An IPv4 address in an IPv6 one counts
	// as the IPv4 address.
	Addresses []netip.Prefix
	// UNIX trusts whoever connects to a UNIX socket of the site; see
	// [reactor.UNIX]. The permissions of the socket say who that is.
	UNIX bool
	// Headers names the headers that count. Each of them must be set, extended or removed
	// by the proxies: a header that a proxy passes on as it is comes from the client. The
	// names are either "Forwarded" alone (RFC 7239), or some of
	//
	//	X-Forwarded-For    the client's address, and those of proxies on the way
	//	X-Forwarded-Proto  http or https
	//	X-Forwarded-Host   the host that the client named, with or without a port
	//	X-Forwarded-Port   the port that the client connected to
	//
	// nil means X-Forwarded-For and X-Forwarded-Proto.
	//
	// The client is the last address that is not a proxy's, read from the right: what is
	// left of it may be invented. If the proxy before does not know the address, or hides
	// it ("unknown", "_name"), the client is that proxy. Of Forwarded, the element with the
	// client's address also has its scheme and host. If X-Forwarded-Proto, -Host or -Port
	// is a list, the last value counts.
	Headers []string
}

var defaultForwarded = []string{"X-Forwarded-For", "X-Forwarded-Proto"}

// check panics on invalid fields.
func (p *Proxies) check() {
	for _, in := range p.Addresses {
		if !in.IsValid() {
			panic("web: Proxies.Addresses has an invalid prefix: was the error of netip.ParsePrefix dropped?")
		}
	}
	for _, name := range p.Headers {
		switch http.CanonicalHeaderKey(name) {
		case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port":
		case "Forwarded":
			if len(p.Headers) != 1 {
				panic("web: Proxies.Headers has Forwarded and others: name only what the proxies set")
			}
		default:
			panic("web: Proxies.Headers has " + strconv.Quote(name) + ", which is neither Forwarded nor X-Forwarded-For, -Proto, -Host or -Port")
		}
	}
}

// trusts reports whether the connection from peer is a proxy's.
func (p *Proxies) trusts(peer net.Addr) bool {
	switch a := peer.(type) {
	case *net.TCPAddr:
		return len(p.Addresses) != 0 && p.has(a.AddrPort().Addr().Unmap().WithZone(""))
	case *net.UnixAddr:
		return p.UNIX
	}
	return false
}

// has reports whether ip is a proxy's. An IPv4 address is never in IPv6's form here.
func (p *Proxies) has(ip netip.Addr) bool {
	return slices.ContainsFunc(p.Addresses, func(in netip.Prefix) bool {
		return in.Contains(ip) || in.Addr().Is4In6() && ip.Is4() && in.Contains(netip.AddrFrom16(ip.As16()))
	})
}

// forwarded is what a proxy says of a request.
type forwarded struct {
	client net.Addr       // nil if it is the proxy
	at     netip.AddrPort // the same
	proto  string         // "http", "https", or "" for that of the connection
	host   string         // "" for that of the request
	port   string         // added to a host without a port; "" for none
}

// read returns what the headers of a proxy's request say.
func (p *Proxies) read(h http.Header) *forwarded {
	names := p.Headers
	if names == nil {
		names = defaultForwarded
	}
	f := &forwarded{}
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		switch name {
		case "Forwarded":
			p.readForwarded(f, h[name])
		case "X-Forwarded-For":
			p.readAddresses(f, h[name])
		case "X-Forwarded-Proto":
			f.proto = schemeOf(lastOf(h[name]))
		case "X-Forwarded-Host":
			f.host = hostOf(lastOf(h[name]))
		case "X-Forwarded-Port":
			if n, err := strconv.ParseUint(lastOf(h[name]), 10, 16); err == nil && n != 0 {
				f.port = strconv.FormatUint(n, 10)
			}
		}
	}
	if f.at.IsValid() {
		f.client = net.TCPAddrFromAddrPort(f.at)
	}
	return f
}

// readAddresses reads the values of X-Forwarded-For from the right.
func (p *Proxies) readAddresses(f *forwarded, values []string) {
	for _, value := range slices.Backward(values) {
		for more := true; more; {
			var one string
			if comma := strings.LastIndexByte(value, ','); comma >= 0 {
				value, one = value[:comma], value[comma+1:]
			} else {
				one, more = value, false
			}
			if !p.hop(f, strings.Trim(one, " \t")) {
				return
			}
		}
	}
}

// hop takes node for the client, and reports whether it is a proxy, so that the node before
// it is to be looked at.
func (p *Proxies) hop(f *forwarded, node string) (more bool) {
	at, ok := parseNode(node)
	if ok {
		f.at = at
	}
	return ok && p.has(at.Addr())
}

// parseNode reads an IP address, in brackets or not, with or without a port. A hidden port
// ("_name") is 0.
func parseNode(s string) (at netip.AddrPort, ok bool) {
	address, port := s, ""
	if strings.HasPrefix(s, "[") {
		var rest string
		if address, rest, ok = strings.Cut(s[1:], "]"); !ok || rest != "" && rest[0] != ':' {
			return at, false
		}
		port = strings.TrimPrefix(rest, ":")
	} else if host, p, found := strings.Cut(s, ":"); found && !strings.Contains(p, ":") {
		address, port = host, p
	}
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Zone() != "" {
		return at, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		n = 0
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), true
}

// lastOf returns the last value of a list.
func lastOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.Trim(last[strings.LastIndexByte(last, ',')+1:], " \t")
}

// schemeOf returns "http" or "https", or "" for anything else.
func schemeOf(s string) string {
	switch s = strings.ToLower(s); s {
	case "http", "https":
		return s
	case "ws", "wss":
		return "http" + s[2:]
	}
	return ""
}

// hostOf returns s, or "" if it is not a host with an optional port.
func hostOf(s string) string {
	if http1.IsHostAndPort(s) {
		return s
	}
	return ""
}

// requestHost returns the host that the client has named, with a port or without.
func (r *Request) requestHost() string {
	f := r.forwarded
	if f == nil {
		return r.host
	}
	host := cmp.Or(f.host, r.host)
	standard := "80"
	if r.IsSecure() {
		standard = "443"
	}
	if f.port == "" || f.port == standard || host == "" || (&url.URL{Host: host}).Port() != "" {
		return host
	}
	return host + ":" + f.port
}

// Forwarded.

// readForwarded reads the values of Forwarded from the right: a quote that a client has left
// open must not hide what a proxy has appended.
func (p *Proxies) readForwarded(f *forwarded, values []string) {
	for _, value := range slices.Backward(values) {
		for more := true; more; {
			var e element
			var ok bool
			if value, more, ok = e.cut(value); !ok {
				return
			}
			f.proto, f.host = schemeOf(e.proto), hostOf(e.host)
			if !p.hop(f, e.node) {
				return
			}
		}
	}
}

// An element is one element of Forwarded.
type element struct{ node, proto, host string }

// cut cuts the last element off list. more says that a comma is before it. ok is false if the
// element is invalid.
func (e *element) cut(list string) (rest string, more, ok bool) {
	seen := 0 // a bit for each parameter
	for {
		pair, sep, valid := cutPair(&list)
		if !valid {
			return "", false, false
		}
		name, value, found := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !found && name != "" {
			return "", false, false
		}
		bit := 0
		switch strings.ToLower(name) {
		case "for":
			bit, e.node = 1, unquoted(value)
		case "proto":
			bit, e.proto = 2, unquoted(value)
		case "host":
			bit, e.host = 4, unquoted(value)
		}
		if seen&bit != 0 {
			return "", false, false // a parameter occurs only once (RFC 7239, section 4)
		}
		seen |= bit
		if sep != ';' {
			return list, sep == ',', true
		}
	}
}

// cutPair cuts the last parameter off list, with the separator before it: ';', ',' or 0. ok is
// false if a quote has no other.
func cutPair(list *string) (pair string, sep byte, ok bool) {
	s := *list
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch c := s[i]; {
		case c == '"':
			before := strings.TrimRight(s[:i], `\`)
			escaped := (i-len(before))%2 != 0
			if escaped && !quoted {
				return "", 0, false
			}
			if !escaped {
				quoted = !quoted
			}
			i = len(before)
		case !quoted && (c == ';' || c == ','):
			*list = s[:i]
			return s[i+1:], c, true
		}
	}
	*list = ""
	return s, 0, !quoted
}

// unquoted returns the value of a token or of a quoted string.
func unquoted(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
