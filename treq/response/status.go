package response

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file turns an error status into an error.

// A StatusError says that a response has an error status. errors.Is and errors.As find what
// cut the body short, if something did. Its text names the request and the status, and shows
// the beginning of the body.
type StatusError struct {
	Method string // of the last request, after all redirects
	URL    string // of the same request, without the password
	Code   int    // the status code: 404
	Phrase string // the server's text for the code: "Not Found"; it may be empty
	// Body is the beginning of the body, at most 16 KiB. It must not be changed.
	Body []byte
	// Err says why the rest of the body could not be read, or why the body is not what
	// the program expects. It is nil if nothing went wrong.
	Err error
	// Response is the response. It is nil only in an error that a program made.
	// [Response.RaiseForStatus] says how long its body can be read.
	Response *Response
}

func (e *StatusError) Error() string {
	prefix := requestPrefix(e.Method, e.URL)
	text := fmt.Sprint(prefix, e.Code)
	if e.Phrase != "" {
		text += " " + line(e.Phrase, 100)
	}
	if body := line(e.Response.hide(e.text()), 200); body != "" {
		text += ": " + body
	}
	if e.Err != nil {
		why := strings.TrimPrefix(e.Err.Error(), prefix)
		text += " (" + origin.Excerpt(why, origin.ExcerptOfError) + ")"
	}
	return text
}

// text returns Body, decoded if its charset is known.
func (e *StatusError) text() string {
	if e.Response != nil {
		if _, charset := contentType(e.Response.Header); charset != "" {
			if text, err := decode(e.Body, charset); err == nil {
				return text
			}
		}
	}
	return string(e.Body)
}

// Unwrap returns Err.
func (e *StatusError) Unwrap() error { return e.Err }

// The bounds of the reading for a StatusError.
const (
	maxStatusBody  = 16 << 10
	statusBodyTime = 250 * time.Millisecond
)

// RaiseForStatus fires with r itself if its status is no error, so that it can stand in
// the middle of a chain:
//
//	resp := deferred.Then(c.Get(url), (*response.Response).RaiseForStatus)
//	value := deferred.Then(resp, response.JSON[T])
//
// If the status is 400 or above, RaiseForStatus fails with a [*StatusError]. A redirect that
// was not followed is no error, nor is a 304. It is raise_for_status of Python's requests.
//
// Before it fails, RaiseForStatus reads the beginning of the body: up to 16 KiB, for at most
// 250 ms. It makes the body buffered, even if the request is Unbuffered: the program can
// still read the whole body of StatusError.Response. If the body is longer or slower than
// that, the program has another 250 ms to begin to read it, while up to [DiscardLimit] are
// read. Then its connection is closed. So a body that nobody wants, or that never ends, holds
// no connection. If the body already had a reader, the StatusError has no Body, and its Err
// is [ErrBodyTaken].
//
// Cancelling the Deferred closes the connection.
func (r *Response) RaiseForStatus() *Deferred {
	if r.Code < 400 {
		return deferred.Succeed(r)
	}
	return deferred.Map(r.statusError(maxStatusBody, statusBodyTime), func(s *statusReader) (*Response, error) {
		return nil, s.err
	})
}

// statusError reads up to most bytes of the body of r, within wait if that is not 0, and
// fires with the reader, which has the error.
func (r *Response) statusError(most int, wait time.Duration) *deferred.Deferred[*statusReader] {
	s := &statusReader{most: most, clock: clockOf(r), err: &StatusError{Code: r.Code, Phrase: r.Phrase, Response: r}}
	if r.Request != nil {
		s.err.Method, s.err.URL = r.Request.Method, origin.Redacted(r.Request.URL)
	}
	s.done = deferred.NewCancellable(func(d *deferred.Deferred[*statusReader]) {
		s.stop(reactor.ErrConnectionAborted)
		var came beginning
		came.add(s.body)
		d.Errback(r.unread(deferred.ErrCancelled, came))
	})
	r.Buffer()
	err := r.DeliverBody(s)
	switch {
	case err != nil:
		s.ConnectionLost(err)
	case s.clock == nil: // nobody would end the reading
		s.fire()
		s.stop(errUnclaimed)
	case wait != 0 && !s.ended && !s.done.Called():
		s.timer = s.clock.CallLater(wait, s.fire)
	}
	return s.done
}

// clockOf returns the clock of r's reactor, or nil if r has none.
func clockOf(r *Response) reactor.Clock {
	if co := r.Cooperator(); co != nil {
		return co.Clock()
	}
	return nil
}

// A statusReader reads the body of an error status. When it has the beginning, it fires.
// Then it goes on for a while, so that another reader can have the rest.
type statusReader struct {
	err       *StatusError
	most      int // the bytes that it waits for
	body      []byte
	clock     reactor.Clock
	done      *deferred.Deferred[*statusReader]
	transport BodyTransport
	read      int                 // the bytes that have come
	timer     reactor.DelayedCall // ends the wait for the beginning, later the reading; or nil
	ended     bool                // no more bytes will come
}

func (s *statusReader) ConnectionMade(t BodyTransport) { s.transport = t }

func (s *statusReader) DataReceived(data []byte) {
	if s.ended {
		return
	}
	s.read += len(data)
	s.body = append(s.body, data[:min(len(data), s.most-len(s.body))]...)
	if s.read > s.most {
		s.fire()
	}
	if s.read > max(s.most, DiscardLimit) {
		s.stop(errUnclaimed)
	}
}

