package endpoints_test

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

const (
	a6 = "2001:db8::a"
	b6 = "2001:db8::b"
	c6 = "2001:db8::c"
	a4 = "192.0.2.1"
	b4 = "192.0.2.2"
	c4 = "192.0.2.3"
)

const ms = time.Millisecond

// A start is the start of an attempt to connect.
type start struct {
	Address string
	At      time.Duration
}

func startsOf(r *memory.Reactor) (starts []start) {
	for _, e := range r.Trace() {
		if e.Kind == "connect" {
			host, _, _ := net.SplitHostPort(e.Text)
			starts = append(starts, start{host, e.At})
		}
	}
	return starts
}

func checkStarts(t *testing.T, r *memory.Reactor, want []start) {
	t.Helper()
	if got := startsOf(r); !slices.Equal(got, want) {
		t.Errorf("attempts %v, want %v", got, want)
	}
}

func TestHostnameConnects(t *testing.T) {
	// Other addresses refuse connections.
	for _, c := range []struct {
		name    string
		addrs   []string
		listens []string
		held    []string
		set     func(h *endpoints.HostnameConfig)
		winner  string
		at      time.Duration
		starts  []start
	}{{
		name: "one address", addrs: []string{a4}, listens: []string{a4},
		winner: a4, starts: []start{{a4, 0}},
	}, {
		name: "the first address answers", addrs: []string{a6, a4}, listens: []string{a6, a4},
		winner: a6, starts: []start{{a6, 0}},
	}, {
		name: "the first is a black hole", addrs: []string{a6, a4}, listens: []string{a4}, held: []string{a6},
		winner: a4, at: 250 * ms, starts: []start{{a6, 0}, {a4, 250 * ms}},
	}, {
		name: "the first refuses", addrs: []string{a6, a4}, listens: []string{a4},
		winner: a4, starts: []start{{a6, 0}, {a4, 0}},
	}, {
		name: "the resolver prefers IPv4", addrs: []string{a4, a6}, listens: []string{a4, a6},
		winner: a4, starts: []start{{a4, 0}},
	}, {
		name: "the families take turns", addrs: []string{a6, b6, c6, a4, b4}, listens: []string{b4}, held: []string{a6, b6, c6, a4},
		winner: b4, at: 750 * ms, starts: []start{{a6, 0}, {a4, 250 * ms}, {b6, 500 * ms}, {b4, 750 * ms}},
	}, {
		name: "the families take turns from IPv4 on", addrs: []string{a4, a6, b4, c4}, listens: []string{c4},
		winner: c4, starts: []start{{a4, 0}, {a6, 0}, {b4, 0}, {c4, 0}},
	}, {
		name: "duplicate addresses", addrs: []string{a6, a6, a4, a6, a4, b4}, listens: []string{b4},
		winner: b4, starts: []start{{a6, 0}, {a4, 0}, {b4, 0}},
	}, {
		name: "after a refusal the next attempt has its full delay", addrs: []string{a6, a4, b6}, listens: []string{b6}, held: []string{a4},
		winner: b6, at: 250 * ms, starts: []start{{a6, 0}, {a4, 0}, {b6, 250 * ms}},
	}, {
		name: "a custom delay", addrs: []string{a6, a4}, listens: []string{a4}, held: []string{a6},
		set:    func(h *endpoints.HostnameConfig) { h.AttemptDelay = 100 * ms },
		winner: a4, at: 100 * ms, starts: []start{{a6, 0}, {a4, 100 * ms}},
	}, {
		name: "a delay that is too short", addrs: []string{a6, a4}, listens: []string{a4}, held: []string{a6},
		set:    func(h *endpoints.HostnameConfig) { h.AttemptDelay = 1 },
		winner: a4, at: 10 * ms, starts: []start{{a6, 0}, {a4, 10 * ms}},
	}, {
		name: "a delay that is too long", addrs: []string{a6, a4}, listens: []string{a4}, held: []string{a6},
		set:    func(h *endpoints.HostnameConfig) { h.AttemptDelay = time.Hour },
		winner: a4, at: 2 * time.Second, starts: []start{{a6, 0}, {a4, 2 * time.Second}},
	}, {
		name: "a timeout begins the next attempt", addrs: []string{a6, a4, b6}, listens: []string{b6}, held: []string{a6, a4},
		set:    func(h *endpoints.HostnameConfig) { h.Timeout = 300 * ms },
		winner: b6, at: 300 * ms, starts: []start{{a6, 0}, {a4, 250 * ms}, {b6, 300 * ms}},
	}, {
		name: "a local address of one family", addrs: []string{a6, a4, b6, b4}, listens: []string{a6, b4},
		set:    func(h *endpoints.HostnameConfig) { h.LocalAddress = "198.51.100.7:0" },
		winner: b4, starts: []start{{a4, 0}, {b4, 0}},
	}, {
		name: "a total timeout that is not reached", addrs: []string{a6, a4}, listens: []string{a4}, held: []string{a6},
		set:    func(h *endpoints.HostnameConfig) { h.TotalTimeout = time.Second },
		winner: a4, at: 250 * ms, starts: []start{{a6, 0}, {a4, 250 * ms}},
	}} {
		t.Run(c.name, func(t *testing.T) {
			r := newReactor(t)
			r.AddHost("an.example", c.addrs...)
			servers := map[string]*peers{}
			for _, addr := range c.listens {
				servers[addr] = listen(t, r, net.JoinHostPort(addr, "80"))
			}
			for _, addr := range c.held {
				r.Hold(addr, "")
			}
			var config endpoints.HostnameConfig
			if c.set != nil {
				c.set(&config)
			}
			h := endpoints.NewHostname(r, "an.example", "80", config)
			clients := &peers{}
			got := await(r, h.Connect(clients))
			r.RunFor(time.Minute)

			p := valueOf(t, got)
			if p != clients.built[0] || len(clients.built) != 1 {
				t.Errorf("the factory built %d protocols, want one, the result", len(clients.built))
			}
			if got.at != c.at {
				t.Errorf("connected at %v, want %v", got.at, c.at)
			}
			if winner := clients.built[0].Peer().String(); winner != net.JoinHostPort(c.winner, "80") {
				t.Errorf("connected to %s, want %s", winner, c.winner)
			}
			checkStarts(t, r, c.starts)

			for _, addr := range c.held {
				r.Release(addr, "")
			}
			r.Pump()
			for _, addr := range c.listens {
				want := 0
				if addr == c.winner {
					want = 1
				}
				if n := servers[addr].open(); n != want {
					t.Errorf("%d connections with %s, want %d", n, addr, want)
				}
			}
		})
	}
}

