package agent

import (
	"crypto/tls"
)

// A TLSPolicy says how to speak TLS with a host, for https. It is Twisted's
// IPolicyForHTTPS. The config that it returns is not changed later, so it may
// return the same one again.
type TLSPolicy func(host, port string) *tls.Config

// WithTLSPolicy has the agent speak TLS as p says. The default is
// NewTLSPolicy(nil).
func WithTLSPolicy(p TLSPolicy) Option { return func(a *Agent) { a.tls = p } }

// NewTLSPolicy returns the policy that browsers have: the server must prove, by a
// certificate that one of the system's roots vouches for, to be the host of the
// URL. base, if it is not nil, says what differs: other roots, a client's
// certificate, versions. Sessions are resumed, if base has no cache of its own from
// one that all hosts share. It is Twisted's BrowserLikePolicyForHTTPS and, with
// another's base, its HostnameCachingHTTPSPolicy.
func NewTLSPolicy(base *tls.Config) TLSPolicy {
	if base == nil {
		base = &tls.Config{}
	}
	base = base.Clone()
	if base.ClientSessionCache == nil {
		base.ClientSessionCache = tls.NewLRUClientSessionCache(sessions)
	}
	if base.NextProtos == nil {
		base.NextProtos = []string{"http/1.1"}
	}
	return func(host, port string) *tls.Config {
		if base.ServerName != "" {
			return base
		}
		config := base.Clone()
		config.ServerName = host
		return config
	}
}

// sessions is how many hosts' TLS sessions a policy keeps.
const sessions = 256
