package blocking

import (
	"io"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/bridge"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file makes bodies of readers that may block.

// producers returns a DataToBodyProducer. It makes a producer that reads on a goroutine of
// its own from each reader that may block, and leaves the rest to own, which may be nil.
func producers(r reactor.Threads, own func(data any) (request.BodyProducer, bool)) func(data any) (request.BodyProducer, bool) {
	return func(data any) (request.BodyProducer, bool) {
		if own != nil {
			if p, ok := own(data); ok {
				return p, true
			}
		}
		if src, ok := data.(io.Reader); ok && mayBlock(data) {
			closer, ok := src.(io.ReadCloser)
			if !ok {
				closer = io.NopCloser(src)
			}
			return &readerProducer{bridge.NewPump(r, closer)}, true
		}
		return nil, false
	}
}

// mayBlock reports whether reading data, which is an io.Reader, may take long. A reader with a
// Len is in memory, and one that can seek is that or a file.
func mayBlock(data any) bool {
	switch data := data.(type) {
	case request.BodyProducer, interface{ Len() int }:
		return false
	case *os.File:
		info, err := data.Stat()
		return err == nil && !info.Mode().IsRegular()
	case io.Seeker:
		return false
	}
	return true
}

// A readerProducer is the body of a request that a Pump reads.
type readerProducer struct{ *bridge.Pump }

func (p *readerProducer) Length() int64 { return request.UnknownLength }

func (p *readerProducer) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	d := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { p.StopProducing() })
	if !p.Start(to.Write, func(err error) { d.Resolve(deferred.None{}, err) }) {
		return deferred.Fail[deferred.None](request.ErrProduced)
	}
	return d
}
