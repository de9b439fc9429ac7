package response_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// reads are the ways to read a body.
var reads = map[string]func(r *response.Response) *deferred.Deferred[deferred.None]{
	"Content": func(r *response.Response) *deferred.Deferred[deferred.None] { return noValue(r.Content()) },
	"Text":    func(r *response.Response) *deferred.Deferred[deferred.None] { return noValue(r.Text()) },
	"JSON":    func(r *response.Response) *deferred.Deferred[deferred.None] { return noValue(response.JSON[any](r)) },
	"JSONOr": func(r *response.Response) *deferred.Deferred[deferred.None] {
		return noValue(response.JSONOr[any, any](r))
	},
	"XML":  func(r *response.Response) *deferred.Deferred[deferred.None] { return noValue(response.XML[note](r)) },
	"Form": func(r *response.Response) *deferred.Deferred[deferred.None] { return noValue(r.Form()) },
	"Collect": func(r *response.Response) *deferred.Deferred[deferred.None] {
		return r.Collect(func([]byte) error { return nil })
	},
	"CollectThen": func(r *response.Response) *deferred.Deferred[deferred.None] {
		return r.CollectThen(func([]byte) *deferred.Deferred[deferred.None] { return deferred.Succeed(deferred.None{}) })
	},
	"Reader": func(r *response.Response) *deferred.Deferred[deferred.None] {
		return deferred.Go(func(co *deferred.Co) (none deferred.None, err error) {
			_, err = io.ReadAll(r.Reader(co))
			return none, err
		})
	},
}

func noValue[T any](d *deferred.Deferred[T]) *deferred.Deferred[deferred.None] {
	return deferred.Map(d, func(T) (none deferred.None, _ error) { return none, nil })
}

// TestErrorsOfReading: however a body is read and whatever goes wrong, the error names the
// request once, without its password, shows what came, and matches the reason.
func TestErrorsOfReading(t *testing.T) {
	type state struct {
		*response.Response
		*bodytest.Source
	}
	for _, test := range []struct {
		name  string
		piece string                       // what came; "" if nothing did
		fail  func(s state)                // after the reader has come
		first func(r *response.Response)   // before it; or nil
		is    func(err error) (match bool) // the reason
		text  string                       // of the reason
		skips string                       // the ways that do not fail like this
	}{
		{name: "cut short", piece: "nine here", fail: func(s state) { s.End(&response.FailedError{Reasons: []error{errBoom}, Response: s.Response}) },
			is: isFailed, text: "the response failed: boom"},
		{name: "cut short, by an agent that does not know the response", piece: "nine here", fail: func(s state) { s.End(&response.FailedError{Reasons: []error{errBoom}}) },
			is: isFailed, text: "the response failed: boom"},
		{name: "cut short before the body", fail: func(s state) { s.End(&response.FailedError{Reasons: []error{errBoom}, Response: s.Response}) },
			is: isFailed, text: "the response failed: boom"},
		{name: "another error of an agent", piece: "nine here", fail: func(s state) { s.End(errBoom) },
			is: func(err error) bool { return errors.Is(err, errBoom) }, text: "boom"},
		{name: "an error of the first request", piece: "nine here", fail: func(s state) { s.End(errors.New("POST http://h/first: boom")) },
			is: func(err error) bool { return true }, text: "boom"},
		{name: "too large", piece: "nine", first: func(r *response.Response) { r.LimitBody(4) }, fail: func(s state) { s.Send(" here") },
			is: isTooLarge, text: "the response failed: the body has more than 4 bytes (MaxSize)"},
		{name: "too large by its head", first: func(r *response.Response) { r.Length = 9; r.LimitBody(4) }, fail: func(s state) { s.End(errBoom) },
			is: isTooLarge, text: "the response failed: the body has 9 bytes, more than 4 (MaxSize)"},
		{name: "taken", first: func(r *response.Response) {
			r.Collect(func([]byte) error { return nil }).AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil })
		},
			fail: func(s state) { s.SendAll() },
			is:   func(err error) bool { return errors.Is(err, response.ErrBodyTaken) }, text: response.ErrBodyTaken.Error()},
		{name: "in an unknown charset", piece: "nine here", first: func(r *response.Response) { r.Header.Set("Content-Type", "text/plain; charset=x-no") }, fail: func(s state) { s.SendAll() },
			is: isCharset, text: `unknown charset "x-no"`, skips: "Content Collect CollectThen Reader Form"},
		{name: "not text", piece: "nine\xff", first: func(r *response.Response) { r.Header.Set("Content-Type", "text/plain; charset=utf-8") }, fail: func(s state) { s.SendAll() },
			is: isCharset, text: `not text in that charset: byte 4, "\xff", is not utf-8`, skips: "Content Collect CollectThen Reader Form"},
		{name: "not what it should be", piece: "nine <here", fail: func(s state) { s.SendAll() },
			is: isSyntax, skips: "Content Text Collect CollectThen Reader"},
	} {
		for way, read := range reads {
			if strings.Contains(" "+test.skips+" ", " "+way+" ") {
				continue
			}
			for _, buffered := range []bool{false, true} {
				if buffered && test.name == "taken" {
					continue
				}
				r, s := bodytest.New(200)
				first := response.New(nil)
				first.Request = &request.Request{Method: "POST", URL: &url.URL{Scheme: "http", Host: "h", Path: "/first"}}
				r.SetPreviousResponse(first)
				r.Request = &request.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "h", Path: "/a", User: url.UserPassword("me", "secret")}}
				if test.first != nil {
					test.first(r)
				}
				if buffered {
					r.Buffer()
				}
				d := read(r)
				if test.piece != "" {
					s.Send(test.piece)
				}
				test.fail(state{r, s})
				err := deferredtest.FailureResultOf(t, d)
				text := err.Error()
				name := "GET http://me:xxxxx@h/a: "
				if strings.Contains(test.name, "first") {
					name = "POST http://h/first: "
				}
				if !strings.HasPrefix(text, name) || strings.Count(text, "http:") != 1 || strings.Contains(text, "secret") {
					t.Errorf("%s, %s: the request in %s", test.name, way, text)
				}
				if !test.is(err) || !strings.Contains(text, test.text) {
					t.Errorf("%s, %s: the reason in %s", test.name, way, text)
				}
				if test.piece != "" && !strings.Contains(text, "nine") && !strings.Contains(text, `"\xff"`) {
					t.Errorf("%s, %s: nothing of the body in %s", test.name, way, text)
				}
			}
		}
	}
}

