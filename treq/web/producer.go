package web

import "github.com/seed-7c003b53/gotreq/reactor"

// This file holds the producers of a response's body.

// producer is what makes the body of a response: one of the two, or neither.
type producer struct {
	push reactor.PushProducer
	pull reactor.PullProducer
}

func (p *producer) hasProducer() bool { return p.push != nil || p.pull != nil }

// RegisterProducer makes p the source of the body. p is paused while the client takes no more, and
// stopped when the connection is lost. A response with a producer stays open after its rendering;
// UnregisterProducer and then [Request.Finish] end it. RegisterProducer fails with
// [reactor.ErrProducerRegistered] if there is a producer already.
func (r *Request) RegisterProducer(p reactor.PushProducer) error {
	return r.register(producer{push: p})
}

// RegisterPullProducer makes p the source of the body, as [Request.RegisterProducer] does. Its
// ResumeProducing is called whenever the client takes more.
func (r *Request) RegisterPullProducer(p reactor.PullProducer) error {
	return r.register(producer{pull: p})
}

func (r *Request) register(p producer) error {
	if r.hasProducer() {
		return reactor.ErrProducerRegistered
	}
	r.producer = p
	switch {
	case r.over():
		r.stopProducer()
	case p.pull != nil:
		r.carrier.pull(p.pull)
	case r.carrier.full():
		p.push.PauseProducing()
	}
	return nil
}

// UnregisterProducer ends the producer's work, if there is a producer.
func (r *Request) UnregisterProducer() {
	pulled := r.pull != nil
	r.producer = producer{}
	if pulled && !r.over() {
		r.carrier.pull(nil)
	}
}

// pauseWriting is called when the client takes no more.
func (r *Request) pauseWriting() {
	if r.push != nil {
		r.push.PauseProducing()
	}
}

// resumeWriting is called when the client takes more.
func (r *Request) resumeWriting() {
	switch {
	case r.push != nil:
		r.push.ResumeProducing()
	case r.invocation != nil:
		r.invocation.wake()
	}
}

// stopProducer stops the producer of a response whose connection was lost.
func (r *Request) stopProducer() {
	p := r.producer
	r.producer = producer{}
	switch {
	case p.push != nil:
		p.push.StopProducing()
	case p.pull != nil:
		p.pull.StopProducing()
	}
}
