package cookies

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// This file holds the access by name: requests' RequestsCookieJar.

// A Where narrows which cookies are meant: [Domain], [Path] or [Name]. All that
// are given have to hold.
type Where interface {
	matches(c *Cookie) bool
}

// Domain means the cookies of that domain, not those of domains below or above.
// With a dot before it, it means those that the subdomains get too.
type Domain string

func (d Domain) matches(c *Cookie) bool {
	name, subdomains := strings.CutPrefix(string(d), ".")
	host, err := canonicalHost(name)
	return err == nil && c.Domain == host && (c.Subdomains || !subdomains)
}

// Path means the cookies of exactly that path.
type Path string

func (p Path) matches(c *Cookie) bool { return c.Path == string(p) }

// Name means the cookies of that name.
type Name string

func (n Name) matches(c *Cookie) bool { return c.Name == string(n) }

// matchesAll reports whether c is of that name and as where says.
func matchesAll(c *Cookie, name string, where []Where) bool {
	return c.Name == name && !slices.ContainsFunc(where, func(w Where) bool { return !w.matches(c) })
}

// ErrNoCookie is the error of asking for a cookie that is not in the jar.
var ErrNoCookie = errors.New("no such cookie")

// ErrNoDomain is the error of setting a new cookie without saying where it goes.
var ErrNoDomain = errors.New("a new cookie needs a Domain: without one it would go to everyone")

// An AmbiguousError says that several cookies have the name that was asked for. It
// is requests' CookieConflictError.
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

// Get returns the value of the cookie of that name. It fails with [ErrNoCookie] if
// there is none, and with an [*AmbiguousError] if there are several.
func (j *Jar) Get(name string, where ...Where) (string, error) {
	c, err := j.Find(name, where...)
	return c.Value, err
}

// Find is [Jar.Get] for all that is known of the cookie.
func (j *Jar) Find(name string, where ...Where) (Cookie, error) {
	var found []Cookie
	for c := range j.All() {
		if matchesAll(&c, name, where) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return Cookie{}, fmt.Errorf("%w: %q", ErrNoCookie, name)
	case 1:
		return found[0], nil
	}
	return Cookie{}, &AmbiguousError{found}
}

// Set gives the cookie that is meant a new value. If there is none, it makes one
// that lasts as long as the jar, for the [Domain] that is given and the [Path], or
// else for every path. Unless a dot begins it, the Domain does not include its
// subdomains. For a cookie that has more to it there is [Jar.Put].
//
// Set fails with [ErrNoDomain], [ErrInvalid] or an [*AmbiguousError].
func (j *Jar) Set(name, value string, where ...Where) error {
	c, err := j.Find(name, where...)
	if errors.Is(err, ErrNoCookie) {
		c, err = Cookie{Name: name}, nil
		for _, w := range where {
			switch w := w.(type) {
			case Domain:
				c.Domain = string(w)
			case Path:
				c.Path = string(w)
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

// Del removes the cookies of that name, and returns how many there were.
func (j *Jar) Del(name string, where ...Where) int {
	n := 0
	for _, e := range j.entries() {
		if matchesAll(&e.Cookie, name, where) {
			j.remove(e)
			n++
		}
	}
	return n
}

// Clear removes all cookies.
func (j *Jar) Clear() { j.domains, j.count = nil, 0 }

// All gives the cookies, the oldest first. The jar may be changed meanwhile: that
// does not change what All gives.
func (j *Jar) All() iter.Seq[Cookie] {
	return func(yield func(Cookie) bool) {
		now := j.now()
		for _, e := range j.entries() {
			if !e.expired(now) && !yield(e.Cookie) {
				return
			}
		}
	}
}

// Items returns the cookies that are meant, or all, the oldest first.
func (j *Jar) Items(where ...Where) []Cookie {
	var items []Cookie
	for c := range j.All() {
		if matchesAll(&c, c.Name, where) {
			items = append(items, c)
		}
	}
	return items
}

// Names returns the names of the cookies that are meant, or of all, each once, in
// the order of [Jar.Items].
func (j *Jar) Names(where ...Where) []string {
	var names []string
	for _, c := range j.Items(where...) {
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// Map returns the names and values of the cookies that are meant, or of all. Of
// several cookies of one name it has the value of the youngest.
func (j *Jar) Map(where ...Where) map[string]string {
	m := make(map[string]string)
	for _, c := range j.Items(where...) {
		m[c.Name] = c.Value
	}
	return m
}

// Len returns the number of cookies.
func (j *Jar) Len() int { return len(j.Items()) }
