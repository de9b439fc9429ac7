// Package memory is a reactor for tests: the real loop, over a clock that moves
// only when it is told to and a network that is made of byte queues.
//
//	r := memory.New()
//	r.ListenTCP("127.0.0.1:80", echo)
//	d := r.ConnectTCP("127.0.0.1:80", client, reactor.ConnectConfig{})
//	r.Pump()                   // until there is nothing left to do now
//	r.Advance(5 * time.Second) // and what is due five seconds later
//
// Everything above the sockets is what production runs: transports, producers,
// half close, timeouts, TLS. Below, nothing reads the time, starts a goroutine or
// walks a map, so the same program does the same things in the same order every
// time; [Reactor.StartTrace] writes them down.
//
// What happens on the network can be made to go wrong: see [Reactor.Hold],
// [Reactor.Latency] and [Reactor.HoldConnects].
//
// A protocol alone, without a reactor, is tested with a [StringTransport].
package memory
