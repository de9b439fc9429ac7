package web

import (
	"cmp"
	"container/list"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has a site: its configuration, and the state that its connections share.

// A Site serves a tree of resources, or one [http.Handler], over HTTP/1.1 and HTTP/2. It is the
// factory of a port's connections, and twisted.web.server.Site.
//
//	reactor.ListenTCP("localhost:8080", &web.Site{Root: root})
//
// Set either Root or Handler, and change fields only before the first connection. A Site
// belongs to the goroutine of one reactor. A timeout of 0 means its default, a negative
// one no limit.
type Site struct {
	// Root is the resource at the root of all paths. It answers for "/" itself, unless it has
	// a child for "" or answers no requests.
	Root Resource
	// Handler answers all requests, as a [HandlerResource] does.
	Handler http.Handler

	// Protocols are the versions of HTTP that are spoken: HTTP1 stands for HTTP/1.0 and
	// HTTP/1.1, HTTP2 for HTTP/2 over TLS, UnencryptedHTTP2 for HTTP/2 without. nil means all
	// three. Over TLS, [reactor.TLSServer] negotiates the version by ALPN, unless the
	// program's tls.Config has NextProtos of its own. Without TLS, HTTP/2 is spoken with a
	// client that begins with it (RFC 9113, section 3.3); an "Upgrade: h2c" is ignored. A
	// request of HTTP/1.1 is answered with a 505 if it is not one of Protocols.
	Protocols *http.Protocols
	// HTTP2 has the numbers of HTTP/2. nil, and 0 in a field, means the default, and so does
	// a value out of the range that net/http names. These fields count:
	//
	//	MaxConcurrentStreams           the requests of one connection at a time; 100
	//	MaxReceiveBufferPerConnection  the received content of a connection that waits to be read; 8 MiB
	//	MaxReceiveBufferPerStream      that of one request; 64 KiB at first, up to 4 MiB if the bandwidth needs it
	//	SendPingTimeout                a client with open requests that is silent for so long is asked by a
	//	                               PING whether it is still there; 0: it is not
	//	PingTimeout                    how long it has to answer; 15 seconds
	//	PermitProhibitedCipherSuites   allows all cipher suites; else those that RFC 9113, section 9.2.2,
	//	                               prohibits, and versions of TLS before 1.2, end the connection
	HTTP2 *http.HTTP2Config

	// HeaderTimeout bounds the head of a request, from the start of the connection or
	// the head's first byte. A head that takes longer is answered with a 408; over HTTP/2,
	// any frame that takes longer ends the connection. The default is 20 seconds.
	HeaderTimeout time.Duration
	// ContentTimeout bounds the pauses in a request's content while a reader waits
	// for it. The default is a minute. A negative value also removes the bound of
	// MinContentRate, which adds to this time.
	ContentTimeout time.Duration
	// MinContentRate is the number of bytes a second at which content has to arrive while
	// a reader waits for it: each byte gives the client more time, up to
	// ContentTimeout. Content that is slower is answered with a 408. The default is 500;
	// a negative value means no bound.
	MinContentRate int64
	// IdleTimeout bounds the time between two requests, and that without a request over
	// HTTP/2. The default is a minute.
	IdleTimeout time.Duration
	// WriteTimeout bounds the time in which the system takes the next part of a
	// response, 64 KiB at most. It counts from the last part, so that a slow client
	// gets a response of any size. After it the connection is aborted. A system whose
	// send buffer is full takes nothing until the client has received a good part of
	// that: on Linux a third, which is more than a megabyte once the buffer has grown
	// to the 4 MiB of the default tcp_wmem. Clients that are slower than that need a
	// longer time. Over HTTP/2, it also bounds the time in which a client has to allow the
	// next 16 KiB of a response, or its end; after it, only that response is aborted. The
	// default is a minute.
	WriteTimeout time.Duration
	// ShutdownTimeout bounds the time that responses have to end in [Site.Shutdown]. The
	// default is 10 seconds.
	ShutdownTimeout time.Duration
	// SessionTimeout bounds the time between two requests of a session. The default
	// is 15 minutes.
	SessionTimeout time.Duration

	// MaxSessions bounds the sessions that exist at a time. A new one beyond it makes
	// another expire: the one without a request for the longest time, and of those first
	// the ones whose clients have never come back with their cookies, as those of robots
	// do not. The default is 100,000; a negative value means no bound.
	MaxSessions int

	// Limits bounds the parts of a request other than its content.
	Limits wire.Limits
	// MaxContent bounds the content, in bytes, of a request whose resource does not
	// stream. Larger content is answered with a 413. The default is 10 MiB; a negative
	// value means no bound.
	MaxContent int64
	// MemoryContent bounds the content of one request that is kept in memory, in bytes.
	// Larger content is kept in a temporary file, which is written and read on the
	// loop's goroutine. The default is 1 MiB; a negative value means no bound.
	MemoryContent int64
	// MemoryContentTotal bounds the content that all requests together keep in memory,
	// in bytes, except for 8 KiB of each. More is kept in temporary files. The values of
	// all forms may take as much again, until their responses are finished; if they would
	// take more, the answer is a 503. The default is 64 MiB; a negative value means no
	// bound.
	MemoryContentTotal int64
	// FileContentTotal bounds the content that all requests together keep in temporary
	// files, in bytes. If content would take more, the answer is a 503. The default is
	// 10 GiB; a negative value means no bound.
	FileContentTotal int64
	// TempDir is the directory of the temporary files. "" means [os.TempDir].
	TempDir string
	// MaxFields bounds the number of fields of a query, and of a posted form: pairs or
	// parts. More are answered with a 413. The default is 10,000; a negative value
	// means no bound.
	MaxFields int
	// MaxConnections bounds the open connections. Beyond it, the connection that has been
	// idle for the longest time is closed to make room for a new one, and aborted if its
	// client is slow to take the last response. If none is idle, the connection whose TLS
	// handshake began first is aborted; connections of [reactor.TLSServer] count from the
	// beginning of the handshake. If there is no such connection either, the new one is
	// closed at once. The default is 65,536; a negative value means no bound.
	MaxConnections int
	// MaxRequests bounds the requests on one connection. 0 means no bound. A client of
	// HTTP/2 sends the next ones on another connection.
	MaxRequests int
	// TurnRequests bounds the requests of one connection that are answered in one turn
	// of the loop, so that a client that pipelines many does not keep the others
	// waiting. Content in small chunks counts too. The default is 8; a negative value
	// means no bound.
	TurnRequests int

	// Encoding says how the bodies of responses are compressed for the clients that ask for
	// it. nil means not at all.
	Encoding *Encoding
	// Proxies names the proxies in front of the site, which know more of the clients.
	Proxies Proxies

	// AccessLog, if set, is called once for each Request, however it ends: when the
	// connection has taken its response, or is lost. After a loss, it is called when
	// the request's handler has returned. See [CombinedLog] and
	// [SlogAccessLog].
	AccessLog func(req *Request)
	// Clock is the clock for dates and timeouts. nil means the reactor of the
	// connection.
	Clock reactor.Clock

	heldContent int64 // the bytes of content that MemoryContentTotal bounds
	heldValues  int64 // the bytes of forms' values that it bounds
	heldFiles   int64 // the bytes of content that FileContentTotal bounds

	newSessions list.List                       // those whose clients have not come back, in the order of their last requests
	oldSessions list.List                       // the others, in the same order
	expiring    map[time.Duration]*sessionQueue // by timeout
	sessions    map[string]*Session
	date        []string // the Date header of the second dateAt
	dateAt      int64
	scratch     []byte              // the buffer in which heads are built
	allLimits   wire.Limits         // Limits with the defaults; see limits
	sections    http1.SectionMemory // the header sections of requests that came lately
	free        [][]byte            // free buffers for the beginnings of bodies
	fileBuffer  []byte              // the buffer for reading files
	copies      copies
	windows     http2.Budget // bounds the windows of all connections
	house       house
}

// BuildProtocol returns the protocol of one connection; see [reactor.Factory]. It returns nil
// beyond MaxConnections, and after [Site.Shutdown] until DoStart is called. It panics
// without a Root or a Handler, with both, with invalid Proxies, and with Protocols that are
// empty.
func (s *Site) BuildProtocol(net.Addr) reactor.Protocol {
	if (s.Root == nil) == (s.Handler == nil) {
		panic("web: a Site needs either a Root or a Handler")
	}
	s.Proxies.check()
	if p := s.protocols(); !p.HTTP1() && !p.HTTP2() && !p.UnencryptedHTTP2() {
		panic("web: the Protocols of a Site have none of HTTP1, HTTP2 and UnencryptedHTTP2: set some, or leave Protocols nil for all")
	}
	if !s.mayOpen() {
		return nil
	}
	return &channel{connection: connection{site: s}}
}

// limits returns Limits with the defaults.
func (s *Site) limits() *wire.Limits {
	s.allLimits = s.Limits.OrDefault()
	return &s.allLimits
}

// protocols returns the versions of HTTP that are spoken.
func (s *Site) protocols() http.Protocols {
	if s.Protocols != nil {
		return *s.Protocols
	}
	return allProtocols
}

var allProtocols = func() (p http.Protocols) {
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}()

// AcceptableProtocols returns the protocols for ALPN; see [reactor.NegotiatingFactory].
func (s *Site) AcceptableProtocols() []string {
	var names []string
	p := s.protocols()
	if p.HTTP2() {
		names = append(names, "h2")
	}
	if p.HTTP1() {
		names = append(names, "http/1.1")
	}
	return names
}

func (s *Site) maxContent() int64    { return limit(s.MaxContent, 10<<20, math.MaxInt64) }
func (s *Site) memoryContent() int64 { return limit(s.MemoryContent, 1<<20, math.MaxInt64) }
func (s *Site) memoryContentTotal() int64 {
	return limit(s.MemoryContentTotal, 64<<20, math.MaxInt64)
}
func (s *Site) fileContentTotal() int64 { return limit(s.FileContentTotal, 10<<30, math.MaxInt64) }
func (s *Site) maxSessions() int        { return limit(s.MaxSessions, 100_000, math.MaxInt) }
func (s *Site) maxFields() int          { return limit(s.MaxFields, 10_000, math.MaxInt) }

// limit returns the limit that a field sets: standard if it is 0, and none if it is negative.
func limit[T int | int64](field, standard, none T) T {
	if field < 0 {
		return none
	}
	return cmp.Or(field, standard)
}

func (s *Site) minContentRate() int64 { return cmp.Or(s.MinContentRate, 500) }

// turnWork returns the work that a channel may do in one turn.
func (s *Site) turnWork() int {
	if s.TurnRequests < 0 || s.TurnRequests > math.MaxInt/requestWork {
		return math.MaxInt
	}
	return cmp.Or(s.TurnRequests, defaultTurnRequests) * requestWork
}

// dateHeader returns the Date header for now. It returns the same slice for a whole
// second.
func (s *Site) dateHeader(now time.Time) []string {
	if at := now.Unix(); s.date == nil || at != s.dateAt {
		s.date, s.dateAt = []string{now.UTC().Format(http.TimeFormat)}, at
	}
	return s.date
}

// handlerBuffer is the number of bytes that a handler can write before the head is sent.
// A shorter body is sent with its length. net/http has a buffer of the same size.
const handlerBuffer = 2048

// buffer returns an empty buffer of handlerBuffer bytes, for the beginning of a body.
func (s *Site) buffer() []byte {
	if last := len(s.free) - 1; last >= 0 {
		b := s.free[last]
		s.free = s.free[:last]
		return b
	}
	return make([]byte, 0, handlerBuffer)
}

// release takes a buffer back, unless it is another one, which has grown out of it.
func (s *Site) release(b []byte) {
	const most = 64
	if cap(b) == handlerBuffer && len(s.free) < most {
		s.free = append(s.free, b[:0])
	}
}
