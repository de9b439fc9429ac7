package http2

// This file bounds what a peer can make us do for nothing (RFC 9113, section 10.5). Accounts are used up by what does
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
	filled       time.Time // up to when time has refilled it
}

// take takes n tokens, or returns false. It asks for the time only when less than low are left.
func (a *account) take(n int, now func() time.Time) bool {
	if a.tokens < max(a.low, n) && now != nil {
		a.refill(now())
	}
	if a.tokens < n {
		return false
	}
	a.tokens -= n
	return true
}

// refill gives the tokens of the time since the last refill. A part of a token is given when it has become a whole one.
func (a *account) refill(t time.Time) {
	const longest = time.Hour
	passed := t.Sub(a.filled)
	if passed > longest {
		a.give(a.most)
		a.filled = t
	} else if n := int(passed * time.Duration(a.perSecond) / time.Second); n > 0 {
		a.give(n)
		a.filled = a.filled.Add(time.Duration(n) * time.Second / time.Duration(a.perSecond))
	}
}

func (a *account) give(n int) { a.tokens = min(a.tokens+n, a.most) }

// abuse holds the accounts of a connection.
type abuse struct {
	noise    account // frames that do no work: CVE-2019-9511, 9512, 9518, CVE-2024-27316
	settings account // SETTINGS, one of which changes all streams: CVE-2019-9515
	resets   account // streams that the peer reset, or made us reset: CVE-2023-44487, CVE-2025-8671
	now      func() time.Time
}

func (a *abuse) init(config *Config) {
	var start time.Time
	if config.Now != nil {
		start = config.Now()
	}
	*a = abuse{
		noise:    account{tokens: 1000, most: 4000, low: 500, perSecond: 500, filled: start},
		settings: account{tokens: 200, most: 200, low: 100, perSecond: 20, filled: start},
		resets:   account{tokens: 1000, most: 2000, low: 500, perSecond: 200, filled: start},
		now:      config.Now,
	}
}

// completed counts a stream that ended in order.
func (a *abuse) completed() {
	a.resets.give(1)
	a.noise.give(4)
}

// left counts a stream that our side resets. Some frames of it may be on their way, and do no work when they come.
func (a *abuse) left() { a.noise.give(4) }

// sent counts a DATA frame of n bytes. It pays for the WINDOW_UPDATEs that it needs, even one of a single byte: those cost
// the peer as much as us. A large one also pays for PINGs by which the peer measures the bandwidth.
func (a *abuse) sent(n int) { a.noise.give(max(2, n/128)) }

// noise takes n tokens for frames that do no work.
func (c *conn) noise(n int, what string) error {
	if c.abuse.noise.take(n, c.abuse.now) {
		return nil
	}
	return c.fail(wire.EnhanceYourCalm, wire.ErrFlood, "10.5", "too many %s", what)
}

// changes takes n tokens for SETTINGS.
func (c *conn) changes(n int) error {
	if c.abuse.settings.take(n, c.abuse.now) {
		return nil
	}
	return c.fail(wire.EnhanceYourCalm, wire.ErrFlood, "10.5", "too many SETTINGS frames")
}

// provoked takes a token for a stream that ends early because of the peer.
func (c *conn) provoked(what string) error {
	if c.abuse.resets.take(1, c.abuse.now) {
		return nil
	}
	return c.fail(wire.EnhanceYourCalm, wire.ErrFlood, "10.5", "too many %s", what)
}
