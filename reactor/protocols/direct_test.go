package protocols_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A world is a reactor in memory whose server handles each connection with a function in
// direct style.
type world struct {
	*memory.Reactor
	t    *testing.T
	told []string // what the function said
	live int      // calls of the function that have not returned
}

func newWorld(t *testing.T, serve func(w *world, co *deferred.Co, tr reactor.Transport, received io.Reader)) *world {
	w := &world{Reactor: memory.New(), t: t}
	_, err := w.ListenTCP("10.0.0.1:1", reactor.FactoryFunc(only(protocols.Direct(func(co *deferred.Co, tr reactor.Transport, received io.Reader) {
		w.live++
		defer func() { w.live-- }()
		serve(w, co, tr, received)
	}))))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) say(format string, args ...any) {
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

// connect connects p to the server, and runs until nothing is left to do.
func (w *world) connect(p reactor.Protocol) {
	w.ConnectTCP("10.0.0.1:1", reactor.FactoryFunc(only(p)), reactor.ConnectConfig{})
	w.Pump()
}

// over checks that nothing is left of the function, and what it said.
func (w *world) over(told ...string) {
	w.t.Helper()
	wantCalls(w.t, "the function said", w.told, told...)
	if w.live != 0 {
		w.t.Error("the function has not returned")
	}
	if calls := w.DelayedCalls(); len(calls) != 0 {
		w.t.Errorf("timers are left: %v", calls)
	}
}

// greet answers each line, and says how the loop ended.
func greet(w *world, _ *deferred.Co, tr reactor.Transport, received io.Reader) {
	for line, err := range protocols.Lines(received, protocols.LineConfig{}) {
		if err != nil {
			w.say("%q: %v", line, err)
			return
		}
		if string(line) == "bye" {
			w.say("bye")
			return
		}
		fmt.Fprintf(writer{tr}, "hello, %s\r\n", line)
	}
	w.say("the end")
}

// A writer is a transport as an io.Writer.
type writer struct{ reactor.Transport }

func (w writer) Write(p []byte) (int, error) {
	w.Transport.Write(p)
	return len(p), nil
}

// TestDirect answers lines until the peer ends its side, the function returns, or the
// connection is lost.
func TestDirect(t *testing.T) {
	for _, test := range []struct {
		name   string
		client *once
		want   string // what the client gets
		lost   string // and why it loses the connection
		told   string
	}{
		{"the peer's end", &once{data: []byte("a\r\nb\r\n"), half: true}, "hello, a\r\nhello, b\r\n", reactor.ErrConnectionDone.Error(), "the end"},
		{"the peer's end within a line", &once{data: []byte("a\r\nb"), half: true}, "hello, a\r\n", reactor.ErrConnectionDone.Error(), `"b": unexpected EOF`},
		{"a return", &once{data: []byte("a\r\nbye\r\nc\r\n"), stay: true}, "hello, a\r\n", reactor.ErrConnectionDone.Error(), "bye"},
		{"a line that is too long", &once{data: []byte(strings.Repeat("x", 20000)), stay: true}, "", reactor.ErrConnectionDone.Error(), ""},
	} {
		w := newWorld(t, greet)
		w.connect(test.client)
		if test.client.lost == nil || string(test.client.got) != test.want || test.client.lost.Error() != test.lost {
			t.Errorf("%s: the client has %q, and the end %v", test.name, test.client.got, test.client.lost)
		}
		if test.told == "" {
			w.told = nil
			w.over()
		} else {
			w.over(test.told)
		}
	}
}

// TestDirectLoss: a Read that waits gets the reason of the loss.
func TestDirectLoss(t *testing.T) {
	client := &once{data: []byte("a\r\nb"), stay: true}
	w := newWorld(t, greet)
	w.connect(client)
	client.transport.AbortConnection()
	w.Pump()
	w.over(`"b": ` + reactor.ErrConnectionReset.Error())

	// The function closes the connection itself.
	w = newWorld(t, func(w *world, _ *deferred.Co, tr reactor.Transport, received io.Reader) {
		tr.LoseConnection()
		_, err := io.ReadAll(received)
		w.say("%v", err)
	})
	w.connect(&once{stay: true})
	w.over("<nil>")
}

// TestDirectBackPressure: a function that does not read pauses the connection, and holds one
// piece.
func TestDirectBackPressure(t *testing.T) {
	var waits [2]*deferred.Deferred[deferred.None]
	var server reactor.Transport
	w := newWorld(t, func(w *world, co *deferred.Co, tr reactor.Transport, received io.Reader) {
		server = tr
		for i := range waits {
			waits[i] = deferred.New[deferred.None]()
			deferred.Await(co, waits[i])
			io.CopyN(io.Discard, received, 1<<20)
		}
		all, err := io.ReadAll(received)
		w.say("%d bytes, %v", len(all), err)
	})
	client := &flood{left: 160}
	w.connect(client)
	if client.left < 100 {
		t.Errorf("all but %d pieces of 64 KiB were sent", client.left)
	}
	waits[0].Callback(deferred.None{})
	w.Pump()
	if client.left < 80 {
		t.Errorf("all but %d pieces of 64 KiB were sent, although 1 MiB was read", client.left)
	}
	waits[1].Callback(deferred.None{})
	w.Pump()
	w.over("8388608 bytes, <nil>")
	if !server.Disconnecting() {
		t.Error("the connection is open")
	}
}

// A flood sends pieces of 64 KiB, as fast as they are taken.
type flood struct {
	once
	left int
}

func (f *flood) ConnectionMade(t reactor.Transport) {
	f.transport = t
	t.RegisterPullProducer(f)
}

func (f *flood) ResumeProducing() {
	if f.left == 0 {
		f.transport.UnregisterProducer()
		f.transport.LoseWriteConnection()
		return
	}
	f.left--
	f.transport.Write(make([]byte, 64<<10))
}

func (f *flood) StopProducing() {}

// TestDirectCancel: a function that waits for something else is cancelled when the connection
// is lost, and what it waits for too.
func TestDirectCancel(t *testing.T) {
	for name, end := range map[string]func(w *world, c *once){
		"the peer aborts":   func(_ *world, c *once) { c.transport.AbortConnection() },
		"the reactor stops": func(w *world, _ *once) { w.Stop() },
	} {
		cancelled := false
		w := newWorld(t, func(w *world, co *deferred.Co, _ reactor.Transport, received io.Reader) {
			_, err := deferred.Await(co, deferred.NewCancellable(func(*deferred.Deferred[int]) { cancelled = true }))
			w.say("%v", err)
			_, err = received.Read(make([]byte, 1))
			w.say("%v", err != nil)
		})
		client := &once{stay: true}
		w.CallLater(time.Second, func() { end(w, client) })
		w.ConnectTCP("10.0.0.1:1", reactor.FactoryFunc(only(client)), reactor.ConnectConfig{})
		w.CallLater(2*time.Second, func() { w.Stop() })
		if err := w.Run(); err != nil {
			t.Fatal(err)
		}
		if !cancelled {
			t.Errorf("%s: what the function waits for is not cancelled", name)
		}
		wantCalls(t, name, w.told, deferred.ErrCancelled.Error(), "true")
		if w.live != 0 {
			t.Errorf("%s: the function has not returned", name)
		}
	}
}

// TestDirectPanic: a panic in the function aborts the connection, and is reported.
func TestDirectPanic(t *testing.T) {
	unhandled := deferred.FailOnUnhandled(t)
	w := newWorld(t, func(_ *world, _ *deferred.Co, _ reactor.Transport, received io.Reader) {
		received.Read(make([]byte, 1))
		panic("of the program")
	})
	client := &once{data: []byte("a"), stay: true}
	w.connect(client)
	if client.lost == nil {
		t.Error("the connection is not lost")
	}
	w.over()
	if reported := unhandled.Flush(nil); len(reported) != 1 || !strings.Contains(reported[0].Err.Error(), "of the program") {
		t.Errorf("reported: %v", reported)
	}
}