// Two attempts are answered at the same time.
func TestHostnameTakesOneOfTwoThatAnswer(t *testing.T) {
	r := newReactor(t)
	r.AddHost("an.example", a6, a4)
	first, second := listen(t, r, "["+a6+"]:80"), listen(t, r, a4+":80")
	r.Latency(a6, "", 300*ms)
	r.Latency(a4, "", 175*ms)
	clients := &peers{}
	got := await(r, endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{}).Connect(clients))
	r.RunFor(time.Minute)
	valueOf(t, got)
	if got.at != 600*ms {
		t.Errorf("connected at %v, want 600ms", got.at)
	}
	if len(clients.built) != 1 || clients.open() != 1 {
		t.Errorf("%d protocols built, %d connected; want 1 and 1", len(clients.built), clients.open())
	}
	if n := first.open() + second.open(); n != 1 {
		t.Errorf("the servers have %d connections open, want 1", n)
	}
}

func TestHostnameFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		host  string
		port  string
		addrs []string
		held  []string
		set   func(h *endpoints.HostnameConfig)
		at    time.Duration
		text  string
		is    []error
	}{{
		name: "no such name", host: "nowhere.example",
		text: `looking up "nowhere.example": no address found for the host name`,
		is:   []error{reactor.ErrNameNotFound},
	}, {
		name: "the one address refuses", addrs: []string{a4},
		text: "connecting to an.example:80: connection was refused at 192.0.2.1:80",
		is:   []error{reactor.ErrConnectionRefused},
	}, {
		name: "both refuse", addrs: []string{a6, a4},
		text: "connecting to an.example:80: connection was refused at [2001:db8::a]:80 (1 other address failed too)",
		is:   []error{reactor.ErrConnectionRefused},
	}, {
		name: "one refuses, two are black holes", addrs: []string{a6, a4, b4}, held: []string{a6, b4}, at: 30*time.Second + 250*ms,
		text: "connecting to an.example:80: connection was refused at 192.0.2.1:80 (2 other addresses failed too)",
		is:   []error{reactor.ErrConnectionRefused, reactor.ErrConnectTimeout},
	}, {
		name: "all are black holes", addrs: []string{a6, a4}, held: []string{a6, a4}, at: 5*time.Second + 250*ms,
		set:  func(h *endpoints.HostnameConfig) { h.Timeout = 5 * time.Second },
		text: "connecting to an.example:80: connecting took too long at [2001:db8::a]:80 (1 other address failed too)",
		is:   []error{reactor.ErrConnectTimeout},
	}, {
		name: "all are black holes, and there is no time for the second", addrs: []string{a6, a4}, held: []string{a6, a4}, at: 200 * ms,
		set:  func(h *endpoints.HostnameConfig) { h.TotalTimeout = 200 * ms },
		text: "connecting to an.example:80: connecting took too long",
		is:   []error{reactor.ErrConnectTimeout},
	}, {
		name: "out of time with two attempts in progress", addrs: []string{a6, a4}, held: []string{a6, a4}, at: 400 * ms,
		set:  func(h *endpoints.HostnameConfig) { h.TotalTimeout = 400 * ms },
		text: "connecting to an.example:80: connecting took too long",
		is:   []error{reactor.ErrConnectTimeout},
	}, {
		name: "no address of the local one's family", addrs: []string{a6, b6},
		set:  func(h *endpoints.HostnameConfig) { h.LocalAddress = "198.51.100.7:0" },
		text: "connecting to an.example:80: no route to the host from 198.51.100.7:0",
		is:   []error{reactor.ErrNoRoute},
	}, {
		name: "an invalid local address", addrs: []string{a4},
		set:  func(h *endpoints.HostnameConfig) { h.LocalAddress = "here" },
		text: `connecting to an.example:80: local address "here" is not an IP address and port at 192.0.2.1:80`,
	}, {
		name: "an address, not a name", host: a4,
		text: "connecting to 192.0.2.1:80: connection was refused",
		is:   []error{reactor.ErrConnectionRefused},
	}, {
		name: "an IPv6 address with an IPv4 address in it", host: "::ffff:192.0.2.1",
		text: "connecting to 192.0.2.1:80: connection was refused",
		is:   []error{reactor.ErrConnectionRefused},
	}, {
		name: "out of time with an address", host: a6, held: []string{a6}, at: time.Second,
		set:  func(h *endpoints.HostnameConfig) { h.TotalTimeout = time.Second },
		text: "connecting to [2001:db8::a]:80: connecting took too long",
		is:   []error{reactor.ErrConnectTimeout},
	}, {
		name: "a port that is a name", port: "http",
		text: `connecting to an.example:http: "http" is not a port number`,
	}, {
		name: "a port that is too large", port: "65536",
		text: `connecting to an.example:65536: "65536" is not a port number`,
	}} {
		t.Run(c.name, func(t *testing.T) {
			r := newReactor(t)
			r.AddHost("an.example", c.addrs...)
			for _, addr := range c.held {
				r.Hold(addr, "")
			}
			if c.host == "" {
				c.host = "an.example"
			}
			if c.port == "" {
				c.port = "80"
			}
			var config endpoints.HostnameConfig
			if c.set != nil {
				c.set(&config)
			}
			h := endpoints.NewHostname(r, c.host, c.port, config)
			got := await(r, h.Connect(&peers{}))
			r.RunFor(10 * time.Minute)
			if !got.fired || got.err == nil {
				t.Fatalf("no error: %+v", got)
			}
			if got.err.Error() != c.text {
				t.Errorf("error\n%v, want\n%v", got.err, c.text)
			}
			for _, target := range c.is {
				if !errors.Is(got.err, target) {
					t.Errorf("the error is not %q", target)
				}
			}
			if got.at != c.at {
				t.Errorf("failed at %v, want %v", got.at, c.at)
			}
		})
	}
}

