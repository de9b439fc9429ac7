package memory

import (
	"container/list"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file connects clients with listeners.

// firstPort is the first of IANA's dynamic ports.
const firstPort = 49152

// Default local addresses, except for connections to a loopback address.
var (
	hostIPv4 = netip.MustParseAddr("10.0.0.1")
	hostIPv6 = netip.MustParseAddr("fd00::1")
)

// A place is the address of a socket: an IP address and port, or a path.
type place struct {
	ip   netip.AddrPort
	path string
}

func (p place) addr() net.Addr {
	if p.ip.IsValid() {
		return net.TCPAddrFromAddrPort(p.ip)
	}
	return &net.UnixAddr{Net: "unix", Name: p.path}
}

func (p place) String() string {
	if p.ip.IsValid() {
		return p.ip.String()
	}
	return p.path
}

type listener struct {
	net    *network
	at     place
	accept func(reactor.Socket, error)

	backlog []*socket // connections to be accepted, the oldest first
	paused  bool      // between Pause, or an error, and Resume

	number     int       // in the order of the calls of Listen
	failsUntil time.Time // it cannot accept until then, by Choices
}

// Listen starts to listen. It takes any IP address.
func (n *network) Listen(network, address string, accept func(reactor.Socket, error)) (reactor.Listener, error) {
	l := &listener{net: n, at: place{path: address}, accept: accept}
	if network == "tcp" {
		ip, err := parseListen(address)
		if err != nil {
			return nil, err
		}
		if ip.Port() == 0 {
			port := n.freePort()
			if port == 0 {
				return nil, errNoPort
			}
			ip = netip.AddrPortFrom(ip.Addr(), port)
		}
		l.at = place{ip: ip}
	}
	if n.listenerAt(l.at) != nil || l.catchesAny() {
		return nil, reactor.ErrPortInUse
	}
	n.listens++
	l.number = n.listens
	n.listeners[l.at] = l
	n.usePort(l.at, 1)
	if n.tracing {
		n.trace(Event{Kind: "listen", Text: l.at.String()})
	}
	return l, nil
}

func (l *listener) Addr() net.Addr { return l.at.addr() }

// deliver accepts the connections in the backlog.
func (l *listener) deliver() {
	for len(l.backlog) != 0 && !l.paused {
		if err := l.net.noAccept; err != nil {
			l.paused = true
			l.accept(nil, err)
			return
		}
		s := l.backlog[0]
		if c := l.net.chooser; c != nil && c.failAccept(l, s) {
			l.paused = true
			l.accept(nil, reactor.ErrTooManyFiles)
			return
		}
		l.backlog = l.backlog[1:]
		if l.net.tracing {
			s.trace("accept", 0, l.at.String())
		}
		l.accept(s, nil)
	}
}

func (l *listener) AcceptWaiting() { l.deliver() }

func (l *listener) Pause() { l.paused = true }

func (l *listener) Resume() {
	l.paused = false
	l.net.post(l)
}

func (l *listener) Close() error {
	for _, s := range l.backlog {
		s.Close(true)
	}
	l.backlog = nil
	if l.net.listeners[l.at] == l {
		delete(l.net.listeners, l.at)
		l.net.usePort(l.at, -1)
	}
	return nil
}

// catchesAny reports whether l listens on a wildcard address that includes the address of
// another listener. As on most systems, [::] includes IPv4.
func (l *listener) catchesAny() bool {
	ip, use := l.at.ip.Addr(), l.net.ports[l.at.ip.Port()]
	return ip.IsUnspecified() && (use.v4 != 0 || ip.Is6() && use.v6 != 0)
}

// listenerAt returns the listener for p, or nil. An exact address wins over a wildcard.
func (n *network) listenerAt(p place) *listener {
	if l := n.listeners[p]; l != nil || !p.ip.IsValid() {
		return l
	}
	if l := n.listeners[place{ip: netip.AddrPortFrom(netip.IPv6Unspecified(), p.ip.Port())}]; l != nil {
		return l
	}
	if p.ip.Addr().Is4() {
		return n.listeners[place{ip: netip.AddrPortFrom(netip.IPv4Unspecified(), p.ip.Port())}]
	}
	return nil
}

// A portUse is the number of listeners on a port.
type portUse struct{ v4, v6 int }

// usePort adds count to the number of listeners on the port of p.
func (n *network) usePort(p place, count int) {
	if !p.ip.IsValid() {
		return
	}
	use := n.ports[p.ip.Port()]
	if p.ip.Addr().Is4() {
		use.v4 += count
	} else {
		use.v6 += count
	}
	if use == (portUse{}) {
		delete(n.ports, p.ip.Port())
	} else {
		n.ports[p.ip.Port()] = use
	}
}

var errNoPort = fmt.Errorf("%w: every port from %d on has a listener", reactor.ErrPortInUse, firstPort)

// freePort returns the next port without a listener, or 0 if there is none.
func (n *network) freePort() uint16 {
	for range 1<<16 - firstPort {
		port := n.nextPort
		if n.nextPort++; n.nextPort == 0 {
			n.nextPort = firstPort
		}
		if n.ports[port] == (portUse{}) {
			return port
		}
	}
	return 0
}

// parseListen parses an address to listen on, as package net does.
func parseListen(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not a port number", port)
	}
	ip := netip.IPv6Unspecified()
	switch {
	case strings.EqualFold(host, "localhost"):
		ip = loopback
	case host != "":
		if ip, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, fmt.Errorf("%q is not an IP address", host)
		}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}

// An Attempt is an attempt to connect that [Reactor.HoldConnects] holds.
type Attempt struct {
	Network string // "tcp" or "unix"
	Address string // of the server

	net      *network
	number   int
	from, to place
	done     func(reactor.Socket, error) // nil after it was called or the attempt was cancelled
	held     *list.Element               // its place among the held attempts; nil unless held
}

