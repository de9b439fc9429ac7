package ladder_test

import (
	"fmt"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/memory/ladder"
)

// Client asks for the time, and closes.
type Client struct{ memory.Recorder }

func (c *Client) ConnectionMade(t reactor.Transport) {
	c.Recorder.ConnectionMade(t)
	t.Write([]byte("what time is it?\n"))
}

func (c *Client) DataReceived([]byte) { c.Transport.LoseConnection() }

// Server answers after a second.
type Server struct {
	memory.Recorder
	clock reactor.Clock
}

func (s *Server) DataReceived([]byte) {
	s.clock.CallLater(time.Second, func() { s.Transport.Write([]byte("noon\n")) })
}

// The way from the client to the server takes 5 ms.
func ExampleNew() {
	r := memory.New()
	r.Latency("10.0.0.1", "192.0.2.1", 5*time.Millisecond)
	r.StartTrace()
	r.ListenTCP("192.0.2.1:13", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &Server{clock: r} }))
	r.ConnectTCP("192.0.2.1:13", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &Client{} }), reactor.ConnectConfig{})
	r.RunFor(time.Minute)

	names := map[string]string{"10.0.0.1": "client", "192.0.2.1": "clock"}
	fmt.Print(ladder.New(r.Trace(), names).Text())
	// Output:
	//         client        clock
	// 0s      │             *             listens on 192.0.2.1:13
	//         ├──────·······│             #1 connects to 192.0.2.1:13
	// 5ms     │······──────>│             #1 accepts at 192.0.2.1:13
	// 10ms    │<──────······│             #1 is connected
	//         ├──────·······│             #1 "what time is it?\n" (17 B)
	// 15ms    │······──────>│             #1 "what time is it?\n" (17 B)
	// 1.015s  │             │             timer 1: ladder/example_test.go:30
	//         │·······──────┤             #1 "noon\n" (5 B)
	// 1.02s   │<──────······│             #1 "noon\n" (5 B)
	//         ├──────·······│             #1 closes
	// 1.025s  │······──────>│             #1 sees the end; the other side closes too
}
