package agent

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// An http2Connection is the client's end of an HTTP/2 connection. It carries many exchanges at
// once, each by a stream; see http2_stream.go.
//
//	        ┌─ a GOAWAY has come, or no more streams are to be opened ─▶ leaving
//	open ───┤                                                              │ the last stream has ended
//	  │     └─ the pool closes it, unused ────────────────────────────────▶ closing
//	  │                                                                    │
//	  └── not HTTP/2, silent, lost ──▶ broken ──ConnectionLost──▶ gone ◀───┘
//
// It is in its group's list of unused connections while it has no stream, and in the list of
// shared ones while it has streams and room for more.
//
// The machine's output is written when a batch of calls ends: the events of one DataReceived,
// or one call from above. Methods that may lead to output begin with enter and end with leave.
type http2Connection struct {
	pooled
	client http2.Client

	depth    int  // of the calls of enter without their leave
	reading  bool // DataReceived is running, and ends the exchanges of aborted
	turning  bool // turns is running
	blocked  bool // the transport takes no more at present
	muted    bool // nothing is read, because the peer does not take our acknowledgements
	answered bool // a response has come
	leaving  bool // no more exchanges
	closing  bool // the transport is to be closed

	inStreams list.Node[http2Connection] // its place in the pool
	linked    []*group                   // groups with a link to it; see coalesce.go

	acknowledged int64 // what client.Acknowledged was when blocked became true

	settled bool            // the server's settings have come
	waits   []*settingsWait // exchanges that need to know them

	heads   []*http2Stream      // streams whose heads came in the present DataReceived
	aborted []*http2Stream      // streams that were given up, whose exchanges are to end
	later   reactor.DelayedCall // ends the exchanges of aborted; nil if none is due
	late    reactor.DelayedCall // aborts the transport, which is closing; nil unless closing

	watch    reactor.DelayedCall // looks for signs of life; nil if none is due
	aliveAt  time.Time           // the last sign of life
	pingedAt time.Time           // when the last PING was sent; zero if it was answered
}

var _ sender = (*http2Connection)(nil)

// newHTTP2Connection returns a connection of g, which an agent a made.
func newHTTP2Connection(a *Agent, g *group) *http2Connection {
	c := &http2Connection{pooled: pooled{pool: a.pool, group: g, idleSince: notIdle}}
	c.conn = c
	settings := &a.pool.http2
	config := http2.Config{
		Limits:          g.limits,
		MaxBuffered:     settings.MaxReceiveBufferPerConnection,
		MaxStreamWindow: settings.MaxReceiveBufferPerStream,
		Budget:          &a.pool.budget,
		Now:             a.pool.clock.Now,
	}
	if most := config.MaxStreamWindow; most != 0 {
		config.StreamWindow = min(most, defaultStreamWindow)
	}
	c.client.Init(config)
	return c
}

// defaultStreamWindow is the machine's default of StreamWindow.
const defaultStreamWindow = 256 << 10

func (c *http2Connection) ConnectionMade(t reactor.Transport) {
	c.transport = t
	if a := c.group.agent; a != nil {
		c.dump = a.dump.connected(t)
	}
	c.alive()
	c.pool.streams.Push(&c.inStreams, c)
	t.RegisterProducer((*http2Output)(c))
	c.flush()
}

// room reports whether one more exchange may be sent.
func (c *http2Connection) room() bool {
	most := c.group.most
	return c.broken == nil && !c.leaving && c.client.CanOpen() && (c.pool.persistent || c.sent == 0) &&
		(c.settled || most == 0 || c.client.Streams()+len(c.waits) < most)
}

// unused reports whether c has no stream.
func (c *http2Connection) unused() bool { return c.client.Streams() == 0 && len(c.waits) == 0 }

