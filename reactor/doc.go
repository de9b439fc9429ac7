// Package reactor is an event loop in the manner of Twisted. One goroutine waits for
// sockets, timers and other goroutines, and calls the program's functions one at a
// time. Code that runs on the loop needs no locks.
//
//	r := reactor.New()
//	port, err := r.ListenTCP("127.0.0.1:7", reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
//		return &echo{}
//	}))
//	...
//	err = r.Run() // until r.Stop()
//
// # Connections
//
// A program passes a [Factory] to ListenTCP or ConnectTCP. For each connection, the
// factory builds a [Protocol]. The loop calls the protocol's methods, and the protocol
// writes to its [Transport]:
//
//	type echo struct{ t reactor.Transport }
//
//	func (e *echo) ConnectionMade(t reactor.Transport) { e.t = t }
//	func (e *echo) DataReceived(data []byte)           { e.t.Write(data) }
//	func (e *echo) ConnectionLost(reason error)        {}
//
// Write never blocks. At the end of each turn, the loop sends everything that was written
// to a connection with one system call. Code that writes more than should be buffered
// registers as a producer; see [Consumer]. After PauseProducing, the loop stops reading
// the socket, so that the peer has to wait.
//
// [TLSClient], [TLSServer] and [StartTLS] add TLS between a transport and a protocol, by
// crypto/tls. Package endpoints connects to host names.
//
// # Which reactor
//
// [Default] is for programs that need one reactor; task.React runs it. [Background] runs
// it beside a program of ordinary goroutines. [New] and [NewPortable] make more
// reactors, each to be run on a goroutine of its own. [NewGroup] makes some that run
// together, for a program that needs more than one core. For tests, package memory has the
// same loop, with time and network in memory.
//
// # Goroutines
//
// Use everything on the loop's goroutine only, the goroutine that called Run, unless its
// documentation says otherwise. Any goroutine may call the methods of [Threads], and may
// wait for the loop with [BlockingCallFromThread]. [DeferToThread] runs code that blocks
// on another goroutine, and [DeferToLoop] runs code on another loop.
//
// A method that belongs to the loop's goroutine panics when another goroutine calls it
// while the loop sleeps. It cannot cheaply tell who calls it while the loop is busy;
// [deferred.SetDebugging] makes it find that out as well, with every call. Coroutines of
// the loop, such as HTTP handlers, count as on its goroutine.
//
// Before Run, between two Runs, and between the turns of a loop that [Loop.Iterate] drives,
// any one goroutine may set things up.
//
// # Errors and panics
//
// Twisted's errors have counterparts here, for errors.Is: [ErrConnectionDone],
// [ErrConnectionLost], [ErrConnectionRefused] and so on. They wrap the system's error.
// A panic in the program's code is logged by log/slog, with its stack. A panic in a
// protocol loses the connection, and the loop continues.
//
// # Coming from Twisted
//
//	reactor.run, stop, crash, iterate        Run, Stop, Crash, Iterate
//	callWhenRunning, addSystemEventTrigger   the same
//	callLater, getDelayedCalls, seconds      CallLater, DelayedCalls, Now
//	callFromThread, callInThread             the same
//	deferToThread, blockingCallFromThread    DeferToThread, BlockingCallFromThread
//	suggestThreadPoolSize, isInIOThread      SuggestThreadPoolSize, OnLoop
//	listenTCP, listenUNIX                    ListenTCP, ListenUNIX
//	connectTCP, connectUNIX                  ConnectTCP, ConnectUNIX, which return a Deferred
//	Protocol, Factory                        Protocol, Factory; FactoryFunc
//	connectionMade, makeConnection           ConnectionMade
//	IHalfCloseableProtocol                   HalfCloseableProtocol
//	ITransport, IConsumer, IPushProducer     Transport, Consumer, PushProducer
//	transport.reactor, ITLSTransport         Transport.Reactor, Transport.TLS
//	startTLS, IHandshakeListener             StartTLS, HandshakeListener
//	installWaker, spawnProcess, listenUDP    none
//	crochet's setup and wait_for             Background, BlockingCallFromThread
//	MemoryReactorClock, StringTransport      package memory
//
// # Cost
//
// Receiving a message costs one system call and sending one another, plus a share of the
// call that waits. Neither allocates. An idle connection takes about 350 bytes and no
// goroutine; with TLS it takes 7 KB, nearly all of it crypto/tls's. A loop has a read
// buffer of 16 KiB, which grows to 64 KiB if connections send much.
package reactor
