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
	{"LoseWriteConnection before sending fails", anyKind, sendingFailsBeforeTheEnd},
	{"LoseWriteConnection to a slow peer", anyKind, slowPeer(func(client *halfProbe) {})},
	{"LoseWriteConnection to a slow peer, and a producer", anyKind, slowPeer(func(client *halfProbe) {
		p := client.f.source(client, 1, 1)
		client.RegisterProducer(p)
		client.f.CallLater(time.Millisecond, client.UnregisterProducer)
	})},
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

// slowPeer: WriteConnectionLost says that everything is sent, also if the peer has ended its
// own side long before. after is called after LoseWriteConnection.
func slowPeer(after func(client *halfProbe)) func(*fixture) {
	return func(f *fixture) {
		client, server := f.halfProbe("client"), f.halfProbe("server")
		data := make([]byte, 2*tooMuch)
		client.made = func() {
			client.Write(data)
			client.LoseWriteConnection()
			after(client)
		}
		client.readLost = func() {
			if client.writeLosses != 0 {
				f.Error("WriteConnectionLost was called before everything was sent")
			}
			f.CallLater(20*time.Millisecond, server.ResumeProducing)
		}
		server.made = func() {
			server.PauseProducing()
			server.LoseWriteConnection()
		}
		f.join(client, server)
		f.runUntilLost()
		server.has(string(data))
		client.lostFor(reactor.ErrConnectionDone)
		server.lostFor(reactor.ErrConnectionDone)
		if client.writeLosses != 1 {
			f.Errorf("WriteConnectionLost was called %d times", client.writeLosses)
		}
	}
}
