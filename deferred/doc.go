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
// place and return d; functions return a new Deferred.
//
// # One goroutine
//
// A Deferred belongs to the goroutine of its reactor. This package takes no lock
// and starts no goroutine.
package deferred
