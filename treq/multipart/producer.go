package multipart

import (
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A MultiPartProducer is the body of a form. It produces the fields one after another. It
// is treq's MultiPartProducer.
//
// When it fails or is stopped, it stops all files that are not sent yet. So every
// MultiPartProducer must be started or stopped.
//
// It is a [request.RepeatableProducer]: it can be sent again if all its files can.
type MultiPartProducer struct {
	*request.CooperativeProducer
	boundary string
	pieces   []piece
	next     int   // the index of the next piece to be written
	current  *part // the file that is being written, or nil
}

// A piece of the body is either some bytes or a file.
type piece struct {
	bytes []byte
	body  request.BodyProducer // the producer of the file; nil if the piece is bytes
	field FieldError           // the error of the file's field, without a reason
}

// NewMultiPartProducer returns the body of a form with these fields. They are sent in
// treq's order: texts before files, both sorted by name, and fields of the same name as
// given.
//
// Its Length is known if the length of every file is. NewMultiPartProducer fails with a
// [*FieldError] for an invalid field, and then does not stop the files.
func NewMultiPartProducer(fields []Field, config Config) (*MultiPartProducer, error) {
	for i := range fields {
		if err := fields[i].check(i); err != nil {
			return nil, err
		}
	}
	boundary, err := config.boundary()
	if err != nil {
		return nil, err
	}
	p := &MultiPartProducer{boundary: boundary, pieces: cut(fields, inOrder(fields), boundary)}
	p.CooperativeProducer = request.NewCooperativeProducer(length(p.pieces), p.produce, p.stopFiles)
	p.MakeRepeatable(p.rewind)
	return p, nil
}

// Boundary returns the boundary.
func (p *MultiPartProducer) Boundary() string { return p.boundary }

// ContentType returns the body's Content-Type: multipart/form-data with the boundary.
func (p *MultiPartProducer) ContentType() string {
	return mime.FormatMediaType("multipart/form-data", map[string]string{"boundary": p.boundary})
}

// longText is the least length of a text that is not copied, but becomes a piece. Shorter
// texts are gathered into pieces of about that length.
const longText = 32 << 10

// cut returns the body of a form with these fields, in the given order, as few pieces (RFC 2046, section
// 5.1.1).
func cut(fields []Field, order []int, boundary string) (pieces []piece) {
	var bytes []byte
	flush := func() {
		pieces = append(pieces, piece{bytes: bytes})
		bytes = nil
	}
	delimiter := "--" + boundary
	for _, i := range order {
		f := fields[i]
		bytes = append(bytes, delimiter+"\r\n"...)
		bytes = appendHead(bytes, f)
		var body request.BodyProducer
		switch value := f.Value.(type) {
		case File:
			body = value.Body
		case Text:
			if len(value) >= longText {
				body = request.NewFileBodyProducer(strings.NewReader(string(value)), request.FileBodyConfig{})
			} else {
				bytes = append(bytes, value...)
			}
		}
		if body != nil || len(bytes) >= longText {
			flush()
		}
		if body != nil {
			pieces = append(pieces, piece{body: body, field: FieldError{Index: i, Name: f.Name}})
		}
		delimiter = "\r\n--" + boundary
	}
	if len(fields) == 0 {
		delimiter = "\r\n" + delimiter // as treq writes a form without fields
	}
	bytes = append(bytes, delimiter+"--\r\n"...)
	flush()
	return pieces
}

func length(pieces []piece) (n int64) {
	for _, piece := range pieces {
		n += int64(len(piece.bytes))
		if piece.body != nil {
			l := piece.body.Length()
			if l < 0 {
				return request.UnknownLength
			}
			n += l
		}
	}
	return n
}

// produce writes the next piece. For a file it returns a Deferred that fires at the end
// of the file.
func (p *MultiPartProducer) produce(to request.Consumer) (task.Wait, error) {
	if p.next == len(p.pieces) {
		return nil, task.Done
	}
	next := p.pieces[p.next]
	p.next++
	if next.body == nil {
		to.Write(next.bytes)
		return nil, nil
	}
	c := &part{
		producer: p,
		field:    next.field,
		body:     next.body,
		to:       to,
		length:   next.body.Length(),
	}
	c.done = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { c.stop() })
	p.current = c
	return c.start(), nil
}

