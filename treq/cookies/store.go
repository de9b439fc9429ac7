package cookies

import (
	"container/heap"
	"iter"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/list"
)

// This file has the index of a jar. Its operations on one cookie cost the same however
// many cookies and domains there are, except for the logarithm of a heap, and their order
// never depends on that of a map.

// A store holds the cookies of a jar. The zero store is empty.
type store struct {
	cookies  map[key]*entry
	domains  map[string]*domain // those that have a cookie
	secure   map[key]int        // the number of Secure cookies of that name and path, at and below the domain
	made     list.List[entry]   // all entries, in the order in which they were first set
	used     list.List[entry]   // all entries, the one not set or sent for the longest time first
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

	inMade, inUsed, inDomain list.Node[entry] // its places in the lists of the store and of domain
}

// A domain has the cookies of one domain. Each list has the cookie first that has not been
// set or sent for the longest time.
type domain struct{ plain, secure list.List[entry] }

func (d *domain) len() int { return d.plain.Len() + d.secure.Len() }

// of returns the list of d for cookies that are Secure, or for those that are not.
func (d *domain) of(secure bool) *list.List[entry] {
	if secure {
		return &d.secure
	}
	return &d.plain
}

// all iterates over the cookies of d, which the loop may remove.
func (d *domain) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, l := range [...]*list.List[entry]{&d.plain, &d.secure} {
			for e := range l.All() {
				if !yield(e) {
					return
				}
			}
		}
	}
}

func (s *store) len() int { return s.made.Len() }

// put adds c. If it replaces a cookie, it takes the place of that cookie in the order of
// age.
func (s *store) put(c Cookie) *entry {
	if s.cookies == nil {
		s.cookies = make(map[key]*entry)
		s.domains = make(map[string]*domain)
		s.secure = make(map[key]int)
	}
	s.entries++
	e := s.cookies[c.key()]
	wasSecure := false
	if e == nil {
		e = &entry{made: s.entries, domain: s.domains[c.Domain]}
		if e.domain == nil {
			e.domain = new(domain)
			s.domains[c.Domain] = e.domain
		}
		s.made.Push(&e.inMade, e)
	} else {
		wasSecure = e.Secure
		s.unlinkExpiring(e)
	}
	e.Cookie, e.set, e.expiry = c, s.entries, -1
	s.cookies[c.key()] = e
	s.touch(e)
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
	e.inMade.Remove()
	e.inUsed.Remove()
	e.inDomain.Remove()
	s.unlinkExpiring(e)
}

func (s *store) unlinkExpiring(e *entry) {
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
	s.used.Push(&e.inUsed, e)
	e.domain.of(e.Secure).Push(&e.inDomain, e)
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
		if d := s.domains[above]; d == nil || d.secure.Len() == 0 {
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
