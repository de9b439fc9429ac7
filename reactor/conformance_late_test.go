package reactor_test

import (
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// What a program writes when nothing more is sent.
var lateCases = []conformanceCase{
	{"writes after LoseConnection", anyKind, lateWrites(reactor.Transport.LoseConnection, reactor.ErrConnectionDone)},
	{"writes after LoseWriteConnection", anyKind, lateWrites(reactor.Transport.LoseWriteConnection, reactor.ErrConnectionDone)},
	{"writes after AbortConnection", plain, lateWrites(reactor.Transport.AbortConnection, reactor.ErrConnectionAborted)},
	{"LoseWriteConnection before sending fails", plain, sendingFailsBeforeTheEnd},
}

// lateWrites: nothing is sent that is written after end, in the callbacks of the end, or
// after the loss.
func lateWrites(end func(reactor.Transport), reason error) func(*fixture) {
	return func(f *fixture) {
		client, server := f.halfProbe("client"), f.probe("server")
		write := func() {
			client.Write([]byte("x"))
			client.Write(make([]byte, tooMuch))
			client.WriteSequence([]byte("x"), make([]byte, tooMuch))
		}
		client.made = func() {
			end(client)
			write()
		}
		client.writeLost = func() {
			write()
			client.RegisterProducer(f.source(client, tooMuch, 10_000))
			write() // as above, though a producer is registered
			client.UnregisterProducer()
		}
		client.lost = func(error) { write() }
		f.join(client, server)
		f.runUntilLost()
		server.has("")
		client.lostFor(reason)
	}
}

// sendingFailsBeforeTheEnd: WriteConnectionLost says that everything is sent, and is not
// called if sending fails.
func sendingFailsBeforeTheEnd(f *fixture) {
	client, server := f.halfProbe("client"), f.probe("server").answersEarly()
	client.made = func() {
		client.PauseProducing()
		uploadLarge(f, client.probe)
		client.LoseWriteConnection()
	}
	server.lost = func(error) {
		f.CallLater(20*time.Millisecond, client.ResumeProducing)
	}
	f.join(client, server)
	f.runUntilLost()
	client.has(numbers(earlyAnswer))
	if client.writeLosses != 0 {
		f.Error("WriteConnectionLost was called though sending failed")
	}
}
