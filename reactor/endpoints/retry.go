package endpoints

import (
	"cmp"
	"math"
	"math/rand/v2"
	"time"
)

// A RetryPolicy returns the time that a [ClientService] waits before its next attempt
// to connect. failures is the number of failures in a row, from 1. The loss of a
// connection is a failure. reason is the last failure's error: what Failed or Lost of the
// [ClientServiceConfig] got. random is the reactor's source of randomness. A negative time
// means 0. A policy that gives up calls StopService; its result is then ignored.
type RetryPolicy func(failures int, reason error, random *rand.Rand) time.Duration

// A BackoffPolicy makes each wait longer than the one before. Its Delay method is a
// [RetryPolicy]. It is Twisted's backoffPolicy.
type BackoffPolicy struct {
	// InitialDelay times Factor is the first wait. 0 means one second.
	InitialDelay time.Duration
	// MaxDelay bounds the wait, without the jitter. 0 means one minute.
	MaxDelay time.Duration
	// Factor multiplies the wait at each failure. 0 means 1.5.
	Factor float64
}

// Delay returns InitialDelay times Factor to the power of failures, but at most
// MaxDelay, plus a jitter of up to a second. The jitter keeps the clients of a
// restarted server from connecting all at once. reason makes no difference.
func (b BackoffPolicy) Delay(failures int, reason error, random *rand.Rand) time.Duration {
	initial := cmp.Or(b.InitialDelay, time.Second)
	delay := cmp.Or(b.MaxDelay, time.Minute)
	grown := float64(initial) * math.Pow(cmp.Or(b.Factor, 1.5), float64(failures))
	if grown < float64(delay) { // else grown may be too large for a Duration
		delay = time.Duration(grown)
	}
	return delay + time.Duration(random.Float64()*float64(time.Second))
}
