package web

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has a connection that speaks HTTP/2 (RFC 9113): it turns bytes into the events of
// its streams, shares the way to the client among them, and ends the connection.

// An h2Connection is the server's end of a connection that speaks HTTP/2. It is the producer of
// the transport's output. It is Twisted's H2Connection.
//
// Whatever a batch of events, or a call from outside, adds to the output of the machine is
// written at once, by flush. The bodies share the budget: it is what may be passed to the
// transport before that has taken everything. When it is used up, or when a body waits, the
// transport asks for more: it pulls. Of the streams that wait, the machine names the one that
// is next.
type h2Connection struct {
	connection
	machine http2.Server
	tunnels int // the number of streams that programs have taken over
	// mostRunning is the number of requests that may run at a time: some more than those that
	// have a stream.
	mostRunning int

	budget    int         // bytes of bodies that may be passed to the transport now
	passed    int64       // bytes of bodies that were passed to the transport
	unflushed int         // bytes of bodies in the output of the machine
	owed      int         // bytes, without those of bodies, that were written while the transport was blocked
	lastPiece int64       // when bodies were passed on, in Unix nanoseconds
	unwritten []*h2Stream // the finished responses that the transport has not taken
	detached  []*h2Stream // streams that the machine does not know any more, but whose responses go on

	batching bool // something that calls flush later is running
	pulling  bool // the transport asks for the bodies that wait
	settled  bool // the client's settings have come
	saidLast bool // a GOAWAY has told the client which request was the last
	last     bool // the connection ends with its last stream

	leaving reactor.DelayedCall // ends the first step of a shutdown; nil if none is under way
	health  health
}

// maxOwed is the number of bytes written to a transport that is blocked at which nothing more is
// read: a client that asks and asks, and never reads, would fill the memory with answers.
const maxOwed = 64 << 10

// defaultMaxStreams is the default of HTTP2Config.MaxConcurrentStreams, and net/http's.
const defaultMaxStreams = 100

// speakHTTP2 makes t speak HTTP/2 with s.
func speakHTTP2(s *Site, t reactor.Transport, state *tls.ConnectionState) *h2Connection {
	c := &h2Connection{connection: connection{site: s}}
	t.SwitchProtocol(c)
	c.budget = maxBurst
	c.open(t, c, state)
	t.RegisterProducer(c)
	config := s.http2Config(c.clock)
	c.mostRunning = 2 * config.MaxStreams
	c.machine.Init(config)
	if state != nil && !s.http2().PermitProhibitedCipherSuites && !adequate(state) {
		c.fail(wire.InadequateSecurity, errInadequate)
		return c
	}
	c.await(awaitHead)
	c.flush()
	return c
}

// errPreface is the error of a client that speaks neither version, for a site that speaks HTTP/2 only.
var errPreface = errors.New("the connection does not begin with the preface of HTTP/2 (RFC 9113, section 3.4)")

var errInadequate = errors.New("HTTP/2 needs TLS 1.2 or later, and no prohibited cipher suite (RFC 9113, section 9.2)")

// adequate reports whether TLS is as HTTP/2 demands (RFC 9113, section 9.2). Of the cipher suites
// of TLS 1.2 that crypto/tls has, the listed ones are not prohibited.
func adequate(state *tls.ConnectionState) bool {
	switch state.CipherSuite {
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
		return state.Version >= tls.VersionTLS12
	}
	return state.Version >= tls.VersionTLS13
}

// ConnectionMade does nothing: speakHTTP2 has begun the connection.
func (c *h2Connection) ConnectionMade(reactor.Transport) {}

// Receiving.

// step implements speaker.
func (c *h2Connection) step() bool {
	switch {
	case c.closing, c.owed > maxOwed:
		return false
	case c.mustRest():
		return false
	}
	n, event, err := c.machine.Next(c.in)
	c.in = c.in[n:]
	switch {
	case err != nil:
		c.broken(err)
		return false
	case event == http2.NeedMore:
		c.in = nil
		c.borrowed = false
		return false
	}
	if c.watch.awaiting == awaitHead && (c.settled || event == http2.Settings) {
		c.await(awaitNothing) // what follows of it, settle awaits anew
	}
	if c.watch.awaiting == awaitRequest && event == http2.Head {
		c.await(awaitNothing) // it may be answered before settle, which then awaits the next one
	}
	c.handle(event, n)
	return true
}

