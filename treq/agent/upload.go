package agent

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// An upload is the sending of a request's body. It is the consumer that the
// body is written to, and holds it to its length.
type upload struct {
	x      *exchange
	body   request.BodyProducer
	left   int64 // what is still to be written, if the length is known
	framed bool  // it is not: the body is sent in chunks
	over   bool
}

// A WrongLengthError says that a body was shorter or longer than its Length. It
// is Twisted's WrongBodyLength.
type WrongLengthError struct {
	Length  int64 // as the producer said
	Written int64 // as it did, until it was stopped
}

func (e *WrongLengthError) Error() string {
	return fmt.Sprintf("the request's body was to have %d bytes but its producer wrote %d", e.Length, e.Written)
}

func startUpload(x *exchange, body request.BodyProducer) *upload {
	u := &upload{x: x, body: body, left: body.Length()}
	u.framed = u.left == request.UnknownLength
	x.upload = u
	x.connection.transport.RegisterProducer(body)
	body.StartProducing(u).AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if !u.over {
			u.end(err)
		}
		return deferred.None{}, nil
	})
	if u.over {
		return nil
	}
	return u
}

// Write sends data as a part of the body.
func (u *upload) Write(data []byte) {
	t := u.x.connection.transport
	switch {
	case u.over || len(data) == 0:
	case u.framed:
		t.Write(http1.AppendChunkHead(nil, len(data)))
		t.Write(data)
		t.Write([]byte(http1.CRLF))
	case int64(len(data)) > u.left:
		u.fail(&WrongLengthError{u.body.Length(), u.body.Length() - u.left + int64(len(data))})
	default:
		u.left -= int64(len(data))
		t.Write(data)
	}
}

// end ends the upload when the producer is done.
func (u *upload) end(err error) {
	switch {
	case err != nil:
		u.fail(fmt.Errorf("producing the request's body: %w", err))
		return
	case !u.framed && u.left != 0:
		u.fail(&WrongLengthError{u.body.Length(), u.body.Length() - u.left})
		return
	}
	t := u.x.connection.transport
	if u.framed {
		last, _ := http1.AppendLastChunk(nil, nil)
		t.Write(last)
	}
	u.over = true
	u.x.upload = nil
	t.UnregisterProducer()
}

// fail gives the request up.
func (u *upload) fail(err error) {
	u.x.connection.breakOff(err)
	u.stop()
}

// stop stops the producer, when nobody wants the rest of the body.
func (u *upload) stop() {
	if u.over {
		return
	}
	u.over = true
	u.x.upload = nil
	u.x.connection.transport.UnregisterProducer()
	u.body.StopProducing()
}
