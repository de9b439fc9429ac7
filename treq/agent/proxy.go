package agent

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/net/http/httpproxy"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// NewProxyAgent returns an agent that sends its requests through the proxy at proxyURL, such
// as "http://user:password@proxy.example:3128". It is New with [ProxyURL] as the Proxy of
// config, but fails at once if proxyURL is not the URL of a proxy. It also fails if config
// has an Endpoint or a Proxy.
//
// It is Twisted's ProxyAgent, which has no tunnels.
func NewProxyAgent(r reactor.Reactor, proxyURL string, config Config) (*Agent, error) {
	switch {
	case config.Endpoint != nil:
		return nil, errors.New("agent: NewProxyAgent with an Endpoint")
	case config.Proxy != nil:
		return nil, errors.New("agent: NewProxyAgent with a Proxy")
	}
	u, err := parseProxy(proxyURL)
	if err == nil {
		_, err = newProxy(u)
	}
	if err != nil {
		return nil, err
	}
	config.Proxy = func(*request.Request) (*url.URL, error) { return u, nil }
	return New(r, config), nil
}

// ProxyURL returns a Proxy of [Config] that sends every request through the proxy at rawURL,
// such as "socks5h://user:password@proxy.example". If that is not the URL of a proxy, every
// request fails before anything is sent. It is net/http's ProxyURL.
func ProxyURL(rawURL string) func(*request.Request) (*url.URL, error) {
	u, err := parseProxy(rawURL)
	return func(*request.Request) (*url.URL, error) { return u, err }
}

// ProxyFromEnvironment is a Proxy of [Config] that does what the environment says, as curl and
// net/http do:
//
//   - HTTP_PROXY is the proxy of requests for http, HTTPS_PROXY that of requests for https.
//     ALL_PROXY is that of both, where the other variable is not set. The value is a URL, as
//     Config takes it, or a host and perhaps a port, for a proxy of http.
//   - NO_PROXY lists, with commas, what is requested without a proxy: names, each with its
//     subdomains, IP addresses, ranges of them ("192.0.2.0/24"), each perhaps with a port.
//     "*" is everything.
//
// The variables may be in lower case, which comes first. localhost and the loopback addresses
// never have a proxy. In a CGI program, where REQUEST_METHOD is set, HTTP_PROXY may be a header
// of the request that the program answers: a request for http then fails if HTTP_PROXY is set.
// A value that is no URL of a proxy is an error, too.
//
// The environment is read for each request, so a change of it counts from the next request on.
func ProxyFromEnvironment(req *request.Request) (*url.URL, error) {
	target, err := origin.Of(req.URL)
	if err != nil {
		return nil, err
	}
	env := httpproxy.FromEnvironment()
	name, value := "HTTP_PROXY", env.HTTPProxy
	if target.Scheme == "https" {
		name, value = "HTTPS_PROXY", env.HTTPSProxy
	}
	if value == "" {
		name, value = "ALL_PROXY", cmp.Or(os.Getenv("all_proxy"), os.Getenv("ALL_PROXY"))
		env.CGI = false
	}
	if value == "" {
		return nil, nil
	}
	// httpproxy knows NO_PROXY. It would ignore a value that it cannot read, and the
	// request would go without a proxy.
	env.HTTPProxy, env.HTTPSProxy = "http://proxy", "http://proxy"
	use, err := env.ProxyFunc()(&url.URL{Scheme: target.Scheme, Host: net.JoinHostPort(target.Host, target.Port)})
	if use == nil || err != nil {
		return nil, err
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := parseProxy(value)
	if err != nil {
		return nil, fmt.Errorf("%s in the environment: %w", name, err)
	}
	return u, nil
}

// A proxy is a server that connects to other servers, or forwards requests to them.
type proxy struct {
	given          url.URL       // the URL that the proxy was made of
	scheme         string        // "http", "https", "socks5" or "socks5h"
	server         origin.Server // where it listens
	user, password string
	key            string   // tells it from other proxies; has the credentials
	shown          string   // its URL without the password
	authorization  []string // the value of Proxy-Authorization; nil without credentials
}

// parseProxy parses the URL of a proxy. Its errors do not have the password.
func parseProxy(rawURL string) (*url.URL, error) {
	err := origin.CheckScheme(rawURL)
	if err != nil {
		return nil, fmt.Errorf("the proxy's URL: %w", err)
	}
	u, err := origin.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("the proxy's URL: %w", err)
	}
	return u, nil
}

func newProxy(u *url.URL) (*proxy, error) {
	p := &proxy{given: *u, scheme: strings.ToLower(u.Scheme), user: u.User.Username()}
	p.password, _ = u.User.Password()
	at := url.URL{Scheme: p.scheme, Host: u.Host}
	var err error
	switch p.scheme {
	case "http", "https":
		err = p.setBasic(u.User)
	case "socks5", "socks5h":
		if at.Scheme = "http"; at.Port() == "" && at.Hostname() != "" {
			at.Host = net.JoinHostPort(at.Hostname(), "1080")
		}
		switch {
		case len(p.user) > 255 || len(p.password) > 255:
			err = fmt.Errorf("%w: SOCKS5 takes a user name and a password of 255 bytes each", auth.ErrInvalid)
		case p.user == "" && p.password != "":
			err = fmt.Errorf("%w: SOCKS5 takes no password without a user name", auth.ErrInvalid)
		}
	default:
		err = fmt.Errorf("%w: %q, not http, https, socks5 or socks5h", ErrSchemeNotSupported, u.Scheme)
	}
	if err == nil {
		p.server, err = origin.ServerOf(&at)
	}
	show := &url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}
	p.shown = origin.Excerpt(printable(origin.Redacted(show)), origin.ExcerptOfURL)
	if err != nil {
		return nil, fmt.Errorf("the proxy's URL %s: %w", p.shown, err)
	}
	p.key = (&url.URL{Scheme: p.scheme, User: u.User, Host: netLocation(p.server)}).String()
	return p, nil
}

