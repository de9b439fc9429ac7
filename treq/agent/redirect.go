package agent

// This file has the step of a Stack that follows redirects, and the agents made of this
// step.

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A RedirectConfig says how redirects are followed. The zero value works.
type RedirectConfig struct {
	// BrowserLike follows redirects as a [BrowserLikeRedirectAgent] does.
	BrowserLike bool
	// Limit bounds the redirects that one request follows. 0 means
	// [DefaultRedirectLimit]; a negative number follows none.
	Limit int
	// SensitiveHeaders names more headers that are not sent to another origin than
	// that of the first request; [RedirectAgent.Request] lists the others. It is
	// Twisted's sensitiveHeaderNames.
	SensitiveHeaders []string
}

// DefaultRedirectLimit is the default of [RedirectConfig].Limit, as in Twisted.
const DefaultRedirectLimit = 20

// A RedirectAgent is a Requester that follows redirects: 301, 302, 307 and 308 if the
// method is GET or HEAD, and 303 for every method, with GET. It is Twisted's
// RedirectAgent.
//
// A HEAD request stays a HEAD request, even after a 303 (RFC 9110, section 15.4.4).
type RedirectAgent struct{ stack Stack }

// A BrowserLikeRedirectAgent follows redirects for every method: 301, 302 and 303 with
// GET (HEAD if the method is HEAD), and 307 and 308 with the same method and body.
//
// It is Twisted's BrowserLikeRedirectAgent, except for 307 and 308: Twisted follows 307
// for GET and HEAD only, and 308 with GET, which RFC 9110, section 15.4.9, forbids.
type BrowserLikeRedirectAgent struct{ RedirectAgent }

// NewRedirectAgent returns a RedirectAgent on top of inner.
func NewRedirectAgent(inner Requester, config RedirectConfig) *RedirectAgent {
	return &RedirectAgent{Stack{Agent: inner, Redirects: &config, plain: true}}
}

// NewBrowserLikeRedirectAgent returns a BrowserLikeRedirectAgent on top of inner.
func NewBrowserLikeRedirectAgent(inner Requester, config RedirectConfig) *BrowserLikeRedirectAgent {
	config.BrowserLike = true
	return &BrowserLikeRedirectAgent{*NewRedirectAgent(inner, config)}
}

// Request sends req and follows redirects until a response is not a redirect. That
// response has the redirects as its History. If a redirect is not followed, the Deferred
// fails with a [*RequestError] for a [*RedirectError]. Cancelling it cancels the request
// under way.
//
// Location may be relative. If it has no fragment, the fragment of the redirected URL
// stays. Headers with credentials are not sent to another origin than that of req, nor on
// a return from there: Authorization, Cookie, Cookie2, Proxy-Authorization,
// WWW-Authenticate and the SensitiveHeaders of [RedirectConfig]. Host is treated like
// them. If the method changes, the body is left out, and so are the headers that describe
// it.
//
// The agent reads the bodies of redirects, up to [response.DiscardLimit], so that their
// connections can be used again, and keeps the bodies for the History.
func (a *RedirectAgent) Request(req *request.Request) *response.Deferred {
	if req.Body != nil { // Send may replace it
		own := *req
		req = &own
	}
	return a.stack.Send(req)
}

// Reasons why a redirect is not followed.
var (
	// ErrPageRedirect says that the redirect is not followed for the method of the
	// request. It is Twisted's PageRedirect.
	ErrPageRedirect = errors.New("a redirect that is not followed for this method (BrowserLikeRedirects does)")
	// ErrBodySpent says that the redirect asks for the request's body, and that the body
	// cannot be sent a second time.
	ErrBodySpent = errors.New("a redirect of a request whose body cannot be sent again")
	// ErrInfiniteRedirection says that the request has followed as many redirects as
	// the Limit of [RedirectConfig] allows. It is Twisted's InfiniteRedirection.
	ErrInfiniteRedirection = errors.New("too many redirects")
	// ErrRedirectWithNoLocation says that the response has no Location. It is Twisted's
	// RedirectWithNoLocation.
	ErrRedirectWithNoLocation = errors.New("a redirect without a Location")
	// ErrLocation says that the Location is not a URL, or that there are several
	// different Locations.
	ErrLocation = errors.New("a redirect to what is not a URL")
)

// A RedirectError says why a redirect was not followed. errors.Is finds the reason:
// [ErrPageRedirect], [ErrBodySpent], [ErrInfiniteRedirection],
// [ErrRedirectWithNoLocation], [ErrLocation], [ErrNoHost] or [ErrSchemeNotSupported].
//
// It is the reason in a [*response.FailedError], whose Response is the redirect and has
// the redirects before it as its History.
type RedirectError struct {
	Code     int    // the status code of the redirect
	Location string // as the server sent it
	Err      error
}

