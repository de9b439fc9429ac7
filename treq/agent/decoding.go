package agent

// This file decodes a body with readers that block. They run in a coroutine, each reading
// from the one before. The coroutine waits when it needs more input, when it has decoded
// a chunk, and when it has done enough work for one turn of the loop. The reader of the
// body runs outside the coroutine.

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// decodingLimits are the limits of a DecoderConfig.
type decodingLimits struct{ size, ratio, allowed int64 }

// A decodedBody decodes one body: it is the reader of the coded body, and the transport
// of the decoded one.
type decodedBody struct {
	response *response.Response
	decoders []Decoder // the decoder of the outermost coding first
	limits   decodingLimits
	reader   response.BodyProtocol
	coded    response.BodyTransport // of the coded body; nil before ConnectionMade
	out      response.Body
	feed     *feed                 // the input of the coroutine; nil before the first byte
	task     coro.Task             // decodes the feed
	chunk    []byte                // bytes to deliver, which the coroutine decoded
	fault    *DecodeError          // the first error, or nil
	tail     bool                  // too many bytes follow the coded body
	lost     error                 // the reason of the coded body's end; nil before the end
	running  bool                  // decodeSome is on the stack
	paused   bool                  // the reader has paused the decoded body
	held     bool                  // coded is paused, because paused or later is set
	work     int                   // bytes that all stages decoded in this turn
	later    *task.CooperativeTask // decodes in later turns; nil if not needed
	stepping bool                  // step is on the stack
	over     bool                  // decoding has ended
}

func newDecodedBody(r *response.Response, decoders []Decoder, limits decodingLimits, reader response.BodyProtocol) *decodedBody {
	return &decodedBody{response: r, decoders: decoders, limits: limits, reader: reader}
}

// ConnectionMade, DataReceived and ConnectionLost make d the reader of the coded body.

func (d *decodedBody) ConnectionMade(t response.BodyTransport) {
	d.coded = t
	d.out.Init(d)
	if t.Cooperator() == nil {
		d.out.End(&response.FailedError{Reasons: []error{request.NoCooperator(t)}, Response: d.response})
		d.StopProducing()
	}
	d.out.Deliver(d.reader)
}

func (d *decodedBody) DataReceived(data []byte) {
	if d.over || len(data) == 0 {
		return
	}
	if d.feed == nil {
		d.feed = &feed{}
		d.task.Init(reactor.Coroutines(d.Cooperator().Clock()), d.decode)
	}
	d.feed.add(data)
	defer d.feed.keep()
	d.run()
}

func (d *decodedBody) ConnectionLost(reason error) {
	d.lost = reason
	if d.over || d.feed == nil {
		d.out.End(reason)
		return
	}
	d.feed.end = reason
	if whole(reason) {
		d.feed.end = io.EOF
	}
	d.run()
}

// whole reports whether a body that ended for reason is complete, as far as the protocol
// can tell.
func whole(reason error) bool {
	return errors.Is(reason, response.ErrDone) || errors.Is(reason, response.ErrPotentialDataLoss)
}

// PauseProducing, ResumeProducing and StopProducing make d the transport of the decoded
// body.

func (d *decodedBody) PauseProducing() {
	d.paused, d.held = true, true
	d.coded.PauseProducing()
}

func (d *decodedBody) ResumeProducing() {
	d.paused = false
	if d.feed != nil {
		d.run()
	}
	d.release()
}

func (d *decodedBody) StopProducing() {
	d.stop()
	if d.lost != nil {
		d.out.End(&response.FailedError{Reasons: []error{reactor.ErrConnectionAborted}, Response: d.response})
	} else {
		d.coded.StopProducing()
	}
}

// workAtOnce bounds the bytes that all stages together decode in one turn of the loop. It
// is the work of about a millisecond.
const workAtOnce = 512 << 10

