package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file has the options of a request, treq's keyword arguments. Each is a value of a
// named type, so that a call reads like one with keywords:
//
//	c.Get(url, client.Params{"q": {"go"}}, client.Timeout(5*time.Second))
//
// The options that make a body are in body.go, the timeouts in timeouts.go.

// An Option is a part of a request besides its method and URL. If two options set the
// same thing, the last one wins; only two bodies of different kinds exclude each other.
type Option interface {
	apply(*settings) error
}

// settings is the sum of the options of a request.
type settings struct {
	params               request.Pairs
	pathParams           map[string]string // nil without PathParams
	defaultPathParams    map[string]string // those of the client's Defaults; or nil
	header               http.Header
	close                bool
	body                 body
	credentials          auth.Credentials
	jar                  http.CookieJar
	cookies              map[string]string
	refuseRedirects      bool
	browserLikeRedirects *bool // nil: as the client does
	sensitiveHeaders     []string
	unbuffered           bool
	raiseForStatus       bool
	maxSize              *int64 // nil: as the client does
	agent                agent.Requester
	limited              bool           // there is a Limiter option
	limiter              *agent.Limiter // of the option; or nil
	retries              *int           // nil: as the client does
	reactor              reactor.Reactor
	decoding             *agent.DecoderConfig
	timeouts             timeouts
	context              context.Context // nil: none
	expectContinue       time.Duration
	informational        func(code int, header http.Header)
	log                  *agent.LogConfig // nil: as the client does
	timed                bool
	json                 *jsonEncoder // for JSON; nil: a new one
}

// noSettings are the settings of a request without options. They must not be changed.
var noSettings = &settings{}

// An optionFunc is an Option that is a function.
type optionFunc func(*settings) error

func (f optionFunc) apply(s *settings) error { return f(s) }

var (
	// ErrOptionsConflict is the error of options that exclude each other. Its text names
	// them.
	ErrOptionsConflict = errors.New("options that exclude each other")
	// ErrOption is the error of an option with an invalid value. Its text names the
	// option.
	ErrOption = errors.New("bad option")
)

// Params are added to the query of the URL, sorted by name. They replace parameters of
// the same names from earlier options. They are treq's params, given a dict.
type Params map[string][]string

func (p Params) apply(s *settings) error {
	pairs, err := pairsOf("Params", map[string][]string(p))
	s.setParams(pairs)
	return err
}

// ParamList is [Params] in the order of the list. It is treq's params, given a list.
type ParamList [][2]string

func (p ParamList) apply(s *settings) error {
	s.setParams(request.Pairs(p))
	return nil
}

// ParamsOf is [Params] or [ParamList], made from v. v may be any form that [Data]
// accepts. It is treq's params, given a dict whose values are single or many:
//
//	client.ParamsOf(map[string]any{"foo": []string{"bar", "baz"}, "bax": "quux"})
func ParamsOf(v any) Option {
	return optionFunc(func(s *settings) error {
		pairs, err := pairsOf("ParamsOf", v)
		s.setParams(pairs)
		return err
	})
}

// setParams adds pairs, in place of earlier pairs of the same names.
func (s *settings) setParams(pairs request.Pairs) {
	s.params = slices.DeleteFunc(s.params, func(old [2]string) bool {
		return slices.ContainsFunc(pairs, func(pair [2]string) bool { return pair[0] == old[0] })
	})
	s.params = append(s.params, pairs...)
}

// Headers are sent with the request. They replace headers of the same names from earlier
// options; a name without values only removes them. Names may be in any case.
// Content-Length and Transfer-Encoding follow from the body: values given here are not
// sent. They are treq's headers.
type Headers map[string][]string

func (h Headers) apply(s *settings) error {
	given := make(http.Header, len(h)+2)
	// Sorted, so that names which differ only in case always give their values in the
	// same order.
	for _, name := range slices.Sorted(maps.Keys(h)) {
		canonical := http.CanonicalHeaderKey(name)
		given[canonical] = append(given[canonical], h[name]...)
	}
	if s.header == nil {
		s.header = given
	} else {
		maps.Copy(s.header, given)
	}
	return nil
}

// Auth authorizes the request by c. The credentials are not sent to another origin if the
// request is redirected. Credentials may remember a server's challenge, as an
// [auth.Digest] does: keep them for the next request. It is treq's auth.
func Auth(c auth.Credentials) Option {
	return optionFunc(func(s *settings) error {
		if err := missing("Auth", c); err != nil {
			return err
		}
		s.credentials = c
		return nil
	})
}

// BasicAuth is [Auth] by [auth.Basic]. It is treq's auth, given a tuple.
func BasicAuth(user, password string) Option { return Auth(auth.Basic(user, password)) }

// Cookies are sent with the request, and with the requests that it is redirected to on
// the same origin. The client puts them into its jar: later requests to that origin send
// them too. They are treq's cookies, given a dict.
type Cookies map[string]string

