package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/handover"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file gives the connection of a request to a protocol of the program.

// ErrNoSwitch says that a request did not ask for another protocol on its connection: it is neither a CONNECT nor has an
// Upgrade.
var ErrNoSwitch = errors.New("web: the request asks for no other protocol")

// SwitchProtocol answers the request with its agreement to another protocol, and makes p the protocol of the connection.
// It calls ConnectionMade of p, and then DataReceived if the client has already sent more; if p pauses its transport in
// ConnectionMade, that waits for ResumeProducing. It does not call p if it fails.
//
// The agreement to CONNECT is a 200, or the 2xx of SetResponseCode. The agreement to an Upgrade is a 101 (RFC 9110, section
// 7.8); its Upgrade is that of ResponseHeader, or else the first one that the client has asked for. The other headers of the
// response are sent too, such as the Sec-WebSocket-Accept of a WebSocket.
//
// The connection may be a stream of HTTP/2, which p cannot tell. A client of HTTP/2 asks for it by CONNECT or, for a
// WebSocket, by an extended CONNECT (RFC 8441). The request then looks like that of HTTP/1.1, with method GET, and the 101
// becomes a 200 on the way to the client.
//
// SwitchProtocol fails with [ErrNoSwitch], with [ErrConnectionLost], or with [http.ErrNotSupported] if the resource is
// behind a handler, by a [ResourceHandler]. It panics after a part of the response was written. Handlers call Hijack
// instead. It is what Twisted programs do with request.channel.transport.
func (r *Request) SwitchProtocol(p reactor.Protocol) error {
	_, behind := r.carrier.(*handlerCarrier)
	switch {
	case r.over():
		return ErrConnectionLost
	case r.invocation != nil:
		panic("web: SwitchProtocol in a handler, which has Hijack")
	case r.headSent, len(r.buffered) != 0:
		panic("web: SwitchProtocol after a part of the response was written")
	case behind:
		return http.ErrNotSupported
	}
	if err := r.agree(); err != nil {
		return err
	}
	r.rendering, r.headSent = false, true
	r.setDefaults(nil)
	head := responseHead{code: r.code, phrase: r.phrase, header: r.ResponseHeader, length: -1, bodiless: true}
	if err := r.carrier.writeHead(head, nil, false); err != nil {
		r.abort()
		return err
	}
	s, ok := r.carrier.hijack()
	if !ok {
		r.abort()
		return http.ErrNotSupported
	}
	r.finished = true
	r.UnregisterProducer()
	r.contentLost(http.ErrHijacked)
	r.end(nil)
	s.hand(p)
	return nil
}

// agree sets the code and the headers that agree to the protocol that the client has asked for.
func (r *Request) agree() error {
	if r.Method == http.MethodConnect {
		if r.code/100 != 2 {
			r.SetResponseCode(http.StatusOK)
		}
		delete(r.ResponseHeader, "Content-Length")
		return nil
	}
	asked := r.Header["Upgrade"]
	if len(asked) == 0 || !http1.HasToken(r.Header["Connection"], "upgrade") {
		return ErrNoSwitch
	}
	r.code, r.phrase = http.StatusSwitchingProtocols, ""
	r.SetHeader("Connection", "Upgrade")
	if r.ResponseHeader["Upgrade"] == nil {
		first, _, _ := strings.Cut(asked[0], ",")
		r.SetHeader("Upgrade", strings.TrimSpace(first))
	}
	return nil
}

// hand makes p the protocol of s. If p panics, the connection is lost.
func (s *socket) hand(p reactor.Protocol) {
	t, panicked := s.transport, true
	defer func() {
		if panicked {
			t.AbortConnection()
		}
	}()
	handover.To(t, p, s.in, s.readEnded, nil)
	panicked = false
}
