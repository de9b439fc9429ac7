package deferred

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/flock"
)

// ErrAlreadyTryingToLock is the error of a second
// [DeferredFilesystemLock.DeferUntilLocked] while the first one still waits.
var ErrAlreadyTryingToLock = errors.New("deferred: DeferUntilLocked while another waits")

// A DeferredFilesystemLock is a lock between processes, named by a file. It follows
// Twisted's, with one difference: the operating system keeps the lock, so that the
// lock ends with its process, however the process ends. The two therefore do not
// see each other's locks. Unlock leaves the file, whose content does not matter.
type DeferredFilesystemLock struct {
	file   *flock.Flock
	clock  Clock
	config FilesystemLockConfig

	// All nil unless DeferUntilLocked waits.
	waiting      *Deferred[None]
	retry, timer DelayedCall
}

// A FilesystemLockConfig configures a [DeferredFilesystemLock].
type FilesystemLockConfig struct {
	// Interval is the time between two attempts. Zero: one second.
	Interval time.Duration
}

// NewDeferredFilesystemLock returns a lock named by a file, which an attempt to
// lock creates if necessary. The clock times the attempts.
func NewDeferredFilesystemLock(name string, clock Clock, config FilesystemLockConfig) *DeferredFilesystemLock {
	config.Interval = cmp.Or(config.Interval, time.Second)
	file := flock.New(name, flock.SetPermissions(0o666)) // other users may lock it too
	return &DeferredFilesystemLock{file: file, clock: clock, config: config}
}

// Lock makes one attempt to get the lock and reports whether it succeeded. An error
// means that the file cannot be used.
func (l *DeferredFilesystemLock) Lock() (bool, error) {
	if l.file.Locked() {
		return false, nil
	}
	locked, err := l.file.TryLock()
	if err != nil {
		return false, fmt.Errorf("deferred: locking: %w", err)
	}
	return locked, nil
}

// Unlock releases the lock. It panics if l does not have it.
func (l *DeferredFilesystemLock) Unlock() error {
	if !l.file.Locked() {
		panic("deferred: Unlock of a DeferredFilesystemLock that is not locked")
	}
	return l.file.Unlock()
}

// Locked reports whether l has the lock.
func (l *DeferredFilesystemLock) Locked() bool { return l.file.Locked() }

// DeferUntilLocked attempts to get the lock, now and then after every Interval. The
// Deferred fails with a [*TimeoutError] after timeout, unless timeout is zero, and
// with [ErrAlreadyTryingToLock] if another one is waiting. A last attempt precedes
// the timeout, and also a cancellation.
func (l *DeferredFilesystemLock) DeferUntilLocked(timeout time.Duration) *Deferred[None] {
	if l.waiting != nil {
		return Fail[None](ErrAlreadyTryingToLock)
	}
	d := NewCancellable(func(*Deferred[None]) { l.attempt(ErrCancelled) })
	l.waiting = d
	l.poll()
	if l.waiting != nil && timeout > 0 {
		l.timer = l.clock.CallLater(timeout, func() { l.attempt(&TimeoutError{After: timeout}) })
	}
	return d
}

func (l *DeferredFilesystemLock) poll() {
	l.attempt(nil)
	if l.waiting != nil {
		l.retry = l.clock.CallLater(l.config.Interval, l.poll)
	}
}

// attempt fires l.waiting if it gets the lock or cannot use the file, or with
// ifLocked, unless that is nil, if another process has the lock.
func (l *DeferredFilesystemLock) attempt(ifLocked error) {
	locked, err := l.Lock()
	if !locked && err == nil {
		if ifLocked == nil {
			return
		}
		err = ifLocked
	}
	for _, call := range []DelayedCall{l.retry, l.timer} {
		if call != nil && call.Active() {
			call.Cancel()
		}
	}
	d := l.waiting
	l.waiting, l.retry, l.timer = nil, nil, nil
	d.Resolve(None{}, err)
}
