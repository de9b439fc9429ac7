package cookies

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Cookie is one cookie as a [Jar] keeps it: with all that says where it goes.
// (An [http.Cookie] says what one header said, which is less.)
type Cookie struct {
	// Name and Value are sent as they are.
	Name, Value string
	// Quoted says that Value is sent between double quotes, as it came.
	Quoted bool
	// Domain is the host that the cookie is for, in lower case and ASCII.
	Domain string
	// Subdomains says that the hosts below Domain get it too.
	Subdomains bool
	// Path is the path at and below which it is sent.
	Path string
	// Ports, if it is not empty, lists the only ports that it is sent to: "8080",
	// or "80,443".
	Ports string
	// Secure says that it is sent over https only.
	Secure bool
	// HttpOnly and SameSite are kept for whoever wants to know. To a client that
	// is no browser they say nothing.
	HttpOnly bool
	SameSite http.SameSite
	// Expires is when it ends. It is zero for one that ends with the session,
	// which to a jar means never.
	Expires time.Time
}

// String describes c without its value, which may be a secret.
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

// HTTPCookie returns c as the Set-Cookie that would make it, for a jar of another
// kind. What that cannot say is Ports; and such a jar has to be told that it comes
// from Domain.
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

// expired reports whether c has ended at now.
func (c *Cookie) expired(now time.Time) bool {
	return !c.Expires.IsZero() && !c.Expires.After(now)
}

// ErrInvalid is the error of a cookie that cannot be: with a name or value that
// would not be one on the wire, or for a domain that cannot have cookies.
var ErrInvalid = errors.New("not a cookie")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// MaxSize is how long the name and the value of a cookie may be together. RFC
// 6265, section 6.1, asks for at least that, and browsers keep no more.
const MaxSize = 4096

// checkPair refuses what is not one name and one value on the wire. The grammar
// is that of RFC 6265, section 5.2, which takes far more than servers should send.
func checkPair(name, value string) error {
	switch {
	case name == "":
		return invalid("it has no name")
	case strings.TrimSpace(name) != name || strings.ContainsAny(name, "=;") || hasControl(name):
		return invalid("the name %.100q", name)
	case strings.TrimSpace(value) != value || strings.Contains(value, ";") || hasControl(value):
		return invalid("the value of %q: it has a semicolon, a control character or a space at an end", name)
	case len(name)+len(value) > MaxSize:
		return invalid("the name and value of %.100q are longer than %d bytes", name, MaxSize)
	}
	return nil
}

// hasControl reports whether s has a control character. A tab is one here,
// though RFC 6265 would let it be: curl refuses it too, for it is what separates
// the columns of a file of cookies.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// unquoted separates a value from the double quotes that it came in.
func unquoted(value string) (inside string, quoted bool) {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1], true
	}
	return value, false
}

// checked returns c in the form in which a jar keeps it, or says why none does.
func (c Cookie) checked() (Cookie, error) {
	if !c.Quoted {
		c.Value, c.Quoted = unquoted(c.Value)
	}
	value := c.Value
	if c.Quoted {
		value = `"` + value + `"`
	}
	if err := checkPair(c.Name, value); err != nil {
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
	return c, nil
}

// Scoped returns a cookie that is sent to origin's host and port only, at every
// path; if origin is https, over https only. As the one step to another port, a
// cookie for http at its usual port goes to https at its usual port too, since
// that is where such a server redirects to. It is treq.cookies.scoped_cookie.
func Scoped(origin *url.URL, name, value string) (Cookie, error) {
	scheme, ports := strings.ToLower(origin.Scheme), portOf(origin)
	switch {
	case scheme != "http" && scheme != "https":
		return Cookie{}, invalid("%q has no cookies: it is neither http nor https", origin.Redacted())
	case scheme == "http" && ports == "80":
		ports = "80,443"
	}
	return Cookie{
		Name:   name,
		Value:  value,
		Domain: origin.Hostname(),
		Path:   "/",
		Ports:  ports,
		Secure: scheme == "https",
	}.checked()
}
