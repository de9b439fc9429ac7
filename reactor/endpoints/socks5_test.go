package endpoints_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/proxy"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A socksWorld is a SOCKS5 server in memory, whose bytes the test decides, and an endpoint
// that goes through it.
type socksWorld struct {
	*rawserver.Server
	r        *memory.Reactor
	endpoint *endpoints.SOCKS5
	target   *listener // the protocol that the target's bytes reach
	builds   int
}

// A listener is a protocol that keeps what it hears.
type listener struct {
	peer
	heard string
}

func (l *listener) DataReceived(data []byte) { l.heard += string(data) }

func newSOCKSWorld(t testing.TB, r *memory.Reactor, host, port string, config endpoints.SOCKS5Config) *socksWorld {
	t.Helper()
	w := &socksWorld{Server: rawserver.Listen(t, r, "1080"), r: r, target: &listener{}}
	w.endpoint = endpoints.NewSOCKS5(r, endpoints.NewTCPClient(r, "192.0.2.1:1080", reactor.ConnectConfig{}), host, port, config)
	return w
}

func (w *socksWorld) BuildProtocol(net.Addr) reactor.Protocol {
	w.builds++
	return w.target
}

func (w *socksWorld) connect() (*deferred.Deferred[reactor.Protocol], *outcome[reactor.Protocol]) {
	d := w.endpoint.Connect(reactor.FactoryFunc(w.BuildProtocol))
	got := await(w.r, d)
	w.r.Pump()
	return d, got
}

// wantNothingLeft fails the test if a connection or a delayed call is left.
func (w *socksWorld) wantNothingLeft(t testing.TB) {
	t.Helper()
	w.r.Pump()
	w.WantNothingLeft()
}

const (
	noAuth     = "\x05\x00"
	wantsAuth  = "\x05\x02"
	authOK     = "\x01\x00"
	repliedOK  = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	connectCmd = "\x05\x01\x00"
)

