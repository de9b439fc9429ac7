package memory_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// listenOn listens at address of m, with a peer for each connection.
func listenOn(t *testing.T, r reactor.Reactor, address string, build func() *peer) reactor.Port {
	t.Helper()
	port, err := r.ListenTCP(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return build() }))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Whoever connects to a machine reaches what listens there.
func TestMachinesHaveAddressesOfTheirOwn(t *testing.T) {
	r := memory.New()
	v4 := r.Machine("v4", "192.0.2.4")
	v6 := r.Machine("v6", "2001:db8::6")
	both := r.Machine("both", "192.0.2.7", "2001:db8::7", "192.0.2.8")
	none := r.Machine("none")
	hosts := map[string]reactor.Reactor{"v4": v4, "v6": v6, "both": both, "none": none, "": r}
	accepted := map[string]*peer{}
	for name, host := range hosts {
		listenOn(t, host, ":80", func() *peer { accepted[name] = &peer{}; return accepted[name] })
	}
	for _, test := range []struct {
		from, address string
		at            string // where it arrives
		local, remote string // the two addresses, without ports; "" local: the attempt fails
		err           error
	}{
		{from: "v4", address: "192.0.2.7:80", at: "both", local: "192.0.2.4", remote: "192.0.2.7"},
		{from: "v4", address: "192.0.2.8:80", at: "both", local: "192.0.2.4", remote: "192.0.2.8"},
		{from: "v4", address: "[::ffff:192.0.2.8]:80", at: "both", local: "192.0.2.4", remote: "192.0.2.8"},
		{from: "v4", address: "10.0.0.2:80", at: "none", local: "192.0.2.4", remote: "10.0.0.2"},
		{from: "v4", address: "192.0.2.4:80", at: "v4", local: "192.0.2.4", remote: "192.0.2.4"},
		{from: "v4", address: "127.0.0.1:80", at: "v4", local: "127.0.0.1", remote: "127.0.0.1"},
		{from: "v4", address: "[::1]:80", at: "v4", local: "::1", remote: "::1"},
		{from: "v4", address: "0.0.0.0:80", at: "v4", local: "127.0.0.1", remote: "127.0.0.1"},
		{from: "v4", address: "[::]:80", at: "v4", local: "::1", remote: "::1"},
		{from: "v4", address: "10.0.0.1:80", at: "", local: "192.0.2.4", remote: "10.0.0.1"},
		{from: "v4", address: "198.51.100.1:80", at: "", local: "192.0.2.4", remote: "198.51.100.1"},
		{from: "v4", address: "[2001:db8::6]:80", err: reactor.ErrNoRoute},
		{from: "v6", address: "192.0.2.4:80", err: reactor.ErrNoRoute},
		{from: "v6", address: "[2001:db8::7]:80", at: "both", local: "2001:db8::6", remote: "2001:db8::7"},
		{from: "v6", address: "127.0.0.1:80", at: "v6", local: "127.0.0.1", remote: "127.0.0.1"},
		{from: "both", address: "192.0.2.8:80", at: "both", local: "192.0.2.8", remote: "192.0.2.8"},
		{from: "both", address: "192.0.2.4:80", at: "v4", local: "192.0.2.7", remote: "192.0.2.4"},
		{from: "both", address: "[2001:db8::6]:80", at: "v6", local: "2001:db8::7", remote: "2001:db8::6"},
		{from: "none", address: "192.0.2.4:80", at: "v4", local: "10.0.0.2", remote: "192.0.2.4"},
		{from: "", address: "192.0.2.4:80", at: "v4", local: "10.0.0.1", remote: "192.0.2.4"},
		{from: "", address: "[2001:db8::6]:80", at: "v6", local: "fd00::1", remote: "2001:db8::6"},
		{from: "", address: "127.0.0.1:80", at: "", local: "127.0.0.1", remote: "127.0.0.1"},
		{from: "", address: "198.51.100.1:80", at: "", local: "10.0.0.1", remote: "198.51.100.1"},
	} {
		t.Run(test.from+" to "+test.address, func(t *testing.T) {
			clear(accepted)
			client := &peer{}
			d := hosts[test.from].ConnectTCP(test.address, just(client), reactor.ConnectConfig{})
			r.Pump()
			if test.err != nil {
				if _, err := resultOf(d); !errors.Is(err, test.err) {
					t.Errorf("got %v, want %v", err, test.err)
				}
				return
			}
			if _, err := resultOf(d); err != nil {
				t.Fatal(err)
			}
			server := accepted[test.at]
			if server == nil || len(accepted) != 1 {
				t.Fatalf("reached %v, want %q", accepted, test.at)
			}
			for _, check := range []struct {
				name string
				got  net.Addr
				want string
			}{
				{"the client's host", client.Host(), test.local}, {"the client's peer", client.Peer(), test.remote},
				{"the server's host", server.Host(), test.remote}, {"the server's peer", server.Peer(), test.local},
			} {
				if got := netip.MustParseAddrPort(check.got.String()).Addr().String(); got != check.want {
					t.Errorf("%s is %s, want %s", check.name, got, check.want)
				}
			}
			// The plain Reactor's transports have its Loop.
			want := func(name string) reactor.Reactor {
				if name == "" {
					return r.Loop
				}
				return hosts[name]
			}
			if client.Reactor() != want(test.from) || server.Reactor() != want(test.at) {
				t.Errorf("the transports belong to %v and %v", client.Reactor(), server.Reactor())
			}
		})
	}
}

