// Package background runs reactors beside a test.
package background

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// Loop returns a reactor that runs on a goroutine of its own until the test ends.
// before, which may be nil, prepares the reactor before it runs.
func Loop(t testing.TB, before func(l *reactor.Loop)) *reactor.Loop {
	t.Helper()
	return Run(t, reactor.New(), before)
}

// Run runs l as [Loop] does.
func Run(t testing.TB, l *reactor.Loop, before func(l *reactor.Loop)) *reactor.Loop {
	t.Helper()
	l.HandleSignals(false)
	if before != nil {
		before(l)
	}
	running, ended := make(chan bool), make(chan error)
	l.CallWhenRunning(func() { close(running) })
	go func() { ended <- l.Run() }()
	<-running
	t.Cleanup(func() {
		l.CallFromThread(func() { l.Stop() })
		if err := <-ended; err != nil {
			t.Error(err)
		}
		l.Close()
	})
	return l
}
