package client

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// An HTTPClient makes requests through an agent and keeps their cookies. It is
// treq.client.HTTPClient. Its methods belong to the goroutine of its reactor.
type HTTPClient struct {
	reactor reactor.Reactor
	stack   agent.Stack     // the stack of a request without options
	log     *agent.LogAgent // logs requests, and is around the agent of stack; nil without a Log
	config  Config
	base    *url.URL // that of config.BaseURL; or nil
	invalid error    // what is wrong with config: the error of each request; or nil
	urls    urlCache
	json    jsonEncoder
	spare   *settings // zero, for the next request with options; or nil

	agent       agent.Requester    // stack.Agent without the retries and the limits
	limiter     *agent.Limiter     // nil without Limits
	retryBudget *agent.RetryBudget // nil before the first use
}

// A Config says how an HTTPClient works. The zero value is a complete client.
type Config struct {
	// BaseURL, if it is not "", is the absolute http or https URL that relative URLs of
	// requests refer to (RFC 3986, section 5): below "http://an.example/v1/", "users" means
	// http://an.example/v1/users, and "/users" means http://an.example/users. An absolute URL
	// of a request stays as it is. If BaseURL is not such a URL, every request fails with
	// [ErrURL].
	BaseURL string
	// Defaults are options for every request. They come before the request's own options,
	// which therefore win. A default that makes a body, or is bad, is the error of every
	// request.
	//
	// With a BaseURL, the defaults that hold secrets stay with its origin, as they do in
	// a redirect: a request to another origin goes without [Auth], [Cookies], the headers
	// that [SensitiveHeaders] describes, and headers and [Params] with the name of a secret,
	// such as X-Api-Key and access_token, unless its own options have them.
	Defaults []Option
	// UserAgent is the User-Agent of requests without one. "" means [DefaultUserAgent].
	// Headers{"User-Agent": {}} leaves it out, in Defaults or in a request. An agent of
	// yours finds it in [request.Request].UserAgent.
	UserAgent string
	// Agent sends the requests. It must be on the client's reactor. nil means an
	// [agent.Agent] as AgentConfig describes it.
	Agent agent.Requester
	// AgentConfig says how the client's own agent works, if Agent is nil; with an Agent, New
	// panics. A nil Pool means a new one.
	AgentConfig agent.Config
	// Jar keeps the cookies. nil means a new [cookies.Jar]. It is treq's cookiejar.
	Jar http.CookieJar
	// NewJar, if it is not nil, makes a jar for each request, in place of Jar.
	// Requests then do not share cookies.
	NewJar func() http.CookieJar
	// Redirects says how redirects are followed, unless options say otherwise.
	Redirects agent.RedirectConfig
	// Retries says which requests are tried again, and when. nil tries none again, except
	// those with a [Retries] option.
	Retries *agent.RetryConfig
	// Limits says how many requests are sent, in a second and at a time, to each host and in
	// all. Every try counts, and every redirect. nil means that there are no limits.
	Limits *agent.LimitConfig
	// MaxSize bounds the body of each response, in bytes; see [MaxSize]. 0 means no
	// bound: Content, Text and JSON of a response then keep as much in memory as the
	// server sends.
	MaxSize int64
	// DataToBodyProducer, if it is not nil, makes the body of a request from the
	// value of [Data], unless the value is a form or nil. If it returns false for ok,
	// Data makes the body. It is treq's data_to_body_producer.
	DataToBodyProducer func(data any) (body request.BodyProducer, ok bool)
	// Log says how requests are logged, unless a [Log] option says otherwise. nil means that
	// they are not. The zero LogConfig logs to [slog.Default]. SensitiveHeaders are hidden.
	Log *agent.LogConfig
}

