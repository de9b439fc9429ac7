package endpoints_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

func TestBackoffPolicy(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name     string
		policy   endpoints.BackoffPolicy
		jitter   uint64 // in units of 2^-53 s
		failures int
		want     time.Duration
	}{
		{"at the first failure", endpoints.BackoffPolicy{}, 0, 1, 1500 * ms},
		{"at the second", endpoints.BackoffPolicy{}, 0, 2, 2250 * ms},
		{"before any", endpoints.BackoffPolicy{}, 0, 0, s},
		{"the last wait below the maximum", endpoints.BackoffPolicy{}, 0, 10, 57665039062},
		{"the maximum", endpoints.BackoffPolicy{}, 0, 11, 60 * s},
		{"the maximum for ever", endpoints.BackoffPolicy{}, 0, 1 << 30, 60 * s},
		{"jitter", endpoints.BackoffPolicy{}, 1 << 51, 1, 1750 * ms},
		{"jitter on top of the maximum", endpoints.BackoffPolicy{}, 1 << 52, 100, 60500 * ms},
		{"all fields set", endpoints.BackoffPolicy{InitialDelay: 2 * s, MaxDelay: 10 * s, Factor: 2}, 0, 2, 8 * s},
		{"no growth", endpoints.BackoffPolicy{Factor: 1}, 0, 9, s},
		{"the initial more than the most", endpoints.BackoffPolicy{InitialDelay: 9 * s, MaxDelay: 3 * s}, 0, 1, 3 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.policy.Delay(c.failures, nil, rand.New(constant(c.jitter))); got != c.want {
				t.Errorf("waits %v, want %v", got, c.want)
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 0))
	for range 100 {
		if got := (endpoints.BackoffPolicy{}).Delay(1, nil, random); got < 1500*ms || got >= 2500*ms {
			t.Errorf("with chance, it waits %v, want from 1.5s to 2.5s", got)
		}
	}
}

// constant is a source of one number.
type constant uint64

func (c constant) Uint64() uint64 { return uint64(c) }
