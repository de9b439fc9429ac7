package memory_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// Greeter greets each client, and asks a silent one after a minute.
type Greeter struct {
	clock     reactor.Clock
	transport reactor.Transport
	patience  reactor.DelayedCall
}

func (g *Greeter) ConnectionMade(t reactor.Transport) {
	g.transport = t
	t.Write([]byte("Hello!\n"))
	g.patience = g.clock.CallLater(time.Minute, func() { t.Write([]byte("Still there?\n")) })
}

func (g *Greeter) DataReceived(data []byte) {
	g.patience.Cancel()
	g.transport.Write(append([]byte("You said: "), bytes.ToUpper(data)...))
	g.transport.LoseConnection()
}

func (g *Greeter) ConnectionLost(error) {}

// Printer prints the received data.
type Printer struct{ transport reactor.Transport }

func (p *Printer) ConnectionMade(t reactor.Transport) { p.transport = t }
func (p *Printer) DataReceived(data []byte)           { fmt.Print(string(data)) }
func (p *Printer) ConnectionLost(reason error)        { fmt.Println(reason) }

// A minute passes at once, the same way in each run.
func Example() {
	r := memory.New()
	r.ListenTCP("192.0.2.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &Greeter{clock: r}
	}))
	client := &Printer{}
	r.ConnectTCP("192.0.2.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return client
	}), reactor.ConnectConfig{})

	r.Pump()
	r.Advance(time.Minute)
	client.transport.Write([]byte("yes\n"))
	r.Pump()
	// Output:
	// Hello!
	// Still there?
	// You said: YES
	// connection was closed cleanly
}

// An IOPump joins two protocols, and moves their bytes step by step.
func ExampleIOPump() {
	client := &Printer{}
	pump := memory.IOPump{Reactor: memory.New(), Debug: os.Stdout}
	pump.Connect(&Greeter{clock: pump.Reactor}, client)
	pump.Flush()
	pump.Advance(time.Minute)
	pump.ClientIO().Write([]byte("yes"))
	pump.Flush()
	// Output:
	// step 1
	//   S: "Hello!\n"
	// Hello!
	// step 2
	//   S: "Still there?\n"
	// Still there?
	// step 3
	//   C: "yes"
	// step 4
	//   S: "You said: YES", end
	// You said: YESconnection was closed cleanly
	// step 5
	//   C: end
}

// Quoter prints what it receives, in pieces.
type Quoter struct{ Printer }

func (q *Quoter) DataReceived(data []byte) { fmt.Printf("%q ", data) }

// PieceSize 1 splits both streams at every byte, which a protocol must not notice. Cuts split
// them at some positions.
func ExampleIOPump_pieces() {
	for _, pump := range []memory.IOPump{{PieceSize: 1}, {CutsToClient: []int{2, 3}}} {
		pump.Connect(&Greeter{clock: memory.New()}, &Quoter{})
		pump.Flush()
		fmt.Println("and no more")
	}
	// Output:
	// "H" "e" "l" "l" "o" "!" "\n" and no more
	// "He" "l" "lo!\n" and no more
}

// The test plays the client.
func ExampleConnectedServerAndClient() {
	pump := memory.ConnectedServerAndClient(&Greeter{clock: memory.New()}, &Printer{})
	pump.ClientIO().Write([]byte("yes\n"))
	pump.Flush()
	// Output:
	// Hello!
	// You said: YES
	// connection was closed cleanly
}

// A Recorder plays the client.
func ExampleRecorder() {
	client := &memory.Recorder{}
	pump := memory.ConnectedServerAndClient(&Greeter{clock: memory.New()}, client)
	client.Transport.Write([]byte("yes\n"))
	pump.Flush()
	fmt.Printf("%q\n", client.Data)
	fmt.Println(client.Lost)
	// Output:
	// "Hello!\nYou said: YES\n"
	// connection was closed cleanly
}

func ExampleReactor_HoldConnects() {
	r := memory.New()
	r.HoldConnects()
	d := r.ConnectTCP("192.0.2.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &Printer{}
	}), reactor.ConnectConfig{Timeout: 5 * time.Second})
	d.AddErrback(func(err error) (reactor.Protocol, error) {
		fmt.Println(err)
		return nil, nil
	})
	r.Advance(4 * time.Second)
	fmt.Println(len(r.HeldConnects()), "held")
	r.Advance(1 * time.Second)
	// Output:
	// 1 held
	// connecting to 192.0.2.1:80: connecting took too long
}

func ExampleReactor_Trace() {
	r := memory.New()
	r.StartTrace()
	r.AddHost("greeter", "192.0.2.1")
	r.Latency("greeter", "", 20*time.Millisecond)
	r.ListenTCP("192.0.2.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &Greeter{clock: r}
	}))
	r.ConnectTCP("192.0.2.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &memoryHole{}
	}), reactor.ConnectConfig{})
	r.RunFor(time.Second)
	fmt.Print(r.Trace())
	// Output:
	// 0s       listen 192.0.2.1:7
	// 0s       #1 connect 192.0.2.1:7
	// 20ms     #1 server accept 192.0.2.1:7
	// 20ms     #1 server write 7 "Hello!\n"
	// 40ms     #1 client connected 10.0.0.1:49152
	// 40ms     #1 client read 7 "Hello!\n"
}

