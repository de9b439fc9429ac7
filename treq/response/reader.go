package response

import (
	"io"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// Reader returns the body as an [io.ReadCloser], for what reads in direct style: a
// json.Decoder, a bufio.Scanner, io.Copy. It belongs to the coroutine of co: where
// there is nothing to read, Read waits as [deferred.Await] does, and other things
// are done meanwhile. What is not read yet stays on the connection, but for one
// piece.
//
//	events := json.NewDecoder(resp.Reader(co))
//
// Read fails with [ErrBodyTaken], with what ended the body too early, a
// [*FailedError] mostly, or with [deferred.ErrCancelled] once the coroutine is
// cancelled, which closes the connection. Who leaves off before the end calls Close,
// which closes the connection too; after the end it does nothing.
func (r *Response) Reader(co *deferred.Co) io.ReadCloser {
	if co == nil {
		panic("response: Reader without a coroutine")
	}
	b := &bodyReader{co: co}
	if err := r.DeliverBody(b); err != nil {
		b.ended = err
	}
	return b
}

// A bodyReader is a body, one piece of which is there at a time: with each the body
// is paused, until that piece has been read.
type bodyReader struct {
	co     *deferred.Co
	from   BodyTransport
	room   []byte // what piece is a part of
	piece  []byte // what is to be read
	ended  error  // what Read gives after that; nil before the end
	waiter *deferred.Deferred[deferred.None]
}

func (b *bodyReader) ConnectionMade(t BodyTransport) {
	b.from = t
	t.PauseProducing()
}

func (b *bodyReader) DataReceived(data []byte) {
	b.room = append(b.room[:0], data...)
	b.piece = b.room
	b.from.PauseProducing()
	b.wake()
}

func (b *bodyReader) ConnectionLost(reason error) {
	if b.ended == nil {
		if b.ended = failure(reason); b.ended == nil {
			b.ended = io.EOF
		}
	}
	b.wake()
}

// wake lets Read go on, if it waits.
func (b *bodyReader) wake() {
	if w := b.waiter; w != nil {
		b.waiter = nil
		w.Callback(deferred.None{})
	}
}

// Read reads what is there of the body, or waits for it.
func (b *bodyReader) Read(p []byte) (int, error) {
	for len(b.piece) == 0 && b.ended == nil {
		b.from.ResumeProducing() // which may bring it there and then
		if len(b.piece) != 0 || b.ended != nil {
			break
		}
		b.waiter = deferred.New[deferred.None]()
		if _, err := deferred.Await(b.co, b.waiter); err != nil {
			b.waiter = nil
			b.stop(err)
		}
	}
	if len(b.piece) == 0 {
		return 0, b.ended
	}
	n := copy(p, b.piece)
	b.piece = b.piece[n:]
	return n, nil
}

// Close says that no more is wanted.
func (b *bodyReader) Close() error {
	b.piece = nil
	if b.ended == nil {
		b.stop(io.ErrClosedPipe)
	}
	return nil
}

// stop ends the body because of err.
func (b *bodyReader) stop(err error) {
	b.ended = err
	b.from.StopProducing()
}
