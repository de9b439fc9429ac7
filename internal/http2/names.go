package http2

// This file holds what is known of the names of headers: their two forms, and which of them HTTP/2 treats in a special way.

import (
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/secret"
)

// A role is the special way in which a header is treated.
type role uint8

const (
	ordinary   role = iota
	connection      // about the connection, which HTTP/2 does not allow (RFC 9113, section 8.2.2)
	transferCodings
	hostName
	cookie
	length
)

// An indexing says whether a header goes into the table of the peer's decoder (RFC 7541, section 6.2).
type indexing uint8

const (
	indexed    indexing = iota
	unindexed           // changes with each message
	neverIndex          // secret, so that nobody can find it out by trying (RFC 7541, section 7.1)
)

// A name is the name of a header.
type name struct {
	canonical string // as in http.Header: Content-Type
	lower     string // as on the wire: content-type
	role      role
	indexing  indexing
	static    uint8 // its index in the static table (RFC 7541, appendix A), or 0
	number    uint8 // of a well-known name, from 1 on; 0: another one
}

// names are the well-known names by both forms.
var names = func() map[string]*name {
	m := map[string]*name{}
	last := uint8(0)
	add := func(canonical string) {
		n := newName(canonical, strings.ToLower(canonical))
		if m[n.lower] != nil {
			return
		}
		n.index()
		if last++; last < mostNumbers {
			n.number = last
		}
		m[n.canonical], m[n.lower] = n, n
	}
	for canonical := range http1.CommonNames {
		add(canonical)
	}
	for lower := range staticNames {
		if lower[0] != ':' {
			add(http1.CanonicalName(lower))
		}
	}
	for _, canonical := range []string{"Proxy-Connection", "Priority", "Accept-Patch", "Alt-Used", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile",
		"Sec-Ch-Ua-Platform", "Sec-Fetch-User", "Upgrade-Insecure-Requests", "Sec-Websocket-Version", "Sec-Websocket-Protocol",
		"Sec-Websocket-Extensions", "Traceparent", "Tracestate", "Idempotency-Key", "X-Forwarded-Server"} {
		add(canonical)
	}
	return m
}()

var nameHost = names["host"]

func newName(canonical, lower string) *name {
	n := &name{canonical: canonical, lower: lower, static: staticNames[lower]}
	switch lower {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		n.role = connection
	case "te":
		n.role = transferCodings
	case "host":
		n.role = hostName
	case "cookie":
		n.role = cookie
	case "content-length":
		n.role = length
	}
	return n
}

// elsewhere reports whether the header is not written as a field of its own: HTTP/2 has another place for it, or none.
func (n *name) elsewhere() bool {
	return n.role == connection || n.role == hostName || n.role == length
}

// IsField reports whether a header of an http.Header is written as a field of its own.
func IsField(key string) bool {
	lower := strings.ToLower(key)
	n := names[lower]
	return n == nil || !n.elsewhere()
}

// index decides how the header is written.
func (n *name) index() {
	switch n.lower {
	case "age", "content-length", "content-range", "date", "etag", "expires", "if-match", "if-modified-since", "if-none-match",
		"if-range", "if-unmodified-since", "last-modified", "location", "range", "idempotency-key", "traceparent", "x-request-id":
		n.indexing = unindexed
	case "cookie": // by its length
	default:
		if secret.Known.Has(n.lower) {
			n.indexing = neverIndex
		}
	}
}

// staticNames has the first index of each name in the static table (RFC 7541, appendix A).
var staticNames = map[string]uint8{
	":authority": 1, ":method": 2, ":path": 4, ":scheme": 6, ":status": 8,
	"accept-charset": 15, "accept-encoding": 16, "accept-language": 17, "accept-ranges": 18, "accept": 19,
	"access-control-allow-origin": 20, "age": 21, "allow": 22, "authorization": 23, "cache-control": 24,
	"content-disposition": 25, "content-encoding": 26, "content-language": 27, "content-length": 28, "content-location": 29,
	"content-range": 30, "content-type": 31, "cookie": 32, "date": 33, "etag": 34, "expect": 35, "expires": 36, "from": 37,
	"host": 38, "if-match": 39, "if-modified-since": 40, "if-none-match": 41, "if-range": 42, "if-unmodified-since": 43,
	"last-modified": 44, "link": 45, "location": 46, "max-forwards": 47, "proxy-authenticate": 48, "proxy-authorization": 49,
	"range": 50, "referer": 51, "refresh": 52, "retry-after": 53, "server": 54, "set-cookie": 55, "strict-transport-security": 56,
	"transfer-encoding": 57, "user-agent": 58, "vary": 59, "via": 60, "www-authenticate": 61,
}

// mostNumbers bounds the numbers of well-known names.
const mostNumbers = 192

// A nameSet is a set of numbers of well-known names.
type nameSet [mostNumbers / 64]uint64

// add adds the number of n, and reports whether it surely was not in the set before.
func (s *nameSet) add(n *name) bool {
	word, bit := n.number/64, uint64(1)<<(n.number%64)
	fresh := n.number > 0 && s[word]&bit == 0
	s[word] |= bit
	return fresh
}

// A nameCache has names that are not well-known. It holds few, so that a peer cannot fill it for ever.
type nameCache map[string]*name

const (
	mostNames  = 64 // in a nameCache
	longestKey = 64 // names that are longer are not kept
)

func (c *nameCache) keep(key string, n *name) {
	if len(key) > longestKey || len(*c) >= mostNames {
		return
	}
	if *c == nil {
		*c = nameCache{}
	}
	(*c)[key] = n
}

// isName reports whether s may be the name of a header on the wire. A server takes lower-case tokens; a client takes all
// but the characters that RFC 9113, section 8.2.1, forbids.
func isName(s string, lenient bool) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || 'A' <= c && c <= 'Z' || c >= 0x7f || c == ':' {
			return false
		}
	}
	return s != "" && (lenient || http1.IsToken(s))
}
