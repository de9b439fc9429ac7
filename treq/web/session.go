package web

import (
	"cmp"
	"container/list"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/random"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds sessions. What a site does for one of them costs the same however many
// there are: sessions with the same timeout are in one queue, in the order in which they
// expire, and share a timer.

// A Session is the data that a site keeps for a user between requests, in memory. It is
// twisted.web.server.Session. It belongs to the loop's goroutine.
type Session struct {
	// Values are for the program.
	Values map[any]any

	id       string
	site     *Site
	clock    reactor.Clock
	timeout  time.Duration
	touched  time.Time
	old      bool // the client has sent the session's cookie
	onExpire []func()

	// The places of the session in queues that are in the order of touched; nil once
	// the session has ended.
	inLine  *list.Element // in site.oldSessions if old is set, otherwise in site.newSessions
	expires *list.Element // in the sessions of a sessionQueue; nil without a timeout
}

// A sessionQueue has the sessions with one timeout.
type sessionQueue struct {
	timeout  time.Duration
	sessions list.List
	timer    reactor.DelayedCall // expires the first session, or is due before
}

// ID returns the session's name: 64 hexadecimal digits, sent in a cookie. Anyone who
// knows the name can use the session.
func (s *Session) ID() string { return s.id }

// Touch restarts the session's timeout. [Request.GetSession] calls it.
func (s *Session) Touch() {
	if s.ended() {
		return
	}
	s.touched = s.clock.Now()
	s.line().MoveToBack(s.inLine)
	if s.expires != nil {
		s.site.expiring[s.timeout].sessions.MoveToBack(s.expires)
	}
}

func (s *Session) ended() bool { return s.inLine == nil }

// line returns the list that inLine is in.
func (s *Session) line() *list.List {
	if s.old {
		return &s.site.oldSessions
	}
	return &s.site.newSessions
}

// SetTimeout sets how long the session lasts without a request, in place of the site's
// SessionTimeout. A negative timeout means that it lasts until [Session.Expire].
func (s *Session) SetTimeout(d time.Duration) {
	if s.ended() {
		return
	}
	s.leaveQueue()
	s.timeout = d
	s.Touch()
	s.joinQueue()
}

// joinQueue makes the session expire.
func (s *Session) joinQueue() {
	if s.timeout < 0 {
		return
	}
	q := s.site.expiring[s.timeout]
	if q == nil {
		q = &sessionQueue{timeout: s.timeout}
		if s.site.expiring == nil {
			s.site.expiring = make(map[time.Duration]*sessionQueue)
		}
		s.site.expiring[s.timeout] = q
		q.timer = s.clock.CallLater(s.timeout, q.expire)
	}
	s.expires = q.sessions.PushBack(s)
}

// leaveQueue undoes joinQueue.
func (s *Session) leaveQueue() {
	if s.expires == nil {
		return
	}
	q := s.site.expiring[s.timeout]
	q.sessions.Remove(s.expires)
	s.expires = nil
	if q.sessions.Len() == 0 {
		delete(s.site.expiring, s.timeout)
		q.timer.Cancel()
	}
}

// expire ends the first session if its time is over, and waits for the next. The timer is
// set first, in case a function of NotifyOnExpire panics.
func (q *sessionQueue) expire() {
	first := q.sessions.Front()
	s, next := first.Value.(*Session), first.Next()
	switch {
	case s.left() > 0:
		q.timer = s.clock.CallLater(s.left(), q.expire)
		return
	case next != nil:
		q.timer = s.clock.CallLater(max(0, next.Value.(*Session).left()), q.expire)
	}
	s.Expire()
}

// left returns the time until the session expires.
func (s *Session) left() time.Duration { return s.touched.Add(s.timeout).Sub(s.clock.Now()) }

// NotifyOnExpire makes the end of the session call f.
func (s *Session) NotifyOnExpire(f func()) { s.onExpire = append(s.onExpire, f) }

// Expire ends the session, for example at a logout.
func (s *Session) Expire() {
	if s.ended() {
		return
	}
	delete(s.site.sessions, s.id)
	s.line().Remove(s.inLine)
	s.inLine = nil
	s.leaveQueue()
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
	for len(s.sessions) >= s.maxSessions() {
		s.expireOne()
	}
	var name [32]byte
	random.Fill(name[:], conn.reactor.Rand())
	session := &Session{
		Values: make(map[any]any), id: hex.EncodeToString(name[:]), site: s, clock: conn.clock,
		timeout: cmp.Or(s.SessionTimeout, 15*time.Minute), touched: conn.clock.Now(),
	}
	if s.sessions == nil {
		s.sessions = make(map[string]*Session)
	}
	s.sessions[session.id] = session
	session.inLine = s.newSessions.PushBack(session)
	session.joinQueue()
	return session
}

// expireOne ends the session that is missed the least: the one touched the longest time
// ago, of those whose clients have never sent its cookie, if there are any.
func (s *Site) expireOne() {
	first := s.newSessions.Front()
	if first == nil {
		first = s.oldSessions.Front()
	}
	first.Value.(*Session).Expire()
}

// cameBack notes that the client has sent the session's cookie.
func (s *Session) cameBack() {
	if s.old || s.ended() {
		return
	}
	s.line().Remove(s.inLine)
	s.old = true
	s.inLine = s.line().PushBack(s)
}

// GetSession returns the client's session, found by its cookie. Without a session it
// makes one and adds the cookie to the response; it panics if the head has already been
// sent. Beyond [Site.MaxSessions], an old session expires for it. A session made over TLS has a different cookie, which is sent only over TLS.
func (r *Request) GetSession() *Session {
	name := "GOTREQ_SESSION"
	if r.IsSecure() {
		name = "GOTREQ_SECURE_SESSION"
	}
	if r.session == nil || r.session.ended() {
		id, _ := r.GetCookie(name)
		if r.session = r.Site.GetSession(id); r.session != nil {
			r.session.cameBack()
		}
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
