package gallery

import (
	"fmt"
	"strconv"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// Two people put money into the same account, and the account has less than both together have put in. There
// are no threads, but the program awaits twice: while one deposit is between the balance that it has read
// and the balance that it writes, the other one reads.

// An account is a number on a server.
type account struct {
	client *client.HTTPClient
	lock   deferred.DeferredLock // held during a deposit
}

// depositFaulty adds to the balance.
func (a *account) depositFaulty(amount int) *deferred.Deferred[string] {
	return deferred.Go(func(co *deferred.Co) (string, error) {
		balance, err := deferred.Await(co, a.balance())
		if err != nil {
			return "", err
		}
		return deferred.Await(co, a.setBalance(balance+amount))
	})
}

// depositMended makes one deposit after the other.
func (a *account) depositMended(amount int) *deferred.Deferred[string] {
	return deferred.Run(&a.lock, func() *deferred.Deferred[string] {
		return a.depositFaulty(amount)
	})
}

func (a *account) balance() *deferred.Deferred[int] {
	return deferred.Map(text(a.client.Get("http://bank/balance")), strconv.Atoi)
}

func (a *account) setBalance(balance int) *deferred.Deferred[string] {
	return text(a.client.Put("http://bank/balance", client.Body(fmt.Sprint(balance))))
}