// What a machine has of its own, no other host reaches.
func TestMachinesShareNoLoopback(t *testing.T) {
	for _, address := range []string{"127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "localhost:80", "/run/socket"} {
		t.Run(address, func(t *testing.T) {
			r := memory.New()
			a, b := r.Machine("a"), r.Machine("b")
			dial := strings.Replace(address, "localhost", "127.0.0.1", 1)
			connectFrom := func(host reactor.Reactor) (*peer, error) {
				p := &peer{}
				connect := host.ConnectTCP
				if strings.HasPrefix(address, "/") {
					connect = host.ConnectUNIX
				}
				d := connect(dial, just(p), reactor.ConnectConfig{})
				r.Pump()
				_, err := resultOf(d)
				return p, err
			}
			var servers []*peer
			listenTo := func(host reactor.Reactor) {
				listen := host.ListenTCP
				if strings.HasPrefix(address, "/") {
					listen = host.ListenUNIX
				}
				if _, err := listen(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
					servers = append(servers, &peer{})
					return servers[len(servers)-1]
				})); err != nil {
					t.Fatal(err)
				}
			}
			listenTo(a)
			for _, host := range []reactor.Reactor{b, r} {
				if _, err := connectFrom(host); !errors.Is(err, reactor.ErrConnectionRefused) {
					t.Errorf("another host's attempt: %v", err)
				}
			}
			listenTo(b)
			listenTo(r)
			for _, host := range []reactor.Reactor{a, b, r} {
				servers = nil
				client, err := connectFrom(host)
				if err != nil || len(servers) != 1 || servers[0].Reactor() != client.Reactor() {
					t.Errorf("%v: %v, %d connections were accepted", host, err, len(servers))
				}
			}
		})
	}
}

