// Package urls parses the URLs that tests are about.
package urls

import "net/url"

// MustParse returns text as a URL, and panics if it is none.
func MustParse(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}
