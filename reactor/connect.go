package reactor

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
)

// This file makes and accepts connections.

// ConnectTCP connects to an IP address and port; see [TCP].
func (l *Loop) ConnectTCP(address string, factory Factory, config ConnectConfig) *deferred.Deferred[Protocol] {
	l.check("ConnectTCP")
	if _, err := netip.ParseAddrPort(address); err != nil {
		return deferred.Fail[Protocol](&ConnectError{"tcp", address, errors.New("not an IP address and port")})
	}
	return l.connect("tcp", address, factory, config)
}

// ConnectUNIX connects to the socket at path; see [UNIX].
func (l *Loop) ConnectUNIX(path string, factory Factory, config ConnectConfig) *deferred.Deferred[Protocol] {
	l.check("ConnectUNIX")
	return l.connect("unix", path, factory, config)
}

// A dial is an attempt to connect.
type dial struct {
	at      list.Node[dial]
	loop    *Loop
	network string
	address string
	factory Factory
	result  *deferred.Deferred[Protocol]
	timeout DelayedCall // nil without a timeout
	cancel  func()      // cancels the poller's attempt; nil when the poller is done
	dialing bool        // the poller's Dial has neither returned nor called done
	over    bool        // the attempt has ended
	span    *Span       // in the trace; nil without one
}

func (l *Loop) connect(network, address string, factory Factory, config ConnectConfig) *deferred.Deferred[Protocol] {
	if factory == nil {
		panic("reactor: connecting to " + address + " with a nil Factory")
	}
	if l.state() >= closing {
		return l.refuse(network, address)
	}
	d := &dial{loop: l, network: network, address: address, factory: factory}
	d.result = deferred.NewCancellable(func(*deferred.Deferred[Protocol]) { d.end() })
	l.dials.Push(&d.at, d)
	if l.watch != nil {
		d.span = l.startSpan("connect", plainText("connect to "+address))
	}
	if timeout := config.timeout(); timeout > 0 {
		d.timeout = l.CallLater(timeout, func() { d.fail(ErrConnectTimeout) })
	}
	d.dialing = true
	cancel := l.poller.Dial(network, address, config.LocalAddress, d.done)
	if d.dialing {
		d.dialing, d.cancel = false, cancel
	}
	return d.result
}

// refuse refuses to connect because the loop stops or is closed. It fails at once. But if a
// stopping loop has refused maxLate attempts, it fails as [UntilStopped] does, so that code that
// never gives up does not keep the loop from stopping.
func (l *Loop) refuse(network, address string) *deferred.Deferred[Protocol] {
	refusal := &ConnectError{network, address, ErrStopped}
	if l.locals.closed || l.locals.late < maxLate {
		l.locals.late++
		return deferred.Fail[Protocol](refusal)
	}
	return untilStopped(&l.locals, deferred.New[Protocol]()).AddErrback(func(err error) (Protocol, error) {
		if err == ErrStopped {
			err = refusal
		}
		return nil, err
	})
}

func (o ConnectConfig) timeout() time.Duration {
	if o.Timeout == 0 {
		return DefaultConnectTimeout
	}
	return o.Timeout
}

// end ends the attempt.
func (d *dial) end() {
	if d.over {
		return
	}
	d.over = true
	d.at.Remove()
	d.span.End()
	if d.timeout != nil && d.timeout.Active() {
		d.timeout.Cancel()
	}
	if d.cancel != nil {
		d.cancel()
	}
}

func (d *dial) fail(err error) {
	d.end()
	d.result.Errback(&ConnectError{d.network, d.address, classify(err)})
}

// done handles the result of the poller's attempt.
func (d *dial) done(s Socket, err error) {
	d.loop.awake()
	if w := d.loop.watch; w != nil {
		w.call("an attempt to connect", plainText("the result of connecting to "+d.address), func() { d.settle(s, err) })
		return
	}
	d.settle(s, err)
}

// settle is done when it is known that the loop is awake.
func (d *dial) settle(s Socket, err error) {
	atOnce := d.dialing
	d.dialing, d.cancel = false, nil
	if err != nil && atOnce && d.loop.phase.Load() != outside {
		// In a later turn, or else a program that tries again for ever would never let this
		// one end.
		failure := d.loop.timers.CallLater(0, func() { d.fail(err) })
		d.cancel = func() {
			if failure.Active() {
				failure.Cancel()
			}
		}
		return
	}
	if err != nil {
		d.fail(err)
		return
	}
	p, err := d.loop.build(d.factory, s)
	if err != nil {
		d.fail(err)
		return
	}
	if d.over { // BuildProtocol cancelled the attempt
		if u, ok := p.(unconnected); ok {
			u.NeverConnected()
		}
		s.Close(true)
		return
	}
	d.end()
	switch c, err := d.loop.start(s, p); {
	case d.result.Called(): // ConnectionMade cancelled the attempt
		c.AbortConnection()
	case err != nil:
		d.fail(err)
	default:
		d.result.Callback(p)
	}
}

// An unconnected protocol learns that it gets no connection, so that the place that it has in a
// factory's limit is free again: those of package protocols do.
type unconnected interface{ NeverConnected() }