// What nobody can mean is refused, and the text says what it is.
func TestAMachineIsRefused(t *testing.T) {
	for _, test := range []struct {
		name  string
		addrs []string
		want  string
	}{
		{"api", nil, "there is a machine called api already"},
		{"API.", nil, "there is a machine called api already"},
		{"", nil, `a machine cannot be called ""`},
		{"*", nil, `a machine cannot be called "*"`},
		{"localhost", nil, `a machine cannot be called "localhost"`},
		{"192.0.2.9", nil, `a machine cannot be called "192.0.2.9"`},
		{"web", []string{"192.0.2.1"}, "the address 192.0.2.1 of machine web is that of machine api"},
		{"web", []string{"192.0.2.9", "::ffff:192.0.2.1"}, "the address 192.0.2.1 of machine web is that of machine api"},
		{"web", []string{"10.0.0.1"}, "is that of the Reactor itself"},
		{"web", []string{"fd00::1"}, "is that of the Reactor itself"},
		{"web", []string{"127.0.0.1"}, "the address 127.0.0.1 of machine web is every machine's own"},
		{"web", []string{"0.0.0.0"}, "is not that of one host"},
		{"web", []string{"224.0.0.1"}, "is not that of one host"},
		{"web", []string{"web.example"}, `the address "web.example" of machine web is not an IP address`},
		{"web", []string{"192.0.2.2"}, "the address 192.0.2.2 of machine web has a port that listens"},
		{"other", nil, "the address 192.0.2.1 of machine other is that of machine api"},
	} {
		t.Run(test.name+" "+strings.Join(test.addrs, " "), func(t *testing.T) {
			r := memory.New()
			r.Machine("api", "192.0.2.1")
			r.AddHost("other", "192.0.2.1")
			listen(t, r, "192.0.2.2:80", &peer{})
			if text := panicOf(func() { r.Machine(test.name, test.addrs...) }); !strings.Contains(text, "memory: ") || !strings.Contains(text, test.want) {
				t.Errorf("the panic says %q, want %q", text, test.want)
			}
			// Nothing is half made.
			if r.Machine("good", "192.0.2.9").Addr() != netip.MustParseAddr("192.0.2.9") {
				t.Error("the next machine has another address")
			}
		})
	}
}

func TestMachinesWithoutAddressesGetFreeOnes(t *testing.T) {
	r := memory.New()
	r.AddHost("known", "10.0.0.3")
	r.AddHost("web", "192.0.2.5", "192.0.2.6")
	r.Machine("given", "10.0.0.4")
	var got []string
	for _, name := range []string{"a", "b", "Web.", "c"} {
		m := r.Machine(name)
		got = append(got, fmt.Sprint(m.Name(), " ", m.Addr()))
	}
	if want := []string{"a 10.0.0.2", "b 10.0.0.5", "web 192.0.2.5", "c 10.0.0.6"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, want := range map[string]string{"a": "[10.0.0.2]", "given": "[10.0.0.4]", "web": "[192.0.2.5 192.0.2.6]"} {
		d := r.Machine("asks " + name).NameResolver().LookupHost(name)
		r.Pump()
		if addrs, err := resultOf(d); err != nil || fmt.Sprint(addrs) != want {
			t.Errorf("%s has %v, %v; want %s", name, addrs, err, want)
		}
	}
}

// A machine uses addresses that it has, and no others.
func TestForeignAddresses(t *testing.T) {
	r := memory.New()
	a := r.Machine("a", "192.0.2.1", "2001:db8::1")
	r.Machine("b", "192.0.2.2")
	for _, test := range []struct {
		host    reactor.Reactor
		address string
		want    string // of the error; "": it works
	}{
		{a, "192.0.2.1", ""}, {a, "2001:db8::1", ""}, {a, "127.0.0.1", ""}, {a, "0.0.0.0", ""}, {a, "", ""},
		{a, "192.0.2.2", "192.0.2.2 is the address of machine b"},
		{a, "198.51.100.1", "machine a does not have the address 198.51.100.1"},
		{a, "10.0.0.1", "machine a does not have the address 10.0.0.1"},
		{r, "192.0.2.2", "192.0.2.2 is the address of machine b"},
		{r, "198.51.100.1", ""}, {r, "10.0.0.1", ""},
	} {
		t.Run(fmt.Sprint(test.host == reactor.Reactor(r), " ", test.address), func(t *testing.T) {
			var errs []error
			port, err := test.host.ListenTCP(net.JoinHostPort(test.address, "0"), just(&peer{}))
			if errs = append(errs, err); err == nil {
				port.StopListening()
			}
			if test.address != "" && test.address != "0.0.0.0" && test.address != "2001:db8::1" && test.address != "127.0.0.1" {
				listenOn(t, r, "203.0.113.1:80", func() *peer { return &peer{} }).StopListening()
				server := listenOn(t, r, "203.0.113.1:80", func() *peer { return &peer{} })
				d := test.host.ConnectTCP("203.0.113.1:80", just(&peer{}), reactor.ConnectConfig{LocalAddress: test.address + ":0"})
				r.Pump()
				_, err := resultOf(d)
				errs = append(errs, err)
				server.StopListening()
			}
			for _, err := range errs {
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %v, want %q", err, test.want)
				}
			}
		})
	}
}

