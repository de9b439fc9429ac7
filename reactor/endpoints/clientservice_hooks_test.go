package endpoints_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A diary is a fixture whose service notes, in order, what it calls and fires.
type diary struct {
	*fixture
	notes  []string
	reason error             // what Failed or Lost got last
	inside map[string]func() // runs in the function of this name, after the note
}

func newDiary(t *testing.T) *diary {
	d := &diary{fixture: newFixture(t), inside: map[string]func(){}}
	d.config.Failed = func(reason error) { d.note("Failed", reason) }
	d.config.Lost = func(reason error) { d.note("Lost", reason) }
	d.config.RetryPolicy = func(failures int, reason error, _ *rand.Rand) time.Duration {
		if reason != d.reason {
			d.t.Errorf("the policy's reason is %v, want %v", reason, d.reason)
		}
		d.note(fmt.Sprintf("RetryPolicy %d", failures), nil)
		return 10 * time.Second
	}
	d.connects(d.endpoint())
	return d
}

// endpoint returns the endpoint of the server, whether it listens or not.
func (d *diary) endpoint() endpoints.ClientEndpoint {
	return endpoints.NewTCPClient(d.r, serverAddress, reactor.ConnectConfig{})
}

// connects makes a service for another endpoint, with the configuration of now.
func (d *diary) connects(e endpoints.ClientEndpoint) {
	d.ClientService = endpoints.NewClientService(d.r, e, func(net.Addr) *peer {
		p := d.clients.build(nil)
		p.onLost = func(reason error) { d.note("ConnectionLost", reason) }
		return p
	}, d.config)
}

// note notes a call of the function name.
func (d *diary) note(name string, reason error) {
	if name == "Failed" || name == "Lost" {
		d.reason = reason
	}
	text := name
	if reason != nil {
		text += ": " + brief(reason)
	}
	d.notes = append(d.notes, text)
	name, _, _ = strings.Cut(name, " ")
	if f := d.inside[name]; f != nil {
		delete(d.inside, name)
		f()
	}
}

// brief returns the innermost error's text.
func brief(err error) string {
	for _, is := range []error{deferred.ErrCancelled, reactor.ErrConnectionRefused, reactor.ErrConnectionReset, reactor.ErrConnectionDone, errBad} {
		if errors.Is(err, is) {
			return is.Error()
		}
	}
	return err.Error()
}

var errBad = errors.New("bad password")

// waits notes how WhenConnected(n) ends.
func (d *diary) waits(n int) {
	d.WhenConnected(n).AddBoth(func(p *peer, err error) (*peer, error) {
		d.note(fmt.Sprintf("WhenConnected(%d)", n), err)
		return p, nil
	})
}

// stops stops the service and notes when it has stopped.
func (d *diary) stops() {
	d.StopService().AddCallback(func(n deferred.None) (deferred.None, error) {
		d.note("stopped", nil)
		return n, nil
	})
}

// check checks the notes and forgets them.
func (d *diary) check(want ...string) {
	d.t.Helper()
	if !slices.Equal(d.notes, want) {
		d.t.Errorf("got  %q,\nwant %q", d.notes, want)
	}
	d.notes = nil
}

const (
	cancelled = "deferred: cancelled"
	refused   = "connection was refused"
	reset     = "connection was reset by the peer"
	done      = "connection was closed cleanly"
)