// send sends x over a stream of c.
func (c *http2Connection) send(x *exchange) error {
	if c.broken != nil { // c was lost before the endpoint fired
		x.fail(&response.NeverReceivedError{Reasons: []error{c.broken}})
		return nil
	}
	if ok, err := c.maySend(x); !ok {
		return err
	}
	s := &http2Stream{c: c, x: x, reused: c.answered, early: !c.settled, sentBefore: x.sent}
	s.stream.Owner = s
	x.carrier, x.sent = s, true
	x.cutShort, x.continued = false, false
	c.sent++
	idle := c.unusedFor()
	c.idleSince = notIdle
	c.enter()
	defer c.leave()
	if x.trace != nil {
		if x.trace.gotConn(&c.pooled, idle); s.ended() {
			return nil
		}
	}
	head, err := requestHead(x)
	body := x.request.Body
	if err == nil {
		err = c.client.Open(&s.stream, head, head.Length == 0 && !head.Expect100 && known(body) && !x.trailed() && !x.tunnels())
	}
	if err != nil {
		x.carrier, x.sent = nil, s.sentBefore
		c.sent--
		return err
	}
	if http1.HasToken(x.request.Header["Connection"], "close") {
		c.leaving = true
	}
	c.place()
	c.expectLife()
	s.dump = c.dump.stream(s.stream.ID())
	s.dump.request(head)
	if x.trace != nil {
		if x.trace.wroteFields(head); s.ended() {
			return nil
		}
	}
	if body == nil {
		x.trace.wroteRequest(nil)
		return nil
	}
	x.holdBody() // the server may refuse the stream
	if x.expects() {
		if x.trace.wait100Continue(); !s.ended() {
			x.awaitContinue()
		}
	} else {
		x.sendBody()
	}
	return nil
}

// known reports whether body, if it has no bytes, need not be started to know that.
func known(body request.BodyProducer) bool {
	_, bytes := body.(request.Bytes)
	return bytes || body == nil
}

// place puts c, which has streams, in the list of shared connections if it has room, and takes
// it out otherwise.
func (c *http2Connection) place() {
	switch in := c.inGroup.In(); {
	case !c.room():
		c.pool.drop(&c.pooled)
	case in != &c.group.shared:
		c.used()
		c.group.shared.Push(&c.inGroup, &c.pooled)
	}
}

// settle is called when a stream has ended, or when the server has changed how many there may
// be. It gives c to those who wait, or closes it if it is not needed any more.
func (c *http2Connection) settle() {
	switch {
	case c.broken != nil || c.closing:
	case c.room():
		c.pool.put(&c.pooled)
	case c.unused():
		c.pool.drop(&c.pooled)
		c.close()
	default:
		c.pool.drop(&c.pooled)
	}
}

// leave and enter bracket calls of the machine. The outermost leave writes its output.

func (c *http2Connection) enter() { c.depth++ }

func (c *http2Connection) leave() {
	if c.depth == 1 {
		c.turns()
		c.flush()
	}
	c.depth--
}

// flush writes the machine's output.
func (c *http2Connection) flush() {
	if out := c.client.Output(); len(out) != 0 {
		c.transport.Write(out)
	}
	if c.blocked && !c.muted && c.client.Acknowledged()-c.acknowledged > mostUntaken {
		c.muted = true
		c.transport.PauseProducing()
	}
}

// mostUntaken is the number of bytes of acknowledgements that wait for a peer that takes nothing.
const mostUntaken = 64 << 10

// turns sends what waits for room, as far as there is room.
func (c *http2Connection) turns() {
	if c.turning {
		return
	}
	c.turning = true
	for c.broken == nil && !c.blocked {
		stream, n := c.client.Turn()
		if stream == nil {
			break
		}
		stream.Owner.(*http2Stream).turn(n)
	}
	c.turning = false
}

// An http2Output is a connection as the producer of its transport.
type http2Output http2Connection

// PauseProducing stops what is sent but for the machine's own output.
func (o *http2Output) PauseProducing() {
	o.blocked = true
	o.acknowledged = o.client.Acknowledged()
}

func (o *http2Output) ResumeProducing() {
	c := (*http2Connection)(o)
	c.blocked = false
	c.alive() // the peer has taken bytes
	c.enter()
	c.leave()
	if c.muted && !c.blocked {
		c.muted = false
		c.transport.ResumeProducing()
	}
}

// StopProducing is called when sending fails. ConnectionLost follows, after what the server has
// sent.
func (o *http2Output) StopProducing() {
	c := (*http2Connection)(o)
	c.blocked = true
	for _, s := range c.streams() {
		s.stopSending()
	}
}

