// Package reactor is an event loop in the manner of Twisted: one goroutine that
// waits for sockets, timers and other goroutines, and calls what the program
// registered for them, one call at a time. What runs on it needs no locks.
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
// A program gives a [Factory]: to ListenTCP, or to ConnectTCP. For each connection
// the factory builds a [Protocol], which is told what happens on it and has a
// [Transport] to write to:
//
//	type echo struct{ t reactor.Transport }
//
//	func (e *echo) ConnectionMade(t reactor.Transport) { e.t = t }
//	func (e *echo) DataReceived(data []byte)           { e.t.Write(data) }
//	func (e *echo) ConnectionLost(reason error)        {}
//
// Writing never blocks. What a turn of the loop has written to a connection goes
// out at the end of the turn, in one system call. Who has more to write than
// should wait in memory is a producer: see [Consumer]. Who takes no more for now
// calls PauseProducing, and the socket is not read, so that the peer has to wait.
//
// [TLSClient], [TLSServer] and [StartTLS] put TLS, by crypto/tls, between a
// transport and a protocol. Package endpoints connects to host names.
//
// # Which reactor
//
// [Default] is for programs, which mostly need not name it; task.React runs it.
// [Background] runs it beside a program of ordinary goroutines. [New] and
// [NewPortable] make others, each to be run on a goroutine of its own. For tests
// there is package memory: the same loop, with time and network in memory.
//
// # Goroutines
//
// Everything belongs to the goroutine of the loop, the one that is in Run, but for
// what is in [Threads]: any goroutine may call [Loop.CallFromThread], and wait for
// the loop with [BlockingCallFromThread]. What blocks is done on another goroutine
// with [DeferToThread].
//
// Before Run, and between the turns of a loop that [Loop.Iterate] drives, the
// goroutine that sets things up counts as the loop's.
//
// # Errors and panics
//
// Errors that have a name in Twisted have one here, for errors.Is:
// [ErrConnectionDone], [ErrConnectionLost], [ErrConnectionRefused] and so on; the
// system's own error is wrapped with it. A panic of the program's is logged by
// log/slog, with its stack. One in a protocol loses that connection; the loop goes
// on.
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
//	connectTCP, connectUNIX                  ConnectTCP, ConnectUNIX, which give a Deferred
//	Protocol, Factory                        Protocol, Factory; FactoryFunc
//	connectionMade, makeConnection           ConnectionMade
//	IHalfCloseableProtocol                   HalfCloseableProtocol
//	ITransport, IConsumer, IPushProducer     Transport, Consumer, PushProducer
//	startTLS, IHandshakeListener             StartTLS, HandshakeListener
//	installWaker, spawnProcess, listenUDP    none
//	crochet's setup and wait_for             Background, BlockingCallFromThread
//	MemoryReactorClock, StringTransport      package memory
//
// # Cost
//
// A message that comes and one that goes cost a system call each, and their share
// of one that waits; none allocates. A connection that waits takes some 350 bytes
// and no goroutine; with TLS 7 KB, nearly all of it crypto/tls's. A loop takes a
// read buffer of 16 KiB, which grows to 256 KiB if connections send much.
package reactor