// TestSOCKS5 has the conversation for each kind of host and of authentication, the answers of
// the server cut at every byte.
func TestSOCKS5(t *testing.T) {
	long := strings.Repeat("n", 255)
	for _, test := range []struct {
		name       string
		host, port string
		config     endpoints.SOCKS5Config
		answers    []string // of the server, each after the client's next message
		sent       []string // by the client
	}{
		{"a name", "a.example", "80", endpoints.SOCKS5Config{},
			[]string{noAuth, repliedOK}, []string{"\x05\x01\x00", connectCmd + "\x03\x09a.example\x00\x50"}},
		{"a long name", long, "65535", endpoints.SOCKS5Config{},
			[]string{noAuth, repliedOK}, []string{"\x05\x01\x00", connectCmd + "\x03\xff" + long + "\xff\xff"}},
		{"IPv4", "192.0.2.7", "443", endpoints.SOCKS5Config{},
			[]string{noAuth, repliedOK}, []string{"\x05\x01\x00", connectCmd + "\x01\xc0\x00\x02\x07\x01\xbb"}},
		{"IPv6", "2001:db8::7", "443", endpoints.SOCKS5Config{},
			[]string{noAuth, repliedOK}, []string{"\x05\x01\x00", connectCmd + "\x04\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x07\x01\xbb"}},
		{"IPv4 in IPv6", "::ffff:192.0.2.7", "443", endpoints.SOCKS5Config{},
			[]string{noAuth, repliedOK}, []string{"\x05\x01\x00", connectCmd + "\x01\xc0\x00\x02\x07\x01\xbb"}},
		{"a password", "a.example", "80", endpoints.SOCKS5Config{Username: "me", Password: "secret"},
			[]string{wantsAuth, authOK, repliedOK},
			[]string{"\x05\x02\x00\x02", "\x01\x02me\x06secret", connectCmd + "\x03\x09a.example\x00\x50"}},
		{"a password that is not asked for", "a.example", "80", endpoints.SOCKS5Config{Username: "me", Password: "secret"},
			[]string{noAuth, repliedOK}, []string{"\x05\x02\x00\x02", connectCmd + "\x03\x09a.example\x00\x50"}},
		{"a user without a password", "a.example", "80", endpoints.SOCKS5Config{Username: "me"},
			[]string{wantsAuth, authOK, repliedOK},
			[]string{"\x05\x02\x00\x02", "\x01\x02me\x00", connectCmd + "\x03\x09a.example\x00\x50"}},
		{"a long password", "a.example", "80", endpoints.SOCKS5Config{Username: long, Password: long},
			[]string{wantsAuth, authOK, repliedOK},
			[]string{"\x05\x02\x00\x02", "\x01\xff" + long + "\xff" + long, connectCmd + "\x03\x09a.example\x00\x50"}},
		{"bound to IPv6", "a.example", "80", endpoints.SOCKS5Config{},
			[]string{noAuth, "\x05\x00\x00\x04" + strings.Repeat("\x00", 18)}, []string{"\x05\x01\x00", connectCmd + "\x03\x09a.example\x00\x50"}},
		{"bound to a name", "a.example", "80", endpoints.SOCKS5Config{},
			[]string{noAuth, "\x05\x00\x00\x03\x04here\x00\x50"}, []string{"\x05\x01\x00", connectCmd + "\x03\x09a.example\x00\x50"}},
		{"bound to an empty name", "a.example", "80", endpoints.SOCKS5Config{},
			[]string{noAuth, "\x05\x00\xff\x03\x00\x00\x50"}, []string{"\x05\x01\x00", connectCmd + "\x03\x09a.example\x00\x50"}},
	} {
		for _, early := range []string{"", "hello, client"} {
			t.Run(test.name+early, func(t *testing.T) {
				last := test.answers[len(test.answers)-1] + early
				for cut := -1; cut < len(last); cut++ { // -1: every byte by itself
					r := newReactor(t)
					w := newSOCKSWorld(t, r, test.host, test.port, test.config)
					_, got := w.connect()
					c := w.Conn(0)
					for i, sent := range test.sent {
						if text := c.Got(); text != sent {
							t.Fatalf("message %d is %q, want %q", i, text, sent)
						}
						if got.fired || w.builds != 0 {
							t.Fatalf("fired %v, built %d after %d answers", got.fired, w.builds, i)
						}
						switch answer := test.answers[i]; {
						case i < len(test.answers)-1 && cut >= 0:
							c.Send(answer)
						case i < len(test.answers)-1:
							c.SendBytewise(answer)
						case cut >= 0:
							c.Send(last[:cut])
							c.Send(last[cut:])
						default:
							c.SendBytewise(last)
						}
					}
					if p := valueOf(t, got); p != w.target || w.builds != 1 {
						t.Fatalf("fired with %v, built %d", p, w.builds)
					}
					if w.target.heard != early {
						t.Errorf("cut at %d: the target says %q, want %q", cut, w.target.heard, early)
					}
					c.Send("more")
					w.target.Write([]byte("answer"))
					r.Pump()
					if w.target.heard != early+"more" || c.Got() != "answer" {
						t.Errorf("cut at %d: heard %q", cut, w.target.heard)
					}
					w.target.LoseConnection()
					w.wantNothingLeft(t)
				}
			})
		}
	}
}

// TestSOCKS5Oracle: the client says what that of golang.org/x/net says.
func TestSOCKS5Oracle(t *testing.T) {
	for _, host := range []string{"a.example", "a.example.", "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7", strings.Repeat("n", 255)} {
		for _, user := range []string{"", "me", strings.Repeat("u", 255)} {
			answers := []string{noAuth, repliedOK}
			config := endpoints.SOCKS5Config{Username: user}
			var credentials *proxy.Auth
			if user != "" {
				answers = []string{wantsAuth, authOK, repliedOK}
				config.Password = "secret"
				credentials = &proxy.Auth{User: user, Password: "secret"}
			}

			recorded := &recorder{answers: answers}
			dialer, err := proxy.SOCKS5("tcp", "192.0.2.1:1080", credentials, recorded)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dialer.Dial("tcp", net.JoinHostPort(host, "443")); err != nil {
				t.Fatal(err)
			}

			w := newSOCKSWorld(t, newReactor(t), host, "443", config)
			_, got := w.connect()
			var sent string
			for _, answer := range answers {
				sent += w.Conn(0).Got()
				w.Conn(0).Send(answer)
			}
			valueOf(t, got)
			if sent != recorded.sent {
				t.Errorf("%s: sent %q, the oracle %q", host, sent, recorded.sent)
			}
			w.target.LoseConnection()
			w.wantNothingLeft(t)
		}
	}
}