// streams returns the streams of c, in the order of their numbers.
func (c *http2Connection) streams() []*http2Stream {
	all := make([]*http2Stream, 0, c.client.Streams())
	c.client.Each(func(s *http2.Stream) { all = append(all, s.Owner.(*http2Stream)) })
	return all
}

func (c *http2Connection) DataReceived(data []byte) {
	c.alive()
	c.reading = true
	c.enter()
	c.read(data)
	c.leave()
	c.reading = false
	for i, s := range c.heads {
		s.x.letGo()
		c.heads[i] = nil
	}
	c.heads = c.heads[:0]
	c.endAborted()
}

// read handles the events in data.
func (c *http2Connection) read(data []byte) {
	for c.broken == nil {
		n, event, err := c.client.Next(data)
		if err != nil {
			c.fail(notHTTP2(err))
			return
		}
		data = data[n:]
		if event == http2.NeedMore {
			return
		}
		c.handle(event)
	}
}

func (c *http2Connection) handle(event http2.Event) {
	switch event {
	case http2.Settings:
		c.group.most = c.client.MaxStreams()
		c.sendWaiting()
		c.settle()
		return
	case http2.Room, http2.PingAck:
		return // leave calls turns; DataReceived has seen the sign of life
	case http2.GoAway:
		c.leaving = true
		c.dump.goneAway(c.client.GoneAway())
		c.settle()
		c.pool.fill(c.group)
		return
	}
	s := c.client.Stream().Owner.(*http2Stream)
	switch event {
	case http2.Informational:
		s.informed(c.client.Head())
	case http2.Head:
		c.answered = true
		s.headReceived(c.client.Head())
	case http2.Data:
		s.dataReceived(c.client.Data())
	case http2.End:
		s.endReceived(c.client.Trailer())
	case http2.Reset:
		err := c.client.StreamError()
		s.dump.reset('<', err.Code)
		s.lost(err)
		c.settle()
	}
}

// endAborted ends the exchanges that were given up.
func (c *http2Connection) endAborted() {
	if c.later != nil {
		c.later.Cancel()
		c.later = nil
	}
	if len(c.aborted) == 0 {
		return
	}
	c.enter()
	for len(c.aborted) != 0 {
		s := c.aborted[0]
		c.aborted = c.aborted[1:]
		s.end(&response.FailedError{Reasons: []error{s.given}, Response: s.x.answer()})
	}
	c.aborted = nil
	c.settle()
	c.leave()
}

// close closes c, which has no streams.
func (c *http2Connection) close() {
	c.leaving = true
	c.client.GoAway(wire.NoError, "")
	c.shut()
}

// closeTime bounds the wait for the last bytes of a connection to be sent.
const closeTime = 5 * time.Second

// shut writes the last output and closes the transport.
func (c *http2Connection) shut() {
	if c.closing {
		return
	}
	c.closing = true
	c.stopWatch()
	c.flush()
	c.transport.UnregisterProducer()
	c.late = c.pool.clock.CallLater(closeTime, func() {
		c.late = nil
		c.transport.AbortConnection()
	})
	c.transport.LoseConnection()
}

// abort closes c at once because of err.
func (c *http2Connection) abort(err error) {
	if c.broken == nil {
		c.broken = err
	}
	c.transport.AbortConnection()
}

// fail ends c and all its exchanges because of err.
func (c *http2Connection) fail(err error) {
	c.broken = err
	c.pool.drop(&c.pooled)
	c.shut()
	c.endStreams([]error{err})
}

// ConnectionLost ends the exchanges that c carries.
func (c *http2Connection) ConnectionLost(reason error) {
	c.dump.lost(reason)
	reasons := []error{reason}
	if c.broken != nil {
		reasons[0] = c.broken
	} else {
		c.broken = reason
		switch why := notHTTP2(c.client.Finish()); {
		case why == io.EOF:
		case errors.As(why, new(*wire.ConnectionError)): // the server said why, before it closed
			reasons = []error{why, reason}
		default:
			reasons = append(reasons, why)
		}
	}
	c.stopWatch()
	if c.late != nil {
		c.late.Cancel()
		c.late = nil
	}
	c.pool.drop(&c.pooled)
	c.endAborted()
	c.endStreams(reasons)
	c.client.Close()
	c.inStreams.Remove()
	c.unlink()
	c.pool.closed(c.group)
	if c.gone != nil {
		c.gone.Callback(deferred.None{})
	}
}

