package protocols_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// An idle is a connection to a TimeoutFactory.
type idle struct {
	*memory.Reactor
	factory        *protocols.TimeoutFactory
	client, server *party
}

func newIdle(t *testing.T, f *protocols.TimeoutFactory) *idle {
	i := &idle{policyReactor(t), f, nil, &party{}}
	f.Factory = builds(i.server)
	serve(t, i, f)
	i.client = client(i.Reactor)
	return i
}

func (i *idle) timeout() *protocols.TimeoutProtocol {
	return i.server.transport.(*protocols.TimeoutProtocol)
}

// TestTimeout: a connection without activity ends in order, with a reason that says so. What is
// received and written starts the time anew.
func TestTimeout(t *testing.T) {
	for name, activity := range map[string]func(i *idle){
		"none":          nil,
		"received":      func(i *idle) { i.client.transport.Write([]byte("x")); i.Pump() },
		"Write":         func(i *idle) { i.server.transport.Write([]byte("x")) },
		"WriteSequence": func(i *idle) { i.server.transport.WriteSequence([]byte("x"), []byte("y")) },
		"ResetTimeout":  func(i *idle) { i.timeout().ResetTimeout() },
	} {
		t.Run(name, func(t *testing.T) {
			i := newIdle(t, &protocols.TimeoutFactory{Period: 3 * time.Second})
			if activity != nil {
				for range 3 {
					i.RunFor(2 * time.Second)
					activity(i)
				}
			}
			i.RunFor(3*time.Second - 1)
			if i.server.reason != nil {
				t.Fatalf("lost too early for %v", i.server.reason)
			}
			i.RunFor(1)
			var idle *protocols.IdleError
			err := i.server.reason
			if !errors.As(err, &idle) || idle.Period != 3*time.Second || !errors.Is(err, reactor.ErrConnectionDone) ||
				!errors.Is(err, os.ErrDeadlineExceeded) || !idle.Timeout() || !strings.Contains(err.Error(), "idle for 3s") {
				t.Errorf("the server's reason is %v", err)
			}
			if i.client.reason != reactor.ErrConnectionDone {
				t.Errorf("the client's reason is %v", i.client.reason)
			}
		})
	}
}

// TestTimeoutDefaults: the time is 30 minutes, and a negative Period means none.
func TestTimeoutDefaults(t *testing.T) {
	i := newIdle(t, &protocols.TimeoutFactory{})
	i.RunFor(30*time.Minute - 1)
	early := i.server.reason
	i.RunFor(1)
	if early != nil || i.server.reason == nil {
		t.Errorf("lost for %v before 30 minutes, %v after them", early, i.server.reason)
	}
	i = newIdle(t, &protocols.TimeoutFactory{Period: -1})
	i.RunFor(1000 * time.Hour)
	if i.server.reason != nil {
		t.Errorf("lost for %v without a timeout", i.server.reason)
	}
	i.timeout().CancelTimeout()
	i.timeout().ResetTimeout()
	i.timeout().SetTimeout(3 * time.Second)
	i.RunFor(3 * time.Second)
	if i.server.reason == nil {
		t.Error("the timeout of the protocol did not end the connection")
	}
	i.timeout().SetTimeout(time.Second) // no timer may be left
}

// TestSetTimeout: a protocol replaces and cancels its timeout.
func TestSetTimeout(t *testing.T) {
	i := newIdle(t, &protocols.TimeoutFactory{Period: 3 * time.Second})
	i.timeout().SetTimeout(10 * time.Second)
	i.RunFor(9 * time.Second)
	i.timeout().CancelTimeout()
	i.timeout().CancelTimeout()
	i.RunFor(100 * time.Second)
	i.timeout().SetTimeout(0)
	i.RunFor(100 * time.Second)
	if i.server.reason != nil {
		t.Fatalf("lost for %v", i.server.reason)
	}
	i.timeout().SetTimeout(2 * time.Second)
	i.RunFor(time.Second)
	i.timeout().SetTimeout(time.Second)
	i.RunFor(time.Second)
	if i.server.reason == nil {
		t.Error("still connected")
	}
	i.timeout().CancelTimeout()
}

// TestTimeoutConnection: the program's function decides what a timeout does. It can set the next
// one; its panic ends the connection.
func TestTimeoutConnection(t *testing.T) {
	times := 0
	f := &protocols.TimeoutFactory{Period: 3 * time.Second}
	f.TimeoutConnection = func(p *protocols.TimeoutProtocol) {
		if times++; times == 2 {
			logtest.Capture(t)
			panic("oops")
		}
		p.Write([]byte("still there?"))
		p.SetTimeout(time.Second)
	}
	i := newIdle(t, f)
	i.RunFor(3 * time.Second)
	if got := i.client.received.String(); got != "still there?" || times != 1 || i.server.reason != nil {
		t.Errorf("received %q, called %d times, lost for %v", got, times, i.server.reason)
	}
	i.RunFor(time.Second)
	if err := i.server.reason; err == nil || times != 2 || !strings.Contains(err.Error(), "oops") || !errors.Is(err, reactor.ErrConnectionLost) {
		t.Errorf("called %d times, lost for %v", times, err)
	}
}

// TestTimeoutOfAStuckPeer: a peer that takes nothing does not keep a connection open that has
// timed out.
func TestTimeoutOfAStuckPeer(t *testing.T) {
	i := newIdle(t, &protocols.TimeoutFactory{Period: 3 * time.Second})
	i.client.transport.PauseProducing()
	i.server.transport.Write(make([]byte, 10<<20))
	i.RunFor(6*time.Second - 1)
	if i.server.reason != nil {
		t.Fatalf("lost too early for %v", i.server.reason)
	}
	i.server.transport.Write([]byte("dropped")) // gives no more time
	i.timeout().SetTimeout(time.Hour)           // nor does this
	i.RunFor(1)
	if err := i.server.reason; !errors.Is(err, reactor.ErrConnectionAborted) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("lost for %v", err)
	}
	i.client.transport.ResumeProducing()
	i.Pump()
}

// TestTimeoutClock: the factory's Clock measures the time, if it has one.
func TestTimeoutClock(t *testing.T) {
	clock := policyReactor(t)
	i := newIdle(t, &protocols.TimeoutFactory{Period: 3 * time.Second, Clock: clock})
	i.RunFor(time.Hour)
	if i.server.reason != nil {
		t.Errorf("lost for %v", i.server.reason)
	}
	clock.Advance(3 * time.Second)
	i.Pump()
	if i.server.reason == nil {
		t.Error("still connected")
	}
}
