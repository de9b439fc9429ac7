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
// is a [request.BodyProducer] that can be sent once. It is treq's MultiPartProducer.
//
// When it fails or is stopped, it stops all files that are not sent yet. So every
// MultiPartProducer must be started or stopped.
type MultiPartProducer struct {
	*request.CooperativeProducer
	boundary string
	pieces   []piece // the pieces still to be written
	current  *part   // the file that is being written, or nil
}

// A piece of the body is either some bytes or a file.
type piece struct {
	bytes []byte
	body  request.BodyProducer // the producer of the file; nil if the piece is bytes
	field string               // the name of the file's field
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
	p := &MultiPartProducer{boundary: boundary, pieces: cut(inOrder(fields), boundary)}
	p.CooperativeProducer = request.NewCooperativeProducer(length(p.pieces), p.produce, p.stopFiles)
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

// cut returns the body of a form with these fields, as few pieces (RFC 2046, section
// 5.1.1).
func cut(fields []Field, boundary string) (pieces []piece) {
	var bytes []byte
	flush := func() {
		pieces = append(pieces, piece{bytes: bytes})
		bytes = nil
	}
	delimiter := "--" + boundary
	for _, f := range fields {
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
			pieces = append(pieces, piece{body: body, field: f.Name})
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
	if len(p.pieces) == 0 {
		return nil, task.Done
	}
	next := p.pieces[0]
	p.pieces = p.pieces[1:]
	if next.body == nil {
		to.Write(next.bytes)
		return nil, nil
	}
	p.current = &part{
		producer: p,
		field:    next.field,
		body:     next.body,
		to:       to,
		length:   next.body.Length(),
		done:     deferred.New[deferred.None](),
	}
	return p.current.start(), nil
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
	if c := p.current; c != nil {
		p.current = nil
		c.body.StopProducing()
	}
	for _, piece := range p.pieces {
		if piece.body != nil {
			piece.body.StopProducing()
		}
	}
	p.pieces = nil
}

// A part is a file while it is written. It is the consumer of the file's producer, and
// enforces the length: after a wrong length, a receiver that relies on the length in the
// field's header would see another form.
type part struct {
	producer *MultiPartProducer
	field    string
	body     request.BodyProducer
	to       request.Consumer
	length   int64 // the announced length; negative if unknown
	written  int64
	paused   bool
	done     *deferred.Deferred[deferred.None] // fires when the file ends or is given up
}

func (c *part) start() task.Wait {
	deferred.MaybeDeferred(func() *deferred.Deferred[deferred.None] {
		return c.body.StartProducing(c)
	}).AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if c.done.Called() {
			return deferred.None{}, nil
		}
		c.producer.current = nil
		if err == nil && c.length >= 0 && c.written != c.length {
			err = c.wrongLength()
		}
		if err != nil {
			err = &FieldError{c.field, err}
		}
		c.done.Resolve(deferred.None{}, err)
		return deferred.None{}, nil
	})
	return c.done
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
		c.done.Errback(&FieldError{c.field, c.wrongLength()})
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
