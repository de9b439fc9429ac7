package response

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/origin"
)

// This file reads the links in the headers of a response (RFC 8288).

// ErrLink says that a Link header has something that is no link. The text of the error has its
// beginning.
var ErrLink = errors.New("bad Link header")

// A Link is a link in a Link header.
type Link struct {
	// URL is the target. A relative one is resolved against the URL of the request, the
	// last one after redirects. It may have another scheme than http and https.
	URL *url.URL
	// Rel has the relation types, such as "next", in lower case.
	Rel []string
	// Anchor is the context: what the link belongs to. nil means the response.
	Anchor *url.URL
	// Params has the other parameters, such as "title", in their order: the name in lower
	// case, and the value, which may be empty.
	Params [][2]string
}

// Param returns the value of the first parameter of that name, or "". The value of "title*"
// counts more than that of "title", and so on (RFC 8187); it is returned as decoded text.
func (l *Link) Param(name string) string {
	name = strings.ToLower(name)
	for _, p := range l.Params {
		if p[0] == name+"*" {
			if text, ok := decodeExtended(p[1]); ok {
				return text
			}
		}
	}
	for _, p := range l.Params {
		if p[0] == name {
			return p[1]
		}
	}
	return ""
}

// Links returns the links in the headers of r, in their order. What is no link is an error
// that matches [ErrLink], in its place and with a zero Link; the links after it follow.
func (r *Response) Links() iter.Seq2[Link, error] {
	return func(yield func(Link, error) bool) {
		for _, rest := range r.Header["Link"] {
			for rest = skipEmpty(rest); rest != ""; rest = skipEmpty(rest) {
				text := rest
				var l Link
				var err error
				if l, rest, err = r.cutLink(rest); err != nil {
					l, rest = Link{}, nextLink(rest)
					err = fmt.Errorf("%s%w: %w: %s", r.prefix(), ErrLink, err, r.quote(text))
				}
				if !yield(l, err) {
					return
				}
			}
		}
	}
}

// Link returns the URL of the first link of r itself that has the relation type rel, such as
// "next" for the next page. It returns "" if there is none, and an error that matches
// [ErrLink] if the headers have something that is no link: it may have been the one.
//
//	for url := first; url != ""; {
//		resp, err := deferred.Await(co, c.Get(url))
//		...
//		url, err = resp.Link("next")
//		...
//	}
//
// The server chooses the URL, which may be on another host. The credentials in the Defaults
// of a client with a BaseURL stay with its origin; a program that adds credentials to each
// request looks first where it goes.
func (r *Response) Link(rel string) (string, error) {
	rel = strings.ToLower(rel)
	var bad error
	for l, err := range r.Links() {
		switch {
		case err != nil && bad == nil:
			bad = err
		case err == nil && slices.Contains(l.Rel, rel) && r.isContext(l.Anchor):
			return l.URL.String(), nil
		}
	}
	return "", bad
}

// isContext reports whether anchor is r itself.
func (r *Response) isContext(anchor *url.URL) bool {
	if anchor == nil {
		return true
	}
	itself, err := r.resolve("")
	return err == nil && anchor.String() == itself.String()
}

// resolve returns the URL that a link of r refers to.
func (r *Response) resolve(ref string) (*url.URL, error) {
	if u, err := url.Parse(ref); err == nil && u.Opaque != "" {
		return u, nil // such as mailto:
	} else if err == nil && u.Scheme != "" && !strings.EqualFold(u.Scheme, "http") && !strings.EqualFold(u.Scheme, "https") {
		return u, nil
	}
	base := new(url.URL)
	if r.Request != nil && r.Request.URL != nil {
		base = r.Request.URL
	}
	u, err := origin.Resolve(base, ref)
	if err == nil && !strings.Contains(ref, "#") {
		u.Fragment, u.RawFragment = "", "" // that of base, which only a redirect inherits
	}
	return u, err
}

// skipEmpty skips the empty elements of a list (RFC 9110, section 5.6.1.2).
func skipEmpty(s string) string { return strings.TrimLeft(s, " \t,") }

// nextLink returns what follows a broken link in s.
func nextLink(s string) string {
	for {
		_, after, found := strings.Cut(s, ",")
		if !found {
			return ""
		}
		if s = strings.TrimLeft(after, " \t"); strings.HasPrefix(s, "<") {
			return s
		}
	}
}

// cutLink cuts the first link off s, as RFC 8288, appendix B.2, says. If it is broken, rest
// begins where it breaks.
func (r *Response) cutLink(s string) (l Link, rest string, err error) {
	if s[0] != '<' {
		return l, s, errors.New(`no "<" begins the target`)
	}
	end := strings.IndexAny(s[1:], "<>") + 1
	if end == 0 {
		return l, "", errors.New(`no ">" ends the target`)
	}
	if s[end] == '<' {
		return l, s[1:], errors.New(`no ">" ends the target`)
	}
	target := s[1:end]
	params, rest, err := cutParams(s[end+1:])
	if err != nil {
		return l, rest, err
	}
	hasRel := false
	for _, p := range params {
		switch {
		case p[0] == "rel" && !hasRel:
			hasRel = true
			l.Rel = strings.Fields(strings.ToLower(p[1]))
		case p[0] == "rel": // only the first counts
		case p[0] == "anchor" && l.Anchor == nil:
			if l.Anchor, err = r.resolve(trim(p[1])); err != nil {
				return l, rest, fmt.Errorf("the anchor: %w", err)
			}
		case p[0] == "anchor":
		default:
			l.Params = append(l.Params, p)
		}
	}
	if l.URL, err = r.resolve(trim(target)); err != nil {
		return l, rest, fmt.Errorf("the target: %w", err)
	}
	return l, rest, nil
}

// cutParams cuts the parameters of a link off s (RFC 8288, appendix B.3). If one is broken,
// rest begins with it.
func cutParams(s string) (params [][2]string, rest string, err error) {
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" || s[0] == ',' {
			return params, s, nil
		}
		if s[0] != ';' {
			return nil, s, errors.New("a parameter begins without a semicolon")
		}
		s = strings.TrimLeft(s[1:], " \t")
		end := strings.IndexAny(s, " \t=;,")
		if end < 0 {
			end = len(s)
		}
		name, value := strings.ToLower(s[:end]), ""
		s = strings.TrimLeft(s[end:], " \t")
		if strings.HasPrefix(s, "=") {
			s = strings.TrimLeft(s[1:], " \t")
			if strings.HasPrefix(s, `"`) {
				closed := false
				before := s
				if value, s, closed = cutQuoted(s[1:]); !closed {
					return nil, before, errors.New("a quoted string does not end")
				}
			} else {
				if end = strings.IndexAny(s, ";,"); end < 0 {
					end = len(s)
				}
				value, s = trim(s[:end]), s[end:]
			}
		}
		if name != "" {
			params = append(params, [2]string{name, value})
		}
	}
}

// decodeExtended decodes an extended value: a charset, a language and escaped bytes, separated
// by single quotes (RFC 8187, section 3.2).
func decodeExtended(value string) (text string, ok bool) {
	charset, rest, _ := strings.Cut(value, "'")
	_, escaped, found := strings.Cut(rest, "'")
	bytes, err := url.PathUnescape(escaped)
	if !found || err != nil {
		return "", false
	}
	text, err = decode([]byte(bytes), charset)
	return text, err == nil
}
