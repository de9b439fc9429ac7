package reactor

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"sync"
)

// This file lets the loops of a group share a listening socket. The first loop accepts all
// connections, and gives each to the loop whose turn it is, which costs a wake-up for each
// connection. The alternative is a socket for each loop, between which the system chooses by a hash
// of the addresses (SO_REUSEPORT). It was measured, and is no faster: see docs/manycores.md. Its
// shares are uneven, so that of two connections both are on one loop half of the time, and what waits
// in the queue of a socket that closes is lost.

// ListenTCP listens on address; see [TCP]. factory makes a factory for each loop, whose
// connections come to it in turn. Call it before Run.
//
// The factories are told of a [Port] each, which they may pause and stop for their loop alone. The
// others then get its connections. Only the port of the first loop, which is returned, stops all.
func (g *Group) ListenTCP(address string, factory func(r Reactor) Factory) (Port, error) {
	return g.listen("tcp", address, factory)
}

// ListenUNIX listens on a socket at path; see [UNIX] and [Group.ListenTCP].
func (g *Group) ListenUNIX(path string, factory func(r Reactor) Factory) (Port, error) {
	return g.listen("unix", path, factory)
}

func (g *Group) listen(network, address string, factory func(r Reactor) Factory) (Port, error) {
	first := g.loops[0]
	if g.state() != idle {
		return nil, &ListenError{network, address, ErrAlreadyRunning}
	}
	if slices.ContainsFunc(g.loops, func(l *Loop) bool { return l.state() >= closing }) {
		return nil, &ListenError{network, address, ErrStopped}
	}
	if len(g.loops) == 1 {
		return first.listen(network, address, factory(first))
	}
	if _, ok := first.poller.(socketMover); !ok || slices.ContainsFunc(g.loops, func(l *Loop) bool {
		return reflect.TypeOf(l.poller) != reflect.TypeOf(first.poller)
	}) {
		return nil, &ListenError{network, address, errCannotMove}
	}
	s := &sharing{accepting: true}
	s.port = &port{loop: first, sharing: s}
	listener, err := first.poller.Listen(network, address, s.port.accept)
	if err != nil {
		return nil, &ListenError{network, address, classify(err)}
	}
	s.port.begin(listener)
	for _, l := range g.loops {
		f := factory(l)
		s.mustBeNew(f, address)
		s.shares = append(s.shares, &share{sharing: s, port: &port{loop: l, factory: f}})
	}
	for _, sh := range s.shares {
		sh.port.begin(sh)
	}
	return s.shares[0].port, nil
}

// mustBeNew panics if f is nil, or belongs to another loop.
func (s *sharing) mustBeNew(f Factory, address string) {
	if f == nil {
		panic("reactor: listening on " + address + " with a nil Factory")
	}
	t := reflect.TypeOf(f)
	if t.Kind() != reflect.Pointer || t.Elem().Size() == 0 { // it may have no state
		return
	}
	if slices.ContainsFunc(s.shares, func(sh *share) bool { return sh.port.factory == f }) {
		panic(fmt.Sprintf("reactor: listening on %s with one %T for two loops: a factory belongs to one loop", address, f))
	}
}

var errCannotMove = errors.New("the loops of the group have pollers between which no connection can move")

// A socketMover is a [Poller] whose sockets can move to another one of its kind.
type socketMover interface {
	// Release takes a socket that was accepted, and not started, from the poller.
	Release(s Socket)
	// Adopt makes a released socket one of the poller. If it fails, the socket is closed.
	Adopt(s Socket) error
}

// A sharing gives the connections of one port, which accepts them, to the shares of several loops.
type sharing struct {
	port *port // belongs to the first loop

	mu        sync.Mutex
	shares    []*share // the first is that of the first loop
	turn      int      // the index of the share that is asked first for the next connection
	accepting bool     // the port is not paused, or will not be soon
}

// A share is the [Listener] of one loop's port. Its methods belong to that loop. The fields below
// port are guarded by the mutex of the sharing.
type share struct {
	*sharing
	port    *port
	waiting []Socket // released ones, to be accepted; the oldest first
	paused  bool     // between Pause, or an error, and Resume
	closed  bool
}

// maxWaiting bounds the connections that wait for a loop: one that a callback holds gets no more
// than these.
const maxWaiting = 512

// open reports whether the share can take a connection now. mu is locked.
func (s *share) open() bool { return !s.closed && !s.paused && len(s.waiting) < maxWaiting }

