//go:build unix

package daemon

import (
	"os"
	"os/exec"
	"syscall"
)

// lead makes the process of cmd the leader of a group, to which its children belong.
func lead(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt asks p and its children to end.
func interrupt(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGTERM) }

// kill ends p and its children.
func kill(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }
