package cookies

import (
	"cmp"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Jar keeps cookies. It is an [http.CookieJar], so that agents and net/http fill
// it and send what is in it, and can be read and changed by name. The zero Jar is
// empty and ready to use.
//
// What it gives is always in the order in which the cookies came to be, whatever
// it was that put them there; a cookie that is replaced keeps its place.
//
// A Jar belongs to one goroutine, that of the reactor: it takes no lock.
type Jar struct {
	// Now tells the time that cookies expire by. A reactor's Now goes here. nil
	// is [time.Now].
	Now func() time.Time
	// MaxPerDomain and Max bound how many cookies are kept for one domain and in
	// all; 0 is the default. One too many costs those that have expired, else the
	// one that was not sent for the longest time.
	MaxPerDomain, Max int

	domains map[string][]*entry
	count   int
	made    uint64 // how many entries there have been
	used    uint64 // how often one was used
}

// The limits of a Jar that sets none. RFC 6265, section 6.1, asks for at least 50
// and 3000; the first is what browsers have come to.
const (
	DefaultMaxPerDomain = 180
	DefaultMax          = 3000
)

// An entry is a cookie in a jar. Its numbers stand for times: they never collide,
// and are the same in every run.
type entry struct {
	Cookie
	made uint64 // orders entries by when the cookie was first set
	used uint64 // and by when it was last set or sent
}

func (j *Jar) now() time.Time {
	if j.Now == nil {
		return time.Now()
	}
	return j.Now()
}

// SetCookies stores the cookies that a response from u set, as far as u may set
// them; what it may not is dropped, as RFC 6265 has it. It is
// [http.CookieJar]'s.
func (j *Jar) SetCookies(u *url.URL, all []*http.Cookie) {
	scheme := strings.ToLower(u.Scheme)
	host, err := canonicalHost(u.Hostname())
	if err != nil || scheme != "http" && scheme != "https" {
		return
	}
	for _, received := range all {
		c, err := j.received(u, host, received)
		if err != nil || !allowedBy(scheme, &c, received.Domain) || scheme == "http" && j.overridesSecure(&c) {
			continue
		}
		j.put(c)
	}
}

// received returns what c, set by u, is in a jar.
func (j *Jar) received(u *url.URL, host string, c *http.Cookie) (Cookie, error) {
	domain, subdomains, err := domainOf(host, c.Domain)
	if err != nil {
		return Cookie{}, err
	}
	kept := Cookie{
		Name: c.Name, Value: c.Value, Quoted: c.Quoted,
		Domain: domain, Subdomains: subdomains, Path: c.Path,
		Secure: c.Secure, HttpOnly: c.HttpOnly, SameSite: c.SameSite,
	}
	if !strings.HasPrefix(kept.Path, "/") {
		kept.Path = defaultPath(u.EscapedPath())
	}
	switch {
	case c.MaxAge < 0:
		kept.Expires = longAgo
	case c.MaxAge > 0:
		kept.Expires = j.now().Add(time.Duration(min(c.MaxAge, 1<<31-1)) * time.Second)
	default:
		kept.Expires = c.Expires
	}
	for _, attribute := range c.Unparsed {
		if name, ports, _ := strings.Cut(attribute, "="); strings.EqualFold(trim(name), "port") {
			kept.Ports = portsOf(ports, portOf(u))
			if !portMatches(kept.Ports, portOf(u)) {
				return Cookie{}, invalid("port %s may not set one for %.100q", portOf(u), kept.Ports)
			}
		}
	}
	return kept.checked()
}

// longAgo is before what any clock says, even one that began at zero.
var longAgo = time.Time{}.Add(-1)

// portsOf returns which ports RFC 2965's Port names; without a value it means the
// port that sent it.
func portsOf(value, port string) string {
	value = strings.NewReplacer(" ", "", "\t", "", `"`, "").Replace(value)
	if value == "" {
		return port
	}
	return value
}

// allowedBy checks what the prefix of a name promises (RFC 6265bis, section
// 4.1.3).
func allowedBy(scheme string, c *Cookie, domain string) bool {
	name := strings.ToLower(c.Name)
	switch {
	case strings.HasPrefix(name, "__secure-"):
		return scheme == "https" && c.Secure
	case strings.HasPrefix(name, "__host-"):
		return scheme == "https" && c.Secure && domain == "" && c.Path == "/"
	}
	return true
}

// overridesSecure reports whether c, which came over http and so from anyone,
// would take the place of a cookie that is Secure.
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

// Cookies returns the cookies to send with a request to u: those with longer
// paths first, and of the same length the older first. It is [http.CookieJar]'s.
func (j *Jar) Cookies(u *url.URL) []*http.Cookie {
	if j.count == 0 {
		return nil
	}
	scheme := strings.ToLower(u.Scheme)
	host, err := canonicalHost(u.Hostname())
	if err != nil || scheme != "http" && scheme != "https" {
		return nil
	}
	path, port, now := u.EscapedPath(), portOf(u), j.now()
	var selected []*entry
	for domain := range domainsAbove(host) {
		for _, e := range j.domains[domain] {
			if (domain == host || e.Subdomains) && pathMatches(path, e.Path) && portMatches(e.Ports, port) &&
				(scheme == "https" || !e.Secure) && !e.expired(now) {
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

// domainsAbove gives host and the domains that it is below.
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

// Put stores c, in the place of one of the same name, domain and path. If c has
// expired, it only removes that one. A Domain that begins with a dot includes the
// subdomains. Put fails with [ErrInvalid].
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
	if len(j.domains[c.Domain]) > cmp.Or(j.MaxPerDomain, DefaultMaxPerDomain) {
		j.evict(j.domains[c.Domain])
	}
	if j.count > cmp.Or(j.Max, DefaultMax) {
		j.evict(j.unordered())
	}
}

// evict removes those of entries that have expired, or else one.
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

// entries returns all there is, expired or not, the oldest first.
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

// Copy returns a Jar with the same cookies, clock and limits, that then goes its
// own way.
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

// FromMap returns a Jar with a cookie for each of values, each for origin only;
// see [Scoped]. That is what treq makes of cookies given as a dict.
func FromMap(origin *url.URL, values map[string]string) (*Jar, error) {
	j := new(Jar)
	for _, name := range sortedKeys(values) {
		c, err := Scoped(origin, name, values[name])
		if err != nil {
			return nil, err
		}
		j.put(c)
	}
	return j, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
