package endpoints_test

import (
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// newReactor returns a reactor. At the end of the test it checks that no timer, no attempt
// to connect and no unhandled error is left.
func newReactor(t *testing.T) *memory.Reactor {
	t.Helper()
	deferred.FailOnUnhandled(t)
	r := memory.New()
	r.StartTrace()
	t.Cleanup(func() {
		t.Helper()
		if n := len(r.DelayedCalls()); n != 0 {
			t.Errorf("%d delayed calls are left", n)
		}
		if n := len(r.HeldConnects()); n != 0 {
			t.Errorf("%d attempts to connect are left", n)
		}
		if t.Failed() {
			t.Logf("the trace is\n%s", r.Trace())
		}
	})
	return r
}

// A peer is a protocol that records its calls.
type peer struct {
	reactor.Transport
	lost   error
	onLost func(reason error) // called last; may be nil
}

func (p *peer) ConnectionMade(t reactor.Transport) { p.Transport = t }
func (p *peer) DataReceived([]byte)                {}

func (p *peer) ConnectionLost(reason error) {
	p.lost = reason
	if p.onLost != nil {
		p.onLost(reason)
	}
}

// peers is a factory that keeps its protocols.
type peers struct{ built []*peer }

func (f *peers) build(net.Addr) *peer {
	p := &peer{}
	f.built = append(f.built, p)
	return p
}

func (f *peers) BuildProtocol(peer net.Addr) reactor.Protocol { return f.build(peer) }

// open returns the number of connected protocols.
func (f *peers) open() (n int) {
	for _, p := range f.built {
		if p.Transport != nil && p.lost == nil {
			n++
		}
	}
	return n
}

// listen listens on address.
func listen(t *testing.T, r *memory.Reactor, address string) *peers {
	t.Helper()
	f := &peers{}
	if _, err := r.ListenTCP(address, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// An outcome is the result of a Deferred, with its time.
type outcome[T any] struct {
	fired bool
	value T
	err   error
	at    time.Duration // since the clock's beginning
}

// await records the result of d.
func await[T any](r reactor.Clock, d *deferred.Deferred[T]) *outcome[T] {
	o := &outcome[T]{}
	d.AddBoth(func(value T, err error) (T, error) {
		*o = outcome[T]{true, value, err, r.Now().Sub(time.Unix(0, 0))}
		return value, nil
	})
	return o
}

// valueOf ends the test if d has no value.
func valueOf[T any](t *testing.T, o *outcome[T]) T {
	t.Helper()
	if !o.fired {
		t.Fatal("no result yet, want a value")
	}
	if o.err != nil {
		t.Fatalf("error %v, want a value", o.err)
	}
	return o.value
}
