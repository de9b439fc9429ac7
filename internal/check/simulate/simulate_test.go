package simulate

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var (
	requests = flag.Int("requests", 250, "the number of requests of TestSimulation, for each version of HTTP")
	seed     = flag.Uint64("seed", 0, "simulate the world of this seed only, and print what happens in it")
)

// TestSimulation makes random requests in random worlds.
func TestSimulation(t *testing.T) {
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			logtest.Capture(t)
			unhandled := deferred.FailOnUnhandled(t)
			_ = unhandled
			var sum counts
			begin := time.Now()
			worlds := 0
			for s := uint64(1); sum.requests < *requests; s++ {
				if *seed != 0 {
					s = *seed
				}
				w := randomWorld(s, v.http2)
				w.finish()
				worlds++
				sum.add(w.counts)
				if len(w.problems) != 0 {
					t.Errorf("-seed %d:\n%s", s, strings.Join(w.problems, "\n"))
					if *seed != 0 {
						again := randomWorld(s, v.http2)
						again.r.StartTrace()
						again.finish()
						for _, c := range again.calls {
							t.Logf("%d: %s", c.id, c)
						}
						t.Logf("\n%s\n%s", again.log.String(), again.r.Trace())
					}
				}
				if s%20 == 1 {
					again := randomWorld(s, v.http2)
					again.r.StartTrace()
					again.finish()
					third := randomWorld(s, v.http2)
					third.r.StartTrace()
					third.finish()
					if again.fingerprint() != third.fingerprint() || again.log.String() != w.log.String() {
						t.Errorf("-seed %d: the runs differ", s)
					}
				}
				if t.Failed() && (sum.requests > 20_000 || *seed != 0) {
					t.FailNow()
				}
			}
			t.Logf("%d worlds in %.1f s, on %d CPUs: %v", worlds, time.Since(begin).Seconds(), runtime.NumCPU(), sum)
		})
	}
}

// randomWorld returns the world of a seed, whose requests are about to be made.
func randomWorld(seed uint64, http2 bool) *world {
	random := rand.New(rand.NewPCG(seed, 0))
	oneOf := func(n int) bool { return random.IntN(n) == 0 }
	pool := agent.PoolConfig{
		MaxConnectionsPerHost: [...]int{0, 0, 1, 2, 4}[random.IntN(5)], MaxPersistentPerHost: [...]int{0, 0, 1, -1}[random.IntN(4)],
		DisablePersistent: oneOf(10), DisableRetry: oneOf(5), CachedConnectionTimeout: [...]time.Duration{0, 0, time.Second}[random.IntN(3)],
	}
	var encoding *web.Encoding
	if oneOf(2) {
		encoding = &web.Encoding{Encoders: []web.Encoder{web.GzipEncoder}}
	}
	drawVersion(random, http2, &pool)
	site := func() *web.Site { return siteOf(random, http2, &web.Site{Encoding: encoding}) }
	w := newWorld(seed, http2, 1+random.IntN(3), pool, site)
	pieces := oneOf(2)
	w.faulty = oneOf(2)
	cancels := oneOf(2)
	w.nextFaults = func() faults {
		switch {
		case w.faulty && w.random.IntN(2) == 0:
			f := someFaults(w.random, true)
			if f.up.loss == silent || f.down.loss == silent {
				w.silent = true
			}
			return f
		case pieces:
			return someFaults(w.random, false)
		}
		return noFaults
	}
	for range 5 + random.IntN(40) {
		w.randomCall(random, cancels)
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
	c := w.add(&call{
		method: pick("GET", "GET", "POST", "PUT", "HEAD"), scheme: pick("http", "https"), at: w.origins[random.IntN(len(w.origins))],
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
	}
	if c.read != "content" {
		c.options = append(c.options, client.Unbuffered(true))
	}
	if oneOf(6) {
		c.options = append(c.options, client.BasicAuth(c.at.host, "secret"))
	}
	if c.trailer && c.length {
		c.length = false // over HTTP/1.1, trailers need chunks
	}
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
	if c.method == "HEAD" && !w.http2 {
		c.ends = "" // the server is not done with it when the next request comes
	}
	if c.ends == "never" && !w.http2 {
		c.takes = "all" // a paused connection does not notice that the client is gone
	}
	if c.ends == "never" || w.faulty { // only the client can end it
		c.timed = true
		c.options = append(c.options, client.TotalTimeout(time.Second+ms(10_000)))
	}
	if c.ends != "" && c.redirect == nil && len(c.body) == 0 && c.ends == "abort" {
		c.ends = "early"
	}
	if oneOf(6) && !(c.method == "PUT" || c.method == "HEAD") {
		w.redirected(c, random)
	}
	w.r.CallLater(ms(2000), c.start)
}

// redirected makes c a redirect to a new call.
func (w *world) redirected(c *call, random *rand.Rand) {
	to := *c
	next := w.add(&to)
	next.at, next.scheme = w.origins[random.IntN(len(w.origins))], [...]string{"http", "https"}[random.IntN(2)]
	c.redirect, c.ends = next, ""
	switch {
	case c.method == "GET":
		c.code = [...]int{301, 302, 303, 307, 308}[random.IntN(5)]
	case random.IntN(2) == 0 && (c.produce == "bytes" || c.produce == "file"):
		c.code = 307
		c.options = append(c.options, client.BrowserLikeRedirects(true))
	default:
		c.code = 303
		next.method, next.upload, next.produce, next.expect = "GET", nil, "", false
	}
}