func (c Cookies) apply(s *settings) error {
	if s.cookies == nil {
		s.cookies = make(map[string]string, len(c))
	}
	maps.Copy(s.cookies, c)
	return nil
}

// CookieJar uses jar for the request, in place of the client's jar: jar supplies the
// cookies to send and stores the cookies of the responses. It is treq's cookies, given a
// CookieJar, but treq copies the CookieJar into the client's jar.
func CookieJar(jar http.CookieJar) Option {
	return optionFunc(func(s *settings) error {
		if err := missing("CookieJar", jar); err != nil {
			return err
		}
		s.jar = jar
		return nil
	})
}

// AllowRedirects says whether redirects are followed. The default is true. It is treq's
// allow_redirects.
type AllowRedirects bool

func (a AllowRedirects) apply(s *settings) error {
	s.refuseRedirects = !bool(a)
	return nil
}

// BrowserLikeRedirects follows redirects as browsers do, even the redirect of a POST,
// which becomes a GET. It is treq's browser_like_redirects.
type BrowserLikeRedirects bool

func (b BrowserLikeRedirects) apply(s *settings) error {
	s.browserLikeRedirects = (*bool)(&b)
	return nil
}

// SensitiveHeaders names headers of the request that stay with its origin, like
// Authorization and Cookie: a redirect to another origin drops them, and they do not come
// back. They add to those of earlier options and of the client's Config.
//
//	client.Headers{"X-Api-Key": {key}}, client.SensitiveHeaders{"X-Api-Key"}
type SensitiveHeaders []string

func (h SensitiveHeaders) apply(s *settings) error {
	for _, name := range h {
		if name == "" || strings.ContainsAny(name, " \t\r\n:") {
			return fmt.Errorf("%w: SensitiveHeaders: %q is not the name of a header", ErrOption, name)
		}
	}
	s.sensitiveHeaders = append(s.sensitiveHeaders, h...)
	return nil
}

// Unbuffered does not keep the body of the response in memory. The body can then be of
// any size, but can be read only once. It is treq's unbuffered.
type Unbuffered bool

func (u Unbuffered) apply(s *settings) error {
	s.unbuffered = bool(u)
	return nil
}

// MaxSize bounds the body of the response, in bytes. A coded body counts as it is decoded. A
// larger body ends after MaxSize bytes with a [*response.FailedError] for a
// [*response.TooLargeError], and its connection is closed. If the head announces a larger
// body, the reader gets the error before the first byte.
//
// 0 means no bound, the default: a program that reads bodies of servers that it does not
// trust sets one, here or in Config.
type MaxSize int64

func (m MaxSize) apply(s *settings) error {
	if m < 0 {
		return fmt.Errorf("%w: MaxSize(%d): negative", ErrOption, m)
	}
	s.maxSize = (*int64)(&m)
	return nil
}

// Decoding decodes a coded body of the response with config, in place of the defaults.
func Decoding(config agent.DecoderConfig) Option {
	return optionFunc(func(s *settings) error {
		s.decoding = &config
		return nil
	})
}

// Persistent(false) closes the connection after the request. The default leaves the
// decision to the agent. It is treq's persistent.
type Persistent bool

func (p Persistent) apply(s *settings) error {
	s.close = !bool(p)
	return nil
}

// Agent sends the request through a, in place of the client's agent. It is treq's agent.
func Agent(a agent.Requester) Option {
	return optionFunc(func(s *settings) error {
		if err := missing("Agent", a); err != nil {
			return err
		}
		s.agent = a
		return nil
	})
}

// Reactor makes the timeouts of the request use the clock of r, in place of the client's
// reactor. A request by the functions of package treq is also sent on r, with the client
// that all such requests on r share; the request then belongs to the goroutine of r. It
// is treq's reactor.
func Reactor(r reactor.Reactor) Option { return reactorOption{r} }

type reactorOption struct{ reactor.Reactor }

func (o reactorOption) apply(s *settings) error {
	if err := missing("Reactor", o.Reactor); err != nil {
		return err
	}
	s.reactor = o.Reactor
	return nil
}

// ReactorOf returns the reactor of the last [Reactor] among options, or nil. It is for code
// that takes the options of a request and chooses where to make it.
func ReactorOf(options ...Option) (last reactor.Reactor) {
	for _, o := range options {
		switch o := o.(type) {
		case reactorOption:
			last = o.Reactor
		case All:
			if r := ReactorOf(o...); r != nil {
				last = r
			}
		}
	}
	return last
}

// All combines several options into one, such as a program's defaults for all its
// requests.
type All []Option

func (a All) apply(s *settings) error { return s.apply(a) }

