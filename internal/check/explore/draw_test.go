package explore

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file draws random programs.

// A plan says what a world is like. It is the same for all runs of the world.
type plan struct {
	seed    uint64
	version version
	network memory.Conditions
	cancels bool // the program gives up some requests, and has others that fail or never end
}

// planOf draws the plan of a seed.
func planOf(seed uint64, v version) plan {
	random := rand.New(rand.NewPCG(seed, 0))
	oneOf := func(n int) bool { return random.IntN(n) == 0 }
	p := plan{seed: seed, version: v, cancels: oneOf(2)}
	if oneOf(2) {
		p.network.MaxLatency = time.Duration(1+random.IntN(30)) * time.Millisecond
	}
	if oneOf(4) {
		p.network.MinBandwidth = 100_000 + random.IntN(1_000_000)
	}
	p.network.Whole = oneOf(3)
	if oneOf(2) {
		p.network.MayFail = []memory.Link{{}}
		p.network.MaxFaults = 1 + random.IntN(6)
	}
	return p
}

// randomWorld returns the world of a plan, whose requests are about to be made.
func randomWorld(r *memory.Reactor, p plan) *world {
	random := rand.New(rand.NewPCG(p.seed, 2))
	oneOf := func(n int) bool { return random.IntN(n) == 0 }
	var encoding *web.Encoding
	if oneOf(2) {
		encoding = &web.Encoding{Encoders: []web.Encoder{web.GzipEncoder}}
	}
	var h2 *http.HTTP2Config
	if p.version.http2 {
		h2 = drawHTTP2(random)
	}
	site := func() *web.Site { return &web.Site{Encoding: encoding, HTTP2: h2} }
	w := newWorld(r, p.seed, p.version, 1+random.IntN(3), site)
	w.cancels = p.cancels
	w.faulty = len(p.network.MayFail) != 0
	for range random.IntN(3) {
		password := ""
		if oneOf(2) {
			password = "proxy-secret"
		}
		w.newProxy([...]string{"http", "socks5", "socks5h"}[random.IntN(3)], password)
	}
	for range 1 + random.IntN(3) {
		w.newUser(w.drawUser(random))
	}
	w.spread = [...]int{10, 200, 2000, 2000}[random.IntN(4)]
	for range 5 + random.IntN(40) {
		w.randomCall(random, p.cancels)
	}
	if oneOf(3) {
		for range 1 + random.IntN(3) {
			o := w.origins[random.IntN(len(w.origins))]
			pause := time.Duration(random.IntN(200)) * time.Millisecond
			w.r.CallLater(time.Duration(random.IntN(2000))*time.Millisecond, func() { o.shutdown(pause) })
		}
	}
	return w
}

func (w *world) drawUser(random *rand.Rand) userPlan {
	oneOf := func(n int) bool { return random.IntN(n) == 0 }
	u := userPlan{clients: 1 + random.IntN(2), watched: oneOf(2)}
	u.pool = agent.PoolConfig{
		MaxConnectionsPerHost: [...]int{0, 0, 1, 2, 4}[random.IntN(5)], MaxPersistentPerHost: [...]int{0, 0, 1, -1}[random.IntN(4)],
		DisablePersistent: oneOf(10), DisableRetry: oneOf(5), CachedConnectionTimeout: [...]time.Duration{0, 0, time.Second}[random.IntN(3)],
	}
	if w.version.http2 {
		u.pool.HTTP2 = drawHTTP2(random)
	}
	if oneOf(3) {
		u.retries = &agent.RetryConfig{Retries: 1 + random.IntN(3), FirstWait: 1 + time.Duration(random.IntN(100))*time.Millisecond}
		if oneOf(2) {
			u.retries.MoreCodes = []int{500}
		}
	}
	if oneOf(6) {
		u.limits = &agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1 + random.IntN(4)}}
	}
	if len(w.proxies) != 0 && oneOf(2) {
		u.proxy = w.proxies[random.IntN(len(w.proxies))]
	}
	return u
}

// drawHTTP2 draws small windows and few streams, or the defaults.
func drawHTTP2(random *rand.Rand) *http.HTTP2Config {
	c := &http.HTTP2Config{}
	switch random.IntN(4) {
	case 0:
		c.MaxReceiveBufferPerStream = 100 + random.IntN(3000)
	case 1:
		c.MaxReceiveBufferPerStream = 60_000 + random.IntN(200_000)
		c.MaxReceiveBufferPerConnection = 65_535 + random.IntN(100_000)
	}
	if random.IntN(2) == 0 {
		c.MaxConcurrentStreams = 1 + random.IntN(8)
	}
	return c
}

func (w *world) add(c *call) *call {
	c.w, c.id = w, len(w.calls)
	w.calls = append(w.calls, c)
	return c
}

