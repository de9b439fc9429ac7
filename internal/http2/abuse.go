package http2

// This file bounds what a peer can make us do for nothing (RFC 9113, section 10.5). Two accounts are used up by what does
// no work, and fill with time and with work that is done.

import (
	"time"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// An account has tokens, up to most of them.
type account struct {
	tokens, most int
	low          int // fewer tokens than this refill with time
	perSecond    int
	filled       time.Time // the last time that was asked for
}

// take takes n tokens, or returns false. It asks for the time only when less than low are left.
func (a *account) take(n int, now func() time.Time) bool {
	if a.tokens < a.low && now != nil {
		t := now()
		if more := t.Sub(a.filled); !a.filled.IsZero() && more > 0 {
			a.give(int(min(more, time.Hour).Seconds() * float64(a.perSecond)))
		}
		a.filled = t
	}
	if a.tokens < n {
		return false
	}
	a.tokens -= n
	return true
}

func (a *account) give(n int) { a.tokens = min(a.tokens+n, a.most) }

// abuse holds the accounts of a connection.
type abuse struct {
	noise  account // frames that do no work: CVE-2019-9512, 9515, 9518, CVE-2024-27316
	resets account // streams that the peer reset, or made us reset: CVE-2023-44487, CVE-2025-8671
	now    func() time.Time
}

func (a *abuse) init(config *Config) {
	*a = abuse{
		noise:  account{tokens: 1000, most: 4000, low: 500, perSecond: 500},
		resets: account{tokens: 1000, most: 2000, low: 500, perSecond: 200},
		now:    config.Now,
	}
}

// completed counts a stream that ended in order.
func (a *abuse) completed() {
	a.resets.give(1)
	a.noise.give(4)
}

// noise takes n tokens for frames that do no work.
func (c *conn) noise(n int, what string) error {
	if c.abuse.noise.take(n, c.abuse.now) {
		return nil
	}
	return c.fail(wire.EnhanceYourCalm, wire.ErrFlood, "10.5", "too many %s", what)
}

// provoked takes a token for a stream that ends early because of the peer.
func (c *conn) provoked(what string) error {
	if c.abuse.resets.take(1, c.abuse.now) {
		return nil
	}
	return c.fail(wire.EnhanceYourCalm, wire.ErrFlood, "10.5", "too many %s", what)
}
