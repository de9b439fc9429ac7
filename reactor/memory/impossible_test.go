package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// An endpoint is one side of a connection. It does one thing after another at random, and notes
// what no network can do to it.
type endpoint struct {
	reactor.Transport
	*world
	name              string
	machine           *memory.Machine
	steps             int // that are left
	sent, got         int
	halfClosed        bool // it has ended what it sends
	closing, aborting bool
	made, eof, lost   bool
	reason            error
}

// A world is a run of endpoints.
type world struct {
	t       *testing.T
	r       *memory.Reactor
	rand    *rand.Rand
	servers map[string]*endpoint // by the address of the client
}

func (e *endpoint) impossible(format string, args ...any) {
	e.t.Errorf("%s: %s", e.name, fmt.Sprintf(format, args...))
}

func (e *endpoint) ConnectionMade(t reactor.Transport) {
	if e.made || e.lost {
		e.impossible("made twice, or after its loss")
	}
	e.made, e.Transport = true, t
	if t.Reactor() != reactor.Reactor(e.machine) {
		e.impossible("on reactor %v", t.Reactor())
	}
	e.step()
}

func (e *endpoint) step() {
	if e.lost || e.closing || e.aborting {
		return
	}
	if e.steps--; e.steps < 0 {
		e.closing = true
		e.ResumeProducing()
		e.LoseConnection()
		return
	}
	switch n := e.rand.IntN(24); {
	case n == 0:
		e.aborting = true
		e.AbortConnection()
		return
	case n == 1:
		e.halfClosed = true
		e.LoseWriteConnection()
	case n < 5:
		e.PauseProducing()
	case n < 10:
		e.ResumeProducing()
	case !e.halfClosed:
		n := min(e.rand.IntN(1<<e.rand.IntN(15)), streamSize-e.sent)
		e.Write(pattern(e.sent, n))
		e.sent += n
	}
	e.r.CallLater(time.Duration(max(0, e.rand.IntN(40)-20))*time.Millisecond, e.step)
}

func (e *endpoint) DataReceived(b []byte) {
	switch {
	case !e.made || e.eof || e.lost:
		e.impossible("bytes before the beginning or after the end")
	case len(b) == 0:
		e.impossible("no bytes")
	case e.got+len(b) > streamSize || !bytes.Equal(b, pattern(e.got, len(b))):
		e.impossible("wrong bytes at %d", e.got)
	}
	e.got += len(b)
}

func (e *endpoint) ReadConnectionLost() {
	if !e.made || e.eof || e.lost {
		e.impossible("a second end")
	}
	e.eof = true
}

func (e *endpoint) WriteConnectionLost() {}

func (e *endpoint) ConnectionLost(reason error) {
	if !e.made || e.lost {
		e.impossible("lost twice: %v, %v", e.reason, reason)
	}
	e.lost = true
	for _, known := range reasonsOfLoss {
		if errors.Is(reason, known) {
			e.reason = known
		}
	}
	if e.reason == nil {
		e.impossible("lost for %v", reason)
	}
}

var reasonsOfLoss = []error{reactor.ErrConnectionDone, reactor.ErrConnectionReset, reactor.ErrConnectionAborted, reactor.ErrStopped}

