// Package deferred has Twisted's Deferred, with a type parameter. A Deferred stands
// for a result that does not exist yet, and holds the handlers that wait for it.
//
//	d := deferred.New[int]()
//	d.AddCallback(func(n int) (int, error) { return n * 2, nil })
//	d.AddErrback(func(err error) (int, error) { return 0, nil })
//	d.Callback(21)
//
// # Handlers
//
// Each handler gets the result that the previous one left, and leaves a new one.
// The function or method that adds a handler is named after two questions: what
// does the handler return, and does the chain keep its type?
//
//	                     the handler returns     the handler returns
//	runs on              a value and an error    a Deferred
//	                     ----------------------  ------------------------
//	a value, same type   d.AddCallback(f)        d.ThenCallback(f)
//	an error             d.AddErrback(f)         d.ThenErrback(f)
//	one of each          d.AddCallbacks(f, g)
//	either, same type    d.AddBoth(f)            d.ThenBoth(f)
//	either, unchanged    d.Tap(f)
//	a value, new type    Map(d, f)               Then(d, f)
//	either, new type     MapBoth(d, f)           ThenBoth(d, f)
//
// The prefix Then means that the handler returns a Deferred. The handler of Tap returns
// nothing. Methods change the chain in place and return d; functions return a new Deferred.
//
// # Direct style
//
// A coroutine waits for a result instead of adding a handler. It needs no other
// goroutine: it runs on the reactor's, between handlers.
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
// Cancelling the result of a coroutine ends it: it cannot wait any more. [Go] says how,
// and [Shield] is for a clean-up that has to wait.
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
//	QueueOverflow, QueueUnderflow          ErrQueueOverflow, ErrQueueUnderflow
//	asFuture, fromFuture                   ToChannel, FromChannel
//	deferToThread                          RunOn
//	IReactorTime, IDelayedCall             Clock, DelayedCall
//	AlreadyCalled, AlreadyCancelled        ErrCallRan, ErrCallCancelled
//	CancelledError, TimeoutError           ErrCancelled, TimeoutError
//	FirstError, FailureGroup               the same
//	AlreadyTryingToLockError               ErrAlreadyTryingToLock
//	setDebugging                           SetDebugging
//	trial's flushLoggedErrors              FailOnUnhandled
//	trial's successResultOf                package deferredtest
//
// # Errors
//
// If a Deferred becomes unreachable with an error that no handler took, the package
// logs the error with log/slog, or calls the function that [SetUnhandledReporter]
// set. [ReportUnhandled] does so at the end of a program. A panic in a handler or a coroutine becomes a [*PanicError]. A call of
// runtime.Goexit there, as in the FailNow of a test, ends the goroutine as usual.
//
// # Cost
//
// A Deferred whose value is one word is one allocation of 128 bytes, with room for
// three handlers. A handler that changes the type is one of 144 bytes. Chains of
// any length, in any combination with the rest of this package, use constant stack.
//
// # One goroutine
//
// A Deferred belongs to the goroutine of its reactor. This package takes no lock
// and starts no goroutine. The few functions that any goroutine may call say so.
package deferred
