package agent

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// A TimeoutError says which timeout of a request ran out. errors.Is matches it with
// [deferred.ErrCancelled], since the request was cancelled, and with
// os.ErrDeadlineExceeded; errors.As finds a [*deferred.TimeoutError] in it.
type TimeoutError struct {
	// Option is the name of the timeout: "Timeout", "ReadTimeout" or "TotalTimeout",
	// the options of a client, "ConnectTimeout", a field of [Config], or "TryTimeout", a
	// field of [RetryConfig].
	Option string
	// After is the time that it allowed.
	After time.Duration
	// Err is the reason from below, as of a ConnectTimeout the address, or nil.
	Err error
}

// unfulfilled says what each timeout waited for.
var unfulfilled = map[string]string{
	"ConnectTimeout": "no connection for",
	"Timeout":        "no response for",
	"TryTimeout":     "no response for",
	"ReadTimeout":    "no data for",
	"TotalTimeout":   "not complete after",
}

func (e *TimeoutError) Error() string {
	waited := cmp.Or(unfulfilled[e.Option], "timed out after")
	if errors.Is(e.Err, reactor.ErrHandshake) {
		waited = "no TLS handshake within"
	}
	text := fmt.Sprintf("%s %v (%s)", waited, e.After, e.Option)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Timeout returns true, as errors of package net do.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap returns a *deferred.TimeoutError, deferred.ErrCancelled and Err.
func (e *TimeoutError) Unwrap() []error {
	all := []error{&deferred.TimeoutError{After: e.After}, deferred.ErrCancelled}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// connectLimit returns the ConnectTimeout of a; 0 means no bound.
func (a *Agent) connectLimit() time.Duration {
	return max(0, cmp.Or(a.config.ConnectTimeout, reactor.DefaultConnectTimeout))
}

// connectTimeout returns err, which says that the ConnectTimeout of a is over, as a
// TimeoutError.
func (a *Agent) connectTimeout(err error) error {
	if limit := a.connectLimit(); limit != 0 {
		return &TimeoutError{"ConnectTimeout", limit, err}
	}
	return err
}

// A hostname is the endpoint of a server or proxy, whose attempts have the ConnectTimeout of
// the agent. The endpoints of an EndpointFactory have timeouts of their own.
type hostname struct {
	agent     *Agent
	below     *endpoints.Hostname
	connected bool // the last Connect has a connection
}

func (h *hostname) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	h.connected = false
	return h.below.Connect(factory).AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
		h.connected = err == nil
		if errors.Is(err, reactor.ErrConnectTimeout) && !errors.Is(err, syscall.ETIMEDOUT) { // that is a timeout of the system
			err = h.agent.connectTimeout(err)
		}
		return p, err
	})
}

// A secured is the endpoint of TLS on the connections of another endpoint. The handshake has
// the ConnectTimeout of the agent.
type secured struct {
	agent     *Agent
	tls       *tls.Config
	below     endpoints.ClientEndpoint
	trace     *tracer
	connected bool // the handshake has begun
}

// secured returns the endpoint of TLS to server on the connections of below, which offers the
// versions v of HTTP.
func (a *Agent) secured(below endpoints.ClientEndpoint, server origin.Server, v versions, trace *tracer) *secured {
	return &secured{agent: a, tls: v.offer(a.tls.ConfigFor(server.TLSName(), server.Port)), below: below, trace: trace}
}

func (s *secured) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	s.connected = false
	config := reactor.TLSConfig{Config: s.tls, HandshakeTimeout: s.agent.connectLimit()}
	d := reactor.TLSClient(s.agent.reactor, config, factory).Connect(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
		return s.below.Connect(f).AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
			s.connected = true
			s.trace.tlsHandshakeStart()
			return p, nil
		})
	})
	return d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
		if s.connected && errors.Is(err, os.ErrDeadlineExceeded) {
			err = s.agent.connectTimeout(err)
		}
		if s.tls != nil && s.connected { // else it is the error of a proxy
			err = refusedProtocols(err, s.tls.NextProtos)
		}
		if s.connected {
			s.trace.tlsHandshakeDone(p, err)
		}
		return p, err
	})
}
