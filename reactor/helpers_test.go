package reactor_test

import (
	"bytes"
	"net"
	"os"
	"os/signal"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// result returns the current result of d, if any.
func result[T any](d *deferred.Deferred[T]) (value T, err error, fired bool) {
	deferred.MapBoth(d, func(v T, e error) (deferred.None, error) {
		value, err, fired = v, e, true
		return deferred.None{}, nil
	})
	return value, err, fired
}

// addr is the argument of a FactoryFunc.
type addr = net.Addr

// echo sends back the received data.
type echo struct{ t reactor.Transport }

func (e *echo) ConnectionMade(t reactor.Transport) { e.t = t }
func (e *echo) DataReceived(data []byte)           { e.t.Write(data) }
func (e *echo) ConnectionLost(error)               {}

// recorder records the received data, and calls the test's functions.
type recorder struct {
	t    reactor.Transport
	got  bytes.Buffer
	made func(*recorder)
	data func(*recorder)
	lost func(*recorder, error)
}

func (r *recorder) ConnectionMade(t reactor.Transport) {
	r.t = t
	if r.made != nil {
		r.made(r)
	}
}

func (r *recorder) DataReceived(data []byte) {
	r.got.Write(data)
	if r.data != nil {
		r.data(r)
	}
}

func (r *recorder) ConnectionLost(reason error) {
	if r.lost != nil {
		r.lost(r, reason)
	}
}

func build(p reactor.Protocol) reactor.Factory {
	return reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
}

// The first uses of packages signal and net leave a goroutine and descriptors behind,
// which tests must not count.
func init() {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	signal.Stop(make(chan os.Signal, 1))
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
}

// watchdog ends a loop that a bug keeps running.
func watchdog(t *testing.T, l *reactor.Loop) {
	l.CallLater(20*time.Second, func() {
		t.Error("the loop still runs after 20 s")
		l.Stop()
	})
}
