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
	holds  ruleSet[[]message] // with the messages that each one holds
	delays ruleSet[time.Duration]
	broken ruleSet[error] // errors of writes
	sent   int            // number of messages that were held
}

// A message is an event on its way from one host to another.
type message struct {
	from, to netip.Addr
	event    event
	number   int // in the order in which held messages were sent; 0 before
}

// Hold holds all messages between two hosts, in both directions, until [Reactor.Release]:
// attempts to connect, bytes and ends. Nothing is lost, as in a TCP network that is cut
// in two. Each host is an IP address, a name from an earlier AddHost, or "" for every
// host. Unless a program chooses a local address, it connects from 10.0.0.1 or fd00::1,
// or from the loopback address that it connects to.
func (r *Reactor) Hold(a, b string) {
	r.net.holds.add(r.names.way(a, b, true))
}

// Release undoes every [Reactor.Hold] with the same two names. The held messages arrive
// with the next Pump, in the order in which they were sent.
func (r *Reactor) Release(a, b string) {
	released := r.net.holds.remove(r.names.way(a, b, true))
	if released == nil {
		return
	}
	held := released.value
	slices.SortFunc(held, func(a, b message) int { return a.number - b.number })
	for _, m := range held {
		r.net.arrive(m) // another hold may take it over
	}
}

// Latency delays all later messages between two hosts by d. Connecting takes 2*d. Where
// several calls apply to two hosts, the last one counts. For the names of hosts, see
// [Reactor.Hold].
func (r *Reactor) Latency(a, b string, d time.Duration) {
	w := r.names.way(a, b, true)
	r.net.delays.remove(w)
	r.net.delays.add(w).value = d
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
	w := r.names.way(from, to, false)
	r.net.broken.remove(w)
	if err != nil {
		r.net.broken.add(w).value = err
	}
}

// failure returns the error of writes from one place to another, or nil.
func (f *faults) failure(from, to place) error {
	if b := f.broken.find(from.ip.Addr(), to.ip.Addr()); b != nil {
		return b.value
	}
	return nil
}

func (h *hosts) way(a, b string, both bool) way {
	return way{[2]string{a, b}, [2][]netip.Addr{h.addresses(a), h.addresses(b)}, both}
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

// faulty reports whether any messages are held or delayed.
func (f *faults) faulty() bool { return len(f.holds.named) != 0 || len(f.delays.named) != 0 }

// travel delivers e when a message from one place to another arrives.
func (n *network) travel(from, to place, e event) {
	m := message{from: from.ip.Addr(), to: to.ip.Addr(), event: e}
	if n.chooser != nil {
		n.chooser.travel(m)
		return
	}
	if by := n.delayOf(m); by > 0 {
		n.later.CallLater(by, func() { n.arrive(m) })
		return
	}
	n.arrive(m)
}

func (n *network) arrive(m message) {
	if hold := n.holdOf(m); hold != nil {
		if m.number == 0 {
			n.sent++
			m.number = n.sent
		}
		hold.value = append(hold.value, m)
		return
	}
	n.post(m.event)
}

// holdOf returns a hold that holds m, or nil.
func (f *faults) holdOf(m message) *rule[[]message] {
	if !m.from.IsValid() {
		return nil
	}
	return f.holds.find(m.from, m.to)
}

func (f *faults) delayOf(m message) time.Duration {
	if m.from.IsValid() {
		if d := f.delays.find(m.from, m.to); d != nil {
			return d.value
		}
	}
	return 0
}