// A recorder is a dialer, and its connection, that records what is sent.
type recorder struct {
	net.Conn
	answers []string
	sent    string
	toRead  bytes.Buffer
}

func (c *recorder) Dial(string, string) (net.Conn, error) { return c, nil }
func (c *recorder) SetDeadline(time.Time) error           { return nil }
func (c *recorder) Read(p []byte) (int, error)            { return c.toRead.Read(p) }
func (c *recorder) Close() error                          { return nil }

func (c *recorder) Write(p []byte) (int, error) {
	c.sent += string(p)
	c.toRead.WriteString(c.answers[0])
	c.answers = c.answers[1:]
	return len(p), nil
}

// TestSOCKS5Fails has every reply that is a failure, and what no SOCKS5 server says.
func TestSOCKS5Fails(t *testing.T) {
	type is []error
	password := endpoints.SOCKS5Config{Username: "me", Password: "secret"}
	const failed = "the SOCKS5 server failed: "
	for _, test := range []struct {
		name   string
		config endpoints.SOCKS5Config
		sent   string
		text   string
		is     is
	}{
		{"1", endpoints.SOCKS5Config{}, noAuth + "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00", failed + "general failure", nil},
		{"2", endpoints.SOCKS5Config{}, noAuth + "\x05\x02", failed + "the connection is not allowed by its rules", nil},
		{"3", endpoints.SOCKS5Config{}, noAuth + "\x05\x03", failed + "the network is unreachable", is{reactor.ErrNoRoute}},
		{"4", endpoints.SOCKS5Config{}, noAuth + "\x05\x04", failed + "the host is unreachable", is{reactor.ErrNoRoute}},
		{"5", endpoints.SOCKS5Config{}, noAuth + "\x05\x05", failed + "the connection was refused", is{reactor.ErrConnectionRefused}},
		{"6", endpoints.SOCKS5Config{}, noAuth + "\x05\x06", failed + "the time to live expired", is{reactor.ErrConnectTimeout}},
		{"7", endpoints.SOCKS5Config{}, noAuth + "\x05\x07", failed + "it does not know the command CONNECT", nil},
		{"8", endpoints.SOCKS5Config{}, noAuth + "\x05\x08", failed + "it does not know this type of address", nil},
		{"9", endpoints.SOCKS5Config{}, noAuth + "\x05\x09", "the SOCKS5 server failed with the unknown reply 9", nil},
		{"255", endpoints.SOCKS5Config{}, noAuth + "\x05\xff", "the SOCKS5 server failed with the unknown reply 255", nil},
		{"wants a password", endpoints.SOCKS5Config{}, "\x05\xff", "the SOCKS5 server refuses to authenticate without a user name and password", is{endpoints.ErrSOCKS5Auth}},
		{"wants something else", password, "\x05\xff", "the SOCKS5 server refuses to authenticate with a user name and password", is{endpoints.ErrSOCKS5Auth}},
		{"a wrong password", password, wantsAuth + "\x01\x01", "the SOCKS5 server refuses to authenticate: it does not accept the user name and password", is{endpoints.ErrSOCKS5Auth}},
		{"a method that was not offered", endpoints.SOCKS5Config{}, "\x05\x02", "the SOCKS5 server chose the method 2, which was not offered", nil},
		{"GSSAPI", password, "\x05\x01", "the SOCKS5 server chose the method 1, which was not offered", nil},
		{"HTTP", endpoints.SOCKS5Config{}, "HTTP/1.1 400 Bad Request\r\n\r\n", `the server does not speak SOCKS5: it sent "HTTP/1.1 400 Bad Req"`, nil},
		{"SOCKS4", endpoints.SOCKS5Config{}, "\x00\x5b", `the server does not speak SOCKS5: it sent "\x00["`, nil},
		{"the wrong version of authentication", password, wantsAuth + "\x05\x00", `the server does not speak SOCKS5: it sent "\x05\x00"`, nil},
		{"the wrong version in the reply", endpoints.SOCKS5Config{}, noAuth + "\x04\x00", `the server does not speak SOCKS5: it sent "\x04\x00"`, nil},
		{"an unknown type of address", endpoints.SOCKS5Config{}, noAuth + "\x05\x00\x00\x02", "the SOCKS5 server answered with the unknown type of address 2", nil},
	} {
		for _, bytewise := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, bytewise), func(t *testing.T) {
				w := newSOCKSWorld(t, newReactor(t), "a.example", "80", test.config)
				_, got := w.connect()
				if bytewise {
					for i := range len(test.sent) {
						if !got.fired {
							w.Conn(0).Send(test.sent[i : i+1])
						}
					}
				} else {
					w.Conn(0).Send(test.sent)
				}
				const begin = "connecting to a.example:80: "
				if got.err == nil || !strings.HasPrefix(got.err.Error(), begin+test.text) && (!bytewise || !strings.HasPrefix(got.err.Error(), begin+"the server does not speak")) {
					t.Fatalf("error %v, want %s", got.err, test.text)
				}
				if strings.Contains(got.err.Error(), "secret") {
					t.Error("the error has the password")
				}
				for _, target := range test.is {
					if !errors.Is(got.err, target) {
						t.Errorf("%v is not %v", got.err, target)
					}
				}
				var failed *endpoints.SOCKS5Error
				if is := errors.As(got.err, &failed); is != (len(test.name) == 1 || test.name == "255") {
					t.Errorf("a SOCKS5Error: %v", is)
				}
				if w.builds != 0 {
					t.Error("a protocol was built")
				}
				w.wantNothingLeft(t)
			})
		}
	}
}

