package cookies

import (
	"cmp"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/origin"
)

// A Jar stores cookies. It is an [http.CookieJar], and its cookies can be read and set by
// name. The zero Jar is empty and ready to use.
//
// Cookies are ordered by the time they were first set. A replacement keeps the place of
// the cookie that it replaces.
//
// A Jar has no lock: all its users run on one goroutine, usually that of the reactor.
type Jar struct {
	// Now is the clock for expiry, usually a reactor's. nil means [time.Now].
	Now func() time.Time
	// MaxPerDomain and Max bound the number of cookies of one domain and of the jar.
	// 0 means 180, as in browsers, and 3000, the least that RFC 6265, section 6.1,
	// asks for. A jar that is too full drops expired cookies, or else the cookie that
	// has not been sent for the longest time.
	MaxPerDomain, Max int

	domains map[string][]*entry
	count   int    // the number of cookies in all domains
	made    uint64 // the number of entries ever made
	used    uint64 // how many times entries were set or sent
}

// An entry is a cookie in a jar. Counters order entries, because times may be equal and
// differ from run to run.
type entry struct {
	Cookie
	made uint64 // Jar.made when the cookie was first set
	used uint64 // Jar.used when it was last set or sent
}

func (j *Jar) now() time.Time {
	if j.Now == nil {
		return time.Now()
	}
	return j.Now()
}

// SetCookies stores the cookies of a response from u. A cookie that u may not set is
// dropped, as RFC 6265 requires. SetCookies implements [http.CookieJar].
func (j *Jar) SetCookies(u *url.URL, all []*http.Cookie) {
	from, err := origin.Of(u)
	if err != nil {
		return
	}
	for _, received := range all {
		c, err := j.received(from, u.EscapedPath(), received)
		if err != nil || !prefixAllows(from.Scheme, &c, received.Domain) || from.Scheme == "http" && j.overridesSecure(&c) {
			continue
		}
		j.put(c)
	}
}

// received returns the cookie to store for c, which a response at path set.
func (j *Jar) received(from origin.Origin, path string, c *http.Cookie) (Cookie, error) {
	domain, subdomains, err := domainOf(from.Host, c.Domain)
	if err != nil {
		return Cookie{}, err
	}
	stored := Cookie{
		Name: c.Name, Value: c.Value, Quoted: c.Quoted,
		Domain: domain, Subdomains: subdomains, Path: c.Path,
		Secure: c.Secure, HttpOnly: c.HttpOnly, SameSite: c.SameSite,
	}
	if !strings.HasPrefix(stored.Path, "/") {
		stored.Path = defaultPath(path)
	}
	switch {
	case c.MaxAge < 0:
		stored.Expires = longAgo
	case c.MaxAge > 0:
		stored.Expires = j.now().Add(time.Duration(min(c.MaxAge, 1<<31-1)) * time.Second)
	default:
		stored.Expires = c.Expires
	}
	for _, attribute := range c.Unparsed {
		if name, ports, _ := strings.Cut(attribute, "="); strings.EqualFold(trim(name), "port") {
			stored.Ports = cmp.Or(portSyntax.Replace(ports), from.Port)
			if !portMatches(stored.Ports, from.Port) {
				return Cookie{}, invalid("port %s may not set one for %.100q", from.Port, stored.Ports)
			}
		}
	}
	return stored.checked()
}

// longAgo is before the time of any clock, even one that starts at the zero time.
var longAgo = time.Time{}.Add(-1)

// portSyntax turns the value of RFC 2965's Port attribute into the form of
// [Cookie].Ports. An attribute without a value means the port of the response.
var portSyntax = strings.NewReplacer(" ", "", "\t", "", `"`, "")

// prefixAllows checks what the prefix of a name promises (RFC 6265bis, section 4.1.3).
// domain is the Domain attribute.
func prefixAllows(scheme string, c *Cookie, domain string) bool {
	name := strings.ToLower(c.Name)
	switch {
	case strings.HasPrefix(name, "__secure-"):
		return scheme == "https" && c.Secure
	case strings.HasPrefix(name, "__host-"):
		return scheme == "https" && c.Secure && domain == "" && c.Path == "/"
	}
	return true
}

// overridesSecure reports whether c would replace or hide a Secure cookie. A cookie from
// a response over http must not: anyone on the way could have sent it.
func (j *Jar) overridesSecure(c *Cookie) bool {
	for domain, entries := range j.domains {
		if !isBelow(domain, c.Domain) && !isBelow(c.Domain, domain) {
			continue
		}
		for _, e := range entries {
			if e.Secure && e.Name == c.Name && pathMatches(c.Path, e.Path) {
				return true
			}
		}
	}
	return false
}

