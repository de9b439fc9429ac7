package response

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/sourcegraph/conc/panics"
	"golang.org/x/text/encoding/htmlindex"
)

// Collect calls collector with each piece of the body as it comes, and fires
// once all of it has come. A piece is valid until collector returns. If
// collector fails, the connection is closed and the Deferred fails with its
// error. Cancelling the Deferred closes the connection.
//
// The body can be collected once only, unless it is buffered. It is treq.collect.
func (r *Response) Collect(collector func(data []byte) error) *deferred.Deferred[deferred.None] {
	if collector == nil {
		panic("response: Collect with a nil collector")
	}
	c := &collection{collector: collector}
	c.done = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { c.stop(deferred.ErrCancelled) })
	if err := r.DeliverBody(c); err != nil {
		c.done.Errback(err)
	}
	return c.done
}

// A collection is the reader of one Collect.
type collection struct {
	collector func([]byte) error
	done      *deferred.Deferred[deferred.None]
	from      BodyTransport
}

func (c *collection) ConnectionMade(t BodyTransport) { c.from = t }

func (c *collection) DataReceived(data []byte) {
	if err := c.collect(data); err != nil && !c.done.Called() {
		c.stop(err)
	}
}

// stop ends the collection because of err. That is said first: some bodies end as
// soon as they are stopped.
func (c *collection) stop(err error) {
	c.done.Errback(err)
	c.from.StopProducing()
}

// collect calls the collector; a panic is its error.
func (c *collection) collect(data []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			r := panics.NewRecovered(1, v)
			err = &deferred.PanicError{Value: r.Value, Stack: r.Stack}
		}
	}()
	return c.collector(data)
}

func (c *collection) ConnectionLost(reason error) {
	if !c.done.Called() {
		c.done.Resolve(deferred.None{}, failure(reason))
	}
}

// failure is the error of a body that ended for reason: none if it is all there,
// as far as can be known.
func failure(reason error) error {
	if errors.Is(reason, ErrDone) || errors.Is(reason, ErrPotentialDataLoss) {
		return nil
	}
	return reason
}

// Content reads the whole body and fires with it. It may be called more than
// once, and also has the body buffered for whatever else is to read it: every
// call gives the same bytes, which are not to be changed. Cancelling the last
// Deferred that waits for the body closes the connection. It fails with a
// [*FailedError] if the body does not come whole. It is treq.content.
func (r *Response) Content() *deferred.Deferred[[]byte] {
	r.Buffer()
	c := &content{buffer: r.buffer}
	c.done = deferred.NewCancellable(func(*deferred.Deferred[[]byte]) {
		c.done.Errback(deferred.ErrCancelled) // first, as in collection.stop
		c.from.StopProducing()
	})
	if err := r.DeliverBody(c); err != nil {
		c.done.Errback(err)
	}
	return c.done
}

// A content is the reader of one Content: it waits until its buffer has all.
type content struct {
	buffer *buffer
	done   *deferred.Deferred[[]byte]
	from   BodyTransport
}

func (c *content) ConnectionMade(t BodyTransport) { c.from = t }

func (c *content) DataReceived([]byte) {}

func (c *content) ConnectionLost(reason error) {
	switch err := failure(reason); {
	case c.done.Called(): // cancelled
	case err != nil:
		c.done.Errback(err)
	case c.buffer.data == nil:
		c.done.Callback([]byte{})
	default:
		c.done.Callback(slices.Clip(c.buffer.data))
	}
}

// DefaultEncoding is how text is decoded whose response does not say how.
const DefaultEncoding = "ISO-8859-1"

// Text reads the whole body as text, decoded by the charset that Content-Type
// names, or else by [DefaultEncoding]. It may be called more than once. It fails
// if the charset is not known. It is treq.text_content.
func (r *Response) Text() *deferred.Deferred[string] { return r.TextWith(DefaultEncoding) }

// TextWith is Text with another charset for a response that names none.
func (r *Response) TextWith(encoding string) *deferred.Deferred[string] {
	if _, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && params["charset"] != "" {
		encoding = params["charset"]
	}
	return deferred.Map(r.Content(), func(data []byte) (string, error) {
		charset, err := htmlindex.Get(encoding)
		if err != nil {
			return "", fmt.Errorf("decoding the response: unknown charset %q", encoding)
		}
		text, err := charset.NewDecoder().Bytes(data)
		return string(text), err
	})
}

// JSON reads the whole body and decodes it as JSON into the value that into
// points to, as [json.Unmarshal] does. It may be called more than once. For a
// Deferred that fires with the value there is [JSON]. It is treq.json_content.
func (r *Response) JSON(into any) *deferred.Deferred[deferred.None] {
	return deferred.Map(r.Content(), func(data []byte) (deferred.None, error) {
		if err := json.Unmarshal(data, into); err != nil {
			return deferred.None{}, fmt.Errorf("decoding the response as JSON: %w", err)
		}
		return deferred.None{}, nil
	})
}

// JSON reads the whole body of r and fires with it decoded as a T.
func JSON[T any](r *Response) *deferred.Deferred[T] {
	value := new(T)
	return deferred.Map(r.JSON(value), func(deferred.None) (T, error) { return *value, nil })
}