// New returns an HTTPClient on r. Its timeouts use the clock of r, and the boundaries of
// its multipart bodies use the randomness of r.
func New(r reactor.Reactor, config Config) *HTTPClient {
	if r == nil {
		panic("client: New without a reactor")
	}
	if config.UserAgent == "" {
		config.UserAgent = DefaultUserAgent
	}
	c := &HTTPClient{reactor: r, config: config, stack: agent.Stack{
		Agent:    config.Agent,
		Jar:      config.Jar,
		Decoding: &agent.DecoderConfig{},
		MaxSize:  config.MaxSize,
		Buffered: true,
	}}
	c.stack.Redirects = &c.config.Redirects
	if c.stack.Agent == nil {
		c.stack.Agent = newAgent(r, config.AgentConfig)
	} else if !reflect.ValueOf(config.AgentConfig).IsZero() {
		panic("client: Config has an Agent and an AgentConfig: the Agent has a config of its own")
	}
	if config.Log != nil {
		c.log = agent.NewLogAgent(r, c.stack.Agent, *config.Log)
		c.stack.Agent = c.log // for the tries
	}
	c.agent = c.stack.Agent
	if config.Limits != nil {
		c.limiter = agent.NewLimiter(r, *config.Limits)
	}
	c.stack.Agent = c.retrying(limited(c.agent, c.limiter))
	if c.stack.Jar == nil && config.NewJar == nil {
		c.stack.Jar = &cookies.Jar{Now: r.Now}
	}
	c.base, c.invalid = parseBase(config.BaseURL)
	if c.invalid == nil {
		c.invalid = checkDefaults(config.Defaults)
	}
	return c
}

// Version is the version of the library.
const Version = "0.2"

// DefaultUserAgent is the User-Agent of requests by clients without another one.
const DefaultUserAgent = "gotreq/" + Version

func newAgent(r reactor.Reactor, config agent.Config) *agent.Agent {
	if config.Pool == nil {
		config.Pool = agent.NewPool(r, agent.PoolConfig{})
	}
	return agent.New(r, config)
}

// Shared returns the client with which the functions of package treq make a request with
// these options: the client of the last [Reactor] among them, or of the default reactor.
// It keeps connections but no cookies, and lives as long as its reactor.
func Shared(options []Option) *HTTPClient {
	r := ReactorOf(options...)
	if r == nil {
		r = reactor.Default()
	}
	return shared.Of(r)
}

var shared = reactor.NewLocal(func(r reactor.Reactor) *HTTPClient {
	return New(r, Config{NewJar: func() http.CookieJar { return &cookies.Jar{Now: r.Now} }})
})

// Jar returns the jar that supplies and stores the cookies of requests without a
// [CookieJar] option. It is nil for a client with a NewJar.
func (c *HTTPClient) Jar() http.CookieJar { return c.stack.Jar }

// RoundTripper returns the client's agent as an http.RoundTripper, for http.Client and
// everything built on it; see [agent.NewRoundTripper]. It does not follow redirects, keep
// cookies or decode bodies: the user of the RoundTripper does.
func (c *HTTPClient) RoundTripper() http.RoundTripper {
	return agent.NewRoundTripper(c.reactor, c.stack.Agent)
}

// Request makes a request and fires with the response when its head is received. The
// methods of the response read its body. rawURL is absolute, or relative to the BaseURL of
// the client's [Config].
//
// The Deferred fails with an [*agent.RequestError] if the arguments are invalid, if there
// is no connection or no response, or if a timeout is over. A response with an error
// status is not an error, unless [RaiseForStatus] is set. Cancelling the Deferred gives up the request.
//
// The client follows redirects, keeps cookies and decodes bodies with a content coding,
// unless options say otherwise.
//
// A user name and password in rawURL are sent to the origin of rawURL only, as by
// [BasicAuth], unless there is an [Auth] option or an Authorization header. A user name
// and password in the URL of a redirect are not sent.
func (c *HTTPClient) Request(method, rawURL string, options ...Option) *response.Deferred {
	target, err := c.urls.parse(c.base, rawURL)
	if err = cmp.Or(c.invalid, err); err != nil {
		return refused(method, secret.Known.RawURL(rawURL), err, options)
	}
	return c.request(method, target, source{text: rawURL}, options)
}

// RequestURL is Request for a parsed URL.
func (c *HTTPClient) RequestURL(method string, u *url.URL, options ...Option) *response.Deferred {
	if u == nil {
		return refused(method, "", fmt.Errorf("%w: nil", ErrURL), options)
	}
	target, err := targetOf(c.base, u)
	if err = cmp.Or(c.invalid, err); err != nil {
		return refused(method, origin.Redacted(u), err, options)
	}
	return c.request(method, target, source{url: u}, options)
}

// refused returns the result of a request that is not sent because of its URL. It releases
// the bodies of options: they may hold files.
func refused(method, shownURL string, err error, options []Option) *response.Deferred {
	Discard(options...) // an error of an option comes second
	return failed(method, shownURL, err)
}

func failed(method, shownURL string, err error) *response.Deferred {
	return deferred.Fail[*response.Response](&agent.RequestError{Method: strings.ToUpper(method), URL: shownURL, Err: err, NotSent: true})
}

// request makes a request to target, which is ready to be sent but for its placeholders.
// target was made from src. request does not change it.
func (c *HTTPClient) request(method string, target *url.URL, src source, options []Option) *response.Deferred {
	s := noSettings
	if len(options) != 0 || len(c.config.Defaults) != 0 {
		var err error
		if s, err = c.settings(target, options); err == nil {
			var filled *url.URL
			if filled, err = c.fill(s, target, src); err == nil {
				target = filled
			}
		}
		if err != nil {
			s.body.discard()
			return failed(method, origin.Redacted(target), err)
		}
	}
	if s.context != nil && s.context.Err() != nil {
		s.body.discard()
		return failed(method, origin.Redacted(target), ended(s.context))
	}
	req, err := c.build(s, strings.ToUpper(method), target)
	if err != nil {
		s.body.discard()
		return failed(method, origin.Redacted(target), err)
	}
	stack, err := c.stackFor(s, req)
	if err != nil {
		if req.Body != nil {
			req.Body.StopProducing()
		}
		return failed(method, origin.Redacted(target), err)
	}
	d := s.raise(c.watch(s, stack, req), req)
	if s != noSettings && !c.watched(s) {
		*s = settings{}
		c.spare = s
	}
	return d
}

// send sends req through stack, bounded by the timeouts and the context of s.
func (c *HTTPClient) send(s *settings, stack *agent.Stack, req *request.Request) *response.Deferred {
	if s.timeouts == (timeouts{}) && s.context == nil {
		return stack.Send(req)
	}
	clock := c.clock(s)
	start := clock.Now()
	d := stack.Send(req)
	s.bound(d, req, c.reactor, clock, start)
	return d.AddErrback(func(err error) (*response.Response, error) { return nil, agent.WithRequest(req, err) })
}

// clock returns the clock of a request with the options s.
func (c *HTTPClient) clock(s *settings) reactor.Clock {
	if s.reactor != nil {
		return s.reactor
	}
	return c.reactor
}

// stackFor returns the stack for req, whose options are s: the client's stack, or a copy
// with the changes of s.
func (c *HTTPClient) stackFor(s *settings, req *request.Request) (*agent.Stack, error) {
	credentials := s.credentials
	if credentials == nil && req.URL.User != nil && len(req.Header["Authorization"]) == 0 {
		credentials = auth.FromURL(req.URL)
	}
	if credentials == nil && c.config.NewJar == nil && !s.changeStack() {
		return &c.stack, nil
	}
	stack := new(agent.Stack)
	*stack = c.stack
	stack.Credentials = credentials
	stack.Buffered = !s.unbuffered
	if s.agent != nil || s.retries != nil || s.limited {
		limiter := c.limiter
		if s.limited {
			limiter = s.limiter
		}
		stack.Agent = c.retryingFor(limited(cmp.Or(s.agent, c.agent), limiter), s)
	}
	stack.Redirects = c.redirects(s)
	if s.maxSize != nil {
		stack.MaxSize = *s.maxSize
	}
	if s.decoding != nil {
		stack.Decoding = s.decoding
	}
	switch {
	case s.jar != nil:
		stack.Jar = s.jar
	case c.config.NewJar != nil:
		stack.Jar = c.config.NewJar()
	}
	return stack, addCookies(stack.Jar, req.URL, s.cookies)
}