// Two programs on one loop have values of their own for each Local.
func TestMachinesHaveLocalsOfTheirOwn(t *testing.T) {
	r := memory.New()
	a, b := r.Machine("a"), r.Machine("b")
	made := 0
	local := reactor.NewLocal(func(reactor.Reactor) int { made++; return made })
	got := []int{local.Of(a), local.Of(b), local.Of(r), local.Of(a), local.Of(r.Loop)}
	if want := []int{1, 2, 3, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	a.Stop()
	a.Start()
	if got := []int{local.Of(a), local.Of(b)}; !slices.Equal(got, []int{4, 2}) {
		t.Errorf("after a restart: %v", got)
	}
}

// When the loop stops, what waits on a machine ends too.
func TestTheEndOfTheLoopEndsTheWaitsOfMachines(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*memory.Reactor, *memory.Machine)
		late bool // what waits afterwards fails too
	}{
		{"Stop", func(r *memory.Reactor, _ *memory.Machine) { r.CallLater(0, func() { r.Stop() }); r.Run() }, false},
		{"Stop of the machine in its Run", func(_ *memory.Reactor, m *memory.Machine) { m.CallLater(0, func() { m.Stop() }); m.Run() }, false},
		{"Close", func(r *memory.Reactor, _ *memory.Machine) { r.Close() }, true},
		{"Stop of the machine", func(_ *memory.Reactor, m *memory.Machine) { m.Stop() }, true},
		{"Crash of the machine", func(_ *memory.Reactor, m *memory.Machine) { m.Crash() }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			m := r.Machine("m")
			d := reactor.UntilStopped(m, deferred.New[int]())
			test.end(r, m)
			if _, err := resultOf(d); !errors.Is(err, reactor.ErrStopped) {
				t.Errorf("got %v", err)
			}
			later := reactor.UntilStopped(m, deferred.New[int]())
			if later.Called() != test.late {
				t.Errorf("a wait afterwards has ended: %v, want %v", later.Called(), test.late)
			}
			later.AddErrback(func(error) (int, error) { return 0, nil })
		})
	}
}

// Names are looked up with the Reactor's resolver, until a machine has one of its own.
func TestNamesOnAMachine(t *testing.T) {
	r := memory.New()
	a, b := r.Machine("a"), r.Machine("b")
	fixed := func(ip string) reactor.NameResolver { return fixedResolver(ip) }
	look := func(m *memory.Machine) string {
		d := m.NameResolver().LookupHost("name")
		r.Pump()
		addrs, err := resultOf(d)
		return fmt.Sprint(addrs, err)
	}
	if got := look(a); !strings.Contains(got, reactor.ErrNameNotFound.Error()) {
		t.Error(got)
	}
	r.InstallNameResolver(fixed("192.0.2.1"))
	a.InstallNameResolver(fixed("192.0.2.2"))
	if got := look(a) + look(b); got != "[192.0.2.2] <nil>[192.0.2.1] <nil>" {
		t.Error(got)
	}
	a.InstallNameResolver(nil)
	if got := look(a); got != "[192.0.2.1] <nil>" {
		t.Error(got)
	}
	r.InstallNameResolver(nil)
}

type fixedResolver string

