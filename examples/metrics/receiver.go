package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A receiver receives datapoints from any number of connections. lines and strings are its factories.
type receiver struct {
	received    func(p datapoint)
	idleTimeout time.Duration    // of a connection that brings no datapoint. 0 means none
	resolution  int64            // seconds that times are rounded down to a multiple of. 0 means 1
	allow       []*regexp.Regexp // nil, or one of them matches the name of each datapoint
	deny        []*regexp.Regexp // none of them matches it
	logger      *slog.Logger

	sessions []*session // open, in the order of their connections
	paused   bool
}

const (
	maxLine   = 1024
	maxString = 4 << 20
)

// lines is the factory for connections that send a line for each datapoint.
func (r *receiver) lines() reactor.Factory {
	return r.factory(func(s *session) splitter {
		return &protocols.LineOnlyReceiver{Delimiter: "\n", MaxLength: maxLine, LineReceived: s.lineReceived}
	})
}

// strings is the factory for connections that send strings, each with the JSON of several datapoints.
func (r *receiver) strings() reactor.Factory {
	return r.factory(func(s *session) splitter {
		return &protocols.Int32StringReceiver{MaxLength: maxString, StringReceived: s.stringReceived}
	})
}

func (r *receiver) factory(split func(s *session) splitter) reactor.Factory {
	return reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
		s := &session{receiver: r, log: r.logger.With("peer", peer)}
		s.splitter = split(s)
		return s
	})
}

// pause stops the receiving, even of what has come. The clients then have to wait.
func (r *receiver) pause() { r.setPaused(true, (*session).pause) }

// resume undoes pause.
func (r *receiver) resume() { r.setPaused(false, (*session).resume) }

func (r *receiver) setPaused(paused bool, each func(s *session)) {
	if r.paused == paused {
		return
	}
	r.paused = paused
	for _, s := range slices.Clone(r.sessions) {
		if r.paused == paused { // a session that resumes may have paused all
			each(s)
		}
	}
}

// A session is a connection of a receiver.
type session struct {
	splitter
	protocols.TimeoutMixin
	receiver  *receiver
	transport reactor.Transport
	log       *slog.Logger
}

// A splitter splits what is received into lines or strings.
type splitter interface {
	reactor.Protocol
	reactor.PushProducer
	Err() error
}

func (s *session) ConnectionMade(t reactor.Transport) {
	s.transport = t
	s.TimeoutConnection = func() {
		s.log.Info("idle", "timeout", s.receiver.idleTimeout)
		t.LoseConnection()
	}
	s.receiver.sessions = append(s.receiver.sessions, s)
	s.splitter.ConnectionMade(t)
	if s.receiver.paused {
		s.pause()
	} else {
		s.SetTimeout(t.Reactor(), s.receiver.idleTimeout)
	}
}

func (s *session) ConnectionLost(reason error) {
	s.CancelTimeout()
	s.receiver.sessions = slices.DeleteFunc(s.receiver.sessions, func(other *session) bool { return other == s })
	if reason = cmp.Or(s.Err(), reason); !errors.Is(reason, reactor.ErrConnectionDone) && !errors.Is(reason, reactor.ErrStopped) {
		s.log.Warn("connection lost", "reason", reason)
	}
	s.splitter.ConnectionLost(reason)
}

// pause also stops the time: a connection that is not read is not idle.
func (s *session) pause() {
	s.CancelTimeout()
	s.PauseProducing()
}

func (s *session) resume() {
	s.SetTimeout(s.transport.Reactor(), s.receiver.idleTimeout)
	s.ResumeProducing()
}

func (s *session) lineReceived(line []byte) { s.pointReceived(parseLine(string(line))) }

func (s *session) stringReceived(data []byte) {
	var points []json.RawMessage
	if err := json.Unmarshal(data, &points); err != nil {
		s.log.Warn("ignored", "error", err)
		return
	}
	for _, raw := range points {
		var p datapoint
		err := json.Unmarshal(raw, &p)
		s.pointReceived(p, err)
	}
}

func (s *session) pointReceived(p datapoint, err error) {
	r := s.receiver
	matches := func(pattern *regexp.Regexp) bool { return pattern.MatchString(p.name) }
	switch {
	case err != nil:
		s.log.Warn("ignored", "error", err)
		return
	case r.allow != nil && !slices.ContainsFunc(r.allow, matches), slices.ContainsFunc(r.deny, matches):
		return
	case p.seconds == now:
		p.seconds = s.transport.Reactor().Now().Unix()
	}
	if r.resolution > 1 {
		p.seconds -= p.seconds % r.resolution
	}
	s.ResetTimeout()
	r.received(p)
}
