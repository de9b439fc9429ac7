package endpoints

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/handover"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// SOCKS5 is the endpoint of a host and port that a SOCKS5 server connects to (RFC 1928),
// with or without a user name and password (RFC 1929).
type SOCKS5 struct {
	reactor    reactor.Reactor
	server     ClientEndpoint
	host, port string
	config     SOCKS5Config
}

// A SOCKS5Config configures a [SOCKS5]. The zero value works with a server that asks for no
// password.
type SOCKS5Config struct {
	// Username and Password have at most 255 bytes each. If both are empty, the server is
	// offered no authentication but none. The server gets them unencrypted.
	Username, Password string
	// Resolve has the reactor's name resolver look the host up, and the server connect to
	// the addresses, one after the other until it succeeds. Otherwise the server looks the
	// host up, and the resolver does not see it.
	Resolve bool
	// Timeout bounds the wait for the server's answers, from when there is a connection to
	// it, for each address. 0 means [reactor.DefaultConnectTimeout], negative no bound.
	Timeout time.Duration
}

// NewSOCKS5 returns the endpoint of host and port, as the SOCKS5 server at the endpoint
// server reaches them. host is a name in ASCII or an IP address, port a decimal number.
func NewSOCKS5(r reactor.Reactor, server ClientEndpoint, host, port string, config SOCKS5Config) *SOCKS5 {
	return &SOCKS5{r, server, host, port, config}
}

// ErrSOCKS5Auth says that a SOCKS5 server refuses the user name and password, or that it
// wants one.
var ErrSOCKS5Auth = errors.New("the SOCKS5 server refuses to authenticate")

// A SOCKS5Error says why a SOCKS5 server did not connect. errors.Is matches it with
// [reactor.ErrConnectionRefused], [reactor.ErrNoRoute] or [reactor.ErrConnectTimeout] if
// that is the reason.
type SOCKS5Error struct {
	Reply byte // the reply field (RFC 1928, section 6)
}

// socks5Replies has the meaning of each reply, and the reactor's error for it.
var socks5Replies = [...]struct {
	text string
	is   error
}{
	1: {"general failure", nil},
	2: {"the connection is not allowed by its rules", nil},
	3: {"the network is unreachable", reactor.ErrNoRoute},
	4: {"the host is unreachable", reactor.ErrNoRoute},
	5: {"the connection was refused", reactor.ErrConnectionRefused},
	6: {"the time to live expired", reactor.ErrConnectTimeout},
	7: {"it does not know the command CONNECT", nil},
	8: {"it does not know this type of address", nil},
}

func (e *SOCKS5Error) Error() string {
	if e.Reply == 0 || int(e.Reply) >= len(socks5Replies) {
		return fmt.Sprintf("the SOCKS5 server failed with the unknown reply %d", e.Reply)
	}
	return "the SOCKS5 server failed: " + socks5Replies[e.Reply].text
}

// Unwrap returns the reactor's error for the reply, or nil.
func (e *SOCKS5Error) Unwrap() error {
	if int(e.Reply) >= len(socks5Replies) {
		return nil
	}
	return socks5Replies[e.Reply].is
}

// Connect connects to the server, has it connect to the host and port, and fires with the
// protocol that factory built.
//
// It fails with the error of the server's endpoint, or with a [*reactor.ConnectError] of the
// host and port. That wraps a [*SOCKS5Error], [ErrSOCKS5Auth], [reactor.ErrConnectTimeout]
// after Timeout, or says what the server did wrong. For a name with several addresses it
// wraps an [*AttemptsError].
func (s *SOCKS5) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	if err := s.check(); err != nil {
		return deferred.Fail[reactor.Protocol](s.error(s.host, err))
	}
	if !s.config.Resolve {
		return s.connectTo(s.host, factory)
	}
	found := s.reactor.NameResolver().LookupHost(s.host)
	return deferred.Then(found, func(addrs []netip.Addr) *deferred.Deferred[reactor.Protocol] {
		if len(addrs) == 0 {
			return deferred.Fail[reactor.Protocol](&reactor.LookupError{Host: s.host, Err: reactor.ErrNameNotFound})
		}
		return s.connectFirst(interleave(addrs), factory, nil)
	})
}

// check returns an error if SOCKS5 cannot express s.
func (s *SOCKS5) check() error {
	switch port, err := strconv.ParseUint(s.port, 10, 16); {
	case err != nil || port == 0:
		return fmt.Errorf("%q is not a port number", s.port)
	case s.host == "":
		return errors.New("the host is missing")
	case len(s.host) > 255:
		return fmt.Errorf("the host name has %d bytes, SOCKS5 takes 255", len(s.host))
	case len(s.config.Username) > 255 || len(s.config.Password) > 255:
		return errors.New("SOCKS5 takes a user name and a password of 255 bytes each")
	case s.config.Username == "" && s.config.Password != "":
		return errors.New("SOCKS5 takes no password without a user name")
	}
	if addr, err := netip.ParseAddr(s.host); err == nil && addr.Zone() != "" && !s.config.Resolve {
		return errors.New("the zone of an address has a meaning on one machine only")
	}
	return nil
}