// handle handles an event of the machine, for which n bytes were read.
func (c *h2Connection) handle(event http2.Event, n int) {
	switch event {
	case http2.Settings:
		c.settled = true
	case http2.Head:
		c.worked(requestWork + n/1024)
		c.headReceived(c.machine.Head())
	case http2.Data:
		c.worked(eventWork)
		streamOf(c.machine.Stream()).contentReceived(c.machine.Data())
	case http2.End:
		streamOf(c.machine.Stream()).contentEnded(c.machine.Trailer())
	case http2.Reset:
		c.worked(eventWork)
		streamOf(c.machine.Stream()).lost(c.machine.StreamError())
	case http2.Room:
		c.sendLater()
	case http2.PingAck:
		c.pinged(c.machine.Pinged())
	case http2.GoAway:
		c.last = true
	}
}

// headReceived starts a request.
func (c *h2Connection) headReceived(head *http2.RequestHead) {
	if int(c.running) >= c.mostRunning {
		// The client has reset requests whose handlers still run (CVE-2023-44487).
		c.machine.Refuse(wire.RefusedStream)
		return
	}
	c.requests++
	s := newH2Stream(c, head)
	if c.site.house.shutting {
		c.shutDown() // the first request of a new connection
	}
	if c.requests == c.site.MaxRequests {
		c.sayLast()
	}
	if head.Length == 0 { // reads the End event, so that the answer need not wait for content
		if _, event, err := c.machine.Next(nil); err == nil && event != http2.NeedMore {
			c.handle(event, 0)
		}
	}
	if s.Closed() {
		return // what followed the head was not valid
	}
	s.begin(head.Err)
}

// stepped implements speaker.
func (c *h2Connection) stepped() {
	if c.readEnded && !c.resting && c.owed <= maxOwed && !c.closing {
		c.clientEnded()
	}
	c.flush()
	c.settle()
}

// rest implements speaker.
func (c *h2Connection) rest() {
	if c.watch.awaiting.fromClient() {
		c.await(awaitNothing)
	}
}

// settle decides what the connection waits for now.
func (c *h2Connection) settle() {
	switch {
	case c.closing, c.consuming, c.batching, c.resting:
	case c.streams() == 0 && (c.readEnded || c.last && !c.machine.Partial()):
		c.sayLast()
		c.flush()
		c.linger()
	case !c.settled: // since the beginning
	case c.machine.Partial():
		if c.watch.awaiting != awaitHead {
			c.await(awaitHead)
		}
	case c.streams() != 0:
		c.health.begin(c)
		if c.saidLast && c.tunnels == c.streams() {
			c.site.closed(&c.connection) // a shutdown leaves tunnels alone
		}
		if c.watch.awaiting.fromClient() {
			c.await(awaitNothing)
		}
	default:
		if c.watch.awaiting != awaitRequest {
			c.await(awaitRequest)
		}
		c.setWaits(c.leaving == nil)
	}
}

// Sending.

// flush writes the output of the machine, unless whoever is running does it later. Then it ends
// the responses that the transport has taken.
func (c *h2Connection) flush() {
	if c.consuming || c.batching {
		return
	}
	c.write()
	if !c.blocked && !c.closing { // else a response may never get to the client
		c.written()
	}
}

// write passes the output of the machine to the transport.
func (c *h2Connection) write() {
	bodies := c.unflushed
	c.unflushed = 0
	out := c.machine.Output()
	if len(out) == 0 {
		return
	}
	if c.blocked {
		c.owed += len(out) - bodies
	}
	c.transport.Write(out)
}

// pass counts n bytes of a body that are in the output of the machine.
func (c *h2Connection) pass(n int) {
	c.passed += int64(n)
	c.unflushed += n
	if c.budget -= n; c.budget <= 0 {
		c.sendLater()
	}
	if c.unflushed >= maxPiece {
		c.write()
	}
}

