package deferred

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrAlreadyTryingToLock is the error of a second
// [DeferredFilesystemLock.DeferUntilLocked] while the first still waits. It is
// Twisted's AlreadyTryingToLockError.
var ErrAlreadyTryingToLock = errors.New("deferred: DeferUntilLocked while another waits")

// A DeferredFilesystemLock is a lock between processes, named by a file. It is
// Twisted's DeferredFilesystemLock, but the operating system keeps the lock, so
// that it ends with its process however that ends, and the two do not see each
// other's locks. The file stays when the lock is released; what it holds does not
// matter.
type DeferredFilesystemLock struct {
	// Interval is how long to wait between tries. NewDeferredFilesystemLock sets
	// one second.
	Interval time.Duration

	name   string
	clock  Clock
	file   *os.File    // while locked
	trying DelayedCall // while DeferUntilLocked waits
}

// NewDeferredFilesystemLock returns a lock by the name of a file, which is made
// if it is not there. Tries to get it are made by clock.
func NewDeferredFilesystemLock(name string, clock Clock) *DeferredFilesystemLock {
	return &DeferredFilesystemLock{Interval: time.Second, name: name, clock: clock}
}

// Lock tries to get the lock, without waiting, and reports whether it was got.
// The error says why the file could not be used at all.
func (l *DeferredFilesystemLock) Lock() (bool, error) {
	if l.file != nil {
		return false, nil
	}
	file, err := openLocked(l.name)
	if err != nil {
		return false, fmt.Errorf("deferred: locking: %w", err)
	}
	l.file = file
	return file != nil, nil
}

// Unlock releases the lock. It panics if this is not locked.
func (l *DeferredFilesystemLock) Unlock() error {
	if l.file == nil {
		panic("deferred: Unlock of a DeferredFilesystemLock that is not locked")
	}
	file := l.file
	l.file = nil
	return file.Close()
}

// Locked reports whether this has the lock.
func (l *DeferredFilesystemLock) Locked() bool { return l.file != nil }

// DeferUntilLocked waits for the lock, by trying every Interval. It fails with a
// [*TimeoutError] after timeout, if that is not zero, and with
// [ErrAlreadyTryingToLock] if this waits already. When time runs out, and when it
// is cancelled, it tries a last time.
func (l *DeferredFilesystemLock) DeferUntilLocked(timeout time.Duration) *Deferred[None] {
	if l.trying != nil {
		return Fail[None](ErrAlreadyTryingToLock)
	}
	var timer DelayedCall
	// settle tries, and reports whether that led to a result.
	settle := func(d *Deferred[None], otherwise error) bool {
		locked, err := l.Lock()
		if !locked && err == nil {
			err = otherwise
		}
		if !locked && err == nil {
			return false
		}
		for _, call := range []DelayedCall{l.trying, timer} {
			if call != nil && call.Active() {
				call.Cancel()
			}
		}
		l.trying = nil
		d.Resolve(None{}, err)
		return true
	}
	d := NewCancellable(func(d *Deferred[None]) { settle(d, ErrCancelled) })
	var try func()
	try = func() {
		if !settle(d, nil) {
			l.trying = l.clock.CallLater(l.Interval, try)
		}
	}
	try()
	if !d.Called() && timeout > 0 {
		timer = l.clock.CallLater(timeout, func() { settle(d, &TimeoutError{After: timeout}) })
	}
	return d
}