// connectFirst has the server connect to the first of addrs that it can connect to. failed
// has the errors of the earlier addresses.
func (s *SOCKS5) connectFirst(addrs []netip.Addr, factory reactor.Factory, failed []error) *deferred.Deferred[reactor.Protocol] {
	d := s.connectTo(addrs[0].WithZone("").String(), factory)
	if len(addrs) == 1 && failed == nil {
		return d
	}
	return deferred.ThenBoth(d, func(p reactor.Protocol, err error) *deferred.Deferred[reactor.Protocol] {
		failed = append(failed, err)
		switch _, refused := errors.AsType[*SOCKS5Error](err); {
		case err == nil:
			return deferred.Succeed(p)
		case !refused: // another address would have the same error
			return deferred.Fail[reactor.Protocol](err)
		case len(addrs) == 1:
			return deferred.Fail[reactor.Protocol](s.error(s.host, &AttemptsError{failed}))
		}
		return s.connectFirst(addrs[1:], factory, failed)
	})
}

// connectTo has the server connect to host.
func (s *SOCKS5) connectTo(host string, factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	var o *socks5Opener
	over := false
	connected := s.server.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		if over {
			return nil
		}
		o = &socks5Opener{SOCKS5: s, host: host, factory: factory}
		o.dialog.init(host, s.port, s.config)
		return o
	}))
	return deferred.Then(connected, func(reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
		if o == nil {
			return deferred.Fail[reactor.Protocol](s.error(host, errors.New("the server's endpoint did not use the factory")))
		}
		return o.open()
	}).AddErrback(func(err error) (reactor.Protocol, error) {
		if over = true; o != nil && o.opened == nil { // a function of a Trace cancelled it when the server was connected
			o.abandon()
		}
		return nil, err
	})
}

func (s *SOCKS5) error(host string, reason error) error {
	return &reactor.ConnectError{Network: "tcp", Address: net.JoinHostPort(host, s.port), Err: reason}
}

// A socks5Opener is the protocol of a connection to a SOCKS5 server until the server has
// connected.
type socks5Opener struct {
	*SOCKS5
	host      string
	factory   reactor.Factory
	transport reactor.Transport
	dialog    socks5Dialog
	received  []byte // not handled yet
	opened    *deferred.Deferred[reactor.Protocol]
	late      reactor.DelayedCall // ends the attempt; nil without a timeout
	lost      error               // why the connection was lost; nil while connected
	abandoned bool                // nobody will open it
}

// abandon closes the connection, now or when it is made.
func (o *socks5Opener) abandon() {
	if o.abandoned = true; o.transport != nil {
		o.transport.AbortConnection()
	}
}

func (o *socks5Opener) ConnectionMade(t reactor.Transport) {
	if o.transport = t; o.abandoned {
		t.AbortConnection()
	}
}

// open begins to talk with the server.
func (o *socks5Opener) open() *deferred.Deferred[reactor.Protocol] {
	o.opened = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) {
		o.end()
		o.transport.AbortConnection()
	})
	if o.lost != nil {
		o.opened.Errback(o.lost)
		return o.opened
	}
	o.transport.Write(o.dialog.greeting())
	limit := o.config.Timeout
	if limit == 0 {
		limit = reactor.DefaultConnectTimeout
	}
	if limit > 0 {
		o.late = o.reactor.CallLater(limit, func() {
			o.late = nil
			o.fail(fmt.Errorf("%w: the SOCKS5 server did not answer within %v", reactor.ErrConnectTimeout, limit))
		})
	}
	o.proceed()
	return o.opened
}

// end cancels the timer.
func (o *socks5Opener) end() {
	if o.late != nil {
		o.late.Cancel()
		o.late = nil
	}
}

// fail ends the attempt.
func (o *socks5Opener) fail(reason error) {
	o.end()
	o.transport.AbortConnection()
	o.opened.Errback(o.error(o.host, reason))
}

func (o *socks5Opener) DataReceived(data []byte) {
	o.received = append(o.received, data...)
	if o.opened != nil {
		o.proceed()
	}
}

// proceed handles what the server has sent.
func (o *socks5Opener) proceed() {
	for !o.opened.Called() {
		n, answer, err := o.dialog.next(o.received)
		o.received = o.received[n:]
		switch {
		case err != nil:
			o.fail(err)
		case o.dialog.state == socks5Connected:
			o.handOver()
		case n == 0:
			return
		default:
			o.transport.Write(answer)
		}
	}
}

// handOver gives the connection, which now leads to the target, to a protocol of the
// factory, and then the bytes that the target has already sent.
func (o *socks5Opener) handOver() {
	p := o.factory.BuildProtocol(o.transport.Peer())
	if p == nil {
		o.fail(reactor.ErrNoProtocol)
		return
	}
	o.end()
	defer func() { // a panic is an error: the caller must not wait for ever
		if v := recover(); v != nil {
			panicked := deferred.NewPanicError(v)
			if !o.opened.Called() {
				o.opened.Errback(panicked)
			}
			panicked.Repanic()
		}
	}()
	handover.To(o.transport, p, o.received, false, func() { o.opened.Callback(p) })
}