// socksDialog is what a server sends to a client with a password, and what the target sends
// first.
const socksDialog = wantsAuth + authOK + repliedOK

// TestSOCKS5AtEveryByte ends the attempt after each byte of the server, in each way.
func TestSOCKS5AtEveryByte(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(w *socksWorld, d *deferred.Deferred[reactor.Protocol])
		is   error
		text string
	}{
		{"closed", func(w *socksWorld, _ *deferred.Deferred[reactor.Protocol]) { w.Conn(0).Close() }, reactor.ErrConnectionDone,
			"connecting to a.example:80: the SOCKS5 server closed the connection: connection was closed cleanly"},
		{"reset", func(w *socksWorld, _ *deferred.Deferred[reactor.Protocol]) { w.Conn(0).Abort() }, reactor.ErrConnectionLost,
			"connecting to a.example:80: the SOCKS5 server closed the connection: "},
		{"no answer", func(w *socksWorld, d *deferred.Deferred[reactor.Protocol]) {
			w.r.RunFor(2*time.Second - 1)
			if d.Called() {
				panic("too early")
			}
			w.r.RunFor(1)
		}, reactor.ErrConnectTimeout, "connecting to a.example:80: connecting took too long: the SOCKS5 server did not answer within 2s"},
		{"cancelled", func(_ *socksWorld, d *deferred.Deferred[reactor.Protocol]) { d.Cancel() }, deferred.ErrCancelled, "cancelled"},
	} {
		for n := range len(socksDialog) {
			config := endpoints.SOCKS5Config{Username: "me", Password: "secret", Timeout: 2 * time.Second}
			w := newSOCKSWorld(t, newReactor(t), "a.example", "80", config)
			d, got := w.connect()
			w.Conn(0).SendBytewise(socksDialog[:n])
			if got.fired {
				t.Fatalf("%s after %d bytes: fired before", test.name, n)
			}
			test.end(w, d)
			if !errors.Is(got.err, test.is) || !strings.Contains(got.err.Error(), test.text) {
				t.Errorf("%s after %d bytes: error %v, want %s", test.name, n, got.err, test.text)
			}
			if w.builds != 0 {
				t.Errorf("%s after %d bytes: a protocol was built", test.name, n)
			}
			w.wantNothingLeft(t)
		}
	}
}

