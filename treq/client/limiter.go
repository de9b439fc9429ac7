package client

import "github.com/seed-7c003b53/gotreq/treq/agent"

// Limiter makes the request wait until l lets it leave, in place of the Limits of the client's
// Config; see [agent.LimitAgent]. The same l is for all requests that share its limits. With a
// nil l the request leaves at once.
func Limiter(l *agent.Limiter) Option {
	return optionFunc(func(s *settings) error {
		s.limited, s.limiter = true, l
		return nil
	})
}

// limited returns inner with l around it, if l is not nil.
func limited(inner agent.Requester, l *agent.Limiter) agent.Requester {
	if l == nil {
		return inner
	}
	return agent.NewLimitAgent(inner, l)
}
