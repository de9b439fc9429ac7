package cookies

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// This file has the access by name, as in requests' RequestsCookieJar.

// A Filter selects cookies: a [Domain], a [Path] or a [Name]. If there are several
// filters, all must match.
type Filter interface {
	matches(c *Cookie) bool
}

// Domain selects the cookies of exactly that domain. With a leading dot, it selects only
// those that are also sent to subdomains.
type Domain string

func (d Domain) matches(c *Cookie) bool {
	host, err := d.host()
	return err == nil && c.Domain == host && (c.Subdomains || !strings.HasPrefix(string(d), "."))
}

// host returns the domain without a leading dot.
func (d Domain) host() (string, error) { return canonicalHost(strings.TrimPrefix(string(d), ".")) }

// Path selects the cookies of exactly that path.
type Path string

func (p Path) matches(c *Cookie) bool { return c.Path == string(p) }

// Name selects the cookies of that name.
type Name string

func (n Name) matches(c *Cookie) bool { return c.Name == string(n) }

func matchesAll(c *Cookie, filters []Filter) bool {
	return !slices.ContainsFunc(filters, func(f Filter) bool { return !f.matches(c) })
}

// ErrNoCookie is the error of asking for a cookie that is not in the jar.
var ErrNoCookie = errors.New("no such cookie")

// ErrNoDomain is the error of setting a new cookie without a [Domain].
var ErrNoDomain = errors.New("a new cookie needs a Domain: without one it would go to everyone")

// An AmbiguousError says that several cookies match where one is expected. It is requests'
// CookieConflictError.
type AmbiguousError struct {
	Cookies []Cookie
}

func (e *AmbiguousError) Error() string {
	texts := make([]string, len(e.Cookies))
	for i, c := range e.Cookies {
		texts[i] = c.String()
	}
	return fmt.Sprintf("more than one cookie is meant: %s; a Domain or a Path can say which", strings.Join(texts, ", "))
}

// Get returns the value of the cookie of that name. The error is [ErrNoCookie] if there
// is no such cookie, and an [*AmbiguousError] if there are several.
func (j *Jar) Get(name string, filters ...Filter) (string, error) {
	c, err := j.Find(name, filters...)
	return c.Value, err
}

// Find is [Jar.Get], but returns the whole cookie.
func (j *Jar) Find(name string, filters ...Filter) (Cookie, error) {
	found := j.Items(append(slices.Clip(filters), Name(name))...)
	switch len(found) {
	case 0:
		return Cookie{}, fmt.Errorf("%w: %q", ErrNoCookie, name)
	case 1:
		return found[0], nil
	}
	return Cookie{}, &AmbiguousError{found}
}

// Set gives a new value to the cookie of that name. If there is no such cookie, Set adds
// one for the given [Domain] and [Path], or for every path. The new cookie does not
// expire, and is sent to subdomains only if the Domain has a leading dot. [Jar.Put] adds
// a cookie with other attributes.
//
// The error is [ErrNoDomain], [ErrInvalid] or an [*AmbiguousError].
func (j *Jar) Set(name, value string, filters ...Filter) error {
	c, err := j.Find(name, filters...)
	if errors.Is(err, ErrNoCookie) {
		c, err = Cookie{Name: name}, nil
		for _, f := range filters {
			switch f := f.(type) {
			case Domain:
				c.Domain = string(f)
			case Path:
				c.Path = string(f)
			}
		}
		if c.Domain == "" {
			return fmt.Errorf("%q: %w", name, ErrNoDomain)
		}
	}
	if err != nil {
		return err
	}
	c.Value, c.Quoted = value, false
	return j.Put(c)
}

// Del removes the cookies of that name and returns how many there were.
func (j *Jar) Del(name string, filters ...Filter) int {
	found := j.matching(append(slices.Clip(filters), Name(name)))
	for _, e := range found {
		j.store.remove(e)
	}
	return len(found)
}

// Clear removes all cookies.
func (j *Jar) Clear() { j.store = store{} }

// All iterates over the cookies, the oldest first. Changes to the jar during the
// iteration have no effect on it.
func (j *Jar) All() iter.Seq[Cookie] {
	return func(yield func(Cookie) bool) {
		now := j.now()
		for _, e := range j.matching(nil) {
			if !e.Cookie.expired(now) && !yield(e.Cookie) {
				return
			}
		}
	}
}

// matching returns the entries that match, the oldest first, including expired ones. With
// a [Domain], it looks at the cookies of that domain only.
func (j *Jar) matching(filters []Filter) []*entry {
	var found []*entry
	if i := slices.IndexFunc(filters, func(f Filter) bool { _, ok := f.(Domain); return ok }); i >= 0 {
		host, err := filters[i].(Domain).host()
		if d := j.store.domains[host]; d != nil && err == nil {
			for e := range d.all() {
				if matchesAll(&e.Cookie, filters) {
					found = append(found, e)
				}
			}
		}
		slices.SortFunc(found, func(a, b *entry) int { return cmp.Compare(a.made, b.made) })
		return found
	}
	for e := range j.store.made.All() {
		if matchesAll(&e.Cookie, filters) {
			found = append(found, e)
		}
	}
	return found
}

// Items returns the cookies that match, the oldest first.
func (j *Jar) Items(filters ...Filter) []Cookie {
	var items []Cookie
	now := j.now()
	for _, e := range j.matching(filters) {
		if !e.Cookie.expired(now) {
			items = append(items, e.Cookie)
		}
	}
	return items
}

// Names returns the name of each cookie that matches, without duplicates, in the order of
// [Jar.Items].
func (j *Jar) Names(filters ...Filter) []string {
	var names []string
	known := make(map[string]bool)
	for _, c := range j.Items(filters...) {
		if !known[c.Name] {
			known[c.Name] = true
			names = append(names, c.Name)
		}
	}
	return names
}

// Map returns the names and values of the cookies that match. If several cookies have one
// name, Map has the value of the youngest.
func (j *Jar) Map(filters ...Filter) map[string]string {
	m := make(map[string]string)
	for _, c := range j.Items(filters...) {
		m[c.Name] = c.Value
	}
	return m
}

// Len returns the number of cookies. It removes those that have expired.
func (j *Jar) Len() int {
	j.expire(j.now(), j.store.len())
	return j.store.len()
}
