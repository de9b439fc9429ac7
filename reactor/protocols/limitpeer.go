package protocols

import (
	"cmp"
	"log/slog"
	"net"
	"net/netip"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A LimitConnectionsByPeer bounds the connections of each IP address. Above TLS, a connection
// counts from the beginning of its handshake. Connections without an IP address, such as those
// of a UNIX socket, are not limited. It is Twisted's LimitConnectionsByPeer; see
// [WrappingFactory].
type LimitConnectionsByPeer struct {
	// Factory builds the protocols.
	Factory reactor.Factory
	// Limit is the largest number of connections of one peer at a time. Those beyond it are
	// refused: they are closed at once. 0 means 5, a negative value no limit. It is
	// Twisted's maxConnectionsPerPeer.
	Limit int
	// IPv6Bits is the number of leading bits of an IPv6 address that make up a peer. With 64,
	// a network of IPv6 counts as one peer, which often is one household. 0 means the
	// whole address. An IPv4 address in IPv6's form is an IPv4 address.
	IPv6Bits int

	places places
	counts map[peerKey]int
}

// A peerKey is what the connections of one peer have in common. The zero value stands for peers
// that are not told apart.
type peerKey = netip.Addr

const defaultPerPeer = 5

// Connections returns the number of connections of the peer that addr belongs to.
func (f *LimitConnectionsByPeer) Connections(addr net.Addr) int { return f.counts[f.key(addr)] }

// key returns the peer of addr.
func (f *LimitConnectionsByPeer) key(addr net.Addr) peerKey {
	var ip netip.Addr
	switch a := addr.(type) {
	case nil:
		return peerKey{}
	case *net.TCPAddr:
		ip = a.AddrPort().Addr()
	default:
		parsed, err := netip.ParseAddrPort(addr.String())
		if err != nil {
			return peerKey{}
		}
		ip = parsed.Addr()
	}
	ip = ip.Unmap()
	if ip.Is6() && f.IPv6Bits != 0 {
		network, err := ip.Prefix(f.IPv6Bits)
		if err != nil {
			panic("protocols: LimitConnectionsByPeer.IPv6Bits: " + err.Error())
		}
		ip = network.Addr()
	}
	return ip
}

// take counts one more connection of peer, unless that is too many.
func (f *LimitConnectionsByPeer) take(peer net.Addr) (key peerKey, ok bool) {
	key = f.key(peer)
	if !key.IsValid() {
		return key, true
	}
	limit := cmp.Or(f.Limit, defaultPerPeer)
	if limit > 0 && f.counts[key] >= limit {
		slog.Debug("protocols: a connection is refused, since its peer has too many", "peer", peer, "limit", limit)
		return key, false
	}
	if f.counts == nil {
		f.counts = map[peerKey]int{}
		f.places.freed = f.free
	}
	f.counts[key]++
	return key, true
}

func (f *LimitConnectionsByPeer) free(key peerKey) {
	switch n := f.counts[key]; {
	case n > 1:
		f.counts[key] = n - 1
	case n == 1:
		delete(f.counts, key)
	}
}

// BuildProtocol returns a protocol of Factory, or nil if the peer has too many connections; see
// [reactor.Factory].
func (f *LimitConnectionsByPeer) BuildProtocol(peer net.Addr) reactor.Protocol {
	key, ok := f.take(peer)
	if !ok {
		return nil
	}
	return f.places.build(f.Factory, &ProtocolWrapper{}, peer, key)
}

// DoStart calls DoStart of Factory; see [reactor.ListeningFactory].
func (f *LimitConnectionsByPeer) DoStart(r reactor.Reactor, p reactor.Port) {
	f.places.start(f.Factory, r, p)
}

// DoStop calls DoStop of Factory; see [reactor.ListeningFactory].
func (f *LimitConnectionsByPeer) DoStop(p reactor.Port) { stop(f.Factory, p) }

// AcceptableProtocols returns those of Factory; see [reactor.NegotiatingFactory].
func (f *LimitConnectionsByPeer) AcceptableProtocols() []string { return acceptable(f.Factory) }

// HandshakeBegins counts a connection from the beginning of its TLS handshake; see
// [reactor.HandshakeFactory].
func (f *LimitConnectionsByPeer) HandshakeBegins(below reactor.Transport) (ended func()) {
	key, ok := f.take(below.Peer())
	if !ok {
		return nil
	}
	return f.places.begin(f.Factory, below, key)
}