func (s *statusReader) ConnectionLost(reason error) {
	if s.ended {
		return
	}
	s.ended = true
	if !s.done.Called() {
		s.err.Err = failure(reason)
		s.fire()
	}
	s.stopTimer()
}

// whole reports whether body is the whole body.
func (s *statusReader) whole() bool { return s.err.Err == nil && s.ended && s.read <= s.most }

// fire ends the wait for the beginning.
func (s *statusReader) fire() {
	if s.done.Called() {
		return
	}
	s.stopTimer()
	s.err.Body = s.body[:min(len(s.body), maxStatusBody)]
	if !s.ended && s.clock != nil {
		s.timer = s.clock.CallLater(statusBodyTime, func() { s.stop(errUnclaimed) })
	}
	s.done.Callback(s)
}

// errUnclaimed is the reason of the end of a body that was read for a StatusError only.
var errUnclaimed = errors.New("the rest of the body was not read soon after the error of its status")

// stop ends the reading. If nobody else reads the body, that closes the connection.
func (s *statusReader) stop(why error) {
	if !s.ended {
		s.ended = true
		s.stopTimer()
		r := s.err.Response
		r.giveUp(s.transport, &FailedError{Reasons: []error{why}, Response: r})
	}
}

func (s *statusReader) stopTimer() {
	if s.timer != nil && s.timer.Active() {
		s.timer.Cancel()
	}
}

// A ResultError is a [StatusError] whose body is a Value. errors.As finds both of them, and
// Value too if E or *E is an error.
type ResultError[E any] struct {
	*StatusError
	Value E
}

// Error has the text of Value, if it is an error, in place of the body.
func (e *ResultError[E]) Error() string {
	value := e.valueError()
	if value == nil {
		return e.StatusError.Error()
	}
	status := *e.StatusError
	status.Body = nil
	return status.Error() + ": " + line(value.Error(), origin.ExcerptOfError)
}

// Unwrap returns the StatusError, and Value or a pointer to it if that is an error.
func (e *ResultError[E]) Unwrap() []error {
	if value := e.valueError(); value != nil {
		return []error{e.StatusError, value}
	}
	return []error{e.StatusError}
}

// valueError returns Value or a pointer to it as an error, or nil if neither is one.
func (e *ResultError[E]) valueError() error {
	if err, ok := any(&e.Value).(error); ok {
		return err
	}
	err, _ := any(e.Value).(error)
	return err
}

// JSONOr reads the body of r as JSON: as a T if the status is 2xx, and otherwise as an E.
//
//	user := deferred.Then(c.Get(url), response.JSONOr[User, APIError])
//
// For a status that is not 2xx, JSONOr fails with a [*ResultError] for E. If the body is
// empty, or is not JSON for an E, such as the HTML page of a proxy, JSONOr fails with a
// [*StatusError] alone, and its Err says why the body is no E. errors.As finds the StatusError
// in both cases.
//
// A 204 and a 205 have no body: JSONOr fires with the zero T. Any other empty body is not
// JSON. If T is [deferred.None], the program wants no value, and the body is not decoded.
//
// JSONOr waits for the end of the body, as [JSON] does: TotalTimeout and ReadTimeout bound
// the time. But for the page of an error, whose type says that it is not JSON, it waits for
// 250 ms at most. An E has at most [DiscardLimit] bytes. JSONOr makes the body of an error
// buffered.
func JSONOr[T, E any](r *Response) *deferred.Deferred[T] {
	switch {
	case r.Code/100 != 2:
		var wait time.Duration
		if !r.mayBeJSON() {
			wait = statusBodyTime
		}
		return deferred.Map(r.statusError(DiscardLimit, wait), func(s *statusReader) (none T, _ error) {
			return none, resultError[E](s)
		})
	case r.Code == 204 || r.Code == 205 || isNone[T]():
		return deferred.Map(r.Discard(), func(deferred.None) (none T, _ error) { return none, nil })
	}
	return JSON[T](r)
}

// mayBeJSON reports whether the type of the body is that of JSON, or says nothing.
func (r *Response) mayBeJSON() bool {
	mediaType, _ := contentType(r.Header)
	return isJSON(mediaType) || mediaType == "" || mediaType == "text/plain" || mediaType == "application/octet-stream"
}

// isNone reports whether T is deferred.None.
func isNone[T any]() bool {
	_, ok := any(*new(T)).(deferred.None)
	return ok
}

// resultError returns the error of s with an E, if the body is one.
func resultError[E any](s *statusReader) error {
	r := s.err.Response
	switch {
	case s.err.Err != nil || s.read == 0 || !s.ended && s.read <= s.most: // cut short, empty, or too slow
		return s.err
	case !s.whole():
		s.err.Err = fmt.Errorf("the body has more than %d bytes, too many for a value", DiscardLimit)
		return s.err
	}
	e := &ResultError[E]{StatusError: s.err}
	text, err := r.decodeJSON(s.body)
	if err != nil {
		s.err.Err = err
		return s.err
	}
	if err := json.Unmarshal([]byte(text), &e.Value); err != nil {
		s.err.Err = fmt.Errorf("%s is not the JSON of an error: %w", quoteType(r.Header), err)
		return s.err
	}
	return e
}
