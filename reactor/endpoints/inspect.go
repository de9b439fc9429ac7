package endpoints

import (
	"fmt"
	"io"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file shows client services in dumps of their reactor.

// show makes s appear in dumps, from its first StartService on.
func (s *ClientService[P]) show() {
	if !s.shown {
		s.shown = true
		reactor.AddInspectable(s.reactor, s, (*ClientService[P]).inspect)
	}
}

// inspect writes what a service that is not stopped does.
func (s *ClientService[P]) inspect(w io.Writer) {
	var doing string
	switch s.state {
	case fresh, stopped:
		return
	case connecting, restarting:
		if doing = "connecting"; s.connection != nil {
			doing = "preparing its connection"
		}
	case waiting:
		doing = fmt.Sprintf("waiting to connect for %v", s.retry.Time().Sub(s.reactor.Now()).Round(time.Millisecond))
	case connected:
		doing = fmt.Sprintf("connected to %v", s.connection.transport.Peer())
	case disconnecting:
		doing = "disconnecting"
	}
	name := fmt.Sprintf("%T", s.endpoint)
	if text, ok := s.endpoint.(fmt.Stringer); ok {
		name = text.String()
	}
	fmt.Fprintf(w, "client service of %s: %s, %d failures in a row, %d waiting for it\n", name, doing, s.failures, s.waiters.Len())
}
