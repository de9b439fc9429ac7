package protocols_test

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A greeter is a server that greets whoever tells a name.
type greeter struct{ protocols.LineReceiver }

func (g *greeter) ConnectionMade(t reactor.Transport) {
	g.LineReceiver.ConnectionMade(t)
	g.SendLine("what is your name?")
}

func (g *greeter) lineReceived(line []byte) {
	g.SendLine("hello, " + string(line))
	g.Transport.LoseConnection()
}

func ExampleLineReceiver() {
	g, t := &greeter{}, &memory.StringTransport{}
	g.LineReceived = g.lineReceived
	g.ConnectionMade(t)
	g.DataReceived([]byte("Alice\r\nBob\r\n"))
	fmt.Print(strings.ReplaceAll(t.Value(), "\r", ""))
	// Output:
	// what is your name?
	// hello, Alice
}

// Lines that are too long are skipped.
func ExampleLineOnlyReceiver() {
	lines := &protocols.LineOnlyReceiver{
		Delimiter: "\n", MaxLength: 3,
		LineReceived:       func(line []byte) { fmt.Printf("%s\n", line) },
		LineLengthExceeded: func(line []byte) { fmt.Printf("%s...\n", line) },
	}
	lines.ConnectionMade(&memory.StringTransport{})
	lines.DataReceived([]byte("one\nthree\ntwo\n"))
	// Output:
	// one
	// thr...
	// two
}

func ExampleIntNStringReceiver() {
	strings := &protocols.Int16StringReceiver{StringReceived: func(s []byte) { fmt.Printf("%s\n", s) }}
	strings.ConnectionMade(&memory.StringTransport{})
	strings.DataReceived([]byte("\x00\x05hello\x00\x05wo"))
	strings.DataReceived([]byte("rld"))
	// Output:
	// hello
	// world
}

func ExampleNetstringReceiver() {
	strings, t := &protocols.NetstringReceiver{StringReceived: func(s []byte) { fmt.Printf("%s\n", s) }}, &memory.StringTransport{}
	strings.ConnectionMade(t)
	strings.DataReceived([]byte("5:hello,GET / HTTP/1.1"))
	fmt.Println(strings.Err(), t.Disconnecting())
	// Output:
	// hello
	// protocols: "GET / HTTP/1.1" is no netstring: it does not begin with its length true
}

func ExampleLines() {
	for line, err := range protocols.Lines(strings.NewReader("one\ntwo\nth"), protocols.LineConfig{Delimiter: "\n"}) {
		fmt.Printf("%s %v\n", line, err)
	}
	// Output:
	// one <nil>
	// two <nil>
	// th unexpected EOF
}

func ExampleStrings() {
	for s := range protocols.Strings[uint8](strings.NewReader("\x05hello\x05world"), 0) {
		fmt.Printf("%s\n", s)
	}
	// Output:
	// hello
	// world
}

func ExampleNetstrings() {
	for s := range protocols.Netstrings(strings.NewReader("5:hello,5:world,"), 0) {
		fmt.Printf("%s\n", s)
	}
	// Output:
	// hello
	// world
}

// A server in direct style answers each line.
func ExampleDirect() {
	r := memory.New()
	r.ListenTCP("10.0.0.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return protocols.Direct(func(co *deferred.Co, t reactor.Transport, received io.Reader) {
			for line, err := range protocols.Lines(received, protocols.LineConfig{}) {
				if err != nil {
					return
				}
				t.Write(fmt.Appendf(nil, "hello, %s\r\n", line))
			}
		})
	}))
	client := &protocols.LineReceiver{LineReceived: func(line []byte) { fmt.Printf("%s\n", line) }}
	r.ConnectTCP("10.0.0.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return client }), reactor.ConnectConfig{})
	r.Pump()
	client.SendLine("Alice")
	client.SendLine("Bob")
	r.Pump()
	// Output:
	// hello, Alice
	// hello, Bob
}
