// Package duplex makes one stream of an HTTP/2 connection a [reactor.Transport]: after a 2xx to CONNECT (RFC 9113,
// section 8.5) or to an extended CONNECT (RFC 8441), the stream carries the bytes of another protocol in both directions.
//
// Below a [Transport] is a [Carrier], which is the client's or the server's end of the stream. Above it is any
// [reactor.Protocol]. The protocol cannot tell the Transport from a connection of its own:
//
//	of the Transport              on the stream
//	Write                         DATA, as far as the windows allow
//	LoseWriteConnection           END_STREAM
//	LoseConnection                END_STREAM, and what the peer still sends is dropped
//	AbortConnection               RST_STREAM with CANCEL
//	PauseProducing                the window is not opened again
//	the protocol's end of file    END_STREAM
//	ErrConnectionReset            RST_STREAM
//
// As with a connection of a loop, a method of a Transport never calls the protocol, which may be the caller. A delayed call
// does it in the next turn.
package duplex