func TestServiceHooksInOrder(t *testing.T) {
	d := newDiary(t)
	for _, n := range []int{0, 1, 2} {
		d.waits(n)
	}
	d.StartService()
	d.r.Pump()
	d.check("Failed: "+refused, "WhenConnected(1): "+refused, "RetryPolicy 1")

	d.r.RunFor(10 * time.Second)
	d.check("Failed: "+refused, "WhenConnected(2): "+refused, "RetryPolicy 2")

	server := listen(t, d.r, serverAddress)
	d.r.RunFor(10 * time.Second)
	d.check("WhenConnected(0)")

	server.built[0].AbortConnection()
	d.r.Pump()
	d.check("ConnectionLost: "+reset, "Lost: "+reset, "RetryPolicy 1")

	d.r.RunFor(10 * time.Second)
	d.stops()
	d.r.Pump()
	d.check("ConnectionLost: "+done, "Lost: "+done, "stopped")

	d.StartService()
	d.r.Pump()
	d.stops()
	d.StartService() // before the connection is lost
	d.r.Pump()
	d.check("ConnectionLost: "+done, "Lost: "+done, "stopped")
	if d.clients.open() != 1 {
		t.Error("the service did not connect again")
	}
	d.notes = nil
	d.stop()
}

// Every way in which an attempt fails is told once, and is no loss.
func TestServiceTellsEachFailure(t *testing.T) {
	prepares := func(f func(p *peer) *deferred.Deferred[deferred.None]) func(d *diary) {
		return func(d *diary) {
			listen(d.t, d.r, serverAddress)
			d.config.PrepareConnection = f
			d.connects(d.endpoint())
		}
	}
	endpoint := func(f waitingFor) func(d *diary) {
		return func(d *diary) { d.connects(f) }
	}
	for _, c := range []struct {
		name  string
		setup func(d *diary)
		want  string
	}{
		{"nothing listens", func(*diary) {}, refused},
		{"the endpoint fails at once", endpoint(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			return deferred.Fail[reactor.Protocol](errBad)
		}), "bad password"},
		{"the endpoint panics", endpoint(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] { panic(errBad) }), "bad password"},
		{"the endpoint returns nil", endpoint(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] { return nil }), "nil Deferred"},
		{"the endpoint builds nothing", endpoint(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			return deferred.Succeed[reactor.Protocol](&peer{})
		}), "did not build"},
		{"the endpoint's connection is lost", endpoint(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			p := f.BuildProtocol(nil)
			p.ConnectionMade(&memory.StringTransport{})
			p.ConnectionLost(reactor.ErrConnectionReset)
			return deferred.Succeed(p)
		}), reset},
		{"the build function panics", func(d *diary) {
			listen(d.t, d.r, serverAddress)
			d.ClientService = endpoints.NewClientService(d.r, d.endpoint(), func(net.Addr) *peer { panic(errBad) }, d.config)
		}, "bad password"},
		{"the preparation fails", prepares(func(*peer) *deferred.Deferred[deferred.None] {
			return deferred.Fail[deferred.None](errBad)
		}), "bad password"},
		{"the preparation panics", prepares(func(*peer) *deferred.Deferred[deferred.None] { panic(errBad) }), "bad password"},
		{"the preparation loses the connection", prepares(func(p *peer) *deferred.Deferred[deferred.None] {
			p.LoseConnection()
			return deferred.New[deferred.None]()
		}), done},
		{"the preparation loses the connection and succeeds", prepares(func(p *peer) *deferred.Deferred[deferred.None] {
			p.LoseConnection()
			return deferred.NewCancellable(func(d *deferred.Deferred[deferred.None]) { d.Callback(deferred.None{}) })
		}), done},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDiary(t)
			c.setup(d)
			gaveUp := await(d.r, d.WhenConnected(1))
			d.StartService()
			d.r.Pump()
			var told []string
			for _, note := range d.notes {
				if strings.HasPrefix(note, "Failed") || strings.HasPrefix(note, "Lost") {
					told = append(told, note)
				}
			}
			if len(told) != 1 || !strings.HasPrefix(told[0], "Failed: ") || !strings.Contains(told[0], c.want) {
				t.Errorf("told %q, want one Failed with %q", told, c.want)
			}
			if gaveUp.err == nil || gaveUp.err != d.reason {
				t.Errorf("WhenConnected failed with %v, want the reason of Failed, %v", gaveUp.err, d.reason)
			}
			d.stop()
			d.r.Pump()
		})
	}
}

