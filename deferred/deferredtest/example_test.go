package deferredtest_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// t stands for the parameter of a test function.
var t = &testing.T{}

func ExampleSuccessResultOf() {
	d := deferred.Succeed(7)
	fmt.Println(deferredtest.SuccessResultOf(t, d))
	// Output: 7
}

func ExampleFailureResultOf() {
	d := deferred.Fail[int](errors.New("disk full"))
	fmt.Println(deferredtest.FailureResultOf(t, d))
	// Output: disk full
}

// The error has a type, and so the test can look at its fields.
func ExampleFailureAs() {
	_, err := os.Open("/no/such/file")
	d := deferred.Fail[string](fmt.Errorf("reading the settings: %w", err))
	fmt.Println(deferredtest.FailureAs[*fs.PathError](t, d).Path)
	// Output: /no/such/file
}

func ExampleFailureIs() {
	d := deferred.New[string]()
	d.Cancel()
	deferredtest.FailureIs(t, d, deferred.ErrCancelled)
	fmt.Println("cancelled")
	// Output: cancelled
}

// A failure that comes later is there when the clock has moved.
func ExampleFailureIs_later() {
	clock := task.NewClock()
	d := deferred.New[string]().AddTimeout(time.Minute, clock, nil)
	deferredtest.NoResult(t, d)
	clock.Advance(time.Minute)
	fmt.Println(deferredtest.FailureIs(t, d, os.ErrDeadlineExceeded))
	// Output: deferred: timed out after 1m0s
}

// A test can look before and after the event that gives the result.
func ExampleNoResult() {
	d := deferred.New[string]()
	deferredtest.NoResult(t, d)
	d.Callback("done")
	fmt.Println(deferredtest.SuccessResultOf(t, d))
	// Output: done
}
