package protocols

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A TrafficLoggingFactory logs what the connections of a factory receive and send, passwords
// among it. It is Twisted's TrafficLoggingFactory; see [WrappingFactory].
//
//	connection 1: made from 127.0.0.1:7 to 127.0.0.1:49152
//	connection 1: received 7 bytes: "hello\r\n"
//	connection 1: sends 2000 bytes: "Lorem ipsum dolor " and 1982 more
//	connection 1: lost: connection was closed cleanly
//
// "sends" is what the protocol writes; the transport may send it later. Below TLS, the log shows
// encrypted bytes.
type TrafficLoggingFactory struct {
	// Factory builds the protocols.
	Factory reactor.Factory
	// Output takes the lines, one in each Write. The loop waits for it.
	Output io.Writer
	// Logger takes the lines as records of level Info. Without Output and Logger, slog's
	// default logger takes them.
	Logger *slog.Logger
	// MaxLength is the largest number of bytes that are shown of one piece. 0 means 1024, a
	// negative value no bound. It is Twisted's lengthLimit.
	MaxLength int

	places places
	number int    // of the last connection
	line   []byte // the buffer of the next line
	failed bool   // Output has failed
}

const defaultMaxLength = 1024

// ResetCounter makes the next connection number 1 again.
func (f *TrafficLoggingFactory) ResetCounter() { f.number = 0 }

// BuildProtocol returns a protocol of Factory whose traffic is logged; see [reactor.Factory].
func (f *TrafficLoggingFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	f.number++
	return f.places.build(f.Factory, &trafficWrapper{factory: f, number: f.number}, peer, peerKey{})
}

// begin begins a line about connection number.
func (f *TrafficLoggingFactory) begin(number int) {
	f.line = strconv.AppendInt(append(f.line[:0], "connection "...), int64(number), 10)
	f.line = append(f.line, ": "...)
}

// end logs the line.
func (f *TrafficLoggingFactory) end() {
	logger := f.Logger
	if f.Output == nil && logger == nil {
		logger = slog.Default()
	}
	if logger != nil {
		logger.LogAttrs(context.Background(), slog.LevelInfo, string(f.line))
	}
	if f.Output == nil {
		return
	}
	f.line = append(f.line, '\n')
	if _, err := f.Output.Write(f.line); err != nil && !f.failed {
		f.failed = true
		slog.Error("protocols: traffic cannot be logged", "error", err)
	}
}

// say logs what happened to connection number.
func (f *TrafficLoggingFactory) say(number int, event string) {
	f.begin(number)
	f.line = appendPrintable(f.line, event)
	f.end()
}

// show logs pieces of bytes.
func (f *TrafficLoggingFactory) show(number int, verb string, pieces ...[]byte) {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	f.begin(number)
	f.line = strconv.AppendInt(append(f.line, verb...), int64(size), 10)
	f.line = append(f.line, ` bytes: "`...)
	left := f.MaxLength
	if left == 0 {
		left = defaultMaxLength
	}
	for _, p := range pieces {
		if left >= 0 && len(p) > left {
			p = p[:left]
		}
		f.line = appendQuoted(f.line, p)
		size -= len(p)
		if left >= 0 {
			left -= len(p)
		}
	}
	f.line = append(f.line, '"')
	if size != 0 {
		f.line = append(strconv.AppendInt(append(f.line, " and "...), int64(size), 10), " more"...)
	}
	f.end()
	if cap(f.line) > maxLine {
		f.line = nil
	}
}

// maxLine is the size of the largest buffer that is reused.
const maxLine = 64 << 10

// appendQuoted appends data as the inner part of a Go string of ASCII, so that no byte of a peer
// can control a terminal or end a line.
func appendQuoted(line, data []byte) []byte {
	const hex = "0123456789abcdef"
	for _, b := range data {
		switch {
		case b == '"' || b == '\\':
			line = append(line, '\\', b)
		case b >= ' ' && b < 0x7f:
			line = append(line, b)
		case b == '\n':
			line = append(line, `\n`...)
		case b == '\r':
			line = append(line, `\r`...)
		case b == '\t':
			line = append(line, `\t`...)
		default:
			line = append(line, '\\', 'x', hex[b>>4], hex[b&15])
		}
	}
	return line
}

// appendPrintable appends text. A peer chooses a part of some texts: that of a panic, and the name
// of its UNIX socket.
func appendPrintable(line []byte, text string) []byte {
	for _, r := range text {
		if strconv.IsPrint(r) {
			line = utf8.AppendRune(line, r)
		} else {
			quoted := strconv.QuoteRune(r)
			line = append(line, quoted[1:len(quoted)-1]...)
		}
	}
	return line
}

// A trafficWrapper logs the calls that pass it.
type trafficWrapper struct {
	ProtocolWrapper
	factory *TrafficLoggingFactory
	number  int
}

func (w *trafficWrapper) ConnectionMade(t reactor.Transport) {
	w.factory.say(w.number, "made from "+t.Host().String()+" to "+t.Peer().String())
	w.ProtocolWrapper.ConnectionMade(t)
}

func (w *trafficWrapper) DataReceived(data []byte) {
	w.factory.show(w.number, "received ", data)
	w.ProtocolWrapper.DataReceived(data)
}

func (w *trafficWrapper) ReadConnectionLost() {
	w.factory.say(w.number, "received the end")
	w.ProtocolWrapper.ReadConnectionLost()
}

func (w *trafficWrapper) WriteConnectionLost() {
	w.factory.say(w.number, "has sent all")
	w.ProtocolWrapper.WriteConnectionLost()
}

func (w *trafficWrapper) ConnectionLost(reason error) {
	w.factory.say(w.number, "lost: "+fmt.Sprint(reason))
	w.ProtocolWrapper.ConnectionLost(reason)
}

func (w *trafficWrapper) Write(data []byte) {
	w.factory.show(w.number, "sends ", data)
	w.ProtocolWrapper.Write(data)
}

func (w *trafficWrapper) WriteSequence(pieces ...[]byte) {
	w.factory.show(w.number, "sends ", pieces...)
	w.ProtocolWrapper.WriteSequence(pieces...)
}

func (w *trafficWrapper) LoseConnection() {
	w.factory.say(w.number, "closes")
	w.ProtocolWrapper.LoseConnection()
}

func (w *trafficWrapper) LoseWriteConnection() {
	w.factory.say(w.number, "ends sending")
	w.ProtocolWrapper.LoseWriteConnection()
}

func (w *trafficWrapper) AbortConnection() {
	w.factory.say(w.number, "aborts")
	w.ProtocolWrapper.AbortConnection()
}

// DoStart calls DoStart of Factory; see [reactor.ListeningFactory].
func (f *TrafficLoggingFactory) DoStart(r reactor.Reactor, p reactor.Port) {
	f.places.start(f.Factory, r, p)
}

// DoStop calls DoStop of Factory; see [reactor.ListeningFactory].
func (f *TrafficLoggingFactory) DoStop(p reactor.Port) { stop(f.Factory, p) }

// AcceptableProtocols returns those of Factory; see [reactor.NegotiatingFactory].
func (f *TrafficLoggingFactory) AcceptableProtocols() []string { return acceptable(f.Factory) }

// HandshakeBegins calls that of Factory; see [reactor.HandshakeFactory].
func (f *TrafficLoggingFactory) HandshakeBegins(below reactor.Transport) (ended func()) {
	return begin(f.Factory, below)
}
