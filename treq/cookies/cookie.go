package cookies

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/origin"
)

// A Cookie is a cookie in a [Jar]. Unlike an [http.Cookie], which holds one header, it
// always says which hosts, paths and ports it is sent to.
type Cookie struct {
	Name, Value string
	// Quoted: Value is sent in double quotes.
	Quoted bool
	// Domain is the host the cookie is sent to, in lower case and ASCII.
	Domain string
	// Subdomains: the cookie is also sent to the hosts below Domain.
	Subdomains bool
	// Path is the path at and below which the cookie is sent.
	Path string
	// Ports lists the ports the cookie is sent to, as in "80,443". "" means all
	// ports.
	Ports string
	// Secure: the cookie is sent over https only, and within this machine: to localhost
	// and the addresses of the loopback interface.
	Secure bool
	// HttpOnly and SameSite are stored but have no effect: they are for browsers.
	HttpOnly bool
	SameSite http.SameSite
	// Expires is the time from which the cookie is not sent. The zero time means the
	// end of the session; a jar keeps such a cookie.
	Expires time.Time
}

// String describes c without its value, which may be secret.
func (c Cookie) String() string {
	domain := c.Domain
	if c.Subdomains {
		domain = "." + domain
	}
	if c.Ports != "" {
		domain += ":" + c.Ports
	}
	return fmt.Sprintf("%s for %s%s", c.Name, domain, c.Path)
}

// HTTPCookie returns c as a cookie that a response from Domain could set, for another
// kind of jar. Ports is lost.
func (c Cookie) HTTPCookie() *http.Cookie {
	h := &http.Cookie{
		Name: c.Name, Value: c.Value, Quoted: c.Quoted, Path: c.Path,
		Secure: c.Secure, HttpOnly: c.HttpOnly, SameSite: c.SameSite, Expires: c.Expires,
	}
	if c.Subdomains {
		h.Domain = c.Domain
	}
	return h
}

func (c *Cookie) expired(now time.Time) bool {
	return !c.Expires.IsZero() && !c.Expires.After(now)
}

// ErrInvalid is the error of an invalid cookie, or of a domain that cannot have cookies.
var ErrInvalid = errors.New("not a cookie")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// maxSize bounds the bytes of a cookie's name and value together. It is the least that
// RFC 6265, section 6.1, asks for, and the limit of browsers.
const maxSize = 4096

// checkPair returns an error if a cookie cannot have that name and value. It accepts
// everything that RFC 6265, section 5.2, accepts, which is far more than servers should
// send.
func checkPair(name, value string) error {
	switch {
	case name == "":
		return invalid("it has no name")
	case trim(name) != name || strings.ContainsAny(name, "=;") || hasControl(name):
		return invalid("the name %.100q", name)
	case trim(value) != value || strings.Contains(value, ";") || hasControl(value):
		return invalid("the value of %q: it has a semicolon, a control character or a space at an end", name)
	case len(name)+len(value) > maxSize:
		return invalid("the name and value of %.100q are longer than %d bytes", name, maxSize)
	}
	return nil
}

// hasControl reports whether s has a control character. A tab counts as one, although RFC
// 6265 allows it: tabs separate the columns of a cookie file, and curl refuses them too.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func wireValue(value string, quoted bool) string {
	if quoted {
		return `"` + value + `"`
	}
	return value
}

// cutQuotes is the reverse of wireValue.
func cutQuotes(sent string) (value string, quoted bool) {
	if len(sent) >= 2 && sent[0] == '"' && sent[len(sent)-1] == '"' {
		return sent[1 : len(sent)-1], true
	}
	return sent, false
}

// checked returns c in the form that a jar stores, or an error.
func (c Cookie) checked() (Cookie, error) {
	if !c.Quoted {
		c.Value, c.Quoted = cutQuotes(c.Value)
	}
	if err := checkPair(c.Name, wireValue(c.Value, c.Quoted)); err != nil {
		return c, err
	}
	if strings.HasPrefix(c.Domain, ".") {
		c.Domain, c.Subdomains = c.Domain[1:], true
	}
	host, err := canonicalHost(c.Domain)
	if err != nil {
		return c, err
	}
	c.Domain = host
	if c.Subdomains && (isIP(host) || isPublicSuffix(host)) {
		return c, invalid("%q has no subdomains that could share a cookie", host)
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if c.Path[0] != '/' || strings.Contains(c.Path, ";") || hasControl(c.Path) {
		return c, invalid("the path %.100q", c.Path)
	}
	if !validPorts(c.Ports) {
		return c, invalid("the ports %.100q", c.Ports)
	}
	switch p := prefixOf(c.Name); {
	case p.secure && !c.Secure:
		return c, invalid("the name %.100q asks for Secure", c.Name)
	case p.host && (c.Subdomains || c.Path != "/"):
		return c, invalid("the name %.100q asks for one host, and for Path=/", c.Name)
	case p.httpOnly && !c.HttpOnly:
		return c, invalid("the name %.100q asks for HttpOnly", c.Name)
	}
	return c, nil
}

// Scoped returns a cookie that is sent only to the host and port of u, at every path, and
// only over https if u is https. There is one exception: a cookie for http at port 80 is
// also sent to https at port 443, because servers redirect from one to the other. Scoped
// is treq.cookies.scoped_cookie.
func Scoped(u *url.URL, name, value string) (Cookie, error) {
	at, err := origin.Of(u)
	if err != nil {
		return Cookie{}, invalid("%q: %v", origin.Redacted(u), err)
	}
	ports := at.Port
	if at.Scheme == "http" && ports == "80" {
		ports = "80,443"
	}
	return Cookie{
		Name:   name,
		Value:  value,
		Domain: at.Host,
		Path:   "/",
		Ports:  ports,
		Secure: at.Scheme == "https",
	}.checked()
}
