package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// A room sends the lines of each member to all. It is the factory of its members.
type room struct{ members []*member }

func (r *room) BuildProtocol(net.Addr) reactor.Protocol {
	m := &member{room: r}
	// telnet ends a line with "\r\n", and nc with "\n".
	m.LineReceived, m.Delimiter, m.MaxLength = m.lineReceived, "\n", 1000
	return m
}

func (r *room) say(format string, args ...any) {
	for _, m := range r.members {
		m.SendLine(fmt.Sprintf(format+"\r", args...))
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
	protocols.LineReceiver
	room *room
	name string
}

func (m *member) ConnectionMade(t reactor.Transport) {
	m.LineReceiver.ConnectionMade(t)
	m.SendLine("* what is your name?\r")
}

func (m *member) lineReceived(data []byte) {
	line := strings.TrimSpace(string(data))
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

func (m *member) ConnectionLost(reason error) {
	m.LineReceiver.ConnectionLost(reason)
	if i := slices.Index(m.room.members, m); i >= 0 {
		m.room.members = slices.Delete(m.room.members, i, i+1)
		m.room.say("* %s is gone", m.name)
	}
}
