package endpoints_test

import (
	"crypto/tls"
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

const serverAddress = "192.0.2.1:80"

// A fixture is a service, its reactor and the records of a test.
type fixture struct {
	*endpoints.ClientService[*peer]
	t       *testing.T
	r       *memory.Reactor
	clients *peers
	asked   []int // the numbers of failures given to the retry policy
	config  endpoints.ClientServiceConfig[*peer]
}

// newFixture returns a service that waits ten seconds between attempts.
func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, r: newReactor(t), clients: &peers{}}
	f.config.RetryPolicy = func(failures int, _ error, _ *rand.Rand) time.Duration {
		if f.clients.open() != 0 {
			t.Error("the wait begins before the protocol's ConnectionLost")
		}
		f.asked = append(f.asked, failures)
		return 10 * time.Second
	}
	f.connects(endpoints.NewTCPClient(f.r, serverAddress, reactor.ConnectConfig{}))
	return f
}

// connects makes a service for another endpoint.
func (f *fixture) connects(e endpoints.ClientEndpoint) {
	f.ClientService = endpoints.NewClientService(f.r, e, f.clients.build, f.config)
}

// prepares makes a service that prepares connections.
func (f *fixture) prepares(prepare func(*peer) *deferred.Deferred[deferred.None]) {
	f.config.PrepareConnection = prepare
	f.connects(endpoints.NewTCPClient(f.r, serverAddress, reactor.ConnectConfig{}))
}

// last returns the last protocol that was built.
func (f *fixture) last() *peer {
	f.t.Helper()
	if len(f.clients.built) == 0 {
		f.t.Fatal("no connection was made")
	}
	return f.clients.built[len(f.clients.built)-1]
}

// checkAttempts checks the number of attempts to connect.
func (f *fixture) checkAttempts(want int) {
	f.t.Helper()
	if got := len(f.r.TCPClients); got != want {
		f.t.Errorf("%d attempts, want %d", got, want)
	}
}

// checkAsked checks the numbers of failures given to the policy.
func (f *fixture) checkAsked(want ...int) {
	f.t.Helper()
	if !slices.Equal(f.asked, want) {
		f.t.Errorf("failures in a row %v, want %v", f.asked, want)
	}
}

// stop stops the service and checks that nothing is left open.
func (f *fixture) stop() {
	f.t.Helper()
	stopped := await(f.r, f.StopService())
	f.r.Pump()
	valueOf(f.t, stopped)
	f.checkStopped()
}

func (f *fixture) checkStopped() {
	f.t.Helper()
	if f.Running() {
		f.t.Error("the service still runs")
	}
	if n := f.clients.open(); n != 0 {
		f.t.Errorf("%d connections are still open", n)
	}
	before := len(f.r.TCPClients)
	f.r.RunFor(time.Hour)
	if n := len(f.r.TCPClients) - before; n != 0 {
		f.t.Errorf("%d attempts to connect after the service stopped", n)
	}
}

func TestServiceConnectsAndStops(t *testing.T) {
	f := newFixture(t)
	server := listen(t, f.r, serverAddress)
	if f.Running() {
		t.Error("the service runs before StartService")
	}
	f.StartService()
	f.StartService() // does nothing
	wanted := await(f.r, f.WhenConnected(0))
	if !f.Running() || wanted.fired {
		t.Errorf("running %v, connection %v", f.Running(), wanted)
	}
	f.r.Pump()
	if p := valueOf(t, wanted); p != f.last() {
		t.Errorf("connected with %v, want the factory's own protocol", p)
	}
	if p := valueOf(t, await(f.r, f.WhenConnected(0))); p != f.last() {
		t.Errorf("connected with %v, want the same", p)
	}
	f.StartService() // does nothing
	f.r.RunFor(time.Hour)
	f.checkAttempts(1)
	f.stop()
	if f.last().lost != reactor.ErrConnectionDone {
		t.Errorf("lost for %v, want ErrConnectionDone", f.last().lost)
	}
	if server.open() != 0 {
		t.Error("the server's side is open")
	}
	if late := await(f.r, f.WhenConnected(0)); !errors.Is(late.err, deferred.ErrCancelled) {
		t.Errorf("error %v, want ErrCancelled", late.err)
	}
	f.stop() // again

	f.StartService()
	f.r.Pump()
	valueOf(t, await(f.r, f.WhenConnected(0)))
	f.stop()
}

