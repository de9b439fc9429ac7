package web

import (
	"github.com/seed-7c003b53/gotreq/internal/producer"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the producers of a response's body.

// RegisterProducer makes p the source of the body. p is paused while the client accepts
// no more bytes, and stopped when the connection is lost. A response with a producer
// stays open after its rendering; UnregisterProducer and then [Request.Finish] end it.
// RegisterProducer fails with [reactor.ErrProducerRegistered] if there is a producer
// already, and with a [*reactor.InheritedProducerError] as [reactor.Consumer]'s does.
func (r *Request) RegisterProducer(p reactor.PushProducer) error {
	return r.register(producer.Slot{Push: p}, producer.CheckPush(p))
}

// RegisterPullProducer makes p the source of the body, as [Request.RegisterProducer]
// does. Its ResumeProducing is called whenever the client accepts more bytes.
func (r *Request) RegisterPullProducer(p reactor.PullProducer) error {
	return r.register(producer.Slot{Pull: p}, producer.CheckPull(p))
}

func (r *Request) register(p producer.Slot, misuse error) error {
	if misuse != nil {
		return misuse
	}
	if r.producer.Taken() {
		return reactor.ErrProducerRegistered
	}
	if p.Pull != nil && r.encoding != nil {
		p.Pull = &codedPuller{r, p.Pull}
	}
	r.producer = p
	switch {
	case r.over():
		r.stopProducer()
	case p.Pull != nil && !r.hasBody():
		r.askAgain()
	case p.Pull != nil:
		r.carrier.pull(p.Pull)
	case r.full():
		if r.coder != nil {
			r.coder.paused = true
		}
		p.Push.PauseProducing()
	}
	return nil
}

// askAgain asks a pull producer in the next turn, if the body is not sent: what it writes then
// makes no room, so the carrier would not ask again.
func (r *Request) askAgain() {
	if r.producer.Pull == nil || r.asking {
		return
	}
	r.asking = true
	r.conn.reactor.CallLater(0, func() {
		r.asking = false
		if p := r.producer.Pull; p != nil && !r.over() {
			p.ResumeProducing()
		}
	})
}

// UnregisterProducer removes the producer, if there is one.
func (r *Request) UnregisterProducer() {
	pulled := r.producer.Pull != nil
	r.producer.Clear()
	if pulled && !r.over() {
		r.carrier.pull(nil)
	}
}

// pauseWriting is called when the client accepts no more bytes.
func (r *Request) pauseWriting() {
	if r.coder != nil {
		r.coder.pauseIfFull()
		return
	}
	r.pauseSource()
}

// pauseSource pauses the producer.
func (r *Request) pauseSource() {
	if r.producer.Push != nil {
		r.producer.Push.PauseProducing()
	}
}

// resumeWriting is called when the client accepts more bytes.
func (r *Request) resumeWriting() {
	if r.coder != nil {
		r.coder.resume()
		return
	}
	r.resumeSource()
}

// resumeSource resumes the producer or the handler.
func (r *Request) resumeSource() {
	switch {
	case r.producer.Push != nil:
		r.producer.Push.ResumeProducing()
	case r.invocation != nil:
		r.invocation.wake()
	}
}

// stopProducer stops the producer of a response whose connection was lost.
func (r *Request) stopProducer() {
	if p := r.producer.Clear(); p != nil {
		p.StopProducing()
	}
}
