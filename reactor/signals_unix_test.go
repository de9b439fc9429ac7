//go:build unix

package reactor_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

func TestSignalsStopTheLoop(t *testing.T) {
	for _, r := range reactors[:2] {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(r.name+"/"+s.String(), func(t *testing.T) {
				f := newFixture(t, r.new, tcp4)
				var d diary
				f.AddSystemEventTrigger(reactor.During, reactor.Shutdown, trigger(d.note("shutdown")))
				client, server := f.probe("client"), f.probe("server")
				client.made = func() { client.Write([]byte("hello")) }
				server.data = func([]byte) { syscall.Kill(syscall.Getpid(), s) }
				f.join(client, server)
				f.run()
				d.is(f, "shutdown")
				client.lostFor(reactor.ErrStopped)
				f.finish()
			})
		}
	}
}

func TestSignalsLeftToTheProgram(t *testing.T) {
	f := newFixture(t, func() loop {
		l := reactor.New()
		l.HandleSignals(false)
		return l
	}, tcp4)
	f.CallWhenRunning(func() {
		syscall.Kill(syscall.Getpid(), syscall.SIGINT) // which the tests handle
		f.CallLater(10*time.Millisecond, func() {
			if err := f.Stop(); err != nil {
				t.Errorf("Stop: %v: the signal stopped the loop", err)
			}
		})
	})
	f.run()
	f.finish()
}
