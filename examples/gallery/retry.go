package gallery

import (
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// The bank's load balancer resets connections now and then, and so somebody has added POST to the methods
// that are tried again. Since then, some customers say that they have paid twice. The reset has come after
// the bank had made the payment, and before its answer.

// payFaulty pays once, and tries again whatever went wrong.
func payFaulty(r reactor.Reactor, payment string) *response.Deferred {
	c := client.New(r, client.Config{Defaults: careful, Retries: &agent.RetryConfig{MoreMethods: []string{"POST"}}})
	return c.Post("http://bank/pay", client.Body("10"))
}

// payMended gives the payment a name, by which the bank knows it again.
func payMended(r reactor.Reactor, payment string) *response.Deferred {
	c := client.New(r, client.Config{Defaults: careful, Retries: &agent.RetryConfig{}})
	return c.Post("http://bank/pay", client.Body("10"), client.Headers{"Idempotency-Key": {payment}})
}

// A bank pays for its customer. It pays a payment with an Idempotency-Key once.
type bank struct {
	balance int
	paid    map[string]bool
}

func (b *bank) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if _, ok := content(w, req); !ok {
		return
	}
	if key := req.Header.Get("Idempotency-Key"); key == "" || !b.paid[key] {
		b.balance -= 10
		b.paid[key] = true
	}
	fmt.Fprintln(w, "the balance is", b.balance)
}
