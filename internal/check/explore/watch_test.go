package explore

import (
	"fmt"
	"net"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// This file puts an observer between a protocol and its connection, above TLS.

// A watch is one end of a connection.
type watch struct {
	protocols.ProtocolWrapper
	w      *world
	number int
	client bool
	judge  *observer // of HTTP/2; nil for HTTP/1.1
	made   bool
	lost   bool
}

// watching returns a factory whose protocols are those of f, watched.
func (w *world) watching(f reactor.Factory, client bool) *protocols.WrappingFactory {
	return &protocols.WrappingFactory{Factory: f, Wrap: func(net.Addr) protocols.Wrapper {
		o := &watch{w: w, number: len(w.watches), client: client}
		w.watches = append(w.watches, o)
		return o
	}}
}

func (o *watch) ConnectionMade(t reactor.Transport) {
	o.made = true
	if !o.client {
		o.w.counts.connections++
	}
	speaks := o.w.version.of("http")
	if state := t.TLS(); state != nil {
		o.w.counts.secure++
		speaks = map[string]string{"h2": "HTTP/2.0", "http/1.1": "HTTP/1.1"}[state.NegotiatedProtocol]
		if !slices.Contains(o.w.version.negotiated(), state.NegotiatedProtocol) {
			o.w.problem("connection %d: %q is negotiated", o.number, state.NegotiatedProtocol)
		}
	}
	if speaks == "HTTP/2.0" {
		o.judge = newObserver(func(format string, args ...any) {
			o.w.problem("connection %d, client %t: %s", o.number, o.client, fmt.Sprintf(format, args...))
		})
	}
	o.ProtocolWrapper.ConnectionMade(t)
}

func (o *watch) DataReceived(data []byte) {
	if o.judge != nil {
		o.judge.observe(!o.client, data)
	}
	o.ProtocolWrapper.DataReceived(data)
}

func (o *watch) Write(data []byte) {
	o.written(data)
	o.ProtocolWrapper.Write(data)
}

func (o *watch) WriteSequence(pieces ...[]byte) {
	o.written(pieces...)
	o.ProtocolWrapper.WriteSequence(pieces...)
}

// written judges what o's own end writes, unless it is dropped.
func (o *watch) written(pieces ...[]byte) {
	if o.judge == nil || o.lost || o.Disconnecting() {
		return
	}
	for _, data := range pieces {
		o.judge.observe(o.client, data)
	}
}

func (o *watch) AbortConnection() {
	o.ending()
	o.ProtocolWrapper.AbortConnection()
}

func (o *watch) LoseConnection() {
	o.ending()
	o.ProtocolWrapper.LoseConnection()
}

func (o *watch) ConnectionLost(reason error) {
	o.ending()
	if o.lost {
		o.w.problem("connection %d is lost twice", o.number)
	}
	o.lost = true
	o.ProtocolWrapper.ConnectionLost(reason)
}

// ending notes that what is open on the connection need not end.
func (o *watch) ending() {
	if o.judge != nil {
		o.judge.over = true
	}
}

// A watchedEndpoint watches the connections of another endpoint.
type watchedEndpoint struct {
	endpoints.ClientEndpoint
	w      *world
	secure bool
}

func (e watchedEndpoint) Secure() bool { return e.secure }

func (e watchedEndpoint) Connect(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return e.ClientEndpoint.Connect(e.w.watching(f, true)).AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
		o, _ := protocols.As[*watch](p)
		return o.Wrapped(), nil
	})
}
