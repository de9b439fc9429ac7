package memory

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/list"
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

// A place is the address of a socket: an IP address and port, or a path, on a host.
type place struct {
	ip      netip.AddrPort
	path    string
	machine *Machine // nil: the host of the Reactor itself
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
	m := n.takeActing()
	if m != nil && m.stopped {
		return nil, reactor.ErrStopped
	}
	l := &listener{net: n, at: place{path: address, machine: m}, accept: accept}
	if network == "tcp" {
		ip, err := parseListen(address)
		if err != nil {
			return nil, err
		}
		if err := n.mayUse(m, ip.Addr()); err != nil {
			return nil, err
		}
		if ip.Port() == 0 {
			port := n.freePort(m)
			if port == 0 {
				return nil, errNoPort
			}
			ip = netip.AddrPortFrom(ip.Addr(), port)
		}
		l.at = place{ip: ip, machine: m}
	}
	if n.listenerAt(l.at) != nil || l.catchesAny() {
		return nil, reactor.ErrPortInUse
	}
	n.listens++
	l.number = n.listens
	n.listeners[l.at] = l
	n.usePort(l.at, 1)
	if n.tracing {
		e := Event{Kind: "listen", Text: l.at.String()}
		if m != nil {
			e.From = netip.AddrPortFrom(m.addrs[0], l.at.ip.Port()).String()
		}
		n.trace(e)
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
	ip, use := l.at.ip.Addr(), l.net.ports[l.at.port()]
	return ip.IsUnspecified() && (use.v4 != 0 || ip.Is6() && use.v6 != 0)
}

// listenerAt returns the listener for p, or nil. An exact address wins over a wildcard.
func (n *network) listenerAt(p place) *listener {
	if l := n.listeners[p]; l != nil || !p.ip.IsValid() {
		return l
	}
	if l := n.listeners[place{ip: netip.AddrPortFrom(netip.IPv6Unspecified(), p.ip.Port()), machine: p.machine}]; l != nil {
		return l
	}
	if p.ip.Addr().Is4() {
		return n.listeners[place{ip: netip.AddrPortFrom(netip.IPv4Unspecified(), p.ip.Port()), machine: p.machine}]
	}
	return nil
}

// A port is a port of a host.
type port struct {
	machine *Machine
	number  uint16
}

func (p place) port() port { return port{p.machine, p.ip.Port()} }

// A portUse is the number of listeners on a port.
type portUse struct{ v4, v6 int }

// usePort adds count to the number of listeners on the port of p.
func (n *network) usePort(p place, count int) {
	if !p.ip.IsValid() {
		return
	}
	use := n.ports[p.port()]
	if p.ip.Addr().Is4() {
		use.v4 += count
	} else {
		use.v6 += count
	}
	if use == (portUse{}) {
		delete(n.ports, p.port())
	} else {
		n.ports[p.port()] = use
	}
}

var errNoPort = fmt.Errorf("%w: every port from %d on has a listener", reactor.ErrPortInUse, firstPort)

// freePort returns the next port of m without a listener, or 0 if there is none.
func (n *network) freePort(m *Machine) uint16 {
	for range 1<<16 - firstPort {
		number := n.nextPort
		if n.nextPort++; n.nextPort == 0 {
			n.nextPort = firstPort
		}
		if n.ports[port{m, number}] == (portUse{}) {
			return number
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
	at       list.Node[Attempt]          // its place among those under way
	done     func(reactor.Socket, error) // nil after it was called or the attempt was cancelled
	held     list.Node[Attempt]          // its place among the held ones
}

// Dial starts to connect. A message travels to the other host, and an answer back.
func (n *network) Dial(network, address, local string, done func(reactor.Socket, error)) (cancel func()) {
	n.conns++
	a := &Attempt{Network: network, Address: address, net: n, number: n.conns, done: done}
	a.from.machine = n.takeActing()
	n.pending.Push(&a.at, a)
	err := a.resolve(local)
	if n.tracing {
		n.trace(Event{Kind: "connect", Conn: a.number, From: a.from.String(), Text: address})
	}
	switch {
	case err != nil:
		n.post(answer{a, nil, err})
	case n.holding:
		n.attempts.Push(&a.held, a)
	default:
		a.send()
	}
	return a.cancel
}

// resolve sets the two places of the connection.
func (a *Attempt) resolve(local string) error {
	m := a.from.machine
	if m != nil && m.stopped {
		return reactor.ErrStopped
	}
	if a.Network != "tcp" {
		a.to = place{path: a.Address, machine: m}
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
	from, err := a.net.localFor(m, ip, local)
	if err != nil {
		return err
	}
	if from.Port() == 0 {
		port := a.net.freePort(m)
		if port == 0 {
			return errNoPort
		}
		from = netip.AddrPortFrom(from.Addr(), port)
	}
	a.from.ip, a.to.ip = from, netip.AddrPortFrom(ip, to.Port())
	if ip.IsLoopback() {
		a.to.machine = m
	} else {
		a.to.machine = a.net.machines.at[ip]
	}
	return nil
}

// localFor returns the local address for a connection of m to ip: local, or a default of the
// same family if local is "".
func (n *network) localFor(m *Machine, ip netip.Addr, local string) (netip.AddrPort, error) {
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
		return from, n.mayUse(m, from.Addr())
	case ip.IsLoopback():
		return netip.AddrPortFrom(ip, 0), nil
	case m != nil:
		return m.localFor(ip)
	case ip.Is4():
		return netip.AddrPortFrom(hostIPv4, 0), nil
	}
	return netip.AddrPortFrom(hostIPv6, 0), nil
}

func (a *Attempt) cancel() { a.end() }

// end ends a. It returns done, or nil if a had ended already.
func (a *Attempt) end() (done func(reactor.Socket, error)) {
	done, a.done = a.done, nil
	a.at.Remove()
	a.unhold()
	return done
}

// unhold removes a from the held attempts. It reports whether a was held.
func (a *Attempt) unhold() bool { return a.held.Remove() }

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
	done := a.end()
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
	return slices.Collect(r.net.attempts.All())
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
