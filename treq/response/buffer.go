package response

// A buffer keeps a body while its first reader reads it, for those that come
// later. It is treq's _BufferedResponse.
type buffer struct {
	length  int64 // of the body, if it is known
	started bool
	data    []byte
	ended   error // why the body ended; nil before
	readers []*bufferReader
	from    BodyTransport
}

// maxPrealloc bounds how much memory is taken for a body because its head says
// that it will be that long.
const maxPrealloc = 1 << 20

// A bufferReader is one reader of a buffer, and its transport.
type bufferReader struct {
	buffer  *buffer
	to      BodyProtocol
	stopped bool
}

// deliver connects p to the body, by way of b.
func (b *buffer) deliver(body *Body, p BodyProtocol) error {
	reader := &bufferReader{buffer: b, to: p}
	p.ConnectionMade(reader)
	if len(b.data) != 0 && !reader.stopped {
		p.DataReceived(b.data)
	}
	if b.ended != nil {
		p.ConnectionLost(b.ended)
		return nil
	}
	b.readers = append(b.readers, reader)
	if b.started {
		return nil
	}
	b.started = true
	return body.Deliver(b)
}

// ConnectionMade, DataReceived and ConnectionLost make b the body's protocol.

func (b *buffer) ConnectionMade(t BodyTransport) { b.from = t }

func (b *buffer) DataReceived(data []byte) {
	if b.data == nil && b.length > 0 {
		b.data = make([]byte, 0, min(b.length, maxPrealloc))
	}
	b.data = append(b.data, data...)
	for _, r := range b.readers {
		if !r.stopped {
			r.to.DataReceived(data)
		}
	}
}

func (b *buffer) ConnectionLost(reason error) {
	b.ended = reason
	readers := b.readers
	b.readers, b.from = nil, nil
	for _, r := range readers {
		r.to.ConnectionLost(reason)
	}
}

// PauseProducing pauses the body for all its readers.
func (r *bufferReader) PauseProducing() {
	if r.buffer.from != nil {
		r.buffer.from.PauseProducing()
	}
}

// ResumeProducing lets it go on for all its readers.
func (r *bufferReader) ResumeProducing() {
	if r.buffer.from != nil {
		r.buffer.from.ResumeProducing()
	}
}

// StopProducing ends the body if no other reader wants it.
func (r *bufferReader) StopProducing() {
	r.stopped = true
	if r.buffer.from == nil {
		return
	}
	for _, other := range r.buffer.readers {
		if !other.stopped {
			return
		}
	}
	r.buffer.from.StopProducing()
}
