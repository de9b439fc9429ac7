package client

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file logs and measures requests.

// Log logs the request as config says, in place of the Log of the client's Config.
func Log(config agent.LogConfig) Option {
	return optionFunc(func(s *settings) error {
		s.log = &config
		return nil
	})
}

// Timed says whether the response has Times: how long the request took, and each part of it.
// The default is false. A request that is logged has them in any case.
type Timed bool

func (t Timed) apply(s *settings) error {
	s.timed = bool(t)
	return nil
}

// Pending returns the requests that the Log of the client's Config logs and that are under way,
// the oldest first. It returns nil without a Log.
func (c *HTTPClient) Pending() []agent.Pending {
	if c.log == nil {
		return nil
	}
	return c.log.Pending()
}

// A sender sends a request of a client, which its log or its stopwatch is around.
type sender struct {
	client   *HTTPClient
	settings *settings
	stack    *agent.Stack
}

func (s *sender) Request(req *request.Request) *response.Deferred {
	return s.client.send(s.settings, s.stack, req)
}

// watched reports whether a request with the options s is logged or measured. If not, nothing
// keeps s once the request is sent.
func (c *HTTPClient) watched(s *settings) bool { return s.log != nil || c.log != nil || s.timed }

// watch sends req by send, and logs or measures it if that is asked for.
func (c *HTTPClient) watch(s *settings, stack *agent.Stack, req *request.Request) *response.Deferred {
	if !c.watched(s) {
		return c.send(s, stack, req)
	}
	var a agent.Requester = &sender{c, s, stack}
	if s.timed {
		a = agent.NewTimingAgent(c.clock(s), a)
	}
	switch {
	case s.log != nil:
		a = agent.NewLogAgent(c.clock(s), nil, *s.log).Around(a, s.secretHeaders(c)...)
	case c.log != nil:
		a = c.log.Around(a, s.secretHeaders(c)...)
	}
	return a.Request(req)
}

// secretHeaders returns the names of the headers that stay with their origin: they are secret
// in a log.
func (s *settings) secretHeaders(c *HTTPClient) []string {
	return slices.Concat(c.config.Redirects.SensitiveHeaders, s.sensitiveHeaders)
}
