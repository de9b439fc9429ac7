package client

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/origin"
)

// ErrURL is the error of a URL that cannot be requested.
var ErrURL = errors.New("not a URL that can be requested")

// An urlError is an ErrURL whose text is that of the reason.
type urlError struct{ reason error }

func (e urlError) Error() string   { return e.reason.Error() }
func (e urlError) Unwrap() []error { return []error{ErrURL, e.reason} }

// A urlCache maps recently requested URLs to their parsed forms: programs often request
// the same URL again. The parsed URLs are shared and must not be changed.
type urlCache map[string]*url.URL

// mostURLs bounds a urlCache. A full cache is emptied.
const mostURLs = 256

// parse is parseURL, with the same base at each call.
func (c *urlCache) parse(base *url.URL, rawURL string) (*url.URL, error) {
	if u := (*c)[rawURL]; u != nil {
		return u, nil
	}
	u, err := parseURL(base, rawURL)
	if err != nil {
		return nil, err
	}
	if *c == nil || len(*c) == mostURLs {
		*c = make(urlCache)
	}
	(*c)[rawURL] = u
	return u, nil
}

// parseURL returns the target of a request for rawURL, in a form that can be sent. base is
// that of the client, or nil.
func parseURL(base *url.URL, rawURL string) (*url.URL, error) {
	if base != nil && !origin.HasScheme(rawURL) {
		u, err := origin.Resolve(base, rawURL)
		if err != nil {
			return nil, urlError{err}
		}
		return u, nil
	}
	err := origin.CheckScheme(rawURL)
	var u *url.URL
	if err == nil {
		u, err = origin.Parse(rawURL)
	}
	if err != nil {
		if base != nil && !strings.Contains(rawURL, "://") {
			err = fmt.Errorf(`%w; a relative URL whose first segment has a colon begins with "./"`, err) // RFC 3986, section 4.2
		}
		return nil, urlError{err}
	}
	return u, nil
}

// targetOf is parseURL for a parsed URL.
func targetOf(base, u *url.URL) (*url.URL, error) {
	if u.Scheme == "" {
		if base != nil {
			u, err := origin.ResolveURL(base, u)
			if err != nil {
				return nil, urlError{err}
			}
			return u, nil
		}
		if err := origin.CheckScheme(origin.Redacted(u)); err != nil {
			return nil, urlError{err}
		}
	}
	u, err := origin.Wire(u)
	if err != nil {
		return nil, urlError{err}
	}
	return u, nil
}

// parseBase returns the URL of [Config].BaseURL, or nil if rawURL is "".
func parseBase(rawURL string) (*url.URL, error) {
	if rawURL == "" {
		return nil, nil
	}
	u, err := parseURL(nil, rawURL)
	if err == nil {
		_, err = origin.Of(u)
	}
	if err != nil {
		return nil, urlError{fmt.Errorf("BaseURL: %w", err)}
	}
	base := *u
	base.Fragment, base.RawFragment = "", ""
	return &base, nil
}

func addParams(u *url.URL, pairs [][2]string) {
	if len(pairs) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString(u.RawQuery)
	for _, pair := range pairs {
		if b.Len() != 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(pair[0]))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(pair[1]))
	}
	u.RawQuery = b.String()
}
