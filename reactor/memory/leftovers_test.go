package memory_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// Everything that is open or due is a leftover, and nothing else is.
func TestLeftovers(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, r *memory.Reactor, a, b *memory.Machine)
		want []string
	}{
		{"nothing", func(*testing.T, *memory.Reactor, *memory.Machine, *memory.Machine) {}, nil},
		{"a port", func(t *testing.T, r *memory.Reactor, a, _ *memory.Machine) {
			listenOn(t, a, ":80", func() *peer { return &peer{} })
		}, nil},
		{"a connection", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			listenOn(t, a, ":80", func() *peer { return &peer{} })
			connectFrom(b, "10.0.0.2:80", &peer{})
			connectFrom(r, "10.0.0.2:80", &peer{})
		}, []string{
			"connection: #1, client side, 10.0.0.3:49152 (b) to 10.0.0.2:80 (a)",
			"connection: #1, server side, 10.0.0.2:80 (a) to 10.0.0.3:49152 (b)",
			"connection: #2, client side, 10.0.0.1:49153 to 10.0.0.2:80 (a)",
			"connection: #2, server side, 10.0.0.2:80 (a) to 10.0.0.1:49153",
		}},
		{"a closed connection", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			listenOn(t, a, ":80", func() *peer { return &peer{} })
			p := &peer{}
			connectFrom(b, "10.0.0.2:80", p)
			r.Pump()
			p.LoseConnection()
		}, nil},
		{"a connection closed on one side", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			p := &peer{}
			listenOn(t, a, ":80", func() *peer { return p })
			client := &peer{}
			connectFrom(b, "10.0.0.2:80", client)
			r.Pump()
			p.PauseProducing()
			client.LoseConnection()
		}, []string{"connection: #1, server side, 10.0.0.2:80 (a) to 10.0.0.3:49152 (b)"}},
		{"UNIX sockets and loopback", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			a.ListenUNIX("/run/socket", just(&peer{}))
			a.ConnectUNIX("/run/socket", just(&peer{}), reactor.ConnectConfig{})
			listenOn(t, b, "127.0.0.1:80", func() *peer { return &peer{} })
			connectFrom(b, "127.0.0.1:80", &peer{})
		}, []string{
			"connection: #1, client side, a socket without a path (a) to /run/socket (a)",
			"connection: #1, server side, /run/socket (a) to a socket without a path (a)",
			"connection: #2, client side, 127.0.0.1:49152 (b) to 127.0.0.1:80 (b)",
			"connection: #2, server side, 127.0.0.1:80 (b) to 127.0.0.1:49152 (b)",
		}},
		{"a connection that nobody accepts", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			listenOn(t, a, ":80", func() *peer { return &peer{} }).PauseAccepting()
			connectFrom(b, "10.0.0.2:80", &peer{})
		}, []string{"connection: #1, client side, 10.0.0.3:49152 (b) to 10.0.0.2:80 (a)"}},
		{"producers", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			listenOn(t, a, ":80", func() *peer { return &peer{made: func(p *peer) { p.PauseProducing() }} })
			fast, slow := &peer{}, &peer{}
			connectFrom(b, "10.0.0.2:80", fast)
			connectFrom(b, "10.0.0.2:80", slow)
			r.Pump()
			fast.RegisterProducer(&idleProducer{})
			slow.RegisterProducer(&idleProducer{})
			slow.Write(make([]byte, 1<<20))
		}, []string{
			"connection: #1, client side, 10.0.0.3:49152 (b) to 10.0.0.2:80 (a)",
			"producer: #1, client side, 10.0.0.3:49152 (b) to 10.0.0.2:80 (a)",
			"connection: #1, server side, 10.0.0.2:80 (a) to 10.0.0.3:49152 (b)",
			"connection: #2, client side, 10.0.0.3:49153 (b) to 10.0.0.2:80 (a)",
			"producer: #2, client side, 10.0.0.3:49153 (b) to 10.0.0.2:80 (a), paused",
			"connection: #2, server side, 10.0.0.2:80 (a) to 10.0.0.3:49153 (b)",
		}},
		{"attempts", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			r.Hold("a", "")
			connectFrom(a, "10.0.0.3:80", &peer{})
			connectFrom(r, "10.0.0.2:80", &peer{}).Cancel()
			connectFrom(r, "[2001:db8::1]:80", &peer{}) // refused
			a.ConnectUNIX("/nowhere", just(&peer{}), reactor.ConnectConfig{})
		}, []string{"attempt to connect: #1 from 10.0.0.2:49152 (a) to 10.0.0.3:80 (b)"}},
		{"delayed calls", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			a.CallLater(time.Hour, laterCall)
			r.CallLater(time.Minute, laterCall)
			r.CallLater(time.Second, laterCall).Cancel()
			r.CallLater(0, func() {})
		}, []string{
			"delayed call: in 1m0s, at 00:01:00: memory_test.laterCall (leftovers_test.go:N), by memory_test.TestLeftovers.funcN (leftovers_test.go:N)",
			"delayed call: in 1h0m0s, at 01:00:00: memory_test.laterCall (leftovers_test.go:N), by memory_test.TestLeftovers.funcN (leftovers_test.go:N)",
		}},
		{"inspectables", func(t *testing.T, r *memory.Reactor, a, b *memory.Machine) {
			for i, on := range []reactor.Reactor{b, a, r, a} {
				reactor.AddInspectable(on, &shown, func(_ *string, w io.Writer) {
					if i < 3 {
						fmt.Fprintf(w, "pool %d\n  waits\n", i)
					}
				})
			}
		}, []string{"pending: machine a: pool 1\n  waits", "pending: machine b: pool 0\n  waits", "pending: pool 2\n  waits"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, traced := range []bool{false, true} {
				r := memory.New()
				if traced {
					r.StartTrace()
				}
				a, b := r.Machine("a"), r.Machine("b")
				test.do(t, r, a, b)
				r.Pump()
				var got []string
				for _, l := range r.Leftovers() {
					got = append(got, numbers(l.String()))
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
				}
			}
		})
	}
}

var shown string

func laterCall() {}

// numbers replaces the numbers of lines and closures, which change with the file.
func numbers(text string) string {
	for _, before := range []string{"_test.go:", ".func"} {
		parts := strings.Split(text, before)
		for i := range parts[1:] {
			parts[i+1] = "N" + strings.TrimLeft(parts[i+1], "0123456789.")
		}
		text = strings.Join(parts, before)
	}
	return text
}

type idleProducer struct{}

func (idleProducer) PauseProducing()  {}
func (idleProducer) ResumeProducing() {}
func (idleProducer) StopProducing()   {}

// What waits by UntilStopped is not a leftover of the reactor: deferred's census has it.
func TestLeftoversOfALookup(t *testing.T) {
	r := memory.New()
	d := reactor.UntilStopped(r, deferred.New[int]())
	if left := r.Leftovers(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	d.Callback(1)
}
