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

// TestConversation runs the whole program on a memory reactor, where a second takes no
// time.
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

// A guest is a member of a room with a transport in memory.
type guest struct {
	*member
	transport *memory.StringTransport
}

// enter adds a guest to chat.
func enter(chat *room, name string) guest {
	g := guest{chat.BuildProtocol(nil).(*member), &memory.StringTransport{}}
	g.ConnectionMade(g.transport)
	g.DataReceived([]byte(name + "\n"))
	return g
}

// read returns the lines that the guest received since the last call.
func (g guest) read() string {
	defer g.transport.Clear()
	return strings.ReplaceAll(string(g.transport.Value()), "\r\n", "|")
}

// TestLinesAreSplitAnywhere: a line may arrive in pieces, and one that is too long ends the
// connection.
func TestLinesAreSplitAnywhere(t *testing.T) {
	chat := &room{}
	alice, bob := enter(chat, "Alice"), enter(chat, "Bob")
	bob.read()
	for _, piece := range []string{"one\ntw", "o", "\r", "\n\n\nthree", "\n"} {
		alice.DataReceived([]byte(piece))
	}
	if got, want := bob.read(), "Alice: one|Alice: two|Alice: three|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	alice.DataReceived(bytes.Repeat([]byte("x"), 2000))
	if !alice.transport.Disconnecting() {
		t.Error("a line without an end did not end the connection")
	}
}

// TestNothingAfterTheEnd: the lines after one that is too long are not delivered.
func TestNothingAfterTheEnd(t *testing.T) {
	chat := &room{}
	alice, bob := enter(chat, "Alice"), enter(chat, "Bob")
	bob.read()
	alice.DataReceived([]byte("one\n" + strings.Repeat("x", 2000) + "\ntwo\n"))
	alice.DataReceived([]byte("three\n"))
	if got, want := bob.read(), "Alice: one|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTheTimeIsAnnounced: a member receives the time until the connection is lost.
func TestTheTimeIsAnnounced(t *testing.T) {
	r, chat := memory.New(), &room{}
	alice := enter(chat, "Alice")
	chat.announceTime(r, time.Minute)
	alice.read()
	r.RunFor(2*time.Minute + time.Second)
	if got, want := alice.read(), "* it is 00:01:00|* it is 00:02:00|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	alice.ConnectionLost(reactor.ErrConnectionDone)
	r.RunFor(time.Minute)
	if got := alice.read(); got != "" {
		t.Errorf("after she left, Alice received %q", got)
	}
}