// ExpectContinue makes the body of the request wait until the server asks for it. If the
// server neither asks for the body nor refuses it within this time, the body is sent (RFC
// 9110, section 10.1.1).
type ExpectContinue time.Duration

func (e ExpectContinue) apply(s *settings) error {
	s.expectContinue = time.Duration(e)
	return positive("ExpectContinue", time.Duration(e))
}

// Informational calls f with each interim response, such as 103 Early Hints (RFC 8297).
func Informational(f func(code int, header http.Header)) Option {
	return optionFunc(func(s *settings) error {
		if err := missing("Informational", f); err != nil {
			return err
		}
		s.informational = f
		return nil
	})
}

// missing returns an error if v, the value of option, is nil or a nil pointer: the option
// would have no effect, or panic later.
func missing(option string, v any) error {
	r := reflect.ValueOf(v)
	switch {
	case v == nil:
		return fmt.Errorf("%w: %s: nil", ErrOption, option)
	case (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil():
		return fmt.Errorf("%w: %s: a nil %T", ErrOption, option, v)
	}
	return nil
}

func positive(option string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%w: %s(%v): not positive", ErrOption, option, d)
	}
	return nil
}

var errNilOption = fmt.Errorf("%w: nil", ErrOption)

// apply applies all options, even after a bad one: a body that will not be sent must be
// released. apply returns the first error.
func (s *settings) apply(options []Option) (first error) {
	for _, o := range options {
		err := errNilOption
		if o != nil {
			err = o.apply(s)
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// settings returns the settings of a request to target with these options, after the
// client's defaults.
func (c *HTTPClient) settings(target *url.URL, options []Option) (*settings, error) {
	s := c.spare
	c.spare = nil // an option may make a request too
	if s == nil {
		s = new(settings)
	}
	s.json = &c.json
	s.apply(c.config.Defaults) // they are checked
	s.defaultPathParams, s.pathParams = s.pathParams, nil
	if c.base != nil && len(c.config.Defaults) != 0 {
		s.keepSecrets()
		if !sameOrigin(c.base, target) {
			s.withhold(&c.config.Redirects)
		}
	}
	return s, s.apply(options)
}

// Discard releases the bodies that options would make: it stops producers and closes files.
// It is for code that takes options and makes no request of them. A request releases its
// bodies itself.
func Discard(options ...Option) {
	var s settings
	s.apply(options) // even if an option is bad
	s.body.discard()
}

// checkDefaults returns the error of options as defaults.
func checkDefaults(options []Option) error {
	var s settings
	err := s.apply(options)
	if option := s.body.given(); option != "" && err == nil {
		err = fmt.Errorf("%w: %s: a default cannot make a body", ErrOption, option)
	}
	if err != nil {
		s.body.discard()
		return fmt.Errorf("in Defaults: %w", err)
	}
	return nil
}

// keepSecrets makes the headers sensitive that have the name of a secret.
func (s *settings) keepSecrets() {
	for name := range s.header {
		if secret.Known.Has(name) {
			s.sensitiveHeaders = append(s.sensitiveHeaders, name)
		}
	}
}

// withhold removes what must not be sent to another origin.
func (s *settings) withhold(redirects *agent.RedirectConfig) {
	config := agent.RedirectConfig{SensitiveHeaders: slices.Concat(redirects.SensitiveHeaders, s.sensitiveHeaders)}
	s.credentials, s.cookies = nil, nil
	maps.DeleteFunc(s.header, func(name string, _ []string) bool { return config.Sensitive(name) })
	s.params = slices.DeleteFunc(s.params, func(pair [2]string) bool { return secret.Known.Has(pair[0]) })
}

// sameOrigin reports whether a and b have one origin.
func sameOrigin(a, b *url.URL) bool {
	first, err := origin.Of(a)
	second, otherErr := origin.Of(b)
	return err == nil && otherErr == nil && first == second
}

// build returns the request to target that s describes.
func (c *HTTPClient) build(s *settings, method string, target *url.URL) (*request.Request, error) {
	producer, contentType, err := c.produce(&s.body)
	if err != nil {
		return nil, err
	}
	header := s.header
	if header == nil && (contentType != "" || s.close) {
		header = make(http.Header, 2)
	}
	if contentType != "" && (header["Content-Type"] == nil || s.body.files != nil) {
		header["Content-Type"] = []string{contentType}
	}
	if s.close {
		header["Connection"] = append(header["Connection"], "close")
	}
	// One allocation: a request's URL lives as long as the request.
	made := &struct {
		request.Request
		url url.URL
	}{url: *target}
	addParams(&made.url, s.params)
	made.Request = request.Request{
		Method:         method,
		URL:            &made.url,
		Header:         header,
		UserAgent:      c.config.UserAgent,
		Body:           producer,
		ExpectContinue: s.expectContinue,
		Informational:  s.informational,
		Context:        s.context,
	}
	return &made.Request, nil
}