// written ends the responses that the transport has taken.
func (c *h2Connection) written() {
	for len(c.unwritten) != 0 {
		all := c.unwritten
		c.unwritten = nil
		for _, s := range all {
			s.written()
		}
		if c.unwritten == nil {
			clear(all)
			c.unwritten = all[:0]
		}
	}
}

// sendLater makes the transport ask for the bodies that wait; see channel.sendLater.
func (c *h2Connection) sendLater() {
	if c.pulling || c.closing {
		return
	}
	c.pulling = true
	c.transport.UnregisterProducer()
	c.transport.RegisterPullProducer(h2Pulled{c})
	c.lastPiece = c.clock.Now().UnixNano()
	c.PauseProducing()
}

// h2Pulled is the pull producer that an h2Connection registers with the transport.
type h2Pulled struct{ c *h2Connection }

// ResumeProducing passes a piece of the bodies that wait to the transport, which has taken
// everything else.
func (p h2Pulled) ResumeProducing() {
	c := p.c
	c.await(awaitWritten)
	c.owed = 0
	c.written()
	c.budget = pieceSize(c.clock.Now().UnixNano(), &c.lastPiece)
	c.batching = true
	for c.budget > 0 {
		s, n := c.machine.Turn()
		if s == nil {
			break
		}
		streamOf(s).send(min(n, c.budget, c.machine.MaxFrame()))
	}
	c.batching = false
	if c.write(); c.budget > 0 && !c.closing {
		c.allSent()
	}
	c.consume()
}

// StopProducing is the connection's.
func (p h2Pulled) StopProducing() { p.c.StopProducing() }

// allSent is called when the transport has taken everything that may be sent now.
func (c *h2Connection) allSent() {
	c.pulling = false
	c.transport.UnregisterProducer()
	c.blocked = false
	c.owed = 0
	c.budget = maxBurst
	c.watch.await(&c.connection, c, awaitNothing)
	c.transport.RegisterProducer(c) // which may pause it
}

// PauseProducing is called when the transport accepts no more bytes.
func (c *h2Connection) PauseProducing() {
	c.blocked = true
	c.budget = 0
	c.await(awaitWritten)
}

// ResumeProducing is called when the transport accepts more bytes.
func (c *h2Connection) ResumeProducing() {
	c.blocked = false
	c.owed = 0
	c.budget = maxBurst
	c.watch.await(&c.connection, c, awaitNothing)
	c.written()
	c.sendLater()
	c.consume()
}

// unsent implements speaker: a connection that closes has no streams.
func (c *h2Connection) unsent() bool { return false }

// Ending.

// sayLast tells the client that its last request was the last one of the connection.
func (c *h2Connection) sayLast() {
	if !c.saidLast {
		c.goAway(wire.NoError, "")
	}
}

// goAway is sayLast with the reason, also after that of an end in order.
func (c *h2Connection) goAway(code wire.Code, debug string) {
	c.last, c.saidLast = true, true
	c.machine.GoAway(code, debug)
}

// shutDown implements speaker. The connection ends in two steps (RFC 9113, section 6.8): the
// client is told that the end is near, and may send requests until it has heard of it. Its
// answer to a PING says that it has.
func (c *h2Connection) shutDown() {
	if c.leaving != nil || c.saidLast || c.closing {
		return
	}
	c.setWaits(false)
	c.machine.Shutdown()
	c.machine.Ping(shutdownPing)
	c.leaving = c.clock.CallLater(maxLeaving, c.leave)
	c.flush()
}

// leave is the second step of the shutdown.
func (c *h2Connection) leave() {
	if c.leaving == nil {
		return
	}
	c.leaving.Cancel()
	c.leaving = nil
	c.sayLast()
	c.flush()
	c.settle()
}

// cutShort implements speaker. The streams that programs have taken over are left alone.
func (c *h2Connection) cutShort() {
	if c.tunnels == 0 {
		c.connection.cutShort()
		return
	}
	for _, s := range c.allStreams() {
		switch {
		case s.tunnel.taken():
		case s.over: // the rest of the content is on its way
			s.reset(wire.NoError)
		default:
			s.reset(wire.InternalError)
			s.lost(ErrShutdown)
		}
	}
	c.sayLast()
	c.flush()
	c.site.closed(&c.connection)
	c.settle()
}

