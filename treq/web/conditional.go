package web

import (
	"net/http"
	"strings"
	"time"
)

// This file holds conditional requests (RFC 9110, section 13).

// SetETag sets the entity tag of the resource, with its quotes: "\"abc\"", or "W/\"abc\""
// for a weak tag. It reports whether the tag decides the request's conditions. If so, the
// code is 304 or 412, and the response needs no body. A program that also has a time
// calls SetETag before [Request.SetLastModified].
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

// SetLastModified sets the time of the resource's last change. It reports whether the
// time decides the request's conditions; see [Request.SetETag]. If it is called several
// times, the latest time counts.
func (r *Request) SetLastModified(when time.Time) (done bool) {
	when = when.Truncate(time.Second) // the precision of HTTP
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

// conditionsFail reports whether a condition has already failed.
func (r *Request) conditionsFail() bool {
	return r.code == http.StatusNotModified || r.code == http.StatusPreconditionFailed
}

func (r *Request) headerTime(name string) (t time.Time, ok bool) {
	t, err := http.ParseTime(r.Header.Get(name))
	return t, err == nil
}

// matches reports whether tag is in one of the lists of entity tags, by strong or weak
// comparison (RFC 9110, section 8.8.3.2).
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

// cutTag cuts the first entity tag, which may contain commas, off a list. It returns ""
// if there is none.
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