func TestHostnameReportsTheMostRelevantError(t *testing.T) {
	for _, c := range []struct {
		name   string
		errs   []error // of the addresses in their order
		text   string
		others []error
	}{
		{"a route is missing", []error{reactor.ErrNoRoute, reactor.ErrConnectionRefused},
			"connecting to an.example:80: connection was refused at 192.0.2.1:80 (1 other address failed too)",
			[]error{reactor.ErrNoRoute, reactor.ErrConnectionRefused}},
		{"all routes are missing", []error{reactor.ErrNoRoute, reactor.ErrNoRoute},
			"connecting to an.example:80: no route to the host at [2001:db8::a]:80 (1 other address failed too)",
			[]error{reactor.ErrNoRoute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReactor(t)
			r.AddHost("an.example", a6, a4)
			r.HoldConnects()
			got := await(r, endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{}).Connect(&peers{}))
			r.Pump()
			for _, err := range c.errs {
				r.HeldConnects()[0].Fail(err)
				r.Pump()
			}
			if got.err == nil || got.err.Error() != c.text {
				t.Errorf("error %v, want %v", got.err, c.text)
			}
			for _, target := range c.others {
				if !errors.Is(got.err, target) {
					t.Errorf("the error is not %q", target)
				}
			}
			attempts, ok := errors.AsType[*endpoints.AttemptsError](got.err)
			if !ok || len(attempts.Errors) != 2 {
				t.Errorf("AttemptsError %v, want one of two errors", attempts)
			}
		})
	}
}