// run decodes the input in the feed and passes the result to the reader. If that is too
// much work for this turn, run starts a task that does the remaining work in later turns.
func (d *decodedBody) run() {
	if d.running || d.later != nil {
		return // a caller up the stack, or a later turn, does it
	}
	if !d.stepping {
		d.work = 0
	}
	d.decodeSome()
	if !d.idle() {
		d.hold()
		d.later = d.Cooperator().Cooperate(d.step)
		d.later.WhenDone().AddErrback(d.crashed)
	}
	d.release()
}

func (d *decodedBody) step() (task.Wait, error) {
	d.work, d.stepping = 0, true
	defer func() { d.stepping = false }()
	d.decodeSome()
	if !d.idle() {
		return nil, nil
	}
	d.later = nil
	d.release() // this may call DataReceived, which may use the rest of the turn
	return nil, task.Done
}

// crashed ends the decoded body after its reader has panicked in step.
func (d *decodedBody) crashed(err error) (deferred.None, error) {
	if !d.over {
		d.stop()
		d.out.End(&response.FailedError{Reasons: []error{err}, Response: d.response})
		d.coded.StopProducing()
	}
	return deferred.None{}, nil
}

// idle reports whether nothing can be decoded at present.
func (d *decodedBody) idle() bool { return d.over || d.paused || d.feed.starved() }

// decodeSome decodes the input in the feed, up to the work of one turn.
func (d *decodedBody) decodeSome() {
	d.running = true
	defer func() { d.running = false }()
	for !d.idle() && !d.tired() {
		d.chunk = nil
		if !d.task.Resume() {
			d.finish()
		} else if d.chunk != nil {
			d.out.Write(d.chunk)
		}
	}
}

// tired reports whether the work of this turn is used up.
func (d *decodedBody) tired() bool { return d.work >= workAtOnce }

func (d *decodedBody) hold() {
	if !d.held {
		d.held = true
		d.coded.PauseProducing()
	}
}

// release resumes the coded body if there is no reason left to hold it.
func (d *decodedBody) release() {
	if d.held && !d.paused && !d.running && !d.over && d.later == nil {
		d.held = false
		d.coded.ResumeProducing()
	}
}

// Cooperator returns the Cooperator of the coded body.
func (d *decodedBody) Cooperator() *task.Cooperator { return d.coded.Cooperator() }

// finish ends the decoded body after the coroutine has ended.
func (d *decodedBody) finish() {
	d.stop()
	if d.task.Exited() {
		d.fault = &DecodeError{d.decoders[0].Name, coro.ErrExited}
	}
	var reason error
	switch {
	case d.lost != nil && !whole(d.lost):
		reason = d.lost
	case d.fault != nil:
		reason = &response.FailedError{Reasons: []error{d.fault}, Response: d.response}
	case d.lost == nil: // what follows the coded body is not read
		reason = response.ErrDone
	default:
		reason = d.lost
	}
	if d.lost == nil {
		defer d.coded.StopProducing() // after the reader knows the reason
	}
	d.out.End(reason)
}

func (d *decodedBody) stop() {
	d.over = true
	if d.later != nil {
		d.later.Stop()
		d.later = nil
	}
	if d.feed != nil {
		d.task.Stop()
		*d.feed = feed{} // a pooled decoder may still refer to it
	}
}

// chunks are the buffers that the coroutines decode into.
var chunks = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// decode is the function of the coroutine.
func (d *decodedBody) decode(t *coro.Task) {
	d.feed.task = t
	buf := chunks.Get().(*[32 << 10]byte)
	defer chunks.Put(buf)
	var body io.Reader = d.feed
	for _, decoder := range d.decoders {
		s := &stage{body: d, decoder: decoder, source: body}
		defer s.close()
		body = s
	}
	for {
		n, err := body.Read(buf[:])
		if n > 0 {
			d.chunk = buf[:n]
			if !t.Wait() {
				return
			}
		}
		if err != nil {
			break
		}
	}
	if d.fault != nil || d.tail {
		return
	}
	// The outermost decoder must have read all of the input.
	if _, err := d.feed.ReadByte(); err == nil {
		d.fault = &DecodeError{d.decoders[0].Name, ErrTrailingData}
	}
}

