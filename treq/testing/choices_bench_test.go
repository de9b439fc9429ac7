package testing_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// someChoices makes a choice in ten other than the natural one.
type someChoices struct{ *rand.Rand }

func (c someChoices) Choose(_ memory.Choice, n int) int {
	if c.IntN(10) != 0 {
		return 0
	}
	return c.IntN(n)
}

func (c someChoices) Pick(tasks []memory.Task) int { return c.Choose(memory.Order, len(tasks)) }

// BenchmarkChoices makes a reactor, a client, a site and one request in each run.
func BenchmarkChoices(b *testing.B) {
	site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "Hello, world!") })}
	run := func(b *testing.B, config memory.Config) {
		r := memory.NewReactor(config)
		r.AddHost("an.example", "192.0.2.1")
		if _, err := r.ListenTCP("192.0.2.1:80", site); err != nil {
			b.Fatal(err)
		}
		d := deferred.Then(client.New(r, client.Config{}).Get("http://an.example/foo"), (*response.Response).Text)
		r.RunFor(10 * time.Second)
		if text := deferredtest.SuccessResultOf(b, d); text != "Hello, world!" {
			b.Fatal(text)
		}
	}
	b.Run("without", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run(b, memory.Config{})
		}
	})
	b.Run("random", func(b *testing.B) {
		b.ReportAllocs()
		choices := someChoices{rand.New(rand.NewPCG(1, 1))}
		for b.Loop() {
			run(b, memory.Config{Choices: choices, Conditions: memory.Conditions{MaxLatency: 100 * time.Millisecond}})
		}
	})
}
