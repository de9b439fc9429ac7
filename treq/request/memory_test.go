package request_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A zeros reader returns that many zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestALargeBodyTakesNoMemory checks that a large body takes no more memory than a small
// one: the reads share a buffer.
func TestALargeBodyTakesNoMemory(t *testing.T) {
	const size = 64 << 20
	s := stepper.New()
	var sent int
	p := request.NewFileBodyProducer(io.LimitReader(zeros{}, size), request.FileBodyConfig{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := outcome.Of(p.StartProducing(stepper.Writer{Tasks: s.Cooperator, WriteFunc: func(data []byte) { sent += len(data) }}))
	s.Drain()
	runtime.ReadMemStats(&after)
	o.WantErr(t, nil)
	if sent != size {
		t.Errorf("%d bytes were written", sent)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > size/2 { // the race detector drops some buffers
		t.Errorf("%d bytes were allocated for a body of %d", took, size)
	}
}
