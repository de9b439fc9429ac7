package explore

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has one exchange in all the ways that it can be cancelled, lost and split.

var everyByte = flag.Int("bytes", 0, "have a fault at each byte that is a multiple of this; 0: where a read ends without more ado")

// ways are how the requests of fixedWorld go to their server.
var ways = []struct{ name, scheme, proxy string }{{"in clear", "http", ""}, {"by TLS", "https", ""}, {"by TLS through a proxy", "https", "http"}, {"through SOCKS", "http", "socks5h"}}

// everyWay runs f for each version of HTTP and each way.
// Without -bytes, f takes each stepth step only.
func everyWay(t *testing.T, f func(t *testing.T, step int, build func(memory.Choices) *world)) {
	for _, v := range versions[:2] {
		for i, way := range ways {
			step := 1
			if *everyByte == 0 && i > 0 {
				step = 7 // the rest takes too long with the race detector
			}
			t.Run(v.name+" "+way.name, func(t *testing.T) {
				logtest.Capture(t)
				f(t, step, func(choices memory.Choices) *world {
					network := memory.Conditions{MayFail: []memory.Link{{}}, MaxFaults: 1}
					return fixedWorld(memory.NewReactor(memory.Config{Choices: choices, Conditions: network}), v, way.scheme, way.proxy)
				})
			})
		}
	}
}

// fixedWorld returns a world with three requests at a time to one origin: an upload that waits for a 100 and has an interim
// response and trailers, a download, and a redirected GET.
func fixedWorld(r *memory.Reactor, v version, scheme, by string) *world {
	w := newWorld(r, 1, v, 1, func() *web.Site { return &web.Site{} })
	r.MaxTurns = 200_000
	plan := userPlan{watched: true}
	if by != "" {
		plan.proxy = w.newProxy(by, "secret")
	}
	fixed := call{user: w.newUser(plan), scheme: scheme, at: w.origins[0], status: 200, read: "collect", takes: "all", piece: 200, wait: time.Millisecond,
		timed: true, options: []client.Option{client.Unbuffered(true), client.TotalTimeout(5 * time.Minute)}}
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
	to.from = from
	for _, c := range w.calls[:3] {
		c.start()
	}
	return w
}

// judged finishes w, and reports what is wrong.
func (w *world) judged(t *testing.T, format string, args ...any) {
	t.Helper()
	w.finish()
	w.r.EndFaults()
	w.run(10 * time.Minute)
	w.ended()
	if len(w.problems) != 0 {
		t.Errorf(format+":\n%s", append(args, strings.Join(w.problems, "\n"))...)
	}
}

// A script answers the questions of one kind of choice: one of them with an answer, the others with 0.
type script struct {
	oneByte bool // each read gets a byte
	kind    memory.Choice
	at      int // the number of the question
	answer  int
	most    int // the answers that there are to question at
	asked   int
}

func (s *script) Choose(kind memory.Choice, n int) int {
	if kind == memory.Split && s.oneByte {
		return 1
	}
	if kind != s.kind {
		return 0
	}
	s.asked++
	if s.asked-1 != s.at {
		return 0
	}
	s.most = n - 1
	return min(s.answer, n-1)
}

func (s *script) Pick([]memory.Task) int { return 0 }

// TestCancelAtEveryTurn cancels each of the requests after each turn of the loop. The others get their responses.
func TestCancelAtEveryTurn(t *testing.T) {
	everyWay(t, func(t *testing.T, step int, build func(memory.Choices) *world) {
		cancels := 0
		for victim := range 3 {
			for turns := 0; ; turns += step {
				w := build(nil)
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
				if w.version.http2 && w.counts.connections > 1 {
					t.Errorf("request %d cancelled after %d turns: %d connections", victim, turns, w.counts.connections)
				}
				if t.Failed() {
					return
				}
			}
		}
		t.Logf("%d cancels", cancels)
	})
}

// TestFaultAtEveryStep has each fault at each step of the network. With -bytes, each read gets a byte, so that there is a step
// at each byte.
func TestFaultAtEveryStep(t *testing.T) {
	everyWay(t, func(t *testing.T, step int, build func(memory.Choices) *world) {
		stride := max(*everyByte, step)
		clean := &script{kind: memory.Fault, oneByte: *everyByte > 0}
		w := build(clean)
		w.judged(t, "without a fault")
		if w.counts.whole != 3 {
			t.Fatalf("without a fault: %v\n%s", w.counts, w.log.String())
		}
		made := map[string]int{}
		for answer := 1; ; answer++ {
			most := 0
			for at := answer; at < clean.asked; at += stride {
				s := &script{kind: memory.Fault, oneByte: *everyByte > 0, at: at, answer: answer}
				w := build(s)
				w.faulty = true
				w.judged(t, "fault %d at step %d", answer, at)
				most = max(most, s.most)
				for _, f := range w.r.FaultsMade() {
					made[fmt.Sprint(f.Kind)]++
				}
				if t.Failed() {
					t.Logf("%s\n%v", w.log.String(), w.r.FaultsMade())
					return
				}
			}
			if answer >= most {
				break
			}
		}
		t.Logf("%d steps, %v", clean.asked, made)
	})
}