// TestSOCKS5ServerFails: the errors of the server's endpoint pass, and a cancel ends it.
func TestSOCKS5ServerFails(t *testing.T) {
	r := newReactor(t)
	refused := endpoints.NewSOCKS5(r, endpoints.NewTCPClient(r, "192.0.2.1:1081", reactor.ConnectConfig{}), "a.example", "80", endpoints.SOCKS5Config{})
	got := await(r, refused.Connect(&peers{}))
	r.Pump()
	if !errors.Is(got.err, reactor.ErrConnectionRefused) || got.err.Error() != "connecting to 192.0.2.1:1081: connection was refused" {
		t.Errorf("error %v", got.err)
	}
	r.HoldConnects()
	d := refused.Connect(&peers{})
	got = await(r, d)
	d.Cancel()
	if !errors.Is(got.err, deferred.ErrCancelled) {
		t.Errorf("error %v, want ErrCancelled", got.err)
	}
	other := endpoints.NewSOCKS5(r, connectFunc(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
		return deferred.Succeed[reactor.Protocol](&peer{})
	}), "a.example", "80", endpoints.SOCKS5Config{})
	if got = await(r, other.Connect(&peers{})); got.err == nil || !strings.Contains(got.err.Error(), "did not use the factory") {
		t.Errorf("error %v", got.err)
	}
	lost := endpoints.NewSOCKS5(r, connectFunc(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
		p := f.BuildProtocol(nil)
		p.ConnectionLost(reactor.ErrConnectionReset)
		return deferred.Succeed(p)
	}), "a.example", "80", endpoints.SOCKS5Config{})
	if got = await(r, lost.Connect(&peers{})); !errors.Is(got.err, reactor.ErrConnectionReset) {
		t.Errorf("error %v", got.err)
	}
}

type connectFunc func(reactor.Factory) *deferred.Deferred[reactor.Protocol]

func (f connectFunc) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return f(factory)
}

// TestSOCKS5Factory: a factory that builds nothing and protocols that panic end the attempt.
func TestSOCKS5Factory(t *testing.T) {
	for _, test := range []struct {
		name  string
		build func() reactor.Protocol
		is    error
	}{
		{"nil", func() reactor.Protocol { return nil }, reactor.ErrNoProtocol},
		{"BuildProtocol panics", func() reactor.Protocol { panic(io.ErrNoProgress) }, io.ErrNoProgress},
		{"ConnectionMade panics", func() reactor.Protocol { return panicking{} }, io.ErrNoProgress},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newSOCKSWorld(t, newReactor(t), "a.example", "80", endpoints.SOCKS5Config{})
			got := await(w.r, w.endpoint.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return test.build() })))
			w.r.Pump()
			w.Conn(0).Send(noAuth + repliedOK + "early")
			if !errors.Is(got.err, test.is) {
				t.Errorf("error %v, want %v", got.err, test.is)
			}
			w.wantNothingLeft(t)
		})
	}
}

// TestSOCKS5EarlyData: what the target sends together with the reply waits, and is lost, as all
// data does.
func TestSOCKS5EarlyData(t *testing.T) {
	for _, test := range []struct {
		name   string
		made   func(p *early) // in ConnectionMade
		fired  func(p *early) // when the Deferred fires
		before string         // what is heard then
		later  func(p *early) // after the first turn
		after  string         // what is heard in the end
	}{
		{"nothing", func(*early) {}, func(*early) {}, "early", func(*early) {}, "early, late"},
		{"pauses at first", func(p *early) { p.PauseProducing() }, func(*early) {}, "", func(p *early) { p.ResumeProducing() }, "early, late"},
		{"pauses when it fires", func(*early) {}, func(p *early) { p.PauseProducing() }, "", func(p *early) { p.ResumeProducing() }, "early, late"},
		{"resumes and pauses", func(p *early) { p.PauseProducing() }, func(*early) {}, "", func(p *early) { p.ResumeProducing(); p.PauseProducing() }, ""},
		{"pauses and resumes", func(p *early) { p.PauseProducing(); p.ResumeProducing() }, func(*early) {}, "early", func(*early) {}, "early, late"},
		{"closes at first", func(p *early) { p.LoseConnection() }, func(*early) {}, "", func(*early) {}, ""},
		{"aborts when it fires", func(*early) {}, func(p *early) { p.AbortConnection() }, "", func(*early) {}, ""},
		{"stops when it fires", func(*early) {}, func(p *early) { p.StopProducing() }, "", func(*early) {}, ""},
		{"switches", func(p *early) { p.SwitchProtocol(&shouting{p}) }, func(*early) {}, "EARLY", func(*early) {}, "EARLY, LATE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newSOCKSWorld(t, newReactor(t), "a.example", "80", endpoints.SOCKS5Config{})
			p := &early{made: test.made}
			w.endpoint.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })).
				AddCallback(func(q reactor.Protocol) (reactor.Protocol, error) {
					test.fired(p)
					return q, nil
				})
			w.r.Pump()
			c := w.Conn(0)
			c.Send(noAuth + repliedOK + "early")
			if p.heard != test.before {
				t.Errorf("heard %q, want %q", p.heard, test.before)
			}
			test.later(p)
			w.r.Pump()
			if c.Lost == nil {
				c.Send(", late")
			}
			if p.heard != test.after {
				t.Errorf("heard %q in the end, want %q", p.heard, test.after)
			}
			p.AbortConnection()
			w.wantNothingLeft(t)
		})
	}
}

