package agent

// This file holds how a body is decoded by readers that block. They run in a
// coroutine, one on top of the other, which waits when it has nothing more to
// read, has decoded something, or has worked enough for this turn of the loop. The
// reader of the body is called outside of it.

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

// decodingLimits are what MaxDecodedSize and MaxExpansion say.
type decodingLimits struct{ size, ratio, allowed int64 }

// A decoding is one body being decoded: the protocol that the coded bytes go to,
// and the transport of those that come of them.
type decoding struct {
	response *response.Response
	decoders []Decoder // the one to be used first is first
	limits   decodingLimits
	to       response.BodyProtocol
	from     response.BodyTransport // of the coded body
	out      *response.Body         // the decoded body
	feed     *feed                  // the coded body, for the task
	task     *coro.Task             // from the first byte on
	chunk    []byte                 // what the task has decoded
	fault    *DecodeError           // what was first found wrong
	lost     error                  // why the coded body ended; nil before
	running  bool                   // run is
	paused   bool                   // the reader wants no more for now
	held     bool                   // from is paused because of that, or of rest
	work     int                    // bytes that came of the stages in this turn
	rest     *task.CooperativeTask  // goes on in later turns; or nil
	stepping bool                   // step is
	over     bool                   // no more is to be decoded
}

func newDecoding(r *response.Response, decoders []Decoder, limits decodingLimits, to response.BodyProtocol) *decoding {
	return &decoding{response: r, decoders: decoders, limits: limits, to: to}
}

// ConnectionMade, DataReceived and ConnectionLost take the coded body.

func (d *decoding) ConnectionMade(t response.BodyTransport) {
	d.from = t
	d.out = response.NewBody(d)
	if t.Cooperator() == nil {
		err := fmt.Errorf("%w: (%T).Cooperator() returned nil", request.ErrNoCooperator, t)
		d.out.End(&response.FailedError{Reasons: []error{err}, Response: d.response})
		d.StopProducing()
	}
	d.out.Deliver(d.to)
}

func (d *decoding) DataReceived(data []byte) {
	if d.over || len(data) == 0 {
		return
	}
	if d.task == nil {
		d.feed = &feed{}
		d.task = coro.New(d.decode)
	}
	d.feed.add(data)
	defer d.feed.keep()
	d.run()
}

func (d *decoding) ConnectionLost(reason error) {
	d.lost = reason
	if d.over || d.task == nil {
		d.out.End(reason)
		return
	}
	d.feed.end = reason
	if whole(reason) {
		d.feed.end = io.EOF
	}
	d.run()
}

// whole reports whether a body that ended for reason is all there, as far as can
// be known.
func whole(reason error) bool {
	return errors.Is(reason, response.ErrDone) || errors.Is(reason, response.ErrPotentialDataLoss)
}

// PauseProducing, ResumeProducing and StopProducing steer the decoded body.

func (d *decoding) PauseProducing() {
	d.paused, d.held = true, true
	d.from.PauseProducing()
}

func (d *decoding) ResumeProducing() {
	d.paused = false
	if d.task != nil {
		d.run()
	}
	d.release()
}

func (d *decoding) StopProducing() {
	d.stop()
	if d.lost != nil {
		d.out.End(&response.FailedError{Reasons: []error{reactor.ErrConnectionAborted}, Response: d.response})
	} else {
		d.from.StopProducing()
	}
}

// workAtOnce is how many bytes may come of the stages, all together, in one turn of
// the loop: the work of a millisecond or so.
const workAtOnce = 512 << 10

// run has the task decode what it has got, and gives it to the reader. If that is
// too much work for one turn, it leaves the rest to later ones.
func (d *decoding) run() {
	if d.running || d.rest != nil {
		return // further up the stack, or in a later turn
	}
	if !d.stepping {
		d.work = 0
	}
	d.decodeSome()
	if !d.idle() {
		d.hold()
		d.rest = d.Cooperator().Cooperate(d.step)
		d.rest.WhenDone().AddErrback(d.crashed)
	}
	d.release()
}

// step does the work of one turn.
func (d *decoding) step() (task.Wait, error) {
	d.work, d.stepping = 0, true
	defer func() { d.stepping = false }()
	d.decodeSome()
	if !d.idle() {
		return nil, nil
	}
	d.rest = nil
	d.release() // which may bring more, for the rest of this turn
	return nil, task.Done
}

// crashed ends the decoded body after a panic of its reader in step.
func (d *decoding) crashed(err error) (deferred.None, error) {
	if !d.over {
		d.stop()
		d.out.End(&response.FailedError{Reasons: []error{err}, Response: d.response})
		d.from.StopProducing()
	}
	return deferred.None{}, nil
}

// idle reports whether there is nothing to decode now.
func (d *decoding) idle() bool { return d.over || d.paused || d.feed.starved() }

