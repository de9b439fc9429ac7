package deferred

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/flock"
)

// ErrAlreadyTryingToLock is the error of a
// [DeferredFilesystemLock.DeferUntilLocked] during another one.
var ErrAlreadyTryingToLock = errors.New("deferred: DeferUntilLocked is already waiting")

// A DeferredFilesystemLock is a lock between processes, named by a file. It follows
// Twisted's, with one difference: the operating system keeps the lock and releases
// it when the process ends in any way. Twisted's locks and these therefore do not
// exclude each other. Unlock leaves the file, whose content does not matter.
type DeferredFilesystemLock struct {
	file   *flock.Flock
	clock  Clock
	config FilesystemLockConfig

	// These fields are nil unless a DeferUntilLocked is waiting.
	waiter       *Deferred[None]
	retry, timer DelayedCall
}

// A FilesystemLockConfig configures a [DeferredFilesystemLock].
type FilesystemLockConfig struct {
	// Interval is the time between two attempts. Zero: one second.
	Interval time.Duration
}

// NewDeferredFilesystemLock returns the lock of the file called name, which the
// first attempt creates if necessary. clock times the attempts.
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

// DeferUntilLocked attempts to get the lock at once, and then after every Interval.
// The Deferred fires when l has the lock. It fails with a [*TimeoutError] after
// timeout, unless timeout is zero. A timeout and a cancellation make a last
// attempt. While one call waits, another one fails with [ErrAlreadyTryingToLock].
func (l *DeferredFilesystemLock) DeferUntilLocked(timeout time.Duration) *Deferred[None] {
	if l.waiter != nil {
		return Fail[None](ErrAlreadyTryingToLock)
	}
	file := &external{what: func() string { return "the lock of the file " + l.file.Path() }}
	d := newWait[None](file, func() { l.attempt(ErrCancelled) })
	l.waiter = d
	l.poll()
	if l.waiter != nil && timeout > 0 {
		l.timer = l.clock.CallLater(timeout, func() { l.attempt(&TimeoutError{After: timeout}) })
	}
	return d
}

func (l *DeferredFilesystemLock) poll() {
	l.attempt(nil)
	if l.waiter != nil {
		l.retry = l.clock.CallLater(l.config.Interval, l.poll)
	}
}

// attempt makes one attempt and fires l.waiter with the result. If another process
// has the lock, the result is ifLocked, or none if ifLocked is nil.
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
	d := l.waiter
	l.waiter, l.retry, l.timer = nil, nil, nil
	d.Resolve(None{}, err)
}
