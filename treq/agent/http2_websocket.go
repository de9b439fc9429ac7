package agent

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file sends the request for a WebSocket, in the form that it has over HTTP/1.1 (RFC 6455, section 4.1), as an extended
// CONNECT (RFC 8441, section 5), and gives the 2xx back as a 101. So programs and libraries need not know the version.

// isWebSocket reports whether req asks for a WebSocket in the form of HTTP/1.1.
func isWebSocket(req *request.Request) bool {
	return req.Method == http.MethodGet && req.Body == nil && len(req.Header["Sec-Websocket-Key"]) == 1 &&
		http1.HasToken(req.Header["Connection"], "upgrade") && http1.HasToken(req.Header["Upgrade"], "websocket")
}

// overStream returns a connection of HTTP/2 whose server offers extended CONNECT, if x asks for a WebSocket and there is such
// a connection to its server; or nil. x then belongs to the group of that connection.
func (p *Pool) overStream(x *exchange) *pooled {
	if !x.group.versions.upgrade || !isWebSocket(x.request) {
		return nil
	}
	r := x.group.route
	r.versions.upgrade = false
	g := p.groups[r]
	if g == nil {
		return nil
	}
	for _, connections := range []*list.List[pooled]{&g.shared, &g.idle} {
		for c := range connections.All() {
			if h, ok := c.conn.(*http2Connection); ok && h.room() && h.client.ConnectProtocol() && p.usable(c, x) {
				p.release(x.group)
				x.group, x.webSocket = g, true
				return c
			}
		}
	}
	return nil
}

// streams reports whether req, a request for a WebSocket, has to go over HTTP/2, because g has no HTTP/1.1.
func (g *group) streams(req *request.Request) bool { return !g.versions.http1 && isWebSocket(req) }

// webSocketHead makes head, that of HTTP/1.1, the head of an extended CONNECT.
func (x *exchange) webSocketHead(head *http2.RequestHead) {
	head.Method, head.Protocol, head.Length = http.MethodConnect, "websocket", request.UnknownLength
	header := make(http.Header, len(head.Header))
	for name, values := range head.Header {
		switch name {
		case "Connection", "Upgrade", "Sec-Websocket-Key":
		default:
			header[name] = values
		}
	}
	head.Header = header
}

// agreeToWebSocket makes h the head of a response over HTTP/1.1.
func (x *exchange) agreeToWebSocket(h *responseHead) {
	h.code, h.phrase = http.StatusSwitchingProtocols, http.StatusText(http.StatusSwitchingProtocols)
	h.header["Connection"] = []string{"Upgrade"}
	h.header["Upgrade"] = []string{"websocket"}
	h.header["Sec-Websocket-Accept"] = []string{webSocketAccept(x.request.Header["Sec-Websocket-Key"][0])}
}

// webSocketAccept returns the answer to key (RFC 6455, section 4.2.2).
func webSocketAccept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
