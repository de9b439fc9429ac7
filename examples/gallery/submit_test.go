package gallery

import (
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var submitExhibit = exhibit{
	file: "submit.go", fault: "a double submit after 100-continue",
	network: memory.Conditions{MaxLatency: 2 * time.Second, MayFail: []memory.Link{{A: "citizen", B: "office"}}},
	faulty:  oneForm(submitFaulty), mended: oneForm(submitMended),
}

// oneForm submits a form. The office has it at most once, and once if it says so.
func oneForm(submit func(c *client.HTTPClient, file []byte) *response.Deferred) program {
	return func(t testing.TB, r *memory.Reactor) {
		forms := 0
		serve(t, r.Machine("office", "192.0.2.1"), &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if _, ok := content(w, req); ok {
				forms++
			}
		})})
		c := client.New(r.Machine("citizen", "192.0.2.2"), client.Config{Defaults: careful})
		_, err := result(t, r, text(submit(c, make([]byte, 1000))), 10*time.Minute)
		if forms > 1 || err == nil && forms != 1 {
			t.Errorf("the office has the form %d times; error: %v", forms, err)
		}
	}
}
