package client

import (
	"context"
	"errors"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file ends requests with their contexts.

// Context ends the request, and then its body, when ctx ends, on whichever goroutine that is.
// The error is an [*agent.RequestError]; errors.Is finds the cause of ctx in it, the error of
// ctx ([context.Canceled] or [context.DeadlineExceeded]) and [deferred.ErrCancelled]. If ctx has
// ended already, nothing is sent.
//
// ctx travels to the agents on [request.Request]. An [agent.Agent] calls the hooks of package
// net/http/httptrace in it; see [agent.Agent.Request].
//
// A deadline of ctx is by the system's clock, also on a reactor in memory. [Timeout],
// [ReadTimeout] and [TotalTimeout] are by the reactor's clock, which a test can move.
func Context(ctx context.Context) Option {
	return optionFunc(func(s *settings) error {
		if err := missing("Context", ctx); err != nil {
			return err
		}
		s.context = ctx
		return nil
	})
}

// A contextError says that a request ended because its context did.
type contextError struct {
	err   error // of the context
	cause error
}

// ended returns the error of a request whose context has ended.
func ended(ctx context.Context) *contextError {
	return &contextError{ctx.Err(), context.Cause(ctx)}
}

func (e *contextError) Error() string { return "cancelled: " + e.cause.Error() }

// Timeout reports whether the deadline of the context is over, as errors of package net do.
func (e *contextError) Timeout() bool { return errors.Is(e.err, context.DeadlineExceeded) }

func (e *contextError) Unwrap() []error { return []error{e.cause, e.err, deferred.ErrCancelled} }

// A contextBound ends a request when ctx ends.
type contextBound struct {
	ctx     context.Context
	watcher reactor.Contexts
	request *request.Request // the request of the caller
}

// bound makes the end of the context cancel d, the response to the request.
func (b *contextBound) bound(d *response.Deferred) {
	cancelled := false
	stop := b.watcher.WatchContext(b.ctx, func() {
		cancelled = true
		d.Cancel()
	})
	d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		stop()
		if err != nil && cancelled {
			err = b.error()
		}
		return resp, b.explain(err)
	})
}

// error returns the error of the request when the context has ended.
func (b *contextBound) error() error {
	return &agent.RequestError{Method: b.request.Method, URL: origin.Redacted(b.request.URL), Err: ended(b.ctx)}
}

// explain returns err, or the error of the request if err is that of an agent which watches
// the context too.
func (b *contextBound) explain(err error) error {
	var already *contextError
	if err == nil || b.ctx.Err() == nil || errors.As(err, &already) || !errors.Is(err, context.Cause(b.ctx)) {
		return err
	}
	return b.error()
}
