package reactor

import (
	"os"
	"os/signal"
	"syscall"
)

// HandleSignals sets whether SIGINT and SIGTERM call Stop while the loop is running. For
// the loops of New and NewPortable they do by default. A second signal, during
// shutdown, has its usual effect. Call it before Run. It is the installSignalHandlers of
// Twisted's reactor.run.
func (l *Loop) HandleSignals(on bool) {
	l.check("HandleSignals")
	l.handlesSignals = on
}

// stopOnSignals makes signals call stop, once, until end is called.
func stopOnSignals(stop func() error) (end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			signal.Stop(signals)
			stop()
		case <-over:
			signal.Stop(signals)
		}
	}()
	return func() {
		close(over)
		<-done
	}
}
