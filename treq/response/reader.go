package response

import (
	"io"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// Reader returns the body as an [io.ReadCloser], for code in direct style: a
// json.Decoder, a bufio.Scanner, io.Copy. The reader belongs to the coroutine of co: if
// there is nothing to read, Read waits as [deferred.Await] does, and the loop does other
// work. The reader holds one piece; the remaining body stays on the connection.
//
//	events := json.NewDecoder(resp.Reader(co))
//
// Read fails with [ErrBodyTaken], with the error that cut the body short, normally a
// [*FailedError], or with [deferred.ErrCancelled] when the coroutine is cancelled, which
// closes the connection. To stop early, call Close: it closes the connection too. After
// the end Close has no effect.
func (r *Response) Reader(co *deferred.Co) io.ReadCloser {
	if co == nil {
		panic("response: Reader without a coroutine")
	}
	b := &bodyReader{co: co, response: r}
	if err := r.DeliverBody(b); err != nil {
		b.ended = r.unread(err, b.came)
	}
	return b
}

// A bodyReader is a reader that holds one piece at a time: the body is paused until that
// piece is read.
type bodyReader struct {
	co        *deferred.Co
	response  *Response
	transport BodyTransport
	came      beginning
	buffer    []byte                            // the memory of piece
	piece     []byte                            // the bytes still to be read
	ended     error                             // what Read returns after piece; nil before the end
	waiter    *deferred.Deferred[deferred.None] // fires when there is something to read; or nil
}

func (b *bodyReader) ConnectionMade(t BodyTransport) {
	b.transport = t
	t.PauseProducing()
}

func (b *bodyReader) DataReceived(data []byte) {
	b.buffer = append(b.buffer[:0], data...)
	b.piece = b.buffer
	b.came.add(data)
	b.transport.PauseProducing()
	b.wake()
}

func (b *bodyReader) ConnectionLost(reason error) {
	if b.ended == nil {
		if b.ended = b.response.unread(failure(reason), b.came); b.ended == nil {
			b.ended = io.EOF
		}
	}
	b.wake()
}

// wake wakes the waiting Read, if there is one.
func (b *bodyReader) wake() {
	if w := b.waiter; w != nil {
		b.waiter = nil
		w.Callback(deferred.None{})
	}
}

// Read reads from the current piece, or waits for the next one.
func (b *bodyReader) Read(p []byte) (int, error) {
	for len(b.piece) == 0 && b.ended == nil {
		b.transport.ResumeProducing() // this may call DataReceived
		if len(b.piece) != 0 || b.ended != nil {
			break
		}
		b.waiter = deferred.New[deferred.None]()
		if _, err := deferred.Await(b.co, b.waiter); err != nil {
			b.waiter = nil
			b.stop(b.response.unread(err, b.came))
		}
	}
	if len(b.piece) == 0 {
		return 0, b.ended
	}
	n := copy(p, b.piece)
	b.piece = b.piece[n:]
	return n, nil
}

func (b *bodyReader) Close() error {
	b.piece = nil
	if b.ended == nil {
		b.stop(io.ErrClosedPipe)
	}
	return nil
}

// stop closes the connection; after it Read returns err.
func (b *bodyReader) stop(err error) {
	b.ended = err
	b.transport.StopProducing()
}
