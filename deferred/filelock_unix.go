//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package deferred

import (
	"os"
	"syscall"
)

// openLocked opens the file and locks it, or returns nil if another has it. The
// lock ends when the file is closed.
func openLocked(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	if err == nil {
		return file, nil
	}
	file.Close()
	if err == syscall.EWOULDBLOCK {
		return nil, nil
	}
	return nil, &os.PathError{Op: "flock", Path: name, Err: err}
}