// setBasic makes Proxy-Authorization (RFC 9110, section 11.7.2).
func (p *proxy) setBasic(credentials *url.Userinfo) error {
	switch {
	case credentials == nil:
		return nil
	case strings.Contains(p.user, ":"):
		return fmt.Errorf("%w: the user name has a colon", auth.ErrInvalid)
	case strings.ContainsFunc(p.user+p.password, unicode.IsControl):
		return fmt.Errorf("%w: the user name or the password has a control character", auth.ErrInvalid)
	}
	p.authorization = []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password))}
	return nil
}

// socks reports whether p speaks SOCKS5.
func (p *proxy) socks() bool { return strings.HasPrefix(p.scheme, "socks5") }

// forwards reports whether p, which may be nil, gets the requests for server itself, in the
// form for a proxy (RFC 9112, section 3.2.2).
func (p *proxy) forwards(server origin.Server) bool {
	return p != nil && !p.socks() && server.Scheme == "http"
}

// forward changes head so that it asks p to forward req.
func (p *proxy) forward(head *http1.RequestHead, req *request.Request) {
	u := *req.URL
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	head.Target = u.String()
	if p.authorization != nil {
		head.Header = req.Clone().Header
		head.Header["Proxy-Authorization"] = p.authorization
	}
}

// proxyFor returns the proxy that the Proxy of Config chooses for req, or nil.
func (a *Agent) proxyFor(req *request.Request) (*proxy, error) {
	u, err := a.chooseProxy(req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("choosing the proxy: %w", err)
	case u == nil:
		return nil, nil
	case a.lastProxy == nil || a.lastProxy.given != *u:
		p, err := newProxy(u)
		if err != nil {
			return nil, err
		}
		a.lastProxy = p
	}
	return a.lastProxy, nil
}

// proxiedGroup returns the group for req, whose route is r but for the proxy.
func (a *Agent) proxiedGroup(req *request.Request, r route) (*group, error) {
	p, err := a.proxyFor(req)
	if err != nil {
		return nil, err
	}
	if p != nil {
		if r.proxy = p.key; p.scheme == "https" {
			r.tls = a.config.TLS
		}
		if p.forwards(r.server) {
			r.versions = versions{http1: r.versions.http1}
		}
	}
	g := a.pool.group(r)
	g.through = p
	return g, r.versions.check(r.server.Scheme)
}

// chooseProxy calls the Proxy of Config. Its panic is an error: the body of req must be
// stopped.
func (a *Agent) chooseProxy(req *request.Request) (u *url.URL, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = deferred.NewPanicError(v)
		}
	}()
	return a.config.Proxy(req)
}

// through returns the endpoint of server as p reaches it. If p forwards the requests for
// server, that is p itself.
func (a *Agent) through(p *proxy, server origin.Server, trace *tracer) endpoints.ClientEndpoint {
	target := netLocation(server)
	e := a.hostname(p.server, trace)
	own := e
	if p.scheme == "https" {
		e = a.secured(e, p.server, versions{http1: true, upgrade: true}, trace) // CONNECT and forwarding are those of HTTP/1.1
	}
	switch {
	case p.socks():
		e = endpoints.NewSOCKS5(a.reactor, e, server.Host, server.Port, endpoints.SOCKS5Config{
			Username: p.user, Password: p.password, Resolve: p.scheme == "socks5", Timeout: a.config.ConnectTimeout,
		})
	case !p.forwards(server):
		e = &tunnel{agent: a, proxy: p, below: e, target: target}
	}
	return &proxied{a, p, target, e, own}
}

// A proxied is the endpoint of a server that is reached through a proxy. Its errors are those
// of the proxy.
type proxied struct {
	agent  *Agent
	proxy  *proxy
	target string // the server's host and port
	below  endpoints.ClientEndpoint
	own    endpoints.ClientEndpoint // the proxy itself, which below uses
}

func (p *proxied) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return p.below.Connect(factory).AddErrback(func(err error) (reactor.Protocol, error) {
		if _, refused := errors.AsType[*ProxyError](err); refused || err == deferred.ErrCancelled {
			return nil, err
		}
		_, already := errors.AsType[*TimeoutError](err)
		if !already && errors.Is(err, reactor.ErrConnectTimeout) && !errors.Is(err, syscall.ETIMEDOUT) && !p.answered(err) {
			err = p.agent.connectTimeout(err)
		}
		err = explained(err)
		if other, ok := err.(*versionError); ok {
			err = &versionError{only: other.only, advice: "a proxy must speak HTTP/1.1", err: other.err}
		}
		return nil, &ProxyError{Proxy: p.proxy.shown, Target: p.target, Err: err}
	})
}

// answered reports whether err is an answer of the proxy: its timeouts are its own.
func (p *proxied) answered(err error) bool {
	_, answered := errors.AsType[*endpoints.SOCKS5Error](err)
	return answered
}
