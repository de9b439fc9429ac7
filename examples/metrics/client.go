package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A client sends datapoints to a receiver. It keeps them while it is not connected and while the
// connection takes no more, and connects again when the connection is lost. It is the producer of
// whichever connection it has.
type client struct {
	config  clientConfig
	clock   reactor.Clock
	service *endpoints.ClientService[link]

	link        link // nil while not connected
	paused      bool // by the transport of link
	first       []datapoint
	queue       []datapoint
	full        bool                // the queue has been full, and has no space again yet
	batch       reactor.DelayedCall // sends the next batch; nil if none is due
	dropped     int
	stopped     *deferred.Deferred[int] // nil until stop
	stopService *deferred.Deferred[deferred.None]
}

type clientConfig struct {
	name     string
	link     func() link   // newLineLink or newStringLink
	maxQueue int           // datapoints in the queue before it is full. 0 means 10000
	maxBatch int           // datapoints sent at a time. 0 means 500
	delay    time.Duration // in which datapoints gather to a batch
	changed  func()        // the queue has become full, or has space again
	up       func()        // connected
	down     func(error)   // the connection was lost, or an attempt to connect has failed
}

// A link is a connection to a receiver.
type link interface {
	reactor.Protocol
	transport() reactor.Transport
	send(points []datapoint)
}

// A lineLink sends each datapoint as a line.
type lineLink struct{ protocols.LineOnlyReceiver }

func newLineLink() link { return &lineLink{protocols.LineOnlyReceiver{Delimiter: "\n"}} }

func (l *lineLink) transport() reactor.Transport { return l.Transport }

func (l *lineLink) send(points []datapoint) {
	for _, p := range points {
		l.SendLine(p.String())
	}
}

// A stringLink sends each batch as a string of JSON.
type stringLink struct{ protocols.Int32StringReceiver }

func newStringLink() link { return &stringLink{} }

func (l *stringLink) transport() reactor.Transport { return l.Transport }

func (l *stringLink) send(points []datapoint) {
	data, err := json.Marshal(points)
	if err == nil {
		err = l.SendString(data)
	}
	if err != nil {
		panic(err) // send of a client has checked each datapoint
	}
}

func newClient(r reactor.Reactor, receiver endpoints.ClientEndpoint, config clientConfig) *client {
	config.maxQueue, config.maxBatch = cmp.Or(config.maxQueue, 10000), cmp.Or(config.maxBatch, 500)
	c := &client{config: config, clock: r}
	c.service = endpoints.NewClientService(r, receiver, func(net.Addr) link { return config.link() }, endpoints.ClientServiceConfig[link]{
		RetryPolicy:       endpoints.BackoffPolicy{MaxDelay: 5 * time.Second}.Delay,
		PrepareConnection: c.connected,
		Failed:            c.disconnected,
		Lost:              c.disconnected,
	})
	return c
}

func (c *client) start() { c.service.StartService() }

func (c *client) connected(l link) *deferred.Deferred[deferred.None] {
	c.link, c.paused = l, false
	l.transport().RegisterProducer(c)
	if c.config.up != nil {
		c.config.up()
	}
	c.schedule()
	return deferred.Succeed(deferred.None{})
}

func (c *client) disconnected(reason error) {
	c.link = nil
	if c.config.down != nil {
		c.config.down(reason)
	}
	if c.stopped != nil {
		c.finish()
	}
}

var (
	errFull    = errors.New("metrics: the queue is full")
	errStopped = errors.New("metrics: the client was stopped")
)

// send sends p when it can. If changed tells that the queue is full, the caller should pause: only
// a quarter more is kept, and what comes then is dropped.
func (c *client) send(p datapoint) error {
	switch {
	case p.check() != nil:
		return p.check()
	case c.stopped != nil:
		return errStopped
	case len(c.queue) >= c.config.maxQueue*5/4:
		c.dropped++
		return errFull
	}
	c.queue = append(c.queue, p)
	if len(c.queue) >= c.config.maxQueue {
		c.setFull(true)
	}
	c.schedule()
	return nil
}

// sendFirst sends p before all others, and even if the queue is full: for the datapoints of the
// program itself, which show why.
func (c *client) sendFirst(p datapoint) error {
	if err := p.check(); err != nil || c.stopped != nil {
		return cmp.Or(err, errStopped)
	}
	c.first = append(c.first, p)
	c.schedule()
	return nil
}

func (c *client) setFull(full bool) {
	if c.full != full {
		c.full = full
		if c.config.changed != nil {
			c.config.changed()
		}
	}
}

func (c *client) waiting() int { return len(c.first) + len(c.queue) }

// schedule has the next batch sent, if there is something to send.
func (c *client) schedule() {
	if c.link != nil && !c.paused && c.batch == nil && c.waiting() > 0 {
		c.batch = c.clock.CallLater(c.config.delay, c.sendBatch)
	}
}

func (c *client) sendBatch() {
	c.batch = nil
	if c.link == nil || c.link.transport().Disconnecting() || c.paused {
		return
	}
	source := &c.queue
	if len(c.first) > 0 {
		source = &c.first
	}
	n := min(len(*source), c.config.maxBatch)
	c.link.send((*source)[:n])
	*source = (*source)[n:]
	if len(c.queue) < c.config.maxQueue*4/5 {
		c.setFull(false)
	}
	if c.stopped != nil && c.waiting() == 0 {
		c.finish()
	}
	c.schedule()
}

// PauseProducing is called when the connection takes no more; see [reactor.Consumer].
func (c *client) PauseProducing() { c.paused = true }

// ResumeProducing is called when the connection takes more.
func (c *client) ResumeProducing() {
	c.paused = false
	c.schedule()
}

// StopProducing is called when the connection is lost.
func (c *client) StopProducing() { c.link = nil }

// stop sends what waits, and closes the connection. If it is lost meanwhile, or an attempt to connect
// fails, the rest is given up, as it is by a cancellation. The Deferred fires with the number of
// datapoints that were not sent.
func (c *client) stop() *deferred.Deferred[int] {
	if c.stopped == nil {
		c.stopped = deferred.NewCancellable(func(d *deferred.Deferred[int]) {
			d.Errback(deferred.ErrCancelled)
			if c.link != nil {
				c.link.transport().AbortConnection()
			}
			c.finish()
		})
		if c.waiting() == 0 || !c.service.Running() {
			c.finish()
		}
	}
	return c.stopped
}

func (c *client) finish() {
	if c.stopService != nil {
		return
	}
	if c.batch != nil {
		c.batch.Cancel()
	}
	if c.link != nil {
		c.link.transport().UnregisterProducer()
	}
	c.stopService = c.service.StopService()
	deferred.Map(c.stopService, func(none deferred.None) (deferred.None, error) {
		if !c.stopped.Called() {
			c.stopped.Callback(c.waiting())
		}
		return none, nil
	})
}
