package explore

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file has the proxies: of HTTP, which forward and open tunnels, and of SOCKS5. A proxy judges what it is asked in clear,
// and what goes through its tunnels.

// A proxy is a host that connects to others for its users.
type proxy struct {
	w        *world
	host     string
	scheme   string // "http", "socks5" or "socks5h"
	password string // "" is none
	machine  *memory.Machine
}

// newProxy adds a proxy.
func (w *world) newProxy(scheme, password string) *proxy {
	n := len(w.proxies) + 1
	p := &proxy{w: w, host: fmt.Sprintf("p%d.example", n), scheme: scheme, password: password}
	p.machine = w.r.Machine(p.host, fmt.Sprintf("203.0.113.%d", n))
	p.machine.Process(func() (stop func()) {
		listen(p.machine, ":1080", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &near{p: p} }))
		return func() { w.counts.restarts++ }
	})
	w.proxies = append(w.proxies, p)
	return p
}

func (p *proxy) url() string {
	u := url.URL{Scheme: p.scheme, Host: p.host + ":1080"}
	if p.password != "" {
		u.User = url.UserPassword(p.host, p.password)
	}
	return u.String()
}

// authorization returns the Proxy-Authorization that the proxy wants, or "".
func (p *proxy) authorization() string {
	if p.password == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(p.host+":"+p.password))
}

// A near is the connection of a user with a proxy.
type near struct {
	p      *proxy
	t      reactor.Transport
	in     []byte // what has come before the connection to the server is made
	next   func() // looks at in
	dial   *deferred.Deferred[reactor.Protocol]
	far    *far
	secure bool // TLS is to go through
	passed bool // something has gone through
	lost   bool
}

// A far is the connection of a proxy with a server.
type far struct {
	near *near
	t    reactor.Transport
	lost bool
}

func (n *near) ConnectionMade(t reactor.Transport) {
	n.t, n.next = t, n.greeted
	if n.p.scheme == "http" {
		n.next = n.asked
	}
}

func (n *near) DataReceived(data []byte) {
	if n.far != nil {
		n.pass(data)
		return
	}
	n.in = append(n.in, data...)
	if n.dial == nil {
		n.next()
	}
}

// pass sends data to the server.
func (n *near) pass(data []byte) {
	if n.secure && !n.passed && len(data) != 0 {
		n.passed = true
		if data[0] != 0x16 {
			n.p.w.problem("through %s, something else than TLS goes to a port of https: %.40q", n.p.host, data)
		}
	}
	n.far.t.Write(data)
}

// take returns the first bytes of in, and forgets them. It returns nil if there are fewer.
func (n *near) take(count int) []byte {
	if len(n.in) < count {
		return nil
	}
	b := n.in[:count:count]
	n.in = n.in[count:]
	return b
}