func isFailed(err error) bool {
	var failed *response.FailedError
	return errors.As(err, &failed) && errors.Is(err, errBoom)
}

func isTooLarge(err error) bool {
	var failed *response.FailedError
	var large *response.TooLargeError
	return errors.As(err, &failed) && errors.As(err, &large)
}

func isCharset(err error) bool {
	var charset *response.CharsetError
	return errors.As(err, &charset) && charset.Response != nil
}

func isSyntax(err error) bool {
	var ofJSON *json.SyntaxError
	var ofXML *xml.SyntaxError
	return errors.As(err, &ofJSON) || errors.As(err, &ofXML) || strings.Contains(err.Error(), "outside it") || strings.Contains(err.Error(), "is not a form")
}

// TestSecretsInErrors: what the body has under a secret name is not in the text of an error.
func TestSecretsInErrors(t *testing.T) {
	for _, test := range []struct{ kind, body string }{
		{"application/json", `{"access_token": "s3cret", "expires": "soon"}`},
		{"text/plain", "access_token=s3cret&expires=<soon"},
		{"text/html", `<a href="http://h/?token=s3cret">`},
		{"application/x-www-form-urlencoded; charset=x-no", "client_secret=s3cret"},
	} {
		for _, code := range []int{200, 400} {
			for way, read := range reads {
				if d := read(answered(code, test.body, "Content-Type", test.kind)); d.Called() {
					d.AddErrback(func(err error) (none deferred.None, _ error) {
						if strings.Contains(err.Error(), "s3cret") {
							t.Errorf("%s: %v", way, err)
						}
						return none, nil
					})
				}
			}
			answered(code, test.body, "Content-Type", test.kind).RaiseForStatus().AddErrback(func(err error) (*response.Response, error) {
				if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "xxxxx") {
					t.Error(err)
				}
				return nil, nil
			})
		}
		r, s := bodytest.New(200, "Content-Type", test.kind)
		r.Request = &request.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "h", Path: "/a"}}
		d := r.Content()
		s.Send(test.body)
		s.End(errBoom)
		if err := deferredtest.FailureResultOf(t, d); strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "xxxxx") {
			t.Error(err)
		}
	}
}

// TestCancelsOfReading: whoever cancels a read learns which request it was, and what came.
func TestCancelsOfReading(t *testing.T) {
	for way, read := range reads {
		for _, code := range []int{200, 500} {
			for _, piece := range []string{"", "nine here"} {
				r, s := bodytest.New(code)
				r.Request = &request.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "h", Path: "/a"}}
				d := read(r)
				if piece != "" {
					s.Send(piece)
				}
				d.Cancel()
				want := "GET http://h/a: cancelled"
				if piece != "" {
					want += `, after 9 bytes: "nine here"`
				}
				if err := deferredtest.FailureResultOf(t, d); err.Error() != want || !errors.Is(err, deferred.ErrCancelled) {
					t.Errorf("%s: got %v\nwant %s", way, err, want)
				}
				if len(s.Asked) == 0 || s.Asked[len(s.Asked)-1] != "stop" {
					t.Errorf("%s: the source was asked to %q", way, s.Asked)
				}
			}
		}
	}
}
