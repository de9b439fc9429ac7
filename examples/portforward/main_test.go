package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// TestShow runs the whole program on a memory reactor.
func TestShow(t *testing.T) {
	var out bytes.Buffer
	status := task.ReactOn(memory.New(), func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		return show(r, &out)
	}, os.Stderr)
	want := `forwarding 127.0.0.1:49153 to 127.0.0.1:49152
connection 1: made from 127.0.0.1:49153 to 127.0.0.1:49154
connection 1: received 26 bytes: "hello, is anybody there?\r\n"
connection 1: received the end
connection 1: sends 26 bytes: "hello, is anybody there?\r\n"
connection 1: ends sending
connection 1: closes
connection 1: lost: connection was closed cleanly
the client received "hello, is anybody there?\r\n"
`
	if got := out.String(); got != want || status != 0 {
		t.Errorf("status %d, got\n%s\nwant\n%s", status, got, want)
	}
}

// A user is a client, or the target.
type user struct {
	transport reactor.Transport
	received  bytes.Buffer
	readEnded bool
	lost      error
}

func (u *user) ConnectionMade(t reactor.Transport) { u.transport = t }
func (u *user) DataReceived(data []byte)           { u.received.Write(data) }
func (u *user) ReadConnectionLost()                { u.readEnded = true }
func (u *user) WriteConnectionLost()               {}
func (u *user) ConnectionLost(reason error)        { u.lost = reason }

const here, there = "127.0.0.1:1000", "127.0.0.1:2000"

// start runs a forwarder on a memory reactor.
func start(t *testing.T, limit int) *memory.Reactor {
	deferred.FailOnUnhandled(t)
	r := memory.New()
	deferredtest.SuccessResultOf(t, forward(r, "tcp:1000:interface=127.0.0.1", "tcp:"+there, limit, nil))
	t.Cleanup(func() {
		if n := len(r.DelayedCalls()); n != 0 {
			t.Errorf("%d delayed calls are left", n)
		}
	})
	return r
}

// connect connects a client.
func connect(r *memory.Reactor) *user {
	u := &user{}
	r.ConnectTCP(here, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return u }), reactor.ConnectConfig{})
	return u
}

// connectOnly connects a client, and holds the forwarder's attempt to connect.
func connectOnly(r *memory.Reactor) *user {
	r.HoldConnects()
	u := connect(r)
	r.HeldConnects()[0].Release()
	r.Pump()
	return u
}

// listen listens at the target, for one connection.
func listen(t *testing.T, r *memory.Reactor) *user {
	u := &user{}
	if _, err := r.ListenTCP(there, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return u })); err != nil {
		t.Fatal(err)
	}
	return u
}

// TestForward: what each side sends reaches the other, also what the client sends before the
// target is connected. Each direction ends by itself.
func TestForward(t *testing.T) {
	r := start(t, -1)
	target := listen(t, r)
	client := connectOnly(r)
	client.transport.Write([]byte("question"))
	client.transport.LoseWriteConnection()
	r.Pump()
	if target.transport != nil {
		t.Fatal("the forwarder's attempt to connect is not held")
	}
	r.ReleaseConnects()
	r.Pump()
	if got := target.received.String(); got != "question" || !target.readEnded || client.readEnded {
		t.Fatalf("the target received %q, end %t; the client's end %t", got, target.readEnded, client.readEnded)
	}
	target.transport.Write([]byte(strings.Repeat("answer", 100_000)))
	target.transport.LoseConnection()
	r.Pump()
	if got := client.received.Len(); got != 600_000 || client.lost != reactor.ErrConnectionDone || target.lost != reactor.ErrConnectionDone {
		t.Errorf("the client received %d bytes, lost for %v; the target was lost for %v", got, client.lost, target.lost)
	}
}

// TestBackPressure: a side that does not read pauses the other, so that little is kept between.
func TestBackPressure(t *testing.T) {
	for _, from := range []string{"client", "target"} {
		r := start(t, -1)
		target := listen(t, r)
		client := connect(r)
		r.Pump()
		sender, receiver := client, target
		if from == "target" {
			sender, receiver = target, client
		}
		receiver.transport.PauseProducing()
		sent := 0
		producer := &endless{sender.transport, &sent}
		sender.transport.RegisterPullProducer(producer)
		r.Pump()
		if sent > 4<<20 {
			t.Errorf("the %s has sent %d bytes to a side that does not read", from, sent)
		}
		sender.transport.UnregisterProducer()
		receiver.transport.ResumeProducing()
		r.Pump()
		if got := receiver.received.Len(); got != sent {
			t.Errorf("received %d bytes of %d", got, sent)
		}
	}
}

