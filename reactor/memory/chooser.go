package memory

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file asks Choices, and keeps what they may choose within Conditions.

// A chooser makes the free choices of a network. A choice among one possibility is not asked for.
type chooser struct {
	net        *network
	loop       *reactor.Loop
	names      *hosts
	choices    Choices
	conditions Conditions // with its defaults

	cancels   []mayCancel // those that are still asked for
	givenUp   []any       // those that were cancelled
	jumpAsked time.Time   // when WallClockJump was asked for last
	ended     bool        // EndFaults was called

	left   int         // number of faults that may still happen
	faults []FaultMade // those that have happened
	links  map[pair]*link
	all    []*link // the links, in the order in which they were first used

	threads int          // number of functions of CallInThread, and answers of the resolver
	waiting atomic.Int32 // those that have not begun

	tasks []Task // among which one is picked; see next
	at    []int  // the index of the event of each
}

// newChooser returns a chooser without loop and names.
func newChooser(n *network, config Config) *chooser {
	c := &chooser{net: n, choices: config.Choices, conditions: config.Conditions, links: map[pair]*link{}}
	if c.conditions.MaxFaults == 0 {
		c.conditions.MaxFaults = 2
	}
	if c.conditions.Faults == 0 {
		c.conditions.Faults = defaultFaults
	}
	c.left = c.conditions.MaxFaults
	return c
}

// choose returns a number from 0 to n-1. 0 is what happens without Choices.
func (c *chooser) choose(kind Choice, n int) int {
	if n < 2 {
		return 0
	}
	got := c.choices.Choose(kind, n)
	if got < 0 || got >= n {
		panic(fmt.Sprintf("memory: Choices.Choose(%v, %d) returned %d, which is not from 0 to %d", kind, n, got, n-1))
	}
	return got
}

// pick returns the index of the task that comes next.
func (c *chooser) pick(tasks []Task) int {
	if len(tasks) < 2 {
		return 0
	}
	got := c.choices.Pick(tasks)
	if got < 0 || got >= len(tasks) {
		panic(fmt.Sprintf("memory: Choices.Pick returned %d, which is no index of %d tasks", got, len(tasks)))
	}
	return got
}

// duration returns one of some durations, the natural one first.
func (c *chooser) duration(kind Choice, of ...time.Duration) time.Duration {
	return of[c.choose(kind, len(of))]
}

// note records a choice that is not the natural one. Callers check tracing first, to avoid
// building e in vain.
func (c *chooser) note(e Event) {
	e.Kind = "choice"
	c.net.trace(e)
}

// A FaultMade is a fault that has happened.
type FaultMade struct {
	// At is the time of the fault, since the start of the clock.
	At time.Duration
	// Kind is one fault.
	Kind Faults
	// Hosts are the hosts of the link that failed, by name if they have one, or the host that
	// failed. Those that do not apply are "".
	Hosts [2]string
}

// FaultsMade returns the faults that have happened by Choices, the oldest first. A test that
// finds an error learns from it whether a fault explains the error.
func (r *Reactor) FaultsMade() []FaultMade {
	if r.net.chooser == nil {
		return nil
	}
	return append([]FaultMade(nil), r.net.chooser.faults...)
}

// fault asks whether one of kinds happens now on the link between two hosts. It returns the one
// that happens, or 0. The caller makes it happen, and notes it in the trace.
func (n *network) fault(kinds Faults, a, b netip.Addr) Faults {
	c := n.chooser
	if c == nil || c.left == 0 || kinds&c.conditions.Faults == 0 || !c.mayFail(c.link(a, b)) {
		return 0
	}
	kind := c.someFault(kinds)
	if kind != 0 {
		c.record(kind, c.hostName(a), c.hostName(b))
	}
	return kind
}

// faultOf is fault for something of one host, which has a name or addresses. The host may fail
// if MayFail has a link of it, or the link of every host.
func (n *network) faultOf(kinds Faults, name string, addrs ...netip.Addr) Faults {
	c := n.chooser
	if c == nil || c.left == 0 || kinds&c.conditions.Faults == 0 || !c.hostMayFail(name, addrs) {
		return 0
	}
	kind := c.someFault(kinds)
	if kind != 0 {
		if name == "" && len(addrs) != 0 {
			name = c.hostName(addrs[0])
		}
		c.record(kind, name, "")
	}
	return kind
}

