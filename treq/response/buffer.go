package response

import (
	"slices"

	"github.com/sourcegraph/conc/panics"
)

// A buffer keeps a body while it is read, and gives it to any number of readers,
// each of which gets all of it. It is treq's _BufferedResponse.
type buffer struct {
	length  int64 // of the body, if it is known
	data    []byte
	ended   error // why the body ended; nil before
	readers []*bufferReader
	from    BodyTransport // from the first reader until the body has ended
	paused  bool          // that is from
}

// A bufferReader is the way of the bytes from a buffer to one of its readers.
// What it keeps for one that is late, or paused, is the buffer's own data.
type bufferReader struct {
	Body
	buffer *buffer
}

// maxPrealloc bounds how much memory is taken for a body because its head says
// that it will be that long.
const maxPrealloc = 1 << 20

// deliver connects p to body, by way of b and of what wrap makes of it.
func (b *buffer) deliver(body *Body, wrap func(BodyProtocol) BodyProtocol, p BodyProtocol) error {
	if !b.begun() && body.to != nil {
		return ErrBodyTaken // before it was to be buffered
	}
	r := &bufferReader{buffer: b}
	r.Body = Body{held: slices.Clip(b.data), ended: b.ended}
	if b.ended == nil {
		r.transport = (*readerTransport)(r)
		b.readers = append(b.readers, r)
	}
	r.Deliver(p)
	if b.begun() { // perhaps by p
		return nil
	}
	return body.deliver(b, wrap)
}

func (b *buffer) begun() bool { return b.from != nil || b.ended != nil }

// ConnectionMade, DataReceived and ConnectionLost make b the body's protocol.

func (b *buffer) ConnectionMade(t BodyTransport) {
	b.from = t
	b.steer()
}

func (b *buffer) DataReceived(data []byte) {
	if b.data == nil && b.length > 0 {
		b.data = make([]byte, 0, min(b.length, maxPrealloc))
	}
	b.data = append(b.data, data...)
	each(b.readers, func(r *bufferReader) { r.Write(data) })
}

func (b *buffer) ConnectionLost(reason error) {
	readers := b.readers
	b.ended, b.readers, b.from = reason, nil, nil
	each(readers, func(r *bufferReader) { r.End(reason) })
}

// each calls f with every reader, even if a call panics, and panics then.
func each(readers []*bufferReader, f func(*bufferReader)) {
	if len(readers) == 1 {
		f(readers[0])
		return
	}
	var c panics.Catcher
	for _, r := range readers {
		c.Try(func() { f(r) })
	}
	c.Repanic()
}

// steer pauses, resumes or stops the body as its readers, taken together, want:
// it goes on while one of them does.
func (b *buffer) steer() {
	if b.from == nil {
		return
	}
	stop, pause := true, true
	for _, r := range b.readers {
		stop = stop && r.stopped
		pause = pause && (r.stopped || r.paused)
	}
	switch {
	case stop:
		b.from.StopProducing()
	case pause != b.paused:
		b.paused = pause
		if pause {
			b.from.PauseProducing()
		} else {
			b.from.ResumeProducing()
		}
	}
}

// A readerTransport is a bufferReader as the transport of its own Body.
type readerTransport bufferReader

func (r *readerTransport) PauseProducing()  { r.buffer.steer() }
func (r *readerTransport) ResumeProducing() { r.buffer.steer() }
func (r *readerTransport) StopProducing()   { r.buffer.steer() }