// An attempt that is stopped has not failed.
func TestServiceStoppedTellsNoFailure(t *testing.T) {
	never := func(*peer) *deferred.Deferred[deferred.None] { return deferred.New[deferred.None]() }
	for _, c := range []struct {
		name  string
		begin func(d *diary)
	}{
		{"fresh", func(d *diary) {}},
		{"connecting", func(d *diary) {
			d.r.HoldConnects()
			d.StartService()
		}},
		{"preparing", func(d *diary) {
			listen(d.t, d.r, serverAddress)
			d.config.PrepareConnection = never
			d.connects(d.endpoint())
			d.StartService()
		}},
		{"with an endpoint that fails though cancelled", func(d *diary) {
			d.connects(stubborn{func(reactor.Factory) (reactor.Protocol, error) { return nil, errBad }})
			d.StartService()
		}},
	} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, started again %v", c.name, again), func(t *testing.T) {
				d := newDiary(t)
				c.begin(d)
				d.r.Pump()
				d.StopService()
				if again {
					d.StartService()
					d.StopService()
				}
				d.r.Pump()
				for _, note := range d.notes {
					if !strings.HasPrefix(note, "ConnectionLost") {
						t.Errorf("told %q", note)
					}
				}
				d.checkStopped()
			})
		}
	}
}