func TestServiceConnectsAgain(t *testing.T) {
	f := newFixture(t)
	server := listen(t, f.r, serverAddress)
	f.StartService()
	f.r.Pump()
	first := f.last()
	server.built[0].AbortConnection()
	f.r.Pump()
	if !errors.Is(first.lost, reactor.ErrConnectionReset) {
		t.Errorf("the protocol's reason is %v, want ErrConnectionReset", first.lost)
	}
	wanted := await(f.r, f.WhenConnected(1)) // the lost connection is not a failure to connect
	f.r.RunFor(9 * time.Second)
	f.StartService() // does nothing
	f.checkAttempts(1)
	f.r.RunFor(time.Second)
	f.checkAttempts(2)
	if p := valueOf(t, wanted); p == first || p != f.last() {
		t.Errorf("connected with %v, want a new protocol", p)
	}
	f.last().LoseConnection()
	f.r.Pump()
	f.checkAsked(1, 1)
	f.stop()
}

func TestServiceTriesAgain(t *testing.T) {
	f := newFixture(t)
	log := logtest.Capture(t)

	results := map[int]*outcome[*peer]{}
	for _, n := range []int{0, 1, 2, 3, 4} {
		results[n] = await(f.r, f.WhenConnected(n)) // before it is started
	}
	f.StartService()
	f.r.RunFor(25 * time.Second)
	listen(t, f.r, serverAddress)
	f.r.RunFor(time.Minute)
	f.checkAttempts(4)
	f.checkAsked(1, 2, 3)
	for n, at := range map[int]time.Duration{1: 0, 2: 10 * time.Second, 3: 20 * time.Second} {
		if o := results[n]; !errors.Is(o.err, reactor.ErrConnectionRefused) || o.at != at {
			t.Errorf("WhenConnected(%d): error %v at %v, want ErrConnectionRefused at %v", n, o.err, o.at, at)
		}
	}
	for _, n := range []int{0, 4} {
		if o := results[n]; valueOf(t, o) != f.last() || o.at != 30*time.Second {
			t.Errorf("WhenConnected(%d): %v, want a connection after 30s", n, o)
		}
	}
	for _, want := range []string{serverAddress[:9], "connection was refused", "failures=3", "delay=10s"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not contain %s:\n%s", want, log)
		}
	}

	// The next failure counts as the first.
	f.last().AbortConnection()
	f.r.Pump()
	f.checkAsked(1, 2, 3, 1)
	f.stop()
}

// A waiter gets the error of the last failure, not of an earlier one.
func TestServiceReportsTheLastError(t *testing.T) {
	f := newFixture(t)
	f.r.HoldConnects()
	f.StartService()
	got := await(f.r, f.WhenConnected(2))
	for _, err := range []error{reactor.ErrConnectionRefused, reactor.ErrNoRoute} {
		f.r.Pump()
		f.r.HeldConnects()[0].Fail(err)
		f.r.RunFor(10 * time.Second)
	}
	if !errors.Is(got.err, reactor.ErrNoRoute) {
		t.Errorf("error %v, want ErrNoRoute", got.err)
	}
	f.stop()
}

func TestServiceWhenConnectedCancelled(t *testing.T) {
	f := newFixture(t)
	d := f.WhenConnected(1)
	given, kept := await(f.r, d), await(f.r, f.WhenConnected(1))
	d.Cancel()
	if !errors.Is(given.err, deferred.ErrCancelled) {
		t.Errorf("error %v, want ErrCancelled", given.err)
	}
	listen(t, f.r, serverAddress)
	f.StartService()
	f.r.Pump()
	valueOf(t, kept)
	f.stop()
}

