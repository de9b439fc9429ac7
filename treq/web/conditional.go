package web

import (
	"net/http"
	"strings"
	"time"
)

// This file holds conditional requests (RFC 9110, section 13): whether a client
// has what it asks for already, or wants it only if it is what it thinks.

// SetETag sets the entity tag of what the response is about, with its quotes
// ("\"abc\"", or "W/\"abc\"" for a weak one), and reports whether the request's
// conditions are thereby decided: then the code is 304 or 412, and there is
// nothing to write but that. It is Twisted's setETag, which returns CACHED.
//
// With both a tag and a time, SetETag goes first.
func (r *Request) SetETag(tag string) (done bool) {
	r.SetHeader("ETag", tag)
	switch {
	case r.conditionsFail():
		return true
	case r.Header["If-Match"] != nil && !matches(r.Header["If-Match"], tag, true):
		r.SetResponseCode(http.StatusPreconditionFailed)
	case r.Header["If-None-Match"] == nil || !matches(r.Header["If-None-Match"], tag, false):
		return false
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		r.SetResponseCode(http.StatusNotModified)
	default:
		r.SetResponseCode(http.StatusPreconditionFailed)
	}
	return true
}

// SetLastModified sets when what the response is about was changed, and reports
// whether the request's conditions are thereby decided; see [Request.SetETag].
// A time before one that was set already is not taken. It is Twisted's
// setLastModified, which returns CACHED.
func (r *Request) SetLastModified(when time.Time) (done bool) {
	when = when.Truncate(time.Second) // HTTP has no more
	if set, err := http.ParseTime(r.ResponseHeader.Get("Last-Modified")); err != nil || set.Before(when) {
		r.SetHeader("Last-Modified", when.UTC().Format(http.TimeFormat))
	} else {
		when = set
	}
	if r.conditionsFail() {
		return true
	}
	if r.Header["If-Match"] == nil {
		if since, ok := r.headerTime("If-Unmodified-Since"); ok && when.After(since) {
			r.SetResponseCode(http.StatusPreconditionFailed)
			return true
		}
	}
	if r.Header["If-None-Match"] == nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		if since, ok := r.headerTime("If-Modified-Since"); ok && !when.After(since) {
			r.SetResponseCode(http.StatusNotModified)
			return true
		}
	}
	return false
}

// conditionsFail reports whether a condition was found to fail before.
func (r *Request) conditionsFail() bool {
	return r.code == http.StatusNotModified || r.code == http.StatusPreconditionFailed
}

func (r *Request) headerTime(name string) (t time.Time, ok bool) {
	t, err := http.ParseTime(r.Header.Get(name))
	return t, err == nil
}

// matches reports whether tag is in one of the lists of entity tags, by strong or
// by weak comparison (RFC 9110, section 8.8.3.2).
func matches(lists []string, tag string, strong bool) bool {
	for _, list := range lists {
		if strings.TrimSpace(list) == "*" {
			return true
		}
		for {
			var one string
			if one, list = cutTag(list); one == "" {
				break
			}
			if strong && one == tag && !strings.HasPrefix(tag, "W/") ||
				!strong && strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// cutTag takes the first entity tag off a list. Commas may be in one. It returns
// "" if there is none.
func cutTag(list string) (tag, rest string) {
	list = strings.TrimLeft(list, " \t,")
	quote := strings.IndexByte(list, '"')
	if quote != 0 && !(quote == 2 && list[:2] == "W/") {
		return "", ""
	}
	end := strings.IndexByte(list[quote+1:], '"')
	if end < 0 {
		return "", ""
	}
	end += quote + 2
	return list[:end], list[end:]
}
