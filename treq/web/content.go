package web

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"github.com/seed-7c003b53/gotreq/internal/form"
)

// This file holds the content of a request: its delivery, and the forms in it.

// A ContentReceiver receives the content of a request in pieces; see
// [Request.DeliverContent].
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

// PauseContent stops the delivery of the content; the socket is not read either.
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

// keptContent keeps the content for a resource that needs the whole content.
type keptContent struct{ *Request }

func (r keptContent) ContentReceived(data []byte) {
	if int64(len(r.content))+int64(len(data)) > r.Site.maxContent() {
		r.tooLarge()
		return
	}
	r.content = append(r.content, data...)
}

func (r keptContent) ContentEnded(err error) {
	if r.over() {
		return
	}
	if err == nil {
		err = r.parseForm()
	}
	if err != nil {
		r.refuse(formStatus(err), err.Error())
		return
	}
	r.Content = bytes.NewReader(r.content)
	r.render()
}

// parseForm adds the values of a form to Args.
func (r *Request) parseForm() (err error) {
	if r.Method != http.MethodPost || len(r.content) == 0 {
		return nil
	}
	var values url.Values
	switch kind, boundary := form.Type(r.Header.Get("Content-Type")); kind {
	case "application/x-www-form-urlencoded":
		values, err = form.Values(string(r.content), r.Site.maxFields())
	case "multipart/form-data":
		values, err = form.Multipart(r.content, boundary, r.Site.maxFields())
	}
	if err != nil {
		return fmt.Errorf("the form that was posted: %w", err)
	}
	maps.Copy(r.Args, values)
	return nil
}

// formStatus returns the status code for a request whose query or content cannot be read
// because of err.
func formStatus(err error) int {
	if errors.Is(err, form.ErrTooMany) {
		return http.StatusRequestEntityTooLarge
	}
	return statusOf(err)
}
