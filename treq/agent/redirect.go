package agent

// This file holds what follows a redirect: whether a request does, and which.

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A RedirectAgent is a Requester that follows redirects: 301, 302, 307 and 308 if
// the method is GET or HEAD, and 303, by GET, whatever the method is. It is
// Twisted's RedirectAgent.
//
// A HEAD request stays one, also after a 303 (RFC 9110, section 15.4.4).
type RedirectAgent struct {
	inner       Requester
	cookies     *CookieAgent // inner, if it is one: its part is done here
	limit       int
	sensitive   map[string]bool // canonical names; shared, if it is alwaysSensitive
	browserLike bool
}

// A BrowserLikeRedirectAgent follows redirects whatever the method is: 301, 302 and
// 303 by GET, or HEAD for HEAD, and 307 and 308 by the same method with the same
// body. It is Twisted's BrowserLikeRedirectAgent, but for 307 and 308: that one
// follows 307 for GET and HEAD only, and 308 by GET, which RFC 9110, section
// 15.4.9, forbids.
type BrowserLikeRedirectAgent struct{ RedirectAgent }

// A RedirectConfig says how redirects are followed. The zero value works.
type RedirectConfig struct {
	// Limit bounds the redirects that one request follows. 0 means
	// [DefaultRedirectLimit]; a negative number follows none.
	Limit int
	// SensitiveHeaders names headers, in addition to those that always are, that do
	// not go to another origin than that of the first request. It is Twisted's
	// sensitiveHeaderNames.
	SensitiveHeaders []string
}

// DefaultRedirectLimit is the default of [RedirectConfig].Limit, as in Twisted.
const DefaultRedirectLimit = 20

// alwaysSensitive are the headers that never go to another origin.
var alwaysSensitive = map[string]bool{
	"Authorization":       true,
	"Cookie":              true,
	"Cookie2":             true,
	"Proxy-Authorization": true,
	"Www-Authenticate":    true,
	// What the request said of itself to the first server.
	"Host": true,
}

// NewRedirectAgent returns a RedirectAgent whose requests inner sends.
func NewRedirectAgent(inner Requester, config RedirectConfig) *RedirectAgent {
	a := &RedirectAgent{inner: inner, limit: max(0, cmp.Or(config.Limit, DefaultRedirectLimit)), sensitive: alwaysSensitive}
	a.cookies, _ = inner.(*CookieAgent)
	if len(config.SensitiveHeaders) != 0 {
		a.sensitive = maps.Clone(a.sensitive)
		for _, name := range config.SensitiveHeaders {
			a.sensitive[textproto.CanonicalMIMEHeaderKey(name)] = true
		}
	}
	return a
}

// NewBrowserLikeRedirectAgent returns a BrowserLikeRedirectAgent whose requests
// inner sends.
func NewBrowserLikeRedirectAgent(inner Requester, config RedirectConfig) *BrowserLikeRedirectAgent {
	a := &BrowserLikeRedirectAgent{*NewRedirectAgent(inner, config)}
	a.browserLike = true
	return a
}

// Why a redirect is not followed.
var (
	// ErrPageRedirect says that the method is not one to follow this redirect
	// with. It is Twisted's PageRedirect.
	ErrPageRedirect = errors.New("a redirect that is not followed for this method")
	// ErrBodySpent says that the request's body would have to be sent again, and
	// is not all there: only a [request.Bytes] is.
	ErrBodySpent = errors.New("a redirect of a request whose body cannot be sent again")
	// ErrInfiniteRedirection says that there were as many redirects as are
	// followed before. It is Twisted's InfiniteRedirection.
	ErrInfiniteRedirection = errors.New("too many redirects")
	// ErrRedirectWithNoLocation says that the response has no Location. It is
	// Twisted's RedirectWithNoLocation.
	ErrRedirectWithNoLocation = errors.New("a redirect without a Location")
	// ErrLocation says that Location is not a URL, or more than one.
	ErrLocation = errors.New("a redirect to what is not a URL")
)

// A RedirectError says why a redirect was not followed. errors.Is finds the
// reason: [ErrPageRedirect], [ErrBodySpent], [ErrInfiniteRedirection],
// [ErrRedirectWithNoLocation], [ErrLocation], [ErrNoHost] or
// [ErrSchemeNotSupported].
//
// It is the reason in a [*response.FailedError], whose Response is the redirect:
// its History has the ones before.
type RedirectError struct {
	Code     int    // of the redirect
	Location string // as the server sent it
	Err      error
}

func (e *RedirectError) Error() string {
	if e.Location == "" {
		return fmt.Sprintf("%d: %v", e.Code, e.Err)
	}
	return fmt.Sprintf("%d to %.200q: %v", e.Code, e.Location, e.Err)
}

// Unwrap returns the reason.
func (e *RedirectError) Unwrap() error { return e.Err }

// Request sends req and follows redirects until there is a response that is none,
// which has the redirects as its History. The Deferred fails with a
// [*RequestError] for a [*RedirectError] if one is not followed. Cancelling it
// cancels the request that is under way.
//
// Location may be relative, and a fragment passes on to it if it has none. To
// another origin than that of req, or back from there, no header goes that
// carries credentials: Authorization, Cookie, Cookie2, Proxy-Authorization,
// WWW-Authenticate, what [RedirectConfig].SensitiveHeaders names; nor does a Host. Where the
// method changes, the body is left out, and with it the headers that describe it.
//
// The bodies of redirects are read, up to [response.DiscardLimit], so that their
// connections can be used again, and kept for who looks at the History.
func (a *RedirectAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	return a.request(req, nil)
}