// What waits for a connection does not wait for a reactor that has stopped. The next Run
// goes on.
func TestServiceOfAReactorThatStops(t *testing.T) {
	for _, started := range []bool{false, true} {
		f := newFixture(t)
		if started {
			f.StartService()
		}
		waits := f.WhenConnected(0)
		f.r.CallLater(time.Second, func() { f.r.Stop() })
		if err := f.r.Run(); err != nil {
			t.Fatal(err)
		}
		var failed error
		waits.AddErrback(func(err error) (*peer, error) { failed = err; return nil, nil })
		if failed != reactor.ErrStopped {
			t.Errorf("started %v: got %v", started, failed)
		}
		listen(t, f.r, serverAddress)
		f.StartService()
		next := f.WhenConnected(0)
		f.r.CallLater(time.Minute, func() { f.r.Stop() })
		if err := f.r.Run(); err != nil {
			t.Fatal(err)
		}
		if !next.Called() || len(f.clients.built) != 1 {
			t.Errorf("started %v: %v after the next Run, %d connections", started, next, len(f.clients.built))
		}
		f.StopService()
	}
}

func TestServiceStops(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(f *fixture)
	}{
		{"before it was started", func(f *fixture) {}},
		{"while it connects", func(f *fixture) {
			f.r.HoldConnects()
			f.StartService()
			f.r.Pump()
		}},
		{"while it waits", func(f *fixture) {
			f.StartService()
			f.r.Pump()
		}},
		{"while a connection is prepared", func(f *fixture) {
			listen(f.t, f.r, serverAddress)
			f.prepares(func(*peer) *deferred.Deferred[deferred.None] {
				return deferred.New[deferred.None]()
			})
			f.StartService()
			f.r.Pump()
		}},
		{"while a connection that could not be prepared is aborted", func(f *fixture) {
			listen(f.t, f.r, serverAddress)
			prepared := deferred.New[deferred.None]()
			f.prepares(func(*peer) *deferred.Deferred[deferred.None] { return prepared })
			f.StartService()
			f.r.Pump()
			prepared.Errback(errors.New("not ready"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			c.begin(f)
			wanted := await(f.r, f.WhenConnected(0))
			first, second := await(f.r, f.StopService()), await(f.r, f.StopService())
			f.r.Pump()
			valueOf(t, first)
			valueOf(t, second)
			if !errors.Is(wanted.err, deferred.ErrCancelled) {
				t.Errorf("WhenConnected failed with %v, want ErrCancelled", wanted.err)
			}
			f.checkStopped()
		})
	}
}

func TestServiceStopWaitsUntilItIsDisconnected(t *testing.T) {
	f := newFixture(t)
	listen(t, f.r, serverAddress)
	f.StartService()
	f.r.Pump()
	first, second := await(f.r, f.StopService()), await(f.r, f.StopService())
	if first.fired || second.fired || f.last().lost != nil {
		t.Error("the service stopped before the connection was lost")
	}
	wanted := await(f.r, f.WhenConnected(0)) // the service might be started again
	f.r.Pump()
	valueOf(t, first)
	valueOf(t, second)
	if !errors.Is(wanted.err, deferred.ErrCancelled) {
		t.Errorf("error %v, want ErrCancelled", wanted.err)
	}
	f.checkStopped()
}

func TestServiceStartedWhileItStops(t *testing.T) {
	f := newFixture(t)
	listen(t, f.r, serverAddress)
	f.StartService()
	f.r.Pump()
	first := f.last()
	stopped := await(f.r, f.StopService())
	f.StartService()
	f.StartService() // does nothing
	wanted := await(f.r, f.WhenConnected(0))
	if !f.Running() || stopped.fired {
		t.Errorf("running %v, stopped %v; want true and not yet", f.Running(), stopped.fired)
	}
	f.r.Pump()
	valueOf(t, stopped)
	if valueOf(t, wanted) == first || first.lost == nil {
		t.Error("the service keeps the connection that it was to close")
	}

	// Stopped, started and stopped.
	for range 2 {
		f.StopService()
		f.StartService()
	}
	f.stop()
}

func TestServiceStartedByAHandlerOfStopService(t *testing.T) {
	f := newFixture(t)
	listen(t, f.r, serverAddress)
	f.StartService()
	f.r.Pump()
	f.StopService().AddCallback(func(n deferred.None) (deferred.None, error) {
		f.StartService()
		return n, nil
	})
	f.r.Pump()
	if f.clients.open() != 1 {
		t.Error("the service did not connect again")
	}
	f.stop()
}

func TestServiceStoppedByAHandlerDuringARestart(t *testing.T) {
	f := newFixture(t)
	listen(t, f.r, serverAddress)
	f.StartService()
	f.r.Pump()
	var again *outcome[deferred.None]
	f.StopService().AddCallback(func(n deferred.None) (deferred.None, error) {
		again = await(f.r, f.StopService())
		return n, nil
	})
	f.StartService()
	f.r.Pump()
	valueOf(t, again)
	f.checkStopped()
}

func TestServiceStoppedByAHandlerOfWhenConnected(t *testing.T) {
	f := newFixture(t)
	listen(t, f.r, serverAddress)
	var stopped *outcome[deferred.None]
	f.WhenConnected(0).AddCallback(func(p *peer) (*peer, error) {
		stopped = await(f.r, f.StopService())
		return p, nil
	})
	other := await(f.r, f.WhenConnected(0))
	f.StartService()
	f.r.Pump()
	valueOf(t, stopped)
	valueOf(t, other)
	f.checkStopped()
}

func TestServicePrepares(t *testing.T) {
	f := newFixture(t)
	listen(t, f.r, serverAddress)
	prepared := deferred.New[deferred.None]()
	var given []*peer
	f.prepares(func(p *peer) *deferred.Deferred[deferred.None] {
		if p.Transport == nil {
			t.Error("prepared before it is connected")
		}
		given = append(given, p)
		return prepared
	})
	f.StartService()
	wanted := await(f.r, f.WhenConnected(0))
	f.r.Pump()
	if wanted.fired || len(given) != 1 || given[0] != f.last() {
		t.Errorf("connected %v, prepared %v; want not yet, and the factory's own protocol", wanted, given)
	}
	prepared.Callback(deferred.None{})
	valueOf(t, wanted)

	f.last().AbortConnection()
	f.r.RunFor(time.Minute)
	if len(given) != 2 || given[1] != f.last() {
		t.Errorf("prepared %v, want a second protocol", given)
	}
	f.stop()
}

func TestServiceCannotPrepare(t *testing.T) {
	bad := errors.New("not ready")
	for _, c := range []struct {
		name    string
		prepare func(f *fixture, p *peer) *deferred.Deferred[deferred.None]
		want    error
	}{
		{"it fails at once", func(*fixture, *peer) *deferred.Deferred[deferred.None] {
			return deferred.Fail[deferred.None](bad)
		}, bad},
		{"it fails later", func(f *fixture, _ *peer) *deferred.Deferred[deferred.None] {
			d := deferred.New[deferred.None]()
			f.r.CallLater(time.Second, func() { d.Errback(bad) })
			return d
		}, bad},
		{"it panics", func(*fixture, *peer) *deferred.Deferred[deferred.None] { panic(bad) }, bad},
		{"it loses the connection and waits for ever", func(_ *fixture, p *peer) *deferred.Deferred[deferred.None] {
			p.AbortConnection()
			return deferred.New[deferred.None]()
		}, reactor.ErrConnectionAborted},
		{"it loses the connection and has a result nevertheless", func(_ *fixture, p *peer) *deferred.Deferred[deferred.None] {
			p.AbortConnection()
			return deferred.NewCancellable(func(d *deferred.Deferred[deferred.None]) { d.Callback(deferred.None{}) })
		}, reactor.ErrConnectionAborted},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			server := listen(t, f.r, serverAddress)
			good := false
			f.prepares(func(p *peer) *deferred.Deferred[deferred.None] {
				if good {
					return deferred.Succeed(deferred.None{})
				}
				return c.prepare(f, p)
			})
			f.StartService()
			got, wanted := await(f.r, f.WhenConnected(1)), await(f.r, f.WhenConnected(0))
			f.r.RunFor(5 * time.Second)
			if !errors.Is(got.err, c.want) {
				t.Errorf("error %v, want %v", got.err, c.want)
			}
			if f.clients.open() != 0 || server.open() != 0 {
				t.Error("the connection is still open")
			}
			if lost := f.last().lost; lost != reactor.ErrConnectionAborted {
				t.Errorf("the connection was lost for %v, want ErrConnectionAborted", lost)
			}
			f.checkAsked(1)

			good = true
			f.r.RunFor(10 * time.Second)
			valueOf(t, wanted)
			f.checkAttempts(2)
			f.stop()
		})
	}
}