// An endless producer writes whenever it can, up to 100 MB.
type endless struct {
	to   reactor.Transport
	sent *int
}

func (e *endless) ResumeProducing() {
	if *e.sent < 100<<20 {
		e.to.Write(make([]byte, 10_000))
		*e.sent += 10_000
	}
}

func (e *endless) StopProducing() {}

// TestEndings: the end of one side is the end of the other, of the same kind.
func TestEndings(t *testing.T) {
	for _, test := range []struct {
		end  func(client, target *user)
		want error
	}{
		{func(client, target *user) { client.transport.LoseConnection(); target.transport.LoseConnection() }, reactor.ErrConnectionDone},
		{func(client, target *user) { client.transport.AbortConnection() }, reactor.ErrConnectionLost},
		{func(client, target *user) { target.transport.AbortConnection() }, reactor.ErrConnectionLost},
	} {
		r := start(t, -1)
		target := listen(t, r)
		client := connect(r)
		r.Pump()
		test.end(client, target)
		r.Pump()
		for _, u := range []*user{client, target} {
			if !errors.Is(u.lost, test.want) && !errors.Is(u.lost, reactor.ErrConnectionAborted) {
				t.Errorf("lost for %v, want %v", u.lost, test.want)
			}
		}
	}
}

// TestWithoutTarget: a client whose target is not there is closed, and one that is lost meanwhile
// ends the attempt.
func TestWithoutTarget(t *testing.T) {
	log := logtest.Capture(t)
	r := start(t, -1)
	client := connect(r)
	r.Pump()
	if !client.readEnded {
		t.Error("the client is still connected")
	}
	if got := log.String(); !strings.Contains(got, "a client is not forwarded") || !strings.Contains(got, "refused") {
		t.Errorf("the log is %q", got)
	}
	client.transport.LoseConnection()
	r.Pump()
}

// A pending is an endpoint whose attempt to connect does not end by itself.
type pending struct {
	factory  reactor.Factory
	attempt  *deferred.Deferred[reactor.Protocol]
	canceled bool
}

func (p *pending) Connect(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	p.factory = f
	p.attempt = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) { p.canceled = true })
	return p.attempt
}

// TestLostClient: the loss of a client ends its attempt to connect to the target.
func TestLostClient(t *testing.T) {
	deferred.FailOnUnhandled(t)
	target := &pending{}
	client, transport := (&forwarder{target}).BuildProtocol(nil), &memory.StringTransport{}
	transport.Protocol = client
	client.ConnectionMade(transport)
	transport.AbortConnection()
	if !target.canceled {
		t.Error("the attempt goes on")
	}
}

// TestProducers: each transport is the producer of the other, and is paused until both are there.
func TestProducers(t *testing.T) {
	target := &pending{}
	client, of := (&forwarder{target}).BuildProtocol(nil), [2]*memory.StringTransport{{}, {}}
	client.ConnectionMade(of[0])
	p := target.factory.BuildProtocol(nil)
	p.ConnectionMade(of[1])
	for _, transport := range of {
		if got := transport.ProducerState(); got != memory.Paused {
			t.Errorf("%v before both are connected", got)
		}
	}
	target.attempt.Callback(p)
	for i, transport := range of {
		producer, streaming := transport.Producer()
		if producer != reactor.PullProducer(of[1-i]) || !streaming || transport.ProducerState() != memory.Producing {
			t.Errorf("the producer of transport %d is %v, streaming %t; the transport is %v", i, producer, streaming, transport.ProducerState())
		}
	}
}

// TestLimit: the connections of an address are bounded.
func TestLimit(t *testing.T) {
	r := start(t, 1)
	listen(t, r)
	first, second := connect(r), connect(r)
	r.Pump()
	if first.lost != nil || second.lost == nil && !second.readEnded {
		t.Errorf("lost for %v and %v", first.lost, second.lost)
	}
}
