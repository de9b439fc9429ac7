//go:build unix

package daemon

import (
	"os"
	"syscall"
)

// interrupt asks p to end, so that it ends its children too.
func interrupt(p *os.Process) { p.Signal(syscall.SIGTERM) }
