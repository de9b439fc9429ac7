package http2

// This file turns header blocks into heads and trailers (RFC 9113, section 8). It must not know frames.

import (
	"net/http"
	"strings"

	"golang.org/x/net/http2/hpack"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A fieldReader decompresses header blocks. It keeps no more of one than the limits allow, but decompresses all of it, so
// that its table stays that of the peer.
type fieldReader struct {
	limits   *wire.Limits
	decoder  *hpack.Decoder
	list     []hpack.HeaderField
	size     int64       // of the block, as RFC 9113, section 6.5.2, counts it
	most     int64       // largest allowed size
	tooLarge *wire.Error // the block exceeds a limit
	names    nameCache
	crumbs   []string

	memory *blockMemory     // of the heads of responses; nil at a server
	known  *rememberedBlock // the last block, if it is one that is remembered, and has come before; else nil
}

// tableSize is the size of the tables of both directions: the default (RFC 7541, section 4.2).
const tableSize = 4096

func (r *fieldReader) init(limits *wire.Limits) {
	r.limits = limits
	r.decoder = hpack.NewDecoder(tableSize, r.field)
}

// decode decompresses a block into list.
func (r *fieldReader) decode(block []byte, trailers bool) error {
	r.size, r.tooLarge, r.known = 0, nil, nil
	if r.memory != nil {
		if b, known := r.memory.find(block); known && !trailers {
			if r.known = b; b.says != nil {
				return nil
			}
		}
	}
	r.most = int64(r.limits.HeaderBytes)
	if trailers {
		r.most = int64(r.limits.TrailerBytes)
	}
	r.decoder.SetEmitEnabled(true)
	// A block may begin with two new sizes of the table (RFC 7541, section 4.2). The decoder takes one, so the first is
	// given to it as a block of its own.
	if n := resizeLength(block); n > 0 && n < len(block) && isResize(block[n]) {
		if _, err := r.decoder.Write(block[:n]); err != nil {
			return err
		}
		if err := r.decoder.Close(); err != nil {
			return err
		}
		block = block[n:]
	}
	if _, err := r.decoder.Write(block); err != nil {
		return err
	}
	return r.decoder.Close()
}

func isResize(first byte) bool { return first&0xe0 == 0x20 }

// resizeLength returns the length of the new size of the table with which block begins, or 0 if there is none.
func resizeLength(block []byte) int {
	if len(block) == 0 || !isResize(block[0]) {
		return 0
	}
	n := 1
	if block[0]&0x1f == 0x1f {
		for n < len(block) && block[n]&0x80 != 0 {
			n++
		}
		n++
	}
	return n
}

// field takes a field from the decoder.
func (r *fieldReader) field(f hpack.HeaderField) {
	r.size += int64(len(f.Name)) + int64(len(f.Value)) + 32
	switch {
	case r.size > r.most:
		r.tooLarge = http1.Errorf(wire.ErrHeadersTooLarge, "more than %d bytes", r.most)
	case len(r.list) >= r.limits.HeaderCount:
		r.tooLarge = http1.Errorf(wire.ErrTooManyHeaders, "more than %d", r.limits.HeaderCount)
	default:
		r.list = append(r.list, f)
		return
	}
	// A request whose path is too large gets an answer, so that its pseudo-headers are kept.
	if strings.HasPrefix(f.Name, ":") && len(r.list) < mostPseudo {
		r.list = append(r.list, f)
		return
	}
	r.decoder.SetEmitEnabled(false)
}

// mostPseudo is the number of pseudo-headers that a message can have.
const mostPseudo = 5

// keptFields is the number of fields for which room is kept.
const keptFields = 64

// forget lets go of the fields of the last block.
func (r *fieldReader) forget() {
	clear(r.list)
	clear(r.crumbs)
	r.list, r.crumbs = r.list[:0], r.crumbs[:0]
	if cap(r.list) > keptFields {
		r.list = nil
	}
}

// A pseudo is the set of the pseudo-headers of a message.
type pseudo struct {
	method, scheme, authority, path, protocol, status string
	has                                               pseudoFlags
}

type pseudoFlags uint8

const (
	hasMethod pseudoFlags = 1 << iota
	hasScheme
	hasAuthority
	hasPath
	hasProtocol
	hasStatus
)

const (
	requestPseudo  = hasMethod | hasScheme | hasAuthority | hasPath | hasProtocol
	responsePseudo = hasStatus
)

// pseudo takes the pseudo-headers off the front of list.
func (r *fieldReader) pseudo(p *pseudo, allowed pseudoFlags) (fields []hpack.HeaderField, err error) {
	for i, f := range r.list {
		if f.Name == "" || f.Name[0] != ':' {
			return r.list[i:], nil
		}
		var flag pseudoFlags
		switch f.Name {
		case ":method":
			flag, p.method = hasMethod, f.Value
		case ":scheme":
			flag, p.scheme = hasScheme, f.Value
		case ":authority":
			flag, p.authority = hasAuthority, f.Value
		case ":path":
			flag, p.path = hasPath, f.Value
		case ":protocol":
			flag, p.protocol = hasProtocol, f.Value
		case ":status":
			flag, p.status = hasStatus, f.Value
		}
		switch {
		case flag&allowed == 0:
			return nil, pseudoError("%s is not allowed here", http1.Quote(f.Name))
		case p.has&flag != 0:
			return nil, pseudoError("%s is repeated", f.Name)
		}
		p.has |= flag
	}
	return nil, nil
}

func pseudoError(format string, args ...any) error {
	return http1.Errorf(wire.ErrPseudoHeader, format+" (RFC 9113, section 8.3)", args...)
}

// A section is a header or trailer section in the making.
//
// One slice holds all values, as in package http1. Well-known names, and those that came before, cost no allocation.
type section struct {
	header  http.Header
	values  []string
	seen    nameSet
	lenient bool     // the rules of a client, which reads what cannot be misread
	host    string   // :authority, which is Host already, or ""
	hosts   int      // fields with the name Host
	crumbs  []string // the pieces of Cookie, if they are to be joined
	sized   bool     // there is a Content-Length
}

// section makes a section of fields. host is the :authority, which becomes Host, or "".
func (r *fieldReader) section(fields []hpack.HeaderField, lenient bool, host string) (section, error) {
	s := section{lenient: lenient, host: host, crumbs: r.crumbs}
	n := len(fields)
	if host != "" {
		n++
	}
	s.header, s.values = make(http.Header, n), make([]string, 0, n)
	if host != "" {
		s.put(nameHost, host)
	}
	for _, f := range fields {
		n, err := r.name(f.Name, lenient)
		if err != nil {
			return s, err
		}
		value, err := checkValue(n, f.Value, lenient)
		if err != nil {
			return s, err
		}
		if n.role == ordinary {
			s.put(n, value)
		} else if err := s.special(n, value); err != nil {
			return s, err
		}
	}
	if len(s.crumbs) > 1 {
		s.header["Cookie"][0] = strings.Join(s.crumbs, "; ")
	}
	r.crumbs = s.crumbs
	return s, nil
}

// put adds a value.
func (s *section) put(n *name, value string) {
	if !s.seen.add(n) {
		if earlier, ok := s.header[n.canonical]; ok {
			s.header[n.canonical] = append(earlier, value)
			return
		}
	}
	// The capacity is 1, so that appending to the values of one header does not overwrite those of the next.
	s.values = append(s.values, value)
	s.header[n.canonical] = s.values[len(s.values)-1 : len(s.values) : len(s.values)]
}

// special adds a header that has a role.
func (s *section) special(n *name, value string) error {
	switch {
	case n.role == connection:
		return http1.Errorf(wire.ErrConnectionHeader, "%s (RFC 9113, section 8.2.2)", n.canonical)
	case n.role == length:
		s.sized = true
	case s.lenient:
	case n.role == transferCodings && !http1.EqualFold(value, "trailers"):
		return http1.Errorf(wire.ErrConnectionHeader, "TE is %s, not trailers (RFC 9113, section 8.2.2)", http1.Quote(value))
	case n.role == cookie:
		if s.crumbs = append(s.crumbs, value); len(s.crumbs) > 1 {
			return nil
		}
	case n.role == hostName:
		s.hosts++
		switch {
		case s.hosts > 1:
			return http1.Errorf(wire.ErrHost, "%d of them: %s, %s", s.hosts, http1.Quote(s.header["Host"][0]), http1.Quote(value))
		case s.host != "" && !http1.EqualFold(s.host, value):
			return http1.Errorf(wire.ErrHost, ":authority is %s, Host is %s (RFC 9113, section 8.3.1)", http1.Quote(s.host), http1.Quote(value))
		case s.host != "":
			return nil
		}
	}
	s.put(n, value)
	return nil
}

// length returns Content-Length, or -1.
func (s *section) length() (int64, error) {
	if !s.sized {
		return -1, nil
	}
	return http1.ContentLength(s.header["Content-Length"])
}

// name returns what is known of the name of a field.
func (r *fieldReader) name(lower string, lenient bool) (*name, error) {
	if n := names[lower]; n != nil && n.lower == lower {
		return n, nil
	}
	if n := r.names[lower]; n != nil {
		return n, nil
	}
	switch {
	case lower != "" && lower[0] == ':':
		return nil, pseudoError("%s comes after the headers, or in trailers", http1.Quote(lower))
	case !isName(lower, lenient):
		return nil, http1.Errorf(wire.ErrHeaderName, "%s (RFC 9113, section 8.2.1)", http1.Quote(lower))
	}
	canonical := lower
	if http1.IsToken(lower) {
		canonical = http1.CanonicalName(lower)
	}
	n := newName(canonical, lower)
	r.names.keep(lower, n)
	return n, nil
}

// checkValue checks the value of a field (RFC 9113, section 8.2.1).
func checkValue(n *name, value string, lenient bool) (string, error) {
	if i := http1.BadByte(value, lenient); i >= 0 {
		return "", http1.Errorf(wire.ErrHeaderValue, "byte %s in %s, in the header %s (RFC 9113, section 8.2.1)",
			http1.Quote(value[i:i+1]), http1.QuoteValue(n.canonical, value), http1.Quote(n.canonical))
	}
	if trimmed := http1.Trim(value); trimmed != value {
		if !lenient {
			return "", http1.Errorf(wire.ErrHeaderValue, "whitespace at an end of %s, in the header %s (RFC 9113, section 8.2.1)",
				http1.QuoteValue(n.canonical, value), http1.Quote(n.canonical))
		}
		value = trimmed
	}
	return value, nil
}

// trailer makes trailers of the last block.
func (r *fieldReader) trailer(strict bool) (http.Header, error) {
	if r.tooLarge != nil {
		return nil, http1.Errorf(wire.ErrTrailersTooLarge, "%s", r.tooLarge.Detail)
	}
	if len(r.list) == 0 {
		return nil, nil
	}
	s, err := r.section(r.list, !strict, "")
	return s.header, err
}
