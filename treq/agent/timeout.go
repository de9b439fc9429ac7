package agent

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A TimeoutError says which timeout of a request ran out. errors.Is matches it with
// [deferred.ErrCancelled], since the request was cancelled, and with
// os.ErrDeadlineExceeded; errors.As finds a [*deferred.TimeoutError] in it.
type TimeoutError struct {
	// Option is the name of the timeout: "Timeout", "ReadTimeout" or "TotalTimeout",
	// the options of a client, or "ConnectTimeout", a field of [Config].
	Option string
	// After is the time that it allowed.
	After time.Duration
	// Err is the reason from below, as of a ConnectTimeout the address, or nil.
	Err error
}

// unfulfilled says what each timeout waited for.
var unfulfilled = map[string]string{
	"ConnectTimeout": "no connection for",
	"Timeout":        "no response for",
	"ReadTimeout":    "no data for",
	"TotalTimeout":   "not complete after",
}

func (e *TimeoutError) Error() string {
	text := fmt.Sprintf("%s %v (%s)", cmp.Or(unfulfilled[e.Option], "timed out after"), e.After, e.Option)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Timeout returns true, as errors of package net do.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap returns a *deferred.TimeoutError, deferred.ErrCancelled and Err.
func (e *TimeoutError) Unwrap() []error {
	all := []error{&deferred.TimeoutError{After: e.After}, deferred.ErrCancelled}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// connectError returns err, the reason why there is no connection, as a TimeoutError if
// the ConnectTimeout of a is over.
func (a *Agent) connectError(err error) error {
	limit := cmp.Or(a.config.ConnectTimeout, reactor.DefaultConnectTimeout)
	var waited *deferred.TimeoutError // for the answer of a proxy
	if limit < 0 || !errors.Is(err, reactor.ErrConnectTimeout) && !errors.As(err, &waited) {
		return err
	}
	return &TimeoutError{"ConnectTimeout", limit, err}
}
