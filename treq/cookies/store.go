package cookies

import (
	"container/heap"
	"iter"
	"time"
)

// This file has the index of a jar. Its operations on one cookie cost the same however
// many cookies and domains there are, except for the logarithm of a heap, and their order
// never depends on that of a map.

// A store holds the cookies of a jar. The zero store is empty.
type store struct {
	cookies  map[key]*entry
	domains  map[string]*domain // those that have a cookie
	secure   map[key]int        // the number of Secure cookies of that name and path, at and below the domain
	made     list               // all entries, in the order in which they were first set
	used     list               // all entries, the one not set or sent for the longest time first
	expiring expiring           // the entries that expire
	entries  uint64             // the number of entries ever made
}

// A key identifies a cookie in a jar.
type key struct{ domain, name, path string }

func (c *Cookie) key() key { return key{c.Domain, c.Name, c.Path} }

// An entry is a cookie in a store. Counters order entries, because times may be equal and
// differ from run to run.
type entry struct {
	Cookie
	made   uint64 // store.entries when the cookie was first set
	set    uint64 // store.entries when it was last set
	domain *domain
	expiry int // its place in store.expiring; -1 if it does not expire
	links  [orders]struct{ before, after *entry }
}

// A domain has the cookies of one domain. Each list has the cookie first that has not been
// set or sent for the longest time.
type domain struct{ plain, secure list }

func (d *domain) len() int { return d.plain.len + d.secure.len }

// of returns the list of d for cookies that are Secure, or for those that are not.
func (d *domain) of(secure bool) *list {
	if secure {
		return &d.secure
	}
	return &d.plain
}

// all iterates over the cookies of d, which the loop may remove.
func (d *domain) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, l := range [...]*list{&d.plain, &d.secure} {
			for e := range l.all(byUseInDomain) {
				if !yield(e) {
					return
				}
			}
		}
	}
}

func (s *store) len() int { return s.made.len }

// put adds c. If it replaces a cookie, it takes the place of that cookie in the order of
// age.
func (s *store) put(c Cookie) *entry {
	if s.cookies == nil {
		s.cookies = make(map[key]*entry)
		s.domains = make(map[string]*domain)
		s.secure = make(map[key]int)
	}
	s.entries++
	e := &entry{Cookie: c, made: s.entries, set: s.entries, expiry: -1, domain: s.domains[c.Domain]}
	if e.domain == nil {
		e.domain = new(domain)
		s.domains[c.Domain] = e.domain
	}
	old := s.cookies[c.key()]
	s.cookies[c.key()] = e
	s.made.insert(e, byAge, old)
	s.used.insert(e, byUse, nil)
	e.domain.of(c.Secure).insert(e, byUseInDomain, nil)
	wasSecure := false
	if old != nil {
		e.made = old.made
		wasSecure = old.Secure
		s.unlink(old)
	}
	switch {
	case c.Secure && !wasSecure:
		s.countSecure(&c, 1)
	case !c.Secure && wasSecure:
		s.countSecure(&c, -1)
	}
	if !c.Expires.IsZero() {
		heap.Push(&s.expiring, e)
	}
	return e
}

// remove removes e.
func (s *store) remove(e *entry) {
	s.unlink(e)
	delete(s.cookies, e.key())
	if e.domain.len() == 0 {
		delete(s.domains, e.Domain)
	}
	if e.Secure {
		s.countSecure(&e.Cookie, -1)
	}
}

// unlink removes e from the lists and the heap.
func (s *store) unlink(e *entry) {
	s.made.remove(e, byAge)
	s.used.remove(e, byUse)
	e.domain.of(e.Secure).remove(e, byUseInDomain)
	if e.expiry >= 0 {
		heap.Remove(&s.expiring, e.expiry)
	}
}

// countSecure changes the number of Secure cookies with the name, path and domain of c.
func (s *store) countSecure(c *Cookie, by int) {
	for above := range domainsAbove(c.Domain) {
		k := key{above, c.Name, c.Path}
		if s.secure[k] += by; s.secure[k] == 0 {
			delete(s.secure, k)
		}
	}
}

// touch makes e the cookie that was used last.
func (s *store) touch(e *entry) {
	s.used.remove(e, byUse)
	s.used.insert(e, byUse, nil)
	l := e.domain.of(e.Secure)
	l.remove(e, byUseInDomain)
	l.insert(e, byUseInDomain, nil)
}

// expired returns a cookie that has expired, or nil.
func (s *store) expired(now time.Time) *entry {
	if len(s.expiring) == 0 || !s.expiring[0].Cookie.expired(now) {
		return nil
	}
	return s.expiring[0]
}

// hides reports whether c would replace or hide a Secure cookie: one of the same name,
// whose domain is that of c, above it or below it, and whose path matches that of c.
func (s *store) hides(c *Cookie) bool {
	if len(s.secure) == 0 {
		return false
	}
	for path := range pathsAbove(c.Path) {
		if s.secure[key{c.Domain, c.Name, path}] != 0 {
			return true
		}
	}
	for above := range domainsAbove(c.Domain) {
		if d := s.domains[above]; d == nil || d.secure.len == 0 {
			continue
		}
		for path := range pathsAbove(c.Path) {
			if e := s.cookies[key{above, c.Name, path}]; e != nil && e.Secure {
				return true
			}
		}
	}
	return false
}

// An entry is in one list of each order.
const (
	byAge = iota
	byUse
	byUseInDomain
	orders
)

// A list is a linked list of entries in one order.
type list struct {
	first, last *entry
	len         int
}

// insert puts e before next, or at the end if next is nil.
func (l *list) insert(e *entry, order int, next *entry) {
	before := l.last
	if next != nil {
		before = next.links[order].before
		next.links[order].before = e
	} else {
		l.last = e
	}
	if before != nil {
		before.links[order].after = e
	} else {
		l.first = e
	}
	e.links[order].before, e.links[order].after = before, next
	l.len++
}

// remove removes e.
func (l *list) remove(e *entry, order int) {
	before, after := e.links[order].before, e.links[order].after
	if before != nil {
		before.links[order].after = after
	} else {
		l.first = after
	}
	if after != nil {
		after.links[order].before = before
	} else {
		l.last = before
	}
	l.len--
}

// all iterates over l in an order. The loop may remove the entry that it gets.
func (l *list) all(order int) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for e := l.first; e != nil; {
			next := e.links[order].after
			if !yield(e) {
				return
			}
			e = next
		}
	}
}

// expiring is a heap of entries: the one that expires next is the first. Of those that
// expire at once, it is the oldest.
type expiring []*entry

func (h expiring) Len() int { return len(h) }

func (h expiring) Less(i, j int) bool {
	if d := h[i].Expires.Compare(h[j].Expires); d != 0 {
		return d < 0
	}
	return h[i].made < h[j].made
}

func (h expiring) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].expiry, h[j].expiry = i, j
}

func (h *expiring) Push(e any) {
	e.(*entry).expiry = len(*h)
	*h = append(*h, e.(*entry))
}

func (h *expiring) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
