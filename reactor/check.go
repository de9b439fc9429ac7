package reactor

import "github.com/seed-7c003b53/gotreq/deferred"

// check panics if the caller is not on the loop's goroutine, as far as that is known. A
// loop that is asleep is called from elsewhere for sure. Debugging finds the caller's
// goroutine out. Outside of turns, any goroutine may set things up.
func (l *Loop) check(method string) {
	if l.phase.Load() == asleep || deferred.Debugging() {
		l.checkGoroutine(method)
	}
}

func (l *Loop) checkGoroutine(method string) {
	if l.phase.Load() != outside && !l.OnLoop() {
		panic("reactor: " + method + " must be called on the reactor's goroutine; " +
			"from here use CallFromThread or BlockingCallFromThread")
	}
}

// checkDelayedCall is check for the methods of delayed calls.
func (l *Loop) checkDelayedCall() { l.check("the methods of a DelayedCall") }
