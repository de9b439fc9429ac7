package web

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"github.com/seed-7c003b53/gotreq/internal/form"
)

// This file holds the content of a request: its delivery, and the forms in it.

// A ContentReceiver receives the content of a request in pieces; see
// [Request.DeliverContent]. If a method panics, the answer is a 500, or the response is
// aborted if its head has been sent.
type ContentReceiver interface {
	// ContentReceived is called for each piece. data is valid until it returns.
	ContentReceived(data []byte)
	// ContentEnded is called once, at the end. err is nil if the content is complete;
	// else it is a wire.Error, the reason of the connection's loss, or the error of
	// ContentTimeout.
	ContentEnded(err error)
}

// ContentLength returns the announced length of the content in bytes, or -1 if unknown.
func (r *Request) ContentLength() int64 { return r.announced }

// DeliverContent passes the content of a [StreamingResource]'s request to receiver, as it
// arrives. It also sends a 100 Continue to a client that waits for one. DeliverContent
// panics on a second call.
func (r *Request) DeliverContent(receiver ContentReceiver) {
	if r.receiver != nil {
		panic("web: DeliverContent a second time, or for a resource that does not stream")
	}
	r.receiver = receiver
	if r.contentOver {
		receiver.ContentEnded(r.contentErr)
		return
	}
	r.ResumeContent()
}

// PauseContent stops the delivery of the content. The socket is not read either; over HTTP/2,
// the client may send no more than the window of the request's stream.
func (r *Request) PauseContent() {
	if !r.over() {
		r.carrier.pauseContent()
	}
}

// ResumeContent undoes PauseContent.
func (r *Request) ResumeContent() {
	if !r.over() {
		r.carrier.resumeContent()
	}
}

func (r *Request) contentReceived(data []byte) { r.receiver.ContentReceived(data) }

func (r *Request) contentEnd(trailer http.Header) {
	r.Trailer = trailer
	r.contentOver = true
	r.receiver.ContentEnded(nil)
}

// contentLost ends the content because of err.
func (r *Request) contentLost(err error) {
	if r.contentOver {
		return
	}
	r.contentOver, r.contentErr = true, err
	if r.receiver != nil {
		r.receiver.ContentEnded(err)
	}
}

// keptContent keeps the content for a resource that needs the whole content; see kept.go.
type keptContent struct{ *Request }

func (r keptContent) ContentReceived(data []byte) {
	if r.kept.size+int64(len(data)) > r.Site.maxContent() {
		r.tooLarge()
		return
	}
	if err := r.keepContent(data); err != nil {
		r.refuseFor(err)
	}
}

func (r keptContent) ContentEnded(err error) {
	if r.over() {
		return
	}
	if err == nil {
		err = r.kept.flush()
	}
	if err == nil {
		err = r.parseForm()
	}
	if err != nil {
		r.refuseFor(err)
		return
	}
	r.Content = &r.kept
	r.render()
}

// The media types of forms.
const (
	urlencoded = "application/x-www-form-urlencoded"
	multipart  = "multipart/form-data"
)

// errNoMemory is the error of a form for whose values too little memory is left.
var errNoMemory = errors.New("the site is reading too many forms at once")

// parseForm adds the values of a form to Args.
func (r *Request) parseForm() (err error) {
	if r.Method != http.MethodPost || r.kept.size == 0 {
		return nil
	}
	kind, boundary := form.Type(r.Header.Get("Content-Type"))
	if kind != urlencoded && kind != multipart {
		return nil
	}
	if r.kept.size > keptAlways && !r.holdValues(r.kept.size) {
		return errNoMemory
	}
	content, err := r.kept.whole()
	if err != nil {
		return err
	}
	var values url.Values
	if kind == urlencoded {
		values, err = form.Values(string(content), r.Site.maxFields())
	} else {
		values, err = form.Multipart(content, boundary, r.Site.maxFields())
	}
	if err != nil {
		return fmt.Errorf("the form that was posted: %w", err)
	}
	maps.Copy(r.Args, values)
	return nil
}

// holdValues counts n bytes of the values of r's form, unless those of all forms are then
// more than [Site.MemoryContentTotal]. They do not share that memory with content, or
// clients that send their content slowly could keep it from all forms: content can go to a
// file instead, values cannot.
func (r *Request) holdValues(n int64) (ok bool) {
	if n > r.Site.memoryContentTotal()-r.Site.heldValues {
		return false
	}
	r.heldValues = n
	r.Site.heldValues += n
	return true
}

// refuseFor ends the response because the query or the content cannot be read.
func (r *Request) refuseFor(err error) {
	switch {
	case errors.Is(err, errKeeping):
		r.Fail(err)
	case errors.Is(err, form.ErrTooMany):
		r.refuse(http.StatusRequestEntityTooLarge, err.Error())
	case err == errNoMemory, err == errNoFiles:
		r.refuse(http.StatusServiceUnavailable, err.Error())
	default:
		r.refuse(statusOf(err), err.Error())
	}
}
