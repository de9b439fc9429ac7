package cookies

import (
	"cmp"
	"errors"
	"fmt"
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
// To store a cookie, to find the cookies of a URL, and to drop one cookie costs the same
// however many there are of other domains.
//
// A Jar has no lock: all its users run on one goroutine, usually that of the reactor.
type Jar struct {
	// Now is the clock for expiry, usually a reactor's. nil means [time.Now].
	Now func() time.Time
	// MaxPerDomain bounds the number of cookies of one domain. 0 means 180, as in
	// browsers; a negative number means any number. A domain that is too full loses
	// cookies that have expired, or else the cookie that has not been set or sent for
	// the longest time: one that is not Secure if there is one, so that a response
	// over http cannot push Secure cookies out.
	MaxPerDomain int
	// Max bounds the number of cookies of the jar. 0 means any number: a jar of many
	// hosts loses none. A jar that is too full loses cookies that have expired, or else
	// the cookie that has not been set or sent for the longest time.
	Max int
	// MaxHeader bounds the bytes of the Cookie header that Jar.Cookies makes up, without
	// its name. 0 means 8182: with the name, that is 8190 bytes, the longest header that
	// curl sends and that Apache accepts. A negative number means any number. If the
	// cookies for a URL need more, those that were set the longest time ago are left
	// out of the request, and stay in the jar.
	MaxHeader int
	// Dropped is called for each cookie that the jar refuses, loses or leaves out
	// without an error of its own: one that a response may not set, one that a limit
	// excludes, and one that [Jar.Load] leaves out. why is [ErrInvalid], [ErrExpired]
	// or [ErrTooMany]. nil ignores them. Dropped must not change the jar. A line of
	// Set-Cookie that [ParseSetCookie] refuses, such as one that is too long, does not
	// reach the jar.
	Dropped func(c Cookie, why error)

	store store
}

// Defaults of the limits of a [Jar].
const (
	maxPerDomain = 180
	maxHeader    = 8190 - len("Cookie: ")
)

// ErrTooMany is the reason why a cookie is dropped because of a limit of the [Jar], and
// the error of more cookies in one map than a Jar keeps or sends.
var ErrTooMany = errors.New("more cookies than the limit of the jar")

// ErrExpired is the reason why [Jar.Load] leaves out an expired cookie.
var ErrExpired = errors.New("the cookie has expired")

func (j *Jar) now() time.Time {
	if j.Now == nil {
		return time.Now()
	}
	return j.Now()
}

func (j *Jar) dropped(c Cookie, why error) {
	if j.Dropped != nil {
		j.Dropped(c, why)
	}
}

// exceeds reports whether n is more than limit, where 0 means standard and a negative
// number no limit.
func exceeds(n, limit, standard int) bool {
	limit = cmp.Or(limit, standard)
	return limit >= 0 && n > limit
}

// SetCookies stores the cookies of a response from u. A cookie that u may not set is
// dropped, as RFC 6265 and RFC 6265bis require; [Jar].Dropped gets the reason. SetCookies
// implements [http.CookieJar].
func (j *Jar) SetCookies(u *url.URL, all []*http.Cookie) {
	from, err := origin.Of(u)
	if err != nil {
		return // no response comes from such a URL
	}
	path := u.EscapedPath()
	for _, received := range all {
		j.receive(from, path, received)
	}
}

// Receive stores the cookies that the header of a response from u sets in jar.
func Receive(jar http.CookieJar, u *url.URL, header http.Header) {
	j, ok := jar.(*Jar)
	if !ok {
		if all := FromResponse(header); len(all) != 0 {
			jar.SetCookies(u, all)
		}
		return
	}
	from, err := origin.Of(u)
	if err != nil {
		return
	}
	path := u.EscapedPath()
	var c http.Cookie
	for _, line := range header["Set-Cookie"] {
		if parse(&c, line) == nil {
			j.receive(from, path, &c)
		}
	}
}

// receive stores c, which a response at path set, or drops it.
func (j *Jar) receive(from origin.Origin, path string, c *http.Cookie) {
	stored, err := j.received(from, path, c)
	if err != nil {
		j.dropped(stored, err)
		return
	}
	j.put(stored)
}

// received returns the cookie to store for c, which a response at path set.
func (j *Jar) received(from origin.Origin, path string, c *http.Cookie) (Cookie, error) {
	stored := Cookie{
		Name: c.Name, Value: c.Value, Quoted: c.Quoted, Domain: from.Host, Path: c.Path,
		Secure: c.Secure, HttpOnly: c.HttpOnly, SameSite: c.SameSite,
	}
	if !strings.HasPrefix(c.Path, "/") || len(c.Path) > maxAttribute {
		stored.Path = defaultPath(path)
	}
	domain, subdomains, err := domainOf(from.Host, c.Domain)
	if err != nil {
		return stored, err
	}
	stored.Domain, stored.Subdomains = domain, subdomains
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
				return stored, invalid("port %s may not set one for %.100q", from.Port, stored.Ports)
			}
		}
	}
	if stored, err = stored.checked(); err != nil {
		return stored, err
	}
	return stored, j.maySet(from, &stored, c)
}