func (o *socks5Opener) ConnectionLost(reason error) {
	o.end()
	o.lost = o.error(o.host, fmt.Errorf("the SOCKS5 server closed the connection: %w", reason))
	if o.opened != nil && !o.opened.Called() {
		o.opened.Errback(o.lost)
	}
}

// A socks5Dialog is the client's side of SOCKS5, without I/O.
type socks5Dialog struct {
	config  SOCKS5Config
	request []byte
	state   socks5State
}

type socks5State int

const (
	socks5Greeted       socks5State = iota // the server chooses a method
	socks5Authenticates                    // the server checks the password
	socks5Requested                        // the server connects
	socks5Connected
)

// Numbers of RFC 1928 and RFC 1929.
const (
	socks5Version     = 5
	socks5AuthVersion = 1
	socks5NoAuth      = 0
	socks5Password    = 2
	socks5NoMethod    = 0xff
	socks5IPv4        = 1
	socks5Name        = 3
	socks5IPv6        = 4
)

// init makes the request for host and port, which check has found valid.
func (d *socks5Dialog) init(host, port string, config SOCKS5Config) {
	d.config = config
	d.request = []byte{socks5Version, 1, 0}
	if addr, err := netip.ParseAddr(host); err != nil {
		d.request = append(append(d.request, socks5Name, byte(len(host))), host...)
	} else if addr = addr.Unmap(); addr.Is4() {
		d.request = append(append(d.request, socks5IPv4), addr.AsSlice()...)
	} else {
		d.request = append(append(d.request, socks5IPv6), addr.AsSlice()...)
	}
	number, _ := strconv.ParseUint(port, 10, 16)
	d.request = binary.BigEndian.AppendUint16(d.request, uint16(number))
}

// greeting returns what the client sends first.
func (d *socks5Dialog) greeting() []byte {
	if d.config.Username == "" {
		return []byte{socks5Version, 1, socks5NoAuth}
	}
	return []byte{socks5Version, 2, socks5NoAuth, socks5Password}
}

// next handles the next message of the server, at the beginning of in. It returns the length
// of that message, or 0 if it is not complete, and what to send.
func (d *socks5Dialog) next(in []byte) (n int, answer []byte, err error) {
	version := byte(socks5Version)
	if d.state == socks5Authenticates {
		version = socks5AuthVersion
	}
	switch {
	case len(in) == 0:
		return 0, nil, nil
	case in[0] != version:
		return 0, nil, fmt.Errorf("the server does not speak SOCKS5: it sent %.20q", in)
	case len(in) == 1:
		return 0, nil, nil
	}
	switch d.state {
	case socks5Greeted:
		answer, err = d.chosen(in[1])
		return 2, answer, err
	case socks5Authenticates:
		if in[1] != 0 {
			return 2, nil, fmt.Errorf("%w: it does not accept the user name and password", ErrSOCKS5Auth)
		}
		d.state = socks5Requested
		return 2, d.request, nil
	}
	if in[1] != 0 {
		return 2, nil, &SOCKS5Error{in[1]} // a server may send no more than that
	}
	n, err = socks5ReplyLength(in)
	if err != nil || n == 0 || len(in) < n {
		return 0, nil, err
	}
	d.state = socks5Connected
	return n, nil, nil
}

// chosen answers the server's choice of a method.
func (d *socks5Dialog) chosen(method byte) (answer []byte, err error) {
	user, password := d.config.Username, d.config.Password
	switch {
	case method == socks5NoAuth:
		d.state = socks5Requested
		return d.request, nil
	case method == socks5Password && user != "":
		d.state = socks5Authenticates
		answer = append([]byte{socks5AuthVersion, byte(len(user))}, user...)
		return append(append(answer, byte(len(password))), password...), nil
	case method == socks5NoMethod && user == "":
		return nil, fmt.Errorf("%w without a user name and password", ErrSOCKS5Auth)
	case method == socks5NoMethod:
		return nil, fmt.Errorf("%w with a user name and password", ErrSOCKS5Auth)
	}
	return nil, fmt.Errorf("the SOCKS5 server chose the method %d, which was not offered", method)
}

// socks5ReplyLength returns the length of the reply that begins with in, or 0 if in is too
// short to tell.
func socks5ReplyLength(in []byte) (int, error) {
	const head, port = 4, 2
	if len(in) < head {
		return 0, nil
	}
	switch kind := in[3]; {
	case kind == socks5IPv4:
		return head + 4 + port, nil
	case kind == socks5IPv6:
		return head + 16 + port, nil
	case kind != socks5Name:
		return 0, fmt.Errorf("the SOCKS5 server answered with the unknown type of address %d", kind)
	case len(in) == head:
		return 0, nil
	}
	return head + 1 + int(in[4]) + port, nil
}