// changeStack reports whether s asks for another stack than that of the client, apart from the
// credentials.
func (s *settings) changeStack() bool {
	return s != noSettings && (s.unbuffered || s.agent != nil || s.retries != nil || s.limited ||
		s.refuseRedirects || s.browserLikeRedirects != nil || len(s.sensitiveHeaders) != 0 ||
		s.maxSize != nil || s.decoding != nil || s.jar != nil || s.cookies != nil)
}

// redirects returns how the redirects of a request with options s are followed; nil if they
// are not.
func (c *HTTPClient) redirects(s *settings) *agent.RedirectConfig {
	switch {
	case s.refuseRedirects:
		return nil
	case s.browserLikeRedirects == nil && len(s.sensitiveHeaders) == 0:
		return &c.config.Redirects
	}
	config := c.config.Redirects
	if s.browserLikeRedirects != nil {
		config.BrowserLike = *s.browserLikeRedirects
	}
	config.SensitiveHeaders = slices.Concat(config.SensitiveHeaders, s.sensitiveHeaders)
	return &config
}

// addCookies puts the cookies of a [Cookies] option into jar, for the origin of u.
func addCookies(jar http.CookieJar, u *url.URL, values map[string]string) error {
	if values == nil {
		return nil
	}
	if jar == nil {
		return fmt.Errorf("%w: Cookies: the client has no jar, since its NewJar returned nil", ErrOption)
	}
	scoped, err := cookies.FromMap(u, values)
	if err != nil {
		return fmt.Errorf("%w: Cookies: %w", ErrOption, err)
	}
	if own, ok := jar.(*cookies.Jar); ok {
		own.Merge(scoped)
		return nil
	}
	// Each cookie keeps its attributes: the jar must see Secure, and must not use the
	// path of u.
	for cookie := range scoped.All() {
		jar.SetCookies(u, []*http.Cookie{cookie.HTTPCookie()})
	}
	return nil
}

// Get makes a GET request; see [HTTPClient.Request].
func (c *HTTPClient) Get(url string, options ...Option) *response.Deferred {
	return c.Request(http.MethodGet, url, options...)
}

// Head makes a HEAD request; see [HTTPClient.Request].
func (c *HTTPClient) Head(url string, options ...Option) *response.Deferred {
	return c.Request(http.MethodHead, url, options...)
}

// Post makes a POST request; see [HTTPClient.Request].
func (c *HTTPClient) Post(url string, options ...Option) *response.Deferred {
	return c.Request(http.MethodPost, url, options...)
}

// Put makes a PUT request; see [HTTPClient.Request].
func (c *HTTPClient) Put(url string, options ...Option) *response.Deferred {
	return c.Request(http.MethodPut, url, options...)
}

// Patch makes a PATCH request; see [HTTPClient.Request].
func (c *HTTPClient) Patch(url string, options ...Option) *response.Deferred {
	return c.Request(http.MethodPatch, url, options...)
}

// Options makes an OPTIONS request; see [HTTPClient.Request].
func (c *HTTPClient) Options(url string, options ...Option) *response.Deferred {
	return c.Request(http.MethodOptions, url, options...)
}

// Delete makes a DELETE request; see [HTTPClient.Request].
func (c *HTTPClient) Delete(url string, options ...Option) *response.Deferred {
	return c.Request(http.MethodDelete, url, options...)
}
