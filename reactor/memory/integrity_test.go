package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// talker writes a stream of numbered bytes in pieces of random size at random
// times, pauses at random and checks the received bytes. When it has sent all, it ends
// its sending direction.
type talker struct {
	reactor.Transport
	r          *memory.Reactor
	left, sent int
	got        int
	wrong      bool
	readLost   int
	lost       []error
}

// pattern returns n bytes of the stream, starting with byte number from.
func pattern(from, n int) []byte { return stream[from : from+n] }

var stream = func() []byte {
	b := make([]byte, streamSize)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}()

const streamSize = 300 << 10

func (p *talker) ConnectionMade(t reactor.Transport) {
	p.Transport = t
	p.talk()
}

func (p *talker) talk() {
	for range p.r.Rand().IntN(3) {
		n := min(p.left, p.r.Rand().IntN(100<<10))
		p.Write(pattern(p.sent, n))
		p.sent += n
		p.left -= n
	}
	if p.left == 0 {
		p.LoseWriteConnection()
		return
	}
	p.r.CallLater(p.randomDelay(), p.talk)
}

// randomDelay is often 0, so that much happens in one turn.
func (p *talker) randomDelay() time.Duration {
	return max(0, time.Duration(p.r.Rand().IntN(20)-10)) * time.Millisecond
}

func (p *talker) DataReceived(b []byte) {
	p.wrong = p.wrong || !bytes.Equal(b, pattern(p.got, len(b)))
	p.got += len(b)
	if p.r.Rand().IntN(3) == 0 {
		p.PauseProducing()
		p.r.CallLater(p.randomDelay(), p.ResumeProducing)
	}
}

func (p *talker) ReadConnectionLost()         { p.readLost++ }
func (p *talker) WriteConnectionLost()        {}
func (p *talker) ConnectionLost(reason error) { p.lost = append(p.lost, reason) }

func TestNothingIsLostWhateverTheTiming(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := memory.New()
			r.Seed(seed)
			if seed%2 == 1 {
				r.Latency("", "", time.Duration(r.Rand().IntN(20))*time.Millisecond)
			}
			if seed%4 == 3 {
				for at := range 20 {
					at := time.Duration(at*2) * 10 * time.Millisecond
					r.CallLater(at, func() { r.Hold("", "") })
					r.CallLater(at+10*time.Millisecond, func() { r.Release("", "") })
				}
			}
			client, server := &talker{r: r, left: streamSize}, &talker{r: r, left: streamSize}
			listen(t, r, address, server)
			connect(r, address, client)
			r.RunFor(time.Minute)
			for _, p := range []*talker{client, server} {
				if p.got != streamSize || p.wrong || p.readLost != 1 {
					t.Errorf("got %d bytes, wrong %v, read lost %d times", p.got, p.wrong, p.readLost)
				}
				if len(p.lost) != 1 || !errors.Is(p.lost[0], reactor.ErrConnectionDone) {
					t.Errorf("lost the connection for %v", p.lost)
				}
			}
			if n := len(r.DelayedCalls()); n != 0 {
				t.Errorf("%d delayed calls are left", n)
			}
		})
	}
}
