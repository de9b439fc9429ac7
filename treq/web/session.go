package web

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// DefaultSessionTimeout is how long a session lasts without a request. It is
// Twisted's Session.sessionTimeout.
const DefaultSessionTimeout = 15 * time.Minute

// A Session is what a site remembers of a user between requests, in memory. It is
// twisted.web.server.Session, and belongs to the loop's goroutine.
type Session struct {
	// Values are the program's.
	Values map[any]any

	id       string
	site     *Site
	timeout  time.Duration
	expiry   reactor.DelayedCall
	onExpire []func()
}

// ID returns what the session's cookie says. Who knows it has the session.
func (s *Session) ID() string { return s.id }

// Touch restarts the session's timeout. [Request.GetSession] does it.
func (s *Session) Touch() {
	if s.expiry != nil {
		s.expiry.Reset(s.timeout)
	}
}

// SetTimeout sets how long the session lasts without a request, from now on, in
// place of [DefaultSessionTimeout].
func (s *Session) SetTimeout(d time.Duration) {
	s.timeout = d
	s.Touch()
}

// NotifyOnExpire has f called when the session ends.
func (s *Session) NotifyOnExpire(f func()) { s.onExpire = append(s.onExpire, f) }

// Expire ends the session, as for a logout. A session that has ended stays so.
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

// GetSession returns the session of that name, or nil if there is none, or none
// any more.
func (s *Site) GetSession(id string) *Session { return s.sessions[id] }

// makeSession returns a new session. Without a clock it lasts until Expire.
func (s *Site) makeSession(clock reactor.Clock) *Session {
	name := s.SessionID
	if name == nil {
		name = randomID
	}
	session := &Session{Values: make(map[any]any), id: name(), site: s, timeout: DefaultSessionTimeout}
	if clock != nil {
		session.expiry = clock.CallLater(session.timeout, session.Expire)
	}
	if s.sessions == nil {
		s.sessions = make(map[string]*Session)
	}
	s.sessions[session.id] = session
	return session
}

func randomID() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Names of the cookies of sessions. One that was made over TLS is never sent
// without.
const (
	sessionCookie       = "GOTREQ_SESSION"
	secureSessionCookie = "GOTREQ_SECURE_SESSION"
)

// GetSession returns the session of the client, found by its cookie. If there is
// none, or none any more, a new one is made and its cookie added to the response,
// of which the head must not have been sent. It is Twisted's getSession.
func (r *Request) GetSession() *Session {
	if r.session != nil && r.Site.sessions[r.session.id] == r.session {
		r.session.Touch()
		return r.session
	}
	name := sessionCookie
	if r.IsSecure() {
		name = secureSessionCookie
	}
	id, _ := r.GetCookie(name)
	if r.session = r.Site.GetSession(id); r.session != nil {
		r.session.Touch()
		return r.session
	}
	if r.headSent {
		panic("web: GetSession makes a session after the head of the response was sent")
	}
	r.session = r.Site.makeSession(r.Clock())
	r.AddCookie(&http.Cookie{
		Name: name, Value: r.session.id, Path: "/",
		Secure: r.IsSecure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return r.session
}
