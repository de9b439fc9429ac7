package memory

import (
	"net/netip"
	"slices"
	"time"
)

// This file simulates faults between hosts. A host is an IP address, or a name from
// AddHost with one or more of them.

// faults are the faults between hosts. Without a fault, messages arrive at once.
type faults struct {
	holds  []route
	delays []delay
	held   []message // the oldest first
	broken []breach
}

// A breach makes the writes from one host to another fail.
type breach struct {
	way route // from the first host to the second
	err error
}

// A route connects two hosts, in both directions.
type route struct {
	names [2]string
	hosts [2][]netip.Addr // nil means every host
}

type delay struct {
	route
	by time.Duration
}

// A message is an event on its way from one host to another.
type message struct {
	from, to netip.Addr
	event    event
}

// Hold holds all messages between two hosts, in both directions, until [Reactor.Release]:
// attempts to connect, bytes and ends. Nothing is lost, as in a TCP network that is cut
// in two. Each host is an IP address, a name from an earlier AddHost, or "" for every
// host. Unless a program chooses a local address, it connects from 10.0.0.1 or fd00::1,
// or from the loopback address that it connects to.
func (r *Reactor) Hold(a, b string) {
	r.net.holds = append(r.net.holds, r.names.route(a, b))
}

// Release undoes every [Reactor.Hold] with the same two names. The held messages arrive
// with the next Pump, in the order in which they were sent.
func (r *Reactor) Release(a, b string) {
	r.net.holds = slices.DeleteFunc(r.net.holds, r.names.route(a, b).same)
	held := r.net.held
	r.net.held = nil
	for _, m := range held {
		r.net.arrive(m)
	}
}

// Latency delays all later messages between two hosts by d. Connecting takes 2*d. Where
// several calls apply to two hosts, the last one counts. For the names of hosts, see
// [Reactor.Hold].
func (r *Reactor) Latency(a, b string, d time.Duration) {
	way := r.names.route(a, b)
	r.net.delays = slices.DeleteFunc(r.net.delays, func(other delay) bool { return way.same(other.route) })
	r.net.delays = append(r.net.delays, delay{way, d})
}

// FailAccepts makes every port fail to accept connections with err, for example
// [reactor.ErrTooManyFiles], until it is called with nil. Clients do not notice: as with
// any kernel, they are connected, and wait to be accepted.
func (r *Reactor) FailAccepts(err error) { r.net.noAccept = err }

// FailWrites makes every write of host from to host to fail with err, for example
// [reactor.ErrConnectionReset], until it is called with nil. The bytes in the other
// direction still arrive, as when a server answers an upload early, and closes. For the
// names of hosts, see [Reactor.Hold].
func (r *Reactor) FailWrites(from, to string, err error) {
	way := r.names.route(from, to)
	r.net.broken = slices.DeleteFunc(r.net.broken, func(b breach) bool { return b.way.names == way.names })
	if err != nil {
		r.net.broken = append(r.net.broken, breach{way, err})
	}
}

// failure returns the error of writes from one place to another, or nil.
func (f *faults) failure(from, to place) error {
	for _, b := range slices.Backward(f.broken) {
		if b.way.has(0, from.ip.Addr()) && b.way.has(1, to.ip.Addr()) {
			return b.err
		}
	}
	return nil
}

func (h *hosts) route(a, b string) route {
	return route{[2]string{a, b}, [2][]netip.Addr{h.addresses(a), h.addresses(b)}}
}

// addresses returns the addresses of the host called name.
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

func (r route) same(other route) bool {
	return r.names == other.names || r.names == [2]string{other.names[1], other.names[0]}
}

func (r route) joins(a, b netip.Addr) bool {
	return r.has(0, a) && r.has(1, b) || r.has(0, b) && r.has(1, a)
}

func (r route) has(side int, host netip.Addr) bool {
	return r.hosts[side] == nil || slices.Contains(r.hosts[side], host)
}

// faulty reports whether any messages are held or delayed.
func (f *faults) faulty() bool { return len(f.holds) != 0 || len(f.delays) != 0 }

// travel delivers e when a message from one place to another arrives.
func (n *network) travel(from, to place, e event) {
	m := message{from.ip.Addr(), to.ip.Addr(), e}
	if by := n.delayOf(m); by > 0 {
		n.later.CallLater(by, func() { n.arrive(m) })
		return
	}
	n.arrive(m)
}

func (n *network) arrive(m message) {
	if n.isHeld(m) {
		n.held = append(n.held, m)
		return
	}
	n.post(m.event)
}

func (f *faults) isHeld(m message) bool {
	return m.from.IsValid() && slices.ContainsFunc(f.holds, func(r route) bool { return r.joins(m.from, m.to) })
}

func (f *faults) delayOf(m message) time.Duration {
	if m.from.IsValid() {
		for _, d := range slices.Backward(f.delays) {
			if d.joins(m.from, m.to) {
				return d.by
			}
		}
	}
	return 0
}
