// Package bridge carries bytes between the loop's goroutine, where nothing may
// block, and code that reads and writes by blocking: a [Pipe] from the loop to a
// reader, and a [Pump] from a reader to the loop. Both hold back who is too fast.
package bridge
