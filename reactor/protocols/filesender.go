package protocols

import (
	"errors"
	"fmt"
	"io"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A FileSender sends a file to a consumer, such as a transport, piece by piece: it is the
// consumer's [reactor.PullProducer], and reads a piece whenever the consumer can take more. The
// zero value is ready to use, and to be used again after the transfer. It is Twisted's
// FileSender.
type FileSender struct {
	// ChunkSize is the largest number of bytes of one Read. 0 means 16384. It is Twisted's
	// CHUNK_SIZE.
	ChunkSize int
	// Clock lets other work go first when transform has left nothing of 64 pieces: the consumer
	// asks for no more before something is written to it, so the FileSender goes on by itself, in
	// the next turn. nil means the reactor of the consumer if that is a [reactor.Transport];
	// for another consumer, the FileSender goes on at once.
	Clock reactor.Clock

	file      io.Reader
	consumer  reactor.Consumer
	transform func(chunk []byte) []byte
	buffer    []byte
	sent      int64
	result    *deferred.Deferred[int64] // nil unless a transfer is in progress
	later     reactor.DelayedCall       // goes on in the next turn; nil unless it is due
}

const (
	defaultChunkSize = 1 << 14
	maxDropped       = 64 // pieces of which transform leaves nothing, in a turn
)

var (
	// ErrTransferStopped is the error of a transfer whose consumer stopped the FileSender:
	// the connection is lost, or sending failed.
	ErrTransferStopped = errors.New("protocols: the consumer stopped the transfer of the file")
	// ErrTransferring is the error of a second transfer during the first one.
	ErrTransferring = errors.New("protocols: the FileSender is transferring another file")
)

// BeginFileTransfer sends what file yields, to its end. Each piece first goes through transform,
// which may change it in place and may be nil. It is called on the loop's goroutine, and so is
// Read: a source that blocks the loop needs a request.FileBodyProducer or a goroutine.
//
// The Deferred fires with the number of bytes written to the consumer, when all of them are; the
// consumer may still have to send the last ones. Twisted's fires with the last byte. It fails
// with the error of file, with [ErrTransferStopped] if the consumer is lost, and with
// [reactor.ErrProducerRegistered] if the consumer has another producer. A panic of Read or
// transform fails it with a [*deferred.PanicError]. Cancelling it ends the transfer. In each
// case nothing more is read, and the FileSender is no longer registered.
//
// The caller closes the file when the Deferred has fired.
func (s *FileSender) BeginFileTransfer(file io.Reader, consumer reactor.Consumer, transform func(chunk []byte) []byte) *deferred.Deferred[int64] {
	if s.result != nil {
		return deferred.Fail[int64](ErrTransferring)
	}
	d := deferred.NewCancellable(func(*deferred.Deferred[int64]) { s.unregister() })
	s.file, s.consumer, s.transform, s.sent, s.result = file, consumer, transform, 0, d
	if err := consumer.RegisterPullProducer(s); err != nil {
		s.end()
		d.Errback(err)
	}
	return d
}

// ResumeProducing writes the next piece; see [reactor.PullProducer].
func (s *FileSender) ResumeProducing() {
	d := s.result
	s.cancelLater()
	for dropped := 0; s.result == d && d != nil; {
		wrote, err := s.step()
		if s.result != d { // the consumer, or the program, has ended the transfer
			return
		}
		switch {
		case err == io.EOF:
			s.unregister()
			d.Callback(s.sent)
		case err != nil:
			s.unregister()
			d.Errback(err)
		case wrote: // else the consumer would not ask again
			return
		}
		if dropped++; dropped == maxDropped && s.goOnLater() {
			return
		}
	}
}

// goOnLater has ResumeProducing called in the next turn. It returns false without a clock.
func (s *FileSender) goOnLater() bool {
	clock := s.Clock
	if t, ok := s.consumer.(reactor.Transport); ok && clock == nil {
		clock = t.Reactor()
	}
	if clock == nil {
		return false
	}
	s.later = clock.CallLater(0, func() {
		s.later = nil
		s.ResumeProducing()
	})
	return true
}

func (s *FileSender) cancelLater() {
	if s.later != nil {
		s.later.Cancel()
		s.later = nil
	}
}

// StopProducing ends the transfer; see [reactor.PullProducer].
func (s *FileSender) StopProducing() {
	if d := s.result; d != nil {
		s.end()
		d.Errback(ErrTransferStopped)
	}
}

// step reads a piece and writes it. wrote is false if there was nothing to write.
func (s *FileSender) step() (wrote bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = deferred.NewPanicError(v)
		}
	}()
	d := s.result
	chunk, err := s.read()
	if len(chunk) != 0 && s.result == d && s.transform != nil {
		chunk = s.transform(chunk)
	}
	if len(chunk) != 0 && s.result == d { // neither of the two has cancelled it
		s.sent += int64(len(chunk))
		s.consumer.Write(chunk)
		wrote = true
	}
	return wrote, err
}

func (s *FileSender) read() ([]byte, error) {
	if s.buffer == nil {
		size := s.ChunkSize
		if size <= 0 {
			size = defaultChunkSize
		}
		s.buffer = make([]byte, size)
	}
	for range maxEmptyReads {
		n, err := s.file.Read(s.buffer)
		if n < 0 || n > len(s.buffer) {
			return nil, fmt.Errorf("protocols: the file's Read returned %d for a buffer of %d bytes", n, len(s.buffer))
		}
		if n != 0 || err != nil {
			return s.buffer[:n], err
		}
	}
	return nil, io.ErrNoProgress
}

// unregister ends the transfer of a consumer that goes on.
func (s *FileSender) unregister() {
	consumer := s.consumer
	s.end()
	consumer.UnregisterProducer()
}

// end forgets the transfer.
func (s *FileSender) end() {
	s.cancelLater()
	s.file, s.consumer, s.transform, s.buffer, s.result = nil, nil, nil, nil, nil
}
