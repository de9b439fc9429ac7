package endpoints

import (
	"math"
	"math/rand/v2"
	"time"
)

// A RetryPolicy says how long a [ClientService] waits before its next attempt to
// connect, after a number of failures in a row: 1 for the first. A connection
// that was lost counts as one.
type RetryPolicy func(failures int) time.Duration

// A BackoffPolicy makes each wait longer than the one before; its Delay is a
// [RetryPolicy]. The zero value is the policy of a [ClientService] that has no
// other. It is Twisted's backoffPolicy.
type BackoffPolicy struct {
	// InitialDelay is what the waits grow from; 0 means a second.
	InitialDelay time.Duration
	// MaxDelay is as long as a wait gets, but for the jitter; 0 means a minute.
	MaxDelay time.Duration
	// Factor is what the wait is multiplied with at each failure; 0 means 1.5.
	Factor float64
	// Jitter gives a number from 0 to 1: the part of a second that is added, so
	// that many clients of one server that was gone do not come back in step.
	// nil means [rand.Float64]; a test may give the Float64 of a source of its
	// own.
	Jitter func() float64
}

// Delay returns InitialDelay times Factor to the power of failures, or MaxDelay
// if that is less, and the jitter.
func (b BackoffPolicy) Delay(failures int) time.Duration {
	initial := orDefault(b.InitialDelay, time.Second)
	most := orDefault(b.MaxDelay, time.Minute)
	grown := float64(initial) * math.Pow(orDefault(b.Factor, 1.5), float64(failures))
	delay := most
	if grown < float64(most) { // never of a number that is too large to be one
		delay = time.Duration(grown)
	}
	jitter := b.Jitter
	if jitter == nil {
		jitter = rand.Float64
	}
	return delay + time.Duration(jitter()*float64(time.Second))
}

func orDefault[T time.Duration | float64](value, ifZero T) T {
	if value == 0 {
		return ifZero
	}
	return value
}
