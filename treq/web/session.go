package web

import (
	"cmp"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/random"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds sessions.

// A Session is the data that a site keeps for a user between requests, in memory. It is
// twisted.web.server.Session. It belongs to the loop's goroutine.
type Session struct {
	// Values are for the program.
	Values map[any]any

	id       string
	site     *Site
	timeout  time.Duration
	expiry   reactor.DelayedCall // nil without a timeout
	onExpire []func()
}

// ID returns the session's name: 64 hexadecimal digits, sent in a cookie. Anyone who
// knows the name can use the session.
func (s *Session) ID() string { return s.id }

// Touch restarts the session's timeout. [Request.GetSession] calls it.
func (s *Session) Touch() {
	if s.expiry != nil {
		s.expiry.Reset(s.timeout)
	}
}

// SetTimeout sets how long the session lasts without a request, in place of the site's
// SessionTimeout.
func (s *Session) SetTimeout(d time.Duration) {
	s.timeout = d
	s.Touch()
}

// NotifyOnExpire makes the end of the session call f.
func (s *Session) NotifyOnExpire(f func()) { s.onExpire = append(s.onExpire, f) }

// Expire ends the session, for example at a logout.
func (s *Session) Expire() {
	if s.site.sessions[s.id] != s {
		return
	}
	delete(s.site.sessions, s.id)
	if s.expiry != nil {
		s.expiry.Cancel()
	}
	for _, f := range s.onExpire {
		f()
	}
	s.onExpire = nil
}

// GetSession returns the session called id, or nil.
func (s *Site) GetSession(id string) *Session { return s.sessions[id] }

// makeSession returns a new session, named with the randomness of the connection's
// reactor.
func (s *Site) makeSession(conn *connection) *Session {
	var name [32]byte
	random.Fill(name[:], conn.reactor.Rand())
	session := &Session{
		Values: make(map[any]any), id: hex.EncodeToString(name[:]), site: s,
		timeout: cmp.Or(s.SessionTimeout, 15*time.Minute),
	}
	if session.timeout > 0 {
		session.expiry = conn.clock.CallLater(session.timeout, session.Expire)
	}
	if s.sessions == nil {
		s.sessions = make(map[string]*Session)
	}
	s.sessions[session.id] = session
	return session
}

// GetSession returns the client's session, found by its cookie. Without a session it
// makes one and adds the cookie to the response; it panics if the head has already been
// sent. A session made over TLS has a different cookie, which is sent only over TLS.
func (r *Request) GetSession() *Session {
	name := "GOTREQ_SESSION"
	if r.IsSecure() {
		name = "GOTREQ_SECURE_SESSION"
	}
	if r.session == nil || r.Site.sessions[r.session.id] != r.session {
		id, _ := r.GetCookie(name)
		r.session = r.Site.GetSession(id)
	}
	if r.session != nil {
		r.session.Touch()
		return r.session
	}
	if r.headSent {
		panic("web: GetSession makes a session after the head of the response was sent")
	}
	r.session = r.Site.makeSession(r.conn)
	r.AddCookie(&http.Cookie{
		Name: name, Value: r.session.id, Path: "/",
		Secure: r.IsSecure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return r.session
}
