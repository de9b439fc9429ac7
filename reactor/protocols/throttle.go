package protocols

import (
	"log/slog"
	"math"
	"net"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/producer"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A ThrottlingFactory bounds the bandwidth and the number of connections of a factory. The
// connections share the bandwidth. It is Twisted's ThrottlingFactory; see [WrappingFactory].
//
// A second's worth may pass at once. Beyond that, all connections pause until the limit allows
// more, at least a tenth of a second. In any t seconds, at most t+1 times the limit and the last
// read or write pass. Those connections go on first that were paused for the longest time.
//
// A connection that is paused learns of its peer's end, or of its loss, when it goes on, as after
// every pause of a [reactor.Transport]. Until then it counts; PeerClosed of its transport may
// tell earlier.
//
// The limits hold for the bytes on this side of TLS.
type ThrottlingFactory struct {
	// Factory builds the protocols.
	Factory reactor.Factory
	// MaxConnections is the largest number of connections at a time. 0 or less means no
	// limit. At the limit, the ports of the factory pause accepting, so that more clients
	// wait in the queue of the system. Connections that come in another way are refused.
	// It is Twisted's maxConnectionCount.
	MaxConnections int
	// ReadLimit is the number of bytes a second that the connections receive. 0 or less
	// means no limit.
	ReadLimit int
	// WriteLimit is the number of bytes a second that the connections send. 0 or less means
	// no limit. Only producers are paused: what a protocol writes without a registered
	// producer counts, and is sent at once.
	WriteLimit int
	// Clock measures the time. nil means the reactor of the connection.
	Clock reactor.Clock

	places  places
	ports   []reactor.Port
	pausing bool // the ports pause accepting
	flows   [directions]flow
}

// A direction is that of a flow of bytes.
type direction int

const (
	reading direction = iota
	writing
	directions
)

// A flow is what the connections have received, or sent.
type flow struct {
	paid  time.Time                    // when the limit has allowed all that has passed
	timer reactor.DelayedCall          // releases the held connections; nil while none is held
	free  list.List[throttlingWrapper] // the longest unused first
	held  list.List[throttlingWrapper] // the longest held first
}

const (
	burst     = time.Second            // what passes at once, after a pause
	leastHold = 100 * time.Millisecond // the shortest time in which connections are held
)

// spend counts n bytes that have passed, at a limit per second, and returns the time for which
// the connections must be held.
func (f *flow) spend(now time.Time, n, limit int) time.Duration {
	if earliest := now.Add(-burst); f.paid.Before(earliest) {
		f.paid = earliest
	}
	price := float64(n) / float64(limit) * float64(time.Second)
	f.paid = f.paid.Add(time.Duration(min(price, math.MaxInt64/4)))
	return f.debt(now)
}

// debt returns the time for which the connections must be held.
func (f *flow) debt(now time.Time) time.Duration { return f.paid.Sub(now) }

// A throttlingWrapper is one connection of a ThrottlingFactory.
type throttlingWrapper struct {
	ProtocolWrapper
	factory  *ThrottlingFactory
	clock    reactor.Clock
	turns    [directions]list.Node[throttlingWrapper] // in a flow
	producer producer.Slot
	paused   bool // the protocol has paused reading
	blocked  bool // the transport has paused its producer
	wanted   bool // the transport has asked its pull producer for more
}

// BuildProtocol returns a protocol of Factory that is throttled, or nil at MaxConnections; see
// [reactor.Factory].
func (f *ThrottlingFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	if !f.mayOpen(peer) {
		return nil
	}
	p := f.places.build(f.Factory, &throttlingWrapper{factory: f}, peer, peerKey{})
	f.checkPorts(peerKey{})
	return p
}

func (f *ThrottlingFactory) full() bool {
	return f.MaxConnections > 0 && f.places.taken() >= f.MaxConnections
}

func (f *ThrottlingFactory) mayOpen(peer net.Addr) bool {
	if f.full() {
		slog.Debug("protocols: a connection is refused", "peer", peer, "limit", f.MaxConnections)
		return false
	}
	if f.places.freed == nil {
		f.places.freed = f.checkPorts
	}
	return true
}

// checkPorts makes the ports pause while the factory is full.
func (f *ThrottlingFactory) checkPorts(peerKey) {
	if full := f.full(); full != f.pausing {
		f.pausing = full
		for _, p := range f.ports {
			f.checkPort(p)
		}
	}
}

func (f *ThrottlingFactory) checkPort(p reactor.Port) {
	if f.pausing {
		p.PauseAccepting()
	} else {
		p.ResumeAccepting()
	}
}

// limit returns the limit of a direction in bytes a second; 0 means none.
func (f *ThrottlingFactory) limit(d direction) int {
	if d == reading {
		return max(0, f.ReadLimit)
	}
	return max(0, f.WriteLimit)
}

// attach adds w to the flow of direction d.
func (w *throttlingWrapper) attach(d direction) {
	if w.factory.limit(d) == 0 {
		return
	}
	f := &w.factory.flows[d]
	f.free.Push(&w.turns[d], w)
	if f.timer != nil || f.debt(w.clock.Now()) > 0 {
		f.hold(d)
	}
}

// detach removes w from the flow of direction d. The last one takes the timer with it.
func (w *throttlingWrapper) detach(d direction) {
	f := &w.factory.flows[d]
	w.turns[d].Remove()
	if f.timer != nil && f.held.Len() == 0 {
		f.timer.Cancel()
		f.timer = nil
	}
}

// spend counts n bytes of w, and holds all connections if that is too many.
func (w *throttlingWrapper) spend(d direction, n int) {
	limit := w.factory.limit(d)
	if limit == 0 {
		return
	}
	f := &w.factory.flows[d]
	if in := w.turns[d].In(); in != nil {
		in.Push(&w.turns[d], w) // others come first
	}
	if f.spend(w.clock.Now(), n, limit) > 0 {
		f.hold(d)
	}
}

// hold holds all connections of f, whose direction is d.
func (f *flow) hold(d direction) {
	for w := f.free.First(); w != nil; w = f.free.First() {
		f.held.Push(&w.turns[d], w)
		if f.timer == nil {
			f.timer = w.clock.CallLater(max(f.debt(w.clock.Now()), leastHold), func() { f.release(d, w.clock) })
		}
		w.hold(d)
	}
}

// release ends the hold, unless more has passed meanwhile. The loop ends early if a released
// connection sends too much.
func (f *flow) release(d direction, clock reactor.Clock) {
	f.timer = nil
	if debt := f.debt(clock.Now()); debt > 0 {
		f.timer = clock.CallLater(max(debt, leastHold), func() { f.release(d, clock) })
		return
	}
	for f.timer == nil && f.held.Len() != 0 {
		w := f.held.First()
		f.free.Push(&w.turns[d], w)
		w.release(d)
	}
}

// reset forgets the connections of f, whose reactor has stopped.
func (f *flow) reset(d direction) {
	for _, l := range []*list.List[throttlingWrapper]{&f.free, &f.held} {
		for w := range l.All() {
			w.turns[d].Remove()
		}
	}
	if f.timer != nil {
		f.timer.Cancel()
		f.timer = nil
	}
	f.paid = time.Time{}
}

// isHeld reports whether w is held.
func (w *throttlingWrapper) isHeld(d direction) bool {
	in := w.turns[d].In()
	return in != nil && in == &w.factory.flows[d].held
}

// hold pauses w in direction d.
func (w *throttlingWrapper) hold(d direction) {
	switch {
	case d == reading:
		if !w.paused && !w.Disconnecting() {
			w.Transport.PauseProducing()
		}
	case w.producer.Push != nil && !w.blocked:
		w.guard(w.producer.Push.PauseProducing)
	}
}

// release undoes hold.
func (w *throttlingWrapper) release(d direction) {
	switch {
	case d == reading:
		if !w.paused && !w.Disconnecting() {
			w.Transport.ResumeProducing()
		}
	case w.producer.Push != nil && !w.blocked:
		w.guard(w.producer.Push.ResumeProducing)
	case w.producer.Pull != nil && w.wanted:
		w.wanted = false
		w.guard(w.producer.Pull.ResumeProducing)
	}
}

func (w *throttlingWrapper) ConnectionMade(t reactor.Transport) {
	if w.clock = w.factory.Clock; w.clock == nil && (w.factory.limit(reading) != 0 || w.factory.limit(writing) != 0) {
		w.clock = t.Reactor()
	}
	w.attach(reading)
	w.ProtocolWrapper.ConnectionMade(t)
}

func (w *throttlingWrapper) ConnectionLost(reason error) {
	w.detach(reading)
	w.detach(writing)
	w.producer.Clear() // the transport has stopped it
	w.ProtocolWrapper.ConnectionLost(reason)
}

func (w *throttlingWrapper) DataReceived(data []byte) {
	w.spend(reading, len(data))
	w.ProtocolWrapper.DataReceived(data)
}

func (w *throttlingWrapper) PauseProducing() {
	w.paused = true
	w.ProtocolWrapper.PauseProducing()
}

func (w *throttlingWrapper) ResumeProducing() {
	w.paused = false
	if !w.isHeld(reading) {
		w.ProtocolWrapper.ResumeProducing()
	}
}

func (w *throttlingWrapper) Write(data []byte) {
	w.ProtocolWrapper.Write(data)
	w.wrote(len(data))
}

func (w *throttlingWrapper) WriteSequence(pieces ...[]byte) {
	w.ProtocolWrapper.WriteSequence(pieces...)
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	w.wrote(size)
}

// wrote counts n bytes, unless the transport has dropped them.
func (w *throttlingWrapper) wrote(n int) {
	if !w.Disconnecting() || w.producer.Taken() {
		w.spend(writing, n)
	}
}

func (w *throttlingWrapper) RegisterProducer(p reactor.PushProducer) error {
	return w.register(producer.Slot{Push: p}, func(t reactor.Transport, of *throttlingProducer) error { return t.RegisterProducer(of) })
}

func (w *throttlingWrapper) RegisterPullProducer(p reactor.PullProducer) error {
	return w.register(producer.Slot{Pull: p}, func(t reactor.Transport, of *throttlingProducer) error { return t.RegisterPullProducer(of) })
}

// register registers the producer in slot by way of a throttlingProducer. The transport may
// stop it at once.
func (w *throttlingWrapper) register(slot producer.Slot, register func(reactor.Transport, *throttlingProducer) error) error {
	if w.producer.Taken() {
		return reactor.ErrProducerRegistered
	}
	w.producer, w.blocked, w.wanted = slot, false, false
	if err := register(w.Transport, (*throttlingProducer)(w)); err != nil {
		w.producer.Clear()
		return err
	}
	if w.producer.Taken() {
		w.attach(writing)
	}
	return nil
}

func (w *throttlingWrapper) UnregisterProducer() {
	w.detach(writing)
	w.producer.Clear()
	w.ProtocolWrapper.UnregisterProducer()
}

// A throttlingProducer is a throttlingWrapper as the producer of the transport below. It passes
// the calls on to the protocol's producer, unless that is held.
type throttlingProducer throttlingWrapper

func (p *throttlingProducer) isHeld() bool { return (*throttlingWrapper)(p).isHeld(writing) }

func (p *throttlingProducer) PauseProducing() {
	p.blocked = true
	if push := p.producer.Push; push != nil && !p.isHeld() {
		push.PauseProducing()
	}
}

func (p *throttlingProducer) ResumeProducing() {
	p.blocked = false
	switch {
	case p.isHeld():
		p.wanted = true
	case p.producer.Push != nil:
		p.producer.Push.ResumeProducing()
	case p.producer.Pull != nil:
		p.producer.Pull.ResumeProducing()
	}
}

func (p *throttlingProducer) StopProducing() {
	(*throttlingWrapper)(p).detach(writing)
	if stopped := p.producer.Clear(); stopped != nil {
		stopped.StopProducing()
	}
}

// DoStart pauses p if there are MaxConnections, and calls DoStart of Factory; see
// [reactor.ListeningFactory].
func (f *ThrottlingFactory) DoStart(r reactor.Reactor, p reactor.Port) {
	if f.places.reactor != r {
		f.ports = nil
	}
	if f.places.forgetStopped(r) {
		for d := range f.flows {
			f.flows[d].reset(direction(d))
		}
	}
	f.ports = append(f.ports, p)
	if f.pausing {
		f.checkPort(p)
	}
	f.places.start(f.Factory, r, p)
}

// DoStop calls DoStop of Factory; see [reactor.ListeningFactory].
func (f *ThrottlingFactory) DoStop(p reactor.Port) {
	f.ports = slices.DeleteFunc(f.ports, func(q reactor.Port) bool { return q == p })
	stop(f.Factory, p)
}

// AcceptableProtocols returns those of Factory; see [reactor.NegotiatingFactory].
func (f *ThrottlingFactory) AcceptableProtocols() []string { return acceptable(f.Factory) }

// HandshakeBegins counts a connection from the beginning of its TLS handshake; see
// [reactor.HandshakeFactory].
func (f *ThrottlingFactory) HandshakeBegins(below reactor.Transport) (ended func()) {
	if !f.mayOpen(below.Peer()) {
		return nil
	}
	ended = f.places.begin(f.Factory, below, peerKey{})
	f.checkPorts(peerKey{})
	return ended
}
