// Package reactor is a small event loop in the manner of Twisted: one goroutine
// that waits for sockets, timers and other goroutines, and calls what was
// registered for them, one at a time.
package reactor
