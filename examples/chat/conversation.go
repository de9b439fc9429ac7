package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// converse connects two visitors to a room. Its Deferred fires when Alice has left.
func converse(r reactor.Reactor, w io.Writer) *deferred.Deferred[deferred.None] {
	chat := &room{}
	port, err := r.ListenTCP("127.0.0.1:0", chat)
	if err != nil {
		return deferred.Fail[deferred.None](err)
	}
	fmt.Fprintln(w, "listening on", port.Addr())
	chat.announceTime(r, time.Second)

	visit := func(v *visitor) *deferred.Deferred[deferred.None] {
		v.left = deferred.New[deferred.None]()
		v.LineReceived = v.lineReceived
		connected := r.ConnectTCP(port.Addr().String(), reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			return v
		}), reactor.ConnectConfig{})
		return deferred.Then(connected, func(reactor.Protocol) *deferred.Deferred[deferred.None] { return v.left })
	}
	bob := &visitor{answers: []answer{
		{"* what is your name?", func(v *visitor) { v.SendLine("Bob") }},
		{"Alice: hello", func(v *visitor) { v.SendLine("hello, Alice"); v.Transport.LoseConnection() }},
	}}
	alice := &visitor{out: w, answers: []answer{
		{"* what is your name?", func(v *visitor) { v.SendLine("Alice") }},
		{"* Alice is here", func(*visitor) { visit(bob) }},
		{"* Bob is here", func(v *visitor) { v.SendLine("hello, Bob") }},
		{"* it is", func(v *visitor) { v.Transport.LoseConnection() }},
	}}
	return visit(alice)
}

// A visitor is a client that answers the lines of the room.
type visitor struct {
	protocols.LineReceiver
	answers []answer
	out     io.Writer                         // nil, or a copy of all received lines
	left    *deferred.Deferred[deferred.None] // fires when the connection is lost
}

// An answer is the reaction to lines with a prefix.
type answer struct {
	prefix string
	do     func(v *visitor)
}

func (v *visitor) ConnectionLost(reason error) {
	v.LineReceiver.ConnectionLost(reason)
	v.left.Callback(deferred.None{})
}

func (v *visitor) lineReceived(data []byte) {
	line := string(data)
	if v.out != nil {
		fmt.Fprintln(v.out, line)
	}
	for _, a := range v.answers {
		if strings.HasPrefix(line, a.prefix) {
			a.do(v)
		}
	}
}
