package agent

import (
	"bytes"
	"crypto/tls"
	"net/netip"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file lets requests for one origin use an HTTP/2 connection to another one, if Config has Coalesce (RFC 9113, section
// 9.1.1). A group may have a link to such a connection, which is in the lists of another group. The exchanges on it keep
// their own group, so that everything but the socket is that of their own origin.

// coalesced returns the connection that g has a link to, if it may carry x; or nil.
func (p *Pool) coalesced(x *exchange) *pooled {
	c := x.group.link
	if c == nil || !c.room() || c.unused() && !p.usable(&c.pooled, x) {
		return nil
	}
	return &c.pooled
}

// linkTo makes c the link of g; nil is none.
func (g *group) linkTo(c *http2Connection) {
	if old := g.link; old != nil {
		old.linked = slices.DeleteFunc(old.linked, func(other *group) bool { return other == g })
	}
	if g.link = c; c != nil {
		c.linked = append(c.linked, g)
	}
}

// unlink ends the links to c, which is lost.
func (c *http2Connection) unlink() {
	for len(c.linked) != 0 {
		g := c.linked[0]
		g.linkTo(nil)
		c.pool.release(g)
	}
}

// coalesce looks for a connection to another origin that may carry the requests of the attempt. The Deferred fires with it,
// or with the result of connect if there is none.
func (at *attempt) coalesce(connect func() *deferred.Deferred[reactor.Protocol]) *deferred.Deferred[reactor.Protocol] {
	candidates := at.candidates()
	if len(candidates) == 0 {
		return connect()
	}
	found := at.agent.reactor.NameResolver().LookupHost(at.group.server.Host)
	chosen := deferred.MapBoth(found, func(addrs []netip.Addr, err error) (*http2Connection, error) {
		if err == deferred.ErrCancelled {
			return nil, err
		}
		for _, c := range candidates {
			if c.room() && c.leadsTo(addrs) {
				return c, nil
			}
		}
		return nil, nil // connect reports the error of the lookup, if there is one
	})
	return deferred.Then(chosen, func(c *http2Connection) *deferred.Deferred[reactor.Protocol] {
		if c == nil {
			return connect()
		}
		at.coalesced = c
		return deferred.Succeed[reactor.Protocol](c)
	})
}

// leadsTo reports whether c is connected to one of addrs.
func (c *http2Connection) leadsTo(addrs []netip.Addr) bool {
	peer, err := netip.ParseAddrPort(c.transport.Peer().String())
	return err == nil && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == peer.Addr().Unmap() })
}

// overCoalesced gives the connection that coalesce has found to the requests that wait.
func (at *attempt) overCoalesced() {
	x, g, pool, c := at.x, at.group, at.agent.pool, at.coalesced
	g.connecting--
	g.open--
	g.linkTo(c)
	for !x.over() {
		if err := c.send(x); err != nil {
			x.fail(err)
		}
		if !c.room() {
			break
		}
		if x = g.next(); x == nil {
			break
		}
	}
	pool.fill(g)
	pool.release(g)
}

// candidates returns the connections that may carry the requests of the attempt, but for their addresses; the oldest first.
func (at *attempt) candidates() (candidates []*http2Connection) {
	a, g := at.agent, at.group
	if !a.config.Coalesce || a.config.Endpoint != nil || g.proxy != "" || g.server.Scheme != "https" || g.versions.upgrade || a.pool.misdirects(g) {
		return nil
	}
	var config *tls.Config // for g
	for c := range a.pool.streams.All() {
		r := c.group.route
		if r.server = g.server; r != g.route || c.group.server.Port != g.server.Port || !c.room() {
			continue
		}
		if config == nil {
			config = a.tls.ConfigFor(g.server.TLSName(), g.server.Port)
		}
		own := a.tls.ConfigFor(c.group.server.TLSName(), c.group.server.Port)
		if sameTrust(own, config) && own.ServerName == c.group.server.TLSName() && proves(c.transport.TLS(), config, g.server.TLSName()) {
			candidates = append(candidates, c)
		}
	}
	return candidates
}

// proves reports whether a server has proved to be host too, in a handshake as config demands it.
func proves(state *tls.ConnectionState, config *tls.Config, host string) bool {
	return state != nil && len(state.VerifiedChains) != 0 && len(state.PeerCertificates) != 0 && config.ServerName == host &&
		state.PeerCertificates[0].VerifyHostname(host) == nil
}

// sameTrust reports whether a handshake by a and one by b have the same result, except for the name of the server. What a
// function decides may depend on the name.
func sameTrust(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return false
	}
	for _, c := range [...]*tls.Config{a, b} {
		if c.InsecureSkipVerify || c.VerifyPeerCertificate != nil || c.VerifyConnection != nil || c.GetClientCertificate != nil {
			return false
		}
	}
	return a.RootCAs == b.RootCAs && sameCertificates(a.Certificates, b.Certificates) &&
		a.MinVersion == b.MinVersion && a.MaxVersion == b.MaxVersion && slices.Equal(a.CipherSuites, b.CipherSuites) &&
		slices.Equal(a.CurvePreferences, b.CurvePreferences) && slices.Equal(a.NextProtos, b.NextProtos) &&
		bytes.Equal(a.EncryptedClientHelloConfigList, b.EncryptedClientHelloConfigList)
}

// sameCertificates reports whether a and b are the same certificates of the client: those of one slice.
func sameCertificates(a, b []tls.Certificate) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// maxMisdirecting bounds the number of groups that are remembered because a server has refused their requests on the
// connection of another one. When it is reached, no group gets a new link.
const maxMisdirecting = 1 << 10

// misdirects reports whether the requests of g may have no link.
func (p *Pool) misdirects(g *group) bool {
	_, refused := p.misdirecting[g.route]
	return refused || len(p.misdirecting) >= maxMisdirecting
}

// misdirected handles a 421 (RFC 9110, section 15.5.20) to x, which s carries: if s belongs to a connection of another origin,
// x is sent again on a connection of its own, and so are all later requests for its origin. It reports whether x is sent
// again.
func (s *http2Stream) misdirected() bool {
	x, g := s.x, s.x.group
	if g == s.c.group {
		return false
	}
	pool := s.c.pool
	if pool.misdirecting == nil {
		pool.misdirecting = make(map[route]struct{})
	}
	pool.misdirecting[g.route] = struct{}{}
	g.linkTo(nil)
	if !x.held && x.produced {
		pool.release(g)
		return false
	}
	s.again()
	return true
}
