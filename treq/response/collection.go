package response

import (
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A collection is the reader of one Collect. It calls the collector as the pieces arrive,
// so that a complete body is collected within the turn. When the calls have used up a
// share of the turn, the collection pauses the body, and a task makes one call in each
// step. The paused Body holds the remaining pieces.
type collection struct {
	response  *Response
	came      beginning
	collector func(data []byte) (task.Wait, error)
	done      deferred.Deferred[deferred.None]
	transport BodyTransport
	share     share
	task      *task.CooperativeTask // makes calls in later turns; nil if not needed
	wait      task.Wait             // the collector's Deferred, until it fires; or nil
	ended     error                 // the reason of the end; nil before the end
	stepping  bool                  // task is running a step
	paused    bool                  // transport is paused
}

func (r *Response) collect(c *collection) *deferred.Deferred[deferred.None] {
	c.response = r
	c.done.Init(c)
	if err := r.DeliverBody(c); err != nil {
		c.done.Errback(r.unread(err, c.came))
	}
	return &c.done
}

// CancelDeferred stops the collection.
func (c *collection) CancelDeferred(*deferred.Deferred[deferred.None]) {
	c.stop(c.response.unread(deferred.ErrCancelled, c.came))
}

func (c *collection) ConnectionMade(t BodyTransport) {
	c.transport = t
	if t.Cooperator() == nil {
		c.stop(c.response.unread(request.NoCooperator(t), c.came))
	}
}

func (c *collection) DataReceived(data []byte) {
	if c.done.Called() {
		return
	}
	c.came.add(data)
	clock := c.transport.Cooperator().Clock()
	began := clock.Now()
	wait, err := c.collect(data)
	c.share.add(clock.Now().Sub(began))
	switch {
	case c.done.Called(): // cancelled by the collector
		if wait != nil {
			wait.AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil })
			wait.Cancel()
		}
	case err != nil:
		c.stop(err)
	case wait != nil:
		c.waitFor(wait)
	default:
		c.proceed()
	}
}

// collect calls the collector. A panic becomes the collector's error.
func (c *collection) collect(data []byte) (wait task.Wait, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = deferred.NewPanicError(v)
		}
	}()
	return c.collector(data)
}

// waitFor pauses the body until wait fires.
func (c *collection) waitFor(wait task.Wait) {
	c.wait = wait
	c.pause()
	wait.AddBoth(c.waited)
}

func (c *collection) waited(_ deferred.None, err error) (deferred.None, error) {
	c.wait = nil
	switch {
	case c.done.Called(): // cancelled
	case c.ended != nil && (err == nil || failure(c.ended) != nil):
		c.done.Resolve(deferred.None{}, c.response.unread(failure(c.ended), c.came))
	case err != nil:
		c.stop(err)
	default:
		c.proceed()
	}
	return deferred.None{}, nil
}

// proceed takes the next piece, in a later turn if the share of this turn is used up.
func (c *collection) proceed() {
	switch {
	case c.stepping: // one piece is enough for a step
		c.pause()
	case c.task != nil: // the task takes the next piece
	case c.share.usedUp():
		c.pause()
		c.task = c.transport.Cooperator().Cooperate(c.step)
		c.task.WhenDone().AddErrback(func(err error) (deferred.None, error) {
			if !c.done.Called() {
				c.stop(err)
			}
			return deferred.None{}, nil
		})
	default:
		c.resume()
	}
}

// step takes one piece, if the Body holds one. Otherwise step ends the task, and the
// collector is again called as pieces arrive.
func (c *collection) step() (task.Wait, error) {
	c.share.renew()
	c.stepping = true
	c.resume()
	c.stepping = false
	if c.paused && c.wait == nil && !c.done.Called() {
		return nil, nil
	}
	c.task = nil
	return nil, task.Done
}

func (c *collection) pause() {
	if !c.paused {
		c.paused = true
		c.transport.PauseProducing()
	}
}

func (c *collection) resume() {
	if c.paused {
		c.paused = false
		c.transport.ResumeProducing()
	}
}

// stop fails the collection with err, and then stops the transport, which may call
// ConnectionLost with another reason before it returns.
func (c *collection) stop(err error) {
	c.done.Errback(err)
	c.end()
	c.transport.StopProducing()
}

// end stops the task, and cancels the collector's Deferred.
func (c *collection) end() {
	if c.task != nil {
		c.task.Stop()
		c.task = nil
	}
	if c.wait != nil {
		c.wait.Cancel()
	}
}

func (c *collection) ConnectionLost(reason error) {
	c.ended = reason
	switch {
	case c.done.Called():
	case c.wait == nil:
		c.done.Resolve(deferred.None{}, c.response.unread(failure(reason), c.came))
		c.end()
	case failure(reason) != nil:
		c.wait.Cancel() // this calls waited
	}
}

// A share limits the calls within a turn of the loop. It does not know when a turn ends,
// and adds up the calls of several turns. That costs a needless turn for every thousand
// calls.
type share struct {
	steps int
	took  time.Duration
}

const (
	shareSteps = 1000
	shareTime  = 10 * time.Millisecond
)

// add adds a call that took as long.
func (s *share) add(took time.Duration) {
	s.steps++
	s.took += took
}

func (s *share) usedUp() bool { return s.steps >= shareSteps || s.took >= shareTime }

func (s *share) renew() { s.steps, s.took = 0, 0 }