// endStreams ends the exchanges of all streams, because the connection has ended.
func (c *http2Connection) endStreams(reasons []error) {
	c.failWaiting(reasons)
	for _, s := range c.streams() {
		switch {
		case s.tunnel != nil:
			s.tunnel.Lost(reasons[0])
		case !s.ended():
			s.connectionLost(reasons)
		}
	}
	c.endAborted()
}

// Signs of life. A connection with streams whose server sends nothing for a while gets a PING. A
// connection without streams is not watched, but the first request after a long silence has a
// PING with it. The watch is one delayed call, which is left alone while bytes come.

// DefaultPingTimeout is the default of SendPingTimeout and PingTimeout of the HTTP2 of a
// [PoolConfig].
const DefaultPingTimeout = 15 * time.Second

// ErrSilent says that an HTTP/2 connection was closed because the server did not answer a PING in
// time.
var ErrSilent = errors.New("the server did not answer a PING")

// alive notes a sign of life.
func (c *http2Connection) alive() { c.aliveAt, c.pingedAt = c.pool.clock.Now(), time.Time{} }

// expectLife watches c, which has got another stream, or an exchange that waits for the settings.
func (c *http2Connection) expectLife() {
	silence := c.pool.http2.SendPingTimeout
	if silence < 0 {
		return
	}
	if c.client.Streams()+len(c.waits) == 1 && c.pingedAt.IsZero() {
		now := c.pool.clock.Now()
		if quiet := now.Sub(c.aliveAt); c.answered && quiet >= silence {
			c.ping(now)
			return
		}
		c.aliveAt = now
	}
	if c.watch == nil {
		c.lookIn(silence)
	}
}

// lookIn looks for signs of life after d, or earlier.
func (c *http2Connection) lookIn(d time.Duration) {
	if c.watch == nil {
		c.watch = c.pool.clock.CallLater(d, c.look)
	} else if c.watch.Time().Sub(c.pool.clock.Now()) > d {
		c.watch.Reset(d)
	}
}

func (c *http2Connection) ping(now time.Time) {
	c.pingedAt = now
	c.enter()
	c.client.Ping([8]byte{'a', 'l', 'i', 'v', 'e'})
	c.leave()
	c.lookIn(c.pool.http2.PingTimeout)
}

// look looks for signs of life.
func (c *http2Connection) look() {
	c.watch = nil
	if c.unused() {
		c.pingedAt = time.Time{}
		return
	}
	now := c.pool.clock.Now()
	quiet := now.Sub(c.aliveAt)
	settings := &c.pool.http2
	switch pinged := !c.pingedAt.IsZero(); {
	case pinged && now.Sub(c.pingedAt) >= settings.PingTimeout:
		c.fail(ErrSilent)
	case pinged:
		c.lookIn(settings.PingTimeout - now.Sub(c.pingedAt))
	case quiet >= settings.SendPingTimeout:
		c.ping(now)
	default:
		c.lookIn(settings.SendPingTimeout - quiet)
	}
}

func (c *http2Connection) stopWatch() {
	if c.watch != nil {
		c.watch.Cancel()
		c.watch = nil
	}
}

// notHTTP2 returns err, the error of a connection that should speak HTTP/2, or a clearer one if
// the server speaks HTTP/1.1.
func notHTTP2(err error) error {
	if errors.Is(err, wire.ErrPreface) {
		return &versionError{only: "HTTP/1.1", advice: "agent.Config.Protocols must have HTTP1", err: err}
	}
	return err
}

// http2Settings returns given, which may be nil, with the defaults.
func http2Settings(given *http.HTTP2Config) (settings http.HTTP2Config) {
	if given != nil {
		settings = *given
	}
	settings.SendPingTimeout = cmp.Or(settings.SendPingTimeout, DefaultPingTimeout)
	settings.PingTimeout = cmp.Or(settings.PingTimeout, DefaultPingTimeout)
	return settings
}
