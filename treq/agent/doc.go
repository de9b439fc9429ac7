// Package agent is how one request reaches the wire, and its response comes
// back: [Agent], which speaks HTTP/1.1 over connections that a [Pool] keeps, and
// the agents that wrap another one to add to it.
//
// # Errors
//
// A Deferred of a response fails with a [*RequestError], which says the method and the
// URL; one of a body, with the reason itself. errors.Is and errors.As find the reasons:
//
//   - What is no request, and was not sent: [ErrSchemeNotSupported], [ErrNoHost],
//     [ErrPort], or a [*wire.Error]; of a client, also its ErrURL, ErrOption and
//     ErrOptionsConflict.
//   - No connection: the errors of package reactor, such as
//     [reactor.ErrConnectionRefused], [reactor.ErrNameNotFound] and
//     [reactor.ErrConnectTimeout], and those of crypto/tls; by way of a proxy, a
//     [*ProxyError].
//   - No response: a [*response.NeverReceivedError].
//   - A response that is none, or not whole: a [*response.FailedError], for a
//     [*wire.Error], for [ErrNotUpgraded], or for how the connection ended.
//   - A request whose body was not produced: a [*GenerationError], for a
//     [*WrongLengthError] or an error of the producer.
//   - A redirect that was not followed: a [*response.FailedError] for a
//     [*RedirectError].
//   - A body that could not be decoded: a [*response.FailedError] for a
//     [*DecodeError], or for [ErrTooManyCodings].
//   - Credentials that could not be used: [auth.ErrInvalid],
//     [auth.ErrNotBytes], [auth.ErrServerUnproved], [ErrBodyNotRepeatable].
//   - A timeout: a [*deferred.TimeoutError]. Cancelled: [deferred.ErrCancelled].
//   - A body that has a reader already: [response.ErrBodyTaken].
package agent