// request is Request, for an agent that has something to do with the last response,
// unless decoding is nil. What an agent further in, this one and one further out
// have to do with a response is thus one handler, and not three: mostly a response
// is no redirect, and there is little to do.
func (a *RedirectAgent) request(req *request.Request, decoding *ContentDecoderAgent) *deferred.Deferred[*response.Response] {
	sent, inner := req, a.inner
	if a.cookies != nil {
		var err error
		if sent, err = a.cookies.withCookies(req); err != nil {
			return deferred.Fail[*response.Response](err)
		}
		inner = a.cookies.agent
	}
	return inner.Request(sent).MaybeThenBoth(func(r *response.Response, err error) (*deferred.Deferred[*response.Response], *response.Response, error) {
		if err != nil {
			return nil, nil, err
		}
		if a.cookies != nil {
			a.cookies.keep(req, r)
		}
		if a.methodAfter(req.Method, r.Code) != "" {
			last := a.follow(req, r)
			if decoding != nil {
				decoding.decodeLater(req, last)
			}
			return last, nil, nil
		}
		if decoding != nil {
			err = decoding.decode(req, r)
		}
		return nil, r, err
	})
}

// after returns the request that follows on r, the response to req and the count
// redirects before it, or nil if r is no redirect.
func (a *RedirectAgent) after(req *request.Request, r *response.Response, count int) (*request.Request, error) {
	method := a.methodAfter(req.Method, r.Code)
	if method == "" {
		return nil, nil
	}
	fail := func(err error) (*request.Request, error) {
		return nil, &RedirectError{r.Code, r.Header.Get("Location"), err}
	}
	if method == refused {
		return fail(ErrPageRedirect)
	}
	if count >= a.limit {
		return fail(ErrInfiniteRedirection)
	}
	u, err := location(req.URL, r.Header["Location"])
	if err != nil {
		return fail(err)
	}
	next := req.Clone()
	next.Method, next.URL = method, u
	if method != req.Method || r.Code == http.StatusSeeOther {
		next.Body = nil
		drop(next.Header, isOfContent)
	} else if !request.Repeatable(req.Body) {
		return fail(ErrBodySpent)
	}
	if originOf(u) != originOf(req.URL) {
		drop(next.Header, func(name string) bool { return a.sensitive[name] })
	}
	return next, nil
}

// refused is the method of a request that is not sent.
const refused = "(none)"

// methodAfter returns the method of the request that follows on a response of
// that code to one of that method, or refused, or "" if there is none to follow.
func (a *RedirectAgent) methodAfter(method string, code int) string {
	safe := method == http.MethodGet || method == http.MethodHead
	switch code {
	case http.StatusMovedPermanently, http.StatusFound:
		switch {
		case safe:
			return method
		case a.browserLike:
			return http.MethodGet
		}
		return refused
	case http.StatusSeeOther:
		if safe {
			return method
		}
		return http.MethodGet
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if safe || a.browserLike {
			return method
		}
		return refused
	}
	return ""
}

// location returns the URL that values, of a Location that was the answer to a
// request for base, name.
func location(base *url.URL, values []string) (*url.URL, error) {
	if len(values) == 0 {
		return nil, ErrRedirectWithNoLocation
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return nil, fmt.Errorf("%w: there is another, %.200q", ErrLocation, v)
		}
	}
	u, err := url.Parse(values[0])
	if err != nil {
		var why *url.Error
		if errors.As(err, &why) {
			err = why.Err // the text has the URL already
		}
		return nil, fmt.Errorf("%w: %w", ErrLocation, err)
	}
	u = base.ResolveReference(u)
	u.Scheme = strings.ToLower(u.Scheme) // it may be that of base, as it was given
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%w: %q", ErrSchemeNotSupported, u.Scheme)
	case u.Hostname() == "":
		return nil, ErrNoHost
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	if u.Fragment == "" { // RFC 9110, section 10.2.2
		u.Fragment, u.RawFragment = base.Fragment, base.RawFragment
	}
	return u, nil
}

// escapeQuery escapes what a query may not have in it, as browsers do; package
// url takes it as it comes.
func escapeQuery(q string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(q); i++ {
		if c := q[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			b.WriteString(q[done:i])
			fmt.Fprintf(&b, "%%%02X", c)
			done = i + 1
		}
	}
	if done == 0 {
		return q
	}
	return b.String() + q[done:]
}

// An origin is who credentials are for (RFC 6454).
type origin struct{ scheme, host, port string }

func originOf(u *url.URL) origin {
	o := origin{strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()}
	if o.port == "" {
		switch o.scheme {
		case "http":
			o.port = "80"
		case "https":
			o.port = "443"
		}
	}
	return o
}

// drop removes the headers whose canonical names which picks.
func drop(h http.Header, which func(name string) bool) {
	for name := range h {
		if which(textproto.CanonicalMIMEHeaderKey(name)) {
			delete(h, name)
		}
	}
}

// isOfContent reports whether a header says something of the body (RFC 9110,
// section 15.4).
func isOfContent(name string) bool {
	switch name {
	case "Transfer-Encoding", "Trailer", "Expect", "Digest", "Last-Modified":
		return true
	}
	return strings.HasPrefix(name, "Content-")
}
