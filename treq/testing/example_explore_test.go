package testing_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// counted sends an order to a shop, and retries it as config says. The shop must not get it twice.
func counted(config agent.RetryConfig) func(t testing.TB, r *memory.Reactor) {
	return func(t testing.TB, r *memory.Reactor) {
		orders := 0
		r.AddHost("shop.example", "10.0.0.2")
		r.ListenTCP("10.0.0.2:80", &web.Site{Root: &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			orders++
		})}})
		c := client.New(r, client.Config{Retries: &config})
		d := deferred.Then(c.Post("http://shop.example/orders", client.Timeout(10*time.Second)), (*response.Response).Text)
		ignore(d)
		r.RunFor(time.Minute)
		switch {
		case orders == 1:
			treqtesting.Sometimes(t, "an order arrives")
		case orders > 1:
			t.Errorf("the shop has %d orders", orders)
		}
	}
}

// TestRetriedOrder: a retry of what must not be repeated is found, and nothing else.
func TestRetriedOrder(t *testing.T) {
	e := treqtesting.Exploration{Network: memory.Conditions{MaxLatency: 50 * time.Millisecond, MayFail: []memory.Link{{B: "shop.example"}}}}
	s := treqtesting.Search(t, e, counted(agent.RetryConfig{MoreMethods: []string{"POST"}}))
	if s.Finding == nil || len(s.Finding.Choices) > 2 || !strings.Contains(s.Finding.Failures[0], "the shop has 2 orders") {
		t.Errorf("found %+v", s.Finding)
	}
	e.Runs, e.Sometimes = 300, []string{"an order arrives"}
	treqtesting.Explore(t, e, counted(agent.RetryConfig{}))
}

// Explore looks for the fault of the network that makes a program order twice.
func ExampleExplore() {
	test := func(t *testing.T) { // such as TestOrder
		treqtesting.Explore(t, treqtesting.Exploration{
			Network: memory.Conditions{
				MaxLatency: 50 * time.Millisecond,
				MayFail:    []memory.Link{{A: "", B: "shop.example"}},
			},
			Sometimes: []string{"an order arrives"},
		}, counted(agent.RetryConfig{}))
	}
	_ = test
}

// Go's fuzzer makes the choices.
func ExampleFuzz() {
	fuzz := func(f *testing.F) { // such as FuzzOrder
		treqtesting.Fuzz(f, treqtesting.Exploration{Network: memory.Conditions{MaxLatency: 50 * time.Millisecond}}, counted(agent.RetryConfig{}))
	}
	_ = fuzz
}