// An early protocol does something when it is connected.
type early struct {
	listener
	made func(p *early)
}

func (p *early) ConnectionMade(t reactor.Transport) {
	p.Transport = t
	p.made(p)
}

// A shouting protocol hears in capitals.
type shouting struct{ *early }

func (s *shouting) DataReceived(data []byte) { s.heard += strings.ToUpper(string(data)) }

type panicking struct{}

func (panicking) ConnectionMade(reactor.Transport) { panic(io.ErrNoProgress) }
func (panicking) DataReceived([]byte)              {}
func (panicking) ConnectionLost(error)             {}

// TestSOCKS5Resolve: the reactor looks the name up, and the server tries the addresses until
// one connects.
func TestSOCKS5Resolve(t *testing.T) {
	const (
		v6, v4 = connectCmd + "\x04\x20\x01\x0d\xb8" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x50", connectCmd + "\x01\xc0\x00\x02\x01\x00\x50"
		no     = "\x05\x04"
	)
	resolve := endpoints.SOCKS5Config{Resolve: true, Timeout: time.Second}
	start := func(t *testing.T) (*socksWorld, *deferred.Deferred[reactor.Protocol], *outcome[reactor.Protocol]) {
		r := newReactor(t)
		w := newSOCKSWorld(t, r, "two.example", "80", resolve)
		r.AddHost("two.example", a6, a4)
		d, got := w.connect()
		return w, d, got
	}
	dialog := func(t *testing.T, w *socksWorld, i int, request, reply string) {
		t.Helper()
		c := w.Conn(i)
		c.Got()
		c.Send(noAuth)
		if got := c.Got(); got != request {
			t.Errorf("request %q, want %q", got, request)
		}
		c.Send(reply)
	}
	t.Run("the first", func(t *testing.T) {
		w, _, got := start(t)
		dialog(t, w, 0, v6, repliedOK)
		valueOf(t, got)
		w.target.LoseConnection()
		w.wantNothingLeft(t)
	})
	t.Run("the second", func(t *testing.T) {
		w, _, got := start(t)
		dialog(t, w, 0, v6, no)
		dialog(t, w, 1, v4, repliedOK)
		valueOf(t, got)
		w.target.LoseConnection()
		w.wantNothingLeft(t)
	})
	t.Run("none", func(t *testing.T) {
		w, _, got := start(t)
		dialog(t, w, 0, v6, no)
		dialog(t, w, 1, v4, "\x05\x05")
		const want = "connecting to two.example:80: the SOCKS5 server failed: the connection was refused at 192.0.2.1:80 (1 other address failed too)"
		if got.err == nil || got.err.Error() != want || !errors.Is(got.err, reactor.ErrNoRoute) || !errors.Is(got.err, reactor.ErrConnectionRefused) {
			t.Errorf("error\n%v, want\n%s", got.err, want)
		}
		w.wantNothingLeft(t)
	})
	t.Run("the server is the reason", func(t *testing.T) {
		w, _, got := start(t)
		w.Conn(0).Send("\x05\xff")
		if !errors.Is(got.err, endpoints.ErrSOCKS5Auth) || len(w.Conns) != 1 {
			t.Errorf("error %v after %d connections", got.err, len(w.Conns))
		}
		w.wantNothingLeft(t)
	})
	t.Run("cancelled with the second", func(t *testing.T) {
		w, d, got := start(t)
		dialog(t, w, 0, v6, no)
		d.Cancel()
		if !errors.Is(got.err, deferred.ErrCancelled) {
			t.Errorf("error %v", got.err)
		}
		w.wantNothingLeft(t)
	})
	t.Run("no address", func(t *testing.T) {
		r := newReactor(t)
		w := newSOCKSWorld(t, r, "two.example", "80", resolve)
		r.InstallNameResolver(answers{})
		w.endpoint = endpoints.NewSOCKS5(r, endpoints.NewUNIXClient(r, "/run/socks", reactor.ConnectConfig{}), "two.example", "80", resolve)
		if _, got := w.connect(); !errors.Is(got.err, reactor.ErrNameNotFound) {
			t.Errorf("error %v", got.err)
		}
	})
	t.Run("an address with a zone", func(t *testing.T) {
		r := newReactor(t)
		w := newSOCKSWorld(t, r, "two.example", "80", resolve)
		r.InstallNameResolver(zoned{answers{netip.MustParseAddr("2001:db8::a%eth0")}, r.NameResolver()})
		_, got := w.connect()
		dialog(t, w, 0, v6, repliedOK)
		valueOf(t, got)
		w.target.LoseConnection()
		w.wantNothingLeft(t)
	})
}

