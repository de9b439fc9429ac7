package response

import (
	"fmt"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file holds the reader of a body that is being collected.

// A collection is the task of one Collect: its steps are calls of the collector, of
// a piece each. Steps are made at once, as the pieces come, so that a body that is
// there whole takes no turn of the loop of its own. When those have used up a share
// of a turn, the body is paused, and a Cooperator makes the steps that are left.
//
// What waits for its step is kept by the Body that is paused.
type collection struct {
	collector func(data []byte) (task.Wait, error)
	keeps     bool   // pieces are to be valid for as long as the collector's Deferred
	piece     []byte // such a piece
	done      *deferred.Deferred[deferred.None]
	from      BodyTransport
	share     share
	rest      *task.CooperativeTask // makes the steps that are left to later turns; or nil
	stepping  bool                  // rest is at a step
	wait      task.Wait             // for the collector; or nil
	paused    bool                  // that is from
	lost      error                 // why the body ended; nil before
}

func (r *Response) collect(c *collection) *deferred.Deferred[deferred.None] {
	c.done = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { c.stop(deferred.ErrCancelled) })
	if err := r.DeliverBody(c); err != nil {
		c.done.Errback(err)
	}
	return c.done
}

func (c *collection) ConnectionMade(t BodyTransport) {
	c.from = t
	c.share.cooperator = t.Cooperator()
	if c.share.cooperator == nil {
		c.stop(fmt.Errorf("%w: (%T).Cooperator() returned nil", request.ErrNoCooperator, t))
	}
}

func (c *collection) DataReceived(data []byte) {
	if c.done.Called() {
		return
	}
	if c.keeps {
		c.piece = append(c.piece[:0], data...)
		data = c.piece
	}
	c.share.begin()
	wait, err := c.collect(data)
	c.share.end()
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
		c.goOn()
	}
}

// collect calls the collector; a panic is its error.
func (c *collection) collect(data []byte) (wait task.Wait, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = deferred.NewPanicError(v)
		}
	}()
	return c.collector(data)
}

// waitFor has the next step wait for the collector.
func (c *collection) waitFor(wait task.Wait) {
	c.wait = wait
	c.pause()
	wait.AddBoth(c.waited)
}

func (c *collection) waited(_ deferred.None, err error) (deferred.None, error) {
	c.wait = nil
	switch {
	case c.done.Called(): // cancelled
	case c.lost != nil && (err == nil || failure(c.lost) != nil):
		c.done.Resolve(deferred.None{}, failure(c.lost))
	case err != nil:
		c.stop(err)
	default:
		c.goOn()
	}
	return deferred.None{}, nil
}

// goOn has the next step made when there is a piece for it: at once, or in a later
// turn if there were enough of them in this one.
func (c *collection) goOn() {
	switch {
	case c.stepping: // enough for one step
		c.pause()
	case c.rest != nil: // it will
	case c.share.usedUp():
		c.pause()
		c.rest = c.share.cooperator.Cooperate(c.step)
		c.rest.WhenDone().AddErrback(func(err error) (deferred.None, error) {
			if !c.done.Called() {
				c.stop(err)
			}
			return deferred.None{}, nil
		})
	default:
		c.resume()
	}
}

// step makes one step of rest, if a piece is waiting for it. Otherwise those that
// come are dealt with at once again.
func (c *collection) step() (task.Wait, error) {
	c.share.renew()
	c.stepping = true
	c.resume()
	c.stepping = false
	if c.paused && c.wait == nil && !c.done.Called() {
		return nil, nil
	}
	c.rest = nil
	return nil, task.Done
}

func (c *collection) pause() {
	if !c.paused {
		c.paused = true
		c.from.PauseProducing()
	}
}

func (c *collection) resume() {
	if c.paused {
		c.paused = false
		c.from.ResumeProducing()
	}
}

// stop ends the collection because of err. That is said first: some bodies end as
// soon as they are stopped.
func (c *collection) stop(err error) {
	c.done.Errback(err)
	c.end()
	c.from.StopProducing()
}

// end cancels what is under way.
func (c *collection) end() {
	if c.rest != nil {
		c.rest.Stop()
		c.rest = nil
	}
	if c.wait != nil {
		c.wait.Cancel()
	}
}

func (c *collection) ConnectionLost(reason error) {
	c.lost = reason
	switch {
	case c.done.Called():
	case c.wait == nil:
		c.done.Resolve(deferred.None{}, failure(reason))
		c.end()
	case failure(reason) != nil:
		c.wait.Cancel() // and waited does the rest
	}
}

// A share is how much of a turn of the loop the steps that are made at once may
// take. It counts them over several turns, if they are few in each: to be too strict
// costs a turn for every thousand steps, and this needs not know when a turn ends.
type share struct {
	cooperator *task.Cooperator
	steps      int
	took       time.Duration
	began      time.Time // the step that is being made
}

const (
	shareSteps = 1000
	shareTime  = 10 * time.Millisecond
)

// begin and end are called before and after a step.

func (s *share) begin() { s.began = s.cooperator.Clock().Now() }

func (s *share) end() {
	s.steps++
	s.took += s.cooperator.Clock().Now().Sub(s.began)
}

func (s *share) usedUp() bool { return s.steps >= shareSteps || s.took >= shareTime }

func (s *share) renew() { s.steps, s.took = 0, 0 }