// stubborn is an endpoint that connects although it is cancelled.
type stubborn struct {
	anyway func(reactor.Factory) (reactor.Protocol, error) // gives the result after Cancel
}

func (s stubborn) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return deferred.NewCancellable(func(d *deferred.Deferred[reactor.Protocol]) { d.Resolve(s.anyway(factory)) })
}

func TestServiceWithAnEndpointThatConnectsThoughCancelled(t *testing.T) {
	f := newFixture(t)
	transport := &memory.StringTransport{}
	var built reactor.Protocol
	f.config.PrepareConnection = func(*peer) *deferred.Deferred[deferred.None] {
		t.Error("a connection that is to be closed is prepared")
		return deferred.Succeed(deferred.None{})
	}
	f.connects(stubborn{anyway: func(factory reactor.Factory) (reactor.Protocol, error) {
		built = factory.BuildProtocol(nil)
		built.ConnectionMade(transport)
		return built, nil
	}})
	f.StartService()
	stopped := await(f.r, f.StopService())
	if stopped.fired || !transport.Disconnecting() {
		t.Errorf("stopped %v, disconnecting %v; want not yet and true", stopped.fired, transport.Disconnecting())
	}
	built.ConnectionLost(reactor.ErrConnectionDone)
	valueOf(t, stopped)
	f.checkStopped()
}

