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

// A CooperativeProducer is a [BodyProducer] whose body is written by a cooperative task,
// one step at a time, so that the loop can do other work in between. It is the common
// part of Twisted's FileBodyProducer and treq's MultiPartProducer.
//
// Its methods may be called at any time, even before StartProducing, and any number of
// times except for StartProducing.
type CooperativeProducer struct {
	length int64
	step   ProducerStep
	closer func() // nil after its call

	task    *task.CooperativeTask // nil before the start
	started bool
	paused  bool
	stopped bool
}

// A ProducerStep writes a small piece of a body. Its results are those of a
// [task.Step]: err is [task.Done] after the last piece, or with the last piece.
type ProducerStep func(to Consumer) (wait task.Wait, err error)

// NewCooperativeProducer returns a producer of a body of length bytes, or of
// [UnknownLength], that step writes.
//
// closer, if not nil, frees what step needs. The producer calls closer once, when
// no step will follow, and before the Deferred of StartProducing fires.
func NewCooperativeProducer(length int64, step ProducerStep, closer func()) *CooperativeProducer {
	if step == nil {
		panic("request: NewCooperativeProducer with a nil step")
	}
	return &CooperativeProducer{length: length, step: step, closer: closer}
}

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
	done := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { p.StopProducing() })
	if p.stopped {
		return done
	}
	cooperator := to.Cooperator()
	if cooperator == nil {
		p.StopProducing()
		return deferred.Fail[deferred.None](fmt.Errorf("%w: (%T).Cooperator() returned nil", ErrNoCooperator, to))
	}
	p.task = cooperator.Cooperate(func() (task.Wait, error) { return p.step(to) })
	if p.paused {
		p.task.Pause()
	}
	p.task.WhenDone().AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		p.close()
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
	p.close()
	if p.task != nil {
		p.task.Stop()
	}
}

func (p *CooperativeProducer) close() {
	if closer := p.closer; closer != nil {
		p.closer = nil
		closer()
	}
}
