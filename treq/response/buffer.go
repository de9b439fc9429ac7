package response

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/sourcegraph/conc/panics"
)

// A buffer keeps a body as it is read, and delivers the whole body to any number of
// readers. It is treq's _BufferedResponse.
type buffer struct {
	data      []byte
	ended     error // the reason of the end; nil before the end
	readers   []*bufferReader
	waiting   list.List[waiter] // who waits for the whole body; see content
	first     waiter            // the place of the first of waiting, usually the only one
	length    int64             // the length of the body, or UnknownLength
	transport BodyTransport     // nil before the first reader and after the end
	paused    bool              // transport is paused
	gaveUp    *FailedError      // the reason of the end, if a reader that gave up has it; or nil
}

// A waiter is a call of content whose Deferred has not fired.
type waiter struct {
	response *Response
	result   *deferred.Deferred[[]byte] // fires with the whole body
	place    list.Node[waiter]          // in the buffer's waiting
}

// A bufferReader carries the bytes from a buffer to one reader. Bytes held for a late or
// paused reader are shared with the buffer.
type bufferReader struct {
	Body
	buffer *buffer
}

// maxPrealloc bounds the memory that is allocated in advance for the length in the head. Above
// it, memory grows with what has come: a server may announce much and send little.
const maxPrealloc = 64 << 10

// deliver connects p to r's body through b.
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
	defer b.begin(r) // also if p panics: b then closes the connection, unless there are other readers
	reader.Deliver(p)
	return nil
}

// content fires with the whole body of r. It is the cheap form of deliver if only the
// whole body is wanted.
func (b *buffer) content(r *Response) *deferred.Deferred[[]byte] {
	if b.late(r) {
		return deferred.Fail[[]byte](r.unread(ErrBodyTaken, beginning{}))
	}
	if b.ended != nil {
		d := deferred.New[[]byte]()
		d.Resolve(b.whole(r))
		return d
	}
	w := &b.first
	if w.result != nil {
		w = new(waiter)
	}
	w.response = r
	d := deferred.NewCancellable(w.leave)
	w.result = d
	b.waiting.Push(&w.place, w)
	if b.begun() {
		b.steer()
	} else {
		b.begin(r)
	}
	return d
}

// leave stops the waiting, because the Deferred is cancelled.
func (w *waiter) leave(d *deferred.Deferred[[]byte]) {
	w.place.Remove()
	b := w.response.buffer
	b.steer()
	d.Errback(w.response.unread(deferred.ErrCancelled, b.came()))
}

// came returns what has come.
func (b *buffer) came() (came beginning) {
	came.add(b.data)
	return came
}

// whole returns the whole body of r, or the error that cut it short. The body has ended.
func (b *buffer) whole(r *Response) ([]byte, error) {
	switch err := failure(b.ended); {
	case err != nil:
		return nil, r.unread(err, b.came())
	case b.data == nil:
		return []byte{}, nil
	}
	return slices.Clip(b.data), nil
}

// late reports whether r's body had a reader before it was buffered.
func (b *buffer) late(r *Response) bool { return !b.begun() && r.body.reader != nil }

// begin connects b to r's body, unless it is already connected.
func (b *buffer) begin(r *Response) {
	if !b.begun() {
		b.length = r.Length
		r.body.deliver(b, r.wrap)
	}
}

func (b *buffer) begun() bool { return b.transport != nil || b.ended != nil }

// ConnectionMade, DataReceived and ConnectionLost make b the reader of the body.

func (b *buffer) ConnectionMade(t BodyTransport) {
	b.transport = t
	b.steer()
}

func (b *buffer) DataReceived(data []byte) {
	if room := cap(b.data) - len(b.data); len(data) > room && b.length > 0 {
		next := min(b.length, max(maxPrealloc, 2*int64(len(b.data)))) // twice what has come
		b.data = slices.Grow(b.data, max(len(data), int(next)-len(b.data)))
	}
	b.data = append(b.data, data...)
	each(b.readers, func(r *bufferReader) { r.Write(data) })
}

func (b *buffer) ConnectionLost(reason error) {
	if b.gaveUp != nil {
		reason = b.gaveUp
	}
	readers := b.readers
	b.ended, b.readers, b.transport = reason, nil, nil
	for w := b.waiting.First(); w != nil; w = b.waiting.First() {
		w.place.Remove()
		w.result.Resolve(b.whole(w.response))
	}
	each(readers, func(r *bufferReader) { r.End(reason) })
}

// each calls f with every reader. If calls panic, it panics after the last call.
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

// steer pauses the body if all readers are paused, and resumes it if one is not. It stops
// the body if all readers are stopped.
func (b *buffer) steer() {
	if b.transport == nil {
		return
	}
	stop, pause := b.waiting.Len() == 0, b.waiting.Len() == 0
	for _, r := range b.readers {
		stop = stop && r.stopped
		pause = pause && (r.stopped || r.paused)
	}
	switch {
	case stop:
		b.transport.StopProducing()
	case pause != b.paused:
		b.paused = pause
		if pause {
			b.transport.PauseProducing()
		} else {
			b.transport.ResumeProducing()
		}
	}
}

// giveUp stops one reader for a reason. If it is the only one, that is the reason of the end.
func (b *buffer) giveUp(reader BodyTransport, why *FailedError) {
	only := b.waiting.Len() == 0
	for _, r := range b.readers {
		only = only && (r.stopped || BodyTransport(&r.Body) == reader)
	}
	if only {
		b.gaveUp = why
	}
	reader.StopProducing()
}

// A readerTransport is the transport of the Body in a bufferReader.
type readerTransport bufferReader

func (r *readerTransport) PauseProducing()  { r.buffer.steer() }
func (r *readerTransport) ResumeProducing() { r.buffer.steer() }
func (r *readerTransport) StopProducing()   { r.buffer.steer() }

func (r *readerTransport) Cooperator() *task.Cooperator { return r.cooperator }
