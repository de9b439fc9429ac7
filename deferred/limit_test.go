package deferred_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
)

func TestLimiters(t *testing.T) {
	for name, c := range map[string]struct {
		limiter deferred.Limiter
		tokens  int
	}{
		"lock":         {new(deferred.DeferredLock), 1},
		"semaphore":    {deferred.NewDeferredSemaphore(3), 3},
		"semaphore, 1": {deferred.NewDeferredSemaphore(1), 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := c.limiter
			got := fmt.Sprint(wantPanic(t, l.Release))
			if !strings.Contains(got, "nobody has") {
				t.Errorf("got %q", got)
			}
			for range c.tokens {
				wantValue(t, l.Acquire(), None{})
			}
			var s story
			var waiting []*deferred.Deferred[None]
			for i := range 4 {
				d := l.Acquire()
				eq(t, d.Called(), false)
				waiting = append(waiting, d.AddBoth(func(v None, err error) (None, error) { s.add("%d %v", i, err == nil); return v, nil }))
			}
			waiting[1].Cancel() // leaves the queue
			l.Release()
			waiting[0].Cancel() // has no effect after it has fired
			l.Release()
			eq(t, s, story{"1 false", "0 true", "2 true"})
			for range c.tokens {
				l.Release() // the first call passes the token to the last in the queue
			}
			eq(t, s[3:], story{"3 true"})
			l.Release()
			wantPanic(t, l.Release)
		})
	}
}

func TestSemaphoreCounts(t *testing.T) {
	s := deferred.NewDeferredSemaphore(2)
	eq(t, s.Limit(), 2)
	eq(t, s.Tokens(), 2)
	s.Acquire()
	eq(t, s.Tokens(), 1)
	s.Release()
	eq(t, s.Tokens(), 2)
	wantPanic(t, func() { deferred.NewDeferredSemaphore(0) })
}

func TestRun(t *testing.T) {
	var l deferred.DeferredLock
	t.Run("one at a time, the next before the result is passed on", func(t *testing.T) {
		var s story
		jobs := []*D{deferred.New[int](), deferred.New[int](), deferred.Succeed(7)}
		for i, job := range jobs {
			deferred.Run(&l, func() *D { s.add("start %d", i); return job }).
				AddCallback(func(v int) (int, error) { s.add("end %d", i); return v, nil })
		}
		eq(t, l.Locked(), true)
		jobs[0].Callback(1)
		eq(t, s, story{"start 0", "start 1", "end 0"})
		jobs[1].Callback(2)
		eq(t, s[3:], story{"start 2", "end 2", "end 1"})
		eq(t, l.Locked(), false)
	})
	t.Run("errors and panics release the lock", func(t *testing.T) {
		wantError(t, deferred.Run(&l, func() *D { return deferred.Fail[int](errBoom) }), errBoom)
		wantError(t, deferred.Run(&l, func() *D { panic(errBoom) }), errBoom)
		d := deferred.New[int]()
		r := deferred.Run(&l, func() *D { return d })
		d.Errback(errBoom)
		wantError(t, r, errBoom)
		eq(t, l.Locked(), false)
	})
	t.Run("cancelled in the queue", func(t *testing.T) {
		l.Acquire()
		r := deferred.Run(&l, func() *D { t.Error("ran"); return nil })
		r.Cancel()
		wantError(t, r, deferred.ErrCancelled)
		l.Release()
		eq(t, l.Locked(), false)
	})
	t.Run("cancelled at work", func(t *testing.T) {
		r := deferred.Run(&l, deferred.New[int])
		eq(t, l.Locked(), true)
		r.Cancel()
		wantError(t, r, deferred.ErrCancelled)
		eq(t, l.Locked(), false)
	})
	t.Run("cancelled at work that continues", func(t *testing.T) {
		rest := deferred.New[int]()
		r := deferred.Run(&l, func() *D {
			return deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, deferred.New[int]())
				return deferred.Shield(co, func() (int, error) { return deferred.Await(co, rest) })
			})
		})
		r.Cancel()
		eq(t, l.Locked(), true)
		rest.Callback(3)
		wantValue(t, r, 3)
		eq(t, l.Locked(), false)
	})
	t.Run("cancelled at work that cannot be cancelled", func(t *testing.T) {
		d := deferred.Succeed(1)
		d.Pause()
		r := deferred.Run(&l, func() *D { return d })
		r.Cancel()
		wantError(t, r, deferred.ErrCancelled)
		eq(t, l.Locked(), true)
		d.Unpause()
		eq(t, l.Locked(), false)
	})
	t.Run("fired by hand in the queue", func(t *testing.T) {
		l.Acquire()
		r := deferred.Run(&l, func() *D { t.Error("ran"); return nil })
		r.Callback(3)
		l.Release()
		wantValue(t, r, 3)
		eq(t, l.Locked(), false)
	})
	t.Run("waits for itself", func(t *testing.T) {
		l.Acquire()
		var r *D
		r = deferred.Run(&l, func() *D { return r })
		l.Release()
		got, _ := outcome(r)
		if got.Err == nil || !strings.Contains(got.Err.Error(), "waits for Run's own") {
			t.Errorf("got %v", got)
		}
		eq(t, l.Locked(), false)
	})
	t.Run("a waiter that the caller fired is skipped", func(t *testing.T) {
		l.Acquire()
		d := l.Acquire()
		d.Callback(None{})
		next := l.Acquire()
		l.Release()
		eq(t, next.Called(), true)
		l.Release()
		eq(t, l.Locked(), false)
	})
}

