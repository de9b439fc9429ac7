package reactor

import (
	"os"
	"os/signal"
	"syscall"
)

// HandleSignals says whether SIGINT and SIGTERM stop the loop in order while it
// runs, as they do at first with the loops of New and NewPortable. A second
// signal, while the loop shuts down, does what it would do without. It is to be
// called before Run, and is the installSignalHandlers of Twisted's reactor.run.
func (l *Loop) HandleSignals(on bool) { l.handlesSignals = on }

// handleSignals has the signals stop the loop until end is called.
func (l *Loop) handleSignals() (end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			signal.Stop(signals)
			l.CallFromThread(func() { l.Stop() })
		case <-over:
			signal.Stop(signals)
		}
	}()
	return func() {
		close(over)
		<-done
	}
}
