package memory

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file lets the reactors of a [reactor.Group] share a port. A test pumps them in turn.

// Release takes an accepted socket from the network.
func (n *network) Release(s reactor.Socket) { s.(*socket).at.Remove() }

// Adopt makes a released socket one of n. The other end of the connection stays where it is.
func (n *network) Adopt(released reactor.Socket) error {
	s := released.(*socket)
	if n.chooser != nil || s.net.chooser != nil {
		s.Close(true)
		return errors.New("memory: reactors with Choices do not share a port, since each makes its own")
	}
	s.net = n
	n.open.Push(&s.at, s)
	return nil
}
