package deferredtest_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
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

// A test can look before and after the event that gives the result.
func ExampleNoResult() {
	d := deferred.New[string]()
	deferredtest.NoResult(t, d)
	d.Callback("done")
	fmt.Println(deferredtest.SuccessResultOf(t, d))
	// Output: done
}
