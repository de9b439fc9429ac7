//go:build !unix

package daemon

import (
	"os"
	"os/exec"
)

// lead does nothing: this system has no groups of processes to send signals to.
func lead(*exec.Cmd) {}

// interrupt does nothing: this system has no signal that asks a process to end.
func interrupt(*os.Process) {}

// kill ends p.
func kill(p *os.Process) { p.Kill() }
