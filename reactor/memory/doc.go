// Package memory is a reactor for tests: the real loop, with a clock that the test moves
// and a network of byte queues.
//
//	r := memory.New()
//	r.ListenTCP("127.0.0.1:80", echo)
//	d := r.ConnectTCP("127.0.0.1:80", client, reactor.ConnectConfig{})
//	r.Pump()                   // run until nothing is left to do now
//	r.Advance(5 * time.Second) // make the calls of the next five seconds
//
// Everything above the sockets is production code: transports, producers, half close,
// timeouts, TLS. Nothing below the sockets reads the time, starts a goroutine or iterates
// over a map, so a program does the same things in the same order in each run.
// [Reactor.StartTrace] records them.
//
// [Reactor.Hold], [Reactor.Latency], [Reactor.HoldConnects], [Reactor.FailAccepts] and
// [Reactor.FailWrites] simulate faults of the network.
//
// A real program does not run the same way each time. [NewReactor] takes [Choices], which make the
// choices that the network, the kernel and the scheduler make for it: what comes first of what is
// due at the same time, how bytes are split, how long messages take, and which links fail, within
// [Conditions]. The same choices give the same run. Each choice that matters is an event of the
// trace.
//
// [IOPump] joins two protocols, for a test that moves their bytes step by step, or splits them
// at every byte. [Recorder] is a protocol that plays the peer. [StringTransport] is for tests of
// a protocol alone, without a reactor.
package memory
