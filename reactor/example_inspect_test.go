package reactor_test

import (
	"fmt"
	"io"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A Mailbox holds messages until somebody fetches them.
type Mailbox struct {
	Messages []string
}

// NewMailbox returns a Mailbox that shows in dumps of r what waits in it.
func NewMailbox(r reactor.Reactor) *Mailbox {
	m := &Mailbox{}
	reactor.AddInspectable(r, m, (*Mailbox).show)
	return m
}

func (m *Mailbox) show(w io.Writer) {
	if n := len(m.Messages); n != 0 {
		fmt.Fprintf(w, "mailbox: %d messages, the first is %q\n", n, m.Messages[0])
	}
}

func ExampleAddInspectable() {
	r := memory.New()
	m := NewMailbox(r)
	fmt.Printf("%q\n", reactor.Inspect(r))
	m.Messages = append(m.Messages, "hello", "bye")
	fmt.Printf("%q\n", reactor.Inspect(r))
	// Output:
	// []
	// ["mailbox: 2 messages, the first is \"hello\"\n"]
}
