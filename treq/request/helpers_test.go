package request_test

import (
	"bytes"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A file is a reader that counts the calls of Close.
type file struct {
	*bytes.Reader
	closed int
}

func newFile(contents string) *file { return &file{Reader: bytes.NewReader([]byte(contents))} }

func (f *file) Close() error { f.closed++; return nil }

// A result is the result of a producer's Deferred.
type result = *outcome.Result[deferred.None]

var (
	_ request.BodyProducer = (*request.CooperativeProducer)(nil)
	_ request.BodyProducer = (*request.FileBodyProducer)(nil)
)
