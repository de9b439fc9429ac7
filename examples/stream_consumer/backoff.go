package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A kind of failures has waits of its own: first, then first more each time, or twice as much.
type kind struct {
	first, most time.Duration
	doubles     bool
}

// The kinds, with the waits that Twitter asked for and others have taken over.
var (
	network = &kind{250 * time.Millisecond, 16 * time.Second, false}
	busy    = &kind{5 * time.Second, 320 * time.Second, true} // an HTTP error that may pass
	limited = &kind{time.Minute, 16 * time.Minute, true}      // too many requests
)

// A backoff is the waiting between the attempts to connect.
type backoff struct {
	kind *kind // of the last failure; nil if there was none
	wait time.Duration
}

// next returns the time to wait after a stream that ended with err. It is longer with each failure
// of the same kind in a row, unless the stream was established. ok is false if another attempt would
// fail too.
func (b *backoff) next(established bool, err error) (wait time.Duration, ok bool) {
	k, retryAfter := classify(err)
	switch {
	case k == nil:
		return 0, false
	case established || k != b.kind:
		*b = backoff{k, k.first}
	case k.doubles:
		b.wait *= 2
	default:
		b.wait += k.first
	}
	b.wait = min(b.wait, k.most)
	return max(b.wait, retryAfter), true
}

// classify returns the kind of err, nil if it will not pass, and the wait that the server asks for.
func classify(err error) (k *kind, retryAfter time.Duration) {
	var status *response.StatusError
	var panicked *deferred.PanicError
	switch {
	case errors.As(err, &panicked), errors.Is(err, client.ErrURL), errors.Is(err, client.ErrOption), errors.Is(err, client.ErrOptionsConflict):
		return nil, 0
	case !errors.As(err, &status):
		return network, 0
	case status.Code == 420, status.Code == 429:
		k = limited
	case status.Code >= 500, status.Code == 408:
		k = busy
	}
	if status.Response != nil {
		seconds, _ := strconv.Atoi(status.Response.Header.Get("Retry-After"))
		retryAfter = time.Duration(seconds) * time.Second
	}
	return k, retryAfter
}
