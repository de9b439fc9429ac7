package reactor_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// Shouter sends back the received text, louder.
type Shouter struct{ t reactor.Transport }

func (s *Shouter) ConnectionMade(t reactor.Transport) { s.t = t }
func (s *Shouter) DataReceived(data []byte)           { s.t.Write([]byte(strings.ToUpper(string(data)))) }
func (s *Shouter) ConnectionLost(reason error)        {}

// Caller says hello, prints the answer and hangs up.
type Caller struct {
	t      reactor.Transport
	hungUp func()
}

func (c *Caller) ConnectionMade(t reactor.Transport) {
	c.t = t
	t.Write([]byte("hello"))
}

func (c *Caller) DataReceived(data []byte) {
	fmt.Println(string(data))
	c.t.LoseConnection()
}

func (c *Caller) ConnectionLost(reason error) {
	fmt.Println(reason)
	c.hungUp()
}

// A server and a client, on one loop.
func Example() {
	r := reactor.New()
	port, err := r.ListenTCP("127.0.0.1:0", reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
		return &Shouter{}
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	d := r.ConnectTCP(port.Addr().String(), reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
		return &Caller{hungUp: func() { r.Stop() }}
	}), reactor.ConnectConfig{Timeout: 5 * time.Second})
	d.AddErrback(func(err error) (reactor.Protocol, error) {
		fmt.Println(err)
		r.Stop()
		return nil, nil
	})
	r.Run()
	// Output:
	// HELLO
	// connection was closed cleanly
}

func ExampleClock() {
	r := memory.New() // its clock jumps to the next call
	start := r.Now()
	late := r.CallLater(time.Minute, func() {
		fmt.Println("called after", r.Now().Sub(start))
		r.Stop()
	})
	r.CallLater(30*time.Second, func() {
		fmt.Println("half a minute has passed")
		late.Delay(15 * time.Second)
	})
	never := r.CallLater(time.Second, func() { fmt.Println("never") })
	never.Cancel()
	r.Run()
	// Output:
	// half a minute has passed
	// called after 1m15s
}

// Blocking code runs on another goroutine. The loop delivers its
// result.
func ExampleDeferToThread() {
	r := reactor.New()
	d := reactor.DeferToThread(r, func() (string, error) {
		data, err := os.ReadFile("doc.go")
		return string(data), err
	})
	d.Tap(func(text string, _ error) {
		first, _, _ := strings.Cut(text, "\n")
		fmt.Println(first)
	})
	d.Tap(func(string, error) { r.Stop() })
	r.Run()
	// Output: // Package reactor is an event loop in the manner of Twisted. One goroutine waits for
}

// A program of ordinary goroutines waits for the loop.
func ExampleBackground() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	r := reactor.Background()
	answer, err := reactor.BlockingCallFromThread(ctx, r, func() *deferred.Deferred[string] {
		d := deferred.New[string]()
		r.CallLater(10*time.Millisecond, func() { d.Callback("done by the loop") })
		return d
	})
	fmt.Println(answer, err)
	// Output: done by the loop <nil>
}

func ExampleLoop_AddSystemEventTrigger() {
	r := reactor.New()
	r.AddSystemEventTrigger(reactor.Before, reactor.Shutdown, func() *deferred.Deferred[deferred.None] {
		fmt.Println("saving")
		saved := deferred.New[deferred.None]()
		r.CallLater(time.Millisecond, func() { saved.Callback(deferred.None{}) })
		return saved // the shutdown waits for it
	})
	r.AddSystemEventTrigger(reactor.After, reactor.Shutdown, func() *deferred.Deferred[deferred.None] {
		fmt.Println("bye")
		return nil
	})
	r.CallWhenRunning(func() { r.Stop() })
	r.Run()
	// Output:
	// saving
	// bye
}
