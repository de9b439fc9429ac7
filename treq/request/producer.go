package request

import (
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

var (
	// ErrProduced is the error of starting a producer a second time.
	ErrProduced = errors.New("request: the body can be produced only once, and has been already")
	// ErrNoCooperator is the error of a producer or reader of a body if the
	// Cooperator method of its consumer or transport returns nil.
	ErrNoCooperator = errors.New("no Cooperator to run on")
)

// NoCooperator returns an error for the consumer or transport of, whose Cooperator method
// returns nil. It matches [ErrNoCooperator], and names the type of of. Producers and readers
// of bodies fail with it.
func NoCooperator(of any) error {
	return fmt.Errorf("%w: (%T).Cooperator() returned nil", ErrNoCooperator, of)
}

// A CooperativeProducer is a [BodyProducer] whose body is written by a cooperative task,
// one step at a time, so that the loop can do other work in between. It is the common
// part of Twisted's FileBodyProducer and treq's MultiPartProducer.
//
// Its methods may be called at any time, even before StartProducing, and any number of
// times except for StartProducing. After [CooperativeProducer.MakeRepeatable] it is a
// [RepeatableProducer].
type CooperativeProducer struct {
	length int64
	step   ProducerStep
	closer func() // nil after its call

	task    *task.CooperativeTask // nil before the start
	started bool
	paused  bool
	stopped bool

	rewind func() error // brings step to the beginning of the body; nil: it cannot go back
	holds  int          // the calls of Hold that Release has not undone
	ended  bool         // no step follows, unless Rewind is called
	round  int          // the number of calls of Rewind
}

// A ProducerStep writes a small piece of a body. Its results are those of a
// [task.Step]: err is [task.Done] after the last piece, or with the last piece.
type ProducerStep func(to Consumer) (wait task.Wait, err error)

// NewCooperativeProducer returns a producer of a body of length bytes, or of
// [UnknownLength], that step writes.
//
// closer, if not nil, frees what step needs. The producer calls closer once, when
// no step will follow, and before the Deferred of StartProducing fires. If somebody holds
// the producer then, it calls closer when nobody holds it any more.
func NewCooperativeProducer(length int64, step ProducerStep, closer func()) *CooperativeProducer {
	if step == nil {
		panic("request: NewCooperativeProducer with a nil step")
	}
	return &CooperativeProducer{length: length, step: step, closer: closer}
}

// MakeRepeatable makes p a body that can be sent again; see [RepeatableProducer]. Rewind
// calls rewind, which makes the next step write the beginning of the body. Before that,
// the steps have come to an end: if p was stopped, the Deferred that a step waited for is
// cancelled.
func (p *CooperativeProducer) MakeRepeatable(rewind func() error) { p.rewind = rewind }

// Length returns the number of bytes of the body, or [UnknownLength].
func (p *CooperativeProducer) Length() int64 { return p.length }

// StartProducing starts the task that writes the body, on the Cooperator of to. The
// Deferred fires after the last step, and fails with the error of a step. It fails at
// once with [ErrProduced] if the producer was started before. If to has no Cooperator,
// StartProducing stops the producer, and the Deferred fails with [ErrNoCooperator].
//
// Cancelling the Deferred stops the producer; the Deferred then fails with
// [deferred.ErrCancelled], while Twisted's does not fire. After StopProducing the
// Deferred does not fire.
func (p *CooperativeProducer) StartProducing(to Consumer) *deferred.Deferred[deferred.None] {
	if p.started {
		return deferred.Fail[deferred.None](ErrProduced)
	}
	p.started = true
	round := p.round
	done := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) {
		if p.round == round {
			p.StopProducing()
		}
	})
	if p.stopped {
		return done
	}
	cooperator := to.Cooperator()
	if cooperator == nil {
		p.StopProducing()
		return deferred.Fail[deferred.None](NoCooperator(to))
	}
	p.task = cooperator.Cooperate(func() (task.Wait, error) { return p.step(to) })
	if p.paused {
		p.task.Pause()
	}
	p.task.WhenDone().AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if p.round != round {
			return deferred.None{}, nil
		}
		p.end()
		if !p.stopped {
			done.Resolve(deferred.None{}, err)
		}
		return deferred.None{}, nil
	})
	return done
}

// PauseProducing delays the next step until ResumeProducing. A second call does nothing,
// while Twisted counts the calls.
func (p *CooperativeProducer) PauseProducing() {
	if p.paused {
		return
	}
	p.paused = true
	if p.task != nil {
		p.task.Pause()
	}
}

// ResumeProducing undoes any number of calls of PauseProducing.
func (p *CooperativeProducer) ResumeProducing() {
	if !p.paused {
		return
	}
	p.paused = false
	if p.task != nil {
		p.task.Resume()
	}
}

// StopProducing ends the task. The Deferred of StartProducing does not fire after that.
func (p *CooperativeProducer) StopProducing() {
	if p.stopped {
		return
	}
	p.stopped = true
	// Stopping the task cancels the Deferred that a step waits for. A closer that
	// stops the same work must come first.
	p.end()
	if p.task != nil {
		p.task.Stop()
	}
}

// Hold implements [RepeatableProducer].
func (p *CooperativeProducer) Hold() bool {
	if p.rewind == nil || p.ended && p.holds == 0 {
		return false
	}
	p.holds++
	return true
}

// Rewind implements [RepeatableProducer].
func (p *CooperativeProducer) Rewind() error {
	if p.rewind == nil || p.holds == 0 {
		return ErrNotRepeatable
	}
	p.StopProducing()
	p.round++
	if err := p.rewind(); err != nil {
		return err
	}
	p.task, p.started, p.paused, p.stopped, p.ended = nil, false, false, false, false
	return nil
}

// Release implements [RepeatableProducer].
func (p *CooperativeProducer) Release() {
	p.holds--
	p.close()
}

// end notes that no step follows.
func (p *CooperativeProducer) end() {
	p.ended = true
	p.close()
}

func (p *CooperativeProducer) close() {
	if closer := p.closer; closer != nil && p.ended && p.holds == 0 {
		p.closer = nil
		closer()
	}
}
