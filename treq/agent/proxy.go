package agent

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// NewProxyAgent returns an agent that sends its requests through the HTTP proxy at
// proxyURL, such as "http://user:password@proxy.example:3128". The proxy forwards a
// request for http (RFC 9112, section 3.2.2). A request for https goes through a tunnel
// that CONNECT opens (RFC 9110, section 9.3.6), so that the proxy cannot read it. Only
// the proxy gets the user name and password.
//
// NewProxyAgent fails if proxyURL is not a URL of the scheme http, or if config has an
// Endpoint, since the agent connects to the proxy. It is Twisted's ProxyAgent, which has
// no tunnels.
func NewProxyAgent(r reactor.Reactor, proxyURL string, config Config) (*Agent, error) {
	if config.Endpoint != nil {
		return nil, errors.New("agent: NewProxyAgent with an Endpoint")
	}
	p, err := newProxy(proxyURL)
	if err != nil {
		return nil, err
	}
	a := New(r, config)
	a.proxy = p
	return a, nil
}

type proxy struct {
	url           string // as given, with the credentials
	server        origin.Server
	authorization []string // the value of Proxy-Authorization; nil without credentials
}

func newProxy(proxyURL string) (*proxy, error) {
	u, err := origin.Parse(proxyURL)
	if err != nil {
		return nil, fmt.Errorf("the proxy's URL: %w", err)
	}
	server, err := origin.ServerOf(u)
	if err == nil && server.Scheme != "http" {
		err = fmt.Errorf("%w: %q", ErrSchemeNotSupported, u.Scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("the proxy's URL %s: %w", u.Redacted(), err)
	}
	p := &proxy{url: proxyURL, server: server}
	if u.User != nil {
		password, _ := u.User.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		p.authorization = []string{"Basic " + credentials}
	}
	return p, nil
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
