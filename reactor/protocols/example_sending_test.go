package protocols_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A file is sent as fast as the connection takes it.
func ExampleFileSender() {
	var transport memory.StringTransport
	file := strings.NewReader("a long text\n")
	sender := &protocols.FileSender{}
	sender.BeginFileTransfer(file, &transport, nil).AddCallback(func(n int64) (int64, error) {
		fmt.Println("sent", n, "bytes")
		transport.LoseConnection()
		return n, nil
	})
	sender.ResumeProducing() // a connection asks by itself
	sender.ResumeProducing()
	fmt.Print(transport.Value())
	// Output:
	// sent 12 bytes
	// a long text
}

// A session ends after a minute without a line.
type session struct {
	protocols.LineReceiver
	protocols.TimeoutMixin
}

func (s *session) ConnectionMade(t reactor.Transport) {
	s.LineReceiver.ConnectionMade(t)
	s.LineReceived = func([]byte) { s.ResetTimeout() }
	s.TimeoutConnection = func() {
		s.SendLine("bye")
		t.LoseConnection()
	}
	s.SetTimeout(t.Reactor(), time.Minute)
}

func (s *session) ConnectionLost(reason error) {
	s.CancelTimeout()
	s.LineReceiver.ConnectionLost(reason)
}

func ExampleTimeoutMixin() {
	r := memory.New()
	transport := &memory.StringTransport{On: r}
	s := &session{}
	s.ConnectionMade(transport)
	r.Advance(50 * time.Second)
	s.DataReceived([]byte("still here\r\n"))
	r.Advance(50 * time.Second)
	fmt.Println(transport.Disconnecting())
	r.Advance(10 * time.Second)
	fmt.Println(transport.Disconnecting())
	fmt.Print(transport.Value())
	// Output:
	// false
	// true
	// bye
}