// zoned answers one name by itself.
type zoned struct {
	answers
	others reactor.NameResolver
}

func (z zoned) LookupHost(name string) *deferred.Deferred[[]netip.Addr] {
	if name == "two.example" {
		return z.answers.LookupHost(name)
	}
	return z.others.LookupHost(name)
}

// TestSOCKS5Invalid: what SOCKS5 cannot express fails before there is a connection.
func TestSOCKS5Invalid(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, test := range []struct {
		host, port string
		config     endpoints.SOCKS5Config
		text       string
	}{
		{"", "80", endpoints.SOCKS5Config{}, "the host is missing"},
		{long, "80", endpoints.SOCKS5Config{}, "the host name has 256 bytes, SOCKS5 takes 255"},
		{"a.example", "http", endpoints.SOCKS5Config{}, `"http" is not a port number`},
		{"a.example", "0", endpoints.SOCKS5Config{}, `"0" is not a port number`},
		{"a.example", "65536", endpoints.SOCKS5Config{}, `"65536" is not a port number`},
		{"fe80::1%eth0", "80", endpoints.SOCKS5Config{}, "the zone of an address has a meaning on one machine only"},
		{"a.example", "80", endpoints.SOCKS5Config{Username: long}, "SOCKS5 takes a user name and a password of 255 bytes each"},
		{"a.example", "80", endpoints.SOCKS5Config{Username: "me", Password: long}, "SOCKS5 takes a user name and a password of 255 bytes each"},
		{"a.example", "80", endpoints.SOCKS5Config{Password: "secret"}, "SOCKS5 takes no password without a user name"},
	} {
		w := newSOCKSWorld(t, newReactor(t), test.host, test.port, test.config)
		_, got := w.connect()
		if got.err == nil || !strings.HasSuffix(got.err.Error(), ": "+test.text) || len(w.Conns) != 0 {
			t.Errorf("error %v after %d connections, want %s", got.err, len(w.Conns), test.text)
		}
	}
}

// FuzzSOCKS5: whatever the server sends, and however it is cut, the attempt ends, in the same
// way.
func FuzzSOCKS5(f *testing.F) {
	for _, dialog := range []string{socksDialog, noAuth + repliedOK + "hello", "\x05\xff", "HTTP/1.1 400 Bad\r\n\r\n", noAuth + "\x05\x05", noAuth + "\x05\x00\x00\x03\x04here\x00\x50", wantsAuth + "\x01\x01"} {
		f.Add([]byte(dialog), uint8(3))
	}
	f.Fuzz(func(t *testing.T, sent []byte, step uint8) {
		run := func(step int) (heard string, connected bool) {
			w := newSOCKSWorld(t, memory.New(), "a.example", "80", endpoints.SOCKS5Config{Username: "me", Password: "secret"})
			_, got := w.connect()
			for rest := sent; len(rest) != 0 && w.Conn(0).Lost == nil; {
				n := min(step, len(rest))
				w.Conn(0).Send(string(rest[:n]))
				rest = rest[n:]
			}
			w.r.RunFor(time.Minute)
			if !got.fired {
				t.Fatal("the attempt does not end")
			}
			if got.err == nil {
				w.target.LoseConnection()
			}
			w.wantNothingLeft(t)
			return w.target.heard, got.err == nil
		}
		heard, connected := run(len(sent) + 1)
		for _, step := range []int{1, max(1, int(step))} {
			if h, c := run(step); h != heard || c != connected {
				t.Errorf("in pieces of %d: connected %v, heard %q; at once: %v, %q", step, c, h, connected, heard)
			}
		}
	})
}