// maySet returns an error if a response from that origin may not set c (RFC 6265bis,
// section 5.7). received is c with the attributes as the server sent them.
func (j *Jar) maySet(from origin.Origin, c *Cookie, received *http.Cookie) error {
	switch secure := isSecure(from); {
	case c.Secure && !secure:
		return invalid("%.100q is Secure, and came over http", c.Name)
	case !secure && j.store.hides(c):
		return invalid("%.100q came over http, and would replace or hide a Secure cookie", c.Name)
	case prefixOf(c.Name).host && strings.TrimPrefix(received.Domain, ".") != "":
		return invalid("the name %.100q forbids a Domain", c.Name)
	case prefixOf(c.Name).host && received.Path != "/":
		return invalid("the name %.100q asks for Path=/", c.Name)
	}
	return nil
}

// longAgo is before the time of any clock, even one that starts at the zero time.
var longAgo = time.Time{}.Add(-1)

// portSyntax turns the value of RFC 2965's Port attribute into the form of
// [Cookie].Ports. An attribute without a value means the port of the response.
var portSyntax = strings.NewReplacer(" ", "", "\t", "", `"`, "")

// Cookies returns the cookies to send with a request for u, the longest path first, and
// of the same path length the oldest first. [Jar].MaxHeader bounds them. Cookies
// implements [http.CookieJar].
func (j *Jar) Cookies(u *url.URL) []*http.Cookie {
	var room [fewCookies]*entry
	var cookies []*http.Cookie
	for _, e := range j.selected(u, room[:0]) {
		cookies = append(cookies, &http.Cookie{Name: e.Name, Value: e.Value, Quoted: e.Quoted})
	}
	return cookies
}

// HeaderFor returns the value of the Cookie header with the cookies of jar for u; "" if there are
// none. The error is that of [Header].
func HeaderFor(jar http.CookieJar, u *url.URL) (string, error) {
	j, ok := jar.(*Jar)
	if !ok {
		return Header(jar.Cookies(u))
	}
	var room [fewCookies]*entry
	selected := j.selected(u, room[:0])
	size := 0
	for _, e := range selected {
		size += e.size()
	}
	var b strings.Builder
	b.Grow(size)
	for _, e := range selected {
		appendPair(&b, e.Name, e.Value, e.Quoted)
	}
	return b.String(), nil
}

// fewCookies is the number of cookies for which a header takes one allocation.
const fewCookies = 16

// selected appends the cookies to send with a request for u to selected, which is empty. They
// count as used.
func (j *Jar) selected(u *url.URL, selected []*entry) []*entry {
	if j.store.len() == 0 {
		return nil
	}
	to, err := origin.Of(u)
	if err != nil {
		return nil
	}
	path, secure, now := u.EscapedPath(), isSecure(to), j.now()
	j.expire(now, expireAtOnce)
	for above := range domainsAbove(to.Host) {
		d := j.store.domains[above]
		if d == nil {
			continue
		}
		for e := range d.all() {
			if (above == to.Host || e.Subdomains) && pathMatches(path, e.Path) && portMatches(e.Ports, to.Port) &&
				(secure || !e.Secure) && !e.Cookie.expired(now) {
				selected = append(selected, e)
			}
		}
	}
	slices.SortFunc(selected, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(len(b.Path), len(a.Path)), cmp.Compare(a.made, b.made))
	})
	selected = j.fitting(to.Host, selected)
	for _, e := range selected {
		j.store.touch(e)
	}
	return selected
}

