package web

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// This file has the context of a handler's request.

// A handlerContext ends when the client is gone or the handler has returned. Few handlers ask for
// that, so the context of package context that can be waited for is made when one does. Any
// goroutine may be the first to ask.
type handlerContext struct {
	parent context.Context
	inv    *invocation
	ended  atomic.Bool
	waited atomic.Pointer[waitedContext] // nil until somebody waits
}

// A waitedContext is a context with the function that ends it.
type waitedContext struct {
	context.Context
	end context.CancelFunc
}

// end ends the context.
func (c *handlerContext) end() {
	c.ended.Store(true)
	if w := c.waited.Load(); w != nil {
		w.end()
	}
}

// Done makes the context that can be waited for; see [context.Context].
func (c *handlerContext) Done() <-chan struct{} {
	w := c.waited.Load()
	if w == nil {
		ctx, end := context.WithCancel(c.parent)
		if w = (&waitedContext{ctx, end}); !c.waited.CompareAndSwap(nil, w) {
			end() // another goroutine was faster
			w = c.waited.Load()
		}
		if c.ended.Load() { // end may not have seen w
			w.end()
		}
	}
	return w.Done()
}

// Err returns why the context has ended; see [context.Context].
func (c *handlerContext) Err() error {
	err := c.parent.Err()
	if w := c.waited.Load(); w != nil {
		err = w.Err() // the first of the two ends
	}
	if err == nil && c.ended.Load() {
		err = context.Canceled
	}
	return err
}

// Deadline returns that of the outer handler's request, if there is one; see [context.Context].
func (c *handlerContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }

// invocationKey is the key of the invocation in a handlerContext.
type invocationKey struct{}

// Value finds the invocation too; see [context.Context].
func (c *handlerContext) Value(key any) any {
	switch key {
	case invocationKey{}:
		return c.inv
	case http.LocalAddrContextKey:
		return c.inv.req.GetHost()
	}
	if w := c.waited.Load(); w != nil {
		return w.Value(key) // package context finds its own there
	}
	return c.parent.Value(key)
}