func TestALockInACoroutine(t *testing.T) {
	for name, l := range map[string]deferred.Limiter{"lock": new(deferred.DeferredLock), "semaphore": deferred.NewDeferredSemaphore(1)} {
		t.Run(name, func(t *testing.T) {
			held := l.Acquire()
			wantValue(t, held, None{})
			work := func(co *deferred.Co) (int, error) {
				if _, err := deferred.Await(co, l.Acquire()); err != nil {
					return 0, err
				}
				defer l.Release()
				return 0, errBoom
			}
			d, e := deferred.Go(work), deferred.Go(work)
			l.Release()
			wantError(t, d, errBoom)
			wantError(t, e, errBoom)
			wantPanic(t, l.Release)
		})
	}
}

func TestQueue(t *testing.T) {
	t.Run("a value that was taken is not kept", func(t *testing.T) {
		q := deferred.NewDeferredQueue[*[64]byte](deferred.QueueConfig{})
		var count garbage.Count
		for range 3 {
			value := new([64]byte)
			garbage.Watch(&count, value)
			q.Put(value)
		}
		for taken := 1; taken <= 3; taken++ {
			q.Get()
			eq(t, count.Collect(), taken)
		}
		runtime.KeepAlive(q)
	})
	t.Run("values first", func(t *testing.T) {
		q := deferred.NewDeferredQueue[int](deferred.QueueConfig{Size: 2, Backlog: 2})
		eq(t, q.Put(1), nil)
		eq(t, q.Put(2), nil)
		eq(t, q.Put(3), deferred.ErrQueueOverflow)
		eq(t, q.Len(), 2)
		d := q.Get()
		d.Cancel() // it has fired
		wantValue(t, d, 1)
		wantValue(t, q.Get(), 2)
		eq(t, q.Len(), 0)
	})
	t.Run("getters first", func(t *testing.T) {
		q := deferred.NewDeferredQueue[int](deferred.QueueConfig{Size: -1, Backlog: 2})
		a, b := q.Get(), q.Get()
		wantError(t, q.Get(), deferred.ErrQueueUnderflow)
		a.Cancel()
		wantError(t, a, deferred.ErrCancelled)
		c := q.Get()
		eq(t, q.Put(1), nil)
		eq(t, q.Put(2), nil)
		eq(t, q.Put(3), deferred.ErrQueueOverflow)
		wantValue(t, b, 1)
		wantValue(t, c, 2)
	})
	t.Run("no backlog", func(t *testing.T) {
		q := deferred.NewDeferredQueue[int](deferred.QueueConfig{Size: 1, Backlog: -1})
		wantError(t, q.Get(), deferred.ErrQueueUnderflow)
		eq(t, q.Put(1), nil)
		eq(t, q.Put(2), deferred.ErrQueueOverflow)
		wantValue(t, q.Get(), 1)
		wantError(t, q.Get(), deferred.ErrQueueUnderflow)
	})
	t.Run("no limits", func(t *testing.T) {
		q := deferred.NewDeferredQueue[int](deferred.QueueConfig{})
		for i := range 1000 {
			eq(t, q.Put(i), nil)
		}
		for i := range 1000 {
			wantValue(t, q.Get(), i)
		}
		var ds []*D
		for range 1000 {
			ds = append(ds, q.Get())
		}
		for i, d := range ds {
			eq(t, q.Put(i), nil)
			wantValue(t, d, i)
		}
	})
}