// decodeSome decodes what there is, up to the work of one turn.
func (d *decoding) decodeSome() {
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

// tired reports whether this turn has had its work.
func (d *decoding) tired() bool { return d.work >= workAtOnce }

// hold pauses the coded body.
func (d *decoding) hold() {
	if !d.held {
		d.held = true
		d.from.PauseProducing()
	}
}

// release lets the coded body go on, if it is paused and need not be.
func (d *decoding) release() {
	if d.held && !d.paused && !d.running && !d.over && d.rest == nil {
		d.held = false
		d.from.ResumeProducing()
	}
}

// Cooperator returns the Cooperator of the coded body.
func (d *decoding) Cooperator() *task.Cooperator { return d.from.Cooperator() }

// finish ends the decoded body, after the task has ended.
func (d *decoding) finish() {
	d.stop()
	var reason error
	switch {
	case d.lost != nil && !whole(d.lost):
		reason = d.lost
	case d.fault != nil:
		reason = &response.FailedError{Reasons: []error{d.fault}, Response: d.response}
	default:
		reason = d.lost
	}
	if d.lost == nil {
		defer d.from.StopProducing() // after the reader knows why
	}
	d.out.End(reason)
}

// stop ends the task.
func (d *decoding) stop() {
	d.over = true
	if d.rest != nil {
		d.rest.Stop()
		d.rest = nil
	}
	if d.task != nil {
		d.task.Stop()
		*d.feed = feed{} // a decoder may keep it, for as long as it is in its pool
	}
}

// chunks holds what is decoded into.
var chunks = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// decode is what the task does.
func (d *decoding) decode(t *coro.Task) {
	d.feed.task = t
	buf := chunks.Get().(*[32 << 10]byte)
	defer chunks.Put(buf)
	var body io.Reader = d.feed
	for _, decoder := range d.decoders {
		s := &stage{decoding: d, decoder: decoder, source: body}
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
	if d.fault != nil {
		return
	}
	// All should have been used.
	if _, err := d.feed.ReadByte(); err == nil {
		d.fault = &DecodeError{d.decoders[0].Name, ErrTrailingData}
	}
}

// A stage undoes one coding: it is a reader of what comes of source.
type stage struct {
	decoding *decoding
	decoder  Decoder
	source   io.Reader
	reader   io.ReadCloser // from the first Read on
	size     int64         // of what came of it
}

func (s *stage) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.reader = nil // whatever it is like now
			n, err = 0, s.fail(deferred.NewPanicError(v))
		}
	}()
	if s.reader == nil {
		if s.reader, err = s.decoder.Open(s.source); err != nil {
			s.reader = nil
			return 0, s.fail(err)
		}
	}
	if s.decoding.tired() && !s.decoding.feed.sleep() {
		return 0, errStopped
	}
	n, err = s.reader.Read(p)
	s.size += int64(n)
	s.decoding.work += n
	if most := s.most(); s.size > most {
		n = max(0, n-int(s.size-most))
		err = fmt.Errorf("%w: more than %d bytes came of %d", ErrDecodedTooLarge, most, s.decoding.feed.size)
	}
	if err != nil {
		err = s.fail(err)
	}
	return n, err
}

// most returns how much may have come of the bytes that were received so far.
// That holds for each stage, so that it bounds the work too.
func (s *stage) most() int64 {
	most := int64(1<<63 - 1)
	limits := s.decoding.limits
	if limits.ratio > 0 {
		most = max(limits.allowed, limits.ratio*s.decoding.feed.size)
	}
	if limits.size > 0 {
		most = min(most, limits.size)
	}
	return most
}

// fail returns err as Read is to return it. Stages further down may have failed
// before this one, and because of that.
func (s *stage) fail(err error) error {
	if err == io.EOF {
		return err
	}
	if s.decoding.fault == nil {
		s.decoding.fault = &DecodeError{s.decoder.Name, err}
	}
	return s.decoding.fault
}

func (s *stage) close() {
	if s.reader != nil {
		s.reader.Close()
	}
}

// A feed is the coded bytes as the task reads them. It waits for those that have
// not come yet.
type feed struct {
	task   *coro.Task
	data   []byte // what is to be read
	lent   bool   // data is valid only until DataReceived returns
	size   int64  // of all that came
	end    error  // of reading, after data; nil while more can come
	hungry bool   // the task waits for more
}

// starved reports whether there is no use in resuming the task.
func (f *feed) starved() bool { return f.hungry && len(f.data) == 0 && f.end == nil }

// add adds data, which is valid until keep is called.
func (f *feed) add(data []byte) {
	f.size += int64(len(data))
	if len(f.data) == 0 {
		f.data, f.lent = data, true
		return
	}
	if f.lent {
		f.data = f.data[:len(f.data):len(f.data)] // what follows is not ours
	}
	f.data, f.lent = append(f.data, data...), false
}

// keep makes data valid for longer.
func (f *feed) keep() {
	if f.lent {
		f.data, f.lent = append([]byte(nil), f.data...), false
	}
}

// errStopped is the end of a feed whose task is to return.
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

// sleep waits until the next turn, and reports whether the task is to go on.
func (f *feed) sleep() bool {
	if f.end != errStopped && !f.task.Wait() {
		f.data, f.end = nil, errStopped
	}
	return f.end != errStopped
}

// Read reads as much as has come.
func (f *feed) Read(p []byte) (int, error) {
	if !f.more() {
		return 0, f.end
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

// ReadByte spares compress/flate a buffer, and lets it read no further than it
// decodes.
func (f *feed) ReadByte() (byte, error) {
	if !f.more() {
		return 0, f.end
	}
	c := f.data[0]
	f.data = f.data[1:]
	return c, nil
}
