package handover_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/handover"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A taker takes a connection over. It records its calls.
type taker struct {
	transport reactor.Transport
	name      string
	made      func(p *taker)              // called in ConnectionMade; may be nil
	data      func(p *taker, text string) // called in DataReceived; may be nil
	calls     []string
	lost      error
}

func (p *taker) ConnectionMade(t reactor.Transport) {
	p.transport = t
	if p.made != nil {
		p.made(p)
	}
}

func (p *taker) DataReceived(data []byte) {
	p.calls = append(p.calls, p.name+string(data))
	if p.data != nil {
		p.data(p, string(data))
	}
}

func (p *taker) ConnectionLost(reason error) { p.lost = reason }

// A halfTaker is a taker that is half-closeable.
type halfTaker struct{ *taker }

func (p halfTaker) ReadConnectionLost()  { p.calls = append(p.calls, "end") }
func (p halfTaker) WriteConnectionLost() {}

// An opener gives its connection to a taker when it has received something.
type opener struct {
	transport reactor.Transport
	to        reactor.Protocol
	early     string
	ended     bool // the end of file has come
	opened    func()
}

func (o *opener) ConnectionMade(t reactor.Transport) { o.transport = t }
func (o *opener) ConnectionLost(error)               {}
func (o *opener) DataReceived([]byte) {
	early := []byte(o.early)
	handover.To(o.transport, o.to, early, o.ended, o.opened)
	clear(early) // it is the opener's
}

func pauses(p *taker)  { p.transport.PauseProducing() }
func resumes(p *taker) { p.transport.ResumeProducing() }
func loses(p *taker)   { p.transport.LoseConnection() }
func aborts(p *taker)  { p.transport.AbortConnection() }
func stops(p *taker)   { p.transport.StopProducing() }
func switches(p *taker) {
	p.transport.SwitchProtocol(&other{p})
}

// An other is what takes the place of a taker.
type other struct{ *taker }

func (o *other) DataReceived(data []byte) {
	o.calls = append(o.calls, "other "+string(data))
}

// TestTo: what has come waits while the protocol pauses, in order with what comes, and is lost
// when the protocol ends the connection.
func TestTo(t *testing.T) {
	both := func(first, second func(*taker)) func(*taker) {
		return func(p *taker) { first(p); second(p) }
	}
	onEarly := func(f func(*taker)) func(*taker, string) {
		return func(p *taker, text string) {
			if text == "early" {
				f(p)
			}
		}
	}
	for _, test := range []struct {
		name   string
		early  string
		taker  taker
		opened func(p *taker) // when the connection is open
		before string         // the calls then
		later  func(p *taker) // in a later turn
		after  string         // the calls in the end, after the peer has sent "late"
	}{
		{"nothing", "early", taker{}, nil, "early", nil, "early|late"},
		{"nothing early", "", taker{}, nil, "", nil, "late"},
		{"pauses", "early", taker{made: pauses}, nil, "", resumes, "early|late"},
		{"pauses, nothing early", "", taker{made: pauses}, nil, "", resumes, "late"},
		{"pauses for good", "early", taker{made: pauses}, nil, "", nil, ""},
		{"pauses for good, nothing early", "", taker{made: pauses}, nil, "", nil, ""},
		{"pauses when opened", "early", taker{}, pauses, "", resumes, "early|late"},
		{"pauses and resumes", "early", taker{made: both(pauses, resumes)}, nil, "early", nil, "early|late"},
		{"resumes and pauses", "early", taker{made: pauses}, nil, "", both(resumes, pauses), ""},
		{"resumes twice", "early", taker{made: pauses}, nil, "", both(resumes, resumes), "early|late"},
		{"resumes, pauses, resumes", "early", taker{made: pauses}, nil, "", both(resumes, both(pauses, resumes)), "early|late"},
		{"pauses when it receives", "early", taker{data: onEarly(pauses)}, nil, "early", nil, "early"},
		{"pauses, then when it receives", "early", taker{made: pauses, data: onEarly(pauses)}, nil, "", resumes, "early"},
		{"pauses and resumes when it receives", "early", taker{data: onEarly(both(pauses, resumes))}, nil, "early", nil, "early|late"},
		{"loses", "early", taker{made: loses}, nil, "", nil, ""},
		{"aborts", "early", taker{made: aborts}, nil, "", nil, ""},
		{"stops when opened", "early", taker{}, stops, "", nil, ""},
		{"loses while paused", "early", taker{made: pauses}, nil, "", both(loses, resumes), ""},
		{"aborts while paused", "early", taker{made: pauses}, nil, "", both(resumes, aborts), ""},
		{"loses when it receives", "early", taker{data: onEarly(loses)}, nil, "early", nil, "early"},
		{"switches", "early", taker{made: switches}, nil, "other early", nil, "other early|other late"},
		{"switches while paused", "early", taker{made: pauses}, nil, "", both(switches, resumes), "other early|other late"},
	} {
		for _, half := range []bool{false, true} {
			name := test.name
			if half {
				name += ", half-closeable"
			}
			t.Run(name, func(t *testing.T) {
				p := test.taker
				var to reactor.Protocol = &p
				if half {
					to = halfTaker{&p}
				}
				opened := false
				r, peer := connect(t, &opener{to: to, early: test.early, opened: func() {
					opened = true
					if test.opened != nil {
						test.opened(&p)
					}
				}})
				if got := strings.Join(p.calls, "|"); got != test.before || !opened {
					t.Errorf("before: %q, opened %t; want %q", got, opened, test.before)
				}
				if test.later != nil {
					test.later(&p)
					if got := strings.Join(p.calls, "|"); got != test.before {
						t.Errorf("called in the middle of the caller: %q", got)
					}
				}
				peer.transport.Write([]byte("late"))
				r.Pump()
				if got := strings.Join(p.calls, "|"); got != test.after {
					t.Errorf("after: %q; want %q", got, test.after)
				}
				p.transport.AbortConnection()
				r.Pump()
				if p.lost == nil || len(r.DelayedCalls()) != 0 {
					t.Errorf("lost for %v; left: %v", p.lost, r.DelayedCalls())
				}
			})
		}
	}
}

