// Package agent takes a request to its server and brings the response back.
//
// An [Agent] speaks HTTP/1.1 over connections that a [Pool] keeps. A [Stack] does what a
// client does around that: it sends and keeps cookies, answers challenges, follows
// redirects and decodes bodies. Each of the agents named after one of these steps does
// that step alone, around any other [Requester].
//
// Everything belongs to the goroutine of one reactor, except [NewRoundTripper], which is
// for other goroutines.
//
// # Errors
//
// The Deferred of a response fails with a [*RequestError], which names the method and the
// URL. The Deferred of a body fails with the reason itself. errors.Is and errors.As find
// the reasons:
//
//   - The request is invalid, and was not sent: [ErrSchemeNotSupported], [ErrNoHost],
//     [ErrPort], or a [*wire.Error]; from a client also its ErrURL, ErrOption and
//     ErrOptionsConflict.
//   - There is no connection: the errors of package reactor, such as
//     [reactor.ErrConnectionRefused], [reactor.ErrNameNotFound] and
//     [reactor.ErrConnectTimeout], and those of crypto/tls; with a proxy also a
//     [*ProxyError]. After the ConnectTimeout of [Config] it is a [*TimeoutError].
//   - There is no response: a [*response.NeverReceivedError].
//   - The response is invalid or incomplete: a [*response.FailedError] for a
//     [*wire.Error], for [ErrNotUpgraded], or for the end of the connection.
//   - The body of the request could not be produced: a [*GenerationError] for a
//     [*WrongLengthError] or an error of the producer.
//   - A redirect was not followed: a [*response.FailedError] for a [*RedirectError].
//   - A body could not be decoded: a [*response.FailedError] for a [*DecodeError] or for
//     [ErrTooManyCodings].
//   - Credentials could not be used: [auth.ErrInvalid], [auth.ErrNotBytes], or a
//     [*response.FailedError] for [auth.ErrServerUnproved] or [ErrBodyNotRepeatable].
//   - It was tried several times: a [*RetryError], with the reason of the last try. [Temporary]
//     tells which errors are worth another try.
//   - The function of [auth.BearerFrom] failed: its error.
//   - Too many requests wait for their turn: [ErrTooManyWaiting].
//   - A timeout is over: a [*TimeoutError]. The request was cancelled:
//     [deferred.ErrCancelled], which errors.Is finds in a TimeoutError too.
//   - The body has a reader already: [response.ErrBodyTaken].
package agent
