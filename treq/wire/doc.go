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
//     [ErrTransferCoding].
//   - A chunked body: [ErrChunkSize], [ErrChunkExtension], [ErrChunkEnd],
//     [ErrTrailersTooLarge].
//   - The order: [ErrTooManyInformational].
//   - The end of the connection: [ErrNoResponse], [ErrPartialHead], [ErrPartialBody].
//
// # What a client reads and a server refuses
//
// A client reads what curl, browsers and package net/http read. A server reads strictly,
// because an attacker can exploit two readers that understand one request differently.
//
//	in a message                            client                            server
//	LF alone at the end of a line           read                              ErrLineEnd
//	a header that continues on a next line  read, with a space in between     ErrFold
//	more than one space in the first line   read                              ErrRequestLine
//	a status line without a phrase          read                              -
//	control characters in values, phrases   read, but not NUL, CR and LF      ErrHeaderValue
//	and chunk extensions                                                      ErrChunkExtension
//	blanks between a name and its colon     read without them; closes         ErrHeaderName
//	a name that is empty or no token        read as it is; closes             ErrHeaderName
//	Content-Length and Transfer-Encoding    the coding counts; closes         ErrLengthAndCoding
//	Transfer-Encoding: identity             as if there were none; closes     ErrTransferCoding
//	empty elements in Transfer-Encoding     left out; closes                  ErrTransferCoding
//	a phrase right after the code           read; closes                      -
//	LF alone after a chunk or its size      read; closes                      ErrChunkSize, ErrChunkEnd
//	raw bytes above 127 in a target         -                                 read
//
// Where another reader could find another end of the response, the client does not use
// the connection again: "closes". Where the coding counts, the client removes
// Content-Length from the headers. What neither of two peers reads is an error on both
// sides: a header without a colon, whitespace before the first header, NUL, a CR without
// an LF.
//
// # A request that a server refuses
//
// A server refuses everything above, except the kinds that only a response has. In
// addition it refuses [ErrRequestLine], [ErrMethod], [ErrTarget], [ErrHost],
// [ErrLengthAndCoding]; [ErrTransferCoding] in HTTP/1.0. [Kind.Status] is the status code
// of its response.
//
// The name of a kind names the part of the message that is wrong, not a version of HTTP.
//
// # HTTP/2
//
// Over HTTP/2, an error ends one stream, which is one request with its response, or the connection with all its streams
// (RFC 9113, section 5.4). A [StreamError] and a [ConnectionError] have the [Code] that one end tells the other, and the
// Kind of what the peer did wrong. errors.Is finds both:
//
//	errors.Is(err, wire.RefusedStream) // the server did nothing with the request
//	errors.Is(err, wire.ErrFlood)      // the peer did too much that does no work
//
// The kinds above apply to messages over HTTP/2 as well. Kinds of their own have
//
//   - the connection: [ErrPreface], [ErrSettings], [ErrFlood], [ErrPartialFrame];
//   - frames: [ErrFrameSize], [ErrFrame], [ErrStreamState], [ErrFlowControl];
//   - header blocks: [ErrHeaderBlock], [ErrPseudoHeader], [ErrConnectionHeader].
//
// A client reads less over HTTP/2 than over HTTP/1.1, because RFC 9113, section 8.2, forbids it to:
//
//	in a message                            client                            server
//	capitals in a name                      ErrHeaderName                     ErrHeaderName
//	a name that is no token                 read as it is                     ErrHeaderName
//	control characters in values            read, but not NUL, CR and LF      ErrHeaderValue
//	blanks around a value                   read without them                 ErrHeaderValue
//	Connection, Transfer-Encoding ...       ErrConnectionHeader               ErrConnectionHeader
//	TE other than trailers                  read                              ErrConnectionHeader
//	Host that differs from :authority       -                                 ErrHost
//	more or less content than               ErrContentLength, ErrPartialBody  ErrContentLength, ErrPartialBody
//	Content-Length says
package wire
