package testing_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// get makes one GET of a client to a site, and checks its answer.
func get(t testing.TB, r *memory.Reactor) {
	site := &web.Site{Root: &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "Hello, world!")
	})}, MemoryContent: -1, MemoryContentTotal: -1}
	r.AddHost("an.example", "10.0.0.1")
	if _, err := r.ListenTCP("10.0.0.1:80", site); err != nil {
		t.Fatal(err)
	}
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{})})})
	d := deferred.Then(c.Get("http://an.example/"), (*response.Response).Text)
	r.RunFor(time.Second)
	if text := deferredtest.SuccessResultOf(t, d); text != "Hello, world!" {
		t.Errorf("got %q", text)
	}
}

func TestExploreGet(t *testing.T) {
	treqtesting.Explore(t, treqtesting.Exploration{}, get)
}

func BenchmarkExplore(b *testing.B) {
	treqtesting.Explore(b, treqtesting.Exploration{Runs: b.N}, get)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}
