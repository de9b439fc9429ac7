package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A consumer reads a response that never ends, whose lines are messages of JSON. Empty lines keep
// it alive. When a stream has ended, the consumer connects again.
type consumer[T any] struct {
	client  treq.Client
	clock   reactor.Clock
	url     string
	options []treq.Option
	stall   time.Duration // without a byte, after which a stream has ended. 0 means 90 s

	received     func(message T)
	invalid      func(line []byte, err error)           // a line that is no T. nil: it is ignored
	connected    func(resp *response.Response)          // or nil
	disconnected func(reason error, wait time.Duration) // until the next attempt; or nil

	awaited interface{ Cancel() } // the Deferred that run awaits
}

const maxLine = 1 << 20

// run consumes until it is cancelled, which ends the stream, or until it fails because another
// attempt would fail too.
func (c *consumer[T]) run() *deferred.Deferred[deferred.None] {
	return deferred.Go(func(co *deferred.Co) (none deferred.None, _ error) {
		var b backoff
		for {
			established, err := c.read(co)
			wait, ok := b.next(established, err)
			switch {
			case co.Cancelled() || !ok:
				return none, err
			case errors.Is(err, deferred.ErrCancelled): // by reconnect
				b, wait = backoff{}, 0
			}
			if c.disconnected != nil {
				c.disconnected(err, wait)
			}
			if _, err := await(c, co, task.Sleep(c.clock, wait)); co.Cancelled() {
				return none, err
			}
		}
	})
}

// reconnect ends the stream, the attempt to connect or the wait, and connects at once, with the
// options that the program may have changed.
func (c *consumer[T]) reconnect() {
	if c.awaited != nil {
		c.awaited.Cancel()
	}
}

func await[T, U any](c *consumer[T], co *deferred.Co, d *deferred.Deferred[U]) (U, error) {
	c.awaited = d
	defer func() { c.awaited = nil }()
	return deferred.Await(co, d)
}

// read reads a stream to its end. established says that it has brought something.
func (c *consumer[T]) read(co *deferred.Co) (established bool, err error) {
	s := &stream{stall: cmp.Or(c.stall, 90*time.Second)}
	s.Delimiter, s.MaxLength, s.LineReceived = "\n", maxLine, c.lineReceived
	s.ended = deferred.NewCancellable(func(*deferred.Deferred[error]) { s.giveUp(deferred.ErrCancelled) })
	// A body that is kept for other readers would grow for ever.
	options := append(slices.Clone(c.options), treq.Unbuffered(true), treq.RaiseForStatus(true), treq.Timeout(s.stall))
	resp, err := await(c, co, c.client.Get(c.url, options...))
	if err != nil {
		return false, err
	}
	if c.connected != nil {
		c.connected(resp)
	}
	c.awaited = s.ended // while DeliverTo delivers what has come with the head
	if err := resp.DeliverTo(s); err != nil {
		return false, err
	}
	reason, err := await(c, co, s.ended)
	return s.established, cmp.Or(err, reason)
}

func (c *consumer[T]) lineReceived(line []byte) {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return
	}
	var message T
	if err := json.Unmarshal(line, &message); err == nil {
		c.received(message)
	} else if c.invalid != nil {
		c.invalid(line, err)
	}
}

// A stream is the body of a response.
type stream struct {
	protocols.LineOnlyReceiver
	protocols.TimeoutMixin
	stall       time.Duration
	established bool                      // something was received
	reason      error                     // why it was given up; or nil
	ended       *deferred.Deferred[error] // fires with the reason of the stream's end
}

func (s *stream) ConnectionMade(t reactor.Transport) {
	s.LineOnlyReceiver.ConnectionMade(t)
	s.TimeoutConnection = func() { s.giveUp(&deferred.TimeoutError{After: s.stall}) }
	s.SetTimeout(t.Reactor(), s.stall)
}

func (s *stream) DataReceived(data []byte) {
	s.established = true
	s.ResetTimeout()
	s.LineOnlyReceiver.DataReceived(data)
}

func (s *stream) ConnectionLost(reason error) {
	s.CancelTimeout()
	s.LineOnlyReceiver.ConnectionLost(reason)
	s.ended.Callback(cmp.Or(s.reason, s.Err(), reason))
}

// giveUp ends the stream because of reason.
func (s *stream) giveUp(reason error) {
	s.reason = reason
	s.Transport.AbortConnection()
}
