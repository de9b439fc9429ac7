package endpoints_test

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

func TestBackoffPolicy(t *testing.T) {
	none := func() float64 { return 0 }
	const s = time.Second
	for _, c := range []struct {
		name     string
		policy   endpoints.BackoffPolicy
		failures int
		want     time.Duration
	}{
		{"at the first failure", endpoints.BackoffPolicy{Jitter: none}, 1, 1500 * ms},
		{"at the second", endpoints.BackoffPolicy{Jitter: none}, 2, 2250 * ms},
		{"before any", endpoints.BackoffPolicy{Jitter: none}, 0, s},
		{"the last below the most", endpoints.BackoffPolicy{Jitter: none}, 10, 57665039062},
		{"the most", endpoints.BackoffPolicy{Jitter: none}, 11, 60 * s},
		{"the most for ever", endpoints.BackoffPolicy{Jitter: none}, 1 << 30, 60 * s},
		{"jitter", endpoints.BackoffPolicy{Jitter: func() float64 { return 0.25 }}, 1, 1750 * ms},
		{"jitter on top of the most", endpoints.BackoffPolicy{Jitter: func() float64 { return 0.5 }}, 100, 60500 * ms},
		{"all of one's own", endpoints.BackoffPolicy{InitialDelay: 2 * s, MaxDelay: 10 * s, Factor: 2, Jitter: none}, 2, 8 * s},
		{"no growth", endpoints.BackoffPolicy{Factor: 1, Jitter: none}, 9, s},
		{"the initial more than the most", endpoints.BackoffPolicy{InitialDelay: 9 * s, MaxDelay: 3 * s, Jitter: none}, 1, 3 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.policy.Delay(c.failures); got != c.want {
				t.Errorf("waits %v, want %v", got, c.want)
			}
		})
	}
	for range 100 {
		if got := (endpoints.BackoffPolicy{}).Delay(1); got < 1500*ms || got >= 2500*ms {
			t.Errorf("with chance, it waits %v, want from 1.5s to 2.5s", got)
		}
	}
}
