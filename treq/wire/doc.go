// Package wire has the errors of HTTP messages on the wire, and the limits for their
// size. The client and the server report the same errors and take the same limits.
//
// # Finding an error
//
// An [Error] has a [Kind] for the program and a Detail for the person who reads it. It
// arrives wrapped: agent.RequestError and response.FailedError name the request that
// failed. errors.Is finds a kind, and errors.As finds the Error:
//
//	if errors.Is(err, wire.ErrPartialBody) { ... } // the connection ended too early
//
//	var bad *wire.Error
//	if errors.As(err, &bad) { log.Print(bad.Kind, bad.Detail) }
//
// # A message that cannot be written
//
// An invalid message is not sent. The client refuses a request with [ErrMethod],
// [ErrTarget], [ErrHost], [ErrHeaderName], [ErrHeaderValue] or [ErrContentLength]. The
// server refuses a response with [ErrStatusLine], [ErrPhrase], [ErrHeaderName] or
// [ErrHeaderValue]. Most of these protect against a CR or LF in text from somebody else,
// which would begin another header or message.
//
// # A response that cannot be read
//
//   - The status line: [ErrStatusLine], [ErrVersion], [ErrEmptyLines],
//     [ErrStartLineTooLong].
//   - The headers: [ErrHeaderName], [ErrHeaderValue], [ErrLineEnd], [ErrFold],
//     [ErrHeadersTooLarge], [ErrTooManyHeaders].
//   - The length of the body: [ErrContentLength], [ErrContentLengthsDiffer],
//     [ErrLengthAndCoding], [ErrTransferCoding].
//   - A chunked body: [ErrChunkSize], [ErrChunkExtension], [ErrChunkEnd],
//     [ErrTrailersTooLarge].
//   - The order: [ErrTooManyInformational].
//   - The end of the connection: [ErrNoResponse], [ErrPartialHead], [ErrPartialBody].
//
// The client reads leniently, as RFC 9112 lets it: an LF alone ends a line, and a header
// may continue on the next line.
//
// # A request that a server refuses
//
// A server reads strictly, because an attacker can exploit two readers that understand
// one request differently. It refuses everything above except the kinds that only a
// response has. In addition it refuses [ErrRequestLine], [ErrMethod], [ErrTarget],
// [ErrHost]; [ErrLineEnd] for an LF alone, [ErrFold] for a continued header,
// [ErrTransferCoding] in HTTP/1.0. [Kind.Status] is the status code of its response.
//
// The name of a kind names the part of the message that is wrong, not a version of HTTP.
package wire
