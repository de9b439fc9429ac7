package task_test

import (
	"strconv"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// BenchmarkGrowth measures what it costs to wait for the end of a task, and to stop
// waiting, when many others wait for it. The cost should be about the same for any number of
// them:
//
//	go test -run '^$' -bench Growth -benchtime 20000x ./reactor/task
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
		b.Run("when-done-cancelled-and-asked/"+strconv.Itoa(n), func(b *testing.B) {
			c := task.NewCooperator(task.NewClock(), task.CooperatorConfig{WaitForStart: true})
			t := c.Cooperate(func() (task.Wait, error) { return nil, task.Done })
			wait := func() *deferred.Deferred[deferred.None] {
				return t.WhenDone().AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil })
			}
			waits := make([]*deferred.Deferred[deferred.None], n)
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
