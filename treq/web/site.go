package web

import (
	"cmp"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
	"github.com/sourcegraph/conc/panics"
)

// A Site serves a tree of resources over HTTP/1.1: it is the factory of a port's
// connections. It is twisted.web.server.Site.
//
//	reactor.ListenTCP("localhost:8080", &web.Site{Root: root})
//
// Only Root has to be set, before the first connection. A Site belongs to the
// goroutine of one reactor, whose clock its timeouts go by.
//
// A timeout that is zero stands for its default; a negative one is none.
type Site struct {
	// Root is the resource at the root of all paths.
	Root Resource

	// HeaderTimeout is how long the head of a request may take, from the
	// connection's beginning or the head's first byte on. If it is over, the answer
	// is a 408. The default is 20 seconds.
	HeaderTimeout time.Duration
	// ContentTimeout is how long a request's content may pause, while somebody
	// waits for it. The default is a minute.
	ContentTimeout time.Duration
	// IdleTimeout is how long a connection stays open with no request on it. The
	// default is a minute, as it is Twisted's.
	IdleTimeout time.Duration
	// WriteTimeout is how long a client may take to receive what waits to be sent,
	// which is 64 KiB if the response has a producer. Then the connection is
	// aborted. The default is a minute.
	WriteTimeout time.Duration

	// Limits bounds what a client may send of a request, apart from its content.
	Limits wire.Limits
	// MaxContent is how many bytes of content a request may have for a resource
	// that does not take it as it comes; for more, the answer is a 413. The content
	// is kept in memory. The default is 10 MiB; negative means no bound.
	MaxContent int64
	// MaxRequests is how many requests a connection may bring. Zero means any
	// number.
	MaxRequests int

	// AccessLog, if set, is called at the end of each request that has a response,
	// when that has been written or the connection was lost; see [CombinedLog].
	AccessLog func(req *Request)
	// Clock is what the time is told by, if not by the reactor that the connections
	// belong to.
	Clock reactor.Clock
	// SessionID makes the names of sessions. The default takes 32 bytes of the
	// system's randomness.
	SessionID func() string

	sessions map[string]*Session
	date     []string // the value of Date, for the second dateAt
	dateAt   int64
	scratch  []byte   // heads are put together in it
	free     [][]byte // buffers for what handlers write
	file     []byte   // files are read through it
}

// NewSite returns a Site whose requests handler answers; see
// [NewHandlerResource].
func NewSite(handler http.Handler) *Site { return &Site{Root: NewHandlerResource(handler)} }

// BuildProtocol returns the protocol of a connection with peer; see
// [reactor.Factory].
func (s *Site) BuildProtocol(net.Addr) reactor.Protocol {
	if s.Root == nil {
		panic("web: a Site without a Root")
	}
	return &channel{connection: connection{site: s}}
}

const defaultMaxContent = 10 << 20

func (s *Site) maxContent() int64 {
	if s.MaxContent < 0 {
		return math.MaxInt64
	}
	return cmp.Or(s.MaxContent, defaultMaxContent)
}

// dateHeader returns the value of Date at the time now. It is the same slice for
// as long as it is the same second.
func (s *Site) dateHeader(now time.Time) []string {
	if at := now.Unix(); s.date == nil || at != s.dateAt {
		s.date, s.dateAt = []string{now.UTC().Format(http.TimeFormat)}, at
	}
	return s.date
}

// handlerBuffer is how much of what a handler writes is kept back, at most, to
// see whether it is all: then it is sent with its length. net/http keeps as much.
const handlerBuffer = 2048

// buffer returns an empty buffer of that size.
func (s *Site) buffer() []byte {
	if last := len(s.free) - 1; last >= 0 {
		b := s.free[last]
		s.free = s.free[:last]
		return b
	}
	return make([]byte, 0, handlerBuffer)
}

// fileBuffer returns the buffer that files are read through.
func (s *Site) fileBuffer() []byte {
	if s.file == nil {
		s.file = make([]byte, fileChunk)
	}
	return s.file
}

// release takes a buffer back.
func (s *Site) release(b []byte) {
	const most = 64
	if cap(b) == handlerBuffer && len(s.free) < most {
		s.free = append(s.free, b[:0])
	}
}

// protect calls f, which belongs to the program, and returns its panic if there is one.
func protect(f func()) *panics.Recovered { return panics.Try(f) }
