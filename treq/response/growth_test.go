package response_test

import (
	"strconv"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
)

// BenchmarkGrowth measures what it costs to wait for a body, and to stop waiting, when many
// others wait for it. The cost should be about the same for any number of them:
//
//	go test -run '^$' -bench Growth -benchtime 20000x ./treq/response
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
		b.Run("content-cancelled-and-awaited/"+strconv.Itoa(n), func(b *testing.B) {
			r, _ := bodytest.New(200)
			wait := func() *deferred.Deferred[[]byte] {
				return r.Content().AddErrback(func(error) ([]byte, error) { return nil, nil })
			}
			waits := make([]*deferred.Deferred[[]byte], n)
			for i := range waits {
				waits[i] = wait()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				at := i * 7919 % n
				waits[at].Cancel()
				waits[at] = wait()
			}
		})
	}
}

// TestContentInOrder: those that are not cancelled get the body in the order of their calls.
func TestContentInOrder(t *testing.T) {
	deferred.FailOnUnhandled(t)
	r, s := bodytest.New(200)
	var order []int
	waits := make([]*deferred.Deferred[[]byte], 7)
	for i := range waits {
		waits[i] = r.Content().AddCallback(func(data []byte) ([]byte, error) {
			order = append(order, i)
			if i == 2 {
				waits[5].Cancel() // while the body is handed out
			}
			return data, nil
		})
	}
	for _, i := range []int{0, 3} {
		waits[i].Cancel()
		deferredtest.FailureResultOf(t, waits[i])
	}
	s.SendAll("a")
	deferredtest.FailureResultOf(t, waits[5])
	if want := []int{1, 2, 4, 6}; len(order) != 4 || [4]int(order) != [4]int(want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
}
