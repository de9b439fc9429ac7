// Package producer has the slot in which a consumer keeps its producer.
package producer

// Pull and Push are reactor's PullProducer and PushProducer; reactor imports this package.
type (
	Pull interface {
		ResumeProducing()
		StopProducing()
	}
	Push interface {
		Pull
		PauseProducing()
	}
)

// A Slot holds at most one producer, of either kind. The zero value is empty.
type Slot struct {
	Push Push
	Pull Pull
}

// Taken reports whether there is a producer.
func (s *Slot) Taken() bool { return s.Push != nil || s.Pull != nil }

// Clear removes the producer and returns it, or nil if there is none.
func (s *Slot) Clear() Pull {
	p := s.Pull
	if s.Push != nil {
		p = s.Push
	}
	*s = Slot{}
	return p
}