// connect connects o to a peer, which asks it to hand over.
func connect(t *testing.T, o *opener) (*memory.Reactor, *taker) {
	r, peer := memory.New(), &taker{}
	build := func(p reactor.Protocol) reactor.Factory {
		return reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
	}
	if _, err := r.ListenTCP("192.0.2.1:1", build(o)); err != nil {
		t.Fatal(err)
	}
	r.ConnectTCP("192.0.2.1:1", build(peer), reactor.ConnectConfig{})
	r.Pump()
	peer.transport.Write([]byte("now"))
	r.Pump()
	return r, peer
}

// TestEnd: the end of file that has come follows what came before it.
func TestEnd(t *testing.T) {
	for _, test := range []struct {
		name          string
		early         string
		made          func(*taker)
		data          func(*taker, string)
		before, after string // after it resumes
	}{
		{"at once", "early", nil, nil, "early|end", "early|end"},
		{"alone", "", nil, nil, "end", "end"},
		{"paused", "early", pauses, nil, "", "early|end"},
		{"paused, alone", "", pauses, nil, "", "end"},
		{"paused by what came", "early", nil, func(p *taker, _ string) { pauses(p) }, "early", "early|end"},
		{"lost by what came", "early", nil, func(p *taker, _ string) { loses(p) }, "early", "early"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := taker{made: test.made, data: test.data}
			r, _ := connect(t, &opener{to: halfTaker{&p}, early: test.early, ended: true})
			if got := strings.Join(p.calls, "|"); got != test.before {
				t.Errorf("before: %q; want %q", got, test.before)
			}
			resumes(&p)
			r.Pump()
			if got := strings.Join(p.calls, "|"); got != test.after {
				t.Errorf("after: %q; want %q", got, test.after)
			}
			q := taker{made: test.made, data: test.data} // it is not half-closeable
			r, _ = connect(t, &opener{to: &q, early: test.early, ended: true})
			if paused := !strings.HasSuffix(test.before, "end") && test.name != "lost by what came"; paused != (q.lost == nil) {
				t.Errorf("before: lost for %v", q.lost)
			}
			resumes(&q)
			r.Pump()
			if got := strings.Join(q.calls, "|"); got != strings.TrimSuffix(strings.TrimSuffix(test.after, "end"), "|") || q.lost != reactor.ErrConnectionDone {
				t.Errorf("after: %q, lost for %v", got, q.lost)
			}
		})
	}
}

