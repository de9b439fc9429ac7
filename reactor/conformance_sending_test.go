package reactor_test

import (
	"errors"
	"io"
	"math"

	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// Sending fails, and what the peer sent before is received all the same.
var sendingCases = []conformanceCase{
	{"a push producer", anyKind, func(f *fixture) { sendingFails(f, uploadPush) }},
	{"a pull producer", anyKind, func(f *fixture) { sendingFails(f, uploadPull) }},
	{"large writes", anyKind, func(f *fixture) { sendingFails(f, uploadLarge) }},
	{"small writes", anyKind, func(f *fixture) { sendingFails(f, uploadSmall) }},
	{"not paused", anyKind, sendingFailsAtOnce},
	{"LoseWriteConnection", anyKind, loseWriteFails},
	{"LoseConnection", anyKind, func(f *fixture) { endedWhileBroken(f, reactor.Transport.LoseConnection, reactor.ErrConnectionReset) }},
	{"AbortConnection", anyKind, func(f *fixture) { endedWhileBroken(f, reactor.Transport.AbortConnection, reactor.ErrConnectionAborted) }},
	{"Stop", anyKind, func(f *fixture) {
		endedWhileBroken(f, func(reactor.Transport) { f.Stop() }, reactor.ErrConnectionLost)
	}},
	{"a panic in DataReceived", anyKind, panicWhileBroken},
	{"a producer registered too late", anyKind, registeredWhileBroken},
	{"the peer ends in order", anyKind, sendingFailsAfterEnd},
}

const earlyAnswer = 20_000 // bytes that fit into the buffers between two probes

// answersEarly makes p answer the first data that it receives, read no more, and then
// reset the connection.
func (p *probe) answersEarly() *probe {
	p.data = func([]byte) {
		p.data = nil
		p.PauseProducing()
		p.Write([]byte(numbers(earlyAnswer)))
		p.f.CallLater(0, func() { // in the next turn, which sends the answer at its end, however late it is
			p.f.CallLater(10*time.Millisecond, func() { p.AbortConnection() })
		})
	}
	return p
}

// An upload sends more than the server reads. It returns its producer, if it has one.
type upload func(f *fixture, client *probe) *source

func uploadPush(f *fixture, client *probe) *source {
	s := f.source(client, math.MaxInt, 10_000)
	client.RegisterProducer(s)
	s.push()
	return s
}

func uploadPull(f *fixture, client *probe) *source {
	s := f.source(client, math.MaxInt, 100_000)
	client.RegisterPullProducer(pullSource{s})
	return s
}

func uploadLarge(f *fixture, client *probe) *source {
	client.Write(make([]byte, 10*tooMuch))
	return nil
}

func uploadSmall(f *fixture, client *probe) *source {
	var next reactor.DelayedCall
	var write func()
	write = func() {
		client.Write([]byte("x"))
		next = f.CallLater(time.Millisecond, write)
	}
	write()
	client.lost = func(error) { next.Cancel() }
	return nil
}

// sendingFails: a client that is paused learns that sending failed. The answer waits until
// the client resumes, and the loss until the answer is received.
func sendingFails(f *fixture, upload upload) {
	client, server := f.probe("client"), f.probe("server").answersEarly()
	var s *source
	client.made = func() {
		client.PauseProducing()
		s = upload(f, client)
	}
	server.lost = func(error) {
		f.whenStopped(s, 20*time.Millisecond, func() {
			if client.isLost() || client.got.Len() != 0 {
				f.Errorf("the paused client got %d bytes and lost its connection for %v", client.got.Len(), client.reasons)
			}
			client.Write(make([]byte, tooMuch)) // dropped
			client.ResumeProducing()
		})
	}
	f.join(client, server)
	f.runUntilLost()
	client.has(numbers(earlyAnswer))
	client.lostFor(reactor.ErrConnectionReset)
	if errors.Is(client.reasons[0], io.EOF) {
		f.Error("the reset is taken for an end in order")
	}
}

// whenStopped calls then after some time, at the earliest when the producer s, if there is one, was stopped
// because sending failed: a busy system takes its time for that.
func (f *fixture) whenStopped(s *source, after time.Duration, then func()) {
	end := f.Now().Add(5 * time.Second)
	var look func()
	look = func() {
		switch {
		case s == nil || s.stops == 1:
			then()
		case f.Now().After(end):
			f.Errorf("the producer was stopped %d times after sending failed", s.stops)
			then()
		default:
			f.CallLater(time.Millisecond, look)
		}
	}
	f.CallLater(after, look)
}

// sendingFailsAtOnce: the answer arrives while a client that is not paused is uploading.
func sendingFailsAtOnce(f *fixture) {
	client, server := f.probe("client"), f.probe("server").answersEarly()
	client.made = func() { uploadPull(f, client) }
	f.join(client, server)
	f.runUntilLost()
	client.has(numbers(earlyAnswer))
	client.lostFor(reactor.ErrConnectionReset)
}

// loseWriteFails: the half close of a connection that the peer has reset.
func loseWriteFails(f *fixture) {
	client, server := f.halfProbe("client"), f.probe("server").answersEarly()
	client.made = func() {
		client.PauseProducing()
		client.Write([]byte("question"))
	}
	server.lost = func(error) {
		f.CallLater(5*time.Millisecond, func() {
			client.LoseWriteConnection()
			f.CallLater(5*time.Millisecond, func() {
				if client.isLost() {
					f.Errorf("lost for %v before the answer was received", client.reasons)
				}
				client.ResumeProducing()
			})
		})
	}
	f.join(client, server)
	f.runUntilLost()
	client.has(numbers(earlyAnswer))
	if f.kind != overUNIX { // without unread data, a UNIX socket is not reset
		client.lostFor(reactor.ErrConnectionLost)
	}
}

// whileBroken makes a paused client, calls then when its sending has failed, and runs until both
// sides have lost their connection.
func (f *fixture) whileBroken(then func(client *probe)) *probe {
	client, server := f.probe("client"), f.probe("server").answersEarly()
	var s *source
	client.made = func() {
		client.PauseProducing()
		s = uploadPull(f, client)
	}
	server.lost = func(error) {
		f.whenStopped(s, 20*time.Millisecond, func() { then(client) })
	}
	f.join(client, server)
	f.runUntilLost()
	return client
}

func endedWhileBroken(f *fixture, end func(reactor.Transport), want error) {
	client := f.whileBroken(func(client *probe) { end(client) })
	client.has("")
	client.lostFor(want)
}

func panicWhileBroken(f *fixture) {
	boom := errors.New("boom")
	client := f.whileBroken(func(client *probe) {
		client.data = func([]byte) { panic(boom) }
		client.ResumeProducing()
	})
	client.lostFor(boom)
	f.wantLog(1, "boom")
}

func registeredWhileBroken(f *fixture) {
	var push, pull *source
	client := f.whileBroken(func(client *probe) {
		push, pull = f.source(client, math.MaxInt, 10_000), f.source(client, math.MaxInt, 10_000)
		if err := errors.Join(client.RegisterProducer(push), client.RegisterPullProducer(pullSource{pull})); err != nil {
			f.Error(err)
		}
		if push.stops != 1 || pull.stops != 1 {
			f.Errorf("the producers were stopped %d and %d times", push.stops, pull.stops)
		}
		client.ResumeProducing()
	})
	client.has(numbers(earlyAnswer))
	client.lostFor(reactor.ErrConnectionReset)
}

// sendingFailsAfterEnd: the peer sends an answer and an end of file, and then resets the
// connection. The end of file came in order, so the answer is complete.
func sendingFailsAfterEnd(f *fixture) {
	client, server := f.halfProbe("client"), f.halfProbe("server")
	client.made = func() {
		client.PauseProducing()
		uploadPull(f, client.probe)
	}
	server.data = func([]byte) {
		server.data = nil
		server.PauseProducing()
		server.Write([]byte(numbers(earlyAnswer)))
		server.LoseWriteConnection()
		f.CallLater(10*time.Millisecond, func() { server.AbortConnection() })
	}
	server.lost = func(error) {
		f.CallLater(20*time.Millisecond, func() { client.ResumeProducing() })
	}
	f.join(client, server)
	f.runUntilLost()
	client.has(numbers(earlyAnswer))
	client.lostFor(reactor.ErrConnectionLost)
	if f.kind == overUNIX && f.memory == nil {
		return // the system hides the end of file behind the reset
	}
	if !errors.Is(client.reasons[0], io.EOF) || client.readLosses != 1 {
		f.Errorf("the peer ended in order, and the reason is %#v; ReadConnectionLost was called %d times", client.reasons[0], client.readLosses)
	}
}