func TestServiceWithAnEndpointThatFires(t *testing.T) {
	for _, c := range []struct {
		name string
		with func(reactor.Factory) reactor.Protocol
		want string
	}{
		{"with a protocol that the factory did not build", func(reactor.Factory) reactor.Protocol { return &peer{} },
			"endpoints: the endpoint fired with a protocol that its factory did not build"},
		{"with a connection that is lost", func(f reactor.Factory) reactor.Protocol {
			p := f.BuildProtocol(nil)
			p.ConnectionMade(&memory.StringTransport{})
			p.ConnectionLost(reactor.ErrConnectionLost)
			return p
		}, reactor.ErrConnectionLost.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.connects(firing(c.with))
			f.StartService()
			got := await(f.r, f.WhenConnected(1))
			f.r.RunFor(time.Minute)
			if got.err == nil || got.err.Error() != c.want {
				t.Errorf("error %v, want %s", got.err, c.want)
			}
			f.stop()
		})
	}
}

// An endpoint may fire with a protocol of its own around the one that was built.
func TestServiceWithAnEndpointThatWraps(t *testing.T) {
	f := newFixture(t)
	f.connects(firing(func(factory reactor.Factory) reactor.Protocol {
		p := factory.BuildProtocol(nil)
		p.ConnectionMade(&memory.StringTransport{Protocol: p})
		return struct{ reactor.Protocol }{p}
	}))
	f.StartService()
	if p := valueOf(t, await(f.r, f.WhenConnected(1))); p != f.last() {
		t.Errorf("connected with %v, want the protocol that the factory built", p)
	}
	f.stop()
}

// firing is an endpoint that fires at once.
type firing func(reactor.Factory) reactor.Protocol

func (f firing) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return deferred.Succeed(f(factory))
}

// A connection that the endpoint dropped is not the service's.
func TestServiceAndAConnectionThatTheEndpointGaveUp(t *testing.T) {
	f := newFixture(t)
	d := deferred.New[reactor.Protocol]()
	var second reactor.Protocol
	f.connects(waitingFor(func(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
		first := factory.BuildProtocol(nil)
		second = factory.BuildProtocol(nil)
		first.ConnectionMade(&memory.StringTransport{})
		first.ConnectionLost(reactor.ErrConnectionLost)
		second.ConnectionMade(&memory.StringTransport{})
		return d
	}))
	f.StartService()
	d.Callback(second)
	valueOf(t, await(f.r, f.WhenConnected(0)))
	stopped := await(f.r, f.StopService())
	second.ConnectionLost(reactor.ErrConnectionDone)
	valueOf(t, stopped)
}

