package protocols_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A deliverer is a kind of receiver that calls one function with whatever it delivers.
type deliverer struct {
	name  string
	frame func(s string) string // s as it is sent
	make  func(received func(data []byte)) receiver
}

var deliverers = []deliverer{
	{"LineReceiver", func(s string) string { return s + "\r\n" }, func(f func([]byte)) receiver { return &protocols.LineReceiver{LineReceived: f} }},
	{"raw mode", func(s string) string { return "\r" + s + "\n" }, func(f func([]byte)) receiver {
		r := &protocols.LineReceiver{Delimiter: "\r"}
		var raw []byte
		r.LineReceived = func([]byte) { raw = nil; r.SetRawMode() }
		r.RawDataReceived = func(data []byte) {
			before, after, ends := bytes.Cut(data, []byte("\n"))
			if raw = append(raw, before...); ends {
				r.SetLineMode(after) // before f, which may end it
				f(raw)
			}
		}
		return r
	}},
	{"LineOnlyReceiver", func(s string) string { return s + "\r\n" }, func(f func([]byte)) receiver { return &protocols.LineOnlyReceiver{LineReceived: f} }},
	{"Int8StringReceiver", sizes[0].message, func(f func([]byte)) receiver { return sizes[0].make(0, f, nil) }},
	{"Int16StringReceiver", sizes[1].message, func(f func([]byte)) receiver { return sizes[1].make(0, f, nil) }},
	{"Int32StringReceiver", sizes[2].message, func(f func([]byte)) receiver { return sizes[2].make(0, f, nil) }},
	{"NetstringReceiver", func(s string) string {
		tr := &memory.StringTransport{}
		r := &protocols.NetstringReceiver{Transport: tr}
		r.SendString([]byte(s))
		return tr.Value()
	}, func(f func([]byte)) receiver { return &protocols.NetstringReceiver{StringReceived: f} }},
}

// frames returns the strings as they are sent.
func (k deliverer) frames(s ...string) []byte {
	all := ""
	for _, s := range s {
		all += k.frame(s)
	}
	return []byte(all)
}

// TestNothingAfterTheEnd: after each kind of end nothing is delivered, neither of the same
// piece nor of the next.
func TestNothingAfterTheEnd(t *testing.T) {
	for _, k := range deliverers {
		for name, end := range map[string]func(r receiver, tr *memory.StringTransport){
			"LoseConnection":           func(_ receiver, tr *memory.StringTransport) { tr.LoseConnection() },
			"AbortConnection":          func(_ receiver, tr *memory.StringTransport) { tr.AbortConnection() },
			"StopProducing":            func(r receiver, tr *memory.StringTransport) { r.StopProducing() },
			"ConnectionLost":           func(r receiver, _ *memory.StringTransport) { r.ConnectionLost(reactor.ErrConnectionDone) },
			"a loss by LoseConnection": func(r receiver, tr *memory.StringTransport) { tr.Protocol = r; tr.LoseConnection() },
			"LoseConnection in a pause": func(r receiver, tr *memory.StringTransport) {
				r.PauseProducing()
				tr.LoseConnection()
				r.ResumeProducing()
			},
			"PauseProducing and the loss": func(r receiver, _ *memory.StringTransport) {
				r.PauseProducing()
				r.ConnectionLost(nil)
				r.ResumeProducing()
			},
		} {
			for _, cut := range []bool{false, true} {
				var got []string
				var r receiver
				tr := &memory.StringTransport{}
				r = k.make(func(data []byte) {
					if got = append(got, string(data)); string(data) == "end" {
						end(r, tr)
					}
				})
				r.ConnectionMade(tr)
				data := k.frames("a", "end", "b", "c")
				if cut {
					for _, b := range bytewise(data) {
						r.DataReceived(b)
					}
				} else {
					r.DataReceived(data)
				}
				r.DataReceived(k.frames("d"))
				if want := []string{"a", "end"}; !slices.Equal(got, want) {
					t.Errorf("%s, %s: got %q, want %q", k.name, name, got, want)
				}
				if r.Err() != nil {
					t.Errorf("%s, %s: the error is %v", k.name, name, r.Err())
				}
			}
		}
	}
}

// TestPauses pauses each kind after each string, and resumes it later or at once.
func TestPauses(t *testing.T) {
	for _, k := range deliverers {
		var got []string
		var r receiver
		tr := &memory.StringTransport{}
		atOnce := false
		r = k.make(func(data []byte) {
			got = append(got, string(data))
			r.PauseProducing()
			if atOnce {
				r.ResumeProducing()
			}
		})
		r.ConnectionMade(tr)
		r.DataReceived(k.frames("a", "b", "c"))
		r.DataReceived(k.frames("d")) // a transport may have had it on its way
		for i := range 4 {
			if len(got) != i+1 || tr.ProducerState() != memory.Paused {
				t.Fatalf("%s: got %q after %d resumes, and the transport is %v", k.name, got, i, tr.ProducerState())
			}
			r.ResumeProducing()
		}
		if tr.ProducerState() != memory.Producing {
			t.Errorf("%s: the transport is %v after the last", k.name, tr.ProducerState())
		}
		atOnce = true
		r.DataReceived(k.frames("e", "f"))
		if all := strings.Join(got, ""); all != "abcdef" || tr.ProducerState() != memory.Producing {
			t.Errorf("%s: got %q, and the transport is %v", k.name, got, tr.ProducerState())
		}
	}
}

