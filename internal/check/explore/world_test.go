package explore

import (
	"fmt"
	"math/rand/v2"
	"net/http"
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

// This file has a world: a reactor in memory with origins, proxies and users, each on a machine of its own.

// A world is one run of a program.
type world struct {
	r       *memory.Reactor
	random  *rand.Rand // of what happens in the world
	version version
	policy  *agent.TLSPolicy

	origins []*origin
	proxies []*proxy
	users   []*user
	watches []*watch
	calls   []*call

	spread   int  // the requests are made within so many milliseconds
	cancels  bool // the user may give up a request at any step
	faulty   bool // the network may fail
	hanging  bool // a request may wait for ever, since its connection is silent
	problems []string
	log      strings.Builder // what happened, with its time
	history  history         // the same, in short
	counts   counts
}

// An origin is a host with a site.
type origin struct {
	w       *world
	host    string
	machine *memory.Machine
	newSite func() *web.Site
	site    *web.Site // that listens
	down    bool      // the site shuts down, or waits to be replaced
}

// A user is a machine with clients of one pool.
type user struct {
	w       *world
	number  int
	machine *memory.Machine
	pool    *agent.Pool
	clients []*client.HTTPClient
	proxy   *proxy
	watched bool // has an Endpoint
	bounded bool // the number of connections
	tries   int  // the most that a request is tried, without the tries of the pool
}

// newWorld returns a world of some origins, without users.
func newWorld(r *memory.Reactor, seed uint64, v version, origins int, site func() *web.Site) *world {
	w := &world{r: r, random: rand.New(rand.NewPCG(seed, 1)), version: v, policy: newPolicy(), history: newHistory()}
	r.Seed(seed)
	for i := range origins {
		name := string(rune('a' + i))
		o := &origin{w: w, host: name + ".example", newSite: site}
		o.machine = w.r.Machine(o.host, fmt.Sprintf("192.0.2.%d", i+1), fmt.Sprintf("2001:db8::%d", i+1))
		o.machine.Process(o.start)
		w.origins = append(w.origins, o)
	}
	return w
}

// start makes a new site of o listen. stop is called when its machine stops.
func (o *origin) start() (stop func()) {
	site := o.newSite()
	site.Root = o.w.root(o)
	o.site, o.down = site, false
	watched := o.w.watching(site, false)
	secure := reactor.TLSServer(o.machine, reactor.TLSConfig{Config: serverTLS()}, watched)
	listen(o.machine, ":80", watched)
	listen(o.machine, ":443", secure)
	return func() {
		o.w.counts.restarts++
		o.site = nil
	}
}

func listen(r reactor.Reactor, address string, f reactor.Factory) reactor.Port {
	p, err := r.ListenTCP(address, f)
	if err != nil {
		panic(err)
	}
	return p
}

// shutdown ends the service of o in order, and begins another one later.
func (o *origin) shutdown(pause time.Duration) {
	site := o.site
	if o.down || site == nil {
		return
	}
	o.down = true
	o.w.counts.shutdowns++
	site.Shutdown().AddCallback(func(deferred.None) (deferred.None, error) {
		o.machine.CallLater(pause, func() {
			if o.site == site {
				o.start()
			}
		})
		return deferred.None{}, nil
	})
}

// A userPlan says what a user is.
type userPlan struct {
	pool    agent.PoolConfig
	clients int
	retries *agent.RetryConfig
	limits  *agent.LimitConfig
	proxy   *proxy
	watched bool // the bytes of its connections are judged at its own end; not with a proxy
}

// newUser adds a user.
func (w *world) newUser(plan userPlan) *user {
	u := &user{w: w, number: len(w.users), proxy: plan.proxy, bounded: plan.pool.MaxConnectionsPerHost > 0, tries: 1}
	n := u.number + 1
	u.machine = w.r.Machine(fmt.Sprintf("user%d", n), fmt.Sprintf("10.0.1.%d", n), fmt.Sprintf("fd00::1:%d", n))
	u.machine.Process(func() func() { return func() { w.counts.restarts++ } })
	u.pool = agent.NewPool(u.machine, plan.pool)
	config := client.Config{AgentConfig: agent.Config{Pool: u.pool, Protocols: w.version.protocols(), TLS: w.policy}}
	switch {
	case plan.proxy != nil:
		config.AgentConfig.Proxy = agent.ProxyURL(plan.proxy.url())
	case plan.watched:
		config.AgentConfig.Endpoint = u.endpoint
		u.watched = true
	}
	if plan.retries != nil {
		retries := *plan.retries
		config.Retries = &retries
		u.tries += max(retries.Retries, 0)
	}
	config.Limits = plan.limits
	for range max(plan.clients, 1) {
		u.clients = append(u.clients, client.New(u.machine, config))
	}
	w.users = append(w.users, u)
	return u
}

// endpoint is the EndpointFactory of a user whose own end is watched.
func (u *user) endpoint(to *url.URL) (endpoints.ClientEndpoint, error) {
	if to.Scheme != "https" {
		return watchedEndpoint{endpoints.NewHostname(u.machine, to.Hostname(), "80", endpoints.HostnameConfig{}), u.w, false}, nil
	}
	config := u.w.policy.ConfigFor(to.Hostname(), "443").Clone()
	config.NextProtos = u.w.version.negotiated()
	e := endpoints.NewHostname(u.machine, to.Hostname(), "443", endpoints.HostnameConfig{})
	return watchedEndpoint{endpoints.WrapTLS(u.machine, reactor.TLSConfig{Config: config}, e), u.w, true}, nil
}

// problem records that something is wrong.
func (w *world) problem(format string, args ...any) {
	if len(w.problems) < 20 {
		w.problems = append(w.problems, fmt.Sprintf("%v: ", w.now())+fmt.Sprintf(format, args...))
	}
}

// note records what happened.
func (w *world) note(format string, args ...any) {
	n := w.log.Len()
	fmt.Fprintf(&w.log, "%v: ", w.now())
	fmt.Fprintf(&w.log, format+"\n", args...)
	w.history.add(w.log.String()[n:])
}

func (w *world) now() time.Duration { return w.r.Now().Sub(time.Unix(0, 0)) }

// finish runs the world until its requests have ended, and checks what has to hold then.
func (w *world) finish() {
	w.run(10 * time.Minute)
	for _, c := range w.calls {
		if !c.over() && !w.hanging {
			w.problem("request %d hangs: %s", c.id, c)
		}
		c.giveUp()
	}
	w.run(10 * time.Minute)
	for _, o := range w.watches {
		if o.judge != nil && !w.failed() {
			o.judge.quiet()
		}
	}
	for _, u := range w.users {
		u.pool.CloseCachedConnections().AddCallback(func(deferred.None) (deferred.None, error) {
			u.pool = nil
			return deferred.None{}, nil
		})
	}
	w.run(10 * time.Minute)
}

// ended checks what has to hold when nothing is under way any more.
func (w *world) ended() {
	for _, u := range w.users {
		if u.pool != nil {
			w.problem("the pool of user %d is not closed", u.number)
		}
	}
	for _, o := range w.watches {
		if o.made && !o.lost {
			w.problem("connection %d is open: %v to %v", o.number, o.Host(), o.Peer())
		}
		if o.judge != nil && !o.client {
			w.counts.streams += o.judge.requests
			w.counts.together = max(w.counts.together, o.judge.most)
		}
	}
	for _, c := range w.calls {
		c.check()
	}
}

// failed reports whether a fault of the network has happened.
func (w *world) failed() bool { return len(w.r.FaultsMade()) != 0 }

// run runs the loop for d. A panic of the loop is a problem.
func (w *world) run(d time.Duration) {
	defer func() {
		if v := recover(); v != nil {
			w.problem("the loop: %v", v)
		}
	}()
	w.r.RunFor(d)
}

// versions are the versions of HTTP that each test runs over.
var versions = []version{{"HTTP1", true, false}, {"HTTP2", false, true}, {"both", true, true}}

// A version says which versions of HTTP the users speak.
type version struct {
	name         string
	http1, http2 bool
}

func (v version) protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(v.http1)
	p.SetHTTP2(v.http2)
	p.SetUnencryptedHTTP2(v.http2 && !v.http1)
	return p
}

// of returns the version of a response over scheme.
func (v version) of(scheme string) string {
	if v.http2 && (scheme == "https" || !v.http1) {
		return "HTTP/2.0"
	}
	return "HTTP/1.1"
}

func (v version) negotiated() (names []string) {
	if v.http2 {
		names = append(names, "h2")
	}
	if v.http1 {
		names = append(names, "http/1.1")
	}
	return names
}