// fitting removes from selected, the cookies for a host, those that were set the longest
// time ago, until a header has room for the others.
func (j *Jar) fitting(host string, selected []*entry) []*entry {
	size := -len("; ")
	for _, e := range selected {
		size += e.size()
	}
	if !exceeds(size, j.MaxHeader, maxHeader) {
		return selected
	}
	why := fmt.Errorf("%w: the Cookie header for %s would have %d bytes", ErrTooMany, host, size)
	bySet := slices.Clone(selected)
	slices.SortFunc(bySet, func(a, b *entry) int { return cmp.Compare(a.set, b.set) })
	left := make(map[*entry]bool)
	for _, e := range bySet {
		if !exceeds(size, j.MaxHeader, maxHeader) {
			break
		}
		size -= e.size()
		left[e] = true
		j.dropped(e.Cookie, why)
	}
	return slices.DeleteFunc(selected, func(e *entry) bool { return left[e] })
}

// size returns the number of bytes of a Cookie header that c needs, with a separator.
func (c *Cookie) size() int {
	size := len(c.Name) + len("=") + len(c.Value) + len("; ")
	if c.Quoted {
		size += len(`""`)
	}
	return size
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
	now := j.now()
	j.expire(now, expireAtOnce)
	if c.expired(now) {
		if old := j.store.cookies[c.key()]; old != nil {
			j.store.remove(old)
		}
		return
	}
	d := j.store.put(c).domain
	for exceeds(d.len(), j.MaxPerDomain, maxPerDomain) {
		j.evict(d, now)
	}
	for exceeds(j.store.len(), j.Max, -1) {
		e := j.store.expired(now)
		if e == nil {
			e = j.store.used.First()
			j.dropped(e.Cookie, fmt.Errorf("%w: %d in all", ErrTooMany, j.Max))
		}
		j.store.remove(e)
	}
}

// expireAtOnce is the number of expired cookies that one call removes. A call adds one
// cookie at most, so that the expired ones become fewer, and no call takes long because
// very many have expired.
const expireAtOnce = 4

// expire removes cookies that have expired, at most limit.
func (j *Jar) expire(now time.Time, limit int) {
	for range limit {
		e := j.store.expired(now)
		if e == nil {
			return
		}
		j.store.remove(e)
	}
}

// evict removes the expired cookies of d. If none has expired, it removes the cookie that
// has not been used for the longest time, if possible one that is not Secure (RFC 6265bis,
// section 5.7).
func (j *Jar) evict(d *domain, now time.Time) {
	if before := d.len(); j.store.expired(now) != nil { // perhaps of d
		for e := range d.all() {
			if e.Cookie.expired(now) {
				j.store.remove(e)
			}
		}
		if d.len() < before {
			return
		}
	}
	e := cmp.Or(d.plain.First(), d.secure.First())
	j.dropped(e.Cookie, fmt.Errorf("%w: %d of %s", ErrTooMany, d.len()-1, e.Domain))
	j.store.remove(e)
}

// Copy returns an independent Jar with the same cookies, clock and limits.
func (j *Jar) Copy() *Jar {
	c := *j
	c.store = store{}
	for e := range j.store.made.All() {
		copied := c.store.put(e.Cookie)
		copied.made, copied.set = e.made, e.set
	}
	for e := range j.store.used.All() {
		c.store.touch(c.store.cookies[e.key()])
	}
	c.store.entries = j.store.entries
	return &c
}

// Merge puts all cookies of other into j.
func (j *Jar) Merge(other *Jar) {
	for c := range other.All() {
		j.put(c)
	}
}

// FromMap returns a Jar with a cookie for each of values. The cookies are sent to the
// origin of u only; see [Scoped]. The error is [ErrInvalid], or [ErrTooMany] for more
// cookies than a Jar keeps or sends.
func FromMap(u *url.URL, values map[string]string) (*Jar, error) {
	j := new(Jar)
	size := -len("; ")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		c, err := Scoped(u, name, values[name])
		if err != nil {
			return nil, err
		}
		size += c.size()
		j.put(c)
	}
	if len(values) > maxPerDomain || size > maxHeader {
		return nil, fmt.Errorf("%w: %d cookies of %d bytes, and at most %d of %d bytes are sent; a Jar of your own may have other limits",
			ErrTooMany, len(values), size, maxPerDomain, maxHeader)
	}
	return j, nil
}
