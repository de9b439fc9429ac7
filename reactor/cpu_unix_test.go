//go:build unix

package reactor_test

import (
	"syscall"
	"testing"
	"time"
)

// reportCPU makes b report the processor time from now on. On a busy machine, the
// time on the clock means little.
func reportCPU(b *testing.B) (report func()) {
	before := cpuTime()
	return func() { b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op") }
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