func TestAttemptsErrorWithoutAddresses(t *testing.T) {
	err := &endpoints.AttemptsError{Errors: []error{errors.New("out of order")}}
	if got := err.Error(); got != "out of order" {
		t.Errorf("error %q", got)
	}
}

func TestHostnameCancelled(t *testing.T) {
	for _, c := range []struct {
		name   string
		after  time.Duration // -1: during the lookup
		starts int
	}{
		{"while the name is looked up", -1, 0},
		{"while the first attempt is in progress", 0, 1},
		{"while two attempts are in progress", 300 * ms, 2},
		{"while the last attempts are in progress", 600 * ms, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReactor(t)
			r.AddHost("an.example", a6, a4, b6)
			servers := []*peers{listen(t, r, "["+a6+"]:80"), listen(t, r, a4+":80"), listen(t, r, "["+b6+"]:80")}
			r.Hold("", "")
			clients := &peers{}
			d := endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{}).Connect(clients)
			got := await(r, d)
			if c.after >= 0 {
				r.RunFor(c.after)
			}
			if got.fired {
				t.Fatalf("fired with %v", got)
			}
			d.Cancel()
			if !errors.Is(got.err, deferred.ErrCancelled) {
				t.Errorf("error %v, want ErrCancelled", got.err)
			}
			if n := len(r.DelayedCalls()); n != 0 {
				t.Errorf("%d timers are left", n)
			}
			r.Release("", "")
			r.RunFor(time.Minute)
			if n := len(startsOf(r)); n != c.starts {
				t.Errorf("%d attempts, want %d", n, c.starts)
			}
			for i, s := range servers {
				if len(s.built) != 0 {
					t.Errorf("server %d got a connection", i)
				}
			}
			if len(clients.built) != 0 {
				t.Errorf("the factory built %d protocols", len(clients.built))
			}
		})
	}
}

// A connection that the factory refuses counts as a failed attempt.
func TestHostnameContinuesWhenTheFactoryRefuses(t *testing.T) {
	r := newReactor(t)
	r.AddHost("an.example", a6, a4)
	refused, taken := listen(t, r, "["+a6+"]:80"), listen(t, r, a4+":80")
	clients := &peers{}
	got := await(r, endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{}).Connect(
		reactor.FactoryFunc(func(addr net.Addr) reactor.Protocol {
			if addr.(*net.TCPAddr).IP.To4() == nil {
				return nil
			}
			return clients.BuildProtocol(addr)
		})))
	r.RunFor(time.Minute)
	valueOf(t, got)
	if refused.open() != 0 || taken.open() != 1 {
		t.Errorf("%d and %d connections, want 0 and 1", refused.open(), taken.open())
	}
}

// A reactor that stops starts no further attempts.
func TestHostnameWhenTheReactorStops(t *testing.T) {
	r := newReactor(t)
	r.AddHost("an.example", a6, a4, b4)
	r.Hold("", "")
	got := await(r, endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{}).Connect(&peers{}))
	r.CallLater(300*ms, func() { r.Stop() })
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(got.err, reactor.ErrStopped) {
		t.Errorf("error %v, want ErrStopped", got.err)
	}
	if n := len(startsOf(r)); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
}

// answers is a resolver that returns itself.
type answers []netip.Addr

func (a answers) LookupHost(string) *deferred.Deferred[[]netip.Addr] {
	return deferred.Succeed([]netip.Addr(a))
}

func TestHostnameWithACustomResolver(t *testing.T) {
	t.Run("that finds nothing", func(t *testing.T) {
		r := newReactor(t)
		r.InstallNameResolver(answers{})
		got := await(r, endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{}).Connect(&peers{}))
		if !errors.Is(got.err, reactor.ErrNameNotFound) {
			t.Errorf("error %v, want ErrNameNotFound", got.err)
		}
	})
	t.Run("that keeps its list", func(t *testing.T) {
		r := newReactor(t)
		list := answers{netip.MustParseAddr(a6), netip.MustParseAddr(b6), netip.MustParseAddr("::ffff:" + a4)}
		kept := slices.Clone(list)
		r.InstallNameResolver(list)
		h := endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{LocalAddress: "198.51.100.7:0"})
		got := await(r, h.Connect(&peers{}))
		r.Pump()
		if !errors.Is(got.err, reactor.ErrConnectionRefused) {
			t.Errorf("error %v, want ErrConnectionRefused", got.err)
		}
		checkStarts(t, r, []start{{a4, 0}})
		if !slices.Equal(list, kept) {
			t.Errorf("the resolver's list is now %v", list)
		}
	})
}
