package response_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A lineReader is a protocol for connections. It obeys the lines "pause", "lose" and "abort".
type lineReader struct {
	protocols.LineReceiver
	got  []string
	lost []error
}

func newLineReader() *lineReader {
	r := &lineReader{}
	r.Delimiter, r.MaxLength = "\n", 10
	r.LineReceived = func(line []byte) {
		r.got = append(r.got, string(line))
		switch string(line) {
		case "pause":
			r.PauseProducing()
		case "lose":
			r.Transport.LoseConnection()
		case "abort":
			r.Transport.AbortConnection()
		}
	}
	return r
}

func (r *lineReader) ConnectionLost(reason error) {
	r.got = append(r.got, "and "+string(r.ClearLineBuffer()))
	r.lost = append(r.lost, reason)
	r.LineReceiver.ConnectionLost(reason)
}

// TestDeliverTo reads bodies with a protocol for connections.
func TestDeliverTo(t *testing.T) {
	cut := &response.FailedError{Reasons: []error{reactor.ErrConnectionDone}}
	for _, test := range []struct {
		name   string
		pieces []string
		end    error // of the body
		want   string
		reason error // of ConnectionLost
		stops  bool
	}{
		{"complete", []string{"a\nb", "c\nd"}, response.ErrDone, "a bc and d", response.ErrDone, false},
		{"until the end of the connection", []string{"a\n"}, response.ErrPotentialDataLoss, "a and ", response.ErrPotentialDataLoss, false},
		{"cut short", []string{"a\nb"}, cut, "a and b", reactor.ErrConnectionLost, false},
		{"LoseConnection", []string{"a\nlose\nb\n", "c\n"}, cut, "a lose and ", reactor.ErrConnectionDone, true},
		{"AbortConnection", []string{"a\nabort\nb\n", "c\n"}, cut, "a abort and ", reactor.ErrConnectionAborted, true},
		{"too long", []string{"a\n", "0123456789abcdef\n"}, cut, "a and ", reactor.ErrConnectionDone, true},
	} {
		resp, source := bodytest.New(200)
		r := newLineReader()
		if err := resp.DeliverTo(r); err != nil {
			t.Fatal(err)
		}
		source.Send(test.pieces...)
		source.End(test.end)
		if got := strings.Join(r.got, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if len(r.lost) != 1 || !errors.Is(r.lost[0], test.reason) || (source.Stopped != 0) != test.stops {
			t.Errorf("%s: the reason is %v; the source was stopped %d times", test.name, r.lost, source.Stopped)
		}
		if done := errors.Is(r.lost[0], reactor.ErrConnectionDone); done == errors.Is(r.lost[0], reactor.ErrConnectionLost) {
			t.Errorf("%s: to errors.Is, that the connection was closed in order is %v, and that it was lost, too", test.name, done)
		}
		var failed *response.FailedError
		if test.name == "cut short" && (!errors.As(r.lost[0], &failed) || failed != cut || r.lost[0].Error() != cut.Error()) {
			t.Errorf("the reason is %v", r.lost[0])
		}
		if !r.Transport.Disconnecting() || !r.Transport.PeerClosed() || !r.Transport.CheckPeerClosed() {
			t.Errorf("%s: the transport is connected", test.name)
		}
		if err := resp.DeliverTo(newLineReader()); err != response.ErrBodyTaken {
			t.Errorf("%s: a second reader: %v", test.name, err)
		}
	}
}

// TestDeliverToPauses: a pause within a piece goes down to the connection.
func TestDeliverToPauses(t *testing.T) {
	resp, source := bodytest.New(200)
	r := newLineReader()
	resp.DeliverTo(r)
	source.WantAsked(t, "resume")
	source.Send("a\npause\nb\npause\nc\n")
	source.WantAsked(t, "pause")
	source.End(response.ErrDone)
	want := []string{"a", "pause"}
	if !slices.Equal(r.got, want) {
		t.Errorf("got %q, want %q", r.got, want)
	}
	r.ResumeProducing()
	r.ResumeProducing()
	if want = append(want, "b", "pause", "c", "and "); !slices.Equal(r.got, want) {
		t.Errorf("got %q, want %q", r.got, want)
	}
}

// TestDeliverToEndsPaused: giving up a body that has ended during a pause ends the pause.
func TestDeliverToEndsPaused(t *testing.T) {
	for _, end := range []func(r *lineReader){
		func(r *lineReader) { r.Transport.LoseConnection() },
		func(r *lineReader) { r.Transport.AbortConnection() },
		func(r *lineReader) { r.StopProducing() },
	} {
		resp, source := bodytest.New(200)
		r := newLineReader()
		resp.DeliverTo(r)
		source.SendAll("pause\nb\n")
		if len(r.lost) != 0 {
			t.Errorf("the protocol lost the connection in a pause: %v", r.lost)
		}
		end(r)
		r.ResumeProducing()
		if !slices.Equal(r.got, []string{"pause", "and b\n"}) || len(r.lost) != 1 {
			t.Errorf("got %q, %v", r.got, r.lost)
		}
	}
}

// TestDeliverToSwitch: another protocol may take over.
func TestDeliverToSwitch(t *testing.T) {
	resp, source := bodytest.New(200)
	first, second := newLineReader(), newLineReader()
	resp.DeliverTo(first)
	source.Send("a\n")
	if old := first.Transport.SwitchProtocol(second); old != reactor.Protocol(first) {
		t.Errorf("the old protocol is %v", old)
	}
	second.ConnectionMade(first.Transport)
	source.SendAll("b\n")
	if len(first.got) != 1 || !slices.Equal(second.got, []string{"b", "and "}) {
		t.Errorf("got %q and %q", first.got, second.got)
	}
}

// TestDeliverToBuffered: a buffered body has any number of readers.
func TestDeliverToBuffered(t *testing.T) {
	resp, source := bodytest.New(200)
	resp.Buffer()
	first, second := newLineReader(), newLineReader()
	resp.DeliverTo(first)
	source.SendAll("a\nlose\nb\n")
	resp.DeliverTo(second)
	for _, r := range []*lineReader{first, second} {
		if !slices.Equal(r.got, []string{"a", "lose", "and "}) || len(r.lost) != 1 {
			t.Errorf("got %q, %v", r.got, r.lost)
		}
	}
}

// TestDeliverToTransport: the transport knows the connection, and cannot be written to.
func TestDeliverToTransport(t *testing.T) {
	world := memory.New()
	connection := &memory.StringTransport{On: world}
	resp, source := bodytest.New(200)
	source.SetConnection(connection)
	r := newLineReader()
	resp.DeliverTo(r)
	tr := r.Transport
	if tr.Peer() != connection.Peer() && tr.Peer().String() != connection.Peer().String() || tr.Host().String() != connection.Host().String() || tr.Reactor() != reactor.Reactor(world) || tr.TLS() != nil {
		t.Errorf("peer %v, host %v", tr.Peer(), tr.Host())
	}
	if tr.SetNoDelay(true) != nil || tr.SetKeepAlive(true) != nil || tr.PeerClosed() || tr.Disconnecting() {
		t.Error("the transport is not as it was")
	}
	tr.LoseWriteConnection()
	tr.UnregisterProducer()
	for name, f := range map[string]func(){
		"Write":                func() { tr.Write([]byte("a")) },
		"WriteSequence":        func() { tr.WriteSequence([]byte("a")) },
		"RegisterProducer":     func() { tr.RegisterProducer(r) },
		"RegisterPullProducer": func() { tr.RegisterPullProducer(r) },
		"SendLine":             func() { r.SendLine("a") },
	} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, "a protocol writes to the body of a response") {
					t.Errorf("%s: the panic is %q", name, text)
				}
			}()
			f()
		}()
	}
	source.SendAll()

	// A body without a connection.
	resp, _ = bodytest.New(200)
	r = newLineReader()
	resp.DeliverTo(r)
	if r.Transport.Peer().String() != "unknown" || r.Transport.Host().Network() != "none" || r.Transport.TLS() != nil {
		t.Errorf("peer %v", r.Transport.Peer())
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("Reactor without a reactor")
			}
		}()
		r.Transport.Reactor()
	}()
	body := response.NewBody(onReactor{task.NewCooperator(world, task.CooperatorConfig{})})
	r = newLineReader()
	response.New(body).DeliverTo(r)
	if r.Transport.Reactor() != reactor.Reactor(world) {
		t.Error("the reactor is not that of the Cooperator")
	}
}

// onReactor is the transport of a body.
type onReactor struct{ tasks *task.Cooperator }

func (onReactor) PauseProducing()                {}
func (onReactor) ResumeProducing()               {}
func (onReactor) StopProducing()                 {}
func (o onReactor) Cooperator() *task.Cooperator { return o.tasks }