type waitingFor func(reactor.Factory) *deferred.Deferred[reactor.Protocol]

func (f waitingFor) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return f(factory)
}

// A build function may refuse a connection.
func TestServiceWithABuildFunctionThatRefuses(t *testing.T) {
	for name, try := range map[string]func(t *testing.T){
		"nil":                            func(t *testing.T) { refuses(t, func(net.Addr) reactor.Protocol { return nil }) },
		"a nil pointer":                  func(t *testing.T) { refuses(t, func(net.Addr) *peer { return nil }) },
		"an interface with nil in it":    func(t *testing.T) { refuses(t, func(net.Addr) reactor.Protocol { return (*peer)(nil) }) },
		"a nil func, map, slice or chan": func(t *testing.T) { refuses(t, func(net.Addr) listening { return nil }) },
	} {
		t.Run(name, try)
	}
}

// listening is a protocol that is a function.
type listening func(data []byte)

func (f listening) ConnectionMade(reactor.Transport) {}
func (f listening) DataReceived(data []byte)         { f(data) }
func (f listening) ConnectionLost(error)             {}

// refuses checks a service whose build function returns nil.
func refuses[P reactor.Protocol](t *testing.T, build func(net.Addr) P) {
	r := newReactor(t)
	server := listen(t, r, serverAddress)
	var failures []error
	s := endpoints.NewClientService(r, endpoints.NewTCPClient(r, serverAddress, reactor.ConnectConfig{}), build,
		endpoints.ClientServiceConfig[P]{Failed: func(reason error) { failures = append(failures, reason) }})
	s.StartService()
	got := await(r, s.WhenConnected(1))
	r.Pump()
	if !errors.Is(got.err, reactor.ErrNoProtocol) || len(failures) != 1 || failures[0] != got.err {
		t.Errorf("error %v, failures %v, want one ErrNoProtocol", got.err, failures)
	}
	if server.open() != 0 {
		t.Error("the connection is still open")
	}
	s.StopService()
}

// A halfPeer records the ends of the two directions.
type halfPeer struct {
	peer
	ends []string
}

func (p *halfPeer) ReadConnectionLost()  { p.ends = append(p.ends, "read"); p.LoseWriteConnection() }
func (p *halfPeer) WriteConnectionLost() { p.ends = append(p.ends, "write") }

func TestServiceLeavesHalfClosingToTheProtocol(t *testing.T) {
	f := newFixture(t)
	server := listen(t, f.r, serverAddress)
	p := &halfPeer{}
	s := endpoints.NewClientService(f.r, endpoints.NewTCPClient(f.r, serverAddress, reactor.ConnectConfig{}),
		func(net.Addr) *halfPeer { return p }, endpoints.ClientServiceConfig[*halfPeer]{})
	s.StartService()
	f.r.Pump()
	if got := valueOf(t, await(f.r, s.WhenConnected(0))); got != p {
		t.Errorf("connected with %v, want the factory's own protocol", got)
	}
	server.built[0].LoseWriteConnection()
	f.r.Pump()
	if got := fmt.Sprint(p.ends); got != "[read write]" {
		t.Errorf("the ended directions are %s, want [read write]", got)
	}
	s.StopService()
}

