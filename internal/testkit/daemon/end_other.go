//go:build !unix

package daemon

import "os"

// interrupt ends p: this system has no signal that asks.
func interrupt(p *os.Process) { p.Kill() }