// build calls factory to build a protocol for s. It closes s if factory builds none.
func (l *Loop) build(factory Factory, s Socket) (p Protocol, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = logPanic("BuildProtocol", v)
		} else if p == nil {
			err = ErrNoProtocol
		}
		if err != nil {
			s.Close(true)
		}
	}()
	if l.watch != nil {
		return l.watch.build(factory, s), nil
	}
	return factory.BuildProtocol(s.RemoteAddr()), nil
}

// ListenTCP listens on address; see [TCP].
func (l *Loop) ListenTCP(address string, factory Factory) (Port, error) {
	l.check("ListenTCP")
	return l.listen("tcp", address, factory)
}

// ListenUNIX listens on a socket at path; see [UNIX].
func (l *Loop) ListenUNIX(path string, factory Factory) (Port, error) {
	l.check("ListenUNIX")
	return l.listen("unix", path, factory)
}

// port implements Port.
type port struct {
	at       list.Node[port]
	loop     *Loop
	listener Listener
	addr     net.Addr
	factory  Factory  // nil if sharing is not
	sharing  *sharing // gives the connections to the loops of a group; or nil
	stopped  bool
	paused   bool        // PauseAccepting was called
	retry    DelayedCall // call that resumes accepting after an error; nil if there is none
	failing  bool        // the last attempt to accept failed
}

// acceptPause is the time that a port waits after it failed to accept a connection.
const acceptPause = 100 * time.Millisecond

func (l *Loop) listen(network, address string, factory Factory) (Port, error) {
	if factory == nil {
		panic("reactor: listening on " + address + " with a nil Factory")
	}
	if l.state() >= closing {
		return nil, &ListenError{network, address, ErrStopped}
	}
	p := &port{loop: l, factory: factory}
	listener, err := l.poller.Listen(network, address, p.accept)
	if err != nil {
		return nil, &ListenError{network, address, classify(err)}
	}
	p.begin(listener)
	return p, nil
}

// begin makes p a listening port of its loop.
func (p *port) begin(listener Listener) {
	p.listener, p.addr = listener, listener.Addr()
	p.loop.ports.Push(&p.at, p)
	if f, ok := p.factory.(ListeningFactory); ok {
		f.DoStart(p.loop.ownerOf(listener), p)
	}
}

// accept handles a connection, or an accept error, from the poller.
func (p *port) accept(s Socket, err error) {
	p.loop.awake()
	if err != nil {
		p.retryLater(classify(err))
		return
	}
	p.failing = false
	switch {
	case p.stopped:
		s.Close(true)
	case p.sharing != nil:
		p.sharing.give(s)
	default:
		p.serve(s)
	}
}

// serve makes s a connection of the factory.
func (p *port) serve(s Socket) {
	if proto, err := p.loop.build(p.factory, s); err == nil {
		p.loop.stats.Accepted++
		p.loop.start(s, proto)
	}
}

// retryLater resumes accepting some time after err, unless the program has paused it. It logs
// only the first of several failures in a row.
func (p *port) retryLater(err error) {
	if p.stopped {
		return
	}
	if !p.failing {
		p.failing = true
		slog.Error("reactor: cannot accept a connection; will try again", "port", p.addr.String(), "error", err)
	}
	if !p.paused {
		p.retry = p.loop.CallLater(acceptPause, func() {
			p.retry = nil
			p.listener.Resume()
		})
	}
}

// cancelRetry undoes retryLater.
func (p *port) cancelRetry() {
	if p.retry != nil {
		p.retry.Cancel()
		p.retry = nil
	}
}

// Addr returns the address that p listens on; see [Port]. Any goroutine may call it.
func (p *port) Addr() net.Addr { return p.addr }

// AcceptWaiting accepts what waits; see [Port].
func (p *port) AcceptWaiting() {
	p.loop.check("AcceptWaiting")
	if !p.stopped && !p.paused && p.retry == nil {
		p.listener.AcceptWaiting()
	}
}

// PauseAccepting stops accepting; see [Port].
func (p *port) PauseAccepting() {
	p.loop.check("PauseAccepting")
	if !p.stopped && !p.paused {
		p.paused = true
		p.cancelRetry()
		p.listener.Pause()
	}
}

// ResumeAccepting undoes PauseAccepting; see [Port].
func (p *port) ResumeAccepting() {
	p.loop.check("ResumeAccepting")
	if !p.stopped && p.paused {
		p.paused = false
		p.listener.Resume()
	}
}

// StopListening closes p; see [Port]. Every poller has closed the listener when its Close
// returns, so the Deferred has fired already.
func (p *port) StopListening() *deferred.Deferred[deferred.None] {
	p.loop.check("StopListening")
	if !p.stopped {
		p.stopped = true
		p.cancelRetry()
		p.at.Remove()
		p.listener.Close()
		if f, ok := p.factory.(ListeningFactory); ok {
			f.DoStop(p)
		}
		if p.sharing != nil {
			p.sharing.stop()
		}
	}
	return deferred.Succeed(deferred.None{})
}
