// Package failtest runs helpers of tests that are to fail the test.
package failtest

import (
	"fmt"
	"runtime"
	"testing"
)

// A TB is a testing.TB that records the text of its failure.
type TB struct {
	testing.TB
	Text string
}

// Helper does nothing.
func (t *TB) Helper() {}

// Fatalf records the text and ends the goroutine.
func (t *TB) Fatalf(format string, args ...any) {
	t.Text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// Text returns the text that check fails its test with, or "" if it does not.
func Text(check func(t testing.TB)) string {
	t := new(TB)
	done := make(chan bool)
	go func() {
		defer close(done)
		check(t)
	}()
	<-done
	return t.Text
}
