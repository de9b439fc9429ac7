package response

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/sourcegraph/conc/panics"
)

// A buffer keeps a body while it is read, and gives it to any number of readers,
// each of which gets all of it. It is treq's _BufferedResponse.
type buffer struct {
	data    []byte
	ended   error // why the body ended; nil before
	readers []*bufferReader
	waiting []*deferred.Deferred[[]byte]  // for all of it: see content
	first   [1]*deferred.Deferred[[]byte] // what waiting begins in: mostly there is one
	length  int64                         // of the body, if it is known
	from    BodyTransport                 // from the first reader until the body has ended
	paused  bool                          // that is from
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

// deliver connects p to r's body, by way of b.
func (b *buffer) deliver(r *Response, p BodyProtocol) error {
	if b.late(r) {
		return ErrBodyTaken
	}
	reader := &bufferReader{buffer: b}
	reader.Body = Body{held: slices.Clip(b.data), ended: b.ended, cooperator: r.Cooperator()}
	if b.ended == nil {
		reader.transport = (*readerTransport)(reader)
		b.readers = append(b.readers, reader)
	}
	reader.Deliver(p)
	b.begin(r) // unless p has
	return nil
}

// content fires with all of r's body. It is deliver to who only waits for the end,
// which takes no bufferReader.
func (b *buffer) content(r *Response) *deferred.Deferred[[]byte] {
	if b.late(r) {
		return deferred.Fail[[]byte](ErrBodyTaken)
	}
	if b.ended != nil {
		d := deferred.New[[]byte]()
		d.Resolve(b.whole())
		return d
	}
	d := deferred.NewCancellable(b.leave)
	if b.waiting == nil {
		b.waiting = b.first[:0]
	}
	b.waiting = append(b.waiting, d)
	if b.begun() {
		b.steer()
	} else {
		b.begin(r)
	}
	return d
}

// leave is for a Deferred that waits no longer.
func (b *buffer) leave(d *deferred.Deferred[[]byte]) {
	b.waiting = slices.DeleteFunc(b.waiting, func(other *deferred.Deferred[[]byte]) bool { return other == d })
	b.steer()
}

// whole returns all of the body, after its end, or why it is not there.
func (b *buffer) whole() ([]byte, error) {
	switch err := failure(b.ended); {
	case err != nil:
		return nil, err
	case b.data == nil:
		return []byte{}, nil
	}
	return slices.Clip(b.data), nil
}

// late reports whether r's body had a reader before it was to be buffered.
func (b *buffer) late(r *Response) bool { return !b.begun() && r.body.to != nil }

// begin connects b to r's body, the first time that it is called.
func (b *buffer) begin(r *Response) {
	if !b.begun() {
		b.length = r.Length
		r.body.deliver(b, r.wrap)
	}
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
	readers, waiting := b.readers, b.waiting
	b.ended, b.readers, b.waiting, b.from = reason, nil, nil, nil
	for _, d := range waiting {
		d.Resolve(b.whole())
	}
	each(readers, func(r *bufferReader) { r.End(reason) })
}

// each calls f with every reader, even if a call panics, and panics then.
func each(readers []*bufferReader, f func(*bufferReader)) {
	switch len(readers) {
	case 0:
		return
	case 1:
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
	stop, pause := len(b.waiting) == 0, len(b.waiting) == 0
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

func (r *readerTransport) Cooperator() *task.Cooperator { return r.cooperator }
