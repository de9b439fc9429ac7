package main

import (
	"errors"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A breaker is an agent around another one, for one server.
type breaker struct {
	agent.Requester
	clock reactor.Clock
	most  int           // failures in a row
	rest  time.Duration // of the server after them

	failures int
	failed   time.Time // the last one
	trying   bool      // a request tries whether the server has recovered
}

var errOpen = errors.New("the server has failed too often: it rests")

// Request sends req, unless the server rests.
func (b *breaker) Request(req *request.Request) *response.Deferred {
	if b.failures >= b.most {
		if b.trying || b.clock.Now().Before(b.failed.Add(b.rest)) {
			return agent.Refuse(req, errOpen)
		}
		b.trying = true
	}
	return b.Requester.Request(req).Tap(func(resp *response.Response, err error) {
		switch b.trying = false; {
		case errors.Is(err, deferred.ErrCancelled): // says nothing of the server
		case err != nil || resp.Code >= 500:
			b.failures, b.failed = b.failures+1, b.clock.Now()
		default:
			b.failures = 0
		}
	})
}
