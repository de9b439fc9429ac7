package endpoints_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A chance is a protocol that tells a test of its life.
type chance struct {
	transport reactor.Transport
	on        func(event string)
}

func (c *chance) ConnectionMade(t reactor.Transport) { c.transport = t; c.on("made") }
func (c *chance) DataReceived([]byte)                {}
func (c *chance) ConnectionLost(error)               { c.on("lost") }

// A hooked endpoint calls hook when it is asked to connect. Without an endpoint below, it never
// connects.
type hooked struct {
	endpoints.ClientEndpoint
	hook func()
}

func (h hooked) Connect(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	h.hook()
	if h.ClientEndpoint == nil {
		return deferred.New[reactor.Protocol]()
	}
	return h.ClientEndpoint.Connect(f)
}

// TestServiceStoppedByItsOwnAttempt: StopService in Connect, and in PrepareConnection, ends the
// attempt, although its Deferred does not exist yet.
func TestServiceStoppedByItsOwnAttempt(t *testing.T) {
	for _, place := range []string{"Connect", "PrepareConnection"} {
		r := memory.New()
		r.ListenTCP("127.0.0.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &chance{on: func(string) {}} }))
		var service *endpoints.ClientService[*chance]
		stopped := false
		stop := func(here string) {
			if here == place {
				service.StopService().Tap(func(deferred.None, error) { stopped = true })
			}
		}
		endpoint := hooked{hook: func() { stop("Connect") }}
		if place != "Connect" {
			endpoint.ClientEndpoint = endpoints.NewTCPClient(r, "127.0.0.1:7", reactor.ConnectConfig{})
		}
		service = endpoints.NewClientService(r, endpoint, func(net.Addr) *chance { return &chance{on: func(string) {}} }, endpoints.ClientServiceConfig[*chance]{
			PrepareConnection: func(*chance) *deferred.Deferred[deferred.None] {
				stop("PrepareConnection")
				return deferred.New[deferred.None]()
			},
		})
		service.StartService()
		r.Pump()
		if !stopped || service.Running() {
			t.Errorf("%s: the service has stopped: %v, runs: %v", place, stopped, service.Running())
		}
	}
}

// TestClientServiceAtRandom plays programs that call the methods of a service at random, from its
// hooks too. When the service has stopped, every Deferred has fired, and nothing is left.
func TestClientServiceAtRandom(t *testing.T) {
	for seed := range uint64(500) {
		playService(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func playService(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	r := memory.New()
	open, accepted, pending := 0, 0, 0
	var servers, clients []*chance
	var service *endpoints.ClientService[*chance]
	var port reactor.Port
	listen := func() {
		port, _ = r.ListenTCP("127.0.0.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			accepted++
			s := &chance{on: func(event string) {
				if event == "lost" {
					accepted--
				}
			}}
			servers = append(servers, s)
			return s
		}))
	}
	counted := func() { pending++ }
	fired := func() { pending-- }
	budget := 40 // actions
	var act func()
	hook := func() {
		if random.IntN(3) == 0 {
			act()
		}
	}
	act = func() {
		if budget--; budget < 0 {
			return
		}
		switch random.IntN(12) {
		case 0, 1, 2:
			service.StartService()
		case 3:
			counted()
			service.StopService().AddBoth(func(deferred.None, error) (deferred.None, error) { fired(); hook(); return deferred.None{}, nil })
		case 4, 5, 6:
			counted()
			d := service.WhenConnected(random.IntN(3))
			d.AddBoth(func(c *chance, err error) (*chance, error) { fired(); hook(); return nil, nil })
			if random.IntN(4) == 0 {
				d.Cancel()
			}
		case 7:
			if n := len(servers); n != 0 {
				servers[n-1].transport.AbortConnection()
			}
		case 8:
			if n := len(clients); n != 0 {
				clients[n-1].transport.LoseConnection()
			}
		case 9:
			if port != nil {
				port.StopListening()
				port = nil
			} else {
				listen()
			}
		case 10:
			if random.IntN(4) == 0 {
				panic("at random")
			}
		}
	}
	safely := func() {
		defer func() { recover() }()
		act()
	}
	config := endpoints.ClientServiceConfig[*chance]{
		Failed: func(error) { hook() },
		Lost:   func(error) { hook() },
		RetryPolicy: func(failures int, reason error, _ *rand.Rand) time.Duration {
			if failures < 1 || reason == nil {
				t.Errorf("the policy gets %d failures because of %v", failures, reason)
			}
			hook()
			return time.Duration(random.IntN(3)) * time.Second
		},
	}
	if random.IntN(2) == 0 {
		config.PrepareConnection = func(c *chance) *deferred.Deferred[deferred.None] {
			hook()
			switch random.IntN(4) {
			case 0:
				return deferred.Fail[deferred.None](errors.New("not prepared"))
			case 1:
				return deferred.Succeed(deferred.None{})
			}
			counted()
			d := deferred.New[deferred.None]()
			call := r.CallLater(time.Duration(random.IntN(3))*time.Second, func() {
				if random.IntN(2) == 0 {
					d.Errback(errors.New("not prepared in time"))
				} else {
					d.Callback(deferred.None{})
				}
			})
			return deferred.Map(d, func(deferred.None) (deferred.None, error) { return deferred.None{}, nil }).AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
				fired()
				call.Cancel()
				return deferred.None{}, err
			})
		}
	}
	endpoint := hooked{endpoints.NewTCPClient(r, "127.0.0.1:7", reactor.ConnectConfig{}), hook}
	service = endpoints.NewClientService(r, endpoint, func(net.Addr) *chance {
		if random.IntN(10) == 0 {
			return nil
		}
		c := &chance{}
		c.on = func(event string) {
			open += map[string]int{"made": 1, "lost": -1}[event]
			hook()
		}
		clients = append(clients, c)
		return c
	}, config)
	listen()
	for range 25 {
		safely()
		if random.IntN(2) == 0 {
			r.Advance(time.Duration(random.IntN(2000)) * time.Millisecond)
		}
	}
	r.Pump()
	budget = 0
	service.StopService()
	r.Pump()
	r.Advance(0)
	if open != 0 || accepted != 0 || pending != 0 || service.Running() || len(r.DelayedCalls()) != 0 {
		t.Errorf("%d connections, %d accepted ones and %d Deferreds are left; it runs: %v; calls %v", open, accepted, pending, service.Running(), r.DelayedCalls())
	}
}