// Resets is a Choices that resets the first connection that sends something.
type Resets struct{ done bool }

func (c *Resets) Choose(kind memory.Choice, n int) int {
	if kind != memory.Fault || c.done {
		return 0 // as without Choices
	}
	c.done = true
	return 1 // the first of the faults that are possible here
}

func (c *Resets) Pick(tasks []memory.Task) int { return 0 }

// The server's greeting arrives, and then the network resets the connection. A search for what breaks a program
// makes such choices at random, or one after the other.
func ExampleNewReactor() {
	r := memory.NewReactor(memory.Config{
		Choices: &Resets{},
		Conditions: memory.Conditions{
			MayFail: []memory.Link{{A: "client", B: "greeter"}},
			Faults:  memory.Reset,
		},
	})
	r.AddHost("client", "10.0.0.1")
	r.AddHost("greeter", "192.0.2.1")
	r.StartTrace()
	r.ListenTCP("192.0.2.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &Greeter{clock: r}
	}))
	r.ConnectTCP("192.0.2.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &memoryHole{}
	}), reactor.ConnectConfig{})
	r.RunFor(time.Second)
	fmt.Print(r.Trace())
	fmt.Println(r.FaultsMade())
	// Output:
	// 0s       listen 192.0.2.1:7
	// 0s       #1 connect 192.0.2.1:7
	// 0s       #1 server accept 192.0.2.1:7
	// 0s       #1 server write 7 "Hello!\n"
	// 0s       #1 server choice the network resets the connection after 7 bytes
	// 0s       #1 client connected 10.0.0.1:49152
	// 0s       #1 server end connection was reset by the peer
	// 0s       #1 server reset
	// 0s       #1 client read 7 "Hello!\n"
	// 0s       #1 client end connection was reset by the peer
	// 0s       #1 client reset
	// [{0s reset [client greeter]}]
}

type memoryHole struct{}

func (memoryHole) ConnectionMade(reactor.Transport) {}
func (memoryHole) DataReceived([]byte)              {}
func (memoryHole) ConnectionLost(error)             {}

// A protocol alone needs no reactor.
func ExampleStringTransport() {
	r := memory.New() // for its clock
	t := &memory.StringTransport{}
	g := &Greeter{clock: r}
	g.ConnectionMade(t)
	fmt.Printf("%q\n", t.Value())
	t.Clear()
	g.DataReceived([]byte("bye"))
	fmt.Printf("%q %v\n", t.Value(), t.Disconnecting())
	// Output:
	// "Hello!\n"
	// "You said: BYE" true
}

// Two machines listen at the same port, and a third one has a connection to each.
func ExampleReactor_Machine() {
	r := memory.New()
	for _, name := range []string{"red.example", "blue.example"} {
		m := r.Machine(name)
		m.ListenTCP(":7", reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
			fmt.Println(name, "at", m.Addr(), "has a connection from", peer)
			return &Greeter{clock: m}
		}))
	}
	user := r.Machine("user.example")
	for _, address := range []string{"10.0.0.2:7", "10.0.0.3:7"} {
		user.ConnectTCP(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			return &Printer{}
		}), reactor.ConnectConfig{})
	}
	r.Pump()
	// Output:
	// red.example at 10.0.0.2 has a connection from 10.0.0.4:49152
	// blue.example at 10.0.0.3 has a connection from 10.0.0.4:49153
	// Hello!
	// Hello!
}

// A server stops, so that its client loses the connection, and starts again.
func ExampleMachine_Process() {
	r := memory.New()
	server := r.Machine("server.example")
	server.Process(func() (stop func()) {
		fmt.Println("the server starts")
		server.ListenTCP(":7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			return &Greeter{clock: server}
		}))
		return func() { fmt.Println("the server stops") }
	})
	user := r.Machine("user.example")
	connect := func() {
		user.ConnectTCP("10.0.0.2:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			return &Printer{}
		}), reactor.ConnectConfig{}).AddErrback(func(err error) (reactor.Protocol, error) {
			fmt.Println(err)
			return nil, nil
		})
		r.Pump()
	}
	connect()
	server.Stop()
	r.Pump()
	connect()
	server.Start()
	connect()
	// Output:
	// the server starts
	// Hello!
	// the server stops
	// connection was reset by the peer
	// connecting to 10.0.0.2:7: connection was refused
	// the server starts
	// Hello!
}

// A program that is done leaves nothing open.
func ExampleReactor_Leftovers() {
	r := memory.New()
	r.ListenTCP("192.0.2.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return memoryHole{}
	}))
	r.ConnectTCP("192.0.2.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &Printer{}
	}), reactor.ConnectConfig{})
	r.Pump()
	for _, l := range r.Leftovers() {
		fmt.Println(l)
	}
	// Output:
	// connection: #1, client side, 10.0.0.1:49152 to 192.0.2.1:7
	// connection: #1, server side, 192.0.2.1:7 to 10.0.0.1:49152
}