// The functions of a configuration may use the service, and may panic.
func TestServiceHooksThatUseTheService(t *testing.T) {
	after := func(s string) []string { return strings.Split(s, ", ") }
	restart := func(d *diary) { d.stops(); d.StartService() }
	for _, c := range []struct {
		name   string
		do     func(d *diary)
		failed []string // what follows "Failed: refused", when Failed does it
		lost   []string // what follows "Lost: reset", when Lost does it
		policy []string // what follows "RetryPolicy 1" after Failed, when RetryPolicy does it
		runs   bool     // the service is running afterwards
	}{
		{"stop", (*diary).stops,
			after("WhenConnected(1): " + refused + ", WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", stopped"),
			after("stopped"),
			after("WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", stopped"), false},
		{"stop twice", func(d *diary) { d.stops(); d.stops() },
			after("WhenConnected(1): " + refused + ", WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", stopped, stopped"),
			after("stopped, stopped"),
			after("WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", stopped, stopped"), false},
		{"stop and start", restart,
			after("WhenConnected(1): " + refused + ", stopped, Failed: " + refused + ", RetryPolicy 1"),
			after("stopped"),
			after("stopped, Failed: " + refused + ", RetryPolicy 1"), true},
		{"stop, start and stop", func(d *diary) { restart(d); d.stops() },
			after("WhenConnected(1): " + refused + ", WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", stopped, stopped"),
			after("stopped, stopped"),
			after("WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", stopped, stopped"), false},
		{"start", func(d *diary) { d.StartService() },
			after("WhenConnected(1): " + refused + ", RetryPolicy 1"), after("RetryPolicy 1"), nil, true},
		{"wait", func(d *diary) { d.waits(1) },
			after("WhenConnected(1): " + refused + ", RetryPolicy 1"), after("RetryPolicy 1"), nil, true},
		{"wait and stop", func(d *diary) { d.waits(7); d.stops() },
			after("WhenConnected(1): " + refused + ", WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", WhenConnected(7): " + refused + ", stopped"),
			after("WhenConnected(7): " + reset + ", stopped"),
			after("WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", WhenConnected(7): " + refused + ", stopped"), false},
		{"panic", func(*diary) { panic("on purpose") },
			after("WhenConnected(1): " + refused + ", RetryPolicy 1"), after("RetryPolicy 1"), nil, true},
		{"stop and panic", func(d *diary) { d.stops(); panic("on purpose") },
			after("WhenConnected(1): " + refused + ", WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", stopped"),
			after("stopped"),
			after("WhenConnected(0): " + refused + ", WhenConnected(5): " + refused + ", stopped"), false},
	} {
		for hook, want := range map[string][]string{"Failed": c.failed, "Lost": c.lost, "RetryPolicy": c.policy} {
			t.Run(c.name+" in "+hook, func(t *testing.T) {
				log := logtest.Capture(t)
				d := newDiary(t)
				d.inside[hook] = func() {
					if !d.Running() {
						t.Error("the service does not run")
					}
					c.do(d)
				}
				if hook == "Lost" {
					server := listen(t, d.r, serverAddress)
					d.StartService()
					d.r.Pump()
					server.built[0].AbortConnection()
					d.r.Pump()
					want = append([]string{"ConnectionLost: " + reset, "Lost: " + reset}, want...)
				} else {
					d.waits(0)
					d.waits(1)
					d.waits(5)
					d.StartService()
					d.r.Pump()
					if hook == "RetryPolicy" {
						want = append([]string{"WhenConnected(1): " + refused, "RetryPolicy 1"}, want...)
					}
					want = append([]string{"Failed: " + refused}, want...)
				}
				d.check(want...)
				if d.Running() != c.runs {
					t.Errorf("running %v, want %v", d.Running(), c.runs)
				}
				if panics := strings.Contains(c.name, "panic"); strings.Contains(log.String(), "panic in "+hook) != panics {
					t.Errorf("the log says\n%s\nwant the panic in it: %v", log, panics)
				}
				if !c.runs {
					d.checkStopped()
					d.waits(1)
					d.check("WhenConnected(1): " + cancelled)
					return
				}
				if hook != "Lost" {
					listen(t, d.r, serverAddress)
				}
				d.r.RunFor(time.Minute)
				if d.clients.open() != 1 {
					t.Error("the service did not connect again")
				}
				d.stop()
			})
		}
	}
}

// While the protocol learns of the loss, the connection is not one to wait for any more.
func TestServiceWaitedForInConnectionLost(t *testing.T) {
	d := newDiary(t)
	server := listen(t, d.r, serverAddress)
	d.StartService()
	d.r.Pump()
	first := d.last()
	var next *outcome[*peer]
	d.inside["ConnectionLost"] = func() { next = await(d.r, d.WhenConnected(1)) }
	server.built[0].AbortConnection()
	d.r.RunFor(time.Minute)
	if p := valueOf(t, next); p == first || p != d.last() {
		t.Errorf("connected with %v, want the next connection", p)
	}
	d.notes = nil
	d.inside["ConnectionLost"] = func() { d.stops() }
	d.last().AbortConnection()
	d.r.Pump()
	d.check("ConnectionLost: connection was aborted", "Lost: connection was aborted", "stopped")
	d.checkStopped()
}

// A connection that the handler of one WhenConnected loses at once is not given to the others.
func TestServiceWhoseConnectionIsLostByAHandler(t *testing.T) {
	d := newDiary(t)
	connections := 0
	d.connects(firing(func(factory reactor.Factory) reactor.Protocol {
		connections++
		p := factory.BuildProtocol(nil)
		p.ConnectionMade(&memory.StringTransport{Protocol: p})
		return p
	}))
	d.inside["WhenConnected(0)"] = func() { d.last().LoseConnection() }
	d.waits(0)
	d.waits(1)
	d.StartService()
	d.check("WhenConnected(0)", "ConnectionLost: "+done, "Lost: "+done, "RetryPolicy 1")
	d.r.RunFor(10 * time.Second)
	d.check("WhenConnected(1)")
	if connections != 2 {
		t.Errorf("%d connections, want 2", connections)
	}
	d.StopService()
	d.checkStopped()
}

// Failed may try again at once, even if the endpoint fails at once: the loop lives.
func TestServiceThatIsRestartedByEachFailure(t *testing.T) {
	d := newDiary(t)
	attempts := 0
	d.config.Failed = func(error) {
		d.StopService()
		if attempts < 1000 {
			d.StartService()
		}
	}
	d.connects(waitingFor(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
		attempts++
		return deferred.Fail[reactor.Protocol](errBad)
	}))
	got := await(d.r, d.WhenConnected(0))
	d.StartService()
	if attempts != 1 {
		t.Errorf("%d attempts in StartService, want 1", attempts)
	}
	d.r.Pump()
	if attempts != 1000 || got.err != errBad {
		t.Errorf("%d attempts, error %v", attempts, got.err)
	}
}

// The end of the reactor is told like any other.
func TestServiceTellsTheEndOfTheReactor(t *testing.T) {
	d := newDiary(t)
	listen(t, d.r, serverAddress)
	d.StartService()
	d.r.CallLater(time.Second, func() { d.r.Stop() })
	if err := d.r.Run(); err != nil {
		t.Fatal(err)
	}
	if len(d.notes) < 2 || d.notes[1] != strings.Replace(d.notes[0], "ConnectionLost", "Lost", 1) || !errors.Is(d.reason, reactor.ErrStopped) {
		t.Errorf("told %q for %v, want ConnectionLost and Lost with ErrStopped", d.notes, d.reason)
	}
	d.StopService()
}

func TestServiceWithANegativeDelay(t *testing.T) {
	f := newFixture(t)
	asked := 0
	f.config.RetryPolicy = func(failures int, _ error, _ *rand.Rand) time.Duration {
		if asked++; asked == 1 {
			return -time.Hour
		}
		return time.Hour
	}
	log := logtest.Capture(t)
	f.connects(endpoints.NewTCPClient(f.r, serverAddress, reactor.ConnectConfig{}))
	f.StartService()
	f.r.Pump()
	f.checkAttempts(2)
	if !strings.Contains(log.String(), "delay=0s") {
		t.Errorf("the log says\n%s\nwant the delay that the service takes", log)
	}
	f.stop()
}

// A willing protocol is that of a SOCKS5 server that agrees to everything.
type willing struct {
	transport reactor.Transport
	asked     bool
}

func (w *willing) ConnectionMade(t reactor.Transport) { w.transport = t }
func (w *willing) ConnectionLost(error)               {}

func (w *willing) DataReceived([]byte) {
	if w.asked {
		w.transport.Write([]byte("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"))
		return
	}
	w.asked = true
	w.transport.Write([]byte("\x05\x00"))
}

// The protocols behind endpoints that wrap them are the caller's own.
func TestServiceBehindAProxy(t *testing.T) {
	r := newReactor(t)
	if _, err := r.ListenTCP("192.0.2.1:1080", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &willing{} })); err != nil {
		t.Fatal(err)
	}
	clients := &peers{}
	var prepared *peer
	s := endpoints.NewClientService(r, endpoints.NewSOCKS5(r, endpoints.NewTCPClient(r, "192.0.2.1:1080", reactor.ConnectConfig{}),
		"www.example.com", "80", endpoints.SOCKS5Config{}), clients.build, endpoints.ClientServiceConfig[*peer]{
		PrepareConnection: func(p *peer) *deferred.Deferred[deferred.None] {
			prepared = p
			return deferred.Succeed(deferred.None{})
		},
	})
	s.StartService()
	r.Pump()
	if p := valueOf(t, await(r, s.WhenConnected(0))); p != clients.built[0] || p != prepared {
		t.Errorf("connected with %v, prepared %v, want the caller's own", p, prepared)
	}
	s.StopService()
	r.Pump()
}

func TestServiceWithoutAnEndpointOrABuildFunction(t *testing.T) {
	r := newReactor(t)
	for want, try := range map[string]func(){
		"endpoints: NewClientService with a nil endpoint": func() {
			endpoints.NewClientService(r, nil, (&peers{}).build, endpoints.ClientServiceConfig[*peer]{})
		},
		"endpoints: NewClientService with a nil build function": func() {
			endpoints.NewClientService(r, firing(nil), nil, endpoints.ClientServiceConfig[*peer]{})
		},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("panic %v, want %s", got, want)
				}
			}()
			try()
		}()
	}
}
