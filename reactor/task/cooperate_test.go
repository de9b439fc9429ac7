package task_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/task"
)

func BenchmarkCooperateStep(b *testing.B) {
	clock := task.NewClock()
	c := task.NewCooperator(clock)
	n := 0
	c.Cooperate(func() (task.Wait, error) {
		if n++; n > b.N {
			return nil, task.Done
		}
		return nil, nil
	})
	b.ReportAllocs()
	clock.Advance(0)
	if n != b.N+1 {
		b.Fatal(n)
	}
}
