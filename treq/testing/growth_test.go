package testing_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// BenchmarkGrowth has the cost of one request in memory, by the number of requests, traced
// requests or hosts before it, and that of one step of a RequestSequence, by its length.
// Each should cost about the same at any number.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1e3, 1e4, 1e5} {
		b.Run(fmt.Sprintf("request-through-a-stub/%d", n), func(b *testing.B) {
			stub := emptyStub()
			requests(b, stub, n, sameHost)
			b.ReportAllocs()
			for b.Loop() {
				requests(b, stub, 1, sameHost)
			}
		})
		b.Run(fmt.Sprintf("traced-request-through-a-stub/%d", n), func(b *testing.B) {
			stub := emptyStub()
			stub.Reactor().StartTrace()
			requests(b, stub, n, sameHost)
			b.ReportAllocs()
			for b.Loop() {
				requests(b, stub, 1, sameHost)
			}
		})
		b.Run(fmt.Sprintf("request-to-another-host/%d", n), func(b *testing.B) {
			stub := emptyStub()
			requests(b, stub, n, anotherHost)
			made := n
			b.ReportAllocs()
			for b.Loop() {
				requests(b, stub, 1, func(int) string { return anotherHost(made) })
				made++
			}
		})
	}
	for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
		b.Run(fmt.Sprintf("step-of-a-sequence/%d", n), func(b *testing.B) {
			exchanges := make([]treqtesting.Exchange, n)
			for i := range exchanges {
				exchanges[i] = treqtesting.Exchange{
					Request: treqtesting.Request{Method: "get", URL: "http://an.example/"},
					Reply:   treqtesting.Reply{Code: http.StatusNoContent},
				}
			}
			got := treqtesting.Received{Method: "GET", URL: "http://an.example/", Params: url.Values{}, Headers: http.Header{}}
			var seq *treqtesting.RequestSequence
			b.ReportAllocs()
			for b.Loop() {
				if seq == nil || seq.Consumed() {
					b.StopTimer()
					seq = treqtesting.NewRequestSequence(b, exchanges...)
					b.StartTimer()
				}
				if reply := seq.Respond(got); reply.Code != http.StatusNoContent {
					b.Fatal(reply)
				}
			}
			for !seq.Consumed() {
				seq.Respond(got)
			}
		})
	}
}

func emptyStub() *treqtesting.StubTreq {
	return treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}), treqtesting.Config{})
}

func sameHost(int) string { return "http://an.example/" }

func anotherHost(i int) string { return fmt.Sprintf("http://h%d.example/", i) }

// requests makes n requests, to the URLs that the function to returns.
func requests(b *testing.B, stub *treqtesting.StubTreq, n int, to func(int) string) {
	for i := range n {
		resp := deferredtest.SuccessResultOf(b, stub.Get(to(i)))
		deferredtest.SuccessResultOf(b, (*response.Response).Discard(resp))
	}
}