// give gives a connection to the share whose turn it is. It belongs to the first loop.
func (s *sharing) give(socket Socket) {
	s.mu.Lock()
	to := s.next()
	if to == nil || to == s.shares[0] && !to.paused {
		s.mu.Unlock()
		if to == nil { // all have stopped
			socket.Close(true)
		} else {
			to.port.accept(socket, nil)
		}
		return
	}
	s.shares[0].mover().Release(socket)
	to.put(socket)
	s.mu.Unlock()
	s.apply()
}

// next returns the next share that is open. If there is none, it returns one that is not closed,
// since a connection may have come before its listener was paused. mu is locked.
func (s *sharing) next() (to *share) {
	for range s.shares {
		sh := s.shares[s.turn]
		s.turn = (s.turn + 1) % len(s.shares)
		if sh.open() {
			return sh
		}
		if !sh.closed {
			to = sh
		}
	}
	return to
}

// deal gives what waits for shares that pause to those that are open. mu is locked.
func (s *sharing) deal() {
	for _, from := range s.shares {
		for from.paused && len(from.waiting) != 0 && s.anyOpen() {
			s.next().put(from.first())
		}
	}
}

// update makes the port accept only while a share is open. on is the caller's loop.
func (s *sharing) update(on *Loop) {
	if on == s.port.loop {
		s.apply()
		return
	}
	s.mu.Lock()
	changed := s.accepting != s.anyOpen()
	s.mu.Unlock()
	if changed {
		s.port.loop.CallFromThread(s.apply)
	}
}

// apply is update on the first loop.
func (s *sharing) apply() {
	s.mu.Lock()
	accepting := s.anyOpen()
	s.accepting = accepting
	s.mu.Unlock()
	if accepting {
		s.port.ResumeAccepting()
	} else {
		s.port.PauseAccepting()
	}
}

// anyOpen reports whether a share is open. mu is locked.
func (s *sharing) anyOpen() bool { return slices.ContainsFunc(s.shares, (*share).open) }

// stop stops the ports of all shares. It is called when the port of the sharing has stopped.
func (s *sharing) stop() {
	for _, sh := range s.shares {
		if sh.port.loop == s.port.loop {
			sh.port.StopListening()
			continue
		}
		sh.port.loop.CallFromThread(func() {
			sh.port.AcceptWaiting()
			sh.port.StopListening()
		})
	}
}

// put gives the share a released connection. mu is locked.
func (s *share) put(socket Socket) {
	s.waiting = append(s.waiting, socket)
	if len(s.waiting) == 1 {
		s.port.loop.CallFromThread(s.accept)
	}
}

// accept accepts the connections that wait.
func (s *share) accept() {
	for socket := s.take(); socket != nil; socket = s.take() {
		if err := s.mover().Adopt(socket); err != nil {
			s.Pause()
			s.port.accept(nil, err)
			return
		}
		s.port.accept(socket, nil)
	}
	s.update(s.port.loop)
}

// take returns the next connection that waits, or nil.
func (s *share) take() Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused || len(s.waiting) == 0 {
		return nil
	}
	return s.first()
}

// first removes the connection that has waited longest. mu is locked.
func (s *share) first() Socket {
	socket := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	return socket
}

func (s *share) mover() socketMover { return s.port.loop.poller.(socketMover) }

// Addr returns the address of the port that all share.
func (s *share) Addr() net.Addr { return s.sharing.port.addr }

// AcceptWaiting accepts what waits. On the first loop, it gives the others what the system has queued.
func (s *share) AcceptWaiting() {
	s.accept()
	if s == s.shares[0] {
		s.sharing.port.AcceptWaiting()
	}
}

// Pause leaves connections to the other shares, also those that wait.
func (s *share) Pause() { s.setPaused(true) }

// Resume makes the share one of those that take connections, also of what waits for others that pause.
func (s *share) Resume() {
	s.setPaused(false)
	s.port.loop.CallFromThread(s.accept) // in the next turn
}

func (s *share) setPaused(paused bool) {
	s.mu.Lock()
	s.paused = paused
	s.deal()
	s.mu.Unlock()
	s.update(s.port.loop)
}

// Close gives the connections that wait to the other shares.
func (s *share) Close() error {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting, s.closed = nil, true
	var refused []Socket
	for _, socket := range waiting {
		if to := s.next(); to != nil {
			to.put(socket)
		} else {
			refused = append(refused, socket)
		}
	}
	s.mu.Unlock()
	for _, socket := range refused {
		if s.mover().Adopt(socket) == nil {
			socket.Close(true)
		}
	}
	if s == s.shares[0] {
		s.sharing.port.StopListening()
	} else {
		s.update(s.port.loop)
	}
	return nil
}
