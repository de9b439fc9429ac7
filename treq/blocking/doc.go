// Package blocking makes requests from ordinary goroutines: a call returns when there is a
// response or an error. Three lines for a program that does not want to learn Deferreds:
//
//	resp, err := blocking.Get(ctx, "https://an.example/users", treq.Params{"page": {"2"}})
//	if err == nil { err = resp.RaiseForStatus() }
//	if err == nil { err = resp.JSON(&users) }
//
// Requests and options are those of package treq. They run on a reactor in the background,
// with one goroutine for all of them. The functions of this package use the default reactor,
// and start it in the background unless the program runs it. A [Client] has a reactor of its
// own, a [client.Config], and an end: [Client.Shutdown]. [NewGroupClient] makes one on several
// reactors, for a program that makes more requests than one core can.
//
// Any goroutine may call the functions and methods, except one that runs a reactor: they
// would wait for themselves, and fail with [reactor.ErrOnLoop] instead. What an option refers
// to belongs to the reactor's goroutine until the call has returned: it calls the function of
// an Informational and the methods of Credentials, and makes the body. An [io.Reader] given
// to Data is read on a goroutine of its own, so that it may block; one in Files is not.
//
// A response is streamed, and a slow reader of its Body slows down the server. To leave off
// early, close the Body. A Response that is dropped before the end of its Body closes its
// connection when the garbage collector finds it.
package blocking
