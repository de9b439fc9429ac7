package client

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/origin"
)

// PathParams fill the placeholders in the path of the URL and of [Config].BaseURL:
//
//	c.Get("/users/{id}/files/{name}", client.PathParams{"id": 7, "name": "a/b.txt"})
//
// requests /users/7/files/a%2Fb.txt. A value is a text, a number, a bool or a
// [fmt.Stringer]. It is escaped as a part of one segment of the path, whatever it contains:
// only letters, digits and -._~ stay (RFC 6570, section 3.2.2).
//
// A placeholder without a value is an error, and so is a value without a placeholder, unless
// it is one of the [Config]'s Defaults. It is an error, too, if a segment becomes empty, "."
// or "..", since that names another path. A brace that is not a placeholder's is written as
// %7B or %7D; in a URL of [HTTPClient.RequestURL], the braces count that are in RawPath, or in
// Path if RawPath is empty. The query has no placeholders: use [Params].
//
// Without PathParams, braces have no meaning. PathParams replace those of the same names from
// earlier options.
type PathParams map[string]any

func (p PathParams) apply(s *settings) error {
	if s.pathParams == nil {
		s.pathParams = make(map[string]string, len(p))
	}
	var first error
	for _, name := range slices.Sorted(maps.Keys(p)) {
		text, err := pathParam(p[name])
		if err != nil && first == nil {
			first = fmt.Errorf("%w: PathParams: %q: %w", ErrOption, name, err)
		}
		s.pathParams[name] = text
	}
	return first
}

// pathParam returns the text of v.
func pathParam(v any) (string, error) {
	if s, ok := v.(fmt.Stringer); ok && missing("", v) == nil {
		return s.String(), nil
	}
	if texts, ok := textsOf(v); ok && len(texts) == 1 {
		return texts[0], nil
	}
	return "", fmt.Errorf("a %T is not a text, a number, a bool or a fmt.Stringer", v)
}

// A source is the URL of a request as the caller gave it.
type source struct {
	text string   // what Request got
	url  *url.URL // what RequestURL got; nil for Request
}

// has reports whether the URL may have a placeholder.
func (s source) has() bool {
	if s.url != nil {
		return strings.ContainsAny(s.url.Path, "{}")
	}
	return strings.ContainsAny(s.text, "{}")
}

// fill returns the target of a request with options s: target, which was made from src, with
// the placeholders filled.
//
// A filled URL does not go through the cache of parsed URLs: most differ from all others.
func (c *HTTPClient) fill(s *settings, target *url.URL, src source) (*url.URL, error) {
	if s.pathParams == nil && (s.defaultPathParams == nil || !src.has() && !strings.ContainsAny(c.config.BaseURL, "{}")) {
		return target, nil
	}
	f := filler{own: s.pathParams, defaults: s.defaultPathParams, used: make(map[string]bool)}
	filled, err := f.target(c, src)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(f.own)) {
		if !f.used[name] {
			return nil, fmt.Errorf("%w: PathParams: %q: the path of the URL has no {%s}", ErrOption, name, name)
		}
	}
	return filled, nil
}

// A filler fills the placeholders in the URL of one request.
type filler struct {
	own, defaults map[string]string // the values of the request and of the client's Defaults
	used          map[string]bool   // the names of the placeholders that were found
}

// target returns the target of a request of c for src.
func (f *filler) target(c *HTTPClient, src source) (*url.URL, error) {
	base := c.base
	relative := src.url != nil && src.url.Scheme == "" || src.url == nil && !origin.HasScheme(src.text)
	if relative && strings.ContainsAny(c.config.BaseURL, "{}") {
		text, err := f.text(c.config.BaseURL)
		if err == nil {
			base, err = parseBase(text)
		}
		if err != nil {
			return nil, err
		}
	}
	if src.url != nil {
		u, err := f.url(src.url)
		if err != nil {
			return nil, err
		}
		return targetOf(base, u)
	}
	text, err := f.text(src.text)
	if err != nil {
		return nil, err
	}
	if relative && origin.HasScheme(text) {
		text = "./" + text // a value before a colon is not a scheme
	}
	return parseURL(base, text)
}

// text returns rawURL with the placeholders of its path filled.
func (f *filler) text(rawURL string) (string, error) {
	before, path, after := origin.SplitPath(rawURL)
	path, err := f.path(path)
	return before + path + after, err
}

// url returns u with the placeholders of its path filled.
func (f *filler) url(u *url.URL) (*url.URL, error) {
	path := u.RawPath
	if decoded, err := url.PathUnescape(path); path == "" || err != nil || decoded != u.Path {
		path = braces.Replace((&url.URL{Path: u.Path}).EscapedPath())
	}
	path, err := f.path(path)
	if err != nil {
		return nil, err
	}
	filled := *u
	filled.RawPath = path
	filled.Path, err = url.PathUnescape(path)
	return &filled, err
}

var braces = strings.NewReplacer("%7B", "{", "%7D", "}")

// path returns path, which is escaped but for the braces of its placeholders, with the
// placeholders filled.
func (f *filler) path(path string) (string, error) {
	if !strings.ContainsAny(path, "{}") {
		return path, nil
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		filled, err := f.segment(segment)
		if err != nil {
			return "", fmt.Errorf("%w: PathParams: %w", ErrOption, err)
		}
		segments[i] = filled
	}
	return strings.Join(segments, "/"), nil
}

func (f *filler) segment(segment string) (string, error) {
	var b strings.Builder
	rest := segment
	for {
		literal, behind, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return "", fmt.Errorf("%.200q has a } without a {", segment)
		}
		b.WriteString(literal)
		if !found {
			break
		}
		name, after, closed := strings.Cut(behind, "}")
		if !closed || strings.Contains(name, "{") {
			return "", fmt.Errorf("%.200q has a { without a }", segment)
		}
		value, ok := f.own[name]
		if !ok {
			value, ok = f.defaults[name]
		}
		if !ok {
			return "", fmt.Errorf("no value for {%.200s}", name)
		}
		f.used[name] = true
		b.WriteString(origin.EscapeAll(value))
		rest = after
	}
	filled := b.String()
	switch decoded, _ := url.PathUnescape(filled); {
	case filled == segment: // no placeholder
	case decoded == "":
		return "", fmt.Errorf("%.200s is empty: the URL would name another path", segment)
	case decoded == ".", decoded == "..":
		return "", fmt.Errorf("%.200s is %q: the URL would name another path", segment, decoded)
	}
	return filled, nil
}
