package blocking

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/bridge"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A Response is a response for ordinary goroutines. Any goroutine may call its methods; the
// first that reads the body waits for it.
type Response struct {
	// Version is the server's protocol and version: "HTTP/1.1" or "HTTP/2.0".
	Version string
	// Code is the status code: 200.
	Code int
	// Phrase is the server's text for the code: "OK". It may be empty.
	Phrase string
	// Header holds the headers under their canonical names.
	Header http.Header
	// Length is the number of bytes in the body, or [response.UnknownLength].
	Length int64
	// Stream is the number of the HTTP/2 stream that brought the response; 0 over HTTP/1.1.
	Stream uint32
	// Request is the answered request, the last one after redirects.
	Request *request.Request
	// Tries is how often Request was sent until this response came.
	Tries int
	// Body streams the body. Read waits for the next bytes, and is for one goroutine at a
	// time. Close gives up the rest, and may be called while another goroutine waits in Read.
	// After [Response.Content] and the methods that use it, Body has the whole body again.
	Body io.ReadCloser

	from *response.Response
	body *body
}

func newResponse(from *response.Response, pipe *bridge.Pipe) *Response {
	b := &body{pipe: pipe}
	runtime.AddCleanup(b, func(p *bridge.Pipe) { p.Close() }, pipe) // the connection refers to pipe, not to b
	return &Response{
		Version: from.Version, Code: from.Code, Phrase: from.Phrase, Header: from.Header, Length: from.Length, Stream: from.Stream,
		Request: from.Request, Tries: from.Tries, Body: b, from: from, body: b,
	}
}

// Content reads the whole body and returns it. All calls return the same bytes, which must
// not be changed. It fails with [response.ErrBodyTaken] if Body was read before, and with the
// error that cut the body short.
func (r *Response) Content() ([]byte, error) {
	content, err := r.body.whole(math.MaxInt64)
	if err == nil || err == io.ErrClosedPipe {
		return content, err
	}
	return await((*response.Response).Content, r.loaded(content, err)) // whose error names the request
}

// Text reads the whole body as text; see [response.Response.Text].
func (r *Response) Text() (string, error) { return Read(r, (*response.Response).Text) }

// JSON reads the whole body as JSON into the value that into points to; see
// [response.Response.JSON].
func (r *Response) JSON(into any) error {
	_, err := Read(r, func(r *response.Response) *deferred.Deferred[deferred.None] { return r.JSON(into) })
	return err
}

// RaiseForStatus returns a [*response.StatusError] if the status is 400 or above, with the
// beginning of the body. It then has read the whole body: the context of the request bounds
// the time. If the body has more than [response.DiscardLimit] bytes, it is given up after
// these. Any goroutine may use the Response of the error, whose Deferreds have fired.
func (r *Response) RaiseForStatus() error {
	if r.Code < 400 {
		return nil
	}
	content, failed := r.body.whole(response.DiscardLimit)
	_, err := await((*response.Response).RaiseForStatus, r.loaded(content, failed))
	return err
}

// Read reads the body as a function of package response does that reads the whole body, for
// those that have no method here:
//
//	user, err := blocking.Read(resp, response.JSONOr[User, Problem])
//
// read gets a response whose body is complete, and must not wait for anything else.
func Read[T any](r *Response, read func(*response.Response) *deferred.Deferred[T]) (T, error) {
	content, err := r.Content()
	if err != nil {
		var none T
		return none, err
	}
	return await(read, r.loaded(content, nil))
}

// errWaits says that the function given to Read did not finish.
var errWaits = errors.New("blocking: the function given to Read waits for something else than the body")

// await returns the result of read(r), whose Deferred has fired.
func await[T any](read func(*response.Response) *deferred.Deferred[T], r *response.Response) (value T, err error) {
	fired := false
	d := read(r).AddBoth(func(v T, e error) (T, error) {
		value, err, fired = v, e, true
		return v, nil
	})
	if !fired {
		d.Cancel()
		var none T
		return none, agent.WithRequest(r.Request, errWaits)
	}
	return value, err
}