// faultAnywhere is fault for something that belongs to no host.
func (n *network) faultAnywhere(kinds Faults) Faults {
	c := n.chooser
	if c == nil || c.left == 0 {
		return 0
	}
	kind := c.someFault(kinds)
	if kind != 0 {
		c.record(kind, "", "")
	}
	return kind
}

// someFault returns one of kinds, or 0.
func (c *chooser) someFault(kinds Faults) Faults {
	kinds &= c.conditions.Faults
	got := c.choose(Fault, 1+bits.OnesCount16(uint16(kinds)))
	if got == 0 {
		return 0
	}
	for range got - 1 {
		kinds &= kinds - 1
	}
	return kinds & -kinds
}

// record counts a fault.
func (c *chooser) record(kind Faults, a, b string) {
	c.left--
	c.faults = append(c.faults, FaultMade{c.net.elapsed(), kind, [2]string{a, b}})
}

// A link is a pair of hosts that have sent each other a message.
type link struct {
	hosts   pair
	known   int  // the version of the names when fails was found; 0: never
	fails   bool // MayFail has the link
	asked   bool // latency was asked for
	latency time.Duration
	until   time.Time // messages are held until then
	cut     bool      // messages are held for ever, in held
	held    []message
}

// link returns the link between two hosts, or nil if one of them has no address, as with UNIX
// sockets.
func (c *chooser) link(a, b netip.Addr) *link {
	if !a.IsValid() || !b.IsValid() {
		return nil
	}
	if b.Less(a) {
		a, b = b, a
	}
	l := c.links[pair{a, b}]
	if l == nil {
		l = &link{hosts: pair{a, b}}
		c.links[pair{a, b}] = l
		c.all = append(c.all, l)
	}
	return l
}

// mayFail reports whether MayFail has l.
func (c *chooser) mayFail(l *link) bool {
	if l == nil {
		return false
	}
	if l.known != c.names.version+1 {
		l.known, l.fails = c.names.version+1, false
		for _, of := range c.conditions.MayFail {
			l.fails = l.fails ||
				c.is(of.A, l.hosts[0]) && c.is(of.B, l.hosts[1]) ||
				c.is(of.A, l.hosts[1]) && c.is(of.B, l.hosts[0])
		}
	}
	return l.fails
}

// is reports whether a host of a Link includes ip. A name that no host has yet includes none.
func (c *chooser) is(host string, ip netip.Addr) bool {
	return host == "" || slices.Contains(c.addresses(host), ip)
}

// addresses returns the addresses of a host of a Link, or nil if they are not known yet.
func (c *chooser) addresses(host string) []netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}
	}
	return c.names.find(host)
}

func (c *chooser) hostMayFail(name string, addrs []netip.Addr) bool {
	for _, of := range c.conditions.MayFail {
		if of == (Link{}) {
			return true
		}
		for _, host := range []string{of.A, of.B} {
			if host == "" {
				continue
			}
			if name != "" && canonical(host) == canonical(name) {
				return true
			}
			for _, ip := range c.addresses(host) {
				if slices.Contains(addrs, ip) {
					return true
				}
			}
		}
	}
	return false
}

// hostName returns the name of the host at ip, as HostNames does, or its address.
func (c *chooser) hostName(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	best := ""
	for name, addrs := range c.names.table {
		if name != "*" && (best == "" || name < best) && slices.Contains(addrs, ip) {
			best = name
		}
	}
	if best == "" {
		return ip.String()
	}
	return best
}

// EndFaults ends the faults by Choices, as when a program has done its work and waits for its end:
// nothing more fails, and nobody gives up what [Reactor.MayCancel] names. Connections whose messages
// a [Cut] link has held are reset now, and attempts to connect are refused. EndFaults panics if a
// link of MayFail names a host that no AddHost has named.
func (r *Reactor) EndFaults() {
	c := r.net.chooser
	if c == nil {
		return
	}
	c.left, c.cancels, c.ended = 0, nil, true
	c.endCuts()
	var unknown []string
	for _, of := range c.conditions.MayFail {
		for _, host := range []string{of.A, of.B} {
			if host != "" && c.addresses(host) == nil {
				unknown = append(unknown, host)
			}
		}
	}
	if unknown != nil {
		panic("memory: Conditions.MayFail names hosts that no AddHost has named: " + strings.Join(unknown, ", "))
	}
}
