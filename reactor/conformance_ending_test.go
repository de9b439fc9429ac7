package reactor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the cases of Disconnecting, and of what a protocol receives after it has ended
// its connection: nothing.

var endingCases = []conformanceCase{
	{"Disconnecting", anyKind, disconnectingReports},
	{"Disconnecting at the peer's end", anyKind, disconnectingAtPeersEnd},
	{"Disconnecting and LoseWriteConnection", anyKind, disconnectingHalfClosed},
	{"nothing is received after the end", anyKind, nothingAfterTheEnd},
}

// ends are the ways of a protocol to end its connection.
var ends = []struct {
	name   string
	end    func(p *probe)
	reason error
}{
	{"LoseConnection", func(p *probe) { p.LoseConnection() }, reactor.ErrConnectionDone},
	{"StopProducing", func(p *probe) { p.StopProducing() }, reactor.ErrConnectionDone},
	{"AbortConnection", func(p *probe) { p.AbortConnection() }, reactor.ErrConnectionAborted},
}

func disconnectingReports(f *fixture) {
	for _, end := range ends {
		client, server := f.probe("client"), f.probe("server")
		client.made = func() {
			if client.Disconnecting() {
				f.Errorf("%s: disconnecting in ConnectionMade", end.name)
			}
			client.Write([]byte("hello"))
		}
		server.data = func([]byte) { server.Write([]byte("hello")) }
		client.data = func([]byte) {
			if client.Disconnecting() || server.Disconnecting() {
				f.Errorf("%s: disconnecting before it", end.name)
			}
			end.end(client)
			if !client.Disconnecting() {
				f.Errorf("%s: not disconnecting", end.name)
			}
		}
		lost := func(p *probe) func(error) {
			return func(error) {
				if !p.Disconnecting() {
					f.Errorf("%s: the %s is not disconnecting in ConnectionLost", end.name, p.name)
				}
			}
		}
		client.lost, server.lost = lost(client), lost(server)
		f.join(client, server)
		f.runUntilLost()
		client.lostFor(end.reason)
		if !client.Disconnecting() || !server.Disconnecting() {
			f.Errorf("%s: not disconnecting after the loss", end.name)
		}
		f.probes = nil
	}
}

func disconnectingAtPeersEnd(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		client.Write([]byte("hello"))
		client.LoseConnection()
	}
	server.data = func([]byte) {
		if server.Disconnecting() {
			f.Error("disconnecting while the peer's data comes")
		}
	}
	server.lost = func(error) {
		if !server.Disconnecting() {
			f.Error("not disconnecting in ConnectionLost")
		}
	}
	f.join(client, server)
	f.runUntilLost()
	server.has("hello")
}

func disconnectingHalfClosed(f *fixture) {
	client, server := f.halfProbe("client"), f.halfProbe("server")
	client.made = func() {
		client.LoseWriteConnection()
		if client.Disconnecting() {
			f.Error("disconnecting after LoseWriteConnection")
		}
	}
	client.writeLost = func() {
		if client.Disconnecting() {
			f.Error("disconnecting in WriteConnectionLost")
		}
	}
	server.readLost = func() {
		if server.Disconnecting() {
			f.Error("disconnecting in ReadConnectionLost")
		}
		server.Write([]byte("answer"))
		server.LoseWriteConnection()
	}
	client.data = func([]byte) {
		if client.Disconnecting() {
			f.Error("disconnecting while the answer comes")
		}
	}
	f.join(client, server)
	f.runUntilLost()
	client.has("answer")
	if !client.Disconnecting() || !server.Disconnecting() {
		f.Error("not disconnecting after the loss")
	}
}

// nothingAfterTheEnd ends a connection in each way and at each moment, while more data is on
// its way, has arrived, or is buffered above the socket: TLS decrypts several records of one
// read, and a stream has several frames in it.
func nothingAfterTheEnd(f *fixture) {
	for _, end := range ends {
		for _, moment := range []struct {
			name string
			at   func(server *probe, over func())
		}{
			{"in ConnectionMade", func(server *probe, over func()) { server.made = over }},
			{"in DataReceived", func(server *probe, over func()) { server.data = func([]byte) { over() } }},
			{"later", func(server *probe, over func()) {
				server.data = func([]byte) {
					server.data = nil
					f.CallLater(0, over)
				}
			}},
			{"paused, then resumed", func(server *probe, over func()) {
				server.data = func([]byte) {
					server.data = nil
					server.PauseProducing()
					f.CallLater(time.Millisecond, func() {
						server.ResumeProducing()
						over()
					})
				}
			}},
			{"paused", func(server *probe, over func()) {
				server.data = func([]byte) {
					server.PauseProducing()
					over()
					server.ResumeProducing()
				}
			}},
		} {
			name := end.name + " " + moment.name
			client, server := f.probe("client"), f.probe("server")
			client.made = func() { client.Write([]byte(numbers(200_000))) }
			moment.at(server, func() {
				end.end(server)
				server.data = func([]byte) { f.Errorf("%s: DataReceived", name) }
			})
			f.join(client, server)
			f.runUntilLost()
			if len(server.reasons) != 1 || !errors.Is(server.reasons[0], end.reason) && moment.name != "in ConnectionMade" {
				f.Errorf("%s: lost for %v", name, server.reasons)
			}
			f.probes = nil
		}
	}
}

// TestDisconnectingAfterPanic checks that a connection whose protocol panicked is ending, and
// receives nothing more.
func TestDisconnectingAfterPanic(t *testing.T) {
	for _, k := range kindNames {
		if anyKind&k.kinds == 0 {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			f := newFixture(t, reactors[0].new, k.kinds)
			client, server := f.probe("client"), f.probe("server")
			client.made = func() { client.Write([]byte(numbers(200_000))) }
			server.data = func([]byte) {
				server.data = func([]byte) { f.Error("DataReceived after a panic") }
				f.CallLater(0, func() {
					if !server.Disconnecting() {
						f.Error("not disconnecting after a panic")
					}
				})
				panic("of the test")
			}
			f.join(client, server)
			f.runUntilLost()
			f.wantLog(1, "of the test")
			f.finish()
		})
	}
}
