// Package protocols has what protocols are made of: receivers that split received bytes into
// lines and strings, and factories that wrap others to limit, log or end their connections.
//
// A program embeds a receiver, and sets the functions that it wants called:
//
//	type greeter struct{ protocols.LineReceiver }
//
//	func newGreeter() *greeter {
//		g := &greeter{}
//		g.LineReceived = g.lineReceived
//		return g
//	}
//
//	func (g *greeter) lineReceived(line []byte) {
//		g.SendLine("hello, " + string(line))
//		g.Transport.LoseConnection()
//	}
//
// After LoseConnection and AbortConnection nothing more is delivered, not even what has come
// in the same piece. A pause works in the same way. What a function gets is valid until it
// returns.
//
// LoseConnection sends what was written first, and a peer that reads nothing keeps it waiting. A
// [TimeoutFactory] around the factory ends such connections too.
//
// Everything here belongs to the goroutine of the loop, as connections do; see package reactor.
//
// # Direct style
//
// [Lines], [Strings] and [Netstrings] split what an io.Reader has, such as a body's Reader.
// [Direct] makes a protocol of a function that reads its connection in this way, and waits as
// coroutines do. A body is also read by the receivers, with DeliverTo of package response.
//
// # Limits
//
// A receiver holds what is incomplete: at most MaxLength bytes and the delimiter or length,
// and during a pause what came in one piece. A peer that sends a longer line or string, or
// something that is no netstring, loses its connection; Err says why. What a peer announces
// takes no memory before it comes.
//
// # Factories that wrap
//
// Some factories wrap another one, and each other:
//
//	factory := &protocols.LimitConnectionsByPeer{
//		Limit:   10,
//		Factory: &protocols.TimeoutFactory{Period: time.Minute, Factory: site},
//	}
//
// The optional interfaces of the wrapped factory and of its protocols go on working, among
// them ALPN, half close, the count of handshakes and the shutdown of a Site. A factory may be
// around a TLSFactory or within one. [ProtocolWrapper] is the base of all, and of those that a
// program writes for itself. A wrapper takes memory once for each connection.
//
// # Coming from Twisted
//
//	LineReceiver, LineOnlyReceiver           the same; lineReceived and so on are fields
//	setRawMode, setLineMode, clearLineBuffer SetRawMode, SetLineMode, ClearLineBuffer
//	delimiter, MAX_LENGTH                    Delimiter, MaxLength
//	Int8StringReceiver, 16, 32               the same
//	NetstringReceiver                        the same
//	IntNStringReceiver.recvd                 ClearBuffer
//	brokenPeer, NetstringParseError          Err; NetstringError, TooLongError
//	StringTooLongError                       TooLongError
//	FileSender                               the same; the Deferred fires with the number of bytes
//	CHUNK_SIZE                               ChunkSize
//	TimeoutMixin                             the same; timeoutConnection is a field, SetTimeout takes the clock
//	setTimeout(None)                         CancelTimeout
//	WrappingFactory, ProtocolWrapper         the same; a protocol attribute is Wrap
//	wrappedProtocol, protocols               Wrapped, Wrappers
//	LimitTotalConnectionsFactory             the same; connectionLimit is Limit, overflowProtocol OverflowFactory
//	LimitConnectionsByPeer                   the same; maxConnectionsPerPeer is Limit
//	ThrottlingFactory                        the same; maxConnectionCount is MaxConnections
//	TrafficLoggingFactory, SpewingFactory    TrafficLoggingFactory
//	TimeoutFactory, TimeoutProtocol          the same; timeoutFunc is TimeoutConnection
package protocols
