// Package deferred is Twisted's Deferred, typed: a result that is not there yet
// and the chain of handlers that waits for it.
//
//	d := deferred.New[int]()
//	d.AddCallback(func(n int) (int, error) { return n * 2, nil })
//	d.AddErrback(func(err error) (int, error) { return 0, nil })
//	d.Callback(21)
//
// # Links
//
// A handler gets the result the one before it left, and leaves a new one. What
// adds it is named after two questions: what does the handler return, and does
// the chain keep its type?
//
//	                     the handler returns     the handler returns
//	runs on              a value and an error    a Deferred
//	                     ----------------------  ------------------------
//	a value, same type   d.AddCallback(f)        d.ThenCallback(f)
//	an error             d.AddErrback(f)         d.ThenErrback(f)
//	one of each          d.AddCallbacks(f, g)
//	either, same type    d.AddBoth(f)            d.ThenBoth(f)
//	a value, new type    Map(d, f)               Then(d, f)
//	either, new type     MapBoth(d, f)           ThenBoth(d, f)
//
// So: Then is for a handler that returns a Deferred; methods change the chain in
// place and return d; functions return a new Deferred. d.MaybeThenBoth is for a
// handler that mostly has its result at once, and else returns a Deferred.
//
// # Direct style
//
// A coroutine waits where it stands instead of adding handlers. It takes no
// other goroutine: it runs on the reactor's, between handlers.
//
//	sum := deferred.Go(func(co *deferred.Co) (int, error) {
//		a, err := deferred.Await(co, first)
//		if err != nil {
//			return 0, err
//		}
//		b, err := deferred.Await(co, second)
//		return a + b, err
//	})
//
// # Coming from Twisted
//
//	defer.succeed, fail, execute           Succeed, Fail, Execute
//	maybeDeferred, logError                MaybeDeferred, LogError
//	failure.trap, failure.check            Trap and TrapAs; errors.Is and errors.As
//	inlineCallbacks, ensureDeferred        Go, Await
//	DeferredList                           DeferredList; FireOnOneCallback
//	gatherResults, race                    GatherResults, Gather2, Gather3; Race
//	addTimeout                             d.AddTimeout
//	DeferredLock.run, DeferredSemaphore    Run, DeferredLock, DeferredSemaphore
//	DeferredQueue, DeferredFilesystemLock  the same
//	asFuture, fromFuture                   ToChannel, FromChannel
//	deferToThread                          RunOn
//	CancelledError, TimeoutError           ErrCancelled, TimeoutError
//	FirstError, FailureGroup               the same
//	setDebugging                           SetDebugging
//	trial's flushLoggedErrors              FailOnUnhandled
//
// # Errors
//
// An error that no handler took is reported, by log/slog unless
// [SetUnhandledReporter] says otherwise, when the Deferred becomes unreachable. A
// panic in a handler becomes a [*PanicError]; runtime.Goexit, which the FailNow of
// a test calls, is let through.
//
// # Cost
//
// A Deferred is one allocation of 128 bytes for a value of one word, with room for
// three handlers. A link that changes the type is one of 144. Chains of any length,
// in any combination with what is in this package, take constant stack.
//
// # One goroutine
//
// A Deferred belongs to the goroutine of its reactor. This package takes no lock
// and starts no goroutine. What may be called from any goroutine says so.
package deferred
