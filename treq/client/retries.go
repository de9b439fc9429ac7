package client

import (
	"cmp"
	"fmt"

	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// Retries is the number of times that a request is tried again if it fails for the time
// being; see [agent.RetryAgent]. 0 means none. Each hop of a redirected request is tried by
// itself. Config.Retries of the client has the other parts of the policy, and all requests
// of a client have one [agent.RetryBudget].
type Retries int

func (n Retries) apply(s *settings) error {
	if n < 0 {
		return fmt.Errorf("%w: Retries(%d): negative", ErrOption, n)
	}
	s.retries = (*int)(&n)
	return nil
}

// retrying returns inner with the retries of Config around it.
func (c *HTTPClient) retrying(inner agent.Requester) agent.Requester {
	if c.config.Retries == nil {
		return inner
	}
	return agent.NewRetryAgent(c.reactor, inner, c.retryConfig())
}

// retryingFor returns inner with the retries for a request with options s around it.
func (c *HTTPClient) retryingFor(inner agent.Requester, s *settings) agent.Requester {
	switch {
	case s.retries == nil:
		return c.retrying(inner)
	case *s.retries == 0:
		return inner
	}
	config := c.retryConfig()
	config.Retries = *s.retries
	return agent.NewRetryAgent(c.reactor, inner, config)
}

// retryConfig returns the RetryConfig of c, with the budget that all requests share.
func (c *HTTPClient) retryConfig() (config agent.RetryConfig) {
	if c.config.Retries != nil {
		config = *c.config.Retries
	}
	if c.retryBudget == nil {
		c.retryBudget = cmp.Or(config.Budget, &agent.RetryBudget{})
	}
	config.Budget = c.retryBudget
	return config
}
