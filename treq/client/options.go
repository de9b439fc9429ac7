package client

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file holds the options of a request: treq's keyword arguments. Each is a
// value of a named type, so that a call reads like one with keywords:
//
//	c.Get(url, client.Params{"q": {"go"}}, client.Timeout(5*time.Second))
//
// Those that make a body are in body.go.

// An Option says something of a request beside its method and URL.
type Option interface {
	apply(*settings) error
}

// settings are what a request's options say, all together.
type settings struct {
	params               [][2]string
	header               http.Header
	body                 body
	toBody               func(data any) (request.BodyProducer, bool) // of the client; or nil
	credentials          auth.Credentials
	jar                  http.CookieJar
	cookies              map[string]string
	refuseRedirects      bool
	browserLikeRedirects bool
	unbuffered           bool
	agent                agent.Requester
	onReactor            agent.Requester            // of OnReactor; after agent
	decoding             *agent.ContentDecoderAgent // nil: as usual
	clock                reactor.Clock
	timeouts             timeouts
	expectContinue       time.Duration
	informational        func(code int, header http.Header)
}

// noSettings are those of a request without options. They are not to be changed.
var noSettings = &settings{}

// optionFunc is an Option that is a function.
type optionFunc func(*settings) error

func (f optionFunc) apply(s *settings) error { return f(s) }

var (
	// ErrOptionsConflict is the error of options that exclude each other; its
	// text names them.
	ErrOptionsConflict = errors.New("options that exclude each other")
	// ErrOption is the error of an option whose value makes no sense; its text
	// names it.
	ErrOption = errors.New("bad option")
)

// Params are added to the query of the URL, sorted by name, behind what is there.
// They are treq's params, given a dict.
type Params map[string][]string

func (p Params) apply(s *settings) error {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		for _, value := range p[name] {
			s.params = append(s.params, [2]string{name, value})
		}
	}
	return nil
}

// ParamList is Params in an order of their own. It is treq's params, given a list.
type ParamList [][2]string

func (p ParamList) apply(s *settings) error {
	s.params = append(s.params, p...)
	return nil
}

// ParamsOf is [Params] or [ParamList], made of v, which may be all that a form of
// [Data] may be. It is treq's params, given a dict whose values are single or many:
//
//	client.ParamsOf(map[string]any{"foo": []string{"bar", "baz"}, "bax": "quux"})
func ParamsOf(v any) Option {
	return optionFunc(func(s *settings) error {
		pairs, err := pairsOf("ParamsOf", v)
		s.params = append(s.params, pairs...)
		return err
	})
}

// Headers are sent with the request. Names may be in any case. They are treq's
// headers.
type Headers map[string][]string

func (h Headers) apply(s *settings) error {
	if s.header == nil {
		s.header = make(http.Header, len(h)+2)
	}
	// In their order, lest two names that differ in case make a difference.
	for _, name := range slices.Sorted(maps.Keys(h)) {
		canonical := http.CanonicalHeaderKey(name)
		s.header[canonical] = append(s.header[canonical], h[name]...)
	}
	return nil
}

// Auth has the request authorized by c. Credentials may remember what the server
// has asked for, as an [auth.Digest] does: keep them for the next request. They are
// not sent to another origin when the request is redirected. It is treq's auth.
func Auth(c auth.Credentials) Option {
	return optionFunc(func(s *settings) error {
		if c == nil {
			return fmt.Errorf("%w: Auth: nil", ErrOption)
		}
		if s.credentials != nil {
			return fmt.Errorf("%w: Auth and Auth", ErrOptionsConflict)
		}
		s.credentials = c
		return nil
	})
}

// BasicAuth is Auth by [auth.Basic]. It is treq's auth, given a tuple.
func BasicAuth(user, password string) Option { return Auth(auth.Basic(user, password)) }

// Cookies are sent with the request, and with those to the same origin that it is
// redirected to. They are put into the client's jar, and so go with later requests
// to that origin too. They are treq's cookies, given a dict.
type Cookies map[string]string

func (c Cookies) apply(s *settings) error {
	if s.cookies == nil {
		s.cookies = make(map[string]string, len(c))
	}
	maps.Copy(s.cookies, c)
	return nil
}

// CookieJar has the request use jar in place of the client's: its cookies are sent
// to where they belong, and those that the servers set are kept there. It is treq's
// cookies, given a CookieJar, but for that treq copies those into its own.
func CookieJar(jar http.CookieJar) Option {
	return optionFunc(func(s *settings) error {
		if jar == nil {
			return fmt.Errorf("%w: CookieJar: nil", ErrOption)
		}
		s.jar = jar
		return nil
	})
}