// Dial starts to connect. A message travels to the other host, and an answer back.
func (n *network) Dial(network, address, local string, done func(reactor.Socket, error)) (cancel func()) {
	n.conns++
	a := &Attempt{Network: network, Address: address, net: n, number: n.conns, done: done}
	err := a.resolve(local)
	if n.tracing {
		n.trace(Event{Kind: "connect", Conn: a.number, From: a.from.String(), Text: address})
	}
	switch {
	case err != nil:
		n.post(answer{a, nil, err})
	case n.holding:
		a.held = n.attempts.PushBack(a)
	default:
		a.send()
	}
	return a.cancel
}

// resolve sets the two places of the connection.
func (a *Attempt) resolve(local string) error {
	if a.Network != "tcp" {
		a.to.path = a.Address
		return nil
	}
	to, err := netip.ParseAddrPort(a.Address)
	if err != nil {
		return fmt.Errorf("%q is not an IP address and port", a.Address)
	}
	ip := to.Addr().Unmap()
	switch ip { // the local host, as on Linux
	case netip.IPv4Unspecified():
		ip = loopback
	case netip.IPv6Unspecified():
		ip = netip.IPv6Loopback()
	}
	from, err := localFor(ip, local)
	if err != nil {
		return err
	}
	if from.Port() == 0 {
		port := a.net.freePort()
		if port == 0 {
			return errNoPort
		}
		from = netip.AddrPortFrom(from.Addr(), port)
	}
	a.from.ip, a.to.ip = from, netip.AddrPortFrom(ip, to.Port())
	return nil
}

// localFor returns the local address for a connection to ip: local, or a default of the
// same family if local is "".
func localFor(ip netip.Addr, local string) (netip.AddrPort, error) {
	switch {
	case local != "":
		from, err := netip.ParseAddrPort(local)
		if err != nil {
			return from, fmt.Errorf("local address %q is not an IP address and port", local)
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if from.Addr().Is4() != ip.Is4() {
			return from, reactor.ErrNoRoute
		}
		return from, nil
	case ip.IsLoopback():
		return netip.AddrPortFrom(ip, 0), nil
	case ip.Is4():
		return netip.AddrPortFrom(hostIPv4, 0), nil
	}
	return netip.AddrPortFrom(hostIPv6, 0), nil
}

func (a *Attempt) cancel() {
	a.done = nil
	a.unhold()
}

// unhold removes a from the held attempts. It reports whether a was held.
func (a *Attempt) unhold() bool {
	if a.held == nil {
		return false
	}
	a.net.attempts.Remove(a.held)
	a.held = nil
	return true
}

func (a *Attempt) send() {
	if c := a.net.chooser; c != nil && c.failAttempt(a) {
		return
	}
	a.net.travel(a.from, a.to, a)
}

// deliver handles the attempt's arrival at the server's host.
func (a *Attempt) deliver() {
	if a.done == nil {
		return
	}
	l := a.net.listenerAt(a.to)
	if l == nil {
		a.net.travel(a.to, a.from, answer{a, nil, reactor.ErrConnectionRefused})
		return
	}
	client, server := a.net.pair(a.from, a.to, a.number)
	a.net.travel(a.to, a.from, answer{a, client, nil})
	l.backlog = append(l.backlog, server)
	l.deliver()
}

// An answer is the result of an attempt, on its way back to the client's host.
type answer struct {
	attempt *Attempt
	socket  *socket
	err     error
}

func (m answer) deliver() {
	a := m.attempt
	done := a.done
	a.done = nil
	switch {
	case done == nil:
		if m.socket != nil {
			m.socket.Close(true)
		}
	case m.err != nil:
		if a.net.tracing {
			a.net.trace(Event{Kind: "failed", Conn: a.number, Side: ClientSide, Text: m.err.Error()})
		}
		done(nil, m.err)
	default:
		if a.net.tracing {
			m.socket.trace("connected", 0, m.socket.from.String())
		}
		done(m.socket, nil)
	}
}

// HoldConnects holds every later attempt to connect, with or without a listener, until
// the test releases it or makes it fail; see [Reactor.HeldConnects].
func (r *Reactor) HoldConnects() { r.net.holding = true }

// ReleaseConnects undoes [Reactor.HoldConnects] and releases the held attempts, the oldest
// first.
func (r *Reactor) ReleaseConnects() {
	r.net.holding = false
	for _, a := range r.HeldConnects() {
		a.Release()
	}
}

// HeldConnects returns the held attempts, the oldest first, without those that were
// cancelled or timed out. It is Twisted's iosim.ConnectionCompleter.
func (r *Reactor) HeldConnects() (attempts []*Attempt) {
	for e := r.net.attempts.Front(); e != nil; e = e.Next() {
		attempts = append(attempts, e.Value.(*Attempt))
	}
	return attempts
}

// Release lets the attempt continue. With the next Pump it succeeds, or is refused if
// nothing listens. Release does nothing if the attempt is no longer held. It is
// ConnectionCompleter's succeedOnce.
func (a *Attempt) Release() {
	if a.unhold() {
		a.send()
	}
}

// Fail makes the attempt fail with err, for example [reactor.ErrConnectionRefused] or
// [reactor.ErrNoRoute], with the next Pump. It does nothing if the attempt is no longer
// held. It is ConnectionCompleter's failOnce.
func (a *Attempt) Fail(err error) {
	if err == nil {
		panic("memory: Attempt.Fail with a nil error")
	}
	if a.unhold() {
		a.net.post(answer{a, nil, err})
	}
}
