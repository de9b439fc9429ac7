package memory

import (
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Machine is a host with addresses of its own, and the reactor of the programs that run on it.
// All machines of a [Reactor] share its loop, its clock, its randomness and its network, so a test
// runs a client, a proxy and servers in one loop, and each is a program like any other:
//
//	r := memory.New()
//	api := r.Machine("api.example")
//	api.ListenTCP(":80", site)
//	user := r.Machine("user.example")
//	client.New(user, nil).Get("http://api.example/")
//	r.Pump()
//
// A machine connects from its own address of the target's family, and listens at its own addresses
// only: each machine has a port 80. 127.0.0.1, ::1 and the paths of UNIX sockets are each machine's
// own. A machine has its own [reactor.Locals] too, and so its own default pool of connections.
//
// [Machine.Process] starts a program that [Machine.Stop] stops, and [Machine.Start] starts again.
//
// Run, Iterate, Running and the system events belong to the loop that all share; see
// [Machine.Run] and [Machine.Running]. The methods are for the goroutine of the Reactor.
type Machine struct {
	shared
	reactor  *Reactor
	name     string
	number   int          // in the order in which machines were made
	addrs    []netip.Addr // the preferred ones first
	part     *reactor.Part
	resolver reactor.NameResolver // nil: that of the Reactor

	ports       []reactor.Port // those that listen, and perhaps some that have stopped
	processes   []*process     // in the order in which they start
	changing    string         // what is under way: "starts" or "stops"; or ""
	stopped     bool
	touched     bool // something was sent or received since Restart was asked for
	ran         bool // Run is running
	restart     reactor.DelayedCall
	whenRunning []func()
}

// shared is what all machines of a Reactor have in common.
type shared interface {
	reactor.Clock
	reactor.Threads
	reactor.Contexts
	reactor.Random
}

var _ reactor.Reactor = (*Machine)(nil)

// machines are the machines of a Reactor.
type machines struct {
	all    []*Machine // in the order in which they were made
	at     map[netip.Addr]*Machine
	acting *Machine // the caller of Dial or Listen; nil: the Reactor itself
}

// Machine makes a machine. Its addresses are addrs, which are IP addresses, the preferred ones
// first. Without addrs, they are those that [Reactor.AddHost] has given to name, or else the next
// free one from 10.0.0.2. The machine's name leads to them, as by AddHost.
//
// It panics if a machine is called name already, if another machine or the Reactor itself has one
// of the addresses, and if something listens there.
func (r *Reactor) Machine(name string, addrs ...string) *Machine {
	r.check("Machine")
	m := &Machine{shared: r, reactor: r, name: canonical(name)}
	if _, err := netip.ParseAddr(name); err == nil || m.name == "" || m.name == "*" || m.name == "localhost" {
		panic(fmt.Sprintf("memory: a machine cannot be called %q", name))
	}
	for _, other := range r.net.machines.all {
		if other.name == m.name {
			panic("memory: there is a machine called " + m.name + " already")
		}
	}
	switch {
	case len(addrs) != 0:
		for _, a := range addrs {
			ip, err := netip.ParseAddr(a)
			if err != nil {
				panic(fmt.Sprintf("memory: the address %q of machine %s is not an IP address", a, m.name))
			}
			m.addrs = append(m.addrs, ip.Unmap())
		}
	case len(r.names.table[m.name]) != 0:
		m.addrs = r.names.table[m.name]
	default:
		m.addrs = []netip.Addr{r.freeAddress()}
	}
	for _, ip := range m.addrs {
		r.net.mustBeFree(ip, m.name)
	}
	if r.net.machines.at == nil {
		r.net.machines.at = map[netip.Addr]*Machine{}
	}
	for _, ip := range m.addrs {
		r.net.machines.at[ip] = m
	}
	m.number = len(r.net.machines.all)
	r.net.machines.all = append(r.net.machines.all, m)
	r.names.set(m.name, m.addrs)
	m.part = r.Loop.NewPart()
	reactor.AddInspectable(r, m, (*Machine).inspect)
	return m
}

// freeAddress returns the next address for a machine that no host has.
func (r *Reactor) freeAddress() netip.Addr {
	taken := map[netip.Addr]bool{}
	for _, ips := range r.names.table {
		for _, ip := range ips {
			taken[ip] = true
		}
	}
	ip := hostIPv4.Next()
	for taken[ip] || r.net.machines.at[ip] != nil {
		ip = ip.Next()
	}
	return ip
}

// mustBeFree panics if a machine called name cannot have the address ip.
func (n *network) mustBeFree(ip netip.Addr, name string) {
	problem := ""
	switch other := n.machines.at[ip]; {
	case other != nil:
		problem = "is that of machine " + other.name
	case ip == hostIPv4 || ip == hostIPv6:
		problem = "is that of the Reactor itself"
	case ip.IsLoopback():
		problem = "is every machine's own"
	case ip.IsUnspecified() || ip.IsMulticast():
		problem = "is not that of one host"
	default:
		for at := range n.listeners {
			if at.ip.Addr() == ip {
				problem = "has a port that listens, which is not the machine's"
			}
		}
	}
	if problem != "" {
		panic(fmt.Sprintf("memory: the address %v of machine %s %s", ip, name, problem))
	}
}

// inspect writes what is pending in the programs on m.
func (m *Machine) inspect(w io.Writer) {
	for _, text := range reactor.Inspect(m) {
		fmt.Fprintf(w, "machine %s: %s", m.name, text)
	}
}

// Name returns the machine's name, in lower case.
func (m *Machine) Name() string { return m.name }

// Addr returns the machine's preferred address.
func (m *Machine) Addr() netip.Addr { return m.addrs[0] }

// String returns the machine's name.
func (m *Machine) String() string { return m.name }

// Locals returns the values of every [reactor.Local] for the programs on m.
func (m *Machine) Locals() *reactor.Locals { return m.part.Locals() }

// Connecting and listening.

// act makes m the caller of Dial or Listen until end is called.
func (m *Machine) act() (end func()) {
	n := m.reactor.net
	before := n.machines.acting
	n.machines.acting = m
	return func() { n.machines.acting = before }
}

// takeActing returns the caller of Dial or Listen. What they call in turn has another caller.
func (n *network) takeActing() *Machine {
	m := n.machines.acting
	n.machines.acting = nil
	return m
}

// ConnectTCP connects from m to address, and records it in TCPClients of the Reactor; see
// [reactor.TCP]. While m is stopped, the attempt fails with [reactor.ErrStopped] in the next turn.
func (m *Machine) ConnectTCP(address string, factory reactor.Factory, config reactor.ConnectConfig) *deferred.Deferred[reactor.Protocol] {
	defer m.act()()
	return m.reactor.ConnectTCP(address, factory, config)
}

// ConnectUNIX connects to path on m, and records it in UNIXClients of the Reactor; see
// [reactor.UNIX].
func (m *Machine) ConnectUNIX(path string, factory reactor.Factory, config reactor.ConnectConfig) *deferred.Deferred[reactor.Protocol] {
	defer m.act()()
	return m.reactor.ConnectUNIX(path, factory, config)
}

// ListenTCP listens on m, and records it in TCPServers of the Reactor; see [reactor.TCP]. ":80" is
// port 80 of all addresses of m, the loopback ones included. While m is stopped, ListenTCP fails
// with [reactor.ErrStopped].
func (m *Machine) ListenTCP(address string, factory reactor.Factory) (reactor.Port, error) {
	defer m.act()()
	return m.keep(m.reactor.ListenTCP(address, factory))
}

// ListenUNIX listens on path on m, and records it in UNIXServers of the Reactor; see
// [reactor.UNIX].
func (m *Machine) ListenUNIX(path string, factory reactor.Factory) (reactor.Port, error) {
	defer m.act()()
	return m.keep(m.reactor.ListenUNIX(path, factory))
}

// keep adds p to m.ports, which it rids of ports that have stopped.
func (m *Machine) keep(p reactor.Port, err error) (reactor.Port, error) {
	if err != nil {
		return nil, err
	}
	m.ports = append(slices.DeleteFunc(m.ports, func(p reactor.Port) bool { return !m.reactor.net.listening(m, p) }), p)
	return p, nil
}

// listening reports whether p, a port of m, listens.
func (n *network) listening(m *Machine, p reactor.Port) bool {
	for at := range n.listeners {
		if at.machine == m && at.String() == p.Addr().String() {
			return true
		}
	}
	return false
}

func (p place) reactor() reactor.Reactor {
	if p.machine == nil {
		return nil
	}
	return p.machine
}

// Reactor returns the machine of l, or nil; see [reactor.Part].
func (l *listener) Reactor() reactor.Reactor { return l.at.reactor() }

// mayUse returns an error if m, or the Reactor itself if m is nil, does not have the local address
// ip.
func (n *network) mayUse(m *Machine, ip netip.Addr) error {
	owner := n.machines.at[ip]
	switch {
	case ip.IsUnspecified() || ip.IsLoopback() || owner == m:
		return nil
	case owner != nil:
		return fmt.Errorf("%v is the address of machine %s", ip, owner.name)
	}
	return fmt.Errorf("machine %s does not have the address %v", m.name, ip)
}

// localFor returns the address from which m connects to ip.
func (m *Machine) localFor(ip netip.Addr) (netip.AddrPort, error) {
	for _, own := range m.addrs {
		if own == ip {
			return netip.AddrPortFrom(ip, 0), nil
		}
	}
	for _, own := range m.addrs {
		if own.Is4() == ip.Is4() {
			return netip.AddrPortFrom(own, 0), nil
		}
	}
	return netip.AddrPort{}, reactor.ErrNoRoute
}

// Names.

// NameResolver returns the resolver of m: the installed one, or else that of the Reactor.
func (m *Machine) NameResolver() reactor.NameResolver {
	if m.resolver != nil {
		return m.resolver
	}
	return machineResolver{m}
}

// InstallNameResolver replaces the resolver of m only. nil restores that of the Reactor.
func (m *Machine) InstallNameResolver(r reactor.NameResolver) { m.resolver = r }

// A machineResolver is the resolver of the Reactor, whose lookups end when the machine stops.
type machineResolver struct{ machine *Machine }

func (r machineResolver) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	return reactor.UntilStopped(r.machine, r.machine.reactor.NameResolver().LookupHost(host))
}