// close implements speaker.
func (c *h2Connection) close() {
	if !c.closing {
		c.sayLast()
		c.flush()
	}
	c.lose()
}

// broken ends the connection because of err, the client's mistake. The machine has written the
// GOAWAY.
func (c *h2Connection) broken(err error) {
	slog.Debug("web: an HTTP/2 connection failed", "client", c.remoteAddr, "error", err)
	c.cause = err
	c.write()
	all := c.allStreams()
	c.linger()
	c.loseAll(all, err)
}

// fail ends the connection with code because of err.
func (c *h2Connection) fail(code wire.Code, err error) {
	c.goAway(code, err.Error())
	c.broken(err)
}

// clientEnded is called when the client has ended its side, and all that it sent is read. The
// responses to its requests are still sent; see channel.ReadConnectionLost.
func (c *h2Connection) clientEnded() {
	for _, s := range c.allStreams() {
		s.clientEnded()
	}
}

// streams returns the number of streams that are open or detached.
func (c *h2Connection) streams() int { return c.machine.Streams() + len(c.detached) }

// allStreams returns the streams that are open or detached.
func (c *h2Connection) allStreams() []*h2Stream {
	all := make([]*h2Stream, 0, c.streams())
	c.machine.Each(func(s *http2.Stream) { all = append(all, streamOf(s)) })
	return append(all, c.detached...)
}

// removeDetached ends that s is detached, if it is.
func (c *h2Connection) removeDetached(s *h2Stream) {
	if i := slices.Index(c.detached, s); i >= 0 {
		c.detached = slices.Delete(c.detached, i, i+1)
	}
}

// loseAll ends all streams because of reason.
func (c *h2Connection) loseAll(all []*h2Stream, reason error) {
	for _, s := range all {
		s.lost(reason)
	}
}

// ReadConnectionLost is called when the client has ended its side.
func (c *h2Connection) ReadConnectionLost() {
	c.readEnded = true
	if c.closing {
		c.transport.LoseConnection()
		return
	}
	c.consume()
}

// WriteConnectionLost is called when everything is sent that linger left. The connection waits
// for the client's end.
func (c *h2Connection) WriteConnectionLost() {
	if c.closing {
		c.written()
		c.await(awaitClose)
	}
}

// ConnectionLost ends the requests.
func (c *h2Connection) ConnectionLost(reason error) {
	if c.cause != nil {
		reason = c.cause
	}
	defer c.site.closed(&c.connection)
	taken := c.closing && reason == reactor.ErrConnectionDone
	c.forget()
	c.health.end()
	if c.leaving != nil {
		c.leaving.Cancel()
		c.leaving = nil
	}
	if taken {
		c.written()
	}
	all := append(c.unwritten, c.allStreams()...)
	c.unwritten = nil
	c.machine.Close()
	c.loseAll(all, reason)
}

// http2 returns the configuration of HTTP/2.
func (s *Site) http2() *http.HTTP2Config {
	if s.HTTP2 == nil {
		return &http.HTTP2Config{}
	}
	return s.HTTP2
}

// http2Config returns the configuration of a connection's machine. What is out of its range
// counts as 0, as in net/http.
func (s *Site) http2Config(clock reactor.Clock) http2.Config {
	given := s.http2()
	config := http2.Config{
		Limits: s.Limits, MaxStreams: defaultMaxStreams, Budget: &s.windows, Now: clock.Now, ConnectProtocol: true,
	}
	if n := given.MaxConcurrentStreams; n > 0 {
		config.MaxStreams = n
	}
	if n := given.MaxReceiveBufferPerStream; n > 0 && n < 4<<20 {
		config.StreamWindow, config.MaxStreamWindow = n, n
	}
	if n := given.MaxReceiveBufferPerConnection; n >= 64<<10 && n < 4<<20 {
		config.MaxBuffered = n
	}
	return config
}
