package reactor

// A ReactorTransport is a [Transport] that tells which reactor its connection
// belongs to. Those of every [Loop] are, and so is TLS over them. A protocol
// thus has a clock without being given one. It is the reactor attribute of
// Twisted's transports.
type ReactorTransport interface {
	Transport
	// Reactor returns the reactor that calls the protocol, or nil if that is not
	// known.
	Reactor() Reactor
}

// Reactor returns the connection's loop; see [ReactorTransport].
func (c *connection) Reactor() Reactor { return c.loop }

// Reactor returns the reactor of the transport below; see [ReactorTransport].
func (t *TLSProtocol) Reactor() Reactor {
	if below, ok := t.below.(ReactorTransport); ok {
		return below.Reactor()
	}
	return nil
}