// A stage reads source and decodes one coding.
type stage struct {
	body    *decodedBody
	decoder Decoder
	source  io.Reader
	reader  io.ReadCloser // nil before the first Read
	size    int64         // decoded bytes
	tail    bool          // too many bytes follow its body
}

func (s *stage) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.reader = nil // not fit for reuse
			n, err = 0, s.fail(deferred.NewPanicError(v))
		}
	}()
	if s.tail {
		return 0, io.EOF
	}
	if s.reader == nil {
		if s.reader, err = s.decoder.Open(s.source); err != nil {
			s.reader = nil
			return 0, s.fail(err)
		}
	}
	if s.body.tired() && !s.body.feed.sleep() {
		return 0, errStopped
	}
	n, err = s.reader.Read(p)
	s.size += int64(n)
	s.body.work += n
	if most := s.most(); s.size > most {
		n = max(0, n-int(s.size-most))
		err = fmt.Errorf("%w: more than %d bytes came of %d", ErrDecodedTooLarge, most, s.body.feed.size)
	}
	if err != nil {
		err = s.fail(err)
	}
	return n, err
}

// most returns how many bytes s may decode from the input received until now. The limit
// applies to each stage, and so bounds the work as well as the result.
func (s *stage) most() int64 {
	most := int64(1<<63 - 1)
	limits := s.body.limits
	if limits.ratio > 0 {
		most = max(limits.allowed, limits.ratio*s.body.feed.size)
	}
	if limits.size > 0 {
		most = min(most, limits.size)
	}
	return most
}

// fail returns the error for Read to return because of err. An error of an earlier stage
// is the cause of err, so that fail returns the earlier error.
func (s *stage) fail(err error) error {
	switch err {
	case errTail:
		s.tail, s.body.tail = true, true
		return io.EOF
	case io.EOF:
		return err
	}
	if s.body.fault == nil {
		s.body.fault = &DecodeError{s.decoder.Name, err}
	}
	return s.body.fault
}

func (s *stage) close() {
	if s.reader != nil {
		s.reader.Close()
	}
}

// A feed is the input of the coroutine. Its Read waits for bytes that are not received
// yet.
type feed struct {
	task   *coro.Task
	data   []byte // still to be read
	lent   bool   // data is valid only until DataReceived returns
	size   int64  // bytes received
	end    error  // what Read returns after data; nil before the end
	hungry bool   // the coroutine waits for more
}

// starved reports whether the coroutine waits for input and there is none.
func (f *feed) starved() bool { return f.hungry && len(f.data) == 0 && f.end == nil }

// add appends data, which stays valid until keep is called.
func (f *feed) add(data []byte) {
	f.size += int64(len(data))
	if len(f.data) == 0 {
		f.data, f.lent = data, true
		return
	}
	if f.lent {
		f.data = f.data[:len(f.data):len(f.data)] // append must copy
	}
	f.data, f.lent = append(f.data, data...), false
}

// keep copies data that is lent.
func (f *feed) keep() {
	if f.lent {
		f.data, f.lent = append([]byte(nil), f.data...), false
	}
}

// errStopped is the end of a feed whose coroutine is being stopped.
var errStopped = errors.New("stopped")

// more waits for bytes, and reports whether there are any.
func (f *feed) more() bool {
	for len(f.data) == 0 && f.end == nil {
		f.hungry = true
		if !f.task.Wait() {
			f.end = errStopped
		}
		f.hungry = false
	}
	return len(f.data) != 0
}

// sleep waits for the next turn. It reports false if the coroutine is being stopped.
func (f *feed) sleep() bool {
	if f.end != errStopped && !f.task.Wait() {
		f.data, f.end = nil, errStopped
	}
	return f.end != errStopped
}

// Read reads the bytes received, or waits for some.
func (f *feed) Read(p []byte) (int, error) {
	if !f.more() {
		return 0, f.end
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

// ReadByte makes feed an io.ByteReader: compress/flate then needs no buffer, and reads no
// further than it decodes.
func (f *feed) ReadByte() (byte, error) {
	if !f.more() {
		return 0, f.end
	}
	c := f.data[0]
	f.data = f.data[1:]
	return c, nil
}