// AllowRedirects says whether redirects are followed; they are by default. It is
// treq's allow_redirects.
type AllowRedirects bool

func (a AllowRedirects) apply(s *settings) error {
	s.refuseRedirects = !bool(a)
	return nil
}

// BrowserLikeRedirects has redirects followed as browsers do, a POST too, which
// becomes a GET. It is treq's browser_like_redirects.
type BrowserLikeRedirects bool

func (b BrowserLikeRedirects) apply(s *settings) error {
	s.browserLikeRedirects = bool(b)
	return nil
}

// Unbuffered has the body of the response not kept in memory as it is read. It can
// then be read only once, but be of any size. It is treq's unbuffered.
type Unbuffered bool

func (u Unbuffered) apply(s *settings) error {
	s.unbuffered = bool(u)
	return nil
}

// Decoding has the coded body of the response decoded as config says, in place of the
// defaults.
func Decoding(config agent.DecoderConfig) Option {
	return optionFunc(func(s *settings) error {
		s.decoding = agent.NewContentDecoderAgent(nil, config)
		return nil
	})
}

// Persistent(false) has the connection closed after the request. By default that
// is up to the agent. It is treq's persistent.
type Persistent bool

func (p Persistent) apply(s *settings) error {
	if !p {
		return Headers{"Connection": {"close"}}.apply(s)
	}
	return nil
}

// Agent has a send the request, in place of the client's own agent. It is treq's
// agent.
func Agent(a agent.Requester) Option {
	return optionFunc(func(s *settings) error {
		if a == nil {
			return fmt.Errorf("%w: Agent: nil", ErrOption)
		}
		s.agent = a
		return nil
	})
}

// Reactor has the timeouts of the request go by r's clock, in place of that of the
// client's reactor. It is treq's reactor.
func Reactor(r reactor.Clock) Option {
	return optionFunc(func(s *settings) error {
		if r == nil {
			return fmt.Errorf("%w: Reactor: nil", ErrOption)
		}
		s.clock = r
		return nil
	})
}

// OnReactor is [Reactor], and has a, an agent on r, send the request if no [Agent] says
// otherwise.
func OnReactor(r reactor.Clock, a agent.Requester) Option {
	return optionFunc(func(s *settings) error {
		if a == nil {
			return fmt.Errorf("%w: OnReactor: nil", ErrOption)
		}
		s.onReactor = a
		return Reactor(r).apply(s)
	})
}

// All are several options as one: those that a program gives to all its requests,
// perhaps.
type All []Option

func (a All) apply(s *settings) error { return s.apply(a) }

// ExpectContinue has the request's body wait until the server asks for it, or has
// not refused it for so long (RFC 9110, section 10.1.1).
type ExpectContinue time.Duration

func (e ExpectContinue) apply(s *settings) error {
	s.expectContinue = time.Duration(e)
	return positive("ExpectContinue", time.Duration(e))
}

// Informational has f called with each interim response, such as 103 Early Hints
// (RFC 8297).
func Informational(f func(code int, header http.Header)) Option {
	return optionFunc(func(s *settings) error {
		s.informational = f
		return nil
	})
}

func positive(option string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%w: %s(%v): not positive", ErrOption, option, d)
	}
	return nil
}

// apply applies all options.
func (s *settings) apply(options []Option) error {
	for _, o := range options {
		if o == nil {
			return fmt.Errorf("%w: nil", ErrOption)
		}
		if err := o.apply(s); err != nil {
			return err
		}
	}
	return nil
}

// request makes the request of its parts.
func (s *settings) request(method string, target *url.URL) (*request.Request, error) {
	producer, contentType, err := s.body.producer()
	if err != nil {
		return nil, err
	}
	header := s.header
	if contentType != "" && (header["Content-Type"] == nil || s.body.files != nil) {
		if header == nil {
			header = make(http.Header, 1)
		}
		header["Content-Type"] = []string{contentType}
	}
	// One object: who has the request has its URL.
	made := &struct {
		request.Request
		url url.URL
	}{url: *target}
	addParams(&made.url, s.params)
	made.Request = request.Request{
		Method:         method,
		URL:            &made.url,
		Header:         header,
		Body:           producer,
		ExpectContinue: s.expectContinue,
		Informational:  s.informational,
	}
	decoding.Accept(&made.Request)
	return &made.Request, nil
}