// randomCall adds a request.
func (w *world) randomCall(random *rand.Rand, cancels bool) {
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	oneOf := func(n int) bool { return random.IntN(n) == 0 }
	ms := func(n int) time.Duration { return time.Duration(random.IntN(n)) * time.Millisecond }
	size := func() int {
		switch random.IntN(12) {
		case 0:
			return 0
		case 1, 2:
			return random.IntN(200_000)
		case 3:
			return random.IntN(20_000)
		}
		return random.IntN(2000)
	}
	u := w.users[random.IntN(len(w.users))]
	c := w.add(&call{
		user: u, client: random.IntN(len(u.clients)), method: pick("GET", "GET", "POST", "PUT", "HEAD"), scheme: u.drawScheme(random),
		at:   w.origins[random.IntN(len(w.origins))],
		read: pick("content", "content", "collect", "slow", "reader", "pauses", "stop", "discard", "unread"),
		kind: pick("handler", "handler", "stream", "resource"), takes: pick("all", "all", "all", "some", "none", "slow"),
		status: [...]int{200, 200, 201, 404, 500}[random.IntN(5)], piece: 1 + random.IntN(20_000), wait: ms(1 + random.IntN(10)),
		length: oneOf(2), trailer: oneOf(4), coded: oneOf(4), pull: oneOf(3), turns: random.IntN(60), after: ms(3000), pause: ms(5),
	})
	c.body = bodyOf(c.id+1000, size())
	if len(c.body) > 50_000 {
		c.piece += 5000
		c.wait = min(c.wait, time.Millisecond)
	}
	if oneOf(5) {
		c.informs = 1 + random.IntN(3)
	}
	if c.method == "POST" || c.method == "PUT" {
		c.upload = bodyOf(c.id, size())
		c.produce = pick("bytes", "bytes", "file", "once", "push")
		c.expect = oneOf(6)
		if cancels && oneOf(6) {
			c.produce = pick("fails", "short")
		}
		if c.key = c.method == "POST" && oneOf(6); c.key {
			c.options = append(c.options, client.Headers{"Idempotency-Key": {"1"}})
		}
	}
	if c.read != "content" {
		c.options = append(c.options, client.Unbuffered(true))
	}
	if c.auth = oneOf(6); c.auth {
		c.options = append(c.options, client.BasicAuth(c.realm(), "secret"))
	}
	if c.apiKey = oneOf(6); c.apiKey {
		c.options = append(c.options, client.Headers{"X-Api-Key": {c.realm()}}, client.SensitiveHeaders{"X-Api-Key"})
	}
	if c.trailer && c.length {
		c.length = false // over HTTP/1.1, trailers need chunks
	}
	http1 := w.version.of(c.scheme) == "HTTP/1.1"
	if cancels {
		c.cancel = pick("", "", "later", "turns", "head", "data")
		c.ends = pick("", "", "", "abort", "early", "never")
		if oneOf(4) {
			c.timed = true
			c.options = append(c.options, client.Timeout(1+ms(1000)), client.ReadTimeout(1+ms(1000)))
		}
	}
	if c.ends == "abort" {
		c.piece = min(c.piece, 1+len(c.body)/3)
	}
	if c.method == "HEAD" && http1 {
		c.ends = "" // the server is not done with it when the next request comes
	}
	if c.ends == "never" && http1 {
		c.takes = "all" // a paused connection does not notice that the client is gone
	}
	if c.ends == "never" || w.faulty { // only the client can end it
		c.timed = true
		c.options = append(c.options, client.TotalTimeout(time.Second+ms(10_000)))
	}
	if len(c.body) == 0 && c.ends == "abort" {
		c.ends = "early"
	}
	if c.method == "GET" && oneOf(8) && !(u.watched && w.version.http1 && w.version.http2) { // an Endpoint says what it speaks
		c.kind, c.read, c.produce, c.upload, c.body, c.status, c.length = "echo", "discard", "switch", bodyOf(c.id, size()), nil, 101, false
		if c.ends == "never" {
			c.ends = ""
		}
	}
	for hop := c; hop.kind != "echo" && oneOf(5) && hop.method != "PUT" && hop.method != "HEAD"; hop = hop.redirect {
		w.redirected(c, hop, random)
	}
	c.user.machine.CallLater(ms(w.spread), c.start)
}

// drawScheme draws http or https. A proxy of HTTP forwards no HTTP/2.
func (u *user) drawScheme(random *rand.Rand) string {
	secure := random.IntN(2) == 0
	if secure || u.proxy != nil && u.proxy.scheme == "http" && !u.w.version.http1 {
		return "https"
	}
	return "http"
}

// redirected makes hop, to which first leads, a redirect to a new call.
func (w *world) redirected(first, hop *call, random *rand.Rand) {
	to := *hop
	next := w.add(&to)
	next.from, next.at, next.scheme = hop, w.origins[random.IntN(len(w.origins))], hop.user.drawScheme(random)
	hop.redirect, hop.ends = next, ""
	switch {
	case hop.method == "GET":
		hop.code = [...]int{301, 302, 303, 307, 308}[random.IntN(5)]
	case random.IntN(2) == 0 && (hop.produce == "bytes" || hop.produce == "file"):
		hop.code = 307
		first.options = append(first.options, client.BrowserLikeRedirects(true))
	default:
		hop.code = 303
		next.method, next.upload, next.produce, next.expect = "GET", nil, "", false
	}
	if w.version.of(next.scheme) == "HTTP/1.1" && next.ends == "never" {
		next.takes = "all"
	}
}