func (e *RedirectError) Error() string {
	if e.Location == "" {
		return fmt.Sprintf("%d: %v", e.Code, e.Err)
	}
	return fmt.Sprintf("%d to %.200q: %s", e.Code, secret.Known.RawURL(e.Location), origin.Excerpt(e.Err.Error(), origin.ExcerptOfError))
}

// Unwrap returns the reason.
func (e *RedirectError) Unwrap() error { return e.Err }

// redirect returns the request that resp redirects to, or nil if resp is no redirect.
func (t *trip) redirect(resp *response.Response) (*request.Request, error) {
	if t.Redirects == nil {
		return nil, nil
	}
	method := t.Redirects.methodAfter(t.req.Method, resp.Code)
	if method == "" {
		return nil, nil
	}
	next, err := t.redirected(method, resp)
	if err != nil {
		err = &RedirectError{resp.Code, resp.Header.Get("Location"), err}
		return nil, &response.FailedError{Reasons: []error{err}, Response: resp}
	}
	t.redirects++
	t.challenges = 0
	t.previous = resp
	return next, nil
}

// redirected returns the request, with the given method, that the redirect resp asks for.
func (t *trip) redirected(method string, resp *response.Response) (*request.Request, error) {
	if method == refused {
		return nil, ErrPageRedirect
	}
	if t.redirects >= max(0, cmp.Or(t.Redirects.Limit, DefaultRedirectLimit)) {
		return nil, ErrInfiniteRedirection
	}
	u, err := location(t.req.URL, resp.Header["Location"])
	if err != nil {
		return nil, err
	}
	next := new(request.Request)
	*next = *t.req
	next.Method, next.URL, next.Header = method, u, t.req.Header.Clone()
	if method != t.req.Method || resp.Code == http.StatusSeeOther {
		next.Body, next.Trailer = nil, nil
		drop(next.Header, describesContent)
	} else if next.Body, err = again(t.req.Body, ErrBodySpent); err != nil {
		return nil, err
	}
	if t.elsewhere = !sameOrigin(u, t.req.URL); t.elsewhere {
		drop(next.Header, t.Redirects.Sensitive)
		next.Foreign = true
	}
	return next, nil
}

// refused is the method of a redirect that is not followed.
const refused = "(none)"

// methodAfter returns the method with which to follow a response with code to a request
// with method. It returns refused for a redirect that is not followed, and "" for a code
// that is not a redirect.
func (c *RedirectConfig) methodAfter(method string, code int) string {
	safe := method == http.MethodGet || method == http.MethodHead
	switch code {
	case http.StatusMovedPermanently, http.StatusFound:
		switch {
		case safe:
			return method
		case c.BrowserLike:
			return http.MethodGet
		}
		return refused
	case http.StatusSeeOther:
		if safe {
			return method
		}
		return http.MethodGet
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if safe || c.BrowserLike {
			return method
		}
		return refused
	}
	return ""
}

// location returns the URL that the values of Location refer to in a response to a
// request for base.
func location(base *url.URL, values []string) (*url.URL, error) {
	if len(values) == 0 {
		return nil, ErrRedirectWithNoLocation
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return nil, fmt.Errorf("%w: there is another, %.200q", ErrLocation, secret.Known.RawURL(v))
		}
	}
	u, err := origin.Resolve(base, values[0])
	if err != nil && !errors.Is(err, ErrSchemeNotSupported) && !errors.Is(err, ErrNoHost) {
		err = fmt.Errorf("%w: %w", ErrLocation, err)
	}
	return u, err
}

// sameOrigin reports whether a and b, which can be requested, have one origin.
func sameOrigin(a, b *url.URL) bool {
	if a.Scheme == b.Scheme && a.Host == b.Host {
		return true
	}
	first, err := origin.Of(a)
	second, otherErr := origin.Of(b)
	return err == nil && otherErr == nil && first == second
}

// drop removes the headers whose canonical names are unwanted.
func drop(h http.Header, unwanted func(name string) bool) {
	for name := range h {
		if unwanted(textproto.CanonicalMIMEHeaderKey(name)) {
			delete(h, name)
		}
	}
}

// Sensitive reports whether the header with this canonical name must not be sent to another
// origin: a header with credentials or cookies, Host, and those of SensitiveHeaders.
func (c *RedirectConfig) Sensitive(name string) bool {
	switch name {
	case "Authorization", "Cookie", "Cookie2", "Proxy-Authorization", "Www-Authenticate":
		return true
	case "Host": // it names the first server
		return true
	}
	return slices.ContainsFunc(c.SensitiveHeaders, func(s string) bool { return strings.EqualFold(s, name) })
}

// describesContent reports whether the header describes the body of its request (RFC
// 9110, section 15.4).
func describesContent(name string) bool {
	switch name {
	case "Transfer-Encoding", "Trailer", "Expect", "Digest", "Last-Modified":
		return true
	}
	return strings.HasPrefix(name, "Content-")
}
