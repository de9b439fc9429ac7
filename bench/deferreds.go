package main

import (
	"github.com/seed-7c003b53/gotreq/deferred"
)

// This file has what is done with Deferreds and without, a thousand times for what counts as one request. promise.mjs does
// the same with V8's promises.

// gotreqChain makes a Deferred, adds three callbacks and fires it.
func gotreqChain(t *task, m *meter) error {
	plusOne := func(n int64) (int64, error) { return n + 1, nil }
	for more := true; more; {
		for range deferredsAtOnce {
			d := deferred.New[int64]()
			d.AddCallback(plusOne).AddCallback(plusOne).AddCallback(plusOne)
			d.Callback(0)
		}
		more = m.done(t.Length)
	}
	return nil
}

// gotreqWait has a coroutine wait for one Deferred after another.
func gotreqWait(t *task, m *meter) error {
	var d *deferred.Deferred[int64]
	over := false
	deferred.Go(func(co *deferred.Co) (none deferred.None, err error) {
		for !over {
			d = deferred.New[int64]()
			if _, err := deferred.Await(co, d); err != nil {
				fail(err)
			}
		}
		return none, nil
	})
	for more := true; more; {
		for range deferredsAtOnce {
			d.Callback(1)
		}
		more = m.done(t.Length)
	}
	over = true
	d.Callback(1)
	return nil
}

// callbackWait has a callback take the place of the coroutine.
func callbackWait(t *task, m *meter) error {
	var d *deferred.Deferred[int64]
	var again func(n int64) (int64, error)
	wait := func() {
		d = deferred.New[int64]()
		d.AddCallback(again)
	}
	again = func(n int64) (int64, error) {
		wait()
		return n, nil
	}
	wait()
	for more := true; more; {
		for range deferredsAtOnce {
			d.Callback(1)
		}
		more = m.done(t.Length)
	}
	return nil
}

// goroutineWait has a goroutine wait for one channel after another. Each is made for one value, as a Deferred is.
func goroutineWait(t *task, m *meter) error {
	waits := make(chan chan int64)
	go func() {
		for {
			c := make(chan int64, 1)
			waits <- c
			<-c
		}
	}()
	for more := true; more; {
		for range deferredsAtOnce {
			c := <-waits
			c <- 1
		}
		more = m.done(t.Length)
	}
	return nil
}
