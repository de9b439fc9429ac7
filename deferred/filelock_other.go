//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package deferred

import (
	"errors"
	"os"
)

func openLocked(name string) (*os.File, error) {
	return nil, &os.PathError{Op: "lock", Path: name, Err: errors.ErrUnsupported}
}
