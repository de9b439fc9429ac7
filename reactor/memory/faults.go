package memory

import (
	"net/netip"
	"slices"
	"time"
)

// This file is what may come between two hosts. A host is an IP address, or a
// name that AddHost gave one or more of them.

// links is what is known of the ways between hosts. What is not held or delayed
// arrives at once.
type links struct {
	holds  []link
	delays []delay
	stuck  []message // held, the oldest first
}

// A link is the way between two hosts, in both directions.
type link struct {
	names [2]string
	hosts [2][]netip.Addr // nil means every host
}

type delay struct {
	link
	by time.Duration
}

// A message is an event that is on its way from one host to another.
type message struct {
	from, to netip.Addr
	event    event
}

// Hold stops everything between two hosts from arriving, in both directions,
// until [Reactor.Release]: attempts to connect, bytes, ends. Nothing is lost, as
// nothing is over TCP; it is what a program sees of a network that is cut in
// two. Each host is an IP address or a name given to AddHost before, and "" is
// every host. Programs that name no local address are at 10.0.0.1 and fd00::1,
// or at the loopback address that they connect to.
func (r *Reactor) Hold(a, b string) {
	r.net.holds = append(r.net.holds, r.names.link(a, b))
}

// Release undoes every [Reactor.Hold] of the same two names. What was held
// arrives in the order it was sent, with the next Pump.
func (r *Reactor) Release(a, b string) {
	l := r.names.link(a, b)
	r.net.holds = slices.DeleteFunc(r.net.holds, l.same)
	stuck := r.net.stuck
	r.net.stuck = nil
	for _, m := range stuck {
		r.net.arrive(m)
	}
}

// Latency makes everything that is sent between two hosts from now on take d to
// arrive; to connect takes it twice. The last call that is about two hosts holds
// for them. Hosts are named as for [Reactor.Hold].
func (r *Reactor) Latency(a, b string, d time.Duration) {
	l := r.names.link(a, b)
	r.net.delays = slices.DeleteFunc(r.net.delays, func(other delay) bool { return l.same(other.link) })
	r.net.delays = append(r.net.delays, delay{l, d})
}

// FailAccepts makes every port unable to accept connections, because of err, for
// example [reactor.ErrTooManyFiles], from now on and until it is called with nil.
// Those who connect do not see it: their connections are made, as with any
// kernel, and wait to be accepted.
func (r *Reactor) FailAccepts(err error) { r.net.noAccept = err }

func (h *hosts) link(a, b string) link {
	return link{[2]string{a, b}, [2][]netip.Addr{h.addresses(a), h.addresses(b)}}
}

// addresses returns those of the host called name.
func (h *hosts) addresses(name string) []netip.Addr {
	if name == "" {
		return nil
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{ip.Unmap()}
	}
	addrs := h.find(name)
	if len(addrs) == 0 {
		panic("memory: no host is called " + name)
	}
	return addrs
}

func (l link) same(other link) bool {
	return l.names == other.names || l.names == [2]string{other.names[1], other.names[0]}
}

func (l link) joins(a, b netip.Addr) bool {
	return l.has(0, a) && l.has(1, b) || l.has(0, b) && l.has(1, a)
}

func (l link) has(side int, host netip.Addr) bool {
	return l.hosts[side] == nil || slices.Contains(l.hosts[side], host)
}

// faulty reports whether anything comes between any two hosts.
func (n *links) faulty() bool { return len(n.holds) != 0 || len(n.delays) != 0 }

// travel has e happen when a message from one place to another arrives.
func (n *network) travel(from, to place, e event) {
	m := message{from.ip.Addr(), to.ip.Addr(), e}
	if by := n.delayOf(m); by > 0 {
		n.later.CallLater(by, func() { n.arrive(m) })
		return
	}
	n.arrive(m)
}

func (n *network) arrive(m message) {
	if n.blocked(m) {
		n.stuck = append(n.stuck, m)
		return
	}
	n.happen(m.event)
}

func (n *links) blocked(m message) bool {
	return m.from.IsValid() && slices.ContainsFunc(n.holds, func(l link) bool { return l.joins(m.from, m.to) })
}

func (n *links) delayOf(m message) time.Duration {
	if m.from.IsValid() {
		for _, d := range slices.Backward(n.delays) {
			if d.joins(m.from, m.to) {
				return d.by
			}
		}
	}
	return 0
}
