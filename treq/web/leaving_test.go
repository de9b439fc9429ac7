package web_test

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestClosingAfterTheLastRequest checks that the connection is closed at once after a client
// has said that its request is the last, and that the server lingers if it has sent more.
func TestClosingAfterTheLastRequest(t *testing.T) {
	for more, lingers := range map[string]bool{"": false, "x": true, "xy": true, get: true} {
		s := serveFunc(t, hello)
		p := s.connect()
		p.halfOpen = true
		p.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + more)
		want(t, body(p.take()), "hello")
		want(t, p.ended, true)
		if got := len(s.DelayedCalls()) != 0; got != lingers {
			t.Errorf("more %q: lingers %v", more, got)
		}
	}
}

// TestTheLastSessionLeavesItsTimeout checks that nothing happens at the end of a timeout
// whose only session has got another one, or has ended.
func TestTheLastSessionLeavesItsTimeout(t *testing.T) {
	for name, leave := range map[string]func(*web.Session){
		"another timeout": func(session *web.Session) { session.SetTimeout(time.Hour) },
		"no timeout":      func(session *web.Session) { session.SetTimeout(-1) },
		"ended":           (*web.Session).Expire,
	} {
		logged := logs(t)
		site := &web.Site{}
		s := visitors(t, site)
		session := site.GetSession(s.visit("/", ""))
		before := len(s.DelayedCalls())
		leave(session)
		if n := len(s.DelayedCalls()) - before; n != map[string]int{"another timeout": 0}[name] && n != -1 {
			t.Errorf("%s: %d more timers", name, n)
		}
		s.RunFor(20 * time.Minute) // more than the first timeout
		want(t, site.GetSession(session.ID()) != nil, name != "ended")
		s.RunFor(time.Hour)
		want(t, site.GetSession(session.ID()) != nil, name == "no timeout")
		want(t, logged(), "")
	}
}

// TestTheShortestForms checks that a form of one byte is a form, and that no content is
// none.
func TestTheShortestForms(t *testing.T) {
	s := serveFunc(t, func(req *web.Request) {
		_, ok := req.Args["z"]
		req.WriteString(map[bool]string{true: "z", false: "none"}[ok])
	})
	want(t, body(s.ask(post("Content-Type: application/x-www-form-urlencoded\r\n", "z"))), "z")
	want(t, body(s.ask(post("Content-Type: multipart/form-data\r\n", ""))), "none")
}