// The service keeps the connection when its protocol is switched, as with
// STARTTLS, and when it speaks TLS from the start.
func TestServiceKeepsAConnectionWhoseProtocolIsSwitched(t *testing.T) {
	for _, c := range []struct {
		name   string
		secure bool
		next   func() (reactor.Protocol, *peer)
	}{
		{"plain", false, func() (reactor.Protocol, *peer) { p := &peer{}; return p, p }},
		{"TLS", true, func() (reactor.Protocol, *peer) { p := &peer{}; return p, p }},
		{"half-closeable", false, func() (reactor.Protocol, *peer) { p := &halfPeer{}; return p, &p.peer }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			transport := &memory.StringTransport{}
			f.connects(firing(func(factory reactor.Factory) reactor.Protocol {
				transport.Protocol = factory.BuildProtocol(nil)
				if c.secure {
					transport.Protocol.ConnectionMade(secure{transport})
				} else {
					transport.Protocol.ConnectionMade(transport)
				}
				return transport.Protocol
			}))
			f.StartService()
			first := f.last()
			if state := first.Transport.TLS(); (state != nil) != c.secure {
				t.Errorf("the state of TLS is %v, want one: %v", state, c.secure)
			} else if state != nil && state.ServerName != "an.example" {
				t.Error("the state of the connection is not that of the transport below")
			}

			next, noted := c.next()
			if old := first.SwitchProtocol(next); old != first {
				t.Errorf("before, the protocol was %v, want the factory's own", old)
			}
			if old := first.SwitchProtocol(next); old != next {
				t.Errorf("before, the protocol was %v, want the one it was switched to", old)
			}
			_, half := transport.Protocol.(reactor.HalfCloseableProtocol)
			if _, want := next.(reactor.HalfCloseableProtocol); half != want {
				t.Errorf("half-closeable: %v, want %v", half, want)
			}
			if p := valueOf(t, await(f.r, f.WhenConnected(0))); p != first {
				t.Errorf("connected with %v, want the factory's protocol", p)
			}
			valueOf(t, await(f.r, f.StopService())) // the transport is lost at once
			if noted.lost != reactor.ErrConnectionDone || first.lost != nil {
				t.Errorf("the protocols' reasons are %v and %v, want ErrConnectionDone and none", noted.lost, first.lost)
			}
		})
	}
}

// secure is a transport that claims to speak TLS.
type secure struct{ reactor.Transport }

func (secure) TLS() *tls.ConnectionState {
	return &tls.ConnectionState{ServerName: "an.example"}
}

// The service continues after a panic of ConnectionLost.
type panicky struct{ peer }

func (p *panicky) ConnectionLost(reason error) { panic("on purpose") }

func TestServiceAndAProtocolThatPanics(t *testing.T) {
	f := newFixture(t)
	server := listen(t, f.r, serverAddress)
	s := endpoints.NewClientService(f.r, endpoints.NewTCPClient(f.r, serverAddress, reactor.ConnectConfig{}),
		func(net.Addr) *panicky { return &panicky{} }, endpoints.ClientServiceConfig[*panicky]{})
	s.StartService()
	f.r.Pump()
	server.built[0].AbortConnection()
	f.r.RunFor(time.Minute)
	if len(server.built) != 2 {
		t.Errorf("%d connections, want 2", len(server.built))
	}
	s.StopService()
	f.r.Pump()
}

// On a reactor in memory, the jitter of the default policy is the same in each run.
func TestServiceWithTheDefaultPolicyRepeats(t *testing.T) {
	story := func(seed uint64) memory.Trace {
		r := memory.New()
		r.Seed(seed)
		r.StartTrace()
		s := endpoints.NewClientService(r, endpoints.NewTCPClient(r, serverAddress, reactor.ConnectConfig{}), (&peers{}).build, endpoints.ClientServiceConfig[*peer]{})
		s.StartService()
		r.RunFor(10 * time.Minute)
		s.StopService()
		return r.Trace()
	}
	first := story(1)
	if len(first) < 30 {
		t.Errorf("the trace is too short:\n%s", first)
	}
	for range 20 {
		if got := story(1); !slices.Equal(got, first) {
			t.Fatalf("the trace differs:\n%s\nfrom the first:\n%s", got, first)
		}
	}
	if slices.Equal(story(2), first) {
		t.Error("another seed makes no difference")
	}
}

func TestServiceWithTheDefaultPolicy(t *testing.T) {
	r := newReactor(t)
	s := endpoints.NewClientService(r, endpoints.NewTCPClient(r, serverAddress, reactor.ConnectConfig{}), (&peers{}).build, endpoints.ClientServiceConfig[*peer]{})
	s.StartService()
	r.RunFor(1499 * ms)
	if n := len(r.TCPClients); n != 1 {
		t.Errorf("%d attempts before 1.5s, want 1", n)
	}
	r.RunFor(1001 * ms)
	if n := len(r.TCPClients); n != 2 {
		t.Errorf("%d attempts before 2.5s, want 2", n)
	}
	s.StopService()
}
