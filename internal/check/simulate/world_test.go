package simulate

import (
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has a world: a reactor in memory with sites, a network with faults and a client.

// A world is one simulation.
type world struct {
	r      *memory.Reactor
	random *rand.Rand // of what happens in the world
	http2  bool

	client     *client.HTTPClient
	pool       *agent.Pool
	origins    []*origin
	links      []*link
	nextFaults func() faults // of the next connection

	calls    []*call
	log      strings.Builder // what happened, with its time
	problems []string
	faulty   bool // connections may be lost
	silent   bool // and in silence
	counts   counts
}

// counts are the figures of a run.
type counts struct {
	requests, served, whole, failed int
	lost, cancels, resets, timeouts int
	shutdowns, connections          int
	streams, together               int
}

func (c *counts) add(o counts) {
	c.requests += o.requests
	c.served += o.served
	c.whole += o.whole
	c.failed += o.failed
	c.lost += o.lost
	c.cancels += o.cancels
	c.resets += o.resets
	c.timeouts += o.timeouts
	c.shutdowns += o.shutdowns
	c.connections += o.connections
	c.streams += o.streams
	c.together = max(c.together, o.together)
}

func (c counts) String() string {
	return fmt.Sprintf("%d requests, %d of them whole and %d failed, served %d times over %d connections and %d streams (%d at a time); "+
		"%d connections lost, %d requests cancelled, %d reset by the server, %d timed out, %d shutdowns",
		c.requests, c.whole, c.failed, c.served, c.connections, c.streams, c.together, c.lost, c.cancels, c.resets, c.timeouts, c.shutdowns)
}

// An origin is a host with a site.
type origin struct {
	w     *world
	host  string
	inner string // the address of the site
	site  *web.Site
	ports []reactor.Port
	down  bool // the site is being replaced
}

// newWorld returns a world of some origins without faults.
func newWorld(seed uint64, http2 bool, origins int, pool agent.PoolConfig, site func() *web.Site) *world {
	w := &world{r: memory.New(), random: rand.New(rand.NewPCG(seed, 1)), http2: http2, nextFaults: func() faults { return noFaults }}
	w.r.MaxTurns = 200_000
	w.r.Seed(seed)
	w.pool = agent.NewPool(w.r, pool)
	w.client = client.New(w.r, client.Config{AgentConfig: agentConfig(http2, w.pool, w.endpoint)})
	for i := range origins {
		o := &origin{w: w, host: fmt.Sprintf("%c.example", 'a'+i), inner: fmt.Sprintf("198.51.100.%d", i+1)}
		o.site = site()
		o.site.Root = w.root(o)
		w.origins = append(w.origins, o)
		outer := fmt.Sprintf("192.0.2.%d", i+1)
		for _, port := range []string{":80", ":443"} {
			w.listen(outer+port, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &w.newLink(o.inner + port).up }))
		}
		o.serve()
	}
	return w
}

func (w *world) listen(address string, f reactor.Factory) reactor.Port {
	p, err := w.r.ListenTCP(address, f)
	if err != nil {
		panic(err)
	}
	return p
}

// serve makes the site of o listen.
func (o *origin) serve() {
	o.ports = []reactor.Port{
		o.w.listen(o.inner+":80", o.site),
		o.w.listen(o.inner+":443", secureSite{o.site, o.w.http2}),
	}
}

// shutdown ends the service of o, and begins another one later.
func (o *origin) shutdown(pause time.Duration) {
	if o.down {
		return
	}
	o.down = true
	o.w.counts.shutdowns++
	o.site.Shutdown().AddCallback(func(deferred.None) (deferred.None, error) {
		o.w.r.CallLater(pause, func() {
			o.down = false
			o.serve()
		})
		return deferred.None{}, nil
	})
}

// endpoint is the EndpointFactory of the world's clients.
func (w *world) endpoint(u *url.URL) (endpoints.ClientEndpoint, error) {
	address := fmt.Sprintf("192.0.2.%d", u.Hostname()[0]-'a'+1)
	if u.Scheme == "https" {
		return secureEndpoint{endpoints.NewTCPClient(w.r, address+":443", reactor.ConnectConfig{}), w.http2}, nil
	}
	return endpoints.NewTCPClient(w.r, address+":80", reactor.ConnectConfig{}), nil
}