// TestPanics: a panic in a function of the program leaves the receiver fit for the loss of the
// connection.
func TestPanics(t *testing.T) {
	for _, k := range deliverers {
		var r receiver
		calls := 0
		tr := &memory.StringTransport{}
		r = k.make(func([]byte) { calls++; panic("of the program") })
		r.ConnectionMade(tr)
		if text := panicOf(func() { r.DataReceived(k.frames("a", "b")) }); text != "of the program" {
			t.Errorf("%s: the panic is %q", k.name, text)
		}
		tr.AbortConnection()
		r.ConnectionLost(reactor.ErrConnectionAborted)
		r.DataReceived(k.frames("c"))
		if calls != 1 {
			t.Errorf("%s: %d calls", k.name, calls)
		}
	}
}

// TestPanicAfterAPause: a panic while a timer resumes a receiver ends the connection.
func TestPanicAfterAPause(t *testing.T) {
	for _, k := range deliverers {
		var r receiver
		calls := 0
		tr := &memory.StringTransport{}
		r = k.make(func([]byte) {
			if calls++; calls == 2 {
				panic("of the program")
			}
			r.PauseProducing()
		})
		r.ConnectionMade(tr)
		r.DataReceived(k.frames("a", "b", "c"))
		if text := panicOf(r.ResumeProducing); text != "of the program" {
			t.Errorf("%s: the panic is %q", k.name, text)
		}
		if !tr.Disconnecting() || calls != 2 {
			t.Errorf("%s: %d calls, and the transport is %v", k.name, calls, tr.ProducerState())
		}
	}
}

// TestMissingFunctions: what cannot be delivered is a panic that names the function to set.
func TestMissingFunctions(t *testing.T) {
	for _, k := range deliverers {
		if k.name == "raw mode" {
			continue
		}
		r := k.make(nil)
		r.ConnectionMade(&memory.StringTransport{})
		text := panicOf(func() { r.DataReceived(k.frames("abc")) })
		if want := map[bool]string{true: "LineReceived", false: "StringReceived"}[strings.HasPrefix(k.name, "Line")]; !strings.Contains(text, `"abc" has come, and `+want+" is nil") {
			t.Errorf("%s: the panic is %q", k.name, text)
		}
		r = k.make(nil) // without ConnectionMade
		if text := panicOf(r.PauseProducing); !strings.Contains(text, "no Transport") {
			t.Errorf("%s: the panic is %q", k.name, text)
		}
	}
	r := &protocols.LineReceiver{}
	r.SetRawMode()
	if text := panicOf(func() { r.DataReceived([]byte("abc")) }); !strings.Contains(text, "RawDataReceived is nil") {
		t.Errorf("the panic is %q", text)
	}
	for _, f := range []func(){func() { r.SendLine("") }, func() { new(protocols.LineOnlyReceiver).SendLine("") },
		func() { new(protocols.Int8StringReceiver).SendString(nil) }, func() { new(protocols.NetstringReceiver).SendString(nil) }} {
		if text := panicOf(f); !strings.Contains(text, "no Transport: call its ConnectionMade") {
			t.Errorf("the panic is %q", text)
		}
	}
}

// TestUsedAgain: a receiver may be the protocol of one connection after another. Nothing is
// left of the first, but its mode.
func TestUsedAgain(t *testing.T) {
	for _, k := range deliverers {
		var got []string
		r := k.make(func(data []byte) { got = append(got, string(data)) })
		for range 2 {
			tr := &memory.StringTransport{}
			r.ConnectionMade(tr)
			data := k.frames("a", "b", "c")
			r.DataReceived(data[:len(data)-1])
			r.PauseProducing()
			r.ConnectionLost(reactor.ErrConnectionDone)
		}
		if k.name != "raw mode" && strings.Join(got, "") != "abab" {
			t.Errorf("%s: got %q", k.name, got)
		}
	}
}

// TestLossOfARealConnection: on a connection in memory, what came before the peer's end is
// delivered before ConnectionLost, also after a pause.
func TestLossOfARealConnection(t *testing.T) {
	for _, k := range deliverers {
		var got []string
		var server receiver
		w := memory.New()
		server = k.make(func(data []byte) {
			got = append(got, string(data))
			server.PauseProducing()
			w.CallLater(1, server.ResumeProducing)
		})
		lost := &lossy{receiver: server, lost: func(err error) { got = append(got, err.Error()) }}
		if _, err := w.ListenTCP("10.0.0.1:1", reactor.FactoryFunc(only(lost))); err != nil {
			t.Fatal(err)
		}
		w.ConnectTCP("10.0.0.1:1", reactor.FactoryFunc(only(&once{data: k.frames("a", "b", "c")})), reactor.ConnectConfig{})
		w.RunFor(1000)
		if want := []string{"a", "b", "c", reactor.ErrConnectionDone.Error()}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", k.name, got, want)
		}
	}
}

// TestGivesUpOnARealConnection: the peer learns that the connection is closed, and the program
// learns why.
func TestGivesUpOnARealConnection(t *testing.T) {
	w := memory.New()
	server := &protocols.NetstringReceiver{}
	var reason error
	if _, err := w.ListenTCP("10.0.0.1:1", reactor.FactoryFunc(only(&lossy{server, func(err error) { reason = err }}))); err != nil {
		t.Fatal(err)
	}
	client := &once{data: []byte("GET / HTTP/1.1\r\n\r\n"), stay: true}
	w.ConnectTCP("10.0.0.1:1", reactor.FactoryFunc(only(client)), reactor.ConnectConfig{})
	w.RunFor(1000)
	if client.lost == nil || reason != reactor.ErrConnectionDone {
		t.Errorf("the client has %v, the server %v", client.lost, reason)
	}
	var bad *protocols.NetstringError
	if !errors.As(server.Err(), &bad) || string(bad.Data) != "GET / HTTP/1.1\r\n\r\n" {
		t.Errorf("the error is %v", server.Err())
	}
}
