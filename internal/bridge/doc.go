// Package bridge carries bytes between the loop's goroutine, which must not block, and
// goroutines that block in Read: a [Pipe] from the loop to a reader, and a [Pump] from a
// reader to the loop. Both slow a fast sender down.
package bridge
