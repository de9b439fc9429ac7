package deferred_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

func TestFilesystemLock(t *testing.T) {
	setup := func(t *testing.T, config deferred.FilesystemLockConfig) (*fakeClock, *deferred.DeferredFilesystemLock, *deferred.DeferredFilesystemLock) {
		clock := new(fakeClock)
		name := filepath.Join(t.TempDir(), "lock")
		held := deferred.NewDeferredFilesystemLock(name, clock, config)
		if ok, err := held.Lock(); !ok || err != nil {
			t.Fatal(ok, err)
		}
		return clock, held, deferred.NewDeferredFilesystemLock(name, clock, config)
	}
	// tidy checks that no timer is left, and unlocks the locks.
	tidy := func(t *testing.T, clock *fakeClock, locks ...*deferred.DeferredFilesystemLock) {
		t.Helper()
		eq(t, clock.active(), 0)
		for _, l := range locks {
			if l.Locked() {
				eq(t, l.Unlock(), nil)
			}
		}
	}

	t.Run("free", func(t *testing.T) {
		clock, held, l := setup(t, deferred.FilesystemLockConfig{})
		held.Unlock()
		eq(t, l.Locked(), false)
		wantValue(t, l.DeferUntilLocked(time.Second), None{})
		eq(t, l.Locked(), true)
		tidy(t, clock, l)
	})
	t.Run("not locked twice", func(t *testing.T) {
		clock, held, l := setup(t, deferred.FilesystemLockConfig{})
		for _, x := range []*deferred.DeferredFilesystemLock{held, l} {
			if ok, err := x.Lock(); ok || err != nil {
				t.Error(ok, err)
			}
		}
		tidy(t, clock, held)
		wantPanic(t, func() { held.Unlock() })
	})
	t.Run("the file has the permissions of an ordinary file", func(t *testing.T) {
		dir := t.TempDir()
		lock := deferred.NewDeferredFilesystemLock(filepath.Join(dir, "lock"), nil, deferred.FilesystemLockConfig{})
		if ok, err := lock.Lock(); !ok || err != nil {
			t.Fatal(ok, err)
		}
		defer lock.Unlock()
		ordinary, err := os.Create(filepath.Join(dir, "ordinary"))
		if err != nil {
			t.Fatal(err)
		}
		defer ordinary.Close()
		mode := func(name string) fs.FileMode {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return info.Mode()
		}
		eq(t, mode("lock"), mode("ordinary"))
	})
	t.Run("freed while waiting", func(t *testing.T) {
		clock, held, l := setup(t, deferred.FilesystemLockConfig{Interval: 2 * time.Second})
		d := l.DeferUntilLocked(5 * time.Second)
		clock.advance(time.Second)
		held.Unlock()
		eq(t, d.Called(), false)
		clock.advance(time.Second)
		wantValue(t, d, None{})
		tidy(t, clock, l)
	})
	t.Run("without a timeout", func(t *testing.T) {
		clock, held, l := setup(t, deferred.FilesystemLockConfig{})
		d := l.DeferUntilLocked(0)
		clock.advance(time.Hour)
		held.Unlock()
		clock.advance(time.Second)
		wantValue(t, d, None{})
		tidy(t, clock, l)
	})
	t.Run("times out", func(t *testing.T) {
		clock, held, l := setup(t, deferred.FilesystemLockConfig{})
		d := l.DeferUntilLocked(5 * time.Second)
		clock.advance(10 * time.Second)
		wantError(t, d, os.ErrDeadlineExceeded)
		tidy(t, clock, held, l)
		eq(t, l.Locked(), false)
	})
	t.Run("freed just before it times out", func(t *testing.T) {
		clock, held, l := setup(t, deferred.FilesystemLockConfig{})
		d := l.DeferUntilLocked(500 * time.Millisecond)
		held.Unlock()
		clock.advance(500 * time.Millisecond)
		wantValue(t, d, None{})
		tidy(t, clock, l)
	})
	t.Run("one at a time", func(t *testing.T) {
		clock, held, l := setup(t, deferred.FilesystemLockConfig{})
		d := l.DeferUntilLocked(time.Minute)
		wantError(t, l.DeferUntilLocked(0), deferred.ErrAlreadyTryingToLock)
		held.Unlock()
		clock.advance(time.Second)
		wantValue(t, d, None{})
		eq(t, l.Unlock(), nil)
		wantValue(t, l.DeferUntilLocked(0), None{}) // the lock can wait again
		tidy(t, clock, l)
	})
	t.Run("cancelled", func(t *testing.T) {
		for _, timeout := range []time.Duration{0, time.Minute} {
			clock, held, l := setup(t, deferred.FilesystemLockConfig{})
			d := l.DeferUntilLocked(timeout)
			d.Cancel()
			wantError(t, d, deferred.ErrCancelled)
			tidy(t, clock, held, l)
		}
	})
	t.Run("cancelled, but free", func(t *testing.T) {
		clock, held, l := setup(t, deferred.FilesystemLockConfig{})
		d := l.DeferUntilLocked(time.Minute)
		held.Unlock()
		d.Cancel()
		wantValue(t, d, None{})
		tidy(t, clock, l)
	})
	t.Run("a file that cannot exist", func(t *testing.T) {
		l := deferred.NewDeferredFilesystemLock(filepath.Join(t.TempDir(), "no", "lock"), new(fakeClock), deferred.FilesystemLockConfig{})
		wantError(t, l.DeferUntilLocked(0), fs.ErrNotExist)
		if ok, err := l.Lock(); ok || !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "deferred: ") {
			t.Error(ok, err)
		}
		eq(t, l.Locked(), false)
	})
}