// Cookies returns the cookies to send with a request for u, the longest path first, and
// of the same path length the oldest first. Cookies implements [http.CookieJar].
func (j *Jar) Cookies(u *url.URL) []*http.Cookie {
	if j.count == 0 {
		return nil
	}
	to, err := origin.Of(u)
	if err != nil {
		return nil
	}
	path, now := u.EscapedPath(), j.now()
	var selected []*entry
	for domain := range domainsAbove(to.Host) {
		for _, e := range j.domains[domain] {
			if (domain == to.Host || e.Subdomains) && pathMatches(path, e.Path) && portMatches(e.Ports, to.Port) &&
				(to.Scheme == "https" || !e.Secure) && !e.expired(now) {
				selected = append(selected, e)
			}
		}
	}
	slices.SortFunc(selected, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(len(b.Path), len(a.Path)), cmp.Compare(a.made, b.made))
	})
	var cookies []*http.Cookie
	for _, e := range selected {
		j.used++
		e.used = j.used
		cookies = append(cookies, &http.Cookie{Name: e.Name, Value: e.Value, Quoted: e.Quoted})
	}
	return cookies
}

// domainsAbove iterates over host and the domains above it.
func domainsAbove(host string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(host) || isIP(host) {
			return
		}
		for i := range len(host) {
			if host[i] == '.' && !yield(host[i+1:]) {
				return
			}
		}
	}
}

// Put stores c. It replaces a cookie of the same name, domain and path. If c has expired,
// Put only removes that cookie. A Domain with a leading dot includes the subdomains. The
// error is [ErrInvalid].
func (j *Jar) Put(c Cookie) error {
	c, err := c.checked()
	if err == nil {
		j.put(c)
	}
	return err
}

func (j *Jar) put(c Cookie) {
	e := &entry{Cookie: c}
	old := slices.IndexFunc(j.domains[c.Domain], func(e *entry) bool {
		return e.Name == c.Name && e.Path == c.Path
	})
	if old >= 0 {
		e.made = j.domains[c.Domain][old].made
		j.remove(j.domains[c.Domain][old])
	} else {
		j.made++
		e.made = j.made
	}
	if c.expired(j.now()) {
		return
	}
	if j.domains == nil {
		j.domains = make(map[string][]*entry)
	}
	j.used++
	e.used = j.used
	j.domains[c.Domain] = append(j.domains[c.Domain], e)
	j.count++
	if len(j.domains[c.Domain]) > cmp.Or(j.MaxPerDomain, 180) {
		j.evict(j.domains[c.Domain])
	}
	if j.count > cmp.Or(j.Max, 3000) {
		j.evict(j.unordered())
	}
}

// evict removes the expired entries. If none has expired, it removes the least recently
// used entry.
func (j *Jar) evict(entries []*entry) {
	now, before := j.now(), j.count
	for _, e := range slices.Clone(entries) {
		if e.expired(now) {
			j.remove(e)
		}
	}
	if j.count == before {
		j.remove(slices.MinFunc(entries, func(a, b *entry) int { return cmp.Compare(a.used, b.used) }))
	}
}

func (j *Jar) remove(e *entry) {
	entries := j.domains[e.Domain]
	i := slices.Index(entries, e)
	entries = slices.Delete(entries, i, i+1)
	j.count--
	if len(entries) == 0 {
		delete(j.domains, e.Domain)
	} else {
		j.domains[e.Domain] = entries
	}
}

// entries returns all entries, the oldest first, including expired ones.
func (j *Jar) entries() []*entry {
	all := j.unordered()
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.made, b.made) })
	return all
}

func (j *Jar) unordered() []*entry {
	all := make([]*entry, 0, j.count)
	for _, entries := range j.domains {
		all = append(all, entries...)
	}
	return all
}

// Copy returns an independent Jar with the same cookies, clock and limits.
func (j *Jar) Copy() *Jar {
	c := *j
	c.domains = make(map[string][]*entry, len(j.domains))
	for domain, entries := range j.domains {
		copies := make([]*entry, len(entries))
		for i, e := range entries {
			copied := *e
			copies[i] = &copied
		}
		c.domains[domain] = copies
	}
	return &c
}

// Merge puts all cookies of other into j.
func (j *Jar) Merge(other *Jar) {
	for _, e := range other.entries() {
		j.put(e.Cookie)
	}
}

// FromMap returns a Jar with a cookie for each of values. The cookies are sent to the
// origin of u only; see [Scoped].
func FromMap(u *url.URL, values map[string]string) (*Jar, error) {
	j := new(Jar)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		c, err := Scoped(u, name, values[name])
		if err != nil {
			return nil, err
		}
		j.put(c)
	}
	return j, nil
}
