package agent

import (
	"crypto/tls"
)

// A TLSPolicy says how to speak TLS with each host, for https. Agents with the same
// *TLSPolicy may share connections. It is Twisted's IPolicyForHTTPS.
type TLSPolicy struct {
	// ConfigFor returns the config for a host and port. The agent does not change the
	// config, so ConfigFor may return one more than once. If its NextProtos are nil, the
	// agent offers the versions of HTTP in its [Config].
	ConfigFor func(host, port string) *tls.Config
}

// NewTLSPolicy returns the policy of browsers: the server must prove to be the host of
// the URL by a certificate that leads to one of the system's roots. base, if it is not
// nil, changes that: it may name other roots, a client certificate or versions. All hosts
// share one cache of TLS sessions, unless base has a cache.
//
// It is Twisted's BrowserLikePolicyForHTTPS and, with the base of another policy, its
// HostnameCachingHTTPSPolicy.
func NewTLSPolicy(base *tls.Config) *TLSPolicy {
	if base == nil {
		base = &tls.Config{}
	}
	base = base.Clone()
	if base.ClientSessionCache == nil {
		base.ClientSessionCache = tls.NewLRUClientSessionCache(sessions)
	}
	return &TLSPolicy{ConfigFor: func(host, port string) *tls.Config {
		if base.ServerName != "" {
			return base
		}
		config := base.Clone()
		config.ServerName = host
		return config
	}}
}

// sessions is the number of hosts whose TLS sessions a policy keeps.
const sessions = 256
