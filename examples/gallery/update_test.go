package gallery

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var updateExhibit = exhibit{
	file: "update.go", fault: "a read-modify-write across two awaits",
	network: memory.Conditions{MaxLatency: time.Second, Whole: true},
	faulty:  twoDeposits((*account).depositFaulty), mended: twoDeposits((*account).depositMended),
}

// twoDeposits makes two deposits, one second apart. The money is conserved.
func twoDeposits(deposit func(a *account, amount int) *deferred.Deferred[string]) program {
	return func(t testing.TB, r *memory.Reactor) {
		balance := 0
		serve(t, r.Machine("bank", "192.0.2.1"), &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == "PUT" {
				fmt.Fscan(req.Body, &balance)
			}
			fmt.Fprint(w, balance)
		})})
		a := &account{client: client.New(r.Machine("desk", "192.0.2.2"), client.Config{Defaults: careful})}
		first := deposit(a, 1)
		second := deferred.Then(task.Sleep(r, time.Second), func(deferred.None) *deferred.Deferred[string] { return deposit(a, 2) })
		if _, err := result(t, r, deferred.Gather2(first, second), time.Minute); err != nil || balance != 3 {
			t.Errorf("after 1 and 2 the balance is %d, %v", balance, err)
		}
	}
}