func (f fixedResolver) LookupHost(string) *deferred.Deferred[[]netip.Addr] {
	return deferred.Succeed([]netip.Addr{netip.MustParseAddr(string(f))})
}

// A lookup ends with the machine that waits for it.
func TestALookupEndsWithItsMachine(t *testing.T) {
	r := memory.New()
	m := r.Machine("m")
	d := m.NameResolver().LookupHost("name")
	m.Stop()
	if _, err := resultOf(d); !errors.Is(err, reactor.ErrStopped) {
		t.Errorf("got %v", err)
	}
}

// A port belongs to the machine that listens.
func TestAPortKnowsItsMachine(t *testing.T) {
	r := memory.New()
	m := r.Machine("m", "192.0.2.1")
	f := &listeningFactory{}
	p, err := m.ListenTCP(":0", f)
	if err != nil {
		t.Fatal(err)
	}
	if f.on != reactor.Reactor(m) || p.Addr().String() != "[::]:49152" {
		t.Errorf("it is told of %v and %v", f.on, p.Addr())
	}
	m.Stop()
	if f.stopped != 1 {
		t.Errorf("DoStop was called %d times", f.stopped)
	}
	p.StopListening()
	if f.stopped != 1 {
		t.Errorf("DoStop was called %d times", f.stopped)
	}
}

type listeningFactory struct {
	on      reactor.Reactor
	stopped int
}

func (f *listeningFactory) BuildProtocol(net.Addr) reactor.Protocol   { return &peer{} }
func (f *listeningFactory) DoStart(r reactor.Reactor, p reactor.Port) { f.on = r }
func (f *listeningFactory) DoStop(reactor.Port)                       { f.stopped++ }

// What DoStart does on another reactor is not done by the machine that listens.
func TestDoStartMayUseAnotherReactor(t *testing.T) {
	r := memory.New()
	a := r.Machine("a")
	client, server := &peer{}, &peer{}
	listen(t, r, "203.0.113.1:80", server)
	_, err := a.ListenTCP(":80", startingFactory{just(&peer{}), func() { connectFrom(r, "203.0.113.1:80", client) }})
	r.Pump()
	if err != nil || client.Transport == nil || client.Reactor() != reactor.Reactor(r.Loop) {
		t.Errorf("the connection is not the Reactor's: %v", err)
	}
}

type startingFactory struct {
	reactor.Factory
	do func()
}

func (f startingFactory) DoStart(reactor.Reactor, reactor.Port) { f.do() }
func (f startingFactory) DoStop(reactor.Port)                   {}

func connectFrom(r reactor.Reactor, address string, p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
	return r.ConnectTCP(address, just(p), reactor.ConnectConfig{})
}

// Faults are between hosts, by the names of machines.
func TestFaultsBetweenMachines(t *testing.T) {
	r := memory.New()
	a, b, c := r.Machine("a"), r.Machine("b"), r.Machine("c")
	for _, m := range []*memory.Machine{a, b} {
		listenOn(t, m, ":80", func() *peer { return &peer{data: echo} })
	}
	fromA, fromC := &peer{}, &peer{}
	r.Latency("a", "b", time.Second)
	connectFrom(a, "10.0.0.3:80", fromA)
	connectFrom(c, "10.0.0.3:80", fromC)
	r.Pump()
	if fromA.Transport != nil || fromC.Transport == nil {
		t.Error("the latency is not that of the link")
	}
	r.RunFor(2 * time.Second)
	if fromA.Transport == nil {
		t.Fatal("not connected")
	}
	r.Hold("b", "")
	fromC.Write([]byte("x"))
	r.Pump()
	if fromC.got.Len() != 0 {
		t.Error("b answers")
	}
}

var errNotFired = errors.New("the Deferred has not fired")

// resultOf returns what d fired with, and handles its error.
func resultOf[T any](d *deferred.Deferred[T]) (value T, err error) {
	err = errNotFired
	d.AddBoth(func(v T, e error) (T, error) {
		value, err = v, e
		return v, nil
	})
	return value, err
}