// No program sees what no network can do, whatever is chosen: bytes come in their order and before
// any end, and none without a fault is missing; a connection ends once on each side, and for a
// reason; an attempt ends once.
func TestNothingImpossibleHappens(t *testing.T) {
	logtest.Capture(t) // ports that cannot accept
	seeds := uint64(400)
	if raceEnabled {
		seeds = 60
	}
	var seen memory.Faults
	reasons := map[error]bool{}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			conditions := memory.Conditions{MaxLatency: 50 * time.Millisecond, MinBandwidth: 20_000}
			if seed%4 != 0 {
				conditions.MayFail = []memory.Link{{"client", "server"}}
			}
			r := memory.NewReactor(memory.Config{Choices: newRandom(seed, 1+int(seed%30)), Conditions: conditions})
			w := &world{t, r, rand.New(rand.NewPCG(seed, 1)), map[string]*endpoint{}}
			server, client := r.Machine("server"), r.Machine("client")
			server.Process(func() func() {
				_, err := server.ListenTCP(":80", reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
					e := &endpoint{world: w, name: "the server of " + peer.String(), machine: server, steps: w.rand.IntN(20)}
					if w.servers[peer.String()] != nil {
						e.impossible("accepted twice")
					}
					w.servers[peer.String()] = e
					return e
				}))
				if err != nil {
					t.Error(err)
				}
				return nil
			})
			client.Process(func() func() { return nil })
			var clients []*endpoint
			attempts, ended := 0, 0
			for range 3 {
				r.CallLater(time.Duration(w.rand.IntN(100))*time.Millisecond, func() {
					attempts++
					e := &endpoint{world: w, name: fmt.Sprint("client ", attempts), machine: client, steps: w.rand.IntN(20)}
					d := client.ConnectTCP(server.Addr().String()+":80", just(e), reactor.ConnectConfig{})
					if w.rand.IntN(8) == 0 {
						r.CallLater(time.Duration(w.rand.IntN(60))*time.Millisecond, d.Cancel)
					}
					d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
						ended++
						if (err == nil) != e.made {
							e.impossible("made is %v, but the attempt ended with %v", e.made, err)
						}
						return nil, nil
					})
					clients = append(clients, e)
				})
			}
			r.RunFor(time.Minute)
			r.EndFaults()
			r.RunFor(10 * time.Minute)
			if ended != attempts {
				t.Errorf("%d of %d attempts have ended", ended, attempts)
			}
			var faults memory.Faults
			for _, f := range r.FaultsMade() {
				faults |= f.Kind
			}
			seen |= faults
			connected := map[string]bool{}
			for _, c := range clients {
				if !c.made {
					continue
				}
				connected[c.Host().String()] = true
				s := w.servers[c.Host().String()]
				if s == nil {
					if !c.lost {
						c.impossible("is connected with nobody: %v", faults)
					}
					continue
				}
				c.compare(s, faults)
				s.compare(c, faults)
				reasons[c.reason], reasons[s.reason] = true, true
			}
			for at, s := range w.servers {
				if !connected[at] && !s.lost {
					s.impossible("is connected with nobody: %v", faults)
				}
			}
			if left := r.Leftovers(); len(left) != 0 {
				t.Errorf("left after %v: %v", faults, left)
			}
		})
	}
	const all = memory.Refused | memory.Reset | memory.HalfClosed | memory.Stalled | memory.Cut | memory.AcceptFails | memory.Restart
	if seen != all {
		t.Errorf("faults %v were made, want %v", seen, all)
	}
	for _, reason := range reasonsOfLoss {
		if !reasons[reason] {
			t.Errorf("no connection was lost because %v", reason)
		}
	}
}

// compare compares how a connection has ended for e with what its peer has done.
func (e *endpoint) compare(peer *endpoint, faults memory.Faults) {
	const losing = memory.Reset | memory.HalfClosed | memory.Cut | memory.Restart
	clean := faults&losing == 0
	switch {
	case !e.lost:
		e.impossible("is not lost after %v, but its peer is for %v", faults, peer.reason)
	case e.got > peer.sent:
		e.impossible("got %d of %d bytes", e.got, peer.sent)
	case errors.Is(e.reason, reactor.ErrStopped) && faults&memory.Restart == 0:
		e.impossible("lost for %v without a Restart", e.reason)
	case errors.Is(e.reason, reactor.ErrConnectionAborted) && !e.aborting:
		e.impossible("aborted by nobody")
	case clean && errors.Is(e.reason, reactor.ErrConnectionReset) && !peer.aborting && !peer.closing:
		e.impossible("reset by nobody: its peer was lost for %v", peer.reason)
	case clean && e.eof && !peer.aborting && e.got != peer.sent:
		e.impossible("read the end after %d of %d bytes", e.got, peer.sent)
	}
}
