package agent

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file decides which version of HTTP a connection speaks.

// versions are the versions of HTTP that the connections of a route may speak.
type versions struct {
	http1, http2 bool
	upgrade      bool // the requests of the route need HTTP/1.1, whatever else is allowed
}

// The names of the versions in the handshake of TLS (RFC 7301, section 6; RFC 9113, section 3.1).
const (
	alpnHTTP1 = "http/1.1"
	alpnHTTP2 = "h2"
)

// versionsOf returns the versions for requests of a scheme, by the Protocols of Config.
func (a *Agent) versionsOf(scheme string) versions {
	p := a.config.Protocols
	switch {
	case p == nil:
		return versions{http1: true, http2: scheme == "https"}
	case scheme == "https":
		return versions{http1: p.HTTP1(), http2: p.HTTP2()}
	}
	return versions{http1: p.HTTP1(), http2: p.UnencryptedHTTP2() && !p.HTTP1()}
}

// check returns an error if there is no version for requests of this scheme.
func (v versions) check(scheme string) error {
	switch {
	case v.http1, v.http2 && !v.upgrade:
		return nil
	case v.upgrade:
		return errors.New("it asks for another protocol on its connection, which needs HTTP/1.1: agent.Config.Protocols does not allow that")
	}
	return fmt.Errorf("agent.Config.Protocols allows no version of HTTP for %s", scheme)
}

// upgrades reports whether req may turn its connection into one of another protocol, which
// only HTTP/1.1 can. A WebSocket can do without it.
func (a *Agent) upgrades(req *request.Request) bool {
	return http1.HasToken(req.Header["Connection"], "upgrade") &&
		(!isWebSocket(req) || req.URL == nil || a.versionsOf(strings.ToLower(req.URL.Scheme)).http1)
}

// offer returns config, or a copy of it, that offers the versions in the handshake. What the
// user's NextProtos say counts.
func (v versions) offer(config *tls.Config) *tls.Config {
	var protocols []string
	switch {
	case config == nil:
		return nil
	case config.NextProtos == nil:
		if v.http2 && !v.upgrade {
			protocols = append(protocols, alpnHTTP2)
		}
		if v.http1 {
			protocols = append(protocols, alpnHTTP1)
		}
	case v.upgrade && slices.Contains(config.NextProtos, alpnHTTP2):
		protocols = slices.DeleteFunc(slices.Clone(config.NextProtos), func(p string) bool { return p == alpnHTTP2 })
	default:
		return config
	}
	config = config.Clone()
	config.NextProtos = protocols
	return config
}

// A version is the major version of HTTP that a connection speaks; 0 if that is not known yet.
type version uint8

// speaks returns the version of the connection of t, or an error if the route does not allow it.
func (v versions) speaks(t reactor.Transport) (version, error) {
	state := t.TLS()
	switch {
	case state != nil && state.NegotiatedProtocol == alpnHTTP2, state == nil && v.http2 && !v.http1:
		if v.upgrade {
			return 0, errNoUpgrade
		}
		return 2, nil
	case v.http1:
		return 1, nil
	case state == nil:
		return 0, errNoUpgrade // v.http2 would have been prior knowledge
	}
	return 0, &versionError{only: "HTTP/1.1", advice: "allow HTTP1 in agent.Config.Protocols", err: &wire.Error{
		Kind: wire.ErrVersion, Detail: fmt.Sprintf("the server chose %q in the TLS handshake, not %q", state.NegotiatedProtocol, alpnHTTP2),
	}}
}

// errNoUpgrade is the error of a request with an Upgrade whose connection cannot have one.
var errNoUpgrade = errors.New("the connection speaks HTTP/2, which has no Upgrade")

// A versionError is the error of a server that speaks another version of HTTP only.
type versionError struct {
	only   string // what the server speaks
	advice string
	err    error
}

func (e *versionError) Error() string {
	return "the server speaks " + e.only + " only: " + e.advice
}

func (e *versionError) Unwrap() error { return e.err }

const allowHTTP2 = "allow it in agent.Config.Protocols (for http URLs, UnencryptedHTTP2 without HTTP1)"

// refusedProtocols returns err, the error of a TLS handshake in which the client offered protocols, or a
// clearer one if the server accepts none of them (RFC 7301, section 3.2).
func refusedProtocols(err error, offered []string) error {
	const noApplicationProtocol = tls.AlertError(120)
	var alert *net.OpError // crypto/tls has no other type for it
	switch {
	case !errors.As(err, &alert) || alert.Op != "remote error" || alert.Err.Error() != noApplicationProtocol.Error():
		return err
	case slices.Contains(offered, alpnHTTP2):
		return fmt.Errorf("the server accepts none of %s in the TLS handshake: %w", strings.Join(offered, " and "), err)
	}
	return &versionError{only: "HTTP/2", advice: allowHTTP2, err: err}
}

// explained returns err, why reading failed, or a clearer error if the server begins with a
// frame of SETTINGS (RFC 9113, section 3.4).
func explained(err error) error {
	if _, already := errors.AsType[*versionError](err); already {
		return err
	}
	var bad *wire.Error
	if errors.As(err, &bad) && len(bad.Begin) >= len(settings) && bad.Begin[:2] == settings[:2] && bad.Begin[3] == settings[3] {
		return &versionError{only: "HTTP/2", advice: allowHTTP2, err: err}
	}
	return err
}

// settings is the beginning of a frame of SETTINGS: its length, of less than 256 bytes, and
// its type.
const settings = "\x00\x00\x00\x04"

// A newcomer is the protocol of a connection that has not told yet which version of HTTP it
// speaks. Its ConnectionMade finds that out.
type newcomer struct {
	attempt   *attempt
	transport reactor.Transport
	protocol  reactor.Protocol // what took its place; nil before ConnectionMade
	failed    error            // why nothing took its place; or nil
}

func (n *newcomer) ConnectionMade(t reactor.Transport) {
	n.transport = t
	version, err := n.attempt.group.versions.speaks(t)
	if err != nil {
		n.failed = err
		t.AbortConnection()
		return
	}
	n.protocol = n.attempt.make(version)
	t.SwitchProtocol(n.protocol)
	n.protocol.ConnectionMade(t)
}

// DataReceived is called by an endpoint that has built n itself, and does not know what took
// its place.
func (n *newcomer) DataReceived(data []byte) {
	if n.protocol != nil {
		n.protocol.DataReceived(data)
	}
}

func (n *newcomer) ConnectionLost(reason error) {
	switch {
	case n.protocol != nil:
		n.protocol.ConnectionLost(reason)
	case n.failed == nil:
		n.failed = &response.NeverReceivedError{Reasons: []error{reason}}
	}
}
