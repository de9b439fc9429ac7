package gallery

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var retryExhibit = exhibit{
	file: "retry.go", fault: "a retry of what is not idempotent, after a reset",
	network: memory.Conditions{MayFail: []memory.Link{{A: "customer", B: "bank"}}},
	faulty:  onePayment(payFaulty), mended: onePayment(payMended),
}

// onePayment makes a payment. The customer pays at most once, and once if the bank says so.
func onePayment(pay func(r reactor.Reactor, payment string) *response.Deferred) program {
	return func(t testing.TB, r *memory.Reactor) {
		b := &bank{balance: 100, paid: map[string]bool{}}
		serve(t, r.Machine("bank", "192.0.2.1"), &web.Site{Handler: b})
		said, err := result(t, r, text(pay(r.Machine("customer", "192.0.2.2"), "rent of May")), 10*time.Minute)
		if b.balance != 90 && (err == nil || b.balance != 100) {
			t.Errorf("the customer had 100 and paid 10, but has %d (%q, %v)", b.balance, said, err)
		}
	}
}