// loaded returns a response like r whose body, content, is in memory. failed is the error
// that cut the body short; or nil.
func (r *Response) loaded(content []byte, failed error) *response.Response {
	b := response.NewBody(memory{})
	b.Write(content)
	if failed == nil {
		failed = response.ErrDone
	}
	b.End(failed)
	whole := response.New(b)
	whole.Version, whole.Code, whole.Phrase, whole.Header, whole.Length = r.Version, r.Code, r.Phrase, r.Header, r.Length
	whole.Request, whole.Tries, whole.Trailer, whole.PreviousResponse = r.Request, r.Tries, r.from.Trailer, r.from.PreviousResponse
	whole.Buffer()
	return whole
}

// memory is the transport of a body that has ended.
type memory struct{}

func (memory) PauseProducing()              {}
func (memory) ResumeProducing()             {}
func (memory) StopProducing()               {}
func (memory) Cooperator() *task.Cooperator { return nil }

// A body is the Body of a Response.
type body struct {
	pipe   *bridge.Pipe
	closed atomic.Bool

	mu      sync.Mutex
	taken   bool          // Read was called before whole
	content *bytes.Reader // what is left to be read of data; nil before whole
	data    []byte        // the whole body
	err     error         // what cut it short; or nil
}

// lock locks mu. On a loop's goroutine, where the holder of mu may wait for that loop, it
// fails instead of waiting.
func (b *body) lock() error {
	if b.mu.TryLock() {
		return nil
	}
	if reactor.OnAnyLoop() {
		return errOnLoop
	}
	b.mu.Lock()
	return nil
}

// Read reads from the pipe, or from the content.
func (b *body) Read(p []byte) (int, error) {
	if err := b.lock(); err != nil {
		return 0, err
	}
	if b.content == nil {
		b.taken = true
		b.mu.Unlock()
		return b.pipe.Read(p)
	}
	defer b.mu.Unlock()
	if b.closed.Load() {
		return 0, io.ErrClosedPipe
	}
	n, err := b.content.Read(p)
	if err == io.EOF && b.err != nil {
		err = b.err
	}
	return n, err
}

// Close does not wait for a Read or for whole, but ends them.
func (b *body) Close() error {
	b.closed.Store(true)
	return b.pipe.Close()
}

// errTooLong is the error of a body that is too long for a StatusError.
var errTooLong = fmt.Errorf("the body of the error status has more than %d bytes: the rest was not read", response.DiscardLimit)

// whole reads the pipe to its end, once. It gives up a body of more than most bytes.
func (b *body) whole(most int64) ([]byte, error) {
	if err := b.lock(); err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	switch {
	case b.taken:
		return nil, response.ErrBodyTaken
	case b.content == nil && reactor.OnAnyLoop():
		return nil, errOnLoop
	case b.content == nil:
		b.data, b.err = io.ReadAll(io.LimitReader(b.pipe, most))
		if b.err == nil && int64(len(b.data)) == most {
			if _, b.err = io.ReadFull(b.pipe, make([]byte, 1)); b.err == nil {
				b.err = errTooLong
				b.pipe.Close()
			} else if b.err == io.EOF {
				b.err = nil
			}
		}
		b.content = bytes.NewReader(b.data)
	}
	return b.data, b.err
}

// A pipeReader is the reader of a response that writes its body to a pipe. It belongs to the
// reactor's goroutine. It refers to nothing that refers to the Response.
type pipeReader struct {
	exchange *exchange
	pipe     *bridge.Pipe
}

func (r *pipeReader) ConnectionMade(t response.BodyTransport) {
	x := r.exchange
	r.pipe = bridge.NewPipe(x.member.reactor, t)
	r.pipe.Stopped = func() error {
		x.over()
		return x.client.explain(reactor.ErrStopped)
	}
}

func (r *pipeReader) DataReceived(data []byte) { r.pipe.Write(data) }

func (r *pipeReader) ConnectionLost(reason error) {
	if errors.Is(reason, response.ErrDone) || errors.Is(reason, response.ErrPotentialDataLoss) {
		reason = io.EOF
	} else {
		reason = r.exchange.client.explain(reason)
	}
	r.pipe.End(reason)
	r.exchange.over()
}
