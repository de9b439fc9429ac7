package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// TestConversation runs the whole program on a reactor in memory, where the second
// until the time is announced goes by at once.
func TestConversation(t *testing.T) {
	var out bytes.Buffer
	status := task.ReactOn(memory.New(), func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		return converse(r, &out)
	}, os.Stderr)
	want := `listening on 127.0.0.1:49152
* what is your name?
* Alice is here
* Bob is here
Alice: hello, Bob
Bob: hello, Alice
* Bob is gone
* it is 00:00:01
`
	if got := out.String(); got != want || status != 0 {
		t.Errorf("status %d, got\n%s\nwant\n%s", status, got, want)
	}
}

// chatter is a room and who is in it, by name.
func chatter(t *testing.T, names ...string) (r *memory.Reactor, chat *room, heard func(name string) string, members map[string]*member) {
	r, chat, members = memory.New(), &room{}, map[string]*member{}
	transports := map[string]*memory.StringTransport{}
	for _, name := range names {
		m, transport := chat.BuildProtocol(nil).(*member), &memory.StringTransport{}
		m.ConnectionMade(transport)
		m.DataReceived([]byte(name + "\n"))
		members[name], transports[name] = m, transport
	}
	return r, chat, func(name string) string {
		defer transports[name].Clear()
		return strings.ReplaceAll(string(transports[name].Value()), "\r\n", "|")
	}, members
}

func TestLinesAreSplitAnywhere(t *testing.T) {
	_, _, heard, members := chatter(t, "Alice", "Bob")
	heard("Bob")
	for _, piece := range []string{"one\ntw", "o", "\r", "\n\n\nthree", "\n"} {
		members["Alice"].DataReceived([]byte(piece))
	}
	if got, want := heard("Bob"), "Alice: one|Alice: two|Alice: three|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	members["Alice"].DataReceived(bytes.Repeat([]byte("x"), maxLine+1))
	if !members["Alice"].Transport.(*memory.StringTransport).Disconnected() {
		t.Error("a line without an end was put up with")
	}
}

func TestTheTimeIsAnnounced(t *testing.T) {
	r, chat, heard, members := chatter(t, "Alice")
	chat.announceTime(r, time.Minute)
	heard("Alice")
	r.RunFor(2*time.Minute + time.Second)
	if got, want := heard("Alice"), "* it is 00:01:00|* it is 00:02:00|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	members["Alice"].ConnectionLost(reactor.ErrConnectionDone)
	r.RunFor(time.Minute)
	if got := heard("Alice"); got != "" {
		t.Errorf("she has left and hears %q", got)
	}
}
