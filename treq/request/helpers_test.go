package request_test

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A result is the result of a producer's Deferred.
type result = *outcome.Result[deferred.None]

var (
	_ request.BodyProducer = (*request.CooperativeProducer)(nil)
	_ request.BodyProducer = (*request.FileBodyProducer)(nil)
)
