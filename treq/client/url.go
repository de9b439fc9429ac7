package client

import (
	"errors"
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

// parse returns rawURL parsed by [origin.Parse], which repairs it.
func (c *urlCache) parse(rawURL string) (*url.URL, error) {
	if u := (*c)[rawURL]; u != nil {
		return u, nil
	}
	if err := origin.CheckScheme(rawURL); err != nil {
		return nil, urlError{err}
	}
	u, err := origin.Parse(rawURL)
	if err != nil {
		return nil, urlError{err}
	}
	if *c == nil || len(*c) == mostURLs {
		*c = make(urlCache)
	}
	(*c)[rawURL] = u
	return u, nil
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
