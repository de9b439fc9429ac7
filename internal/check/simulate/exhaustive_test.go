package simulate

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file simulates one exchange in all the ways that it can be cancelled, lost and split.

// fixedWorld returns a world with three requests at a time to one origin: an upload that waits for a 100 and has an interim
// response and trailers, a download, and a redirected GET.
func fixedWorld(http2 bool, first faults) *world {
	pool := agent.PoolConfig{}
	w := newWorld(1, http2, 1, pool, func() *web.Site { return siteOf(nil, http2, &web.Site{}) })
	w.nextFaults = func() faults {
		defer func() { first = noFaults }()
		return first
	}
	fixed := call{scheme: "http", at: w.origins[0], status: 200, read: "collect", takes: "all", piece: 200, wait: time.Millisecond,
		options: []client.Option{client.Unbuffered(true)}}
	upload, download, redirected := fixed, fixed, fixed
	upload.method, upload.produce, upload.expect, upload.upload = "POST", "push", true, bodyOf(1, 700)
	upload.kind, upload.informs, upload.trailer, upload.body, upload.turns = "handler", 1, true, bodyOf(2, 900), 1
	download.method, download.kind, download.length, download.body = "GET", "stream", true, bodyOf(3, 800)
	redirected.method, redirected.kind, redirected.body = "GET", "resource", bodyOf(4, 100)
	w.add(&upload)
	w.add(&download)
	from := w.add(&redirected)
	to := redirected
	from.redirect, from.code = w.add(&to), 307
	return w
}

func (w *world) startAll() {
	for _, c := range w.calls {
		if c.result == nil && !w.isTarget(c) {
			c.start()
		}
	}
}

func (w *world) isTarget(of *call) bool {
	for _, c := range w.calls {
		if c.redirect == of {
			return true
		}
	}
	return false
}

// judged finishes w, and reports what is wrong.
func (w *world) judged(t *testing.T, format string, args ...any) {
	t.Helper()
	w.finish()
	if len(w.problems) != 0 {
		t.Errorf(format+":\n%s", append(args, strings.Join(w.problems, "\n"))...)
	}
}

// TestCancelAtEveryTurn cancels each of the requests after each turn of the loop. The others get their responses.
func TestCancelAtEveryTurn(t *testing.T) {
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			logtest.Capture(t)
			cancels := 0
			for victim := range 3 {
				for turns := 0; ; turns++ {
					w := fixedWorld(v.http2, noFaults)
					w.startAll()
					for range turns {
						w.r.Iterate(time.Millisecond)
					}
					c := w.calls[victim]
					if c.over() {
						break
					}
					cancels++
					c.giveUpNow()
					w.judged(t, "request %d cancelled after %d turns", victim, turns)
					for i, other := range w.calls[:3] {
						if i != victim && other.err != nil {
							t.Errorf("request %d cancelled after %d turns: request %d: %v", victim, turns, i, other.err)
						}
					}
					if v.http2 && turns > 20 && len(w.links) != 1 {
						t.Errorf("request %d cancelled after %d turns: %d connections", victim, turns, len(w.links))
					}
					if t.Failed() {
						return
					}
				}
			}
			t.Logf("%d cancels", cancels)
		})
	}
}

// TestLossAtEveryByte loses the first connection after each byte of each direction, in each way.
func TestLossAtEveryByte(t *testing.T) {
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			logtest.Capture(t)
			clean := fixedWorld(v.http2, noFaults)
			clean.startAll()
			clean.judged(t, "without a loss")
			if clean.counts.whole != 3 {
				t.Fatalf("without a loss: %v\n%s", clean.counts, clean.log.String())
			}
			step := 29 // make simulate has them all
			if *requests >= 10_000 {
				step = 1
			}
			lost := 0
			for up, n := range map[bool]int{true: clean.links[0].up.passed, false: clean.links[0].down.passed} {
				for how := range losses {
					for at := int(how); at < n; at += step {
						f := noFaults
						if up {
							f.up.cut, f.up.loss = at, how
						} else {
							f.down.cut, f.down.loss = at, how
						}
						w := fixedWorld(v.http2, f)
						w.faulty, w.silent = true, how == silent && !v.http2
						w.startAll()
						w.judged(t, "%v after %d of %d bytes, up %t", how, at, n, up)
						lost += w.counts.lost
						if t.Failed() {
							return
						}
					}
				}
			}
			t.Logf("%d connections lost", lost)
		})
	}
}

// TestSplitAtEveryByte forwards one byte a turn.
func TestSplitAtEveryByte(t *testing.T) {
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			logtest.Capture(t)
			f := noFaults
			f.up.piece, f.down.piece = 1, 1
			w := fixedWorld(v.http2, f)
			w.startAll()
			w.judged(t, "split")
			if w.counts.whole != 3 {
				t.Errorf("%v\n%s", w.counts, w.log.String())
			}
		})
	}
}
