package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// visitors is a site whose pages are the names of their sessions.
func visitors(t testing.TB, site *web.Site) *server {
	site.Root = web.RenderFunc(func(req *web.Request) {
		session := req.GetSession()
		if d, err := time.ParseDuration(req.Args.Get("timeout")); err == nil {
			session.SetTimeout(d)
		}
		req.WriteString(session.ID())
	})
	return serve(t, site)
}

// visit returns the session of a request with the cookie id.
func (s *server) visit(path, id string) string {
	return body(s.get(path, "Cookie: GOTREQ_SESSION="+id))
}

// TestMaxSessions checks which sessions expire for new ones.
func TestMaxSessions(t *testing.T) {
	site := &web.Site{MaxSessions: 3}
	s := visitors(t, site)
	visit := func(id string) string { return s.visit("/", id) }
	alive := func(ids ...string) (text string) {
		for _, id := range ids {
			text += map[bool]string{true: "1", false: "0"}[site.GetSession(id) != nil]
		}
		return text
	}
	a, b, c := visit(""), visit(""), visit("")
	want(t, visit(a), a)
	want(t, visit(b), b)
	var expired []string
	site.GetSession(c).NotifyOnExpire(func() { expired = append(expired, "c") })
	d := visit("") // c has not come back
	want(t, alive(a, b, c, d), "1101")
	want(t, fmt.Sprint(expired), "[c]")
	for range 10 { // a robot without cookies expires its own sessions only
		d = visit("")
	}
	want(t, alive(a, b, d), "111")
	want(t, visit(d), d)
	want(t, visit(b), b)
	e := visit("") // all have come back, and a has been away the longest time
	want(t, alive(a, b, d, e), "0111")
	site.GetSession(b).Expire()
	f := visit("")
	want(t, alive(d, e, f), "111")
	site.GetSession(e).Touch()
	visit("")
	want(t, alive(d, e, f), "110")

	site.MaxSessions = -1
	for range 10 {
		visit("")
	}
	want(t, alive(d, e), "11")
}

// TestManySessionsExpire checks that each of many sessions expires at its own time, and that
// they share their timers.
func TestManySessionsExpire(t *testing.T) {
	site := &web.Site{}
	s := visitors(t, site)
	start := s.Now()
	var got []string
	when := func(name, id string) {
		site.GetSession(id).NotifyOnExpire(func() { got = append(got, fmt.Sprint(name, s.Now().Sub(start))) })
	}
	before := len(s.DelayedCalls())
	var ids []string
	for i := range 300 {
		ids = append(ids, s.visit("/?timeout="+[]string{"", "1m", "-1s"}[i%3], ""))
	}
	if n := len(s.DelayedCalls()) - before - 300*idleTimers; n != 2 {
		t.Errorf("%d timers for sessions", n)
	}
	when("a", ids[0]) // 15 minutes
	when("b", ids[1]) // one minute
	when("c", ids[2]) // none
	when("d", ids[4])
	when("e", ids[3])
	s.RunFor(30 * time.Second)
	s.visit("/", ids[1])
	s.visit("/", ids[0])
	s.visit("/?timeout=2m", ids[3])
	s.RunFor(10 * time.Minute)
	s.visit("/?timeout=1h", ids[2])
	s.RunFor(24 * time.Hour)
	want(t, strings.Join(got, " "), "d1m0s b1m30s e2m30s a15m30s c1h10m30s")
	want(t, len(s.DelayedCalls()), before)
}

// idleTimers is the number of timers of a connection that a test has left open.
const idleTimers = 1

// TestSessionPanics checks that a panic when a session expires does not keep others.
func TestSessionPanics(t *testing.T) {
	logs(t)
	site := &web.Site{}
	s := visitors(t, site)
	bad, good := s.visit("/", ""), s.visit("/", "")
	site.GetSession(bad).NotifyOnExpire(func() { panic("x") })
	s.RunFor(time.Hour)
	want(t, site.GetSession(bad) == nil, true)
	want(t, site.GetSession(good) == nil, true)
}

// BenchmarkGrowth has what a site does for one session, by their number. Each should cost
// about the same at any number.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
		site := &web.Site{MaxSessions: n}
		var sessions []*web.Session
		site.Root = web.RenderFunc(func(req *web.Request) {
			if session := req.GetSession(); len(sessions) < n {
				sessions = append(sessions, session)
			}
		})
		s := serve(b, site)
		p := s.connect()
		for range n {
			p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		b.Run(fmt.Sprintf("touch-a-session/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				sessions[i*7919%n].Touch()
			}
		})
		b.Run(fmt.Sprintf("set-a-timeout/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				sessions[i*7919%n].SetTimeout(time.Duration(1+i/n%2) * time.Hour)
			}
		})
		b.Run(fmt.Sprintf("add-and-evict-a-session/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.got = p.got[:0]
				p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			}
		})
	}
}
