package multipart

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A MultiPartProducer is the body of a form, produced from its fields one after
// another. It is a [request.BodyProducer] that can be sent once, and treq's
// MultiPartProducer.
//
// It belongs to the loop's goroutine. When it fails or is stopped, so are the
// files that it has not come to the end of: all that were given are closed in the
// end, once it is started or stopped.
type MultiPartProducer struct {
	*request.CooperativeProducer
	boundary string
	pieces   []piece // that are still to be written
	current  *part   // that is being written, if it is a body
}

// A piece of the body is some bytes that are there, or what a producer gives.
type piece struct {
	bytes []byte
	body  request.BodyProducer // nil if it is bytes
	field string               // that body is of
}

// An Option changes what [NewMultiPartProducer] makes: a [Boundary] or [Random].
type Option interface{ apply(*settings) error }

type settings struct {
	boundary string
	random   io.Reader
}

// NewMultiPartProducer returns the body of a form with these fields. They are
// sent as treq orders them: texts before files, and both by name; those of the
// same name as given.
//
// Its Length is known if that of all files is. It fails, with a [*FieldError] if
// it is for a field, and then leaves the files alone.
func NewMultiPartProducer(fields []Field, options ...Option) (*MultiPartProducer, error) {
	var s settings
	for _, o := range options {
		if o == nil {
			return nil, errors.New("multipart: an option is nil")
		}
		if err := o.apply(&s); err != nil {
			return nil, err
		}
	}
	for i := range fields {
		if err := fields[i].check(i); err != nil {
			return nil, err
		}
	}
	if s.boundary == "" {
		var err error
		if s.boundary, err = randomBoundary(s.random); err != nil {
			return nil, err
		}
	}
	p := &MultiPartProducer{boundary: s.boundary, pieces: cut(inOrder(fields), s.boundary)}
	p.CooperativeProducer = request.NewCooperativeProducer(length(p.pieces), p.produce, p.stopRest)
	return p, nil
}

// Boundary returns the boundary.
func (p *MultiPartProducer) Boundary() string { return p.boundary }

// ContentType returns the value of the Content-Type header that the body is to be
// sent with: multipart/form-data, with the boundary.
func (p *MultiPartProducer) ContentType() string {
	return mime.FormatMediaType("multipart/form-data", map[string]string{"boundary": p.boundary})
}

// longText is from which length on a text is not copied, and how much of what is
// shorter is written at once.
const longText = 32 << 10

// cut returns the body for fields, in few pieces (RFC 2046, section 5.1.1).
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
				body = request.NewFileBodyProducer(strings.NewReader(string(value)))
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
		delimiter = "\r\n" + delimiter // treq's form without fields
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

// produce writes the next piece, or begins to and waits for its end.
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

// PauseProducing keeps anything more from being written until ResumeProducing.
// The file that is being written is paused too.
func (p *MultiPartProducer) PauseProducing() {
	p.CooperativeProducer.PauseProducing()
	if c := p.current; c != nil && !c.paused {
		c.paused = true
		c.body.PauseProducing()
	}
}

// ResumeProducing undoes PauseProducing, however often that was called.
func (p *MultiPartProducer) ResumeProducing() {
	p.CooperativeProducer.ResumeProducing()
	if c := p.current; c != nil && c.paused {
		c.paused = false
		c.body.ResumeProducing()
	}
}

// stopRest stops the producers that have not come to their end.
func (p *MultiPartProducer) stopRest() {
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

// A part is the body of a field while it is written. It is the Consumer that its
// producer writes to, and holds it to its length: a receiver that goes by the
// length in the head of the field would see another form.
type part struct {
	producer *MultiPartProducer
	field    string
	body     request.BodyProducer
	to       request.Consumer
	length   int64 // as it was announced; negative if it was not
	written  int64
	paused   bool
	done     *deferred.Deferred[deferred.None] // fires when it has ended, or nobody wants the rest
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

// Cooperator returns the Cooperator that the form runs on: the file runs there too.
func (c *part) Cooperator() *task.Cooperator { return c.to.Cooperator() }

// Write writes what the body's producer gives.
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

// ErrWrongLength is the error of a file whose producer writes more or less than
// its Length said.
var ErrWrongLength = errors.New("wrong length of a file")

func (c *part) wrongLength() error {
	return fmt.Errorf("%w: it was to have %d bytes, its producer wrote %d", ErrWrongLength, c.length, c.written)
}
