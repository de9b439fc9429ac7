package deferred

import (
	"os"
	"syscall"
)

// errSharingViolation is what opening a file gives that another has opened and
// does not share.
const errSharingViolation = syscall.Errno(32)

// openLocked opens the file without sharing it, or returns nil if another has
// it. The lock ends when the file is closed.
func openLocked(name string) (*os.File, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	const notShared = 0
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, notShared, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch err {
	case nil:
		return os.NewFile(uintptr(handle), name), nil
	case errSharingViolation:
		return nil, nil
	}
	return nil, &os.PathError{Op: "open", Path: name, Err: err}
}