// PauseProducing stops all writing until ResumeProducing. It also pauses the file that is
// being written.
func (p *MultiPartProducer) PauseProducing() {
	p.CooperativeProducer.PauseProducing()
	if c := p.current; c != nil && !c.paused {
		c.paused = true
		c.body.PauseProducing()
	}
}

// ResumeProducing undoes any number of calls of PauseProducing.
func (p *MultiPartProducer) ResumeProducing() {
	p.CooperativeProducer.ResumeProducing()
	if c := p.current; c != nil && c.paused {
		c.paused = false
		c.body.ResumeProducing()
	}
}

// stopFiles stops the files that are not sent yet.
func (p *MultiPartProducer) stopFiles() {
	if p.current != nil {
		p.current.stop()
	}
	for ; p.next < len(p.pieces); p.next++ {
		if body := p.pieces[p.next].body; body != nil {
			body.StopProducing()
		}
	}
}

// Hold implements [request.RepeatableProducer]. It holds all files.
func (p *MultiPartProducer) Hold() bool {
	for i, piece := range p.pieces {
		if !request.Hold(piece.body) {
			release(p.pieces[:i])
			return false
		}
	}
	if !p.CooperativeProducer.Hold() {
		release(p.pieces)
		return false
	}
	return true
}

// Release implements [request.RepeatableProducer].
func (p *MultiPartProducer) Release() {
	p.CooperativeProducer.Release()
	release(p.pieces)
}

func release(pieces []piece) {
	for _, piece := range pieces {
		request.Release(piece.body)
	}
}

// rewind rewinds the files that were started.
func (p *MultiPartProducer) rewind() error {
	for _, piece := range p.pieces[:p.next] {
		if err := request.Rewind(piece.body); err != nil {
			return piece.field.because(err)
		}
	}
	p.next = 0
	return nil
}

// A part is a file while it is written. It is the consumer of the file's producer, and
// enforces the length: after a wrong length, a receiver that relies on the length in the
// field's header would see another form.
type part struct {
	producer *MultiPartProducer
	field    FieldError // without a reason
	body     request.BodyProducer
	to       request.Consumer
	length   int64 // the announced length; negative if unknown
	written  int64
	paused   bool
	stopped  bool
	result   *deferred.Deferred[deferred.None] // of the body's StartProducing; nil before it
	done     *deferred.Deferred[deferred.None] // fires when the file ends or is given up
}

func (c *part) start() task.Wait {
	c.result = deferred.MaybeDeferred(func() *deferred.Deferred[deferred.None] {
		return c.body.StartProducing(c)
	})
	c.result.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if c.stopped || c.done.Called() {
			return deferred.None{}, nil
		}
		c.producer.current = nil
		if err == nil && c.length >= 0 && c.written != c.length {
			err = c.wrongLength()
		}
		if err != nil {
			err = c.field.because(err)
		}
		c.done.Resolve(deferred.None{}, err)
		return deferred.None{}, nil
	})
	if c.stopped { // within StartProducing
		c.result.Cancel()
	}
	return c.done
}

// stop stops the file early. A stopped file does not fire its result, so nothing waits for it any more.
func (c *part) stop() {
	if c.producer.current == c {
		c.producer.current = nil
		c.stopped = true
		c.body.StopProducing()
		if c.result != nil {
			c.result.Cancel()
		}
	}
}

// Cooperator returns the Cooperator of the form, which the file uses too.
func (c *part) Cooperator() *task.Cooperator { return c.to.Cooperator() }

// Write passes data on, unless the file is longer than announced.
func (c *part) Write(data []byte) {
	if c.done.Called() {
		return
	}
	c.written += int64(len(data))
	if c.length >= 0 && c.written > c.length {
		c.done.Errback(c.field.because(c.wrongLength()))
		c.stop()
		return
	}
	c.to.Write(data)
}

// ErrWrongLength is the error of a file whose producer writes more or fewer bytes than
// its Length.
var ErrWrongLength = errors.New("wrong length of a file")

func (c *part) wrongLength() error {
	return fmt.Errorf("%w: it was to have %d bytes, its producer wrote %d", ErrWrongLength, c.length, c.written)
}
