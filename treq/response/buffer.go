package response

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/sourcegraph/conc/panics"
)

// A buffer is the part of a Response that keeps the body as it is read, and delivers the whole
// body to any number of readers. It is treq's _BufferedResponse.
type buffer struct {
	data    []byte
	ended   error             // the reason of the end; nil before the end
	waiting list.List[waiter] // who waits for the whole body; see Content
	readers *bufferReaders    // who reads it piece by piece; nil if nobody does
}

// A bufferReaders has the readers of a buffer. Most responses have none, but Content.
type bufferReaders struct {
	all    []*bufferReader
	gaveUp *FailedError // the reason of the end, if a reader that gave up has it; or nil
}

// A waiter is a call of Content, with the Deferred that it returned. The Response forgets it
// before it fires: an error that refers to the Response would refer to the Deferred, and would
// not be reported if nobody handles it.
type waiter struct {
	deferred.Deferred[[]byte] // fires with the whole body
	response                  *Response
	place                     list.Node[waiter] // in the buffer's waiting
}

// A bufferReader carries the bytes from a buffer to one reader. Bytes held for a late or
// paused reader are shared with the buffer.
type bufferReader struct {
	Body
	response *Response
}

// maxPrealloc bounds the memory that is allocated in advance for the length in the head. Above
// it, memory grows with what has come: a server may announce much and send little.
const maxPrealloc = 64 << 10

// deliverBuffered connects the body to p through the buffer.
func (r *Response) deliverBuffered(p BodyProtocol) error {
	if r.taken() {
		return ErrBodyTaken
	}
	reader := &bufferReader{response: r}
	reader.Body = Body{transport: (*readerTransport)(reader), held: slices.Clip(r.buffer.data), ended: r.buffer.ended}
	if b := &r.buffer; b.ended == nil {
		if b.readers == nil {
			b.readers = new(bufferReaders)
		}
		b.readers.all = append(b.readers.all, reader)
	}
	defer r.beginBuffer() // also if p panics: it then closes the connection, unless there are other readers
	reader.Deliver(p)
	return nil
}

// Content reads the whole body and fires with it. It buffers the body, so that Content
// may be called again, and other readers may follow. All calls return the same bytes,
// which must not be changed. Content fails with a [*FailedError] if the body is cut
// short. Cancelling the last Deferred that waits for the body closes the connection. It
// is treq.content.
func (r *Response) Content() *deferred.Deferred[[]byte] {
	r.Buffer()
	if r.taken() {
		return deferred.Fail[[]byte](r.unread(ErrBodyTaken, beginning{}))
	}
	if r.buffer.ended != nil {
		d := deferred.New[[]byte]()
		d.Resolve(r.whole())
		return d
	}
	w := &waiter{response: r}
	w.Init(w)
	r.buffer.waiting.Push(&w.place, w)
	if r.bufferBegun {
		r.steer()
	} else {
		r.beginBuffer()
	}
	return &w.Deferred
}

// CancelDeferred stops the waiting.
func (w *waiter) CancelDeferred(d *deferred.Deferred[[]byte]) {
	r := w.leave()
	r.steer()
	d.Errback(r.unread(deferred.ErrCancelled, r.came()))
}

// leave makes w wait no more. It returns the response that w waited for.
func (w *waiter) leave() (r *Response) {
	w.place.Remove()
	r, w.response = w.response, nil
	return r
}

// came returns what has come of a buffered body.
func (r *Response) came() (came beginning) {
	came.add(r.buffer.data)
	return came
}

// whole returns the whole buffered body, or the error that cut it short. The body has ended.
func (r *Response) whole() ([]byte, error) {
	switch err := failure(r.buffer.ended); {
	case err != nil:
		return nil, r.unread(err, r.came())
	case r.buffer.data == nil:
		return []byte{}, nil
	}
	return slices.Clip(r.buffer.data), nil
}

// taken reports whether the body had a reader before it was buffered.
func (r *Response) taken() bool { return !r.bufferBegun && r.body.reader != nil }

// beginBuffer connects the buffer to the body, unless it is already connected.
func (r *Response) beginBuffer() {
	if !r.bufferBegun {
		r.body.deliver((*buffering)(r), r.wrapping)
	}
}

// bufferSource returns the transport that brings the body to the buffer.
func (r *Response) bufferSource() BodyTransport {
	if r.wrapping != nil {
		return r.wrapping.buffer
	}
	return r.body
}

// buffering is the Response as the reader of its body.
type buffering Response

func (r *buffering) ConnectionMade(t BodyTransport) {
	r.bufferBegun = true
	if r.wrapping != nil {
		r.wrapping.buffer = t
	}
	(*Response)(r).steer()
}

func (r *buffering) DataReceived(data []byte) {
	b := &r.buffer
	if room := cap(b.data) - len(b.data); len(data) > room && r.Length > 0 {
		next := min(r.Length, max(maxPrealloc, 2*int64(len(b.data)))) // twice what has come
		b.data = slices.Grow(b.data, max(len(data), int(next)-len(b.data)))
	}
	b.data = append(b.data, data...)
	if b.readers != nil {
		each(b.readers.all, func(r *bufferReader) { r.Write(data) })
	}
}

func (r *buffering) ConnectionLost(reason error) {
	b := &r.buffer
	readers := b.readers
	if readers != nil && readers.gaveUp != nil {
		reason = readers.gaveUp
	}
	b.ended, b.readers, r.bufferBegun = reason, nil, true
	r.wrapping = nil // see gone
	for w := b.waiting.First(); w != nil; w = b.waiting.First() {
		w.Resolve(w.leave().whole())
	}
	if readers != nil {
		each(readers.all, func(r *bufferReader) { r.End(reason) })
	}
}

// each calls f with every reader. If calls panic, it panics after the last call.
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

// steer pauses the body if all readers are paused, and resumes it if one is not. It stops
// the body if all readers are stopped.
func (r *Response) steer() {
	b := &r.buffer
	if !r.bufferBegun || b.ended != nil {
		return
	}
	stop, pause := b.waiting.Len() == 0, b.waiting.Len() == 0
	if b.readers != nil {
		for _, reader := range b.readers.all {
			stop = stop && reader.stopped
			pause = pause && (reader.stopped || reader.paused)
		}
	}
	switch {
	case stop:
		r.bufferSource().StopProducing()
	case pause != r.bufferPaused:
		r.bufferPaused = pause
		if pause {
			r.bufferSource().PauseProducing()
		} else {
			r.bufferSource().ResumeProducing()
		}
	}
}

// giveUp stops one reader for a reason. If it is the only one, that is the reason of the end.
func (r *Response) giveUp(reader BodyTransport, why *FailedError) {
	if b := &r.buffer; b.readers != nil {
		only := b.waiting.Len() == 0
		for _, other := range b.readers.all {
			only = only && (other.stopped || BodyTransport(&other.Body) == reader)
		}
		if only {
			b.readers.gaveUp = why
		}
	}
	reader.StopProducing()
}

// A readerTransport is the transport of the Body in a bufferReader.
type readerTransport bufferReader

func (r *readerTransport) PauseProducing()  { r.response.steer() }
func (r *readerTransport) ResumeProducing() { r.response.steer() }
func (r *readerTransport) StopProducing()   { r.response.steer() }

func (r *readerTransport) Cooperator() *task.Cooperator { return r.response.Cooperator() }