// The types below make connections that claim to speak TLS, at both ends.

type secureEndpoint struct {
	endpoints.ClientEndpoint
	http2 bool
}

func (e secureEndpoint) Secure() bool { return true }

func (e secureEndpoint) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	var built reactor.Protocol
	d := e.ClientEndpoint.Connect(reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
		built = factory.BuildProtocol(peer)
		return &secured{built, e.http2}
	}))
	return d.AddCallback(func(reactor.Protocol) (reactor.Protocol, error) { return built, nil })
}

type secureSite struct {
	*web.Site
	http2 bool
}

func (s secureSite) BuildProtocol(peer net.Addr) reactor.Protocol {
	p := s.Site.BuildProtocol(peer)
	if p == nil {
		return nil
	}
	return &secured{p, s.http2}
}

type secured struct {
	reactor.Protocol
	http2 bool
}

func (s *secured) ConnectionMade(t reactor.Transport) {
	t.SwitchProtocol(s.Protocol)
	s.Protocol.ConnectionMade(secureTransport{t, s.http2})
}

type secureTransport struct {
	reactor.Transport
	http2 bool
}

func (t secureTransport) TLS() *tls.ConnectionState {
	state := &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, CipherSuite: tls.TLS_AES_128_GCM_SHA256, NegotiatedProtocol: "http/1.1"}
	if t.http2 {
		state.NegotiatedProtocol = "h2"
	}
	return state
}

// problem records that something is wrong.
func (w *world) problem(format string, args ...any) {
	if len(w.problems) < 20 {
		w.problems = append(w.problems, fmt.Sprintf("%v: ", w.now())+fmt.Sprintf(format, args...))
	}
}

// note records what happened.
func (w *world) note(format string, args ...any) {
	fmt.Fprintf(&w.log, "%v: ", w.now())
	fmt.Fprintf(&w.log, format+"\n", args...)
}

func (w *world) now() time.Duration { return w.r.Now().Sub(time.Unix(0, 0)) }

// finish runs the world to its end and checks what has to hold then.
func (w *world) finish() {
	w.run(10 * time.Minute)
	for _, c := range w.calls {
		if !c.over() && !w.silent { // over HTTP/1.1, a request on a silent connection waits for ever
			w.problem("request %d hangs: %s", c.id, c)
		}
		c.giveUp()
	}
	w.run(10 * time.Minute)
	for _, l := range w.links {
		if l.observer != nil {
			l.observer.quiet()
			w.counts.streams += l.observer.requests
			w.counts.together = max(w.counts.together, l.observer.most)
		}
	}
	closed := w.pool.CloseCachedConnections()
	w.run(10 * time.Minute)
	if !closed.Called() {
		w.problem("the pool is not closed")
	}
	for _, l := range w.links {
		if l.silent {
			l.abort()
		}
	}
	w.run(10 * time.Minute)
	for _, l := range w.links {
		if l.open() {
			w.problem("connection %d is open: to the client %t, to the site %t", l.number, l.up.made && l.up.over == nil, l.down.made && l.down.over == nil)
		}
	}
	for _, c := range w.calls {
		c.check()
	}
	for _, o := range w.origins {
		for _, p := range o.ports {
			p.StopListening()
		}
	}
	w.run(time.Second)
	for _, d := range w.r.DelayedCalls() {
		w.problem("a delayed call is left: %v", d)
	}
	w.counts.connections += len(w.links)
}

// run runs the loop for d. A panic of the loop is a problem.
func (w *world) run(d time.Duration) {
	defer func() {
		if v := recover(); v != nil {
			w.problem("the loop: %v", v)
		}
	}()
	w.r.RunFor(d)
}

// fingerprint tells two runs apart.
func (w *world) fingerprint() string {
	h := fnv.New64a()
	fmt.Fprint(h, w.log.String(), w.r.Trace())
	return fmt.Sprintf("%d %d %x", w.log.Len(), len(w.r.Trace()), h.Sum64())
}
