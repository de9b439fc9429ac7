package main

import (
	"crypto/tls"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// A SessionConfig says what all requests of a Session have in common.
type SessionConfig struct {
	// BaseURL is what the URLs of requests are relative to: below "http://an.example/v1/",
	// "builds" means http://an.example/v1/builds. See [client.Config].
	BaseURL string
	Auth    auth.Credentials // nil means none
	Headers treq.Headers
	// TLS has the roots that servers are verified with, and the client's certificate. nil
	// means the system's roots and no certificate.
	TLS *tls.Config
	// Debug, if it is not nil, logs each request, and the beginning of both bodies.
	Debug *slog.Logger
}

// Client returns the configuration of a client without its agent. A test gives it to a StubTreq,
// which so takes the place of a Session.
func (c SessionConfig) Client() client.Config {
	config := client.Config{BaseURL: c.BaseURL, Defaults: []treq.Option{c.Headers}}
	if c.Auth != nil {
		config.Defaults = append(config.Defaults, treq.Auth(c.Auth))
	}
	if c.Debug != nil {
		config.Log = &agent.LogConfig{Logger: c.Debug, Bodies: 1 << 10}
	}
	return config
}

// A Session makes requests that have a SessionConfig in common. It is a treq.Client.
type Session struct {
	*client.HTTPClient
	service *Service
	asked   SessionConfig
	config  client.Config
}

// UpdateHeaders adds headers to those of later requests. They replace headers of the same names.
func (s *Session) UpdateHeaders(headers treq.Headers) {
	s.config.Defaults = append(s.config.Defaults, headers)
	s.renew()
}

// renew makes the client anew. It keeps its cookies and connections.
func (s *Session) renew() {
	config := s.config
	config.Defaults = append(slices.Clip(config.Defaults), treq.Context(s.service.context))
	s.HTTPClient = client.New(s.service.reactor, config)
}

// A Timestamp is a time that JSON has as the number of seconds since 1970.
type Timestamp time.Time

// MarshalJSON returns the number.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, time.Time(t).Unix(), 10), nil
}
