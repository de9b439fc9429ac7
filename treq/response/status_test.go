package response_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

type user struct{ Name string }

// A refusal is a server's error. A pointer to it is an error.
type refusal struct{ Message string }

func (r *refusal) Error() string { return r.Message }

// A plainRefusal is one that is no error.
type plainRefusal struct{ Message string }

// A valueRefusal is one whose value is an error.
type valueRefusal struct{ Message string }

func (r valueRefusal) Error() string { return r.Message }

// answered returns a response to GET http://h/a whose body has come.
func answered(code int, body string, headers ...string) *response.Response {
	r, s := bodytest.New(code, headers...)
	r.Request = &request.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "h", Path: "/a"}}
	s.SendAll(body)
	return r
}

func TestJSONOr(t *testing.T) {
	const jsonType = "application/json"
	for _, test := range []struct {
		name   string
		code   int
		kind   string
		body   string
		want   user
		error  string // "" if a value is wanted
		result bool   // the error has an E
	}{
		{"a value", 200, jsonType, `{"name": "Ann"}`, user{"Ann"}, "", false},
		{"created", 201, jsonType, `{"name": "Ann"}`, user{"Ann"}, "", false},
		{"no content", 204, "", "", user{}, "", false},
		{"reset content", 205, "", "", user{}, "", false},
		{"nothing", 200, jsonType, "", user{}, `200 application/json is not JSON: "": unexpected end of JSON input`, false},
		{"not JSON", 200, "text/html", "<html>", user{}, `200 text/html is not JSON: "<html>": invalid character '<' looking for beginning of value`, false},
		{"not a T", 200, jsonType, `[1]`, user{}, `200 application/json, read as JSON: "[1]": json: cannot unmarshal array into Go value of type response_test.user`, false},
		{"an error", 422, jsonType, `{"message": "the name\nis taken"}`, user{}, "422 Unprocessable Entity: the name is taken", true},
		{"an error of another type", 500, "application/problem+json", `{"message": "no"}`, user{}, "500 Internal Server Error: no", true},
		{"an error without a type", 400, "", `{"message": "no"}`, user{}, "400 Bad Request: no", true},
		{"an error in UTF-16", 400, "", "{\x00}\x00", user{}, "400 Bad Request: ", true},
		{"not modified", 304, "", "", user{}, "304 Not Modified", false},
		{"a redirect", 302, "text/html", "<a>", user{}, "302 Found: <a> (text/html is not the JSON of an error: invalid character '<' looking for beginning of value)", false},
		{"a redirect with a value", 302, jsonType, `{"message": "there"}`, user{}, "302 Found: there", true},
		{"an empty error", 404, jsonType, "", user{}, "404 Not Found", false},
		{"a page", 502, "text/html", "<html>\n<h1>Bad", user{}, "502 Bad Gateway: <html> <h1>Bad (text/html is not the JSON of an error: invalid character '<' looking for beginning of value)", false},
		{"not an E", 400, jsonType, `"no"`, user{}, `400 Bad Request: "no" (application/json is not the JSON of an error: json: cannot unmarshal string into Go value of type response_test.refusal)`, false},
		{"not text", 400, jsonType, "{\"message\": \"\xff\"}", user{}, `400 Bad Request: {"message": "\xff"} (not text in that charset: byte 13, "\xff\"}", is not UTF-8)`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var headers []string
			if test.kind != "" {
				headers = []string{"Content-Type", test.kind}
			}
			d := response.JSONOr[user, refusal](answered(test.code, test.body, headers...))
			if test.error == "" {
				if got := deferredtest.SuccessResultOf(t, d); got != test.want {
					t.Errorf("got %+v", got)
				}
				return
			}
			err := deferredtest.FailureResultOf(t, d)
			if want := "GET http://h/a: " + test.error; err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			var status *response.StatusError
			if errors.As(err, &status) != (test.code/100 != 2) {
				t.Errorf("%T is a StatusError: %v", err, status != nil)
			}
			if status != nil && (status.Code != test.code || string(status.Body) != test.body || status.URL != "http://h/a") {
				t.Errorf("%+v", status)
			}
			var result *response.ResultError[refusal]
			var itself *refusal
			if errors.As(err, &result) != test.result || errors.As(err, &itself) != test.result {
				t.Errorf("%T has a result: %v, is one: %v", err, result != nil, itself != nil)
			}
			if status != nil { // the body can be read again
				if got := string(deferredtest.SuccessResultOf(t, status.Response.Content())); got != test.body {
					t.Errorf("the body: %q", got)
				}
			}
		})
	}
}

