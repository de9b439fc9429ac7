package http2

// SKETCH of the API, by the integrator: the owner of this package replaces this file with conn.go, stream.go, client.go,
// server.go, flow.go, frames.go, fields.go, schedule.go, abuse.go ... Names and meanings below are what the carriers in
// treq/agent and treq/web are written against.

import (
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// An Event is the result of a call of Next.
type Event uint8

const (
	NeedMore      Event = iota // all bytes are used
	Settings                   // the peer's settings have come, or changed: MaxStreams, ConnectProtocol
	Head                       // client: the final response of Stream. server: a new request; Accept or Refuse it before the next Next
	Informational              // client only: an interim response of Stream
	Data                       // Data has bytes of Stream's body; never empty
	End                        // the peer's side of Stream has ended; Trailer has the trailers or nil
	Reset                      // Stream ended early, by the peer or because of it: StreamError. No event of it follows
	Room                       // a window has grown: Turn may name streams
	PingAck                    // the answer to Ping
	GoAway                     // the peer opens no more streams (server), or takes no more (client): GoAway. For a client, Reset events with NotProcessed follow for the streams it left out
)

// A Config says how a Client or a Server works. The zero value works.
type Config struct {
	Limits          wire.Limits      // HeaderBytes is announced as MAX_HEADER_LIST_SIZE
	MaxStreams      int              // server: the most streams of the peer at a time; 0: 100
	StreamWindow    int              // the window of a new stream for what the peer sends; 0: 64 KiB server, 256 KiB client
	MaxStreamWindow int              // up to which it grows with the bandwidth; 0: 4 MiB
	MaxBuffered     int              // bounds the received bytes of all streams that are not Consumed; 0: 32 MiB client, 8 MiB server
	Budget          *Budget          // bounds the growth of the windows of several connections together; nil: none
	ConnectProtocol bool             // server: extended CONNECT is offered (RFC 8441)
	Now             func() time.Time // for the rates of abuse; called for what could be abuse only
}

// A Budget bounds the growth of windows of several connections.
type Budget struct {
	Max  int64 // 0: 256 MiB
	used int64
}

// A Stream is one request and its response. It is a part of the struct of its carrier, so that it needs no allocation.
type Stream struct {
	Owner any // the carrier; the machine does not touch it
	// Urgency 0 to 7 and Incremental are RFC 9218's: a Server sets them from the request's Priority and from
	// PRIORITY_UPDATE frames. Turn obeys them at both ends. 3 and false at first.
	Urgency     uint8
	Incremental bool

	id uint32
}

func (s *Stream) ID() uint32 { return s.id }

// SentEnd and ReceivedEnd report whether this side, or the peer's, has ended. Closed: both, or the stream was reset.
func (s *Stream) SentEnd() bool     { panic("sketch") }
func (s *Stream) ReceivedEnd() bool { panic("sketch") }
func (s *Stream) Closed() bool      { panic("sketch") }

// conn is what both ends share.
type conn struct{}

// Next reads the first n bytes of in and reports what they complete. Call it again with the rest, even if it is empty,
// until NeedMore. err is a *wire.ConnectionError: Output ends with a GOAWAY; every later call returns err too.
func (c *conn) Next(in []byte) (n int, ev Event, err error) { panic("sketch") }

// Finish reports what the end of the connection means for one who waits: io.EOF in order, or a *wire.Error or *wire.ConnectionError.
func (c *conn) Finish() error { panic("sketch") }

func (c *conn) Stream() *Stream                 { panic("sketch") } // of the last event
func (c *conn) Data() []byte                    { panic("sketch") } // a part of in
func (c *conn) Trailer() http.Header            { panic("sketch") }
func (c *conn) StreamError() *wire.StreamError  { panic("sketch") } // of a Reset event
func (c *conn) Pinged() [8]byte                 { panic("sketch") } // of a PingAck event
func (c *conn) GoneAway() *wire.ConnectionError { panic("sketch") } // after a GoAway event: its code and debug data; nil before

// Output returns what has to be sent, and forgets it. The slice is valid until the next call of a method.
func (c *conn) Output() []byte { panic("sketch") }

// Streams returns the number of open streams; Each calls f for each, in the order of their numbers.
func (c *conn) Streams() int           { panic("sketch") }
func (c *conn) Each(f func(s *Stream)) { panic("sketch") }
func (c *conn) MaxStreams() int        { panic("sketch") } // client: what the server allows; 100 before its settings
func (c *conn) ConnectProtocol() bool  { panic("sketch") } // client: the server offers extended CONNECT

// Receiving: Consumed says that n bytes of s's data are used, so that the peer may send as many more. The end of a
// stream counts for all of it. (Padding is the machine's.)
func (c *conn) Consumed(s *Stream, n int) { panic("sketch") }

// Sending. Room returns how many bytes of s's body may be sent now: 0 while others wait before it.
func (c *conn) Room(s *Stream) int { panic("sketch") }

// WriteData adds p, at most Room bytes, to Output as DATA frames (it copies p). end ends this side.
func (c *conn) WriteData(s *Stream, p []byte, end bool) { panic("sketch") }

// DataHead returns the head of a DATA frame of n bytes, at most Room and MaxFrame; the caller writes Output before it
// and the n bytes after it, so that a large piece is not copied. The slice is valid until the next call.
func (c *conn) DataHead(s *Stream, n int, end bool) []byte { panic("sketch") }
func (c *conn) MaxFrame() int                              { panic("sketch") }

// WriteTrailer ends this side with trailers (an empty DATA frame with END_STREAM for nil). On an error nothing was sent.
func (c *conn) WriteTrailer(s *Stream, trailer http.Header) error { panic("sketch") }

// Wait says that s has more to send than Room; Turn returns a stream that waits and may send now, and how many bytes
// at most; or nil. Turn forgets that it waits: one that has still more calls Wait again. The more urgent come first;
// incremental ones of one urgency take turns, the others one after another (RFC 9218, section 10).
func (c *conn) Wait(s *Stream)       { panic("sketch") }
func (c *conn) Turn() (*Stream, int) { panic("sketch") }
func (c *conn) Unwait(s *Stream)     { panic("sketch") }

// Reset ends s with RST_STREAM, if it is not closed. No event of s follows; what the peer still sends on it is counted and dropped.
func (c *conn) Reset(s *Stream, code wire.Code) { panic("sketch") }

// Ping adds a PING. GoAway adds a GOAWAY that leaves out no stream that was accepted, and refuses new ones.
// A server's Shutdown adds the GOAWAY of the first step, with the highest number: GoAway follows a round trip later (RFC 9113, section 6.8).
func (c *conn) Ping(data [8]byte)                   { panic("sketch") }
func (c *conn) GoAway(code wire.Code, debug string) { panic("sketch") }
func (c *Server) Shutdown()                         { panic("sketch") }

// Client.

type Client struct{ conn }

// Init begins a connection: Output has the preface and the settings (ENABLE_PUSH 0).
func (c *Client) Init(config Config) { panic("sketch") }

// A RequestHead is a request without its body. The machine writes pseudo-headers first, names in lower case, cookies split
// (RFC 9113, section 8.2.3), never Host, Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade, nor TE other than trailers.
type RequestHead struct {
	Method, Scheme, Authority, Path string
	Protocol                        string // of an extended CONNECT
	Header                          http.Header
	AcceptEncoding, UserAgent       string // unless Header has them, as http1.RequestHead
	Length                          int64  // -1: unknown; 0 is written as http1 does
	Expect100                       bool
	Err                             error // server only: the head is not to be served, because it is too large: answer Err's wire.Kind.Status
}

// Open opens s with the head h; end: no body follows. On an error (a *wire.Error of the kinds of http1.AppendRequestHead), nothing was sent.
// It may be called before the server's settings have come. CanOpen reports whether one more stream may be opened now.
func (c *Client) Open(s *Stream, h *RequestHead, end bool) error { panic("sketch") }
func (c *Client) CanOpen() bool                                  { panic("sketch") }

// CheckRequest returns the error that Open would return.
func CheckRequest(h *RequestHead) error { panic("sketch") }

// Head returns the head of the last Head or Informational event. The pointer is the same each time; Header is new.
func (c *Client) Head() *ResponseHead { panic("sketch") }

// A ResponseHead is a response without its body.
type ResponseHead struct {
	Code   int
	Header http.Header // canonical names; cookies joined (server side, requests); never nil
	Length int64       // 0 if no body follows (END_STREAM, HEAD, 204, 304); -1 unknown
	End    bool        // client: the End event follows at once
}

// Server.

type Server struct{ conn }

// Init begins a connection: Output has the settings. Next expects the client's preface first.
func (c *Server) Init(config Config) { panic("sketch") }

// Head returns the head of the last Head event: Host is in Header (from :authority), Path is the target (for CONNECT the authority),
// Length -1 if unknown and not ended. End of the request follows as an event, also for one without content.
func (c *Server) Head() *RequestHead { panic("sketch") }

// Accept makes s the stream of the request of the last Head event. Refuse resets it with code instead.
func (c *Server) Accept(s *Stream)      { panic("sketch") }
func (c *Server) Refuse(code wire.Code) { panic("sketch") }

// Inform sends an interim response; Respond the head of the final one. On an error (a *wire.Error), nothing was sent.
func (c *Server) Inform(s *Stream, code int, header http.Header) error { panic("sketch") }
func (c *Server) Respond(s *Stream, h *ResponseHead, end bool) error   { panic("sketch") }
