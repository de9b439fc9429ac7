package inspect_test

import (
	"encoding/json"
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/web/inspect"
)

// A site that listens on localhost only, for whoever looks after the program.
func Example() {
	r := memory.New() // a program has reactor.New
	root := &web.Node{}
	root.PutChild("inspect", &inspect.Resource{})
	if _, err := r.ListenTCP("127.0.0.1:6060", &web.Site{Root: root}); err != nil {
		fmt.Println(err)
		return
	}
	counts := deferred.Then(client.New(r, client.Config{}).Get("http://127.0.0.1:6060/inspect/stats"), (*response.Response).Text)
	counts.AddCallback(func(text string) (string, error) {
		var stats reactor.Stats
		err := json.Unmarshal([]byte(text), &stats)
		fmt.Println(stats.Accepted, "connection was accepted")
		return text, err
	})
	r.Pump()
	// Output:
	// 1 connection was accepted
}