// asked reads the head of a request of HTTP.
func (n *near) asked() {
	w := n.p.w
	end := bytes.Index(n.in, []byte("\r\n\r\n"))
	if end < 0 {
		return
	}
	head := string(n.in[:end+2])
	line, fields, _ := strings.Cut(head, "\r\n")
	words := strings.Fields(line)
	if len(words) != 3 {
		w.problem("%s is asked %q", n.p.host, line)
		n.t.AbortConnection()
		return
	}
	got := ""
	for field := range strings.SplitSeq(fields, "\r\n") {
		name, value, _ := strings.Cut(field, ": ")
		switch strings.ToLower(name) {
		case "proxy-authorization":
			got = value
		case "authorization", "cookie", "x-api-key":
			if words[0] == "CONNECT" {
				w.problem("a CONNECT to %s has %s", n.p.host, field)
			}
		}
	}
	if got != n.p.authorization() {
		w.problem("%s gets the credentials %q, want %q", n.p.host, got, n.p.authorization())
	}
	if words[0] == "CONNECT" {
		w.counts.tunnels++
		n.take(end + 4)
		n.connect(words[1], "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	u, err := url.Parse(words[1])
	if err != nil || u.Scheme != "http" {
		w.problem("%s is asked %q", n.p.host, line)
		n.t.AbortConnection()
		return
	}
	w.counts.forwarded++
	n.connect(net.JoinHostPort(u.Hostname(), "80"), "", "")
}

// greeted reads the greeting of SOCKS5 (RFC 1928).
func (n *near) greeted() {
	if len(n.in) < 2 || len(n.in) < 2+int(n.in[1]) {
		return
	}
	methods := n.take(2 + int(n.in[1]))[2:]
	n.p.w.counts.socks++
	if n.p.password == "" {
		n.t.Write([]byte{5, 0})
		n.next = n.requested
		return
	}
	if bytes.IndexByte(methods, 2) < 0 {
		n.p.w.problem("%s gets no password", n.p.host)
	}
	n.t.Write([]byte{5, 2})
	n.next = n.authenticated
}

// authenticated reads the name and password (RFC 1929).
func (n *near) authenticated() {
	want := fmt.Sprintf("\x01%c%s%c%s", len(n.p.host), n.p.host, len(n.p.password), n.p.password)
	got := n.take(len(want))
	if got == nil {
		return
	}
	if string(got) != want {
		n.p.w.problem("%s gets the credentials %q, want %q", n.p.host, got, want)
	}
	n.t.Write([]byte{1, 0})
	n.next = n.requested
	n.next()
}

// requested reads the request to connect.
func (n *near) requested() {
	if len(n.in) < 5 {
		return
	}
	length := map[byte]int{1: 4, 3: 1 + int(n.in[4]), 4: 16}[n.in[3]]
	b := n.take(4 + length + 2)
	if b == nil {
		return
	}
	var host string
	if b[3] == 3 {
		host = string(b[5 : 4+length])
	} else {
		ip, _ := netip.AddrFromSlice(b[4 : 4+length])
		host = ip.String()
	}
	if (b[3] == 3) != (n.p.scheme == "socks5h") {
		n.p.w.problem("%s, a proxy of %s, is asked for %s", n.p.host, n.p.scheme, host)
	}
	port := strconv.Itoa(int(b[4+length])<<8 | int(b[5+length]))
	n.connect(net.JoinHostPort(host, port), "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00")
}

// connect connects to the server at address, says yes to the user, and passes bytes on in both directions; or it says no.
func (n *near) connect(address, yes, no string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		n.p.w.problem("%s is to connect to %q", n.p.host, address)
	}
	n.secure = port == "443"
	build := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &far{near: n} })
	n.dial = endpoints.NewHostname(n.p.machine, host, port, endpoints.HostnameConfig{}).Connect(build)
	n.dial.AddCallbacks(func(p reactor.Protocol) (reactor.Protocol, error) {
		f := p.(*far)
		if n.lost || f.lost {
			f.t.AbortConnection()
			n.t.AbortConnection()
			return p, nil
		}
		n.far = f
		n.t.Write([]byte(yes))
		n.t.RegisterProducer(f.t)
		f.t.RegisterProducer(n.t)
		if len(n.in) != 0 {
			n.pass(n.in)
		}
		return p, nil
	}, func(error) (reactor.Protocol, error) {
		n.t.Write([]byte(no))
		n.t.LoseConnection()
		return nil, nil
	})
}

func (n *near) ConnectionLost(reason error) {
	n.lost = true
	switch {
	case n.far != nil:
		n.far.t.UnregisterProducer()
		closeFor(n.far.t, reason)
	case n.dial != nil:
		n.dial.Cancel()
	}
}

func (f *far) ConnectionMade(t reactor.Transport) { f.t = t }
func (f *far) DataReceived(data []byte)           { f.near.t.Write(data) }

func (f *far) ConnectionLost(reason error) {
	f.lost = true
	f.near.t.UnregisterProducer()
	closeFor(f.near.t, reason)
}

// closeFor closes t as the connection on the other side was.
func closeFor(t reactor.Transport, reason error) {
	if errors.Is(reason, reactor.ErrConnectionDone) {
		t.LoseConnection()
	} else {
		t.AbortConnection()
	}
}
