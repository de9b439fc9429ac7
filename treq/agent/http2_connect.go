package agent

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/duplex"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has CONNECT over HTTP/2 (RFC 9113, section 8.5), and extended CONNECT (RFC 8441). After a 2xx, the stream is a
// Transport of package duplex.

// ErrNoExtendedConnect says that a server has no extended CONNECT, which a request with a ":protocol" asks for: it speaks
// HTTP/1.1, or its settings do not offer it.
var ErrNoExtendedConnect = errors.New("the server offers no extended CONNECT (RFC 8441)")

var (
	errConnectOverHTTP1 = fmt.Errorf("%w: the connection speaks HTTP/1.1", ErrNoExtendedConnect)
	errConnectNotSet    = fmt.Errorf("%w: its settings do not have ENABLE_CONNECT_PROTOCOL", ErrNoExtendedConnect)
)

// protocolOf returns the protocol of an extended CONNECT, as in net/http: the header ":protocol"; or "".
func protocolOf(req *request.Request) string {
	if values := req.Header[":protocol"]; len(values) != 0 && req.Method == http.MethodConnect {
		return values[0]
	}
	return ""
}

// target returns the target of req. That of a CONNECT is the Opaque of the URL, or else the host that the request names, as
// in net/http.
func target(x *exchange) string {
	u := x.request.URL
	switch {
	case x.request.Method != http.MethodConnect || u.Path != "" || protocolOf(x.request) != "":
		return u.RequestURI()
	case u.Opaque != "":
		return u.Opaque
	}
	if hosts := x.request.Header["Host"]; len(hosts) != 0 {
		return hosts[0]
	}
	return u.Host
}

// connectHead makes head that of a CONNECT or of a WebSocket.
func (x *exchange) connectHead(head *http2.RequestHead) {
	switch protocol := protocolOf(x.request); {
	case x.webSocket:
		x.webSocketHead(head)
	case protocol != "":
		head.Protocol = protocol
		head.Header = head.Header.Clone()
		delete(head.Header, ":protocol")
		head.Length = request.UnknownLength
	case head.Method == http.MethodConnect:
		head.Authority, head.Scheme, head.Path = target(x), "", ""
		head.Length = request.UnknownLength
	}
}

// tunnels reports whether the stream of x stays open after the head of the request: it is a CONNECT, or a WebSocket.
func (x *exchange) tunnels() bool { return x.webSocket || x.request.Method == http.MethodConnect }

// opens reports whether a response with code makes the stream of x a tunnel. A CONNECT with a body has its two directions in
// the bodies of the request and of the response, as in net/http.
func (x *exchange) opens(code int) bool {
	return code/100 == 2 && x.tunnels() && (x.webSocket || x.request.Body == nil)
}

// upgrade hands the stream over to the receiver of x's response.
func (s *http2Stream) upgrade(h responseHead) {
	x := s.x
	if x.refuseUpload(); s.ended() {
		return // StopProducing or a hook cancelled x
	}
	if x.trace.wroteRequest(nil); s.ended() {
		return
	}
	s.dump.end()
	s.dump = nil
	s.tunnel = duplex.New((*http2Tunnel)(s))
	if x.webSocket {
		x.agreeToWebSocket(&h)
	}
	r := x.respond(s.c.transport, h, response.NewUpgrade(s.tunnel, nil))
	if s.ended() { // Release cancelled x
		return
	}
	s.release()
	x.body.End(response.ErrDone)
	x.fire(r)
}

// An http2Tunnel is the stream of a tunnel as a duplex.Carrier.
type http2Tunnel http2Stream

func (t *http2Tunnel) Room() int {
	if t.c.blocked {
		return 0
	}
	return t.c.client.Room(&t.stream)
}

func (t *http2Tunnel) Send(p []byte, end bool) {
	t.c.enter()
	(*http2Stream)(t).send(p, end)
	t.settle()
	t.c.leave()
}

func (t *http2Tunnel) Wait() { t.c.client.Wait(&t.stream) }

func (t *http2Tunnel) Consumed(n int) {
	t.c.enter()
	t.c.client.Consumed(&t.stream, n)
	t.c.leave()
}

func (t *http2Tunnel) Reset(code wire.Code) {
	t.c.enter()
	t.c.client.Reset(&t.stream, code)
	t.settle()
	t.c.leave()
}

func (t *http2Tunnel) Connection() reactor.Transport { return t.c.transport }

// settle gives the connection to other exchanges, if the stream has ended.
func (t *http2Tunnel) settle() {
	if t.stream.Closed() {
		t.c.settle()
	}
}