// A source is a producer that never ends.
type source struct{ stopped int }

func (s *source) PauseProducing()  {}
func (s *source) ResumeProducing() {}
func (s *source) StopProducing()   { s.stopped++ }

// TestEndWithAProducer: the end of file that has come ends the connection of a protocol that is not half-closeable, although
// a producer is registered, and stops the producer.
func TestEndWithAProducer(t *testing.T) {
	for name, register := range map[string]func(t reactor.Transport, s *source) error{
		"push": func(t reactor.Transport, s *source) error { return t.RegisterProducer(s) },
		"pull": func(t reactor.Transport, s *source) error { return t.RegisterPullProducer(s) },
	} {
		for _, paused := range []bool{false, true} {
			s := &source{}
			p := taker{made: func(p *taker) {
				if err := register(p.transport, s); err != nil {
					t.Error(name, err)
				}
				p.transport.Write([]byte("bye"))
				if paused {
					pauses(p)
				}
			}}
			r, peer := connect(t, &opener{to: &p, ended: true})
			if paused {
				if p.lost != nil || s.stopped != 0 {
					t.Errorf("%s: lost for %v during the pause, the producer stopped %d times", name, p.lost, s.stopped)
				}
				resumes(&p)
				r.Pump()
			}
			if p.lost != reactor.ErrConnectionDone || s.stopped != 1 {
				t.Errorf("%s, paused %t: lost for %v, the producer stopped %d times", name, paused, p.lost, s.stopped)
			}
			if got := strings.Join(peer.calls, "|"); got != "bye" {
				t.Errorf("%s, paused %t: the peer got %q", name, paused, got)
			}
		}
	}
	s := &source{} // that is no longer registered
	p := taker{made: func(p *taker) {
		p.transport.RegisterProducer(s)
		p.transport.UnregisterProducer()
	}}
	if connect(t, &opener{to: &p, ended: true}); p.lost != reactor.ErrConnectionDone || s.stopped != 0 {
		t.Errorf("lost for %v, a producer of the past stopped %d times", p.lost, s.stopped)
	}
}

// TestPanic: a panic of the protocol loses the connection, at once and after a pause.
func TestPanic(t *testing.T) {
	for _, made := range []func(*taker){nil, pauses} {
		log := logtest.Capture(t)
		p := taker{made: made, data: func(*taker, string) { panic(errors.New("oops")) }}
		r, _ := connect(t, &opener{to: &p, early: "early"})
		resumes(&p)
		r.Pump()
		if p.lost == nil || !strings.Contains(log.Take(), "oops") {
			t.Errorf("lost for %v", p.lost)
		}
	}
}

// TestStopped: the end of the reactor ends a pause, and no timer is left.
func TestStopped(t *testing.T) {
	p := taker{made: pauses}
	r, _ := connect(t, &opener{to: &p, early: "early"})
	r.Stop()
	r.Run()
	if p.lost == nil || len(p.calls) != 0 || len(r.DelayedCalls()) != 0 {
		t.Errorf("lost for %v, called %q, left %v", p.lost, p.calls, r.DelayedCalls())
	}
}

// TestAs: a protocol finds its wrapper through the transport that holds something back.
func TestAs(t *testing.T) {
	r := memory.New()
	p := &taker{}
	f := &protocols.TimeoutFactory{Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &opener{to: p, early: "early"} })}
	if _, err := r.ListenTCP("192.0.2.1:1", f); err != nil {
		t.Fatal(err)
	}
	peer := &taker{}
	r.ConnectTCP("192.0.2.1:1", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return peer }), reactor.ConnectConfig{})
	r.Pump()
	peer.transport.Write([]byte("now"))
	r.Pump()
	if _, ok := protocols.As[*protocols.TimeoutProtocol](p.transport); !ok || len(p.calls) != 1 {
		t.Errorf("found: %t; calls %q", ok, p.calls)
	}
}
