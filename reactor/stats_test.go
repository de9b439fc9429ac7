package reactor_test

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// Stats counts turns, calls, bytes and connections, and how late delayed calls are.
func TestStats(t *testing.T) {
	r := memory.New()
	if got := r.Stats(); got != (reactor.Stats{}) {
		t.Errorf("a new loop: got %+v", got)
	}
	servers, clients := &quietFactory{}, &quietFactory{}
	if _, err := r.ListenTCP(":80", servers); err != nil {
		t.Fatal(err)
	}
	r.ConnectTCP("127.0.0.1:80", clients, reactor.ConnectConfig{Timeout: -1})
	r.Pump()
	clients.built[0].t.Write([]byte("hello"))
	r.CallFromThread(func() {})
	r.CallLater(0, func() { r.Advance(3 * time.Second) })
	r.CallLater(time.Second, tick)
	r.CallLater(5*time.Second, tick)
	r.RunFor(10 * time.Second)
	got := r.Stats()
	if got.Turns < 3 {
		t.Errorf("%d turns", got.Turns)
	}
	want := reactor.Stats{
		Turns: got.Turns, DelayedCalls: 3, MaxLag: 2 * time.Second, ThreadCalls: 1,
		BytesRead: 5, BytesWritten: 5, Open: 2, Connections: 2, Accepted: 1,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	clients.built[0].t.LoseConnection()
	r.Pump()
	if got := r.Stats(); got.Open != 0 || got.Connections != 2 {
		t.Errorf("at the end: got %+v", got)
	}
	if n := testing.AllocsPerRun(100, func() { r.Stats() }); n != 0 {
		t.Errorf("Stats allocates %v times", n)
	}
}

// A call that was moved to a time before the loop's beginning is late since the beginning.
func TestStatsOfACallMovedBack(t *testing.T) {
	r := memory.New()
	r.Advance(time.Minute)
	r.CallLater(time.Hour, tick).Delay(-1 << 63)
	r.Pump()
	if got := r.Stats(); got.DelayedCalls != 1 || got.MaxLag != time.Minute {
		t.Errorf("got %+v", got)
	}
}
