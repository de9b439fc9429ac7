package protocols_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A calls is the record of the calls that a receiver made.
type calls struct {
	made []string
	raw  bool // the last call was that of RawDataReceived, whose pieces are joined
}

func (c *calls) add(format string, args ...any) {
	c.made, c.raw = append(c.made, fmt.Sprintf(format, args...)), false
}

func (c *calls) addRaw(data []byte) {
	if c.raw {
		last := &c.made[len(c.made)-1]
		*last += string(data)
		return
	}
	c.add("raw %s", data)
	c.raw = true
}

// A receiver is what all receivers have.
type receiver interface {
	reactor.Protocol
	reactor.PushProducer
	Err() error
}

// A kind is a kind of receiver. make returns a new one, which records its calls in c.
type kind struct {
	name string
	make func(c *calls) receiver
}

const limit = 8

var kinds = []kind{
	{"LineReceiver", func(c *calls) receiver {
		r := &protocols.LineReceiver{MaxLength: limit}
		r.LineReceived = func(line []byte) {
			c.add("line %s", line)
			if string(line) == "raw" {
				r.SetRawMode()
			}
		}
		r.RawDataReceived = func(data []byte) {
			// A raw part ends with a full stop.
			for i, b := range data {
				if b == '.' {
					c.addRaw(data[:i+1])
					r.SetLineMode(data[i+1:])
					return
				}
			}
			c.addRaw(data)
		}
		return r
	}},
	{"LineOnlyReceiver", func(c *calls) receiver {
		return &protocols.LineOnlyReceiver{MaxLength: limit, Delimiter: "<>", LineReceived: func(line []byte) { c.add("line %s", line) }}
	}},
	{"LineOnlyReceiver that skips", func(c *calls) receiver {
		return &protocols.LineOnlyReceiver{MaxLength: limit, Delimiter: "<>",
			LineReceived:       func(line []byte) { c.add("line %s", line) },
			LineLengthExceeded: func(line []byte) { c.add("long %s", line) },
		}
	}},
	{"Int8StringReceiver", func(c *calls) receiver {
		return &protocols.Int8StringReceiver{MaxLength: limit, StringReceived: func(s []byte) { c.add("string %s", s) }}
	}},
	{"Int16StringReceiver", func(c *calls) receiver {
		return &protocols.Int16StringReceiver{MaxLength: limit, StringReceived: func(s []byte) { c.add("string %s", s) }}
	}},
	{"Int32StringReceiver", func(c *calls) receiver {
		return &protocols.Int32StringReceiver{MaxLength: limit, StringReceived: func(s []byte) { c.add("string %s", s) }}
	}},
	{"Int16StringReceiver that skips", func(c *calls) receiver {
		return &protocols.Int16StringReceiver{MaxLength: limit,
			StringReceived:      func(s []byte) { c.add("string %s", s) },
			LengthLimitExceeded: func(length int64) { c.add("long %d", length) },
		}
	}},
	{"NetstringReceiver", func(c *calls) receiver {
		return &protocols.NetstringReceiver{MaxLength: limit, StringReceived: func(s []byte) { c.add("string %s", s) }}
	}},
}

// feed returns the calls that a receiver of kind k makes for pieces, and at last its state.
func (k kind) feed(pieces ...[]byte) []string {
	c := &calls{}
	r, t := k.make(c), &memory.StringTransport{}
	r.ConnectionMade(t)
	for _, piece := range pieces {
		r.DataReceived(piece)
	}
	if t.Disconnecting() {
		c.add("lost: %T", r.Err())
	}
	return c.made
}

// kindNamed returns the kind of that name.
func kindNamed(t testing.TB, name string) kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return kind{}
}

// bytewise splits data into pieces of one byte.
func bytewise(data []byte) (pieces [][]byte) {
	for i := range data {
		pieces = append(pieces, data[i:i+1])
	}
	return pieces
}

// panicOf returns the text that f panics with, or "".
func panicOf(f func()) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint(v)
		}
	}()
	f()
	return ""
}

// only returns a function that builds p.
func only(p reactor.Protocol) func(net.Addr) reactor.Protocol {
	return func(net.Addr) reactor.Protocol { return p }
}

// A lossy calls lost after ConnectionLost of a receiver.
type lossy struct {
	receiver
	lost func(error)
}

func (l *lossy) ConnectionLost(reason error) {
	l.receiver.ConnectionLost(reason)
	l.lost(reason)
}

// A once sends data and closes the connection; or only its side of it, or neither.
type once struct {
	data       []byte
	half, stay bool
	transport  reactor.Transport
	got        []byte
	lost       error
}

func (o *once) ConnectionMade(t reactor.Transport) {
	o.transport = t
	t.Write(o.data)
	switch {
	case o.half:
		t.LoseWriteConnection()
	case !o.stay:
		t.LoseConnection()
	}
}

func (o *once) DataReceived(data []byte)    { o.got = append(o.got, data...) }
func (o *once) ConnectionLost(reason error) { o.lost = reason }
