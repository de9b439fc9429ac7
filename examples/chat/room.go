package main

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// A room sends the lines of each member to all. It is the factory of its members.
type room struct{ members []*member }

func (r *room) BuildProtocol(net.Addr) reactor.Protocol { return &member{room: r} }

func (r *room) say(format string, args ...any) {
	for _, m := range r.members {
		m.say(format, args...)
	}
}

// announceTime sends the time to all members at regular intervals.
func (r *room) announceTime(clock reactor.Clock, every time.Duration) {
	task.NewLoopingCall(clock, func() {
		r.say("* it is %s", clock.Now().Format(time.TimeOnly))
	}).Start(every, false)
}

// A member is the server's side of a connection. It enters the room when it has a name.
type member struct {
	lines
	room *room
	name string
}

func (m *member) ConnectionMade(t reactor.Transport) {
	m.Transport, m.received = t, m.lineReceived
	m.say("* what is your name?")
}

func (m *member) lineReceived(line string) {
	switch {
	case line == "":
	case m.name == "":
		m.name = line
		m.room.members = append(m.room.members, m)
		m.room.say("* %s is here", m.name)
	default:
		m.room.say("%s: %s", m.name, line)
	}
}

func (m *member) ConnectionLost(error) {
	if i := slices.Index(m.room.members, m); i >= 0 {
		m.room.members = slices.Delete(m.room.members, i, i+1)
		m.room.say("* %s is gone", m.name)
	}
}

// lines splits received data into lines.
type lines struct {
	reactor.Transport
	received func(line string)
	partial  []byte // the start of the next line
}

const maxLine = 1000

func (l *lines) DataReceived(data []byte) {
	l.partial = append(l.partial, data...)
	for {
		line, after, found := bytes.Cut(l.partial, []byte("\n"))
		if !found {
			break
		}
		l.partial = after
		l.received(strings.TrimSpace(string(line)))
	}
	if len(l.partial) > maxLine {
		l.AbortConnection()
	}
}

func (l *lines) say(format string, args ...any) {
	l.Write(fmt.Appendf(nil, format+"\r\n", args...))
}