// TestJSONOrKindsOfErrors: an E may be an error by its value, by its pointer, or not at all.
func TestJSONOrKindsOfErrors(t *testing.T) {
	const body, status = `{"message": "no"}`, "GET http://h/a: 400 Bad Request: "
	fail := func() *response.Response { return answered(400, body) }
	plain := deferredtest.FailureResultOf(t, response.JSONOr[user, plainRefusal](fail()))
	var asPlain *response.ResultError[plainRefusal]
	if plain.Error() != status+body || !errors.As(plain, &asPlain) || asPlain.Value.Message != "no" {
		t.Error(plain)
	}
	value := deferredtest.FailureResultOf(t, response.JSONOr[user, valueRefusal](fail()))
	var asValue valueRefusal
	var asPointer *valueRefusal
	if value.Error() != status+"no" || !errors.As(value, &asPointer) && !errors.As(value, &asValue) {
		t.Error(value)
	}
	pointer := deferredtest.FailureResultOf(t, response.JSONOr[user, *refusal](fail()))
	var asRefusal *refusal
	if pointer.Error() != status+"no" || !errors.As(pointer, &asRefusal) {
		t.Error(pointer)
	}
	many := deferredtest.FailureResultOf(t, response.JSONOr[user, map[string]string](fail()))
	var asMap *response.ResultError[map[string]string]
	if !errors.As(many, &asMap) || asMap.Value["message"] != "no" {
		t.Error(many)
	}
}

// TestJSONOrWithoutAValue: a body that the program does not want is not decoded.
func TestJSONOrWithoutAValue(t *testing.T) {
	for _, body := range []string{"", "created", "{}"} {
		deferredtest.SuccessResultOf(t, response.JSONOr[deferred.None, refusal](answered(201, body)))
	}
	err := deferredtest.FailureResultOf(t, response.JSONOr[deferred.None, refusal](answered(409, `{"message": "no"}`)))
	var no *refusal
	if !errors.As(err, &no) {
		t.Error(err)
	}
}

// TestJSONOrBounds: the body of an error is read whole, also if it is slow, up to a bound.
func TestJSONOrBounds(t *testing.T) {
	long := `{"message": "` + strings.Repeat("x", 100000) + `"}`
	r, s := bodytest.New(400)
	d := response.JSONOr[user, plainRefusal](r)
	for piece := range len(long) / 10 {
		s.Send(long[piece*10 : piece*10+10])
	}
	s.Send(long[len(long)/10*10:])
	deferredtest.NoResult(t, d)
	s.SendAll()
	var result *response.ResultError[plainRefusal]
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &result) || len(result.Value.Message) != 100000 || len(result.Body) != 16<<10 {
		t.Errorf("%.200v", err)
	}

	r, s = bodytest.New(400)
	d = response.JSONOr[user, plainRefusal](r)
	for range 1000 {
		s.Send(strings.Repeat("x", 1000))
	}
	var status *response.StatusError
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &status) || !strings.HasSuffix(err.Error(), "... (the body has more than 262144 bytes, too many for a value)") || s.Stopped != 1 {
		t.Errorf("%.200v, stopped %d times", err, s.Stopped)
	}
}

// TestJSONOrCutShort: what came is in the error, with the reason.
func TestJSONOrCutShort(t *testing.T) {
	r, s := bodytest.New(http.StatusBadGateway)
	d := response.JSONOr[user, refusal](r)
	s.Send(`{"message": `)
	s.End(&response.FailedError{Reasons: []error{errBoom}, Response: r})
	err := deferredtest.FailureResultOf(t, d)
	var status *response.StatusError
	if !errors.Is(err, errBoom) || !errors.As(err, &status) || err.Error() != `502 Bad Gateway: {"message": (the response failed: boom)` {
		t.Error(err)
	}
}

// TestStatusErrorOfAProgram: an error without a response has a text.
func TestStatusErrorOfAProgram(t *testing.T) {
	for _, test := range []struct {
		error response.StatusError
		want  string
	}{
		{response.StatusError{}, "0"},
		{response.StatusError{Method: "GET", URL: "http://h/", Code: 404, Phrase: "Not Found", Body: []byte("no")}, "GET http://h/: 404 Not Found: no"},
		{response.StatusError{Code: 404, Err: errBoom}, "404 (boom)"},
	} {
		if got := test.error.Error(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
